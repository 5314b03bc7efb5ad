"""Readers beside the models, with each other, and together with the models."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import matplotlib as mpl
import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

from radfuse.report.layout import Room
from radfuse.report.methods.words import series
from radfuse.report.palette import Look
from radfuse.report.printed import DASH, interval, number, p_value
from radfuse.report.render import Part, render
from radfuse.report.study import StudyReport
from radfuse.report.svg import STYLE, to_svg
from radfuse.results import ReaderAgreement, ReaderBeside, ReaderScore


def study(report: StudyReport) -> Part:
    """Return the readers of a study; nothing where it has none."""
    found = report.readers
    if found is None:
        return Part("Readers", Markup(""))
    falling = [name for name, asked in report.settings["evaluation"]["readers"].items() if asked["reverse"]]
    tables = {"readers": score_table(found.scores, falling)}
    figures, narrow = {}, ""
    if found.beside:
        tables["readers_beside"] = beside_table(found.beside)
        if any(item.together.value is not None for item in found.beside):
            tables["readers_together"] = together_table(found.beside)
        figures["readers"] = difference_plot(found.beside, report.looks)
        narrow = difference_plot(found.beside, report.looks, narrow=True)
    if found.agreement:
        tables["readers_agreement"] = agreement_table(found.agreement)
    shown = {"found": found, "tables": tables, "figures": figures, "narrow": narrow, "without": _without}
    html = render("sections/readers.html", report=report, **shown)
    return Part("Readers", html, figures, tables)


def _without(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return a table without what stands on the page already."""
    return table.drop(columns=column)


def score_table(scores: Sequence[ReaderScore], falling: Collection[str] = ()) -> pd.DataFrame:
    """Return one row per reader; the grades of some fall as the event gets more likely."""
    return pd.DataFrame(
        [
            {
                "reader": item.reader,
                "units read": str(item.units),
                "events": str(item.events),
                "AUC": interval(item.auc),
                "cut": DASH if item.cut is None else f"{'≤' if item.reader in falling else '≥'} {item.cut:g}",
                "sensitivity": interval(item.sensitivity, 2),
                "specificity": interval(item.specificity, 2),
            }
            for item in scores
        ]
    )


def beside_table(beside: Sequence[ReaderBeside]) -> pd.DataFrame:
    """Return one row per reader and family: AUC, and calls where any reader has a cut."""
    table = pd.DataFrame(
        [
            {
                "family": item.family,
                "reader": item.reader,
                "units": str(item.units),
                "AUC of family": interval(item.family_auc),
                "AUC of reader": interval(item.reader_auc),
                "family less reader": interval(item.difference),
                "p": p_value(item.p),
                "p right": p_value(item.p_right),
                "p sens.": p_value(item.p_sensitivity),
                "p spec.": p_value(item.p_specificity),
            }
            for item in beside
        ]
    )
    called = any(p is not None for item in beside for p in (item.p_right, item.p_sensitivity, item.p_specificity))
    return table if called else table.drop(columns=["p right", "p sens.", "p spec."])


def together_table(beside: Sequence[ReaderBeside]) -> pd.DataFrame:
    """Return one row per reader and family: both in one regression."""
    return pd.DataFrame(
        [
            {
                "family": item.family,
                "reader": item.reader,
                "AUC of both": interval(item.together),
                "gain on reader": interval(item.gain),
                "p": p_value(item.p_gain),
                "gain on family": interval(item.over_family),
            }
            for item in beside
        ]
    )


def agreement_table(agreement: Sequence[ReaderAgreement]) -> pd.DataFrame:
    """Return one row per pair of readers, and one of all."""
    return pd.DataFrame(
        [
            {
                "readers": series(item.readers),
                "units read by all": str(item.units),
                "weighted kappa": interval(item.kappa, 2),
                "ICC(2,1)": interval(item.icc, 2),
            }
            for item in agreement
        ]
    )


def difference_plot(beside: Sequence[ReaderBeside], drawn: Mapping[str, Look], narrow: bool = False) -> str:
    """Return family less reader in AUC with intervals, a row each, readers one below the other."""
    known = [item for item in beside if item.difference.value is not None]
    with mpl.rc_context(STYLE):
        size = (4.2, 1.2 + 0.42 * len(known)) if narrow else (6.4, 1.0 + 0.27 * len(known))
        figure = Figure(figsize=size, layout=Room())
        axes = figure.subplots()
        axes.axvline(0, color="#9ca3af", linewidth=0.8)
        for row, item in enumerate(known):
            colour, value = drawn[item.family].colour, item.difference
            assert value.value is not None
            if value.low is not None and value.high is not None:
                axes.plot([value.low, value.high], [row, row], color=colour, linewidth=1.4)
            axes.plot(value.value, row, "o", color=colour, markersize=5)
            axes.text(1.01, row, number(value.value, 2), transform=axes.get_yaxis_transform(), va="center", fontsize=8)
        line = "\n" if narrow else " "
        axes.set_yticks(range(len(known)), [f"{item.family}{line}less {item.reader}" for item in known])
        axes.set_ylim(len(known) - 0.4, -0.6)
        axes.set_xlabel(f"difference in AUC, 95% CI;{line}right of 0 the family is better")
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
        return to_svg(figure)
