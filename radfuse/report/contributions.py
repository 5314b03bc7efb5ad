"""Drawn contributions: a case's way from the usual score to its own, and columns over all cases."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from radfuse.report.layout import Room
from radfuse.report.printed import number
from radfuse.report.svg import CLEAR, STYLE, to_svg
from radfuse.results.explained import ExplainedFamily
from radfuse.results.numbers import decimals

RAISES, LOWERS, REST = "#D55E00", "#0072B2", "#9ca3af"
_LOW_TO_HIGH = "viridis"
_LETTER = 0.075
"""Inches that a letter of a label takes."""
_SHARP = 200
"""Points of a beeswarm are a picture of so many dots an inch: thousands of circles would make the page heavy."""
_NARROW, _LINE = 60, 0.125
"""Letters of a line above a row of a narrow page, and its height in inches."""


@dataclass(frozen=True)
class Way:
    """One case: base + what each column moves = score.

    Attributes:
        title: of the case.
        base: where it starts.
        names: of the columns.
        values: of the case, NaN where missing.
        contributions: of the columns.
        absence: what other blocks than usual move.
    """

    title: str
    base: float
    names: Sequence[str]
    values: Sequence[float] | np.ndarray
    contributions: Sequence[float] | np.ndarray
    absence: float = 0.0


def steps_of(way: Way, most: int) -> list[tuple[str, float]]:
    """Return what moves a case most, the largest first, and what is left last: text and how far."""
    moved = np.asarray(way.contributions, dtype=float)
    order = np.argsort(-np.abs(moved), kind="stable")
    order = order[np.abs(moved[order]) > 0]
    shown, rest = order[:most], order[most:]
    steps = [(_said(way.names[i], way.values[i]), float(moved[i])) for i in shown]
    if abs(way.absence) > 1e-9:
        steps.append(("which blocks are missing", way.absence))
    if len(rest):
        steps.append((f"{len(rest)} other column{'s' if len(rest) > 1 else ''}", float(moved[rest].sum())))
    return steps


def _said(name: str, value: float) -> str:
    """Return a column with its value; of a level, as sex=male, whether it is this one."""
    if "=" in name and value in (0, 1):
        return f"{name}: {'yes' if value else 'no'}"
    return f"{name} = {_value(value)}"


def waterfall(way: Way, *, most: int = 10, narrow: bool = False, unit: str = "score (log odds)") -> str:
    """Return the way of one case from the usual score to its own as SVG.

    Args:
        way: of the case.
        most: columns shown one by one.
        narrow: each label above its bar.
        unit: of the axis.
    """
    steps = steps_of(way, most)
    ends = way.base + np.cumsum([0.0, *(size for _, size in steps)])
    largest = max((abs(size) for _, size in steps), default=0.0)
    digits = decimals(largest, 2 if largest >= 0.2 else 3)
    with mpl.rc_context(STYLE):
        names = [text for text, _ in steps]
        pitch = _pitch(names, 0.42) if narrow else 0.3
        figure = Figure(figsize=(3.7 if narrow else 8.6, 0.9 + pitch * len(steps)), layout=Room())
        axes = figure.subplots()
        high = 0.19 / pitch if narrow else 0.6
        for row, (_, size) in enumerate(steps):
            colour = RAISES if size > 0 else LOWERS
            axes.barh(row, size, left=ends[row], color=colour, height=high)
            axes.plot([ends[row + 1]] * 2, [row - high / 2, row + 1 + high / 2], color=REST, linewidth=0.7)
            words = f"{'+' if size > 0 else '−'}{abs(size):.{digits}f}"
            right = size > 0
            axes.annotate(
                words,
                (max(ends[row], ends[row + 1]) if right else min(ends[row], ends[row + 1]), row),
                xytext=(4 if right else -4, 0),
                textcoords="offset points",
                va="center",
                ha="left" if right else "right",
                fontsize=8,
                color="#4b5563",
                bbox=CLEAR,
            )
        axes.axvline(ends[0], color=REST, linewidth=0.8, linestyle=(0, (3, 2)))
        _rows(axes, names, pitch if narrow else None)
        axes.use_sticky_edges = False
        axes.margins(x=0.14)
        axes.set_xlabel(unit)
        axes.set_title(f"{way.title}: from {number(way.base, digits)} to {number(float(ends[-1]), digits)}", loc="left")
        return to_svg(figure)


def beeswarm(found: ExplainedFamily, most: int, *, narrow: bool = False, unit: str = "score (log odds)") -> str:
    """Return the contributions of the most important columns in all explained cases as SVG."""
    count = min(most, len(found.columns))
    with mpl.rc_context(STYLE):
        names = [column.name for column in found.columns[:count]]
        pitch = _pitch(names, 0.45) if narrow else 0.32
        size = (3.7, 1.1 + pitch * count) if narrow else (8.6, 1.0 + pitch * count)
        figure = Figure(figsize=size, layout="constrained", dpi=_SHARP)
        axes = figure.subplots()
        axes.axvline(0, color=REST, linewidth=0.8)
        moved = found.contributions[:, :count].T
        spread = max(float(np.abs(moved).max(initial=0)), 1e-12)
        height = [row + _swarm(each / spread) * (0.108 / pitch if narrow else 0.38) for row, each in enumerate(moved)]
        x, y = moved.ravel(), np.concatenate(height)
        place = np.concatenate([_ranks(found.values[:, row]) for row in range(count)])
        known = np.isfinite(place)
        told: Any = {"s": 5, "linewidths": 0, "rasterized": True}
        axes.scatter(x[~known], y[~known], color="#d1d5db", **told)
        drawn = axes.scatter(x[known], y[known], c=place[known], cmap=_LOW_TO_HIGH, vmin=0, vmax=1, **told)
        _rows(axes, names, pitch if narrow else None)
        axes.set_xlabel(f"contribution to the {unit}")
        beside: Any = {"location": "top", "shrink": 0.6, "aspect": 50} if narrow else {"aspect": 50, "pad": 0.01}
        bar = figure.colorbar(drawn, ax=axes, ticks=[0, 1], **beside)
        bar.set_ticklabels(["low", "high"])
        bar.outline.set_visible(False)
        return to_svg(figure)


def dependence(axes: Any, found: ExplainedFamily, column: int, colour: str) -> None:
    """Draw the contribution of a column over its values."""
    values, moved = found.values[:, column], found.contributions[:, column]
    known = np.isfinite(values)
    axes.axhline(0, color=REST, linewidth=0.8)
    axes.plot(values[known], moved[known], "o", color=colour, markersize=2.6, alpha=0.7, markeredgewidth=0)
    axes.set_title(wrapped(found.columns[column].name, 30), loc="left", fontsize=8)
    axes.set_ylabel("contribution")
    axes.locator_params(axis="x", nbins=4)
    axes.margins(x=0.06)


def heat_map(cells: Mapping[tuple[str, str], float], *, narrow: bool = False) -> str:
    """Return what columns of each region and sequence move together, as a small map."""
    rows, columns = (list(dict.fromkeys(cell[which] for cell in cells)) for which in (0, 1))
    columns = sorted(columns) if any("@" in name for name in columns) else columns  # visits of a sequence together
    grid = np.array([[cells.get((row, column), np.nan) for column in columns] for row in rows])
    with mpl.rc_context(STYLE):
        width = 3.7 if narrow else min(8.6, 2.6 + 1.1 * len(columns))
        labels = [wrapped(row, 18 if narrow else 34) for row in rows]
        high = max(0.34, 0.1 + 0.155 * max(label.count("\n") + 1 for label in labels))
        names = [wrapped(column, 8) for column in columns] if narrow else columns
        room = (0.6 * width / len(columns)) / _LETTER
        tilted = any(len(line) > room for name in names for line in name.split("\n"))
        figure = Figure(figsize=(width, (1.4 if tilted else 0.8) + high * len(rows)), layout=Room())
        axes = figure.subplots()
        top = max(float(np.nanmax(grid)), 1e-12)
        digits = decimals(top, 2)
        axes.imshow(grid, cmap="Blues", vmin=0, vmax=1.2 * top, aspect="auto")
        for (i, j), value in np.ndenumerate(grid):
            words = number(float(value), digits)
            axes.text(
                j, i, words, ha="center", va="center", fontsize=8.5 if room > len(words) else 6.5,
                color="white" if value > 0.7 * top else "#1f2937",
            )  # fmt: skip
        turned: dict[str, Any] = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if tilted else {}
        axes.set_xticks(range(len(columns)), columns if tilted else names, **turned)
        axes.set_yticks(range(len(rows)), labels)
        axes.tick_params(length=0)
        for side in axes.spines.values():
            side.set_visible(False)
        return to_svg(figure)


def wrapped(name: str, width: int) -> str:
    """Break a long name where its parts join."""
    lines = [""]
    for part in re.split(r"(?<=[/_@])", name):
        if len(lines[-1]) + len(part) > width and lines[-1]:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)


def _pitch(labels: Sequence[str], pitch: float) -> float:
    """Return the height of a row in inches with its label above it: more where some label takes two lines."""
    return pitch + _LINE * (max((len(_above(label)) for label in labels), default=1) - 1)


def _above(label: str) -> list[str]:
    """Return the lines of a label above its row; of one that joins nowhere, its start and its end."""
    lines = wrapped(label, _NARROW).split("\n")
    return [line if len(line) <= _NARROW + 4 else f"{line[:24]}…{line[-25:]}" for line in lines]


def _rows(axes: Any, labels: Sequence[str], pitch: float | None) -> None:
    """Label rows that are counted downwards: left of the axes, or above each row where it is so many inches high."""
    axes.set_ylim(len(labels) - 0.4, -0.6 if pitch is None else -_pitch(labels[:1], 0.34) / pitch)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    if pitch is None:
        axes.set_yticks(range(len(labels)), [])
        for row, label in enumerate(labels):  # line by line, so that its end stays put in any viewer's font
            lines = wrapped(label, 52).split("\n")
            for place, line in enumerate(lines):
                at = row + 0.42 * (place - (len(lines) - 1) / 2)
                told = {"transform": axes.get_yaxis_transform(), "ha": "right", "va": "center", "fontsize": 8.5}
                axes.text(-0.015, at, line, **told)
        return
    axes.set_yticks([])
    told = {"transform": axes.get_yaxis_transform(), "va": "center", "fontsize": 7.5, "bbox": CLEAR}
    for row, label in enumerate(labels):
        for place, line in enumerate(reversed(_above(label))):
            axes.text(0, row - (0.185 + _LINE * place) / pitch, line, **told)


def _swarm(values: np.ndarray) -> np.ndarray:
    """Return heights from -1 to 1 that keep points of like values apart."""
    place = np.round(values * 60).astype(int)
    height = np.zeros(len(values))
    most = 1
    for one in np.unique(place):
        where = np.flatnonzero(place == one)
        most = max(most, len(where))
        steps = np.arange(len(where))
        height[where] = np.where(steps % 2, -1, 1) * ((steps + 1) // 2)
    return np.asarray(height / max(6.0, most / 2))


def _ranks(values: np.ndarray) -> np.ndarray:
    """Return places from 0, the lowest value, to 1; NaN where missing."""
    found = np.full(len(values), np.nan)
    known = np.isfinite(values)
    levels, place = np.unique(values[known], return_inverse=True)
    counts = np.bincount(place, minlength=len(levels))
    middle = np.cumsum(counts) - (counts + 1) / 2
    found[known] = (middle / max(1.0, known.sum() - 1))[place]
    return found


def _value(value: float) -> str:
    if not np.isfinite(value):
        return "missing"
    return (f"{value:.0f}" if 1e4 <= abs(value) < 1e7 else f"{value:.4g}").replace("-", "−")
