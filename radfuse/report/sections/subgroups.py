"""Whether the model ranks as well in every group of patients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

from radfuse.report.printed import DASH, interval, p_value
from radfuse.report.render import Part, render
from radfuse.report.study import StudyReport
from radfuse.report.svg import STYLE, to_svg
from radfuse.results import Interval
from radfuse.statistics.auc import AucSet, auc_interval, overlap_of_one_deal
from radfuse.statistics.concordance import grouped_harrell
from radfuse.statistics.stratified import alike, grouped_auc

_FEWEST = 10
"""Patients with the event, and of two classes without, that a group needs for an AUC, or C."""


@dataclass(frozen=True)
class Group:
    """One group of one column; `value` of the headline's measure is None of too few."""

    column: str
    name: str
    units: int
    events: int
    value: Interval | None


def study(report: StudyReport) -> Part:
    """Return the groups of a study; nothing where it names none."""
    if report.groups is None or report.groups.empty:
        return Part("Subgroups", Markup(""))
    family, measure = _family(report), report.performance[0].measure
    found: dict[str, tuple[list[Group], dict[str, float]]] = {
        item.family: groups_of(report, item.family) for item in report.performance
    }
    rows = [row for name, (own, p) in found.items() for row in _rows(name, own, p, measure)]
    tables = {"subgroups": pd.DataFrame(rows)}
    shown, p = found[family]
    whole = next(item.headline for item in report.performance if item.family == family)
    figures = {"subgroups": forest(shown, p, whole, report.looks[family].colour, measure)}
    of_family = tables["subgroups"][tables["subgroups"]["family"] == family].drop(columns="family")
    html = render(
        "sections/subgroups.html",
        report=report,
        family=family,
        measure=measure,
        figures=figures,
        table=of_family,
        others=tables["subgroups"][tables["subgroups"]["family"] != family],
        fewest=_FEWEST,
    )
    return Part("Subgroups", html, figures, tables)


def _family(report: StudyReport) -> str:
    """Return the family that the study is about, else the best."""
    names = [item.family for item in report.performance]
    if report.primary in names:
        return str(report.primary)
    return max(report.performance, key=lambda item: item.headline.value or 0.0).family


def groups_of(report: StudyReport, family: str) -> tuple[list[Group], dict[str, float]]:
    """Return every group of every column, and column -> p that its groups do not differ."""
    assert report.groups is not None
    rows = report.predictions[report.predictions["family"] == family]
    timed = "time" in rows
    known = pd.MultiIndex.from_frame(report.units[list(report.unit)])
    places = known.get_indexer(pd.MultiIndex.from_frame(rows[list(report.unit)]))
    overlap = overlap_of_one_deal(rows)
    groups: list[Group] = []
    p_values: dict[str, float] = {}
    for column in report.groups:
        of = report.groups[column].to_numpy(dtype=object)[places]
        of = np.array(["missing" if pd.isna(value) else str(value) for value in of], dtype=object)
        names = _ordered(set(of))
        counts = {name: _counts(rows[of == name], report.unit) for name in names}
        few = {name: counts[name][2] if timed else min(counts[name][2:]) for name in names}
        enough = [name for name in names if few[name] >= _FEWEST and name != "missing"]
        aucs = {}
        if enough:
            part = _measured(rows, of, enough, overlap)
            aucs = {name: Interval.of(auc_interval(part, place)) for place, name in enumerate(enough)}
            p_values[str(column)] = alike(part)[2]
        groups += [Group(str(column), name, *counts[name][:2], aucs.get(name)) for name in names]
    return groups, p_values


def _measured(rows: pd.DataFrame, of: np.ndarray, names: Sequence[str], overlap: float) -> AucSet:
    """Return AUC, or C of survival times, of each group."""
    about = (rows["probability"].to_numpy(dtype=float), rows["fold"].to_numpy(), rows["patient"].to_numpy(), of)
    if "time" not in rows:
        return grouped_auc(rows["outcome"], *about, names, overlap)
    return grouped_harrell(rows["time"].to_numpy(dtype=float), rows["event"].to_numpy(), *about, names, overlap)


def _ordered(names: set[str]) -> list[str]:
    """Return names in order, numbers by value and borders by where they lie, missing last."""

    def place(name: str) -> tuple[bool, float, int, str]:
        words = name.replace("≥", "").replace("<", "").replace("to", "").split()
        try:
            return name == "missing", float(words[0]), {"<": 0}.get(name[0], 1), name
        except (ValueError, IndexError):
            return name == "missing", float("inf"), 2, name

    return sorted(names, key=place)


def _counts(rows: pd.DataFrame, unit: Sequence[str]) -> tuple[int, int, int, int]:
    """Return units, events, patients with an event and patients without."""
    units = rows.drop_duplicates(list(unit))
    event = units["event" if "time" in units else "outcome"] == 1
    patients = units["patient"]
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


def forest(
    groups: Sequence[Group], p_values: dict[str, float], whole: Interval, colour: str, measure: str = "AUC"
) -> str:
    """Return the measure of each group with its interval, columns one below the other; too small ones are not drawn."""
    drawn = [group for group in groups if group.value is not None]
    columns = list(dict.fromkeys(group.column for group in drawn))
    lines = len(drawn) + len(columns) + 1
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(6.4, 0.9 + 0.27 * lines), layout="constrained")
        axes = figure.subplots()
        if whole.value is not None:
            axes.axvline(whole.value, color=colour, linewidth=0.9, linestyle=(0, (3, 2)))
        axes.axvline(0.5, color="#d1d5db", linewidth=1)
        labels, heads, row = ["all units"], [], 0
        _mark(axes, whole, 0, colour, interval(whole, 2))
        for column in columns:
            row += 1
            p = p_values.get(column, float("nan"))
            heads.append(row)
            labels.append(column if np.isnan(p) else f"{column}, p {p_value(p)}")
            for group in (group for group in drawn if group.column == column):
                row += 1
                assert group.value is not None
                labels.append(group.name)
                _mark(axes, group.value, row, colour, f"{interval(group.value, 2)}, {group.events}/{group.units}")
        axes.set_yticks(range(lines), labels)
        for place in heads:
            axes.get_yticklabels()[place].set_fontweight("bold")
        axes.set_ylim(lines - 0.5, -0.6)
        lows = [group.value.low for group in drawn if group.value is not None and group.value.low is not None]
        axes.set_xlim(max(0.0, min([0.45, *(low - 0.02 for low in lows)])), 1.0)
        axes.set_xlabel(f"{measure}, 95% CI (right: and events/units; dashed: all units)")
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
        return to_svg(figure)


def _mark(axes: mpl.axes.Axes, value: Interval, row: int, colour: str, text: str) -> None:
    if value.value is None:
        return
    if value.low is not None and value.high is not None:
        axes.plot([value.low, value.high], [row, row], color=colour, linewidth=1.5)
    axes.plot(value.value, row, "s" if row else "D", color=colour, markersize=5)
    axes.text(1.01, row, text, transform=axes.get_yaxis_transform(), va="center", fontsize=8)
