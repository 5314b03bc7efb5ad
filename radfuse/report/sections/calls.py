"""What is called at thresholds, by every usual rule, and how often a call is right."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd

from radfuse.report.evaluation import EvaluationReport
from radfuse.report.printed import interval, number
from radfuse.report.render import Part, render
from radfuse.report.study import StudyReport
from radfuse.results import FittedFamily, Interval
from radfuse.statistics.calls import SHARES, Calls, calls
from radfuse.statistics.estimate import Estimate

OWN = "the study's"


def study(report: StudyReport) -> Part:
    """Return calls on the test folds of a study, by its own rule and by others, thresholds from inside training."""
    groups = dict(iter(report.predictions.groupby("family")))
    own: list[dict[str, str]] = []
    others: list[dict[str, str]] = []
    for item in report.performance:
        for rule, thresholds in _rules(report.folds[item.family]).items():
            rows = groups[item.family]
            row = _row(rows, rows["fold"].map(thresholds).to_numpy(dtype=float))
            at = report.thresholds[item.family] if rule == OWN else _range(thresholds.values())
            shown = {"family": item.family, "rule": rule, "threshold": at, **row}
            (own if rule == OWN else others).append(shown)
    tables = {"calls": _without(own, "rule")}
    if others:
        tables["calls_by_rule"] = pd.DataFrame(others)
    html = render("sections/calls.html", report=report, tables=tables, halves=_halves)
    return Part("Calls", html, tables=tables)


def evaluation(report: EvaluationReport) -> Part:
    """Return calls on other patients, at the bundle's thresholds."""
    groups = dict(iter(report.predictions.groupby("family")))
    rows = [
        {
            "family": item.family,
            "threshold": report.thresholds[item.family],
            **_row(groups[item.family], groups[item.family]["threshold"].to_numpy(dtype=float)),
        }
        for item in report.performance
    ]
    tables = {"calls": pd.DataFrame(rows)}
    return Part("Calls", render("sections/calls.html", report=report, tables=tables, halves=_halves), tables=tables)


def _rules(folds: Sequence[FittedFamily]) -> dict[str, dict[str, float]]:
    """Return rule -> fold -> threshold, the study's own rule first."""
    found = {OWN: {fold.fold: fold.threshold for fold in folds}}
    for rule in folds[0].thresholds:
        found[rule] = {fold.fold: fold.thresholds[rule] for fold in folds}
    return found


def _row(rows: pd.DataFrame, thresholds: np.ndarray) -> dict[str, str]:
    """Return every measure in print."""
    found: Calls = calls(rows["outcome"], rows["probability"].to_numpy() >= thresholds, rows["patient"])
    return {name: _printed(item, 2 if name in SHARES else None) for name, item in found.measures.items()}


def _printed(item: Estimate, digits: int | None) -> str:
    """Return an estimate in print; a ratio has fewer digits the larger it is."""
    if np.isinf(item.value):
        return "∞"
    if digits is None:
        digits = 2 if item.value < 10 else 1
    known = [None if np.isnan(value) else value for value in (item.value, item.low, item.high)]
    return interval(Interval(value=known[0], low=known[1], high=known[2]), digits)


def _range(thresholds: Collection[float]) -> str:
    low, high = number(min(thresholds), 2), number(max(thresholds), 2)
    return low if low == high else f"{low}–{high}"


def _without(rows: Sequence[Mapping[str, str]], name: str) -> pd.DataFrame:
    return pd.DataFrame(rows).drop(columns=name)


def _halves(table: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a table as two that fit a page: shares, and the rest."""
    about = [name for name in ("family", "rule", "threshold") if name in table]
    rest = [name for name in table if name not in (*about, *SHARES)]
    return table[[*about, *SHARES]], table[[name for name in about if name != "threshold"] + rest]
