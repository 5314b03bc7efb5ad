"""One figure of a survival study: AUC over time, risk groups, calibration, and what fusion adds, in four panels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np

from radfuse.report.additions import additions
from radfuse.report.evaluation import EvaluationReport
from radfuse.report.printed import interval, p_value
from radfuse.report.render import Part, render
from radfuse.report.sections.overview import Panel, Shown, gains, single_of, whole_of
from radfuse.report.sections.risk_groups import GROUPS, draw_curve
from radfuse.report.sections.survival import draw_auc_over_time, in_unit
from radfuse.report.sections.survival_calibration import FEWEST, draw_fifths
from radfuse.report.study import StudyReport
from radfuse.report.svg import STYLE
from radfuse.results import Addition
from radfuse.statistics.survival import log_rank


def study(report: StudyReport) -> Part:
    """Return the overview of a study's test folds."""
    return _part(report, additions(report.results.comparisons, report.final), report.primary)


def evaluation(report: EvaluationReport) -> Part:
    """Return the overview of a frozen bundle on other patients."""
    return _part(report, additions(report.comparisons, {}), None)


def _part(report: StudyReport | EvaluationReport, added: Sequence[Addition], primary: str | None) -> Part:
    measured = [item for item in report.performance if item.headline.value is not None]
    if not measured or measured[0].units < FEWEST:
        return Part("Overview", render("sections/survival_overview.html", shown=None))
    shown = Shown.of(report, measured, primary)
    panels: dict[str, Panel] = {
        "AUC over time": lambda axes: _over_time(axes, shown),
        "Risk groups": lambda axes: _groups(axes, shown),
        "Calibration": lambda axes: _calibration(axes, shown),
        "What fusion adds" if added else "Harrell's C": lambda axes: gains(axes, added, measured, shown),
    }
    with mpl.rc_context(STYLE):
        whole = whole_of(panels, shown)
        singles = [single_of(name, draw, shown) for name, draw in panels.items()]
    averaged = report.predictions["fold"].nunique() > 1
    caption = {"shown": shown, "families": len(measured), "added": bool(added), "averaged": averaged}
    html = render("sections/survival_overview.html", figure=whole, singles=singles, names=list(panels), **caption)
    return Part("Overview", html, {"overview": whole})


def _over_time(axes: Any, shown: Shown) -> None:
    axes.axvline(shown.head.horizon, color="#d1d5db", linewidth=1)
    draw_auc_over_time(axes, shown.main, shown.looks, shown.head.family)


def _groups(axes: Any, shown: Shown) -> None:
    """Draw survival by the risk groups of the head family; a unit counts once."""
    rows = shown.rows(shown.head)
    rows = rows[rows["repeat"] == 1]
    time, event, group = (rows[name].to_numpy(dtype=float) for name in ("time", "event", "group"))
    axes.axvline(shown.head.horizon, color="#d1d5db", linewidth=1, zorder=0)
    for place, (name, colour) in GROUPS.items():
        own = group == place
        if own.any():
            draw_curve(axes, time[own], event[own], colour)
            axes.plot([], [], color=colour, label=f"{name} ({int(own.sum())})")
    axes.legend(loc="lower left", title=_p(log_rank(time, event, group)[1]), title_fontsize=8.5, fontsize=8.5)
    axes.set_xlim(left=0)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel(f"time{in_unit(shown.head)}")
    axes.set_ylabel("without the event")


def _p(p: float) -> str:
    text = p_value(p)
    return f"log-rank p {'' if text.startswith('<') else '= '}{text}"


def _calibration(axes: Any, shown: Shown) -> None:
    """Draw fifths of each family, those of the head with intervals."""
    axes.plot([0, 1], [0, 1], color="#d1d5db", linewidth=1)
    for item in shown.main:
        rows, (colour, dash) = shown.rows(item), shown.looks[item.family]
        draw_fifths(axes, item, rows[rows["repeat"] == 1], colour, dash, sure=item.family == shown.head.family)
    text = f"{shown.head.family}\nslope {interval(shown.head.calibration_slope, 2)}"
    axes.text(0.03, 0.97, text, va="top", transform=axes.transAxes, fontsize=8.5)
    axes.set_aspect("equal")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.01)
    ticks = np.array([0, 0.25, 0.5, 0.75, 1])
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_xlabel(f"predicted by {shown.head.horizon:g} {shown.head.time_unit}".rstrip())
    axes.set_ylabel("observed (Kaplan-Meier)")
