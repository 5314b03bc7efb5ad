"""Figures of the report as SVG text."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from radfuse.report.palette import Look, looks
from radfuse.report.tables import interval
from radfuse.results import ChosenFeature, Interval, Performance
from radfuse.statistics import clustered_mean

STYLE: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["Helvetica Neue", "Helvetica", "Arial", "DejaVu Sans"],
    "font.size": 9.5,
    "axes.titlesize": 10,
    "axes.labelsize": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#9ca3af",
    "axes.linewidth": 0.8,
    "axes.labelcolor": "#1f2937",
    "text.color": "#1f2937",
    "xtick.color": "#4b5563",
    "ytick.color": "#4b5563",
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.8,
    "svg.fonttype": "none",
    "svg.hashsalt": "radfuse",
}
_GRID = np.linspace(0, 1, 101)
_RESAMPLES = 200
_PIXELS_PER_INCH = 107  # the page's width over that of the widest figure


def roc_overlay(predictions: pd.DataFrame, performance: Sequence[Performance], drawn: Mapping[str, Look]) -> str:
    """Return the ROC curves of all families, averaged over test folds, with their AUCs."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(5.0, 4.4), layout="constrained")
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color="#d1d5db", linewidth=1)
        for item in performance:
            colour, dash = drawn[item.family]
            rows = predictions[predictions["family"] == item.family]
            label = f"{item.family}  {interval(item.auc, 2)}"
            axes.plot(_GRID, _mean_roc(rows), color=colour, linestyle=dash, label=label)
        _roc_axes(axes)
        axes.legend(loc="lower right", title="AUC (95% CI)", title_fontsize=8.5, alignment="left", handlelength=2.6)
        return to_svg(figure)


def roc_panels(
    predictions: pd.DataFrame, performance: Sequence[Performance], drawn: Mapping[str, Look], seed: int
) -> str:
    """Return a panel per family: the curve of each test fold, their mean, and a 95 % band from resampled patients."""
    with mpl.rc_context(STYLE):
        figure, panels = _panels(len(performance))
        for axes, item in zip(panels, performance, strict=False):
            colour = drawn[item.family].colour
            rows = predictions[predictions["family"] == item.family]
            low, high = _roc_band(rows, seed)
            axes.plot([0, 1], [0, 1], color="#d1d5db", linewidth=1)
            axes.fill_between(_GRID, low, high, color=colour, alpha=0.18, linewidth=0)
            folds = [curve for _, fold in rows.groupby("fold") if (curve := _roc(fold)) is not None]
            for curve in folds if len(folds) > 1 else []:
                axes.plot(_GRID, curve, color=colour, alpha=0.35, linewidth=0.7)
            axes.plot(_GRID, _mean_roc(rows), color=colour)
            axes.set_title(item.family, loc="left", fontweight="bold")
            axes.text(0.97, 0.06, f"AUC {interval(item.auc, 2)}", ha="right", transform=axes.transAxes, fontsize=8.5)
            _roc_axes(axes)
        return to_svg(figure)


