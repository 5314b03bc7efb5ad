"""Whether probabilities of a grade of at least each come true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from radfuse.report.evaluation import EvaluationReport
from radfuse.report.palette import Look
from radfuse.report.printed import interval, number
from radfuse.report.render import Part
from radfuse.report.sections.calibration import draw_shares, part_of_first_deal
from radfuse.report.study import StudyReport
from radfuse.report.svg import multiples
from radfuse.results import OrdinalPerformance

FEWEST, _GROUPS = 25, 5
"""Units that groups of them can be drawn of, and groups."""
_MARKS = "osD^vP*X"


def study(report: StudyReport) -> Part:
    """Return the calibration on the test folds of a study."""
    return _part(report)


def evaluation(report: EvaluationReport) -> Part:
    """Return the calibration on other patients."""
    return _part(report)


def _part(report: StudyReport | EvaluationReport) -> Part:
    table = calibration_table(report.performance)
    return part_of_first_deal(report, "sections/ordinal_calibration.html", calibration_panels, table, FEWEST)


def calibration_panels(
    predictions: pd.DataFrame, performance: Sequence[OrdinalPerformance], drawn: Mapping[str, Look]
) -> tuple[str, list[str]]:
    """Return a panel per family: share of at least each grade against its probability, in fifths of the units.

    Returns:
        All panels as one figure, and each alone.
    """

    def draw(axes: Any, item: OrdinalPerformance) -> None:
        rows = predictions[predictions["family"] == item.family]
        y = rows["outcome"].to_numpy(dtype=int)
        each = rows[[f"probability@{level}" for level in item.levels]].to_numpy(dtype=float)
        axes.plot([0, 1], [0, 1], color="#d1d5db", linewidth=1)
        for cut in range(1, len(item.levels)):
            p = each[:, cut:].sum(axis=1)
            groups = np.array_split(np.argsort(p, kind="stable"), _GROUPS)
            line = [(p[group].mean(), (y[group] >= cut).mean()) for group in groups]
            shade = shade_of(cut, len(item.levels))
            label = f"at least {item.levels[cut]}"
            axes.plot(
                *zip(*line, strict=True), marker=_MARKS[(cut - 1) % len(_MARKS)], color=drawn[item.family].colour,
                alpha=shade, markersize=4.5, markeredgecolor="white", linewidth=1.1, label=label,
            )  # fmt: skip
        axes.set_title(item.family, loc="left", fontweight="bold")
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.02, 1.02)
        axes.set_xlabel("predicted")
        axes.set_ylabel("observed")
        axes.legend(loc="lower right", fontsize=7, handlelength=1.6)

    return multiples(performance, draw, height=3.1)


def shade_of(cut: int, levels: int) -> float:
    """Return how opaque the line of a cut is drawn: the higher the grade, the darker."""
    return 0.35 + 0.65 * cut / (levels - 1)


def draw_fifths(axes: Any, item: OrdinalPerformance, rows: pd.DataFrame, look: Look, *, sure: bool = True) -> None:
    """Draw shares above a cut in fifths of the probabilities of all cuts together, with their intervals if `sure`.

    A unit stands there once for each cut.
    """
    each = rows[[f"probability@{level}" for level in item.levels]].to_numpy(dtype=float)
    p = np.cumsum(each[:, ::-1], axis=1)[:, -2::-1]
    y = rows["outcome"].to_numpy(dtype=int)[:, None] > np.arange(p.shape[1])
    who = np.repeat(rows["patient"].to_numpy(), p.shape[1])
    draw_shares(axes, (p.ravel(), y.ravel().astype(float), who), _GROUPS, look, sure=sure)


def calibration_table(performance: Sequence[OrdinalPerformance]) -> pd.DataFrame:
    """Return what was observed and expected at each cut, its intercept and slope, one row per family and cut."""
    return pd.DataFrame(
        [
            {
                "family": item.family,
                "grade": f"at least {cut.level}",
                "observed": number(cut.observed),
                "expected": number(cut.expected),
                "intercept": interval(cut.intercept, 2),
                "slope": interval(cut.slope, 2),
            }
            for item in performance
            for cut in item.cuts
        ]
    )
