"""Models that a reader can compute by hand: nomograms, their points, and a calculator."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
from markupsafe import Markup

from radfuse.report.calculator import calculator
from radfuse.report.nomogram import Nomogram, nomogram_of, points_table
from radfuse.report.nomogram_figure import drawn
from radfuse.report.printed import DASH
from radfuse.report.render import Part, render
from radfuse.report.study import StudyReport
from radfuse.results import FittedFamily

_LARGEST = 200_000
"""Letters of a calculator that stands in the page itself; larger ones are files beside it."""


@dataclass(frozen=True)
class _Shown:
    """A family's nomogram as the page shows it."""

    nomogram: Nomogram
    narrow: str
    calculator: Markup
    inside: bool
    formula: str | None


def study(report: StudyReport) -> Part:
    """Return a nomogram of each family whose refitted model is a sum of terms, and why others have none."""
    shown: dict[str, _Shown] = {}
    without: dict[str, str] = {}
    figures: dict[str, str] = {}
    tables: dict[str, pd.DataFrame] = {}
    files: dict[str, str | bytes] = {}
    for family in _families(report):
        final = report.final[family]
        try:
            found = _nomogram(report, final)
        except ValueError as error:
            without[family] = str(error)
            continue
        assert final.score is not None
        figures[f"nomogram_{family}"] = drawn(found)
        tables[f"nomogram_{family}"] = points_table(found, final.score)
        if len(found.table):
            tables[f"nomogram_{family}_scores"] = found.table
        made = calculator(found, final.score, report.levels, final.threshold, final.survival, report.blocks)
        about = (report.title, report.outcome, report.event, family, made)
        files[f"calculators/{family}.html"] = page(*about, timed=final.survival is not None)
        inside = len(made) <= _LARGEST
        shown[family] = _Shown(found, drawn(found, narrow=True), made, inside, final.explanation.formula)
    reasons = {reason: [name for name in without if without[name] == reason] for reason in without.values()}
    html = render(
        "sections/nomogram.html", report=report, shown=shown, reasons=reasons, figures=figures, printed=printed
    )
    return Part("Nomogram", html, figures, tables, files=files)


def printed(rows: pd.DataFrame) -> pd.DataFrame:
    """Return columns of a block's score as a page shows them; the file beside it has every digit."""
    table = rows[["column", "coefficient", "missing value"]].copy()
    for name in ("coefficient", "missing value"):
        table[name] = [DASH if np.isnan(value) else re.sub("^-", "−", f"{value:.5g}") for value in rows[name]]
    return table


def page(title: str, outcome: str, event: str, family: str, model: Markup, *, timed: bool) -> str:
    """Return a page that holds one calculator and nothing else; an event of times, `timed`, names its column itself."""
    told = event if timed else f"“{outcome}”: {event}"
    return str(render("calculator.html", title=title, event=told, family=family, model=model))


def _families(report: StudyReport) -> list[str]:
    """Return the family asked for, or all that were refitted, the one that the study is about first."""
    if report.nomogram is not None:
        return [name for name in report.final if name == report.nomogram]
    names = [item.family for item in report.performance if item.family in report.final]
    return sorted(names, key=lambda name: name != report.primary)


def _nomogram(report: StudyReport, final: FittedFamily) -> Nomogram:
    """Return the nomogram of a family; raises ValueError where there is none, and says why."""
    if final.score is None:
        raise ValueError(final.no_score)
    return nomogram_of(final.family, final.score, report.levels)
