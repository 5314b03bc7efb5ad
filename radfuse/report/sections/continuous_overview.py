"""One figure of a study of a value: predicted and observed, calibration, errors by family, and what fusion adds."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator

from radfuse.report.evaluation import EvaluationReport
from radfuse.report.printed import interval
from radfuse.report.render import Part
from radfuse.report.sections.continuous import in_unit
from radfuse.report.sections.continuous_calibration import draw_fifths, draw_scatter, ends_of
from radfuse.report.sections.overview import Kind, Shown, evaluation_of, intervals, study_of
from radfuse.report.study import StudyReport
from radfuse.report.svg import CLEAR

_FEWEST = 25
"""Units that groups of them can be drawn of."""


def study(report: StudyReport) -> Part:
    """Return the overview of a study's test folds."""
    return study_of(report, _CONTINUOUS)


def evaluation(report: EvaluationReport) -> Part:
    """Return the overview of a frozen bundle on other patients."""
    return evaluation_of(report, _CONTINUOUS)


def _scatter(axes: Any, shown: Shown) -> None:
    """Draw the units of the head family, each once."""
    rows = shown.rows(shown.head)
    rows = rows[rows["repeat"] == 1]
    draw_scatter(axes, shown.head, rows, shown.looks[shown.head.family].colour, ends_of(rows))
    text = f"{shown.head.family}\nR² {interval(shown.head.r2, 2)}"
    axes.text(0.03, 0.97, text, va="top", transform=axes.transAxes, fontsize=8.5, bbox=CLEAR)
    axes.set_aspect("equal")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(5))


def _calibration(axes: Any, shown: Shown) -> None:
    """Draw fifths of each family, those of the head with intervals, between the ends of what is drawn."""
    for item in shown.main:
        rows, (colour, dash) = shown.rows(item), shown.looks[item.family]
        draw_fifths(axes, rows[rows["repeat"] == 1], colour, dash, sure=item.family == shown.head.family)
    both = np.array([axes.get_xlim(), axes.get_ylim()])
    ends = (float(both.min()), float(both.max()))
    axes.plot(ends, ends, color="#d1d5db", linewidth=1, zorder=0)
    axes.set_xlim(*ends)
    axes.set_ylim(*ends)
    text = f"{shown.head.family}\nslope {interval(shown.head.calibration_slope, 2)}"
    axes.text(0.03, 0.97, text, va="top", transform=axes.transAxes, fontsize=8.5, bbox=CLEAR)
    axes.set_aspect("equal")
    axes.set_xlabel(f"predicted{in_unit(shown.head)}")
    axes.set_ylabel(f"observed, mean of fifths{in_unit(shown.head)}")


def _errors(axes: Any, shown: Shown) -> None:
    """Draw the error of each family, beside that of the mean for all."""
    rows = shown.rows(shown.head)
    spread = float(rows.loc[rows["repeat"] == 1, "outcome"].std(ddof=0))
    intervals(axes, [(item.family, item.rmse, shown.looks[item.family].colour) for item in shown.measured], spread)
    axes.set_xlabel(f"RMSE{in_unit(shown.head)}, 95% CI")


def _told(shown: Shown, _: str) -> list[str]:
    head = shown.head.family
    return [
        f"observed against predicted values of {head}, a dot a unit; grey: where they are alike, dashed: the line of "
        "the observed on the predicted",
        f"mean observed over mean predicted value in fifths of the units; bars: 95% CI of {head}",
        "root of the mean squared error (95% CI); grey: that of the mean of all units",
    ]


_CONTINUOUS = Kind(
    "continuous_overview",
    {"Predicted and observed": _scatter, "Calibration": _calibration, "Error": _errors},
    _told,
    ("Calibration",),
    "C",
    _FEWEST,
)
