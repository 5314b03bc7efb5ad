"""Whether probabilities of a grade of at least each come true."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from radfuse.report.evaluation import EvaluationReport
from radfuse.report.level_calibration import FEWEST, Line, fifths_of, level_panels, level_table
from radfuse.report.palette import Look
from radfuse.report.render import Part
from radfuse.report.sections.calibration import part_of_first_deal
from radfuse.report.study import StudyReport
from radfuse.results import OrdinalPerformance


def study(report: StudyReport) -> Part:
    """Return the calibration on the test folds of a study."""
    return _part(report)


def evaluation(report: EvaluationReport) -> Part:
    """Return the calibration on other patients."""
    return _part(report)


def _part(report: StudyReport | EvaluationReport) -> Part:
    table = level_table(report.performance, "grade", lambda item: {f"at least {cut.level}": cut for cut in item.cuts})
    return part_of_first_deal(report, "sections/ordinal_calibration.html", calibration_panels, table, FEWEST)


def calibration_panels(
    predictions: pd.DataFrame, performance: Sequence[OrdinalPerformance], drawn: Mapping[str, Look]
) -> tuple[str, list[str]]:
    """Return a panel per family: share of at least each grade against its probability, in fifths of the units."""

    def legend(axes: Any) -> None:
        axes.legend(loc="lower right", fontsize=7, handlelength=1.6)

    def lines(item: OrdinalPerformance, rows: pd.DataFrame) -> Iterator[Line]:
        return (line._replace(colour=drawn[item.family].colour) for line in lines_of(item, rows))

    return level_panels(predictions, performance, lines, legend, 3.1)


def lines_of(item: OrdinalPerformance, rows: pd.DataFrame) -> Iterator[Line]:
    """Yield each cut of a family: the probability of at least the grade above it, and whether a unit has that."""
    y = rows["outcome"].to_numpy(dtype=int)
    each = rows[[f"probability@{level}" for level in item.levels]].to_numpy(dtype=float)
    for cut in range(1, len(item.levels)):
        label, shade = f"at least {item.levels[cut]}", shade_of(cut, len(item.levels))
        yield Line(label, "", shade, each[:, cut:].sum(axis=1), y >= cut)


draw_fifths = fifths_of(lines_of)


def shade_of(cut: int, levels: int) -> float:
    """Return how opaque the line of a cut is drawn: the higher the grade, the darker."""
    return 0.35 + 0.65 * cut / (levels - 1)
