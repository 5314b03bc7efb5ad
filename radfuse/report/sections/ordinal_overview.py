"""One figure of a study of grades: which is taken for which, ROC at each cut, calibration, and what fusion adds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from radfuse.report.confusion import draw_confusion
from radfuse.report.evaluation import EvaluationReport
from radfuse.report.level_calibration import FEWEST
from radfuse.report.printed import interval, number
from radfuse.report.render import Part
from radfuse.report.sections.discrimination import GRID, mean_roc, roc_axes
from radfuse.report.sections.ordinal import confusion
from radfuse.report.sections.ordinal_calibration import draw_fifths, shade_of
from radfuse.report.sections.overview import Kind, Shown, calibration_by, evaluation_of, study_of
from radfuse.report.study import StudyReport
from radfuse.statistics.auc import auc


def study(report: StudyReport) -> Part:
    """Return the overview of a study's test folds."""
    return study_of(report, _ORDINAL)


def evaluation(report: EvaluationReport) -> Part:
    """Return the overview of a frozen bundle on other patients."""
    return evaluation_of(report, _ORDINAL)


def _grades(axes: Any, shown: Shown) -> None:
    """Draw which grades the head family takes for which; a unit counts once."""
    head, rows = shown.head, shown.rows(shown.head)
    found = confusion(rows[rows["repeat"] == 1], head)
    draw_confusion(axes, found, head.levels, shown.looks[head.family].colour, "grade")
    axes.set_aspect("equal")


def _cuts(axes: Any, shown: Shown) -> None:
    """Draw the ROC curve of the head family's score for a grade of at least each but the lowest."""
    axes.plot([0, 1], [0, 1], color="#d1d5db", linewidth=1)
    head, rows = shown.head, shown.rows(shown.head)
    for cut in range(1, len(head.levels)):
        own = rows.assign(outcome=(rows["outcome"] >= cut).astype(int))
        shade = shade_of(cut, len(head.levels))
        label = f"{head.levels[cut]}: AUC {number(_auc(own), 2)}"
        axes.plot(GRID, mean_roc(own), color=shown.looks[head.family].colour, alpha=shade, linewidth=1.4, label=label)
    roc_axes(axes)
    axes.legend(loc="lower right", title="at least grade", title_fontsize=8, fontsize=7.5, handlelength=1.4)


def _auc(rows: pd.DataFrame) -> float | None:
    """Return the mean AUC over test folds that have both classes; None where none has."""
    each = [auc(fold["outcome"].to_numpy(), fold["probability"].to_numpy()) for _, fold in rows.groupby("fold")]
    known = [value for value in each if np.isfinite(value)]
    return float(np.mean(known)) if known else None


def _told(shown: Shown, folds: str) -> list[str]:
    head = shown.head
    return [
        f"units of each observed grade by the grade that {head.family} predicts; the darker, the larger the share of "
        f"the observed grade (weighted kappa {interval(head.kappa, 2)})",
        f"ROC curves of the score of {head.family} for a grade of at least each"
        f"{', averaged over the test folds that have units on both sides of it' if folds else ''}",
        "share of units above a cut in fifths of the probabilities of all cuts together; bars: 95% CI of "
        f"{head.family}",
    ]


_ORDINAL = Kind(
    "ordinal_overview",
    {"Grades": _grades, "ROC by cut": _cuts, "Calibration": calibration_by(draw_fifths)},
    _told,
    ("Calibration",),
    "C",
    FEWEST,
)
