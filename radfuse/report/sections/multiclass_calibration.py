"""Whether probabilities of classes come true, each against the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from radfuse.report.confusion import short_name
from radfuse.report.evaluation import EvaluationReport
from radfuse.report.level_calibration import FEWEST, Line, fifths_of, level_panels, level_table
from radfuse.report.palette import Look, looks
from radfuse.report.render import Part
from radfuse.report.sections.calibration import part_of_first_deal
from radfuse.report.sections.multiclass import class_legend, panel_height
from radfuse.report.study import StudyReport
from radfuse.results import MulticlassPerformance


def study(report: StudyReport) -> Part:
    """Return the calibration on the test folds of a study."""
    return _part(report)


def evaluation(report: EvaluationReport) -> Part:
    """Return the calibration on other patients."""
    return _part(report)


def _part(report: StudyReport | EvaluationReport) -> Part:
    table = level_table(report.performance, "class", lambda item: {one.name: one for one in item.classes})
    return part_of_first_deal(report, "sections/multiclass_calibration.html", calibration_panels, table, FEWEST)


def calibration_panels(
    predictions: pd.DataFrame, performance: Sequence[MulticlassPerformance], _: Mapping[str, Look]
) -> tuple[str, list[str]]:
    """Return a panel per family: share of each class against its probability, in fifths of the units."""
    classes = len(performance[0].levels)

    def legend(axes: Any) -> None:
        class_legend(axes, classes, "upper left")

    return level_panels(predictions, performance, lines_of, legend, panel_height(classes))


def lines_of(item: MulticlassPerformance, rows: pd.DataFrame) -> Iterator[Line]:
    """Yield each class of a family: its probability, and whether a unit has it."""
    for name, (colour, _) in looks(item.levels).items():
        p, y = rows[f"probability@{name}"].to_numpy(dtype=float), (rows["outcome"] == name).to_numpy()
        yield Line(short_name(name), colour, 1.0, p, y)


draw_fifths = fifths_of(lines_of)
