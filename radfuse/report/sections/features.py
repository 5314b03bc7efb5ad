"""The columns that families chose, and their formulas."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from radfuse.report.layout import Room
from radfuse.report.palette import Look, block_looks
from radfuse.report.printed import number
from radfuse.report.render import Part, render
from radfuse.report.study import StudyReport
from radfuse.report.svg import STYLE, to_svg
from radfuse.results import ChosenFeature, FittedFamily

_HELD = "a value further beyond those of training units than half their range counts as if it lay there"
_FOLLOWS = {
    "binary": "probability = 1 / (1 + exp(−score))",
    "survival": "probability of the event by the horizon = 1 − exp(−exp(score))",
    "continuous": f"prediction = score; {_HELD}",
    "ordinal": f"score: the place among the grades, from 0, which cut-points make probabilities of; {_HELD}",
    "multiclass": "a score for each class against the rest, and last how probabilities follow from all of them",
}
"""Kind of outcome -> what is made of a formula's score."""
_BESIDE = (
    "log cumulative hazard of the event at the horizon = score; the cumulative incidence beside competing events "
    "follows from it by the table of hazards in the bundle"
)
"""The same where events compete."""
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
DEEP = re.compile(r"deep_\d+-\d+_\d+$")
"""As `radfuse.seg.encode` names what it sees."""


def study(report: StudyReport) -> Part:
    """Return importances and frequencies of each family's columns."""
    chosen = {
        family: chosen_features(family, folds, report.final.get(family)) for family, folds in report.folds.items()
    }
    # components of several blocks stand behind the blocks
    every_block = (*report.blocks, *(item.block for features in chosen.values() for item in features))
    blocks = block_looks(every_block, report.looks)
    figures, narrow, shown = {}, {}, {}
    for family, features in chosen.items():
        unit = report.folds[family][0].explanation.unit
        figures[f"features_{family}"], shown[family] = coefficient_plot(
            features, report.results.outer_folds, blocks, unit
        )
        narrow[family] = narrow_plot(features[: shown[family]], report.results.outer_folds, blocks, unit)
    kind = getattr(report.performance[0], "kind", "binary")
    measures = {family: folds[0].explanation.measure for family, folds in report.folds.items()}
    every = pd.DataFrame(
        [{**item.model_dump(), "measure": measures[family]} for family, features in chosen.items() for item in features]
    )
    formulas = {family: final.explanation.formula for family, final in report.final.items()}
    tried = {family: class_table(final) for family, final in report.final.items()}
    by_class = {family: table for family, table in tried.items() if table is not None}
    html = render(
        "sections/features.html",
        report=report,
        chosen=chosen,
        figures=figures,
        narrow=narrow,
        shown=shown,
        deep=next((item.name for features in chosen.values() for item in features if DEEP.search(item.name)), None),
        measures=measures,
        follows=_BESIDE if getattr(report.performance[0], "rivals", None) is not None else _FOLLOWS[kind],
        called=kind in ("binary", "survival"),
        by_class=by_class,
        formulas={family: formula for family, formula in formulas.items() if formula},
    )
    tables = {"features": every, **{f"features_by_class_{family}": table for family, table in by_class.items()}}
    return Part("Features", html, figures, tables)


def class_table(final: FittedFamily) -> pd.DataFrame | None:
    """Return what each column is to each class in the refitted model, the most important first; None of no classes."""
    said = final.explanation
    if final.classes is None or not said.unit_by_class:
        return None
    ranked = sorted(said.columns, key=lambda column: (-abs(column.importance), column.name))
    rows = [
        {"column": item.name, **{name: number(item.by_class.get(name), 2) for name in final.classes.names}}
        for item in ranked
    ]
    return pd.DataFrame(rows)


def chosen_features(family: str, folds: Sequence[FittedFamily], final: FittedFamily | None) -> list[ChosenFeature]:
    """Return every column a family used, the refitted model's first, by size of importance and frequency."""
    counts: dict[str, int] = {}
    blocks: dict[str, str] = {}
    for fitted in folds:
        for column in fitted.explanation.columns:
            counts[column.name] = counts.get(column.name, 0) + 1
            blocks[column.name] = column.block
    last = final.explanation.columns if final else ()
    importances = {column.name: column.importance for column in last}
    blocks |= {column.name: column.block for column in last}
    chosen = [
        ChosenFeature(
            family=family, name=name, block=blocks[name], importance=importances.get(name), folds=counts.get(name, 0)
        )
        for name in blocks
    ]
    return sorted(
        chosen, key=lambda item: (item.importance is None, -abs(item.importance or 0.0), -item.folds, item.name)
    )


