"""Figures as SVG text: one style, and what several figures draw alike."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_mixed import MixedModeRenderer
from matplotlib.backends.backend_pdf import Op, PdfFile, RendererPdf
from matplotlib.figure import Figure
from matplotlib.text import Text

from radfuse.report.fonts import fonts_cut_once
from radfuse.report.layout import Room, SharedMetrics, SvgRenderer

Item = TypeVar("Item")
_MIXED: Any = MixedModeRenderer
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
_SIZE = re.compile(r' (width|height)="[\d.]+pt"')


class _PdfRenderer(SharedMetrics, RendererPdf):
    """Writes PDF."""


class Picture(str):
    """A figure as SVG text for a page, which shrinks with it and never grows past its size.

    Attributes:
        figure: what is drawn; for files at the size that journals print.
        drawn: as SVG of its own size.
    """

    figure: Figure
    drawn: str

    def printed(self) -> dict[str, str | bytes]:
        """Return the figure as journals take it, by the end of a file's name: SVG and PDF, fonts embedded in the PDF.

        One column is 88 mm wide, two are 180 mm; no text is smaller than 6.5 points.
        """
        scale = _to_column(self.figure)
        width, height = (72 * scale * size for size in self.figure.get_size_inches())
        size = f' width="{width:.3f}pt" height="{height:.3f}pt"'
        with mpl.rc_context(STYLE):
            return {
                "svg": _SIZE.sub("", self.drawn, count=2).replace("<svg", f"<svg{size}", 1),
                "pdf": self._pdf(scale),
            }

    def _pdf(self, scale: float) -> bytes:
        stream = io.BytesIO()
        width, height = self.figure.get_size_inches()
        file: Any = PdfFile(stream, metadata={"CreationDate": None, "Creator": None, "Producer": None})
        file.newPage(width * scale, height * scale)
        file.output(scale, 0, 0, scale, 0, 0, Op.concat_matrix)
        file.width, file.height = width, height  # beyond which nothing is written
        _draw(self.figure, _PdfRenderer(file, self.figure.dpi, height, width))
        with fonts_cut_once():
            file.finalize()
        file.close()
        return stream.getvalue()


def to_svg(figure: Figure) -> Picture:
    """Return a figure for a page: an SVG element without XML header or date; words are as large as printing asks for.

    It is laid out here once, for its files too.
    """
    with mpl.rc_context(STYLE):
        _legible(figure)
        stream = io.StringIO()
        width, height = figure.get_size_inches()
        nothing = {"Date": None, "Creator": None}
        _draw(figure, SvgRenderer(72 * width, 72 * height, stream, image_dpi=figure.dpi, metadata=nothing))
        figure.set_layout_engine("none")
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    style = f'<svg style="max-width:{width * _PIXELS_PER_INCH:.0f}px" '
    picture = Picture(_SIZE.sub("", text, count=2).replace("<svg ", style, 1))
    picture.figure, picture.drawn = figure, text
    return picture


def _draw(figure: Any, renderer: Any) -> None:
    """Draw a figure in points; what is made of pixels in it is as sharp as it says."""
    sharp, figure.dpi = figure.dpi, 72
    try:
        mixed = _MIXED(figure, *figure.get_size_inches(), sharp, renderer)
        figure.draw(mixed)
        mixed.finalize()
    finally:
        figure.dpi = sharp


def _to_column(figure: Figure) -> float:
    """Return what brings a figure to one or two columns of a journal."""
    width = float(figure.get_figwidth())
    return (_COLUMN_MM if width <= _WIDEST_OF_ONE else _PAGE_MM) / 25.4 / width


def _legible(figure: Figure) -> None:
    """Enlarge what would be too small to read in print."""
    least = _SMALLEST / _to_column(figure)
    for text in figure.findobj(Text) if least > _SMALLEST else []:
        text.set_fontsize(max(least, text.get_fontsize()))
    for axes in figure.axes:  # ticks are made anew where their number changes
        if float(STYLE["xtick.labelsize"]) < least:
            axes.tick_params(labelsize=least)


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
        whole = Figure(figsize=(width * columns, height * lines), layout=Room())
        drawn = list(whole.subplots(lines, columns, squeeze=False).flat)
        singles: list[str] = []
        for axes, item in zip(drawn, items, strict=False):
            draw(axes, item)
            single = Figure(figsize=(width, height), layout=Room())
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
