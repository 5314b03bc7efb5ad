"""How well families tell events from others: ROC curves, AUC, shares at the threshold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from radfuse.report.evaluation import EvaluationReport
from radfuse.report.layout import Room
from radfuse.report.palette import Look
from radfuse.report.printed import DASH, interval, number
from radfuse.report.render import Part, render
from radfuse.report.study import StudyReport
from radfuse.report.svg import STYLE, in_a_free_corner, multiples, to_svg
from radfuse.results import Interval, Measured, Performance
from radfuse.statistics.picking import picking_bias

GRID = np.linspace(0, 1, 1001)
"""Of curves: fine enough that the steps of one test set stand upright."""
_BAND = GRID[::10]
_RESAMPLES = 200


def study(report: StudyReport) -> Part:
    """Return the families on the test folds of a study."""
    curves, panels = roc_panels(report.predictions, report.performance, report.looks, report.seed)
    figures = {
        "roc": roc_overlay(report.predictions, report.performance, report.looks),
        "auc": forest(report.performance, report.looks),
        "roc_by_family": curves,
    }
    tables = _tables(report.performance, report.thresholds)
    html = render("sections/discrimination.html", report=report, figures=figures, tables=tables, panels=panels)
    return Part("Discrimination", html, figures, tables, headline(report))


def headline(report: StudyReport) -> dict[str, str]:
    """Return the headline of the primary family, else of the best, and what is left of it after picking."""
    named = next((item for item in report.performance if item.family == report.primary), None)
    if named is not None:
        return {f"{named.measure} of the primary family: {named.family}": interval(named.headline, 2)}
    if all(item.headline.value is None for item in report.performance):
        return {}
    best = max(report.performance, key=lambda item: item.headline.value or 0.0)
    if len(report.performance) < 2:
        return {f"{best.measure}: {best.family}": interval(best.headline, 2)}
    what = f"best {best.measure} of {len(report.performance)} families, picked after the fact: {best.family}"
    bias = picking_bias([item.fold_values for item in report.performance])
    value = best.headline.value
    if bias is None or value is None:
        return {what: interval(best.headline, 2)}
    return {f"{what}; about {number(value - bias, 2)} without the luck of the pick": interval(best.headline, 2)}


def evaluation(report: EvaluationReport) -> Part:
    """Return the families on other patients, beside what they did in the study."""
    figures = {}
    if any(item.auc.value is not None for item in report.performance):
        figures = {
            "roc": roc_overlay(report.predictions, report.performance, report.looks),
            "auc": forest(report.performance, report.looks),
        }
    transport = [
        {
            "family": item.family,
            "AUC at training (nested)": interval(report.before[item.family].auc),
            "AUC here": interval(item.auc),
        }
        for item in report.performance
    ]
    tables = {**_tables(report.performance, report.thresholds), "transport": pd.DataFrame(transport)}
    html = render("sections/discrimination_elsewhere.html", report=report, figures=figures, tables=tables)
    return Part("Discrimination", html, figures, tables)


def _tables(performance: Sequence[Performance], thresholds: Mapping[str, str]) -> dict[str, pd.DataFrame]:
    return {
        "performance": performance_table(performance),
        "classification": classification_table(performance, thresholds),
    }


def roc_overlay(predictions: pd.DataFrame, performance: Sequence[Performance], drawn: Mapping[str, Look]) -> str:
    """Return the ROC curves of all families, averaged over test folds, with their AUCs."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3.9, 3.5 + 0.19 * len(performance)), layout=Room())
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color="#d1d5db", linewidth=1)
        for item in performance:
            colour, dash = drawn[item.family]
            rows = predictions[predictions["family"] == item.family]
            label = f"{item.family}  {interval(item.auc, 2)}"
            axes.plot(GRID, mean_roc(rows), color=colour, linestyle=dash, label=label)
        roc_axes(axes)
        figure.legend(
            loc="outside lower center", title="AUC (95% CI)", title_fontsize=8.5, alignment="left", handlelength=2.6
        )
        return to_svg(figure)


def roc_panels(
    predictions: pd.DataFrame, performance: Sequence[Performance], drawn: Mapping[str, Look], seed: int
) -> tuple[str, list[str]]:
    """Return the curve of each test fold, their mean, and a 95 % band from resampled patients: a panel per family.

    Returns:
        All panels as one figure, and each alone.
    """
    groups = dict(iter(predictions.groupby("family")))
    bands = {item.family: _roc_band(groups[item.family], seed) for item in performance}

    def draw(axes: Any, item: Performance) -> None:
        colour, rows = drawn[item.family].colour, groups[item.family]
        axes.plot([0, 1], [0, 1], color="#d1d5db", linewidth=1)
        axes.fill_between(_BAND, *bands[item.family], color=colour, alpha=0.18, linewidth=0)
        folds = [curve for _, fold in rows.groupby("fold") if (curve := _roc(fold)) is not None]
        for curve in folds if len(folds) > 1 else []:
            axes.plot(GRID, curve, color=colour, alpha=0.35, linewidth=0.7)
        axes.plot(GRID, mean_roc(rows), color=colour)
        axes.set_title(item.family, loc="left", fontweight="bold")
        roc_axes(axes)
        in_a_free_corner(axes, f"AUC {interval(item.auc, 2)}", ("lower right", "upper left"), 8.5)

    return multiples(performance, draw)


