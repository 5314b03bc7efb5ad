"""Whether the model ranks as well in every group of patients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

from radfuse.report.layout import Room
from radfuse.report.printed import DASH, interval, p_value
from radfuse.report.render import Part, render
from radfuse.report.study import StudyReport
from radfuse.report.svg import STYLE, to_svg
from radfuse.results import Interval, Measured, MulticlassPerformance, Performance, SurvivalPerformance
from radfuse.statistics.auc import AucSet, auc_interval, overlap_of_one_deal
from radfuse.statistics.concordance import grouped_harrell
from radfuse.statistics.seen import Seen
from radfuse.statistics.stratified import Groups, alike, grouped_auc, grouped_macro

_FEWEST = 10
"""Patients that a group needs: with the event, and of two classes without; of values, grades and classes, any."""


@dataclass(frozen=True)
class Group:
    """One group of one column; `value` is None of too few, `events` 0 where the outcome has none."""

    column: str
    name: str
    units: int
    events: int
    value: Interval | None


def study(report: StudyReport) -> Part:
    """Return the groups of a study; nothing where it names none."""
    columns = all_groups(report)
    if columns.empty:
        return Part("Subgroups", Markup(""))
    family, measure = _family(report), report.performance[0].measure
    eventful = hasattr(report.performance[0], "events")
    found: dict[str, tuple[list[Group], dict[str, float]]] = {
        item.family: groups_of(report, columns, item.family) for item in report.performance
    }
    rows = [row for name, (own, p) in found.items() for row in _rows(name, own, p, measure)]
    table = pd.DataFrame(rows) if eventful else pd.DataFrame(rows).drop(columns="events")
    groups, p = found[family]
    whole = next(item.headline for item in report.performance if item.family == family)
    lines, colour = lines_of(groups, p, whole, eventful), report.looks[family].colour
    figures = {"subgroups": forest(lines, colour, measure, eventful)} if len(lines) > 1 else {}
    html = render(
        "sections/subgroups.html",
        report=report,
        family=family,
        measure=measure,
        eventful=eventful,
        figures=figures,
        narrow=forest(lines, colour, measure, eventful, narrow=True),
        table=table[table["family"] == family].drop(columns="family"),
        others=table[table["family"] != family],
        site=_site_left_out(report),
        fewest=_FEWEST,
    )
    return Part("Subgroups", html, figures, {"subgroups": table})


def _family(report: StudyReport) -> str:
    """Return the family that the study is about, else the best."""
    names = [item.family for item in report.performance]
    if report.primary in names:
        return str(report.primary)
    return max(report.performance, key=lambda item: item.headline.value or 0.0).family


def _site_left_out(report: StudyReport) -> str | None:
    """Return the column whose sites are left out in turn; None where none are."""
    split = report.settings["cohort"]["split"]
    return str(split["column"]) if split.get("kind") == "leave_site_out" else None


def all_groups(report: StudyReport) -> pd.DataFrame:
    """Return the groups that the study names, and where sites are left out in turn, these first; rows as its units."""
    named = pd.DataFrame(index=range(len(report.units))) if report.groups is None else report.groups
    site = _site_left_out(report)
    if site is None or site in named:
        return named
    unit = list(report.unit)
    tested = report.predictions.drop_duplicates(unit).set_index(unit)["fold"]
    sites = tested.reindex(pd.MultiIndex.from_frame(report.units[unit]) if len(unit) > 1 else report.units[unit[0]])
    return pd.concat([pd.Series(sites.to_numpy(), name=site, index=named.index), named], axis=1)


def groups_of(report: StudyReport, columns: pd.DataFrame, family: str) -> tuple[list[Group], dict[str, float]]:
    """Return every group of every column, and column -> p that its groups do not differ.

    Groups that the same models predict share what training sets made of these: the variance of their difference does
    not grow by the overlap of training sets. With it the test rejected in 0 to 1 % of drawn tables without interaction,
    without it in 3 to 7 %. Sites left out in turn have models of their own.
    """
    rows = report.predictions[report.predictions["family"] == family]
    first = report.performance[0]
    timed, eventful = isinstance(first, SurvivalPerformance), hasattr(first, "events")
    known = pd.MultiIndex.from_frame(report.units[list(report.unit)])
    places = known.get_indexer(pd.MultiIndex.from_frame(rows[list(report.unit)]))
    overlap, left_out = overlap_of_one_deal(rows), _site_left_out(report)
    groups: list[Group] = []
    p_values: dict[str, float] = {}
    for column in columns:
        of = columns[column].to_numpy(dtype=object)[places]
        of = np.array(["missing" if pd.isna(value) else str(value) for value in of], dtype=object)
        names = _ordered(set(of))
        counts = {name: _counts(rows[of == name], report.unit, eventful) for name in names}
        few = {name: counts[name][2] if timed or not eventful else min(counts[name][2:]) for name in names}
        enough = [name for name in names if few[name] >= _FEWEST and name != "missing"]
        aucs = {}
        if enough:
            about = Groups(rows["fold"].to_numpy(), rows["patient"].to_numpy(), of, enough, overlap)
            part = _measured(rows, first, about)
            aucs = {name: Interval.of(auc_interval(part, place)) for place, name in enumerate(enough)}
            shared = 1.0 if column == left_out else overlap
            p_values[str(column)] = alike(replace(part, covariance=part.covariance / shared))[2]
        groups += [Group(str(column), name, *counts[name][:2], aucs.get(name)) for name in names]
    return groups, p_values


def _measured(rows: pd.DataFrame, item: Measured, groups: Groups) -> AucSet:
    """Return the headline of each group: AUC, macro AUC, or C of survival times, of values and of grades."""
    score = rows["probability"].to_numpy(dtype=float)
    if isinstance(item, MulticlassPerformance):
        places = {name: place for place, name in enumerate(item.levels)}
        each = rows[[f"probability@{name}" for name in item.levels]].to_numpy(dtype=float)
        return grouped_macro(rows["outcome"].map(places).to_numpy(dtype=int), each, groups)
    if isinstance(item, SurvivalPerformance):
        seen = Seen.of(rows)
        return grouped_harrell(*seen.times, score, groups, seen.rival)
    if isinstance(item, Performance):
        return grouped_auc(rows["outcome"], score, groups)
    return grouped_harrell(rows["outcome"].to_numpy(dtype=float), np.ones(len(rows)), -score, groups)


def _ordered(names: set[str]) -> list[str]:
    """Return names in order, numbers by value and borders by where they lie, missing last."""

    def place(name: str) -> tuple[bool, float, int, str]:
        words = name.replace("≥", "").replace("<", "").replace("to", "").split()
        try:
            return name == "missing", float(words[0]), {"<": 0}.get(name[0], 1), name
        except (ValueError, IndexError):
            return name == "missing", float("inf"), 2, name

    return sorted(names, key=place)


def _counts(rows: pd.DataFrame, unit: Sequence[str], eventful: bool) -> tuple[int, int, int, int]:
    """Return units, events, patients with an event and patients without; without events all patients are the first."""
    units = rows.drop_duplicates(list(unit))
    patients = units["patient"]
    if not eventful:
        return len(units), 0, patients.nunique(), 0
    event = units["event" if "time" in units else "outcome"] == 1
    return len(units), int(event.sum()), patients[event].nunique(), patients[~event].nunique()


def _rows(family: str, groups: Sequence[Group], p_values: dict[str, float], measure: str) -> list[dict[str, str]]:
    rows = []
    for place, group in enumerate(groups):
        first = place == 0 or groups[place - 1].column != group.column
        p = p_values.get(group.column)
        rows.append(
            {
                "family": family,
                "column": group.column,
                "group": group.name,
                "units": str(group.units),
                "events": str(group.events),
                measure: _why(group) if group.value is None else interval(group.value),
                "p, groups alike": (DASH if p is None else p_value(p)) if first else "",
            }
        )
    return rows


def _why(group: Group) -> str:
    return "not told" if group.name == "missing" else "too few"


@dataclass(frozen=True)
class Line:
    """A line of the forest: a column's name, without a value, or a group with what it has."""

    name: str
    value: Interval | None = None
    text: str = ""


