"""One figure of a study of classes: which is taken for which, ROC of each, calibration, and what fusion adds."""

from __future__ import annotations

from typing import Any

from radfuse.report.confusion import draw_confusion
from radfuse.report.evaluation import EvaluationReport
from radfuse.report.level_calibration import FEWEST
from radfuse.report.palette import looks
from radfuse.report.printed import interval
from radfuse.report.render import Part
from radfuse.report.sections.multiclass import confusion, draw_rocs
from radfuse.report.sections.multiclass_calibration import draw_fifths
from radfuse.report.sections.overview import Kind, Shown, calibration_by, evaluation_of, study_of
from radfuse.report.study import StudyReport


def study(report: StudyReport) -> Part:
    """Return the overview of a study's test folds."""
    return study_of(report, _MULTICLASS)


def evaluation(report: EvaluationReport) -> Part:
    """Return the overview of a frozen bundle on other patients."""
    return evaluation_of(report, _MULTICLASS)


def _classes(axes: Any, shown: Shown) -> None:
    """Draw which classes the head family takes for which; a unit counts once."""
    head, rows = shown.head, shown.rows(shown.head)
    found = confusion(rows[rows["repeat"] == 1], head)
    draw_confusion(axes, found, head.levels, shown.looks[head.family].colour, "class")
    axes.set_aspect("equal")


def _rocs(axes: Any, shown: Shown) -> None:
    """Draw the ROC curve of each class against the rest, of the head family."""
    draw_rocs(axes, shown.head, shown.rows(shown.head), looks(shown.head.levels))


def _told(shown: Shown, folds: str) -> list[str]:
    head = shown.head
    return [
        f"units of each observed class by the class that {head.family} predicts; the darker, the larger the share of "
        f"the observed class (balanced accuracy {interval(head.balanced_accuracy, 2)})",
        f"ROC curves of the probability that {head.family} gives each class, against the rest"
        f"{', averaged over the test folds that have the class' if folds else ''}, with the AUC beside the name",
        "share of units of a class in fifths of the probabilities of all classes together; bars: 95% CI of "
        f"{head.family}",
    ]


_MULTICLASS = Kind(
    "multiclass_overview",
    {"Classes": _classes, "ROC by class": _rocs, "Calibration": calibration_by(draw_fifths)},
    _told,
    ("Calibration",),
    "Macro AUC",
    FEWEST,
)
