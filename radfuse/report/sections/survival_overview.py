"""One figure of a survival study: AUC over time, risk groups, calibration, and what fusion adds, in four panels."""

from __future__ import annotations

from typing import Any

from radfuse.report.evaluation import EvaluationReport
from radfuse.report.printed import interval
from radfuse.report.render import Part
from radfuse.report.sections.overview import Kind, Shown, evaluation_of, study_of, unit_square
from radfuse.report.sections.risk_groups import GROUPS, draw_curve, test_told, what_is_drawn
from radfuse.report.sections.survival import draw_auc_over_time, in_unit, method_of
from radfuse.report.sections.survival_calibration import FEWEST, draw_fifths, observed_by
from radfuse.report.study import StudyReport
from radfuse.report.svg import CLEAR
from radfuse.statistics.seen import Seen


def study(report: StudyReport) -> Part:
    """Return the overview of a study's test folds."""
    return study_of(report, _SURVIVAL)


def evaluation(report: EvaluationReport) -> Part:
    """Return the overview of a frozen bundle on other patients."""
    return evaluation_of(report, _SURVIVAL)


def _over_time(axes: Any, shown: Shown) -> None:
    axes.axvline(shown.head.horizon, color="#d1d5db", linewidth=1)
    draw_auc_over_time(axes, shown.main, shown.looks, shown.head.family)


def _groups(axes: Any, shown: Shown) -> None:
    """Draw survival by the risk groups of the head family; a unit counts once."""
    rows = shown.rows(shown.head)
    rows = rows[rows["repeat"] == 1]
    seen, group = Seen.of(rows), rows["group"].to_numpy()
    axes.axvline(shown.head.horizon, color="#d1d5db", linewidth=1, zorder=0)
    for place, (name, colour) in GROUPS.items():
        own = group == place
        if own.any():
            draw_curve(axes, seen.only(own), colour)
            axes.plot([], [], color=colour, label=f"{name} ({int(own.sum())})")
    where = "lower left" if seen.rival is None else "upper left"
    axes.legend(loc=where, title=test_told(seen, group), title_fontsize=8.5, fontsize=8.5)
    axes.set_xlim(left=0)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel(f"time{in_unit(shown.head)}")
    axes.set_ylabel(what_is_drawn(shown.head))


def _calibration(axes: Any, shown: Shown) -> None:
    """Draw fifths of each family, those of the head with intervals."""
    axes.plot([0, 1], [0, 1], color="#d1d5db", linewidth=1)
    for item in shown.main:
        rows, (colour, dash) = shown.rows(item), shown.looks[item.family]
        draw_fifths(axes, item, rows[rows["repeat"] == 1], colour, dash, sure=item.family == shown.head.family)
    text = f"{shown.head.family}\nslope {interval(shown.head.calibration_slope, 2)}"
    axes.text(0.03, 0.97, text, va="top", transform=axes.transAxes, fontsize=8.5, bbox=CLEAR)
    unit_square(axes, f"predicted by {shown.head.horizon:g} {shown.head.time_unit}".rstrip(), observed_by(shown.head))


def _told(shown: Shown, folds: str) -> list[str]:
    head, method = shown.head.family, method_of(shown.head)
    return [
        f"AUC of events by a time against units free of it then"
        f"{', averaged over the test folds that can tell it' if folds else ''}; "
        f"band: 95% CI of {head}; grey: the horizon",
        f"{method} curves of units by the risk that {head} predicts, with 95% bands",
        f"share with the event by the horizon ({method}) in fifths of the units by predicted probability; bars: 95% "
        f"CI of {head}",
    ]


_SURVIVAL = Kind(
    "survival_overview",
    {"AUC over time": _over_time, "Risk groups": _groups, "Calibration": _calibration},
    _told,
    ("AUC over time",),
    "Harrell's C",
    FEWEST,
)
