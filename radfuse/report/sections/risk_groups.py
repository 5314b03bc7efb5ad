"""Survival curves of the risk groups that families make, cut where their training units were."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from radfuse.report.evaluation import EvaluationReport
from radfuse.report.printed import DASH, number, p_value
from radfuse.report.render import Part, render
from radfuse.report.sections.survival import at_horizon, in_unit
from radfuse.report.study import StudyReport
from radfuse.report.svg import in_a_free_corner, multiples
from radfuse.results import SurvivalPerformance
from radfuse.results.numbers import decimals
from radfuse.statistics.competing import Incidence
from radfuse.statistics.estimate import Estimate
from radfuse.statistics.seen import Seen
from radfuse.statistics.survival import at_risk

GROUPS = {0: ("low", "#0072B2"), 1: ("middle", "#E69F00"), 2: ("high", "#D55E00")}


def study(report: StudyReport) -> Part:
    """Return the curves on the test folds of a study."""
    return _part(report, elsewhere=False)


def evaluation(report: EvaluationReport) -> Part:
    """Return the curves on other patients."""
    return _part(report, elsewhere=True)


def _part(report: StudyReport | EvaluationReport, *, elsewhere: bool) -> Part:
    first = report.predictions[report.predictions["repeat"] == 1]  # a unit counts once
    rows = {str(family): part for family, part in first.groupby("family")}
    whole, panels = group_panels(rows, report.performance)
    tables = {"risk_groups": group_table(rows, report.performance)}
    html = render("sections/risk_groups.html", report=report, panels=panels, tables=tables, elsewhere=elsewhere)
    return Part("Risk groups", html, {"risk_groups": whole}, tables)


def group_panels(rows: Mapping[str, pd.DataFrame], performance: Any) -> tuple[str, list[str]]:
    """Return Kaplan-Meier curves of three risk groups with numbers at risk: a panel per family.

    Args:
        rows: family -> its predictions, columns time, event and group.
        performance: of each family.

    Returns:
        All panels as one figure, and each alone.
    """

    def draw(axes: Any, item: SurvivalPerformance) -> None:
        part = rows[item.family]
        seen = Seen.of(part)
        last = float(part["time"].max())
        ticks = np.linspace(0, _round(last), 5)
        for group, (name, colour) in GROUPS.items():
            own = seen.only((part["group"] == group).to_numpy())
            label = [str(count) for count in at_risk(own.time, ticks.tolist())]
            for tick, count in zip(ticks, label, strict=True):
                _below(axes, tick, count, 1 + group, colour)
            _below(axes, 0.0, name, 1 + group, colour, before=12)
            if len(own.time):
                draw_curve(axes, own, colour)
        _below(axes, 0.0, "at risk", 0, "#4b5563")
        axes.set_xlabel(f"time{in_unit(item)}" + 4 * "\n")  # room for the numbers at risk
        axes.axvline(item.horizon, color="#d1d5db", linewidth=1, zorder=0)
        axes.set_title(item.family, loc="left", fontweight="bold")
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.set_xlim(0, max(last, ticks[-1]))
        axes.set_ylim(0, 1.02)
        axes.set_ylabel(what_is_drawn(item))
        corners = ("lower left", "upper right", "lower right", "upper left")
        corners = corners if seen.rival is None else ("upper left", "lower right", "upper right", "lower left")
        in_a_free_corner(axes, test_told(seen, part["group"].to_numpy()), corners, 8)

    return multiples(list(performance), draw, height=3.5)


def test_told(seen: Seen, group: np.ndarray) -> str:
    """Return the test between the groups of units in words."""
    name, p = seen.compared(group)
    text = p_value(p)
    return f"{name} p {'' if text.startswith('<') else '= '}{text}"


def _below(axes: Any, time: float, text: str, line: int, colour: str, before: int = 0) -> None:
    """Write a text below a time, or so many points before it, so many lines under the label of the axis."""
    place = {"xy": (time, 0), "xycoords": ("data", "axes fraction"), "textcoords": "offset points"}
    side = "right" if before else "center"
    found = axes.annotate(text, xytext=(-before, -38 - 9 * line), ha=side, fontsize=7.5, color=colour, **place)
    found.set_in_layout(False)


def _round(last: float) -> float:
    """Return an end of four equal steps with few digits, at most the last time."""
    size = 10.0 ** np.floor(np.log10(last / 4))
    steps = [step * size for step in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8) if 4 * step * size <= last * (1 + 1e-9)]
    return 4 * float(steps[-1])


def what_is_drawn(item: SurvivalPerformance) -> str:
    """Return what curves are of: freedom of the event, or, where events compete, its cumulative incidence."""
    return "without the event" if item.rivals is None else "with the event"


def draw_curve(axes: Any, seen: Seen, colour: str) -> None:
    """Draw a curve with its band and the times of censoring."""
    found = seen.curve()
    end = float(seen.time.max())
    at = np.r_[0.0, found.times, end]
    axes.step(at, found.at(at), where="post", color=colour, linewidth=1.4)
    bands = [found.estimate(float(when)) for when in found.times]
    if bands:
        low, high = (np.array([getattr(band, side) for band in bands]) for side in ("low", "high"))
        axes.fill_between(
            np.r_[found.times, end],
            np.r_[low, low[-1]],
            np.r_[high, high[-1]],
            step="post",
            color=colour,
            alpha=0.13,
            lw=0,
        )
    left = seen.time[seen.either == 0]
    axes.plot(left, found.at(left), "|", color=colour, markersize=4, markeredgewidth=0.6)


def group_table(rows: Mapping[str, pd.DataFrame], performance: Any) -> pd.DataFrame:
    """Return size, events, survival at the horizon and median survival of each group, a row per family and group.

    Where events compete, the units with another one, and the incidence by the horizon.
    """
    found = []
    for item in performance:
        part = rows[item.family]
        for group, (name, _) in GROUPS.items():
            own = Seen.of(part[part["group"] == group])
            if not len(own.time):
                continue
            counts = {"units": str(len(own.time)), "events": str(int(own.event.sum()))}
            found.append({"family": item.family, "risk": name, **counts, **_told(own, item)})
    return pd.DataFrame(found)


def _told(seen: Seen, item: SurvivalPerformance) -> dict[str, str]:
    """Return what is told of the curve of a group."""
    curve = seen.curve()
    at = _shown(curve.estimate(item.horizon)) if seen.reaches(item.horizon) else DASH
    if isinstance(curve, Incidence):
        return {"competing events": str(int(np.sum(seen.either - seen.event))), f"incidence by {at_horizon(item)}": at}
    return {
        f"survival at {at_horizon(item)}": at,
        f"median survival{in_unit(item)}": number(curve.median(), decimals(item.horizon, 1)),
    }


def _shown(estimate: Estimate) -> str:
    if np.isnan(estimate.value):
        return DASH
    if np.isnan(estimate.low):
        return number(estimate.value, 2)
    return f"{number(estimate.value, 2)} ({number(estimate.low, 2)}–{number(estimate.high, 2)})"