def auc_forest(performance: Sequence[Performance], drawn: Mapping[str, Look]) -> str:
    """Return AUCs with intervals, and the AUC of each test fold as a dot."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(5.0, 0.9 + 0.55 * len(performance)), layout="constrained")
        axes = figure.subplots()
        axes.axvline(0.5, color="#d1d5db", linewidth=1)
        for row, item in enumerate(performance):
            colour = drawn[item.family].colour
            folds = [value for value in item.fold_aucs.values() if value is not None]
            axes.plot(
                folds if len(folds) > 1 else [],
                [row] * len(folds) if len(folds) > 1 else [],
                "o",
                color=colour,
                alpha=0.3,
                markersize=4,
                markeredgewidth=0,
            )
            _whisker(axes, item.auc, row, colour)
        axes.set_yticks(range(len(performance)), [item.family for item in performance])
        axes.set_ylim(len(performance) - 0.5, -0.5)
        lowest = min(
            [
                0.45,
                *(
                    value - 0.02
                    for item in performance
                    for value in (*item.fold_aucs.values(), item.auc.low)
                    if value is not None
                ),
            ]
        )
        axes.set_xlim(lowest, 1.0)
        axes.set_xlabel("AUC, 95% CI (small dots: test folds)" if len(performance[0].fold_aucs) > 1 else "AUC, 95% CI")
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        return to_svg(figure)


def calibration_panels(
    predictions: pd.DataFrame, performance: Sequence[Performance], drawn: Mapping[str, Look], bins: int = 8
) -> str:
    """Return a panel per family: observed share of events against predicted in groups of equal size, and the fit."""
    with mpl.rc_context(STYLE):
        figure, panels = _panels(len(performance), extra=0.35)
        for axes, item in zip(panels, performance, strict=False):
            colour = drawn[item.family].colour
            rows = predictions[predictions["family"] == item.family]
            p = rows["probability"].to_numpy()
            axes.plot([0, 1], [0, 1], color="#d1d5db", linewidth=1)
            slope, shift = item.calibration_slope.value, item.recalibration_intercept
            if slope is not None and shift is not None:
                inside = np.linspace(max(p.min(), 1e-4), min(p.max(), 1 - 1e-4), 100)
                fit = 1 / (1 + np.exp(-(shift + slope * np.log(inside / (1 - inside)))))
                axes.plot(inside, fit, color=colour, linewidth=1.4, alpha=0.75)
            count = max(3, min(bins, len(p) // 12))
            for group in np.array_split(np.argsort(p, kind="stable"), count):
                observed = clustered_mean(
                    rows["outcome"].to_numpy()[group], rows["patient"].to_numpy()[group], share=True
                )
                axes.plot([p[group].mean()] * 2, [observed.low, observed.high], color=colour, linewidth=1)
                axes.plot(
                    p[group].mean(),
                    observed.value,
                    "o",
                    color=colour,
                    markersize=4.5,
                    markeredgecolor="white",
                    markeredgewidth=0.6,
                )
            axes.hist(
                p, bins=np.linspace(0, 1, 41), bottom=-0.16, weights=np.full(len(p), 0.10 / _peak(p)), color="#cbd5e1"
            )
            axes.set_title(item.family, loc="left", fontweight="bold")
            text = f"slope {interval(item.calibration_slope, 2)}\nintercept {interval(item.calibration_intercept, 2)}"
            axes.text(0.03, 0.97, text, va="top", transform=axes.transAxes, fontsize=8)
            axes.set_xlim(0, 1)
            axes.set_ylim(-0.17, 1.02)
            axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
            axes.set_xlabel("predicted probability")
            axes.set_ylabel("observed share")
        return to_svg(figure)


def stability_curves(table: pd.DataFrame) -> str:
    """Return the ICC(2,1) of all features, sorted, with their confidence limits; a panel for each source."""
    sources = [name for name in ("perturbation", "readers") if (table["source"] == name).any()]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(4.6 * len(sources), 3.4), layout="constrained")
        for axes, source in zip(np.ravel(figure.subplots(1, len(sources), sharey=True)), sources, strict=True):
            known = table[(table["source"] == source) & (table["reason"] == "")].sort_values("icc21", ascending=False)
            share = 100 * (np.arange(len(known)) + 1) / max(len(known), 1)
            for limit in (0.75, 0.9):
                axes.axhline(limit, color="#d1d5db", linewidth=1)
            axes.fill_between(share, known["icc21_low"], known["icc21_high"], color="#0072B2", alpha=0.2, linewidth=0)
            axes.plot(share, known["icc21"], color="#0072B2")
            axes.set_ylim(-0.05, 1.02)
            axes.set_xlim(0, 100)
            axes.set_xlabel("features, %")
            axes.set_title({"perturbation": "Disturbed copies", "readers": "Two readers"}[source], loc="left")
        figure.axes[0].set_ylabel("ICC(2,1), 95% CI")
        return to_svg(figure)


def coefficient_plot(
    features: Sequence[ChosenFeature], folds: int, blocks: Sequence[str], unit: str, most: int = 20
) -> tuple[str, int]:
    """Return importances, in a unit, beside how many folds chose each column, and how many are shown."""
    drawn = looks(blocks)
    kept = sum(item.importance is not None for item in features)
    shown = list(features)[: max(12, min(most, kept))]
    with mpl.rc_context(STYLE):
        labels = [_broken(item.name) for item in shown]
        height = 0.36 if any("\n" in label for label in labels) else 0.27
        figure = Figure(figsize=(8.6, 0.9 + height * len(shown)), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True, width_ratios=(3, 1))
        rows = np.arange(len(shown))
        for row, item in zip(rows, shown, strict=True):
            colour = drawn[item.block].colour
            if item.importance is not None:
                left.plot([0, item.importance], [row, row], color=colour, linewidth=1.2)
                left.plot(item.importance, row, "o", color=colour, markersize=5)
            else:
                left.plot(0, row, "o", markersize=4, markerfacecolor="white", markeredgecolor=colour)
            right.barh(row, item.folds, color=colour, height=0.55, alpha=0.85)
        left.axvline(0, color="#9ca3af", linewidth=0.8)
        left.set_yticks(rows, [])
        for row, label in zip(rows, labels, strict=True):
            _right_aligned(left, float(row), label)
        left.set_ylim(len(shown) - 0.4, -0.6)
        left.set_xlabel(f"{unit}, refitted on all units")
        right.set_xlabel("test folds that chose it")
        right.set_xlim(0, folds)
        right.set_xticks(range(0, folds + 1, max(1, folds // 5)))
        for axes in (left, right):
            axes.tick_params(axis="y", length=0)
            axes.spines["left"].set_visible(False)
        here = [name for name in blocks if name in {item.block for item in shown}]
        if len(here) > 1:
            for name in here:
                right.plot([], [], "s", color=drawn[name].colour, label=name)
            figure.legend(loc="outside upper right", ncols=len(here), handletextpad=0.3)
        return to_svg(figure), len(shown)


def _broken(name: str, width: int = 48) -> str:
    """Break a long feature name where its parts join."""
    if len(name) <= width:
        return name
    lines = [""]
    for part in re.split(r"(?<=[/_@])", name):
        if len(lines[-1]) + len(part) > width and lines[-1]:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)


def _right_aligned(axes: Any, row: float, label: str) -> None:
    """Write a label left of the axes, line by line, so that its end stays put in any viewer's font."""
    lines = label.split("\n")
    for number, line in enumerate(lines):
        height = row + 0.42 * (number - (len(lines) - 1) / 2)
        axes.text(-0.015, height, line, transform=axes.get_yaxis_transform(), ha="right", va="center", fontsize=8.5)


