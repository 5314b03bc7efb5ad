"""What a reviewer would object to, in sentences, from the numbers of a study."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from radfuse.errors import counted, listed
from radfuse.report.methods.words import series
from radfuse.report.printed import interval, number
from radfuse.results import FittedFamily, Interval, Performance

_FEW_EVENTS = 10
"""Events per column below which coefficients and AUC are held to be unsteady (Peduzzi et al. 1996,
doi:10.1016/S0895-4356(96)00236-3)."""
_FAR_SLOPES = (0.5, 2.0)
_POOR_ICC = 0.5
"""Poor agreement (Koo and Li 2016, doi:10.1016/j.jcm.2016.02.012)."""
_NAMED = 4
_FALLBACKS = 12
"""Remarks on fits that are shown, at most."""
_VISIT = re.compile(r"@[^/]+(?=/)")


def study_remarks(
    performance: Sequence[Any],
    folds: Mapping[str, Sequence[FittedFamily]],
    final: Mapping[str, FittedFamily],
    icc: pd.Series | None,
    events: np.ndarray | None = None,
) -> list[str]:
    """Return sentences on a study.

    Args:
        performance: of each family.
        folds: family -> its outer folds.
        final: family -> refitted on all units.
        icc: radiomic feature -> ICC(2,1) between predicted and manual masks, where there are both.
        events: 1 for each unit that has the event, else 0, also of units that no fold tests; None: all are tested.
    """
    found = [*_events_per_column(performance, folds, final, events), *performance_remarks(performance)]
    if icc is not None:
        found += _disagreeing(final, icc)
    return [*found, *_never_tested(folds, final), *_fallbacks(folds, final)]


def performance_remarks(performance: Sequence[Any]) -> list[str]:
    """Return sentences on calibration and on families that call all units alike."""
    found = []
    for item in performance:
        slope, risks = item.calibration_slope, hasattr(item, "events")
        if slope.value is not None and slope.value < 0:
            nothing = _unsure(slope) or ". It has not learned anything that holds on new units"
            found.append(
                f"The calibration slope of {item.family} is {interval(slope, 2)}, below 0: where it predicted more, "
                f"{'fewer events came' if risks else 'less was observed'}{nothing}"
            )
        elif slope.value is not None and not _FAR_SLOPES[0] <= slope.value <= _FAR_SLOPES[1]:
            far = "extreme" if slope.value < 1 else "timid"
            read = (
                f"probabilities are too {far} and must not be read as risks" if risks else f"predictions are too {far}"
            )
            found.append(
                f"The calibration slope of {item.family} is {interval(slope, 2)}, far from 1: its "
                f"{read}{_unsure(slope)}"
            )
        if not isinstance(item, Performance):
            continue
        shares = {"positive": (item.sensitivity, item.specificity), "negative": (item.specificity, item.sensitivity)}
        for call, (all_right, all_wrong) in shares.items():
            if (number(all_right.value, 2), number(all_wrong.value, 2)) == ("1.00", "0.00"):
                found.append(
                    f"At its thresholds {item.family} calls every unit {call} (sensitivity "
                    f"{number(item.sensitivity.value, 2)}, specificity {number(item.specificity.value, 2)}): it tells "
                    "nobody apart"
                )
    return found


def _unsure(slope: Interval) -> str:
    if slope.low is None or slope.high is None or not slope.low <= 1 <= slope.high:
        return ""
    return ", though so few units do not rule out a slope of 1"


def _events_per_column(
    performance: Sequence[Any],
    folds: Mapping[str, Sequence[FittedFamily]],
    final: Mapping[str, FittedFamily],
    of_all: np.ndarray | None,
) -> Iterator[str]:
    """Yield one sentence on all families that have few events for their columns."""
    if not hasattr(performance[0], "events"):
        return
    binary = isinstance(performance[0], Performance)
    rarer = {}
    for item in performance:
        units, count = (item.units, item.events) if of_all is None else (len(of_all), int(of_all.sum()))
        rarer[item.family] = min(count, units - count) if binary else count
    told = []
    for family, fits in folds.items():
        events, candidates = rarer.get(family, 0), fits[0].columns_in
        kept = len(final[family].explanation.columns) if family in final else 0
        if events < _FEW_EVENTS * max(candidates, kept):
            selected = f", {_ratio(events, kept)} for {_each(kept, 'selected')}" if 0 < kept < candidates else ""
            told.append(f"{family} {_ratio(events, candidates)} for {_each(candidates, 'candidates')}{selected}")
    if told:
        least = min(rarer.values())
        who = counted(least, "unit has", "units have")
        yield (
            f"Events per column ({who} the {'rarer outcome' if binary else 'event'}) lie below "
            f"{_FEW_EVENTS}: {'; '.join(told)}. Which columns count, and the {performance[0].measure}, would differ "
            "much in another sample"
        )


def _each(count: int, what: str) -> str:
    return f"each of {count:,} {what}" if count > 1 else f"the one {what.removesuffix('s')}"


def _ratio(events: int, columns: int) -> str:
    ratio = events / columns
    return f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.1f}" if ratio >= 0.1 else f"{ratio:.2g}"


def _disagreeing(final: Mapping[str, FittedFamily], icc: pd.Series) -> Iterator[str]:
    """Yield the columns that masks disagree on, once for all families that use the same."""
    known = icc.dropna().to_dict()
    where: dict[tuple[tuple[float, str], ...], list[str]] = {}
    for family, fitted in final.items():
        values = {column.name: known.get(_VISIT.sub("", column.name)) for column in fitted.explanation.columns}
        poor = tuple(sorted((v, name) for name, v in values.items() if v is not None and v < _POOR_ICC))
        if poor:
            where.setdefault(poor, []).append(family)
    for poor, families in where.items():
        worst = [f"{name} ({number(value, 2)})" for value, name in poor[:_NAMED]]
        rest = f" and {len(poor) - _NAMED:,} more" if len(poor) > _NAMED else ""
        yield (
            f"{series(families)} use{'s' if len(families) == 1 else ''} {counted(len(poor), 'column')} on which "
            f"predicted and manual masks disagree, ICC(2,1) below {_POOR_ICC}: {', '.join(worst)}{rest}. What "
            f"{'they say' if len(poor) > 1 else 'it says'} depends on the segmentation more than on the tissue"
        )


def _never_tested(folds: Mapping[str, Sequence[FittedFamily]], final: Mapping[str, FittedFamily]) -> Iterator[str]:
    """Yield that refitted models use columns that no test fold's model did, once for all that use the same."""
    where: dict[tuple[str, ...], list[str]] = {}
    for family, fitted in final.items():
        tested = {column.name for fold in folds[family] for column in fold.explanation.columns}
        names = tuple(column.name for column in fitted.explanation.columns if column.name not in tested)
        if names:
            where.setdefault(names, []).append(family)
    for names, families in where.items():
        several = len(families) > 1
        yield (
            f"The refitted model{'s' if several else ''} of {series(families)} use{'' if several else 's'} "
            f"{counted(len(names), 'column')} that no test fold chose ({listed(names, _NAMED)}). The performance shown "
            f"says nothing of {'them' if len(names) > 1 else 'it'}"
        )


