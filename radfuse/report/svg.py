"""Figures as SVG text: one style, and what several figures draw alike."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import matplotlib as mpl
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

Item = TypeVar("Item")
STYLE: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["Helvetica Neue", "Helvetica", "Arial", "DejaVu Sans"],
    "font.size": 9.5,
    "axes.titlesize": 10,
    "axes.labelsize": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#9ca3af",
    "axes.linewidth": 0.8,
    "axes.labelcolor": "#1f2937",
    "text.color": "#1f2937",
    "xtick.color": "#4b5563",
    "ytick.color": "#4b5563",
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.8,
    "svg.fonttype": "none",
    "svg.hashsalt": "radfuse",
}
_PIXELS_PER_INCH = 107  # the page's width over that of the widest figure


def to_svg(figure: Figure) -> str:
    """Return an SVG element without XML header or date, that shrinks with its page and never grows past its size."""
    stream = io.StringIO()
    canvas: Any = FigureCanvasSVG(figure)
    canvas.print_svg(stream, metadata={"Date": None, "Creator": None})
    text = stream.getvalue()
    text = re.sub(r' (width|height)="[\d.]+pt"', "", text[text.index("<svg") :], count=2)
    return text.replace("<svg ", f'<svg style="max-width:{figure.get_figwidth() * _PIXELS_PER_INCH:.0f}px" ', 1)


def multiples(
    items: Sequence[Item], draw: Callable[[Any, Item], None], *, width: float = 2.95, height: float = 2.75
) -> tuple[str, list[str]]:
    """Return small multiples twice: as one figure, three a line, and each alone, for a page that is narrow too.

    Args:
        items: one a panel.
        draw: draws an item on matplotlib axes.
        width: of a panel, inches.
        height: of a panel, inches.
    """
    with mpl.rc_context(STYLE):
        columns = min(3, len(items))
        lines = -(-len(items) // columns)
        whole = Figure(figsize=(width * columns, height * lines), layout="constrained")
        drawn = list(whole.subplots(lines, columns, squeeze=False).flat)
        singles = []
        for axes, item in zip(drawn, items, strict=False):
            draw(axes, item)
            single = Figure(figsize=(width, height), layout="constrained")
            draw(single.subplots(), item)
            singles.append(to_svg(single))
        for unused in drawn[len(items) :]:
            unused.remove()
        return to_svg(whole), singles
