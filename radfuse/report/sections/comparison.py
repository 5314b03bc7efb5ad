"""The families compared pair by pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from radfuse.report.additions import additions, verdict
from radfuse.report.evaluation import EvaluationReport
from radfuse.report.palette import Look
from radfuse.report.printed import DASH, interval, p_value
from radfuse.report.render import Part, render
from radfuse.report.study import StudyReport
from radfuse.report.svg import STYLE, to_svg
from radfuse.results import Addition, Comparison


def study(report: StudyReport) -> Part:
    """Return all pairs of a study."""
    table = comparison_table(report.results.comparisons)
    added = additions(report.results.comparisons, report.final)
    tables = {"comparisons": table}
    figures, narrow = {}, ""
    if added:
        tables["additions"] = addition_table(added)
        figures["additions"] = addition_plot(added, report.looks)
        narrow = addition_plot(added, report.looks, narrow=True)
    html = render(
        "sections/comparison.html",
        report=report,
        table=table,
        added=tables.get("additions"),
        figures=figures,
        narrow=narrow,
        verdicts=[verdict(item) for item in added],
        unused=without_clinical(report),
    )
    return Part("Comparison", html, figures, tables)


def without_clinical(report: StudyReport) -> list[str]:
    """Return the families that join clinical columns and, refitted on all units, use none."""
    return [
        family
        for family, final in report.final.items()
        if "clinical" in family.split("-") and all(column.block != "clinical" for column in final.explanation.columns)
    ]


def addition_table(added: Sequence[Addition]) -> pd.DataFrame:
    """Return one row per block that a family has more than another."""
    return pd.DataFrame(
        [
            {
                "family": item.family,
                "block": item.block,
                "gain in AUC": interval(item.auc),
                "gain in log loss": interval(item.loss),
                "p": p_value(item.p),
                "patients to show it": DASH if item.patients_to_show is None else f"{item.patients_to_show:,}",
                "share of weight": DASH if item.weight is None else f"{item.weight:.0%}",
            }
            for item in added
        ]
    )


def addition_plot(added: Sequence[Addition], drawn: Mapping[str, Look], narrow: bool = False) -> str:
    """Return what each block adds, in AUC and in log loss, with its intervals: side by side, or one over the other."""
    height = 0.9 + 0.34 * len(added)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3.9, 2 * height) if narrow else (8.6, height), layout="constrained")
        axes = figure.subplots(*((2, 1) if narrow else (1, 2)), sharey=True)
        for side, name, label in ((axes[0], "auc", "gain in AUC"), (axes[1], "loss", "gain in log loss")):
            side.axvline(0, color="#9ca3af", linewidth=0.8)
            for row, item in enumerate(added):
                value, colour = getattr(item, name), drawn[item.family].colour
                if value.value is None:
                    continue
                if value.low is not None and value.high is not None:
                    side.plot([value.low, value.high], [row, row], color=colour, linewidth=1.4)
                side.plot(value.value, row, "o", color=colour, markersize=5)
            side.set_xlabel(f"{label}, 95% CI; right of 0 is better")
            side.spines["left"].set_visible(False)
            side.tick_params(axis="y", length=0)
        axes[0].set_yticks(range(len(added)), [f"{item.block} beside {item.without}" for item in added])
        axes[0].set_ylim(len(added) - 0.4, -0.6)
        return to_svg(figure)


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
