"""What acting on predicted probabilities of the event by the horizon is worth."""

from __future__ import annotations

import numpy as np
import pandas as pd

from radfuse.report.evaluation import EvaluationReport
from radfuse.report.printed import interval, number
from radfuse.report.render import Part, render
from radfuse.report.sections.decision import decision_overlay, decision_panels
from radfuse.report.study import StudyReport
from radfuse.results import Interval
from radfuse.statistics.auc import overlap_of_one_deal
from radfuse.statistics.decision import DecisionCurve
from radfuse.statistics.seen import Seen
from radfuse.statistics.survival_decision import survival_decision_curve

_THRESHOLDS = np.round(np.arange(0.01, 1.0, 0.01), 2)
_READ_AT = np.array([0.1, 0.2, 0.3, 0.5])


def study(report: StudyReport) -> Part:
    """Return decision curves of the test folds."""
    return _part(report)


def evaluation(report: EvaluationReport) -> Part:
    """Return decision curves on other patients."""
    return _part(report)


def _part(report: StudyReport | EvaluationReport) -> Part:
    horizon = report.performance[0].horizon
    rows = {str(family): part for family, part in report.predictions.groupby("family")}
    if not all(Seen.of(part).reaches(horizon) for part in rows.values()):
        return Part(
            "Decisions", render("sections/survival_decision.html", report=report, figures={}, tables={}), {}, {}
        )
    curves = {item.family: _curve(rows[item.family], horizon, _THRESHOLDS) for item in report.performance}
    figure, panels = decision_panels(curves, report.looks)
    figures = {"decision": decision_overlay(curves, report.looks), "decision_by_family": figure}
    tables = {"decision": pd.DataFrame([_row(family, rows[family], horizon) for family in curves])}
    shown = {"figures": figures, "panels": panels, "narrow": decision_overlay(curves, report.looks, narrow=True)}
    html = render("sections/survival_decision.html", report=report, tables=tables, **shown)
    return Part("Decisions", html, figures, tables)


def _curve(rows: pd.DataFrame, horizon: float, thresholds: np.ndarray) -> DecisionCurve:
    units = rows.drop_duplicates("position") if "position" in rows else rows[rows["repeat"] == 1]
    seen, p, who = Seen.of(rows), rows["probability"].to_numpy(dtype=float), rows["patient"].to_numpy()
    known, overlap = Seen.of(units).censoring(), overlap_of_one_deal(rows)
    return survival_decision_curve(*seen.times, p, horizon, thresholds, who, known, overlap, seen.rival)


def _row(family: str, rows: pd.DataFrame, horizon: float) -> dict[str, str]:
    curve = _curve(rows, horizon, _READ_AT)
    read = {
        f"at {at:g}": interval(Interval(value=float(net), low=float(low), high=float(high)))
        for at, net, low, high in zip(curve.thresholds, curve.net_benefit, curve.low, curve.high, strict=True)
    }
    return {"family": family, **read, "avoided per 100, at 0.2": number(float(curve.avoided[1]), 1)}
