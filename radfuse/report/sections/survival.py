"""How well families rank survival times: C, and AUC over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

from radfuse.report.by_family import table_of, transport
from radfuse.report.evaluation import EvaluationReport
from radfuse.report.layout import Room
from radfuse.report.palette import Look
from radfuse.report.printed import number
from radfuse.report.render import Part, render
from radfuse.report.sections.discrimination import forest, headline
from radfuse.report.study import StudyReport
from radfuse.report.svg import STYLE, to_svg
from radfuse.results import SurvivalPerformance
from radfuse.results.numbers import decimals


def study(report: StudyReport) -> Part:
    """Return the families on the test folds of a study."""
    first = report.performance[0]
    follow_up = {f"median follow-up{in_unit(first)}": number(first.follow_up, decimals(first.follow_up, 1))}
    follow_up |= {} if first.rivals is None else {"competing events": str(first.rivals)}
    tables = tables_of(report.performance)
    figures = _figures(report)
    html = _html(report, figures, tables, elsewhere=False)
    return Part("Discrimination", html, figures, tables, {**follow_up, **headline(report)})


def evaluation(report: EvaluationReport) -> Part:
    """Return the families on other patients, beside what they did in the study."""
    tables = {"transport": transport(report, {"C": "headline"}), **tables_of(report.performance)}
    figures = _figures(report)
    html = _html(report, figures, tables, elsewhere=True)
    return Part("Discrimination", html, figures, tables)


def _html(
    report: StudyReport | EvaluationReport, figures: dict[str, str], tables: dict[str, pd.DataFrame], *, elsewhere: bool
) -> Markup:
    where = at_horizon(report.performance[0])
    return render(
        "sections/survival.html", report=report, figures=figures, tables=tables, elsewhere=elsewhere, horizon=where
    )


def method_of(item: SurvivalPerformance) -> str:
    """Return whose curves are drawn: Kaplan and Meier's, or, where events compete, Aalen and Johansen's."""
    return "Kaplan-Meier" if item.rivals is None else "Aalen-Johansen"


def in_unit(item: SurvivalPerformance) -> str:
    """Return the unit of times in brackets, behind a space; "" where none is named."""
    return f" ({item.time_unit})" if item.time_unit else ""


def at_horizon(item: SurvivalPerformance) -> str:
    """Return the horizon with its unit, as 60 months."""
    return f"{item.horizon:g} {item.time_unit}".rstrip()


def tables_of(performance: Sequence[SurvivalPerformance]) -> dict[str, pd.DataFrame]:
    """Return discrimination, and overall error, a row per family; the pooled C where there are several folds."""
    horizon = at_horizon(performance[0])
    ranks = {"Harrell's C": "c", "pooled C": "c_pooled", "Uno's C": "uno", f"AUC at {horizon}": "auc_at_horizon"}
    errors = {
        f"Brier at {horizon}": "brier",
        f"scaled, at {horizon}": "brier_scaled",
        "integrated Brier": "integrated_brier",
        "scaled, integrated": "integrated_brier_scaled",
    }
    return {"performance": table_of(performance, ranks), "errors": table_of(performance, errors)}


def auc_over_time(performance: Sequence[SurvivalPerformance], drawn: Mapping[str, Look]) -> str:
    """Return the AUC of events by each time against units free of it then; a band where there is one family."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3.9, 2.9 + 0.19 * len(performance)), layout=Room())
        axes = figure.subplots()
        draw_auc_over_time(axes, performance, drawn, performance[0].family if len(performance) == 1 else None)
        if len(performance) > 1:
            figure.legend(loc="outside lower center", handlelength=2.6)
        return to_svg(figure)


def draw_auc_over_time(
    axes: Any, performance: Sequence[SurvivalPerformance], drawn: Mapping[str, Look], sure: str | None
) -> None:
    """Draw the AUC of events by each time against units free of it then; a band where the family is `sure`."""
    axes.axhline(0.5, color="#d1d5db", linewidth=1)
    lowest = [0.45]
    for item in performance:
        known = [point for point in item.auc_over_time if point.auc.value is not None]
        times, values = [point.time for point in known], [float(point.auc.value or 0) for point in known]
        colour, dash = drawn[item.family]
        axes.plot(times, values, color=colour, linestyle=dash, marker="o", markersize=3, label=item.family)
        lowest += [value - 0.02 for value in values]
        if item.family == sure:
            told = [point for point in known if point.auc.low is not None]
            low, high = [float(p.auc.low or 0) for p in told], [float(p.auc.high or 0) for p in told]
            axes.fill_between([p.time for p in told], low, high, color=colour, alpha=0.18, linewidth=0)
            lowest += low
    axes.set_ylim(max(0.0, min(lowest)), 1.01)
    axes.set_xlim(left=0)
    axes.set_xlabel(f"time{in_unit(performance[0])}")
    axes.set_ylabel("AUC of events by this time")


def _figures(report: StudyReport | EvaluationReport) -> dict[str, str]:
    if all(item.c.value is None for item in report.performance):
        return {}
    return {
        "c": forest(report.performance, report.looks),
        "auc_over_time": auc_over_time(report.performance, report.looks),
    }
