"""The families compared pair by pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from radfuse.report.additions import additions, verdict
from radfuse.report.evaluation import EvaluationReport
from radfuse.report.layout import Room
from radfuse.report.palette import Look
from radfuse.report.printed import DASH, interval, p_value, percent
from radfuse.report.render import Part, render
from radfuse.report.study import StudyReport
from radfuse.report.svg import STYLE, to_svg
from radfuse.results import Addition, Comparison


def study(report: StudyReport) -> Part:
    """Return all pairs of a study."""
    measure, loss = _names(report)
    who = "patients" if report.results.outer_folds > report.results.repeats else "test patients"
    table = comparison_table(report.results.comparisons, measure)
    added = additions(report.results.comparisons, report.final)
    tables = {"comparisons": table}
    figures, narrow = {}, ""
    if added:
        tables["additions"] = addition_table(added, measure, loss, who)
        figures["additions"] = addition_plot(added, report.looks, measure, loss)
        narrow = addition_plot(added, report.looks, measure, loss, narrow=True)
    html = render(
        "sections/comparison.html",
        report=report,
        table=table,
        added=tables.get("additions"),
        figures=figures,
        narrow=narrow,
        verdicts=[verdict(item, measure, who) for item in added],
        measure=measure,
        loss=loss,
        who=who,
        unused=without_clinical(report),
    )
    return Part("Comparison", html, figures, tables)


def _names(report: StudyReport | EvaluationReport) -> tuple[str, str]:
    """Return the names of the headline and of the loss that families are compared by."""
    return report.performance[0].measure, report.performance[0].loss


def without_clinical(report: StudyReport) -> list[str]:
    """Return the families that join clinical columns and, refitted on all units, use none."""
    return [
        family
        for family, final in report.final.items()
        if "clinical" in family.split("-") and all(column.block != "clinical" for column in final.explanation.columns)
    ]


def addition_table(
    added: Sequence[Addition], measure: str = "AUC", loss: str = "log loss", who: str = "patients"
) -> pd.DataFrame:
    """Return one row per block that a family has more than another."""
    return pd.DataFrame(
        [
            {
                "family": item.family,
                "block": item.block,
                f"gain in {measure}": interval(item.auc),
                f"gain in {loss}": interval(item.loss),
                "p": p_value(item.p),
                f"{who} to show it": DASH if item.patients_to_show is None else f"{item.patients_to_show:,}",
                "share of weight": percent(item.weight),
            }
            for item in added
        ]
    )


def addition_plot(
    added: Sequence[Addition],
    drawn: Mapping[str, Look],
    measure: str = "AUC",
    loss: str = "log loss",
    *,
    narrow: bool = False,
) -> str:
    """Return what each block adds, in the headline and in the loss: side by side, or one over the other."""
    height, joint = (1.1 + 0.34 * len(added), "\n") if narrow else (0.9 + 0.34 * len(added), "; ")
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3.9, 2 * height) if narrow else (8.6, height), layout=Room())
        axes = figure.subplots(*((2, 1) if narrow else (1, 2)), sharey=True)
        for side, name, label in ((axes[0], "auc", f"gain in {measure}"), (axes[1], "loss", f"gain in {loss}")):
            side.axvline(0, color="#9ca3af", linewidth=0.8)
            for row, item in enumerate(added):
                value, colour = getattr(item, name), drawn[item.family].colour
                if value.value is None:
                    continue
                if value.low is not None and value.high is not None:
                    side.plot([value.low, value.high], [row, row], color=colour, linewidth=1.4)
                side.plot(value.value, row, "o", color=colour, markersize=5)
            side.set_xlabel(f"{label}, 95% CI{joint}right of 0 is better")
            side.spines["left"].set_visible(False)
            side.tick_params(axis="y", length=0)
        axes[0].set_yticks(range(len(added)), [f"{item.block} beside {item.without}" for item in added])
        axes[0].set_ylim(len(added) - 0.4, -0.6)
        return to_svg(figure)


def evaluation(report: EvaluationReport) -> Part:
    """Return all pairs on other patients."""
    measure, _ = _names(report)
    table = comparison_table(report.comparisons, measure)
    html = render("sections/comparison_elsewhere.html", report=report, table=table, measure=measure)
    return Part("Comparison", html, tables={"comparisons": table})


def comparison_table(comparisons: Sequence[Comparison], measure: str = "AUC") -> pd.DataFrame:
    """Return one row per pair of families."""
    return pd.DataFrame(
        [
            {
                "first": item.first,
                "second": item.second,
                f"difference in {measure}": interval(item.difference),
                "p": p_value(item.p),
                "p (Holm)": p_value(item.p_holm),
            }
            for item in comparisons
        ]
    )
