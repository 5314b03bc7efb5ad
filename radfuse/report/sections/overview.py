"""One figure of a study: ROC, calibration, decision curve, and what fusion adds, in four panels.

Other kinds of outcome name three panels of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import matplotlib as mpl
import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from radfuse.report.additions import additions
from radfuse.report.evaluation import EvaluationReport
from radfuse.report.layout import Room
from radfuse.report.palette import Look
from radfuse.report.printed import interval
from radfuse.report.render import Part, render
from radfuse.report.sections.calibration import FEWEST, draw_groups, logistic_fit
from radfuse.report.sections.decision import curves_of, decision_axes, ends
from radfuse.report.sections.discrimination import GRID, mean_roc, roc_axes
from radfuse.report.sections.features import right_aligned
from radfuse.report.study import StudyReport
from radfuse.report.svg import CLEAR, STYLE, to_svg
from radfuse.results import Addition, Interval, Measured
from radfuse.results.measured import folds_told

_SHOWN = 4
"""Families drawn, at most; more would hide each other."""
_MOST_ROWS = 8
_WIDTH, _HEIGHT = 8.86, 8.1
_PLAIN = "#374151"
"""Of what a block adds: its row says it all, and the legend has no colour for each pair of families."""
Panel = Callable[[Any], None]


class Shown(NamedTuple):
    """What the panels draw.

    Attributes:
        main: families drawn as curves.
        head: the family that the calibration's groups are of.
        measured: all families.
        predictions: of all families.
        looks: of all families.
    """

    main: Sequence[Any]
    head: Any
    measured: Sequence[Any]
    predictions: pd.DataFrame
    looks: Mapping[str, Look]

    def rows(self, item: Measured) -> pd.DataFrame:
        """Return the predictions of a family."""
        return self.predictions[self.predictions["family"] == item.family]

    @classmethod
    def of(cls, report: StudyReport | EvaluationReport, measured: Sequence[Any], primary: str | None) -> Shown:
        """Return the families that a reader looks for, the primary one, else the best, at their head."""
        head = _head(measured, primary)
        return cls(main_families(measured, head), head, measured, report.predictions, report.looks)


@dataclass(frozen=True)
class Kind:
    """What the overview of a kind of outcome shows in its first three panels; the last is what fusion adds.

    Attributes:
        name: of the section.
        panels: title of each -> what draws it.
        told: a sentence of each for the caption; given over which test folds figures are averaged, or "".
        curves: titles of panels that need a legend of the families where they stand alone.
        rank: title of the last panel where no family is another with a block more.
        fewest: units that it can be drawn of.
    """

    name: str
    panels: Mapping[str, Callable[[Any, Shown], None]]
    told: Callable[[Shown, str], Sequence[str]]
    curves: Sequence[str]
    rank: str
    fewest: int


def study(report: StudyReport) -> Part:
    """Return the overview of a study's test folds."""
    return study_of(report, _BINARY)


def evaluation(report: EvaluationReport) -> Part:
    """Return the overview of a frozen bundle on other patients."""
    return evaluation_of(report, _BINARY)


def study_of(report: StudyReport, kind: Kind) -> Part:
    """Return the overview of a study's test folds, of an outcome of some kind."""
    return _part(report, kind, additions(report.results.comparisons, report.final), report.primary)


def evaluation_of(report: EvaluationReport, kind: Kind) -> Part:
    """Return the overview of a frozen bundle on other patients, of an outcome of some kind."""
    return _part(report, kind, additions(report.comparisons, {}), None)


def _part(report: StudyReport | EvaluationReport, kind: Kind, added: Sequence[Addition], primary: str | None) -> Part:
    measured = [item for item in report.performance if item.headline.value is not None]
    if not measured or measured[0].units < kind.fewest:
        return Part("Overview", Markup(""))
    shown = Shown.of(report, measured, primary)
    panels: dict[str, Panel] = {name: _bound(draw, shown) for name, draw in kind.panels.items()}
    last = "What fusion adds" if added else kind.rank
    panels[last] = lambda axes: gains(axes, added, measured, shown)
    with mpl.rc_context(STYLE):
        whole = whole_of(panels, shown)
        titles = [f"{letter}   {name}" for letter, name in zip("ABCD", panels, strict=True)]
        singles = [
            single_of(title, draw, shown, name in kind.curves)
            for title, (name, draw) in zip(titles, panels.items(), strict=True)
        ]
    measure = measured[0].measure
    gain = f"gain in {measure} by a block beside the same family without it (95% CI)"
    folds = folds_told(measured) if report.predictions["fold"].nunique() > 1 else ""
    told = [*kind.told(shown, folds), gain if added else f"{measure} (95% CI)"]
    html = render(
        "sections/overview.html",
        name=kind.name,
        shown=shown,
        families=len(measured),
        figure=whole,
        singles=singles,
        names=list(panels),
        told=[f"{letter}: {text}." for letter, text in zip("ABCD", told, strict=True)],
    )
    return Part("Overview", html, {"overview": whole})


