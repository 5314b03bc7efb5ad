"""How well families predict grades: pairs ranked right, agreement, and which grade is taken for which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from radfuse.report.evaluation import EvaluationReport
from radfuse.report.palette import Look, ink_on
from radfuse.report.printed import DASH, interval
from radfuse.report.render import Part, render
from radfuse.report.sections.discrimination import forest, headline
from radfuse.report.study import StudyReport
from radfuse.report.svg import multiples
from radfuse.results import OrdinalPerformance


def study(report: StudyReport) -> Part:
    """Return the families on the test folds of a study."""
    return _part(report, {}, headline(report), elsewhere=False)


def evaluation(report: EvaluationReport) -> Part:
    """Return the families on other patients, beside what they did in the study."""
    transport = [
        {
            "family": item.family,
            "C at training (nested)": interval(report.before[item.family].headline),
            "C here": interval(item.headline),
            "kappa at training (nested)": interval(report.before[item.family].kappa),
            "kappa here": interval(item.kappa),
        }
        for item in report.performance
    ]
    return _part(report, {"transport": pd.DataFrame(transport)}, {}, elsewhere=True)


def _part(
    report: StudyReport | EvaluationReport,
    before: Mapping[str, pd.DataFrame],
    facts: Mapping[str, str],
    *,
    elsewhere: bool,
) -> Part:
    first = report.predictions[report.predictions["repeat"] == 1]
    figures: dict[str, str] = {}
    if any(item.c.value is not None for item in report.performance):
        figures["c"] = forest(report.performance, report.looks)
    figures["confusion"], panels = confusion_panels(first, report.performance, report.looks)
    tables = {**before, **tables_of(report.performance), "grades": grade_table(first, report.performance)}
    html = render(
        "sections/ordinal.html", report=report, figures=figures, tables=tables, panels=panels, elsewhere=elsewhere
    )
    return Part("Grades", html, figures, tables, dict(facts))


def tables_of(performance: Sequence[OrdinalPerformance]) -> dict[str, pd.DataFrame]:
    """Return discrimination, and agreement, a row per family; the pooled C where there are several folds."""
    ranks = [
        {
            "family": item.family,
            "C": interval(item.c),
            "pooled C": interval(item.c_pooled),
            "ranked probability score": interval(item.rps),
        }
        for item in performance
    ]
    agreement = [
        {
            "family": item.family,
            "weighted kappa": interval(item.kappa),
            "MAE (grades)": interval(item.mae),
            "accuracy": interval(item.accuracy),
            "within one grade": interval(item.within_one),
        }
        for item in performance
    ]
    table = pd.DataFrame(ranks)
    several = any(len(item.fold_cs) > 1 for item in performance)
    shown = table if several else table.drop(columns="pooled C")
    return {"performance": shown, "agreement": pd.DataFrame(agreement)}


def confusion(predictions: pd.DataFrame, family: str, grades: int) -> np.ndarray:
    """Return how many units of each observed grade, a row each, are given each grade; int, shape (grade, grade)."""
    rows = predictions[predictions["family"] == family]
    found = np.zeros((grades, grades), dtype=int)
    np.add.at(found, (rows["outcome"].to_numpy(dtype=int), rows["grade"].to_numpy(dtype=int)), 1)
    return found


def confusion_panels(
    predictions: pd.DataFrame, performance: Sequence[OrdinalPerformance], drawn: Mapping[str, Look]
) -> tuple[str, list[str]]:
    """Return a panel per family: observed against predicted grades, shaded by the share of the observed grade."""

    def draw(axes: Any, item: OrdinalPerformance) -> None:
        draw_confusion(axes, confusion(predictions, item.family, len(item.levels)), item, drawn[item.family].colour)
        axes.set_title(item.family, loc="left", fontweight="bold")

    return multiples(performance, draw, height=2.9)


def draw_confusion(axes: Any, found: np.ndarray, item: OrdinalPerformance, colour: str) -> None:
    """Draw counts of observed against predicted grades, shaded by the share of the observed grade."""
    from matplotlib.colors import LinearSegmentedColormap

    share = found / np.maximum(found.sum(axis=1, keepdims=True), 1)
    shades = LinearSegmentedColormap.from_list("own", ["#ffffff", colour])
    axes.pcolormesh(share, cmap=shades, vmin=0, vmax=1, edgecolors="#e5e7eb", linewidth=0.6)
    for (row, column), count in np.ndenumerate(found):
        ink = ink_on(shades(share[row, column]))
        axes.text(column + 0.5, row + 0.5, str(count), ha="center", va="center", fontsize=8, color=ink)
    middle = np.arange(len(item.levels)) + 0.5
    axes.set_xticks(middle, item.levels)
    axes.set_yticks(middle, item.levels)
    axes.set_ylim(len(item.levels), 0)
    axes.tick_params(length=0)
    axes.set_xlabel("predicted grade")
    axes.set_ylabel("observed grade")


def grade_table(predictions: pd.DataFrame, performance: Sequence[OrdinalPerformance]) -> pd.DataFrame:
    """Return of each family and grade how many units have it, are given it, and share of these that are right."""
    rows = []
    for item in performance:
        found = confusion(predictions, item.family, len(item.levels))
        for place, level in enumerate(item.levels):
            has, given, right = int(found[place].sum()), int(found[:, place].sum()), int(found[place, place])
            near = int(found[place, max(place - 1, 0) : place + 2].sum())
            rows.append(
                {
                    "family": item.family,
                    "grade": level,
                    "units": str(has),
                    "predicted": str(given),
                    "found (sensitivity)": f"{100 * right / has:.0f}%" if has else DASH,
                    "right of predicted": f"{100 * right / given:.0f}%" if given else DASH,
                    "within one grade": f"{100 * near / has:.0f}%" if has else DASH,
                }
            )
    return pd.DataFrame(rows)
