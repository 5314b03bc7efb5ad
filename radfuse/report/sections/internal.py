"""Internal validation beside units held out: bootstrap optimism, and outcomes shuffled between patients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.ticker import MaxNLocator

from radfuse.report.printed import interval, number, p_value
from radfuse.report.render import Part, render
from radfuse.report.study import StudyReport
from radfuse.report.svg import multiples
from radfuse.results import Interval, Measured, OptimismDraw
from radfuse.statistics.internal import Corrected, corrected, highest_p, permutation_p


def study(report: StudyReport) -> Part:
    """Return what refits on resampled and on shuffled patients say; nothing where a study asks for none."""
    if not report.optimism and not report.shuffled:
        return Part("Internal validation", Markup(""))
    tables: dict[str, pd.DataFrame] = {}
    figures: dict[str, str] = {}
    panels: list[str] = []
    if report.optimism:
        tables["optimism"] = optimism_table(report.optimism, report.performance)
    if report.shuffled:
        observed, measure = observed_values(report), report.performance[0].measure
        null = {family: _in_order(report, family) for family in observed}
        tables["permutation"] = permutation_table(observed, null, measure)
        figures["permutation"], panels = permutation_panels(report, observed, null)
    names = {"families": list(report.shuffled), "measure": report.performance[0].measure}
    drawn = report.settings["cohort"]["split"].get("kind") in ("grouped", "holdout")
    dealt = drawn and "cross_fitted" not in report.masks  # networks are those of the study's folds
    html = render("sections/internal.html", report=report, tables=tables, panels=panels, dealt=dealt, **names)
    return Part("Internal validation", html, figures, tables)


def optimism_table(drawn: Mapping[str, Sequence[OptimismDraw]], performance: Sequence[Measured]) -> pd.DataFrame:
    """Return each measure of each family, apparent and corrected, beside the nested headline."""
    nested = {(item.family, item.measure): interval(item.headline) for item in performance}
    rows = []
    for family, draws in drawn.items():
        for measure, found in corrections(draws).items():
            rows.append(
                {
                    "family": family,
                    "measure": measure,
                    "apparent": number(found.apparent),
                    "optimism": interval(
                        Interval(value=_known(found.optimism), low=_known(found.low), high=_known(found.high))
                    ),
                    "corrected": number(found.corrected),
                    "held out": nested.get((family, measure), ""),
                    "samples": str(found.draws),
                }
            )
    return pd.DataFrame(rows)


def corrections(draws: Sequence[OptimismDraw]) -> dict[str, Corrected]:
    """Return measure -> what is left of it; empty where the fit on all units is missing."""
    whole = next((draw for draw in draws if draw.draw == 0), None)
    if whole is None:
        return {}
    return {
        name: corrected(
            _number(value),
            [(_number(draw.sample.get(name)), _number(draw.everyone.get(name))) for draw in draws if draw.draw],
        )
        for name, value in whole.everyone.items()
    }


def observed_values(report: StudyReport) -> dict[str, float]:
    """Return the mean headline over the test folds of the first deal, of families with shuffles."""
    first = set(report.predictions.loc[report.predictions["repeat"] == 1, "fold"].astype(str))
    found = {}
    for item in report.performance:
        folds = [value for fold, value in item.fold_values.items() if fold in first and value is not None]
        if item.family in report.shuffled and folds:
            found[item.family] = float(np.mean(folds))
    return found


def _in_order(report: StudyReport, family: str) -> list[float]:
    """Return the values of a family's shuffles, NaN where one failed."""
    count = max(draw.draw for draws in report.shuffled.values() for draw in draws)
    known = {draw.draw: _number(draw.value) for draw in report.shuffled[family]}
    return [known.get(number, float("nan")) for number in range(1, count + 1)]


def permutation_table(
    observed: Mapping[str, float], null: Mapping[str, Sequence[float]], measure: str = "AUC"
) -> pd.DataFrame:
    """Return the headline by its name, what shuffled outcomes give, and p."""
    best = highest_p(observed, null)
    rows = []
    for family, value in observed.items():
        values = np.array(null[family])[np.isfinite(null[family])]
        low, high = np.quantile(values, [0.025, 0.975]) if len(values) else (float("nan"), float("nan"))
        mean = float(values.mean()) if len(values) else float("nan")
        rows.append(
            {
                "family": family,
                measure: number(value),
                "shuffled": interval(Interval(value=_known(mean), low=_known(low), high=_known(high))),
                "p": p_value(permutation_p(value, null[family])),
                "p, best of all": p_value(best[family]),
                "shuffles": str(len(values)),
            }
        )
    return pd.DataFrame(rows)


def permutation_panels(
    report: StudyReport, observed: Mapping[str, float], null: Mapping[str, Sequence[float]]
) -> tuple[str, list[str]]:
    """Return a panel per family: the headlines of shuffled outcomes, and the one seen."""
    measure = report.performance[0].measure

    def draw(axes: Any, family: str) -> None:
        values = np.array(null[family])[np.isfinite(null[family])]
        axes.hist(values, bins=20, color="#cbd5e1")
        axes.axvline(observed[family], color=report.looks[family].colour, linewidth=2)
        axes.set_title(family, loc="left", fontweight="bold")
        axes.set_xlabel(measure)
        axes.set_ylabel("shuffles")
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))

    return multiples(list(observed), draw, height=2.2)


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
