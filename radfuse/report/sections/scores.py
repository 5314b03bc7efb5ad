"""Held-out scores unit by unit: waterfalls, and their distribution in events and in others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.patches import Patch

from radfuse.report.printed import number, p_value
from radfuse.report.render import Part, render
from radfuse.report.study import StudyReport
from radfuse.report.svg import multiples
from radfuse.results import Performance
from radfuse.statistics.auc import auc_covariance, auc_p, fold_averaged, overlap_of
from radfuse.statistics.scores import to_logit

_EVENT, _OTHER = "#D55E00", "#56B4E9"
_BARS = 160
"""Drawn, at most; of more units each bar is several."""
_APART = 80
"""Bars that have a gap between them, at most."""
_DOTS = 150
"""Units of the larger class up to which all are drawn as dots."""
_SUREST = 0.001
"""Probabilities are kept so far from 0 and 1 where their log odds are drawn."""


def study(report: StudyReport) -> Part:
    """Return waterfalls and distributions of scores on the test folds of a study."""
    scores = {item.family: held_out(report.predictions, item.family, report.unit) for item in report.performance}
    waterfalls, falls = multiples(report.performance, lambda axes, item: _waterfall(axes, item, scores), height=2.6)
    boxes, panels = multiples(report.performance, lambda axes, item: _violins(axes, item, scores, report), height=2.9)
    tables = {"scores": pd.DataFrame([_row(item.family, scores[item.family], report) for item in report.performance])}
    figures = {"waterfall": waterfalls, "scores_by_outcome": boxes}
    most = max(len(rows) for rows in scores.values())
    several = -(-most // _BARS) if most > _BARS else 1
    html = render("sections/scores.html", report=report, tables=tables, falls=falls, panels=panels, several=several)
    return Part("Scores", html, figures, tables)


def held_out(predictions: pd.DataFrame, family: str, unit: Any) -> pd.DataFrame:
    """Return a row per unit: its score, outcome and patient.

    The score is the log odds of the held-out probability less those of the fold's threshold, so that 0 is the
    threshold of every fold; the mean over repeats.

    Args:
        predictions: out of fold, of all families.
        family: which.
        unit: columns that name a unit.
    """
    rows = predictions[predictions["family"] == family]
    p, threshold = (
        np.clip(rows[name].to_numpy(dtype=float), _SUREST, 1 - _SUREST) for name in ("probability", "threshold")
    )
    rows = rows.assign(score=to_logit(p) - to_logit(threshold))
    return rows.groupby(list(unit), sort=False).agg(
        score=("score", "mean"), outcome=("outcome", "first"), patient=("patient", "first")
    )


def heights(rows: pd.DataFrame, most: int = _BARS) -> tuple[np.ndarray, np.ndarray]:
    """Return the bars of a waterfall, each several units where there are many: mean scores rising, shares of events."""
    ordered = rows.sort_values("score", kind="stable")
    groups = np.array_split(np.arange(len(ordered)), min(len(ordered), most))
    score, outcome = ordered["score"].to_numpy(), ordered["outcome"].to_numpy(dtype=float)
    return np.array([score[group].mean() for group in groups]), np.array([outcome[group].mean() for group in groups])


def corner(high: np.ndarray) -> str:
    """Return where no bar of a waterfall stands: above its low end, or below its high end."""
    return "upper left" if high[-1] >= -high[0] else "lower right"


def _waterfall(axes: Any, item: Performance, scores: Mapping[str, pd.DataFrame]) -> None:
    """Draw sorted bars from the threshold, coloured by outcome."""
    high, share = heights(scores[item.family])
    edges = np.linspace(0, len(scores[item.family]), len(high) + 1)
    axes.stairs(high * share, edges, fill=True, color=_EVENT, linewidth=0)
    axes.stairs(high, edges, baseline=high * share, fill=True, color=_OTHER, linewidth=0)
    if len(high) <= _APART:
        axes.vlines(edges[1:-1], np.minimum(high, 0)[1:], np.maximum(high, 0)[1:], color="white", linewidth=0.6)
    axes.axhline(0, color="#1f2937", linewidth=0.9)
    axes.set_title(item.family, loc="left", fontweight="bold")
    axes.set_xlim(0, len(scores[item.family]))
    axes.set_xlabel("units, by score")
    axes.set_ylabel("score − threshold")
    axes.legend(
        handles=[Patch(color=_EVENT, label="event"), Patch(color=_OTHER, label="none")],
        loc=corner(high),
        handlelength=0.9,
        handleheight=0.9,
    )


def _violins(axes: Any, item: Performance, scores: Mapping[str, pd.DataFrame], report: StudyReport) -> None:
    """Draw the distribution of scores in others and in events: its shape, quartiles, and the units where few."""
    rows = scores[item.family]
    generator = np.random.default_rng(report.seed)
    dots = rows["outcome"].value_counts().max() <= _DOTS
    for place, (value, colour) in enumerate(((0, _OTHER), (1, _EVENT))):
        own = rows.loc[rows["outcome"] == value, "score"].to_numpy()
        if not len(own):
            continue
        if len(own) > 2 and np.ptp(own) > 0:
            body = axes.violinplot(own, [place], widths=0.8, showextrema=False)["bodies"][0]
            body.set(facecolor=colour, edgecolor="none", alpha=0.3)
        if dots:
            spread = place + generator.uniform(-0.14, 0.14, len(own))
            axes.plot(spread, own, "o", color=colour, markersize=2.6, alpha=0.75, markeredgewidth=0)
        axes.boxplot(
            own,
            positions=[place],
            widths=0.3,
            showfliers=False,
            medianprops={"color": "#1f2937", "linewidth": 1.4},
            **{name: {"color": "#4b5563", "linewidth": 0.9} for name in ("boxprops", "whiskerprops", "capprops")},
        )
    axes.axhline(0, color="#1f2937", linewidth=0.9, linestyle=(0, (4, 2)))
    axes.set_title(item.family, loc="left", fontweight="bold")
    text = p_value(_p(report.predictions, item.family))
    axes.text(0.5, 0.985, f"p {text}", transform=axes.transAxes, ha="center", va="top", fontsize=8.5)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.1 * (high - low))
    counts = [int((rows["outcome"] == value).sum()) for value in (0, 1)]
    axes.set_xticks([0, 1], [f"none ({counts[0]})", f"event ({counts[1]})"])
    axes.set_xlim(-0.6, 1.6)
    axes.set_ylabel("score − threshold")


def _p(predictions: pd.DataFrame, family: str) -> float | None:
    """Return the p value of no difference in rank between events and others, by patient, averaged over test folds."""
    rows = predictions[predictions["family"] == family]
    parts = [
        auc_covariance(part["outcome"], part["probability"], part["patient"])
        for _, part in rows.groupby("fold", sort=False)
    ]
    found = auc_p(fold_averaged(parts, overlap_of(rows)))
    return None if np.isnan(found) else found


def _row(family: str, rows: pd.DataFrame, report: StudyReport) -> dict[str, str]:
    """Return the medians of a family's scores in events and in others, and how sure it is that they differ."""
    cells = {"family": family}
    for name, value in (("events", 1), ("others", 0)):
        own = rows.loc[rows["outcome"] == value, "score"]
        low, middle, high = own.quantile([0.25, 0.5, 0.75]) if len(own) else (None, None, None)
        cells[f"median of {name} (quartiles)"] = f"{number(middle, 2)} ({number(low, 2)} to {number(high, 2)})"
    return {**cells, "p": p_value(_p(report.predictions, family))}