def _fallbacks(folds: Mapping[str, Sequence[FittedFamily]], final: Mapping[str, FittedFamily]) -> Iterator[str]:
    """Yield what steps fell back on, each sentence once, with the fits it is said of; the most frequent first."""
    where: dict[str, dict[str, list[str]]] = {}
    for family, fits in folds.items():
        for fit in [*fits, *([final[family]] if family in final else [])]:
            for remark in fit.remarks:
                where.setdefault(remark, {}).setdefault(family, []).append(fit.fold)
    order = sorted(where.items(), key=lambda item: -sum(map(len, item[1].values())))
    for remark, families in order[:_FALLBACKS]:
        told = [f"{family} in {_fits(names)}" for family, names in families.items()]
        yield f"{remark} ({listed(told, _NAMED)})"
    if len(order) > _FALLBACKS:
        yield f"{len(order) - _FALLBACKS} more remarks on single fits stand in models/*/*.json of the run folder"


def _fits(names: Sequence[str]) -> str:
    """Return which fits these are: outer folds, and that on all units."""
    folds = [name for name in names if name != "all"]
    told = [f"fold{'s' if len(folds) > 1 else ''} {listed(folds)}"] if folds else []
    return " and ".join([*told, *(["the fit on all units"] if "all" in names else [])])
