"""Calls: how often is a unit that is called an event one, by every usual measure, with intervals by patient."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from radfuse.statistics.estimate import Estimate, clustered_mean, normal_quantile
from radfuse.statistics.scores import Array, checked, expit


@dataclass(frozen=True)
class Calls:
    """A fourfold table and what is made of it.

    Attributes:
        cells: events called, events missed, others called, others spared: counts.
        measures: name -> estimate, in the order of `MEASURES`; NaN where it cannot be had, infinite where it is divided
            by nothing.
    """

    cells: tuple[int, int, int, int]
    measures: Mapping[str, Estimate]


def _ratio(above: float, below: float) -> float:
    if below > 0:
        return above / below
    return float("inf") if above > 0 else float("nan")


def _balanced(tp: float, fn: float, fp: float, tn: float) -> float:
    return (_ratio(tp, tp + fn) + _ratio(tn, fp + tn)) / 2


def _f1(tp: float, fn: float, fp: float, _: float) -> float:
    return _ratio(2 * tp, 2 * tp + fp + fn)


def _mcc(tp: float, fn: float, fp: float, tn: float) -> float:
    below = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    return (tp * tn - fp * fn) / float(np.sqrt(below)) if below > 0 else float("nan")


def _lr_plus(tp: float, fn: float, fp: float, tn: float) -> float:
    return _ratio(_ratio(tp, tp + fn), _ratio(fp, fp + tn))


def _lr_minus(tp: float, fn: float, fp: float, tn: float) -> float:
    return _ratio(_ratio(fn, tp + fn), _ratio(tn, fp + tn))


def _odds_ratio(tp: float, fn: float, fp: float, tn: float) -> float:
    return _ratio(tp * tn, fp * fn)


def _logit(value: float) -> float:
    return float(np.log(value) - np.log1p(-value))


def _logistic(value: float) -> float:
    return float(expit(value))


Function = Callable[[float], float]
_LOG: tuple[Function, Function] = (lambda value: float(np.log(value)), lambda value: float(np.exp(value)))
_LOGIT: tuple[Function, Function] = (_logit, _logistic)
_FISHER: tuple[Function, Function] = (lambda value: float(np.arctanh(value)), lambda value: float(np.tanh(value)))
_OF_CELLS: Mapping[str, tuple[Callable[[float, float, float, float], float], tuple[Function, Function]]] = {
    "balanced accuracy": (_balanced, _LOGIT),
    "F1": (_f1, _LOGIT),
    "MCC": (_mcc, _FISHER),
    "LR+": (_lr_plus, _LOG),
    "LR-": (_lr_minus, _LOG),
    "DOR": (_odds_ratio, _LOG),
}
SHARES = ("sensitivity", "specificity", "PPV", "NPV", "accuracy")
MEASURES = (*SHARES, *_OF_CELLS)
"""Names of all measures; LR: likelihood ratio, DOR: diagnostic odds ratio, MCC: Matthews' correlation coefficient."""


def calls(outcome: ArrayLike, called: ArrayLike, patients: ArrayLike, level: float = 0.95) -> Calls:
    """Return every measure of calls, with intervals whose variances sum over patients.

    Shares have Wilson's interval at the effective sample size; balanced accuracy and F1 one on the logit scale,
    Matthews' coefficient on Fisher's, the ratios on the log scale, by the delta method.

    Args:
        outcome: 0 or 1, shape (unit,).
        called: bool, shape (unit,).
        patients: shape (unit,).
        level: of the intervals.

    Raises:
        ValueError: shapes differ, or an outcome is neither 0 nor 1.

    Source:
        Matthews 1975, doi:10.1016/0005-2795(75)90109-9; Simel et al. 1991, doi:10.1016/0895-4356(91)90128-V, for the
        log scale of likelihood ratios; Glas et al. 2003, doi:10.1016/S0895-4356(03)00177-X, of the odds ratio.
    """
    y, _ = checked(outcome, np.asarray(called, dtype=float))
    c, who = np.asarray(called, dtype=bool), np.asarray(patients)
    cells = np.column_stack([y & c, y & ~c, ~y & c, ~y & ~c])
    parts = {
        "sensitivity": (c, y),
        "specificity": (~c, ~y),
        "PPV": (y, c),
        "NPV": (~y, ~c),
        "accuracy": (y == c, np.ones(len(y), dtype=bool)),
    }
    measures = {name: clustered_mean(right[of], who[of], level, share=True) for name, (right, of) in parts.items()}
    covariance = _covariance(cells.astype(float), who)
    means = cells.mean(axis=0)
    z = normal_quantile(level)
    for name, (measure, scale) in _OF_CELLS.items():
        measures[name] = _delta(measure, scale, means, covariance, z)
    tp, fn, fp, tn = map(int, cells.sum(axis=0))
    return Calls((tp, fn, fp, tn), measures)


def _covariance(cells: Array, patients: np.ndarray) -> Array:
    """Return the covariance of the means of the cells; NaN with one patient."""
    who = pd.factorize(patients)[0]
    people = int(who.max()) + 1
    if people < 2:
        return np.full((4, 4), np.nan)
    sums = np.zeros((people, 4))
    np.add.at(sums, who, cells - cells.mean(axis=0))
    return np.asarray(people / (people - 1) * sums.T @ sums / len(cells) ** 2)


def _delta(
    measure: Callable[[float, float, float, float], float],
    scale: tuple[Function, Function],
    means: Array,
    covariance: Array,
    z: float,
) -> Estimate:
    """Return a function of the cells' shares with an interval on some scale; none at the scale's end."""
    value = measure(*means)
    there, back = scale
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = there(value)
        if not np.isfinite(centre) or np.isnan(covariance).any():
            return Estimate(value, float("nan"), float("nan"))
        slopes = np.zeros(4)
        for i in np.flatnonzero(means > 0):  # an empty cell has no variance, and nothing lies below it
            step = np.zeros(4)
            step[i] = 1e-5 * means[i]
            slopes[i] = (there(measure(*(means + step))) - there(measure(*(means - step)))) / (2 * step[i])
        half = z * float(np.sqrt(max(float(slopes @ covariance @ slopes), 0.0)))
    return Estimate(value, back(centre - half), back(centre + half))
