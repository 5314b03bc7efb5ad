"""Colours and dashes by order: Okabe-Ito colours first, and a dash beside each, so that print and any eye can tell.

Source of the palette: Okabe and Ito 2008, https://jfly.uni-koeln.de/color/; the last three by Paul Tol,
https://sronpersonalpages.nl/~pault/.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

_COLOURS = (
    *("#E69F00", "#0072B2", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8C6D1F"),
    *("#332288", "#882255", "#44AA99"),
)
LABEL_COLOURS = ("#FFA51F", "#4FC3FF", "#2BD98C", "#FF7BC8", "#FF6A3D", "#A08CFF", "#B6E33A", "#FFFFFF")
"""Of contours: bright, to stand on grey images."""
_DASHES: tuple[Any, ...] = (
    (0, (5, 2)),
    (0, (1, 1.2)),
    (0, (6, 1.5, 1, 1.5)),
    (0, (3, 1)),
    (0, (4, 1, 1, 1, 1, 1)),
    "solid",
    (0, (2, 1, 4, 1)),
)


class Look(NamedTuple):
    """How one of several families or blocks is drawn."""

    colour: str
    dash: Any
    """As matplotlib takes it."""


def looks(names: Iterable[str]) -> dict[str, Look]:
    """Return a look for each name, by its place; 70 of them differ."""
    return {
        name: Look(_COLOURS[place % len(_COLOURS)], _DASHES[place % len(_DASHES)]) for place, name in enumerate(names)
    }


def block_looks(blocks: Iterable[str], families: Mapping[str, Look]) -> dict[str, Look]:
    """Return a look for each block: that of the family of the block alone, else a colour that no family has.

    Args:
        blocks: names, one again counts once.
        families: how families are drawn.
    """
    names = list(dict.fromkeys(blocks))
    taken = {look.colour for look in families.values()}
    free = sorted(_COLOURS, key=taken.__contains__)  # those of families last
    others = [name for name in names if name not in families]
    own = {name: Look(free[place % len(free)], "solid") for place, name in enumerate(others)}
    return {name: families[name] if name in families else own[name] for name in names}


def ink_on(ground: Iterable[float]) -> str:
    """Return the colour of text on a ground of red, green and blue (0 to 1): white where it is dark, by its luma."""
    red, green, blue, *_ = ground
    return "white" if 0.299 * red + 0.587 * green + 0.114 * blue < 0.5 else "#111827"
