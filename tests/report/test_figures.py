"""Figures of the report as files at the widths that journals print, and the overview."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from markupsafe import Markup
from matplotlib.figure import Figure

from radfuse.report.palette import looks
from radfuse.report.render import Part, page_files
from radfuse.report.sections.overview import Shown, gains, main_families
from radfuse.report.svg import in_a_free_corner, to_svg
from radfuse.results import Addition, Interval, Performance

MM = 72 / 25.4


def test_figures_are_written_at_journal_widths_with_their_fonts(printed_run: Path) -> None:
    folder = printed_run / "report/figures"
    drawn = {item.stem for item in folder.glob("*.svg")}
    assert drawn == {item.stem for item in folder.glob("*.pdf")}
    assert {"overview", "roc", "decision", "calibration"} <= drawn
    for name in sorted(drawn):
        pdf = (folder / f"{name}.pdf").read_bytes()
        box = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+) ([\d.]+) ?\]", pdf)
        assert box is not None
        width = float(box[1]) / MM
        assert width == pytest.approx(88, abs=0.5) or width == pytest.approx(180, abs=0.5)
        assert b"/FontFile2" in pdf  # TrueType, embedded
        svg = (folder / f"{name}.svg").read_text(encoding="utf-8")
        assert float(re.search(r'width="([\d.]+)pt"', svg)[1]) / MM == pytest.approx(width, abs=0.5)
        scale = width * MM / float(re.search(r'viewBox="0 0 ([\d.]+) ', svg)[1])
        sizes = [scale * float(size) for size in re.findall(r"font-size: ([\d.]+)px", svg)]
        assert min(sizes) >= 6.499


def test_figures_as_on_the_page_are_quicker_where_that_is_asked_for() -> None:
    figure = Figure(figsize=(5.0, 3.0))
    figure.subplots().plot([0, 1])
    part = Part("P", Markup(""), {"one": to_svg(figure)})
    plain = page_files("<p>", {"p": part}, journal=False)
    assert list(plain) == ["index.html", "figures/one.svg"]
    assert "max-width:535px" in plain["figures/one.svg"]
    assert list(page_files("<p>", {"p": part})) == ["index.html", "figures/one.svg", "figures/one.pdf"]


def test_the_overview_stands_first_and_alone_on_narrow_pages(phantom_run: tuple[Path, Path]) -> None:
    page = (phantom_run[1] / "report/index.html").read_text(encoding="utf-8")
    assert page.index('id="overview"') < page.index('id="cohort"')
    part = page[page.index('id="overview"') : page.index('id="cohort"')]
    assert part.count("<svg ") == 5  # one of four panels, and four
    assert "What fusion adds" in part
    assert "4 of 6 families." in part


def _family(name: str) -> Performance:
    nothing = {"value": None}
    names = ("auc", "auc_pooled", "brier", "sensitivity", "specificity", "ppv", "npv")
    more = ("calibration_intercept", "calibration_slope")
    known = {"units": 1, "patients": 1, "events": 1, "fold_aucs": {}, "brier_scaled": None}
    return Performance(family=name, observed=None, expected=None, **known, **dict.fromkeys((*names, *more), nothing))


@pytest.mark.parametrize(
    ("names", "head", "shown"),
    [
        (["a", "b"], "b", ["a", "b"]),
        (["a", "b", "c", "a-b", "b-c", "a-b-c"], "b-c", ["a", "b", "b-c", "a-b-c"]),
        (["a", "b", "c", "a-b", "b-c", "a-b-c"], "a-b-c", ["a", "b", "c", "a-b-c"]),
    ],
)
def test_the_main_families_are_the_headline_the_largest_and_blocks_alone(
    names: list[str], head: str, shown: list[str]
) -> None:
    families = [_family(name) for name in names]
    found = main_families(families, next(item for item in families if item.family == head))
    assert [item.family for item in found] == shown


def test_what_blocks_add_has_no_colour_that_the_legend_lacks() -> None:
    """Of five families four are in the legend; a row of the fifth in its own colour would be of nobody."""
    names = ["a", "b", "c", "a-b", "a-b-c"]
    measured = [_family(name) for name in names]
    shown = Shown(measured[:3], measured[0], measured, pd.DataFrame(), looks(names))
    gain = Interval(value=0.1, low=0.0, high=0.2)
    added = [
        Addition(
            family=f"{without}-{block}",
            block=block,
            without=without,
            auc=gain,
            loss=gain,
            p=None,
            patients_to_show=None,
            weight=None,
        )
        for block, without in (("b", "a"), ("c", "a-b"))
    ]
    axes = Figure().subplots()
    gains(axes, added, measured, shown)
    of_rows = {line.get_color() for line in axes.lines[1:]}
    assert of_rows.isdisjoint(look.colour for look in shown.looks.values())
    assert len(of_rows) == 1


@pytest.mark.parametrize(
    ("curve", "corner"),
    [
        ([(0, 0), (0.1, 0.9), (1, 1)], "lower right"),
        ([(0, 0), (0.9, 0.1), (1, 1)], "upper left"),  # of a model that is worse than chance
        ([(0, 0.02), (1, 0.02)], "upper left"),
        ([(0, 0.98), (0.2, 0.98), (1, 0)], "lower right"),  # both are crossed, this one less
    ],
)
def test_words_stand_in_the_corner_that_no_curve_crosses(curve: list[tuple[float, float]], corner: str) -> None:
    axes = Figure().subplots()
    axes.plot([0, 10], [5, 5], transform=axes.transAxes)  # a rule, which is no curve
    axes.plot(*np.array(curve).T)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    in_a_free_corner(axes, "AUC 0.61 (0.52-0.70)", ("lower right", "upper left"), 8.5)
    (told,) = axes.texts
    assert f"{'upper' if told.get_position()[1] > 0.5 else 'lower'} {told.get_ha()}" == corner