def forest(performance: Sequence[Measured], drawn: Mapping[str, Look]) -> str:
    """Return headlines (AUC, or C) with intervals, and that of each test fold as a dot."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3.9, 1.0 + 0.5 * len(performance)), layout=Room())
        axes = figure.subplots()
        axes.axvline(0.5, color="#d1d5db", linewidth=1)
        for row, item in enumerate(performance):
            colour = drawn[item.family].colour
            folds = [value for value in item.fold_values.values() if value is not None]
            if len(folds) > 1:
                below = [row + 0.2] * len(folds)  # on the line of the interval they could not be seen
                axes.plot(folds, below, "o", color=colour, alpha=0.6, markersize=3.5, markeredgewidth=0)
            _whisker(axes, item.headline, row, colour)
        axes.set_yticks(range(len(performance)), [item.family for item in performance])
        axes.set_ylim(len(performance) - 0.5, -0.5)
        lowest = min(
            [
                0.45,
                *(
                    value - 0.02
                    for item in performance
                    for value in (*item.fold_values.values(), item.headline.low)
                    if value is not None
                ),
            ]
        )
        axes.set_xlim(lowest, 1.02)  # so that a mark at 1 is whole
        dots = "\n(small dots: test folds)" if len(performance[0].fold_values) > 1 else ""
        axes.set_xlabel(f"{performance[0].measure}, 95% CI{dots}")
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        return to_svg(figure)


def performance_table(performance: Sequence[Performance]) -> pd.DataFrame:
    """Return discrimination and overall error, one row per family; the pooled AUC where there are several folds."""
    table = pd.DataFrame(
        [
            {
                "family": item.family,
                "AUC": interval(item.auc),
                "pooled AUC": interval(item.auc_pooled),
                "Brier": interval(item.brier),
                "scaled Brier": number(item.brier_scaled),
            }
            for item in performance
        ]
    )
    several = any(len(item.fold_aucs) > 1 for item in performance)
    return table if several else table.drop(columns="pooled AUC")


def classification_table(performance: Sequence[Performance], thresholds: Mapping[str, str]) -> pd.DataFrame:
    """Return shares at the thresholds, and these as text, one row per family."""
    return pd.DataFrame(
        [
            {
                "family": item.family,
                "threshold": thresholds.get(item.family, DASH),
                "sensitivity": interval(item.sensitivity, 2),
                "specificity": interval(item.specificity, 2),
                "PPV": interval(item.ppv, 2),
                "NPV": interval(item.npv, 2),
            }
            for item in performance
        ]
    )


def _whisker(axes: Any, value: Interval, row: float, colour: str) -> None:
    if value.value is None:
        return
    if value.low is not None and value.high is not None:
        axes.plot([value.low, value.high], [row, row], color=colour, linewidth=2)
    axes.plot(value.value, row, "D", color=colour, markersize=6, markeredgecolor="white", markeredgewidth=0.8)


def roc_axes(axes: Any) -> None:
    """Frame a ROC curve."""
    axes.set_xlim(-0.01, 1.0)
    axes.set_ylim(0, 1.01)
    axes.set_aspect("equal")
    axes.set_xlabel("1 − specificity")
    axes.set_ylabel("sensitivity")
    ticks = [0, 0.25, 0.5, 0.75, 1]
    axes.set_xticks(ticks, ["0", "0.25", "0.5", "0.75", "1"])
    axes.set_yticks(ticks, ["0", "0.25", "0.5", "0.75", "1"])


def _roc(rows: pd.DataFrame) -> np.ndarray | None:
    """Return sensitivity on `GRID`; None where a class is absent."""
    p, y = rows["probability"].to_numpy(), rows["outcome"].to_numpy()
    return _roc_on(GRID, p, y, np.ones(len(p)))


def _roc_on(grid: np.ndarray, p: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray | None:
    """Return sensitivity at 1 - specificity of a grid from 0 to 1; None where a class is absent."""
    order = np.argsort(-p, kind="stable")
    events, others = (weights * (y == 1))[order], (weights * (y == 0))[order]
    if events.sum() == 0 or others.sum() == 0:
        return None
    last = np.r_[np.flatnonzero(np.diff(p[order])), len(p) - 1]
    true = np.r_[0, np.cumsum(events)[last]] / events.sum()
    false = np.r_[0, np.cumsum(others)[last]] / others.sum()
    curve = np.interp(grid, false, true)
    curve[0] = true[false == 0].max()
    return curve


def mean_roc(rows: pd.DataFrame) -> np.ndarray:
    """Return sensitivity on `GRID`, averaged over test folds; NaN where no fold has both classes."""
    curves = [curve for _, fold in rows.groupby("fold") if (curve := _roc(fold)) is not None]
    return np.mean(curves, axis=0) if curves else np.full(len(GRID), np.nan)


def _roc_band(rows: pd.DataFrame, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the 2.5th and 97.5th percentile of the mean curve over resamples of patients within folds."""
    generator = np.random.default_rng(seed)
    folds = []
    for _, fold in rows.groupby("fold"):
        codes, people = pd.factorize(fold["patient"])
        folds.append((fold["probability"].to_numpy(), fold["outcome"].to_numpy(), codes, len(people)))
    curves = []
    for _ in range(_RESAMPLES):
        parts = []
        for p, y, codes, people in folds:
            times = np.bincount(generator.integers(0, people, people), minlength=people)
            curve = _roc_on(_BAND, p, y, times[codes].astype(float))
            if curve is not None:
                parts.append(curve)
        if parts:
            curves.append(np.mean(parts, axis=0))
    if not curves:
        return np.full(len(_BAND), np.nan), np.full(len(_BAND), np.nan)
    low, high = np.quantile(curves, [0.025, 0.975], axis=0)
    return low, high
