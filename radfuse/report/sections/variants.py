"""Sensitivity analyses: the study's families once more with other settings, beside the study itself."""

from __future__ import annotations

from typing import Any

import pandas as pd
from markupsafe import Markup

from radfuse.report.printed import DASH, interval, p_value
from radfuse.report.render import Part, render
from radfuse.report.study import StudyReport
from radfuse.report.svg import multiples
from radfuse.results import Interval, VariantFamily, VariantResults

_ITSELF = "as planned"
"""What the study's own analysis is called among its variants."""


def study(report: StudyReport) -> Part:
    """Return every variant beside the study; nothing where it has none."""
    found = report.variants
    if found is None:
        return Part("Variants", Markup(""))
    table = variant_table(found)
    figures: dict[str, str] = {}
    panels: list[str] = []
    drawn = [family for family, value in found.main.items() if value.value is not None and _of(found, family)]
    if drawn:
        figures["variants"], panels = variant_panels(report, found, drawn)
    done = {row.variant for row in found.families}
    html = render(
        "sections/variants.html",
        report=report,
        found=found,
        table=table,
        panels=panels,
        drawn=drawn,
        changes=change_table(found),
        failed=[name for name in found.changes if name not in done],
    )
    return Part("Variants", html, figures, {"variants": table})


def variant_table(found: VariantResults) -> pd.DataFrame:
    """Return a row per family and variant, the study's own first of each family."""
    families = dict.fromkeys([*found.main, *(row.family for row in found.families)])
    rows = []
    for family in families:
        if family in found.main:
            rows.append(_row(found, VariantFamily(variant=_ITSELF, family=family, value=found.main[family])))
        rows += [_row(found, row) for row in _of(found, family)]
    return pd.DataFrame(rows)


def _row(found: VariantResults, row: VariantFamily) -> dict[str, str]:
    known = row.difference.value is not None
    return {
        "family": row.family,
        "variant": row.variant,
        found.measure: interval(row.value),
        "difference": "unchanged" if row.same else interval(row.difference) if known else DASH,
        "p": p_value(row.p),
        "p (Holm)": p_value(row.p_holm),
        "units compared": str(row.units) if known else DASH,
    }


def change_table(found: VariantResults) -> pd.DataFrame:
    """Return what each variant changes."""
    return pd.DataFrame([{"variant": name, "what it changes": text} for name, text in found.changes.items()])


def variant_panels(report: StudyReport, found: VariantResults, families: list[str]) -> tuple[str, list[str]]:
    """Return a panel per family: the headline of each variant with its interval, and a line where the study's is."""
    every = [row.value for row in found.families] + [found.main[family] for family in families]
    lows = [value.low if value.low is not None else value.value for value in every if value.value is not None]
    highs = [value.high if value.high is not None else value.value for value in every if value.value is not None]
    edges = (max(0.0, min(lows) - 0.02), min(1.01, max(highs) + 0.02))

    def draw(axes: Any, family: str) -> None:
        colour = report.looks[family].colour
        rows = [(_ITSELF, found.main[family]), *((row.variant, row.value) for row in _of(found, family))]
        axes.axvline(found.main[family].value, color=colour, linewidth=0.9, linestyle=(0, (3, 2)))
        for place, (_, value) in enumerate(rows):
            _mark(axes, value, place, colour)
        axes.set_yticks(range(len(rows)), [name for name, _ in rows])
        axes.set_ylim(len(rows) - 0.5, -0.6)
        axes.set_xlim(*edges)
        axes.set_title(family, loc="left", fontweight="bold")
        axes.set_xlabel(f"{found.measure}, 95% CI")
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)

    return multiples(families, draw, height=0.95 + 0.24 * (1 + len(found.changes)))


def _mark(axes: Any, value: Interval, place: int, colour: str) -> None:
    if value.value is None:
        return
    if value.low is not None and value.high is not None:
        axes.plot([value.low, value.high], [place, place], color=colour, linewidth=1.5)
    axes.plot(value.value, place, "o" if place else "D", color=colour, markersize=5)


def _of(found: VariantResults, family: str) -> list[VariantFamily]:
    return [row for row in found.families if row.family == family]
