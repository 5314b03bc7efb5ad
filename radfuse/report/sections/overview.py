"""One figure of a study: ROC, calibration, decision curve, and what fusion adds, in four panels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D

from radfuse.report.additions import additions
from radfuse.report.evaluation import EvaluationReport
from radfuse.report.palette import Look
from radfuse.report.printed import interval
from radfuse.report.render import Part, render
from radfuse.report.sections.calibration import FEWEST, draw_groups, logistic_fit
from radfuse.report.sections.decision import curves_of, decision_axes, ends
from radfuse.report.sections.discrimination import GRID, mean_roc, roc_axes
from radfuse.report.sections.features import right_aligned
from radfuse.report.study import StudyReport
from radfuse.report.svg import STYLE, to_svg
from radfuse.results import Addition, Measured

_SHOWN = 4
"""Families drawn, at most; more would hide each other."""
_MOST_ROWS = 8
_WIDTH, _HEIGHT = 8.86, 8.1
Panel = Callable[[Any], None]


class Shown(NamedTuple):
    """What the panels draw.

    Attributes:
        main: families drawn as curves.
        head: the family that the calibration's groups are of.
        predictions: of all families.
        looks: of all families.
    """

    main: Sequence[Any]
    head: Any
    predictions: pd.DataFrame
    looks: Mapping[str, Look]

    def rows(self, item: Measured) -> pd.DataFrame:
        """Return the predictions of a family."""
        return self.predictions[self.predictions["family"] == item.family]

    @classmethod
    def of(cls, report: StudyReport | EvaluationReport, measured: Sequence[Any], primary: str | None) -> Shown:
        """Return the families that a reader looks for, the primary one, else the best, at their head."""
        head = _head(measured, primary)
        return cls(main_families(measured, head), head, report.predictions, report.looks)


def study(report: StudyReport) -> Part:
    """Return the overview of a study's test folds."""
    return _part(report, additions(report.results.comparisons, report.final), report.primary)


def evaluation(report: EvaluationReport) -> Part:
    """Return the overview of a frozen bundle on other patients."""
    return _part(report, additions(report.comparisons, {}), None)


def _part(report: StudyReport | EvaluationReport, added: Sequence[Addition], primary: str | None) -> Part:
    measured = [item for item in report.performance if item.headline.value is not None]
    if not measured or measured[0].units < FEWEST:
        return Part("Overview", render("sections/overview.html", shown=None))
    shown = Shown.of(report, measured, primary)
    panels: dict[str, Panel] = {
        "ROC": lambda axes: _roc(axes, shown),
        "Calibration": lambda axes: _calibration(axes, shown),
        "Decision curve": lambda axes: _decision(axes, shown),
        "What fusion adds" if added else "AUC": lambda axes: gains(axes, added, measured, shown),
    }
    with mpl.rc_context(STYLE):
        whole = whole_of(panels, shown)
        singles = [single_of(name, draw, shown) for name, draw in panels.items()]
    averaged = report.predictions["fold"].nunique() > 1
    caption = {"shown": shown, "families": len(measured), "added": bool(added), "averaged": averaged}
    html = render("sections/overview.html", figure=whole, singles=singles, names=list(panels), **caption)
    return Part("Overview", html, {"overview": whole})


def _head(performance: Sequence[Measured], primary: str | None) -> Measured:
    named = next((item for item in performance if item.family == primary), None)
    return named or max(performance, key=lambda item: item.headline.value or 0.0)


def main_families(performance: Sequence[Measured], head: Measured) -> list[Measured]:
    """Return the families that a reader looks for: each block alone, the one of most blocks, and the headline."""
    sizes = {item.family: item.family.count("-") for item in performance}
    largest = max(performance, key=lambda item: sizes[item.family])
    first = [head, largest, *(item for item in performance if sizes[item.family] == 0)]
    chosen = list(dict.fromkeys(item.family for item in [*first, *performance]))[:_SHOWN]
    return [item for item in performance if item.family in chosen]


