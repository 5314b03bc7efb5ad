"""Whether predicted probabilities of the event by the horizon come true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from radfuse.report.evaluation import EvaluationReport
from radfuse.report.palette import Look
from radfuse.report.printed import interval, number
from radfuse.report.render import Part
from radfuse.report.sections.calibration import part_of_first_deal
from radfuse.report.sections.survival import method_of
from radfuse.report.study import StudyReport
from radfuse.report.svg import multiples
from radfuse.results import SurvivalPerformance
from radfuse.statistics.seen import Seen

FEWEST, _GROUPS = 25, 5
"""Units that groups of them can be drawn of, and groups."""


def study(report: StudyReport) -> Part:
    """Return the calibration on the test folds of a study."""
    return _part(report)


def evaluation(report: EvaluationReport) -> Part:
    """Return the calibration on other patients."""
    return _part(report)


def _part(report: StudyReport | EvaluationReport) -> Part:
    table = calibration_table(report.performance)
    return part_of_first_deal(report, "sections/survival_calibration.html", calibration_panels, table, FEWEST)


def calibration_panels(
    predictions: pd.DataFrame, performance: Sequence[SurvivalPerformance], drawn: Mapping[str, Look]
) -> tuple[str, list[str]]:
    """Return a panel per family: share with the event by the horizon against predicted, in fifths of the units.

    Returns:
        All panels as one figure, and each alone.
    """

    def draw(axes: Any, item: SurvivalPerformance) -> None:
        colour = drawn[item.family].colour
        rows = predictions[predictions["family"] == item.family]
        p = rows["probability"].to_numpy()
        axes.plot([0, 1], [0, 1], color="#d1d5db", linewidth=1)
        draw_fifths(axes, item, rows, colour)
        counts = np.histogram(p, bins=np.linspace(0, 1, 41))[0]
        weights = np.full(len(p), 0.10 / max(1, int(counts.max())))
        axes.hist(p, bins=np.linspace(0, 1, 41), bottom=-0.16, weights=weights, color="#cbd5e1")
        axes.set_title(item.family, loc="left", fontweight="bold")
        axes.text(
            0.03, 0.97, f"slope {interval(item.calibration_slope, 2)}", va="top", transform=axes.transAxes, fontsize=8
        )
        axes.set_xlim(0, 1)
        axes.set_ylim(-0.17, 1.02)
        axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
        axes.set_xlabel(f"predicted by {item.horizon:g}{f' {item.time_unit}' if item.time_unit else ''}")
        axes.set_ylabel(observed_by(item))

    return multiples(performance, draw, height=3.1)


def observed_by(item: SurvivalPerformance) -> str:
    """Return the label of observed shares."""
    return f"observed ({method_of(item)})"


def draw_fifths(
    axes: Any, item: SurvivalPerformance, rows: pd.DataFrame, colour: str, dash: Any = "-", *, sure: bool = True
) -> None:
    """Draw the share with the event by the horizon in fifths of the units, joined, with their intervals if `sure`."""
    p = rows["probability"].to_numpy()
    seen, line = Seen.of(rows), []
    for group in np.array_split(np.argsort(p, kind="stable"), _GROUPS):
        found, predicted = seen.only(group).had(item.horizon), p[group].mean()
        if sure and not np.isnan(found.low):
            axes.plot([predicted] * 2, [found.low, found.high], color=colour, linewidth=1)
        line.append((predicted, found.value))
    marks = {"marker": "o", "markersize": 4.5 if sure else 3, "markeredgecolor": "white"}
    axes.plot(*zip(*line, strict=True), color=colour, linestyle=dash, linewidth=1.2, **marks)


def calibration_table(performance: Sequence[SurvivalPerformance]) -> pd.DataFrame:
    """Return what was observed and expected by the horizon, and the slope, one row per family."""
    return pd.DataFrame(
        [
            {
                "family": item.family,
                "observed": interval(item.observed),
                "expected": number(item.expected),
                "observed / expected": number(_ratio(item), 2),
                "slope": interval(item.calibration_slope, 2),
            }
            for item in performance
        ]
    )


def _ratio(item: SurvivalPerformance) -> float | None:
    return item.observed.value / item.expected if item.observed.value is not None and item.expected else None
