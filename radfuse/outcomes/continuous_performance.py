"""Performance and comparisons of predicted values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from radfuse.outcomes import ranked
from radfuse.results import Comparison, ContinuousPerformance, Interval
from radfuse.statistics.auc import overlap_of_one_deal
from radfuse.statistics.regression import agreement


def measure(predictions: pd.DataFrame, unit: str = "") -> ContinuousPerformance:
    """Return the performance of one family.

    Args:
        predictions: a row per unit and repeat; columns family (one value), fold, repeat, position (of the unit),
            patient, outcome, and probability, which is the predicted value.
        unit: of the outcome.

    Raises:
        ValueError: no rows.
    """
    if predictions.empty:
        raise ValueError("no predictions to measure")
    patients = predictions["patient"].to_numpy()
    y, p = (predictions[name].to_numpy(dtype=float) for name in ("outcome", "probability"))
    c, pooled, folds = ranked.ranking(predictions)
    found = agreement(y, p, patients, overlap_of_one_deal(predictions))
    bias = Interval.of(found.bias)
    return ContinuousPerformance(
        family=str(predictions["family"].iloc[0]),
        units=int(predictions["position"].nunique()),
        patients=len(set(patients)),
        value_unit=unit,
        c=c,
        c_pooled=pooled,
        fold_cs=folds,
        r2=Interval.of(found.r2),
        rmse=Interval.of(found.rmse),
        mae=Interval.of(found.mae),
        spearman=Interval.of(found.spearman),
        calibration_slope=Interval.of(found.slope),
        calibration_intercept=_turned(bias),
        recalibration_intercept=None if np.isnan(found.slope_intercept.value) else found.slope_intercept.value,
        bias=bias,
        limit_low=Interval.of(found.low),
        limit_high=Interval.of(found.high),
    )


def compare(predictions: pd.DataFrame, families: Sequence[str]) -> tuple[Comparison, ...]:
    """Return every pair of families; the loss is squared error over the variance of the outcome."""
    units = predictions.drop_duplicates("position")["outcome"].to_numpy(dtype=float)
    one = float(units.var()) or 1.0

    def loss(rows: pd.DataFrame) -> np.ndarray:
        off = rows["probability"].to_numpy(dtype=float) - rows["outcome"].to_numpy(dtype=float)
        return np.asarray(off**2 / one)

    return ranked.compare(predictions, families, loss)


def _turned(found: Interval) -> Interval:
    """Return the same with the other sign."""
    value, low, high = (None if end is None else -end for end in (found.value, found.high, found.low))
    return Interval(value=value, low=low, high=high)
