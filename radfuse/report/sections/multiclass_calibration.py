"""Whether probabilities of classes come true, each against the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from radfuse.report.evaluation import EvaluationReport
from radfuse.report.palette import Look, looks
from radfuse.report.printed import interval, number
from radfuse.report.render import Part, render
from radfuse.report.sections.calibration import draw_shares
from radfuse.report.sections.multiclass import class_legend, panel_height, short_name
from radfuse.report.study import StudyReport
from radfuse.report.svg import multiples
from radfuse.results import MulticlassPerformance

FEWEST, _GROUPS = 25, 5
"""Units that groups of them can be drawn of, and groups."""
_MARKS = "osD^vP*X<>"


def study(report: StudyReport) -> Part:
    """Return the calibration on the test folds of a study."""
    return _part(report)


def evaluation(report: EvaluationReport) -> Part:
    """Return the calibration on other patients."""
    return _part(report)


def _part(report: StudyReport | EvaluationReport) -> Part:
    figures: dict[str, str] = {}
    panels: list[str] = []
    if report.performance[0].units >= FEWEST:
        figures["calibration"], panels = calibration_panels(report.predictions, report.performance)
    tables = {"calibration": calibration_table(report.performance)}
    html = render("sections/multiclass_calibration.html", report=report, panels=panels, tables=tables)
    return Part("Calibration", html, figures, tables)


def calibration_panels(
    predictions: pd.DataFrame, performance: Sequence[MulticlassPerformance]
) -> tuple[str, list[str]]:
    """Return a panel per family: share of each class against its probability, in fifths of the units.

    Returns:
        All panels as one figure, and each alone.
    """
    first = predictions[predictions["repeat"] == 1]
    drawn = looks(performance[0].levels)

    def draw(axes: Any, item: MulticlassPerformance) -> None:
        rows = first[first["family"] == item.family]
        axes.plot([0, 1], [0, 1], color="#d1d5db", linewidth=1)
        for place, name in enumerate(item.levels):
            p, has = rows[f"probability@{name}"].to_numpy(dtype=float), (rows["outcome"] == name).to_numpy()
            groups = np.array_split(np.argsort(p, kind="stable"), _GROUPS)
            line = [(p[group].mean(), has[group].mean()) for group in groups]
            axes.plot(
                *zip(*line, strict=True), marker=_MARKS[place % len(_MARKS)], color=drawn[name].colour,
                markersize=4.5, markeredgecolor="white", linewidth=1.1, label=short_name(name),
            )  # fmt: skip
        axes.set_title(item.family, loc="left", fontweight="bold")
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.02, 1.02)
        axes.set_xlabel("predicted")
        axes.set_ylabel("observed")
        class_legend(axes, len(item.levels), "upper left")

    return multiples(performance, draw, height=panel_height(len(performance[0].levels)))


def draw_fifths(axes: Any, item: MulticlassPerformance, rows: pd.DataFrame, look: Look, *, sure: bool = True) -> None:
    """Draw shares of units of a class in fifths of the probabilities of all classes together, intervals if `sure`.

    A unit stands there once for each class.
    """
    p = rows[[f"probability@{name}" for name in item.levels]].to_numpy(dtype=float)
    y = rows["outcome"].to_numpy(dtype=object)[:, None] == np.array(item.levels, dtype=object)
    who = np.repeat(rows["patient"].to_numpy(), p.shape[1])
    draw_shares(axes, (p.ravel(), y.ravel().astype(float), who), _GROUPS, look, sure=sure)


def calibration_table(performance: Sequence[MulticlassPerformance]) -> pd.DataFrame:
    """Return what was observed and expected of each class, its intercept and slope, a row per family and class."""
    return pd.DataFrame(
        [
            {
                "family": item.family,
                "class": one.name,
                "observed": number(one.observed),
                "expected": number(one.expected),
                "intercept": interval(one.intercept, 2),
                "slope": interval(one.slope, 2),
            }
            for item in performance
            for one in item.classes
        ]
    )