def whole_of(panels: Mapping[str, Panel], shown: Shown) -> str:
    """Return four panels as one figure."""
    figure = Figure(figsize=(_WIDTH, _HEIGHT), layout=ConstrainedLayoutEngine(h_pad=0.14, w_pad=0.1))
    for letter, axes, (name, draw) in zip("ABCD", figure.subplots(2, 2).flat, panels.items(), strict=True):
        draw(axes)
        axes.set_title(f"{letter}   {name}", loc="left", fontweight="bold", pad=10)
    _legend(figure, shown, 2)
    return to_svg(figure)


def single_of(name: str, draw: Panel, shown: Shown) -> str:
    """Return one panel, with a legend where it has a curve of each family."""
    figure = Figure(figsize=(3.9, 4.3), layout="constrained")
    axes = figure.subplots()
    draw(axes)
    axes.set_title(name, loc="left", fontweight="bold")
    if name in ("ROC", "Decision curve", "AUC over time"):
        _legend(figure, shown, 1)
    return to_svg(figure)


def _legend(figure: Figure, shown: Shown, columns: int) -> None:
    handles = [
        Line2D([], [], color=shown.looks[item.family].colour, linestyle=shown.looks[item.family].dash)
        for item in shown.main
    ]
    labels = [f"{item.family}, {item.measure} {interval(item.headline, 2)}" for item in shown.main]
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, handlelength=2.6)


def _roc(axes: Any, shown: Shown) -> None:
    axes.plot([0, 1], [0, 1], color="#d1d5db", linewidth=1)
    for item in shown.main:
        colour, dash = shown.looks[item.family]
        axes.plot(GRID, mean_roc(shown.rows(item)), color=colour, linestyle=dash)
    roc_axes(axes)


def _calibration(axes: Any, shown: Shown) -> None:
    axes.plot([0, 1], [0, 1], color="#d1d5db", linewidth=1)
    for item in shown.main:
        colour, dash = shown.looks[item.family]
        logistic_fit(axes, item, shown.rows(item)["probability"].to_numpy(), color=colour, linestyle=dash)
    draw_groups(axes, shown.rows(shown.head), shown.looks[shown.head.family].colour)
    text = f"{shown.head.family}\nslope {interval(shown.head.calibration_slope, 2)}"
    axes.text(0.03, 0.97, text, va="top", transform=axes.transAxes, fontsize=8.5)
    axes.set_aspect("equal")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.01)
    ticks = [0, 0.25, 0.5, 0.75, 1]
    axes.set_xticks(ticks, ["0", "0.25", "0.5", "0.75", "1"])
    axes.set_yticks(ticks, ["0", "0.25", "0.5", "0.75", "1"])
    axes.set_xlabel("predicted probability")
    axes.set_ylabel("observed share")


def _decision(axes: Any, shown: Shown) -> None:
    curves = curves_of(shown.predictions, shown.main)
    ends(axes, next(iter(curves.values())))
    for family, curve in curves.items():
        colour, dash = shown.looks[family]
        axes.plot(curve.thresholds, curve.net_benefit, color=colour, linestyle=dash)
    decision_axes(axes, list(curves.values()))


def gains(axes: Any, added: Sequence[Addition], measured: Sequence[Measured], shown: Shown) -> None:
    """Draw what blocks add to families without them; of families that add nothing to each other, their headline."""
    measure = measured[0].measure
    rows = [(f"{item.block}\nto {item.without}", item.auc, item.family) for item in added]
    rows = (rows or [(item.family, item.headline, item.family) for item in measured])[:_MOST_ROWS]
    axes.axvline(0 if added else 0.5, color="#d1d5db", linewidth=1)
    for row, (name, value, family) in enumerate(rows):
        colour = shown.looks[family].colour
        right_aligned(axes, row, name, apart=0.062 * max(len(rows), 3))
        if value.low is not None and value.high is not None:
            axes.plot([value.low, value.high], [row, row], color=colour, linewidth=1.8)
        if value.value is not None:
            axes.plot(value.value, row, "D", color=colour, markersize=5.5, markeredgecolor="white", markeredgewidth=0.7)
    axes.set_yticks(range(len(rows)), [])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(f"gain in {measure}, 95% CI" if added else f"{measure}, 95% CI")
