"""Room for axes: no word is cut, and no two ticks' labels run into each other."""

from __future__ import annotations

import io
import re
import zlib
from itertools import pairwise

import numpy as np
import pytest
from fontTools.ttLib import TTFont
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont

from radfuse.report import fonts
from radfuse.report.layout import Room
from radfuse.report.svg import Picture, to_svg


def _drawn(rows: int, columns: int, width: float, label: str) -> Picture:
    figure = Figure(figsize=(width, 2.5 * rows), layout=Room())
    for axes in figure.subplots(rows, columns, squeeze=False).flat:
        axes.plot([0, 1234], [0, 1], label="one")
        axes.set_yticks([0, 1], [label, "short"])
        axes.set_xlabel("across")
        axes.set_title("Title", loc="left")
    figure.legend(handles=axes.lines, loc="outside lower center")
    return to_svg(figure)


@pytest.mark.parametrize("label", ["0", "a name that takes half of the figure"])
@pytest.mark.parametrize(("rows", "columns", "width"), [(1, 1, 3.9), (2, 2, 8.6)])
def test_all_words_stand_in_the_figure_and_apart(rows: int, columns: int, width: float, label: str) -> None:
    picture = _drawn(rows, columns, width, label)
    figure = picture.figure
    figure.dpi = 72
    (legend,) = figure.legends
    below = legend.get_window_extent().y1
    boxes = [axes.get_tightbbox() for axes in figure.axes]
    for axes, box in zip(figure.axes, boxes, strict=True):
        assert 0 <= box.x0 < box.x1 <= figure.bbox.width
        assert below <= box.y0 < box.y1 <= figure.bbox.height
        ticks = [text.get_window_extent() for text in axes.get_xticklabels() if text.get_text()]
        assert all(first.x1 < second.x0 for first, second in pairwise(ticks))
    assert not any(one.overlaps(other) for one in boxes for other in boxes if one is not other)


def test_ticks_are_those_that_were_measured() -> None:
    """Of more room other ticks would come, with longer labels than there is room for."""
    for top in np.linspace(0.7, 30, 25):
        figure = Figure(figsize=(2.95, 2.6), layout=Room())
        axes = figure.subplots()
        axes.plot([0, 1], [-1.3 * top, top])
        axes.set_ylabel("score")
        to_svg(figure)
        figure.dpi = 72
        assert axes.get_tightbbox().x0 >= 0


def test_a_file_for_print_has_all_that_the_page_shows() -> None:
    """A line to the far corner, of a figure that print makes smaller, ends where the axes do."""
    picture = _drawn(1, 1, 5.0, "0")
    files = picture.printed()
    end = picture.figure.axes[0].transData.transform((1234, 1)) * 72 / picture.figure.dpi
    (content,) = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", files["pdf"], re.DOTALL)[:1]
    lines = re.findall(rb"([\d.]+) ([\d.]+) l", zlib.decompress(content))
    assert min(abs(float(x) - end[0]) + abs(float(y) - end[1]) for x, y in lines) < 0.1
    assert 'width="249.449pt"' in str(files["svg"])


def test_fonts_are_cut_once_for_figures_of_other_words() -> None:
    fonts._open.cache_clear()
    for word in ("first", "QUITE another"):
        assert b"/FontFile2" in _drawn(1, 1, 3.9, word).printed()["pdf"]
    assert fonts._open.cache_info().misses == 1
    saved = io.BytesIO()
    fonts._shared(findfont("DejaVu Sans"), set()).enter_result.font.save(saved)
    assert {"fpgm", "prep", "glyf"} <= set(TTFont(saved).keys())  # the programs that its glyphs call
