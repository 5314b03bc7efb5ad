"""A frozen bundle on labelled patients: measured, compared, optionally recalibrated; nothing is refitted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radfuse.bundle.load import Bundle, load_bundle
from radfuse.bundle.predict import Prediction, predict
from radfuse.bundle.schema import BundleFamily, BundleSchema
from radfuse.config import Section
from radfuse.errors import InputError
from radfuse.results import (
    AnyPerformance,
    Comparison,
    ContinuousPerformance,
    OrdinalPerformance,
    Performance,
    SurvivalPerformance,
)
from radfuse.run.folder import Progress
from radfuse.seg.runtimes.runtime import USUAL
from radfuse.statistics.scores import expit, to_logit

_APART = 5.0
"""Times and values that are so many times as long, or as far apart, as those of the training seem of another unit."""


class Recalibration(Section):
    """probability = 1 / (1 + exp(-(intercept + slope * logit)))."""

    intercept: float | None
    slope: float | None


class Evaluation(Section):
    """A frozen bundle on labelled units.

    Attributes:
        study: name of the study that made it.
        table: name of the file of units.
        performance: of each family.
        comparisons: of each pair.
        recalibration: family -> what would calibrate it here, where that was asked for.
        remarks: what these units cannot tell, and whether their patients took part in the training, in sentences.
    """

    study: str
    table: str
    performance: tuple[AnyPerformance, ...]
    comparisons: tuple[Comparison, ...]
    recalibration: Mapping[str, Recalibration] = {}
    remarks: tuple[str, ...] = ()


def evaluate(
    bundle: Bundle | str | Path,
    table: str | Path | pd.DataFrame,
    features: Mapping[str, str | Path | pd.DataFrame] | None = None,
    families: Sequence[str] = (),
    *,
    recalibrate: bool = False,
    progress: Progress = lambda *_: None,
    runtime: str = USUAL,
) -> tuple[Evaluation, Prediction, pd.DataFrame]:
    """Measure a frozen bundle on labelled units; nothing is refitted.

    Args:
        bundle: a bundle or its folder.
        table: cohort table with the outcome; may hold the features too. A file, or the table itself.
        features: block -> table, where features lie elsewhere.
        families: which to measure; empty: all whose columns are there.
        recalibrate: also give the intercept and slope that would calibrate each family here.
        progress: told of every image, as `predict` has it.
        runtime: who segments images.

    Returns:
        The measurements, the predictions, and the long table they were measured on.

    Raises:
        InputError: as `predict`; no column of the outcome, or values that are none of it.
    """
    bundle = bundle if isinstance(bundle, Bundle) else load_bundle(bundle)
    schema = bundle.schema
    outcome: Any = schema.opened_outcome()
    _check_curve(outcome, recalibrate)
    prediction = predict(bundle, table, features, families, labelled=True, progress=progress, runtime=runtime)
    about = {
        "position": np.arange(len(prediction.units)),
        "fold": "external",
        "repeat": 1,
        "patient": prediction.units[schema.patient].to_numpy(),
        **outcome.observed(prediction.units),
    }
    parts = [
        pd.DataFrame({**about, "family": family, **_rows(schema.families[family], outcome, prediction.given(family))})
        for family in map(str, prediction.probabilities)
    ]
    long = pd.concat(parts, ignore_index=True)
    performance = tuple(outcome.measure(part) for part in parts)
    recalibration = {
        item.family: Recalibration(intercept=item.recalibration_intercept, slope=item.calibration_slope.value)
        for item in performance
        if isinstance(item, Performance) and recalibrate
    }
    known = schema.patients.remark(prediction.units[schema.patient]) if schema.patients is not None else None
    evaluation = Evaluation(
        study=schema.study,
        table="DataFrame" if isinstance(table, pd.DataFrame) else Path(table).name,
        performance=performance,
        comparisons=outcome.compare(long, list(map(str, prediction.probabilities))),
        recalibration=recalibration,
        remarks=(*_gaps(performance), *([known] if known else []), *_unlike(schema, performance[0], parts[0])),
    )
    return evaluation, prediction, long


def _check_curve(outcome: Any, recalibrate: bool) -> None:
    if recalibrate and getattr(outcome, "link", "logit") != "logit":
        raise InputError(f"recalibrate gives a logistic curve, which is none of {outcome.kind} outcomes; leave it out")


def _rows(part: BundleFamily, outcome: Any, probability: np.ndarray) -> dict[str, Any]:
    """Return a family's columns of the long table: probabilities, its threshold, what the outcome measures beside."""
    beside = {} if part.beside is None else outcome.predicted(part.beside, probability)
    return {"probability": probability, "threshold": part.threshold, **beside}