def lines_of(groups: Sequence[Group], p_values: dict[str, float], whole: Interval, eventful: bool) -> list[Line]:
    """Return all units, then each column with its groups; groups that are too small are left out."""
    lines = [Line("all units", whole, interval(whole, 2))]
    drawn = [group for group in groups if group.value is not None]
    for column in dict.fromkeys(group.column for group in drawn):
        p = p_values.get(column, float("nan"))
        lines.append(Line(column if np.isnan(p) else f"{column}, p {p_value(p)}"))
        for group in (group for group in drawn if group.column == column):
            assert group.value is not None
            had = f"{group.events}/{group.units}" if eventful else f"{group.units}"
            lines.append(Line(group.name, group.value, f"{interval(group.value, 2)}, {had}"))
    return lines


def forest(
    lines: Sequence[Line], colour: str, measure: str = "AUC", eventful: bool = True, *, narrow: bool = False
) -> str:
    """Return the measure of each group with its interval, columns one below the other.

    Where the page is narrow, names and numbers stand above their line, not beside it.
    """
    high = 0.44 if narrow else 0.27
    told = f"{measure}, 95% CI ({'' if narrow else 'right: with '}{'events/' if eventful else ''}units; dashed: all)"
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3.7 if narrow else 6.4, 0.9 + high * len(lines)), layout=Room())
        axes = figure.subplots()
        whole = lines[0].value
        if whole is not None and whole.value is not None:
            axes.axvline(whole.value, color=colour, linewidth=0.9, linestyle=(0, (3, 2)))
        axes.axvline(0.5, color="#d1d5db", linewidth=1)
        for row, line in enumerate(lines):
            _mark(axes, line, row, colour)
            (_write_above if narrow else _write_beside)(axes, line, row)
        axes.set_yticks([])
        axes.set_ylim(len(lines) - 0.5, -0.75 if narrow else -0.6)
        lows = [line.value.low for line in lines if line.value is not None and line.value.low is not None]
        axes.set_xlim(max(0.0, min([0.45, *(low - 0.02 for low in lows)])), 1.0)
        axes.set_xlabel(told)
        axes.spines["left"].set_visible(False)
        return to_svg(figure)


