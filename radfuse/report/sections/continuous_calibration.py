"""Whether predicted values come true: observed against predicted, and Bland and Altman's differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from radfuse.report.evaluation import EvaluationReport
from radfuse.report.palette import Look
from radfuse.report.printed import interval, number
from radfuse.report.render import Part, render
from radfuse.report.sections.continuous import in_unit
from radfuse.report.study import StudyReport
from radfuse.report.svg import multiples
from radfuse.results import ContinuousPerformance
from radfuse.results.numbers import decimals
from radfuse.statistics.estimate import clustered_mean

_GROUPS = 5
_FEWEST, _MOST = 3, 1500
"""Units that are drawn; of more, evenly many by rank of the prediction, so that a page stays small."""


def study(report: StudyReport) -> Part:
    """Return the calibration on the test folds of a study."""
    return _part(report)


def evaluation(report: EvaluationReport) -> Part:
    """Return the calibration on other patients."""
    return _part(report)


def _part(report: StudyReport | EvaluationReport) -> Part:
    figures: dict[str, str] = {}
    panels: dict[str, list[str]] = {}
    first = report.predictions[report.predictions["repeat"] == 1]
    if report.performance[0].units >= _FEWEST:
        figures["calibration"], panels["calibration"] = scatter(first, report.performance, report.looks)
        figures["bland_altman"], panels["bland_altman"] = bland_altman(first, report.performance, report.looks)
    tables = {"calibration": calibration_table(report.performance)}
    html = render("sections/continuous_calibration.html", report=report, panels=panels, tables=tables)
    return Part("Calibration", html, figures, tables)


def scatter(
    predictions: pd.DataFrame, performance: Sequence[ContinuousPerformance], drawn: Mapping[str, Look]
) -> tuple[str, list[str]]:
    """Return a panel per family: observed against predicted values, the identity, and the calibration line.

    Returns:
        All panels as one figure, and each alone.
    """
    low, high = ends_of(predictions)

    def draw(axes: Any, item: ContinuousPerformance) -> None:
        draw_scatter(axes, item, predictions, drawn[item.family].colour, (low, high))
        axes.set_title(item.family, loc="left", fontweight="bold")
        text = f"slope {interval(item.calibration_slope, 2)}"
        axes.text(0.03, 0.98, text, va="top", transform=axes.transAxes, fontsize=8)
        axes.set_ylim(low, high + 0.08 * (high - low))

    return multiples(performance, draw, height=3.0)


def draw_scatter(
    axes: Any, item: ContinuousPerformance, predictions: pd.DataFrame, colour: str, ends: tuple[float, float]
) -> None:
    """Draw observed against predicted values of a family, the identity between two ends, and the calibration line."""
    y, p = _values(predictions, item.family)
    unit = in_unit(item)
    axes.plot(ends, ends, color="#9ca3af", linewidth=1)
    axes.scatter(p, y, s=9, color=colour, alpha=0.45, linewidths=0, rasterized=True)
    slope, start = item.calibration_slope.value, item.recalibration_intercept
    if slope is not None and start is not None:
        reached = np.array([p.min(), p.max()])
        axes.plot(reached, start + slope * reached, color="#111827", linewidth=1.2, linestyle=(0, (4, 2)))
    axes.set_xlim(*ends)
    axes.set_ylim(*ends)
    axes.set_xlabel(f"predicted{unit}")
    axes.set_ylabel(f"observed{unit}")


def draw_fifths(axes: Any, rows: pd.DataFrame, colour: str, dash: Any = "-", *, sure: bool = True) -> None:
    """Draw the mean observed over the mean predicted value in fifths of the units, with their intervals if `sure`."""
    y, p = (rows[name].to_numpy(dtype=float) for name in ("outcome", "probability"))
    patients, line = rows["patient"].to_numpy(), []
    for group in np.array_split(np.argsort(p, kind="stable"), _GROUPS):
        found = clustered_mean(y[group], patients[group])
        if sure and not np.isnan(found.low):
            axes.plot([p[group].mean()] * 2, [found.low, found.high], color=colour, linewidth=1)
        line.append((p[group].mean(), found.value))
    marks = {"marker": "o", "markersize": 4.5 if sure else 3, "markeredgecolor": "white"}
    axes.plot(*zip(*line, strict=True), color=colour, linestyle=dash, linewidth=1.2, **marks)


def bland_altman(
    predictions: pd.DataFrame, performance: Sequence[ContinuousPerformance], drawn: Mapping[str, Look]
) -> tuple[str, list[str]]:
    """Return a panel per family: predicted minus observed against their mean, the bias and the limits of agreement."""
    off = (predictions["probability"] - predictions["outcome"]).to_numpy(dtype=float)
    most = 1.15 * (float(np.abs(off).max()) or 1.0)

    def draw(axes: Any, item: ContinuousPerformance) -> None:
        y, p = _values(predictions, item.family)
        unit, digits = in_unit(item), decimals(item.rmse.value, 2)
        axes.axhline(0, color="#d1d5db", linewidth=1)
        axes.scatter(
            (y + p) / 2, p - y, s=9, color=drawn[item.family].colour, alpha=0.45, linewidths=0, rasterized=True
        )
        for found, dash in ((item.bias, "-"), (item.limit_low, "--"), (item.limit_high, "--")):
            if found.value is None:
                continue
            axes.axhline(found.value, color="#111827", linewidth=1, linestyle=dash)
            axes.text(
                0.99, found.value, number(found.value, digits), va="bottom", ha="right", fontsize=7.5,
                transform=axes.get_yaxis_transform(),
            )  # fmt: skip
        axes.set_title(item.family, loc="left", fontweight="bold")
        axes.set_ylim(-most, most)
        axes.set_xlabel(f"mean of predicted and observed{unit}")
        axes.set_ylabel(f"predicted − observed{unit}")

    return multiples(performance, draw, height=3.0)


def calibration_table(performance: Sequence[ContinuousPerformance]) -> pd.DataFrame:
    """Return calibration, bias and limits of agreement, one row per family."""
    unit, digits = in_unit(performance[0]), decimals(performance[0].rmse.value, 2)
    return pd.DataFrame(
        [
            {
                "family": item.family,
                "slope": interval(item.calibration_slope, 2),
                f"intercept{unit}": interval(item.calibration_intercept, digits),
                f"bias{unit}": interval(item.bias, digits),
                "lower limit of agreement": interval(item.limit_low, digits),
                "upper limit of agreement": interval(item.limit_high, digits),
            }
            for item in performance
        ]
    )


def _values(predictions: pd.DataFrame, family: str) -> tuple[np.ndarray, np.ndarray]:
    """Return observed and predicted values of a family, at most `_MOST`."""
    rows = predictions[predictions["family"] == family].sort_values("probability", kind="stable")
    shown = np.unique(np.linspace(0, len(rows) - 1, min(len(rows), _MOST)).astype(int))
    return tuple(rows[name].to_numpy(dtype=float)[shown] for name in ("outcome", "probability"))


def ends_of(predictions: pd.DataFrame) -> tuple[float, float]:
    """Return between which values all observed and predicted ones are drawn."""
    values = predictions[["outcome", "probability"]].to_numpy(dtype=float)
    low, high = float(values.min()), float(values.max())
    aside = 0.04 * (high - low) or 1.0
    return low - aside, high + aside
