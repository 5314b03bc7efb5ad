"""How well families predict a value: pairs ranked right, and errors."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from radfuse.report.by_family import table_of, transport
from radfuse.report.evaluation import EvaluationReport
from radfuse.report.render import Part, render
from radfuse.report.sections.discrimination import forest, headline
from radfuse.report.study import StudyReport
from radfuse.results import ContinuousPerformance


def study(report: StudyReport) -> Part:
    """Return the families on the test folds of a study."""
    tables = tables_of(report.performance)
    figures = _figures(report)
    html = render("sections/continuous.html", report=report, figures=figures, tables=tables, elsewhere=False)
    return Part("Discrimination and errors", html, figures, tables, headline(report))


def evaluation(report: EvaluationReport) -> Part:
    """Return the families on other patients, beside what they did in the study."""
    tables = {"transport": transport(report, {"C": "headline", "R²": "r2"}), **tables_of(report.performance)}
    figures = _figures(report)
    html = render("sections/continuous.html", report=report, figures=figures, tables=tables, elsewhere=True)
    return Part("Discrimination and errors", html, figures, tables)


def in_unit(item: ContinuousPerformance) -> str:
    """Return the unit of values in brackets, behind a space; "" where none is named."""
    return f" ({item.value_unit})" if item.value_unit else ""


def tables_of(performance: Sequence[ContinuousPerformance]) -> dict[str, pd.DataFrame]:
    """Return discrimination, and errors, a row per family; the pooled C where there are several folds."""
    unit = in_unit(performance[0])
    errors = {"R²": "r2", f"RMSE{unit}": "rmse", f"MAE{unit}": "mae"}
    ranks = {"C": "c", "pooled C": "c_pooled", "Spearman's rho": "spearman"}
    return {"performance": table_of(performance, ranks), "errors": table_of(performance, errors)}


def _figures(report: StudyReport | EvaluationReport) -> dict[str, str]:
    if all(item.c.value is None for item in report.performance):
        return {}
    return {"c": forest(report.performance, report.looks)}
