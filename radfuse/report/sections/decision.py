"""What acting on a family's probabilities is worth: decision curves, and whom a block moves the right way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from radfuse.report.additions import additions
from radfuse.report.evaluation import EvaluationReport
from radfuse.report.layout import Room
from radfuse.report.palette import Look
from radfuse.report.printed import interval, number, p_value
from radfuse.report.render import Part, render
from radfuse.report.study import StudyReport
from radfuse.report.svg import STYLE, multiples, to_svg
from radfuse.results import Interval, Performance
from radfuse.statistics.auc import overlap_of_one_deal
from radfuse.statistics.decision import DecisionCurve, decision_curve
from radfuse.statistics.reclassification import discrimination_improvement, reclassification

_THRESHOLDS = np.round(np.arange(0.01, 1.0, 0.01), 2)
_READ_AT = (0.1, 0.2, 0.3, 0.5)


def study(report: StudyReport) -> Part:
    """Return decision curves of the test folds, and what each block reclassifies."""
    tables = _tables(report.predictions, report.performance)
    moved = [(item.without, item.family) for item in additions(report.results.comparisons, report.final)]
    if moved:
        tables["reclassification"] = reclassification_table(report.predictions, moved, report.unit)
    return _part(report, tables)


def evaluation(report: EvaluationReport) -> Part:
    """Return decision curves on other patients."""
    return _part(report, _tables(report.predictions, report.performance))


def _part(report: StudyReport | EvaluationReport, tables: Mapping[str, pd.DataFrame]) -> Part:
    curves = curves_of(report.predictions, report.performance)
    panels_figure, panels = decision_panels(curves, report.looks)
    figures = {"decision": decision_overlay(curves, report.looks), "decision_by_family": panels_figure}
    shown = {"figures": figures, "panels": panels, "narrow": decision_overlay(curves, report.looks, narrow=True)}
    html = render("sections/decision.html", report=report, tables=tables, **shown)
    return Part("Decisions", html, figures, tables)


def curves_of(predictions: pd.DataFrame, performance: Sequence[Performance]) -> dict[str, DecisionCurve]:
    """Return the curve of each family, of all its units (and deals) together."""
    groups = dict(iter(predictions.groupby("family")))
    return {item.family: _curve(groups[item.family]) for item in performance}


def _curve(rows: pd.DataFrame, thresholds: Sequence[float] | np.ndarray = _THRESHOLDS) -> DecisionCurve:
    known = (rows["outcome"], rows["probability"], thresholds, rows["patient"])
    return decision_curve(*known, overlap=overlap_of_one_deal(rows))


def decision_overlay(curves: Mapping[str, DecisionCurve], drawn: Mapping[str, Look], narrow: bool = False) -> str:
    """Return the net benefit of all families over thresholds, beside acting on everyone and on nobody."""
    with mpl.rc_context(STYLE):
        size = (3.9, 3.4 + 0.17 * len(curves)) if narrow else (6.4, 3.9 + 0.1 * len(curves))
        figure = Figure(figsize=size, layout=Room())
        axes = figure.subplots()
        ends(axes, next(iter(curves.values())))
        for family, curve in curves.items():
            colour, dash = drawn[family]
            axes.plot(curve.thresholds, curve.net_benefit, color=colour, linestyle=dash, label=family, linewidth=1.6)
        decision_axes(axes, list(curves.values()))
        figure.legend(loc="outside lower center", ncols=1 if narrow else 3, handlelength=2.6)
        return to_svg(figure)


def decision_panels(curves: Mapping[str, DecisionCurve], drawn: Mapping[str, Look]) -> tuple[str, list[str]]:
    """Return a panel per family, with its band: all as one figure, and each alone."""

    def draw(axes: Any, item: tuple[str, DecisionCurve]) -> None:
        family, curve = item
        colour = drawn[family].colour
        ends(axes, curve)
        axes.fill_between(curve.thresholds, curve.low, curve.high, color=colour, alpha=0.18, linewidth=0)
        axes.plot(curve.thresholds, curve.net_benefit, color=colour)
        axes.set_title(family, loc="left", fontweight="bold")
        decision_axes(axes, list(curves.values()))

    return multiples(list(curves.items()), draw)


def ends(axes: Any, curve: DecisionCurve) -> None:
    """Draw acting on nobody and, dashed, on everyone."""
    axes.axhline(0, color="#9ca3af", linewidth=1)
    axes.plot(curve.thresholds, curve.treat_all, color="#9ca3af", linewidth=1, linestyle=(0, (4, 2)))


def decision_axes(axes: Any, curves: Sequence[DecisionCurve]) -> None:
    """Show what lies between nothing and all that can be won, up to where acting pays for no family any more."""
    highest = max(0.02, float(curves[0].treat_all.max()), *(float(curve.net_benefit.max()) for curve in curves))
    pays = [curve.thresholds[curve.net_benefit > 0.005 * highest] for curve in curves]
    last = max((float(part.max()) for part in pays if len(part)), default=0.5)
    axes.set_xlim(0, min(1.0, last + 0.05))
    axes.set_ylim(-0.2 * highest, 1.08 * highest)
    axes.set_xlabel("threshold probability")
    axes.set_ylabel("net benefit")


def _tables(predictions: pd.DataFrame, performance: Sequence[Performance]) -> dict[str, pd.DataFrame]:
    rows = []
    for item in performance:
        curve = _curve(predictions[predictions["family"] == item.family], _READ_AT)
        read = {
            f"at {at:g}": interval(Interval(value=net, low=_known(low), high=_known(high)), 3)
            for at, net, low, high in zip(curve.thresholds, curve.net_benefit, curve.low, curve.high, strict=True)
        }
        rows.append({"family": item.family, **read, "avoided per 100, at 0.2": number(float(curve.avoided[1]), 1)})
    return {"decision": pd.DataFrame(rows)}


def reclassification_table(
    predictions: pd.DataFrame, pairs: Sequence[tuple[str, str]], unit: Sequence[str]
) -> pd.DataFrame:
    """Return what a family reclassifies beside the one without a block: a row per pair (without, with)."""
    row = [*unit, "repeat"]
    wide = predictions.pivot(index=row, columns="family", values="probability")
    about = predictions.drop_duplicates(row).set_index(row, drop=False)
    rows = []
    for without, family in pairs:
        both = wide[[without, family]].dropna()
        here = about.loc[both.index]
        known = (here["outcome"], both[without], both[family], here["patient"])
        grown = overlap_of_one_deal(here)
        moved = reclassification(*known, overlap=grown)
        gain, p = discrimination_improvement(*known, overlap=grown)
        rows.append(
            {
                "family": family,
                "beside": without,
                "NRI": interval(Interval.of(moved.nri), 2),
                "of events": interval(Interval.of(moved.events), 2),
                "of others": interval(Interval.of(moved.others), 2),
                "IDI": interval(Interval.of(gain)),
                "p (IDI)": p_value(None if np.isnan(p) else p),
            }
        )
    return pd.DataFrame(rows)


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
