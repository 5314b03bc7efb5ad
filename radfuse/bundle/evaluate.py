"""A frozen bundle on labelled patients: measured, compared, optionally recalibrated; nothing is refitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from radfuse.bundle.load import Bundle, load_bundle
from radfuse.bundle.predict import Prediction, predict
from radfuse.config import Section
from radfuse.results import Comparison, Performance
from radfuse.run.folder import Progress
from radfuse.statistics.scores import expit, to_logit


class Recalibration(Section):
    """probability = 1 / (1 + exp(-(intercept + slope * logit)))."""

    intercept: float | None
    slope: float | None


class Evaluation(Section):
    """A frozen bundle on labelled units."""

    study: str
    table: str
    performance: tuple[Performance, ...]
    comparisons: tuple[Comparison, ...]
    recalibration: Mapping[str, Recalibration] = {}


def evaluate(
    bundle: Bundle | str | Path,
    table: str | Path,
    features: Mapping[str, str | Path] | None = None,
    families: Sequence[str] = (),
    *,
    recalibrate: bool = False,
    progress: Progress = lambda *_: None,
) -> tuple[Evaluation, Prediction, pd.DataFrame]:
    """Measure a frozen bundle on labelled units; nothing is refitted.

    Args:
        bundle: a bundle or its folder.
        table: cohort table with the outcome; may hold the features too.
        features: block -> table, where features lie elsewhere.
        families: which to measure; empty: all whose columns are there.
        recalibrate: also give the intercept and slope that would calibrate each family here.
        progress: told of every case that starts from images.

    Returns:
        The measurements, the predictions, and the long table they were measured on.
    """
    bundle = bundle if isinstance(bundle, Bundle) else load_bundle(bundle)
    schema = bundle.schema
    prediction = predict(bundle, table, features, families, labelled=True, progress=progress)
    outcome = schema.opened_outcome()
    observed = outcome.observed(prediction.units)
    parts = [
        pd.DataFrame(
            {
                "position": np.arange(len(prediction.units)),
                "family": family,
                "fold": "external",
                "patient": prediction.units[schema.patient].to_numpy(),
                **observed,
                "probability": prediction.probabilities[family].to_numpy(),
                "threshold": schema.families[str(family)].threshold,
            }
        )
        for family in prediction.probabilities
    ]
    long = pd.concat(parts, ignore_index=True)
    names = [str(family) for family in prediction.probabilities]
    performance = tuple(outcome.measure(part) for part in parts)
    recalibration = {
        item.family: Recalibration(intercept=item.recalibration_intercept, slope=item.calibration_slope.value)
        for item in performance
        if recalibrate
    }
    evaluation = Evaluation(
        study=schema.study,
        table=Path(table).name,
        performance=performance,
        comparisons=outcome.compare(long, names),
        recalibration=recalibration,
    )
    return evaluation, prediction, long


def recalibrated(probability: np.ndarray, by: Recalibration) -> np.ndarray:
    """Return probabilities after recalibration; unchanged where it could not be computed."""
    if by.intercept is None or by.slope is None:
        return probability
    return expit(by.intercept + by.slope * to_logit(probability))