def _unlike(schema: BundleSchema, here: AnyPerformance, rows: pd.DataFrame) -> Iterator[str]:
    """Yield what of the outcome the training did not have: its unit, and grades."""
    yield from _other_unit(schema, here, rows)
    yield from _never_predicted(here, rows)


def _other_unit(schema: BundleSchema, here: AnyPerformance, rows: pd.DataFrame) -> Iterator[str]:
    """Yield that times or values are so unlike those of the training that they seem to be in another unit."""
    trained = schema.families[here.family].performance
    if isinstance(here, SurvivalPerformance) and isinstance(trained, SurvivalPerformance):
        fit = schema.families[here.family].survival
        now, then, what = here.follow_up, trained.follow_up, "median time under observation"
        if now is None or then is None:  # nearly all have the event
            seen = np.unique(rows["time"][rows["event"] == 1])
            now, then = (float(np.median(times)) if len(times) else None for times in (seen, fit.times if fit else ()))
            what = "median time of events"
        unit = trained.time_unit
    elif isinstance(here, ContinuousPerformance) and isinstance(trained, ContinuousPerformance):
        rmse, r2, unit = trained.rmse.value, trained.r2.value, trained.value_unit
        now = float(rows["outcome"].std(ddof=0)) or None
        then = rmse / np.sqrt(1 - r2) if rmse and r2 is not None and r2 < 1 else None
        what = "standard deviation of the outcome"
    else:
        return
    if now is not None and then is not None and not 1 / _APART < now / then < _APART:
        yield (
            f"the {what} is {now:.3g} here and {then:.3g} in the training: the outcome is taken to be in the unit of "
            f"the training{f' ({unit})' if unit else ''}; if the table has another, write it in that one"
        )


def _never_predicted(here: AnyPerformance, rows: pd.DataFrame) -> Iterator[str]:
    """Yield that units have a grade that no training unit had, whose probability is 0 for all."""
    if not isinstance(here, OrdinalPerformance):
        return
    for place, level in enumerate(here.levels):
        count = int((rows["outcome"] == place).sum())
        if count and rows[f"probability@{level}"].max() < _NEVER:
            has = "1 unit has" if count == 1 else f"{count} units have"
            yield f"{has} the grade {level}, which no training unit had: its probability is 0 for everyone"


def _gaps(performance: Sequence[AnyPerformance]) -> Iterator[str]:
    """Yield, in sentences, what could not be computed, and why where it is plain."""
    first = performance[0]
    who = "the one unit" if first.units == 1 else f"all {first.units} units"
    one_class = {0: "no unit has the event"} if hasattr(first, "events") else {}
    if isinstance(first, Performance):
        one_class |= {first.units: f"{who} {'has' if first.units == 1 else 'have'} the event"}
    events = getattr(first, "events", -1)
    values: dict[tuple[str, ...], list[str]] = {}
    intervals: dict[tuple[str, ...], list[str]] = {}
    for name in first.judged:
        found = {item.family: item.judged[name] for item in performance}
        for gaps, lacking in (
            (values, [family for family, item in found.items() if item.value is None]),
            (intervals, [family for family, item in found.items() if item.value is not None and item.low is None]),
        ):
            if lacking:
                gaps.setdefault(tuple(lacking), []).append(name)
    for families, names in values.items():
        apart = ", or probabilities that separate events from others without overlap"
        too_few = f": too few units{apart if one_class else ', or all of one outcome'}"
        if isinstance(first, SurvivalPerformance) and "Brier" in names:
            yield f"nobody was followed to {first.horizon:g} without the event, so that nothing can be told of it there"
            names = [name for name in names if name not in ("Brier", f"AUC at {first.horizon:g}")]
            if not names:
                continue
        elif isinstance(first, SurvivalPerformance) and names == [f"AUC at {first.horizon:g}"]:
            too_few = f", as no unit had the event by {first.horizon:g}, or none was followed beyond it without"
        why = f", as {one_class[events]}" if events in one_class else too_few
        yield f"{_of(families, performance)} {', '.join(names)} cannot be computed{why}"
    for families, names in intervals.items():
        why = ", as there is one patient" if first.patients == 1 else ": too few patients with each outcome"
        yield f"{_of(families, performance)} no interval can be given for {', '.join(names)}{why}"


def _of(families: Sequence[str], performance: Sequence[AnyPerformance]) -> str:
    return "for every family" if len(families) == len(performance) else f"for {', '.join(families)}"


def recalibrated(probability: np.ndarray, by: Recalibration) -> np.ndarray:
    """Return probabilities after recalibration; unchanged where it could not be computed."""
    if by.intercept is None or by.slope is None:
        return probability
    return expit(by.intercept + by.slope * to_logit(probability))


_NEVER = 1e-12
"""Probability below which a grade is one that never occurred in the training."""
