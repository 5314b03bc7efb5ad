"""Cohen's kappa: do two readers give the same grades, beyond what chance would?"""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from radfuse.statistics.estimate import Estimate, normal_quantile

Weights = Literal["none", "linear", "quadratic"]
_POWER: dict[Weights, int] = {"linear": 1, "quadratic": 2}


def kappa(
    first: ArrayLike,
    second: ArrayLike,
    patients: ArrayLike | None = None,
    weights: Weights = "quadratic",
    level: float = 0.95,
) -> Estimate:
    """Return the (weighted) kappa of two readers with an interval whose variance sums over patients.

    Grades weigh by their distance, or its square; with one unit a patient the variance is that of Fleiss, Cohen and
    Everitt.

    Args:
        first: grades as numbers, finite, shape (unit,).
        second: of the other reader, the same units.
        patients: shape (unit,); None: each unit is one.
        weights: "none": any two grades differ as much as others.
        level: of the interval.

    Returns:
        At most 1; NaN where both readers give one grade alone; no interval with one patient.

    Raises:
        ValueError: shapes differ, or a grade is not finite.

    Source:
        Cohen 1968, doi:10.1037/h0026256; Fleiss, Cohen and Everitt 1969, doi:10.1037/h0028106.
    """
    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if a.shape != b.shape or a.ndim != 1 or not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError(f"grades must be finite and of one shape (unit,); found {a.shape} and {b.shape}")
    grades, places = np.unique(np.concatenate([a, b]), return_inverse=True)
    if len(grades) < 2:
        return Estimate(float("nan"), float("nan"), float("nan"))
    apart = np.abs(grades[:, None] - grades)
    loss = (apart > 0).astype(float) if weights == "none" else apart ** _POWER[weights]
    n = len(a)
    i, j = places[:n], places[n:]
    rows, columns = np.bincount(i, minlength=len(grades)) / n, np.bincount(j, minlength=len(grades)) / n
    seen, chance = loss[i, j].mean(), rows @ loss @ columns
    value = float(1 - seen / chance)
    # what each unit adds: to the loss seen, and to both margins of the one by chance
    adds = -(loss[i, j] - seen) / chance + seen / chance**2 * ((loss @ columns)[i] + (rows @ loss)[j] - 2 * chance)
    who = np.arange(n) if patients is None else pd.factorize(np.asarray(patients))[0]
    people = int(who.max()) + 1
    if people < 2:
        return Estimate(value, float("nan"), float("nan"))
    half = normal_quantile(level) * float(np.sqrt(people / (people - 1) * (np.bincount(who, adds) ** 2).sum())) / n
    return Estimate(value, max(-1.0, value - half), min(1.0, value + half))
