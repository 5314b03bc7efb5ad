"""Figures as SVG text: one style, and what several figures draw alike."""

from __future__ import annotations

import io
import re
from typing import Any

from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

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


def panels(count: int, extra: float = 0.0) -> tuple[Figure, list[Any]]:
    """Return a figure and its axes, three a line; `extra` inches of height each."""
    columns = min(3, count)
    lines = -(-count // columns)
    figure = Figure(figsize=(2.95 * columns, (2.75 + extra) * lines), layout="constrained")
    drawn = list(figure.subplots(lines, columns, squeeze=False).flat)
    for unused in drawn[count:]:
        unused.remove()
    return figure, drawn[:count]