def _peak(p: np.ndarray) -> int:
    return max(1, int(np.histogram(p, bins=np.linspace(0, 1, 41))[0].max()))


def _panels(count: int, extra: float = 0.0) -> tuple[Figure, list[Any]]:
    columns = min(3, count)
    lines = -(-count // columns)
    figure = Figure(figsize=(2.95 * columns, (2.75 + extra) * lines), layout="constrained")
    panels = list(figure.subplots(lines, columns, squeeze=False).flat)
    for unused in panels[count:]:
        unused.remove()
    return figure, panels[:count]


def _whisker(axes: Any, value: Interval, row: float, colour: str) -> None:
    if value.low is not None and value.high is not None:
        axes.plot([value.low, value.high], [row, row], color=colour, linewidth=2)
    axes.plot(value.value, row, "D", color=colour, markersize=6, markeredgecolor="white", markeredgewidth=0.8)


def _roc_axes(axes: Any) -> None:
    axes.set_xlim(-0.01, 1.0)
    axes.set_ylim(0, 1.01)
    axes.set_aspect("equal")
    axes.set_xlabel("1 − specificity")
    axes.set_ylabel("sensitivity")
    ticks = [0, 0.25, 0.5, 0.75, 1]
    axes.set_xticks(ticks, ["0", "0.25", "0.5", "0.75", "1"])
    axes.set_yticks(ticks, ["0", "0.25", "0.5", "0.75", "1"])


def _roc(rows: pd.DataFrame, weights: np.ndarray | None = None) -> np.ndarray | None:
    """Return sensitivity on the grid of 1 - specificity; None where a class is absent."""
    p, y = rows["probability"].to_numpy(), rows["outcome"].to_numpy()
    return _roc_on_grid(p, y, np.ones(len(p)) if weights is None else weights)


def _roc_on_grid(p: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray | None:
    order = np.argsort(-p, kind="stable")
    events, others = (weights * (y == 1))[order], (weights * (y == 0))[order]
    if events.sum() == 0 or others.sum() == 0:
        return None
    last = np.r_[np.flatnonzero(np.diff(p[order])), len(p) - 1]
    true = np.r_[0, np.cumsum(events)[last]] / events.sum()
    false = np.r_[0, np.cumsum(others)[last]] / others.sum()
    curve = np.interp(_GRID, false, true)
    curve[0] = true[false == 0].max()
    return curve


def _mean_roc(rows: pd.DataFrame) -> np.ndarray:
    curves = [curve for _, fold in rows.groupby("fold") if (curve := _roc(fold)) is not None]
    return np.mean(curves, axis=0) if curves else np.full(len(_GRID), np.nan)


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
            curve = _roc_on_grid(p, y, times[codes].astype(float))
            if curve is not None:
                parts.append(curve)
        if parts:
            curves.append(np.mean(parts, axis=0))
    if not curves:
        return np.full(len(_GRID), np.nan), np.full(len(_GRID), np.nan)
    low, high = np.quantile(curves, [0.025, 0.975], axis=0)
    return low, high


def to_svg(figure: Figure) -> str:
    """Return an SVG element without XML header or date, that shrinks with its page and never grows past its size."""
    stream = io.StringIO()
    canvas: Any = FigureCanvasSVG(figure)
    canvas.print_svg(stream, metadata={"Date": None, "Creator": None})
    text = stream.getvalue()
    text = re.sub(r' (width|height)="[\d.]+pt"', "", text[text.index("<svg") :], count=2)
    return text.replace("<svg ", f'<svg style="max-width:{figure.get_figwidth() * _PIXELS_PER_INCH:.0f}px" ', 1)
