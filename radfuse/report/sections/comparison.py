"""The families compared pair by pair."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from radfuse.report.evaluation import EvaluationReport
from radfuse.report.printed import interval, p_value
from radfuse.report.render import Part, render
from radfuse.report.study import StudyReport
from radfuse.results import Comparison


def study(report: StudyReport) -> Part:
    """Return all pairs of a study."""
    table = comparison_table(report.results.comparisons)
    html = render("sections/comparison.html", report=report, table=table)
    return Part("Comparison", html, tables={"comparisons": table})


def evaluation(report: EvaluationReport) -> Part:
    """Return all pairs on other patients."""
    table = comparison_table(report.comparisons)
    html = render("sections/comparison_elsewhere.html", report=report, table=table)
    return Part("Comparison", html, tables={"comparisons": table})


def comparison_table(comparisons: Sequence[Comparison]) -> pd.DataFrame:
    """Return one row per pair of families."""
    return pd.DataFrame(
        [
            {
                "first": item.first,
                "second": item.second,
                "difference in AUC": interval(item.difference),
                "p": p_value(item.p),
                "p (Holm)": p_value(item.p_holm),
            }
            for item in comparisons
        ]
    )
