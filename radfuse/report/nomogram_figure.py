"""A nomogram as a figure: points on top, a line a variable, total points and what is read off them below.

Every tick is a line of its own whose id is "tick-LINE-NUMBER", so that positions can be read back from the SVG: LINE
counts from 0, "points" and "total" stand for themselves, "read-N" for what is read off the total.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from radfuse.report.nomogram import Nomogram, Tick
from radfuse.report.svg import STYLE, Picture, to_svg

_LETTER = 0.068
"""Inches that a letter of a tick label takes, about."""
_LANE = 0.15
"""Inches between two lanes of labels."""
_APART = 0.04
"""Inches from a tick to the next; nearer ones without a label are thin, or they would be one black bar."""
_BEYOND = "Arrows: 1st or 99th percentile of training values; points go on beyond in step."


@dataclass(frozen=True)
class _Layout:
    """Sizes in inches: of the figure, of the names left of the lines, and letters of a name a line."""

    width: float
    left: float
    letters: int
    above: bool

    @property
    def span(self) -> float:
        """Length of the points axis."""
        return self.width - self.left - 0.25


_WIDE = _Layout(width=9.4, left=2.75, letters=34, above=False)
_NARROW = _Layout(width=3.7, left=0.2, letters=48, above=True)


@dataclass(frozen=True)
class _Row:
    """One line to draw: id, name, ticks at shares of the length, ends as shares; labels of named points all stay."""

    key: str
    name: str
    ticks: Sequence[tuple[str, float]]
    ends: tuple[float, float]
    bold: bool = False
    named: bool = False
    beyond: tuple[bool, bool] = (False, False)
    colour: str = "#1f2937"


def drawn(nomogram: Nomogram, *, narrow: bool = False) -> Picture:
    """Return the nomogram as SVG, which prints itself for journals too."""
    with mpl.rc_context(STYLE):
        return to_svg(_figure(nomogram, _NARROW if narrow else _WIDE))


def _rows(nomogram: Nomogram) -> list[_Row]:
    ten = [(f"{points}", points / 100) for points in range(0, 101, 10)]
    rows = [_Row("points", "Points", ten, (0.0, 1.0), bold=True)]
    for number, line in enumerate(nomogram.lines):
        ends = (line.ends[0] / 100, line.ends[1] / 100)
        named = any(math.isnan(tick.value) for tick in line.ticks) or len(line.ticks) == 2
        rows.append(_Row(str(number), line.name, _shares(line.ticks, 100), ends, named=named, beyond=line.beyond))
    rows.append(_Row("total", "Total points", _shares(nomogram.total, nomogram.most), (0.0, 1.0), bold=True))
    for number, scale in enumerate(nomogram.scales):
        ticks = _shares(scale.ticks, nomogram.most)
        ends = (min((at for _, at in ticks), default=0.0), max((at for _, at in ticks), default=0.0))
        name = f"{scale.label[:1].upper()}{scale.label[1:]}"
        rows.append(_Row(f"read-{number}", name, ticks, ends, bold=True, colour="#0072B2"))
    return rows


def _shares(ticks: Sequence[Tick], most: float) -> list[tuple[str, float]]:
    return [(tick.label, tick.points / most) for tick in ticks]


def _figure(nomogram: Nomogram, layout: _Layout) -> Figure:
    rows = _rows(nomogram)
    names = [_broken(row.name, layout.letters) for row in rows]
    lanes = [_lanes(row, layout.span) for row in rows]
    above = [0.12 + _LANE * max([lane for lane in own if lane > 0], default=0) for own in lanes]
    below = [0.12 - _LANE * min([lane for lane in own if lane < 0], default=0) for own in lanes]
    if layout.above:
        above = [room + 0.16 * len(name) for room, name in zip(above, names, strict=True)]
    else:
        tall = [0.09 * len(name) for name in names]
        above, below = ([max(room, own) for room, own in zip(each, tall, strict=True)] for each in (above, below))
    told = any(any(row.beyond) for row in rows)
    height = sum(above) + sum(below) + (0.1 + _LANE * 1.6 if told else 0.1)
    figure = Figure(figsize=(layout.width, height))
    axes: Any = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_axis_off()
    axes.set_xlim(-layout.left / layout.span, 1 + 0.25 / layout.span)
    axes.set_ylim(0, height)
    at = height - 0.05
    last = sum(above[: len(nomogram.lines) + 1]) + sum(below[: len(nomogram.lines)])
    for share in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0):
        axes.plot([share, share], [at - above[0], at - last], color="#eef2f7", linewidth=0.9, zorder=0)
    for row, name, own, up, down in zip(rows, names, lanes, above, below, strict=True):
        at -= up
        _draw(axes, row, own, at, layout)
        _write(axes, row, name, at + up, at, layout)
        at -= down
    if told:
        edge = (-layout.left + 0.08) / layout.span
        axes.text(edge, 0.06, _BEYOND, ha="left", va="bottom", fontsize=7.5, color="#4b5563")
    return figure


def _draw(axes: Any, row: _Row, lanes: Sequence[int], at: float, layout: _Layout) -> None:
    """Draw a line, its ticks and their labels; labels of several values of one place stand together."""
    axes.plot(row.ends, [at, at], color=row.colour, linewidth=1.1, solid_capstyle="butt", gid=f"line-{row.key}")
    labels = _together(row.ticks)
    for end, goes_on, mark in zip(row.ends, row.beyond, ("<", ">"), strict=True):
        axes.plot([end] if goes_on else [], [at] if goes_on else [], mark, color=row.colour, markersize=4)
    last = -math.inf
    for number, (_, share) in enumerate(row.ticks):
        crowded = not lanes[number] and abs(share - last) * layout.span < _APART
        told = {"color": row.colour, "linewidth": 0.3 if crowded else 0.9, "gid": f"tick-{row.key}-{number}"}
        axes.plot([share, share], [at, at + 0.055], **told)
        last = share
    for number, lane in enumerate(lanes):
        if not lane or number not in labels:
            continue
        share = row.ticks[number][1]
        high = at + (0.075 + _LANE * (lane - 1) if lane > 0 else -0.045 + _LANE * (lane + 1))
        edge = "left" if share < 0.004 and layout.above else "right" if share > 0.996 and layout.above else "center"
        where = {"ha": edge, "va": "bottom" if lane > 0 else "top"}
        axes.text(share, high, _minus(labels[number]), fontsize=8, color=row.colour, **where)


def _write(axes: Any, row: _Row, lines: Sequence[str], top: float, at: float, layout: _Layout) -> None:
    """Write a name, left of its line or above it, in the lines it is broken into."""
    weight = "bold" if row.bold else "normal"
    edge = -layout.left / layout.span
    for number, text in enumerate(lines):
        if layout.above:
            place = (edge + 0.08 / layout.span, top - 0.02 - 0.16 * number)
            axes.text(*place, text, ha="left", va="top", fontsize=8.5, fontweight=weight, color=row.colour)
        else:
            high = at + 0.15 * ((len(lines) - 1) / 2 - number)
            place = (-0.2 / layout.span, high)
            axes.text(*place, text, ha="right", va="center", fontsize=9, fontweight=weight, color=row.colour)


def _minus(label: str) -> str:
    return label.replace("-", "−") if re.fullmatch(r"[-\d.e]+", label) else label


def _together(ticks: Sequence[tuple[str, float]]) -> dict[int, str]:
    """Return the label of the first tick at each place: all that stand there."""
    found: dict[int, str] = {}
    for number, (label, share) in enumerate(ticks):
        same = next((other for other in found if abs(ticks[other][1] - share) < 1e-9), None)
        if same is None:
            found[number] = label
        else:
            found[same] += f" / {label}"
    return found


def _lanes(row: _Row, span: float) -> list[int]:
    """Return the lane of each label, 1 and more above the line, -1 and less below it, 0 where it is left out.

    Numbers that would touch their neighbour are left out; names never are: they go below, and further out.
    """
    labels = _together(row.ticks)
    taken: dict[int, list[tuple[float, float]]] = {}
    lanes = [0] * len(row.ticks)
    for number in sorted(labels, key=lambda place: row.ticks[place][1]):
        half = _LETTER * (len(labels[number]) + 1) / 2
        here = row.ticks[number][1] * span
        tried = [lane for step in range(1, len(labels) + 1) for lane in (step, -step)] if row.named else [1]
        for lane in tried:
            if all(here - half >= high or here + half <= low for low, high in taken.get(lane, [])):
                taken.setdefault(lane, []).append((here - half, here + half))
                lanes[number] = lane
                break
    return lanes


def _broken(name: str, letters: int) -> list[str]:
    """Break a long name where its parts join."""
    lines = [""]
    for part in re.split(r"(?<=[/_@ ])", name):
        if lines[-1] and len(lines[-1]) + len(part) > letters:
            lines.append("")
        lines[-1] += part
    return lines
