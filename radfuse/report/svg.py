"""Figures as SVG text: one style, and what several figures draw alike."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

Item = TypeVar("Item")
STYLE: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["Helvetica Neue", "Helvetica", "Arial", "DejaVu Sans"],
    "font.size": 9.5,
    "axes.titlesize": 10,
    "axes.titley": 1.0,  # where it would be found to stand, by measuring all ticks once more a figure
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
    "pdf.fonttype": 42,
}
_COLUMN_MM, _PAGE_MM, _WIDEST_OF_ONE = 88.0, 180.0, 5.2
"""Widths that journals print, and the width in inches up to which a figure goes into one column."""
_SMALLEST = 6.5
CLEAR: Any = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1}
"""Behind words that lines may cross."""
_PIXELS_PER_INCH = 107  # the page's width over that of the widest figure


class Picture(str):
    """A figure as SVG text for a page, which shrinks with it and never grows past its size.

    Attributes:
        figure: what is drawn; for files at the size that journals print.
    """

    figure: Figure

    def printed(self) -> dict[str, str | bytes]:
        """Return the figure as journals take it, by the end of a file's name: SVG and PDF, fonts embedded in the PDF.

        One column is 88 mm wide, two are 180 mm; no text is smaller than 6.5 points. The figure keeps that size.
        """
        with mpl.rc_context(STYLE):
            _to_column(self.figure)
            self.figure.draw_without_rendering()
            self.figure.set_layout_engine("none")  # laid out once, which takes longer than to print
            return {"svg": _svg(self.figure), "pdf": _pdf(self.figure)}


def to_svg(figure: Figure) -> Picture:
    """Return a figure for a page: an SVG element without XML header or date."""
    text = re.sub(r' (width|height)="[\d.]+pt"', "", _svg(figure), count=2)
    style = f'<svg style="max-width:{figure.get_figwidth() * _PIXELS_PER_INCH:.0f}px" '
    picture = Picture(text.replace("<svg ", style, 1))
    picture.figure = figure
    return picture


def _svg(figure: Figure) -> str:
    stream = io.StringIO()
    canvas: Any = FigureCanvasSVG(figure)
    canvas.print_svg(stream, metadata={"Date": None, "Creator": None})
    text = stream.getvalue()
    return text[text.index("<svg") :]


def _pdf(figure: Figure) -> bytes:
    stream = io.BytesIO()
    canvas: Any = FigureCanvasPdf(figure)
    canvas.print_pdf(stream, metadata={"CreationDate": None, "Creator": None, "Producer": None})
    return stream.getvalue()


def _to_column(figure: Figure) -> None:
    """Bring a figure to one or two columns of a journal, with what is written on it."""
    width, height = figure.get_size_inches()
    target = (_COLUMN_MM if width <= _WIDEST_OF_ONE else _PAGE_MM) / 25.4
    scale = target / width
    figure.set_size_inches(target, height * scale)
    for text in figure.findobj(Text):
        text.set_fontsize(max(_SMALLEST, text.get_fontsize() * scale))
    for axes in figure.axes:  # ticks are made anew where their number changes
        size = max(_SMALLEST, float(STYLE["xtick.labelsize"]) * scale)
        axes.tick_params(labelsize=size)
    for line in figure.findobj(Line2D):
        line.set_linewidth(line.get_linewidth() * min(1.0, scale))
        line.set_markersize(line.get_markersize() * min(1.0, scale))


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
        singles: list[str] = []
        for axes, item in zip(drawn, items, strict=False):
            draw(axes, item)
            single = Figure(figsize=(width, height), layout="constrained")
            draw(single.subplots(), item)
            singles.append(to_svg(single))
        for unused in drawn[len(items) :]:
            unused.remove()
        return to_svg(whole), singles


def in_a_free_corner(axes: Any, text: str, corners: Sequence[str], fontsize: float) -> None:
    """Write a text in the first corner whose lines do not run below it, or the one with least of them.

    Args:
        axes: with its limits set and its lines drawn.
        text: of one line.
        corners: "lower left" and so on, the usual one first.
        fontsize: in points.
    """
    wide, high = 0.04 + 0.0028 * fontsize * len(text), 0.015 * fontsize
    drawn = [line for line in axes.lines if line.get_transform() == axes.transData]  # no rules across
    points = np.vstack([axes.transLimits.transform(line.get_path().interpolated(40).vertices) for line in drawn])
    crossed = {}
    for corner in corners:
        x, y = points[:, 0], points[:, 1]
        beside = x > 1 - wide if "right" in corner else x < wide
        crossed[corner] = np.count_nonzero(beside & (y < high if "lower" in corner else y > 1 - high))
    vertical, _, side = min(corners, key=lambda corner: crossed[corner]).partition(" ")
    place = {"x": 0.97 if side == "right" else 0.04, "ha": side}
    place |= {"y": 0.05, "va": "bottom"} if vertical == "lower" else {"y": 0.96, "va": "top"}
    axes.text(s=text, transform=axes.transAxes, fontsize=fontsize, bbox=CLEAR, **place)
