"""Where axes stand in a figure, and how wide words are: measured once for a whole report."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

import numpy as np
from matplotlib.backends.backend_svg import RendererSVG
from matplotlib.font_manager import FontProperties
from matplotlib.layout_engine import LayoutEngine
from matplotlib.textpath import TextToPath
from matplotlib.ticker import FixedLocator

_GUESS = (0.6, 0.5, 0.1, 0.3)
"""Inches left of, below, right of and above axes, before they are measured: those of most figures."""
_LIKE_BEFORE = 0.15
"""Of the size of axes: if it changes by less, their ticks remain."""
_GAP = 0.02
"""Between rows, and between columns, as a share of the figure."""
_TO_PATH: Any = TextToPath()


class SharedMetrics:
    """A renderer to whom words are as wide as to all others, so that each is measured once, not once a figure."""

    def get_text_width_height_descent(self, s: str, prop: FontProperties, ismath: Any) -> tuple[float, float, float]:
        """Return width, height and descent of a text in points."""
        font = (tuple(prop.get_family()), prop.get_style(), prop.get_weight(), prop.get_size_in_points())
        return _extent(s, font, ismath)


@lru_cache(maxsize=20_000)
def _extent(text: str, font: tuple[Any, ...], ismath: Any) -> tuple[float, float, float]:
    family, style, weight, size = font
    told = FontProperties(family=list(family), style=style, weight=weight, size=size)
    width, height, descent = _TO_PATH.get_text_width_height_descent(text, told, ismath)
    return float(width), float(height), float(descent)


class SvgRenderer(SharedMetrics, RendererSVG):
    """Writes SVG."""


class Room(LayoutEngine):
    """Gives the axes of a grid what the words around them, and legends outside of them, leave.

    Where words need about the room that was guessed, they are measured once. Matplotlib's constrained layout measures
    them twice and solves for the same places with a general solver: it took longer than drawing.
    """

    _adjust_compatible = False
    _colorbar_gridspec = False

    def __init__(self, pad: tuple[float, float] = (0.042, 0.042)) -> None:
        """Prepare.

        Args:
            pad: inches around axes with their words: left and right, below and above.
        """
        super().__init__()
        self.pad = np.array([*pad, *pad])

    def execute(self, fig: Any) -> None:
        """Place the axes."""
        every = [axes for axes in fig.axes if axes.get_subplotspec() is not None]
        outside = _legends(fig, self.pad)
        guess = np.tile(np.array(_GUESS) + self.pad, (len(every), 1))
        before = _place(fig, every, guess, outside)
        for _ in range(2):
            around = np.array([_around(axes) for axes in every])
            ticks = [(axis, axis.get_majorticklocs()) for axes in every for axis in (axes.xaxis, axes.yaxis)]
            after = _place(fig, every, around + self.pad, outside)
            if np.all(np.abs(after / before - 1) < _LIKE_BEFORE):
                break
            before = after
        for axis, places in ticks:  # those that were measured: where others would come, their labels could be cut
            axis.set_major_locator(FixedLocator(places))


@cache
def _pen() -> Any:
    return SvgRenderer(1, 1, io.StringIO())


def _around(axes: Any) -> np.ndarray:
    """Return how many inches words take left of axes, below, right of and above them."""
    whole, own = axes.get_tightbbox(_pen(), for_layout_only=True), axes.bbox
    taken = (own.x0 - whole.x0, own.y0 - whole.y0, whole.x1 - own.x1, whole.y1 - own.y1)
    return np.asarray(np.maximum(taken, 0) / axes.figure.dpi)


def _legends(figure: Any, pad: np.ndarray) -> np.ndarray:
    """Return how many inches legends take at the left, lower, right and upper edge of a figure."""
    taken = np.zeros(4)
    for legend in figure.legends:
        box = legend.get_tightbbox(_pen())
        side = ("left", "lower", "right", "upper").index(legend._outside_loc)
        size = box.height if side % 2 else box.width
        taken[side] = max(taken[side], size / figure.dpi + 2 * pad[side])
    return taken


def _place(figure: Any, every: Sequence[Any], around: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """Place axes with so much room around each; of a row and of a column all stand in line.

    Returns:
        Width and height of each in inches.
    """
    grid = every[0].get_subplotspec().get_gridspec()
    cells = [axes.get_subplotspec() for axes in every]
    ends = []
    for side, places, ratios in (
        (0, [cell.colspan.start for cell in cells], grid.get_width_ratios()),
        (1, [grid.nrows - 1 - cell.rowspan.start for cell in cells], grid.get_height_ratios()[::-1]),
    ):
        low, high = np.zeros(len(ratios)), np.zeros(len(ratios))
        np.maximum.at(low, places, around[:, side])
        np.maximum.at(high, places, around[:, side + 2])
        whole = figure.get_size_inches()[side]
        gap = _GAP * whole if len(ratios) > 1 else 0.0
        taken = low + high + gap * (1 - 1 / len(ratios))
        left = max(whole - outside[side] - outside[side + 2] - taken.sum(), 0.1 * whole)
        sizes = left * np.array(ratios) / np.sum(ratios)
        starts = outside[side] + np.cumsum(low + sizes + high + gap) - sizes - high - gap
        ends.append((starts[places] / whole, sizes[places] / whole, sizes[places]))
    (x, wide, inches_wide), (y, high, inches_high) = ends
    for axes, place in zip(every, np.column_stack([x, y, wide, high]), strict=True):
        axes._set_position(place)
    return np.column_stack([inches_wide, inches_high])
