"""Which level, a class or a grade, is taken for which."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from radfuse.report.palette import Look, ink_on
from radfuse.report.printed import percent
from radfuse.report.svg import multiples

MANY = 6
"""Levels up to which a panel has room for more than counts and curves."""
_LONGEST = 14
"""Letters of a level on an axis."""


def counts(observed: np.ndarray, given: np.ndarray, levels: int) -> np.ndarray:
    """Return how many units of each observed level, a row each, are given each level; int, shape (level, level).

    Args:
        observed: place of each unit's level, shape (unit,).
        given: place of the level that it is given, shape (unit,).
        levels: how many there are.
    """
    found = np.zeros((levels, levels), dtype=int)
    np.add.at(found, (observed, given), 1)
    return found


def confusion_panels(
    performance: Sequence[Any], drawn: Mapping[str, Look], counted: Callable[[Any], np.ndarray], what: str
) -> tuple[str, list[str]]:
    """Return a panel per family: observed against predicted levels, counts over shares of the observed level.

    Args:
        performance: of each family, with the names of its `levels`.
        drawn: how each family is drawn.
        counted: of a family, as `counts` has it.
        what: a level is: "class".
    """
    size = 2.9 + 0.25 * max(0, len(performance[0].levels) - 4)

    def draw(axes: Any, item: Any) -> None:
        draw_confusion(axes, counted(item), item.levels, drawn[item.family].colour, what)
        axes.set_title(item.family, loc="left", fontweight="bold")

    return multiples(performance, draw, width=max(2.95, size), height=size)


def draw_confusion(axes: Any, found: np.ndarray, levels: Sequence[str], colour: str, what: str) -> None:
    """Draw counts of observed against predicted levels, shaded by the share of the observed level."""
    from matplotlib.colors import LinearSegmentedColormap

    shares = len(levels) <= MANY  # more cells have no room for two lines
    share = found / np.maximum(found.sum(axis=1, keepdims=True), 1)
    shades = LinearSegmentedColormap.from_list("own", ["#ffffff", colour])
    axes.pcolormesh(share, cmap=shades, vmin=0, vmax=1, edgecolors="#e5e7eb", linewidth=0.6)
    for (row, column), count in np.ndenumerate(found):
        text = f"{count}\n{percent(share[row, column])}" if shares and found[row].any() else str(count)
        axes.text(
            column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=7.5, linespacing=1.15,
            color=ink_on(shades(share[row, column])),
        )  # fmt: skip
    middle, names = np.arange(len(levels)) + 0.5, [short_name(name) for name in levels]
    wide = sum(map(len, names)) > 26
    axes.set_xticks(middle, names, rotation=35 if wide else 0, ha="right" if wide else "center")
    axes.set_yticks(middle, names)
    axes.set_ylim(len(levels), 0)
    axes.tick_params(length=0)
    axes.set_xlabel(f"predicted {what}")
    axes.set_ylabel(f"observed {what}")


def short_name(name: str) -> str:
    """Return the name of a level, or its beginning and end: names of tumours often differ in one of these alone."""
    return name if len(name) <= _LONGEST else f"{name[:8]}…{name[-5:]}"
