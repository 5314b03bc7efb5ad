"""How well families predict grades: pairs ranked right, agreement, and which grade is taken for which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from radfuse.report.by_family import table_of, transport
from radfuse.report.confusion import confusion_panels, counts
from radfuse.report.evaluation import EvaluationReport
from radfuse.report.printed import DASH, percent
from radfuse.report.render import Part, render
from radfuse.report.sections.discrimination import forest, headline
from radfuse.report.study import StudyReport
from radfuse.results import OrdinalPerformance

_RANKS = {"C": "c", "pooled C": "c_pooled", "ranked probability score": "rps"}
_AGREEMENT = {
    "weighted kappa": "kappa",
    "MAE (grades)": "mae",
    "accuracy": "accuracy",
    "within one grade": "within_one",
}


def study(report: StudyReport) -> Part:
    """Return the families on the test folds of a study."""
    return _part(report, {}, headline(report), elsewhere=False)


def evaluation(report: EvaluationReport) -> Part:
    """Return the families on other patients, beside what they did in the study."""
    told = transport(report, {"C": "headline", "kappa": "kappa"})
    return _part(report, {"transport": told}, {}, elsewhere=True)


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
    figures["confusion"], panels = confusion_panels(
        report.performance, report.looks, lambda item: confusion(first, item), "grade"
    )
    tables = {**before, "performance": table_of(report.performance, _RANKS)}
    tables |= {"agreement": table_of(report.performance, _AGREEMENT), "grades": grade_table(first, report.performance)}
    html = render(
        "sections/ordinal.html", report=report, figures=figures, tables=tables, panels=panels, elsewhere=elsewhere
    )
    return Part("Grades", html, figures, tables, dict(facts))


def confusion(predictions: pd.DataFrame, item: OrdinalPerformance) -> np.ndarray:
    """Return how many units of each observed grade, a row each, are given each grade; int, shape (grade, grade)."""
    rows = predictions[predictions["family"] == item.family]
    observed, given = (rows[name].to_numpy(dtype=int) for name in ("outcome", "grade"))
    return counts(observed, given, len(item.levels))


def grade_table(predictions: pd.DataFrame, performance: Sequence[OrdinalPerformance]) -> pd.DataFrame:
    """Return of each family and grade how many units have it, are given it, and share of these that are right."""
    rows = []
    for item in performance:
        found = confusion(predictions, item)
        for place, level in enumerate(item.levels):
            has, given, right = int(found[place].sum()), int(found[:, place].sum()), int(found[place, place])
            near = int(found[place, max(place - 1, 0) : place + 2].sum())
            rows.append(
                {
                    "family": item.family,
                    "grade": level,
                    "units": str(has),
                    "predicted": str(given),
                    "found (sensitivity)": percent(right / has) if has else DASH,
                    "right of predicted": percent(right / given) if given else DASH,
                    "within one grade": percent(near / has) if has else DASH,
                }
            )
    return pd.DataFrame(rows)