def _bound(draw: Callable[[Any, Shown], None], shown: Shown) -> Panel:
    return lambda axes: draw(axes, shown)


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
    figure = Figure(figsize=(_WIDTH, _HEIGHT), layout=Room(pad=(0.1, 0.14)))
    for letter, axes, (name, draw) in zip("ABCD", figure.subplots(2, 2).flat, panels.items(), strict=True):
        draw(axes)
        axes.set_title(f"{letter}   {name}", loc="left", fontweight="bold", pad=10)
    _legend(figure, shown, 2)
    return to_svg(figure)


def single_of(title: str, draw: Panel, shown: Shown, legend: bool) -> str:
    """Return one panel, with a legend where it has a curve of each family."""
    figure = Figure(figsize=(3.9, 4.3), layout=Room())
    axes = figure.subplots()
    draw(axes)
    axes.set_title(title, loc="left", fontweight="bold")
    if legend:
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
    axes.text(0.03, 0.97, text, va="top", transform=axes.transAxes, fontsize=8.5, bbox=CLEAR)
    unit_square(axes, "predicted probability", "observed share")


def calibration_by(fifths: Callable[..., None]) -> Callable[[Any, Shown], None]:
    """Return what draws shares in fifths of the units of each family, those of the head with intervals, its slope told.

    Args:
        fifths: draws one family, given axes, what was measured of it, its rows of the first deal, its look, and `sure`.
    """

    def draw(axes: Any, shown: Shown) -> None:
        axes.plot([0, 1], [0, 1], color="#d1d5db", linewidth=1)
        for item in shown.main:
            rows, look = shown.rows(item), shown.looks[item.family]
            fifths(axes, item, rows[rows["repeat"] == 1], look, sure=item.family == shown.head.family)
        text = f"{shown.head.family}\nslope {interval(shown.head.calibration_slope, 2)}"
        axes.text(0.03, 0.97, text, va="top", transform=axes.transAxes, fontsize=8.5, bbox=CLEAR)
        unit_square(axes, "predicted probability", "observed share")

    return draw


def unit_square(axes: Any, across: str, up: str) -> None:
    """Frame shares against probabilities."""
    axes.set_aspect("equal")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.01)
    ticks = [0, 0.25, 0.5, 0.75, 1]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_xlabel(across)
    axes.set_ylabel(up)


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
    rows = [(f"{item.block}\nto {item.without}", item.auc, _PLAIN) for item in added]
    rows = rows or [(item.family, item.headline, shown.looks[item.family].colour) for item in measured]
    intervals(axes, rows, 0 if added else 0.5)
    axes.set_xlabel(f"gain in {measure}, 95% CI" if added else f"{measure}, 95% CI")


def intervals(axes: Any, every: Sequence[tuple[str, Interval, str]], line: float) -> None:
    """Draw values with intervals, one below the other, and a line where nothing is gained.

    Args:
        axes: of the panel.
        every: label, value and colour of each; of many the first.
        line: of no gain.
    """
    rows = every[:_MOST_ROWS]
    axes.axvline(line, color="#d1d5db", linewidth=1)
    for row, (name, value, colour) in enumerate(rows):
        right_aligned(axes, row, name, apart=0.058 * (len(rows) + 0.2))
        if value.low is not None and value.high is not None:
            axes.plot([value.low, value.high], [row, row], color=colour, linewidth=1.8)
        if value.value is not None:
            axes.plot(value.value, row, "D", color=colour, markersize=5.5, markeredgecolor="white", markeredgewidth=0.7)
    axes.set_yticks(range(len(rows)), [])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def _told(shown: Shown, folds: str) -> list[str]:
    return [
        f"ROC curves{f', averaged over {folds}' if folds else ''}",
        f"logistic calibration curves; points: observed share of events in groups of {shown.head.family} (95% CI)",
        "net benefit of acting from a threshold probability on; grey: acting on nobody and, dashed, on everyone",
    ]


_BINARY = Kind(
    "overview",
    {"ROC": _roc, "Calibration": _calibration, "Decision curve": _decision},
    _told,
    ("ROC", "Decision curve"),
    "AUC",
    FEWEST,
)