def _mark(axes: Any, line: Line, row: int, colour: str) -> None:
    value = line.value
    if value is None or value.value is None:
        return
    if value.low is not None and value.high is not None:
        axes.plot([value.low, value.high], [row, row], color=colour, linewidth=1.5)
    axes.plot(value.value, row, "s" if row else "D", color=colour, markersize=5)


def _write_beside(axes: Any, line: Line, row: int) -> None:
    """Write a name left of the axes, and numbers right of them."""
    across = {"transform": axes.get_yaxis_transform(), "va": "center"}
    weight = "normal" if line.value is not None else "bold"
    axes.text(-0.02, row, line.name, ha="right", fontsize=8.5, fontweight=weight, **across)
    axes.text(1.01, row, line.text, fontsize=8, **across)


def _write_above(axes: Any, line: Line, row: int) -> None:
    """Write a name and numbers above the line that they are of; a column's name stands near its groups."""
    across = {"transform": axes.get_yaxis_transform(), "va": "center", "fontsize": 8.5}
    weight = "normal" if line.value is not None else "bold"
    high = row - 0.42 if line.value is not None else row + 0.15
    across |= {"bbox": {"facecolor": "white", "edgecolor": "none", "pad": 0.6}}  # over the lines of chance and of all
    axes.text(0, high, line.name, fontweight=weight, **across)
    axes.text(1, high, line.text, ha="right", **across)