def coefficient_plot(
    features: Sequence[ChosenFeature], folds: int, blocks: Mapping[str, Look], unit: str, most: int = 20
) -> tuple[str, int]:
    """Return importances, in a unit, beside how many folds chose each column, and how many are shown."""
    kept = sum(item.importance is not None for item in features)
    shown = list(features)[: max(12, min(most, kept))]
    with mpl.rc_context(STYLE):
        labels = [_broken(item.name) for item in shown]
        height = 0.36 if any("\n" in label for label in labels) else 0.27
        figure = Figure(figsize=(8.6, 0.9 + height * len(shown)), layout=Room())
        left, right = figure.subplots(1, 2, sharey=True, width_ratios=(3, 1))
        rows = np.arange(len(shown))
        for row, item in zip(rows, shown, strict=True):
            colour = blocks[item.block].colour
            if item.importance is not None:
                left.plot([0, item.importance], [row, row], color=colour, linewidth=1.2)
                left.plot(item.importance, row, "o", color=colour, markersize=5)
            else:
                left.plot(0, row, "o", markersize=4, markerfacecolor="white", markeredgecolor=colour)
            right.barh(row, item.folds, color=colour, height=0.55, alpha=0.85)
        left.axvline(0, color="#9ca3af", linewidth=0.8)
        left.set_yticks(rows, [])
        for row, label in zip(rows, labels, strict=True):
            right_aligned(left, float(row), label)
        left.set_ylim(len(shown) - 0.4, -0.6)
        left.set_xlabel(f"{in_powers(left, unit, shown)}, refitted on all units")
        right.set_xlabel("test folds\nthat chose it" if folds > 1 else "in the tested model")
        right.set_xlim(0, folds)
        right.set_xticks(range(0, folds + 1, max(1, folds // 5)))
        for axes in (left, right):
            axes.tick_params(axis="y", length=0)
            axes.spines["left"].set_visible(False)
        here = [name for name in blocks if name in {item.block for item in shown}]
        if len(here) > 1:
            for name in here:
                right.plot([], [], "s", color=blocks[name].colour, label=name)
            figure.legend(loc="outside upper right", ncols=len(here), handletextpad=0.3)
        return to_svg(figure), len(shown)


def narrow_plot(features: Sequence[ChosenFeature], folds: int, blocks: Mapping[str, Look], unit: str) -> str:
    """Return the same for a narrow page: each name stands above its line, the folds at its end."""
    labels = [_broken(item.name, 44) for item in features]
    heights = [0.32 + 0.16 * (label.count("\n") + 1) for label in labels]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3.7, 0.7 + sum(heights)), layout=Room())
        axes = figure.subplots()
        top = 0.0
        for item, label, height in zip(features, labels, heights, strict=True):
            row, colour = top + height - 0.2, blocks[item.block].colour
            across = axes.get_yaxis_transform()
            for place, line in enumerate(label.split("\n")):
                axes.text(0, top + 0.1 + 0.16 * place, line, transform=across, va="center", fontsize=8.5)
            axes.text(1.01, row, f"{item.folds}/{folds}", transform=across, va="center", fontsize=8.5)
            value = item.importance
            axes.plot([0, 0], [row - 0.08, row + 0.08], color="#9ca3af", linewidth=0.8)
            axes.plot([0, value or 0], [row, row], color=colour, linewidth=1.4)
            face = colour if value is not None else "white"
            axes.plot(value or 0, row, "o", color=colour, markersize=4.5, markerfacecolor=face)
            top += height
        axes.set_ylim(top + 0.05, -0.05)
        here = [name for name in blocks if name in {item.block for item in features}]
        if len(here) > 1:
            for name in here:
                axes.plot([], [], "s", color=blocks[name].colour, label=name)
            figure.legend(loc="outside upper left", ncols=3, handletextpad=0.3, columnspacing=1.2)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.margins(x=0.08)
        axes.set_xlabel(
            f"{in_powers(axes, unit, features)}; right: {'test folds' if folds > 1 else 'in the tested model'}"
        )
        return to_svg(figure)


def in_powers(axes: Any, unit: str, features: Sequence[ChosenFeature]) -> str:
    """Return a unit, of very small or large numbers with a power of ten, which else would stand upon the axis' name."""
    largest = max((abs(item.importance or 0.0) for item in features), default=0.0)
    power = math.floor(math.log10(largest)) if largest > 0 else 0
    if -3 <= power <= 4:
        return unit
    axes.xaxis.set_major_formatter(lambda value, _: f"{value / 10.0**power:.2g}".replace("-", "−"))
    return f"{unit}, in 10{str(power).translate(_RAISED)}"


def _broken(name: str, width: int = 48) -> str:
    """Break a long feature name where its parts join; of one of more than three lines its beginning and its end."""
    if len(name) <= width:
        return name
    name = name if len(name) <= 3 * width else f"{name[: width - 1]}…{name[-width:]}"
    lines = [""]
    whole = re.split(r"(?<=[/_@])", name)
    for part in (one[start : start + width] for one in whole for start in range(0, len(one), width)):
        if len(lines[-1]) + len(part) > width and lines[-1]:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)


def right_aligned(axes: Any, row: float, label: str, apart: float = 0.42) -> None:
    """Write a label left of the axes, line by line, so that its end stays put in any viewer's font."""
    lines = label.split("\n")
    for place, line in enumerate(lines):
        height = row + apart * (place - (len(lines) - 1) / 2)
        axes.text(-0.015, height, line, transform=axes.get_yaxis_transform(), ha="right", va="center", fontsize=8.5)
