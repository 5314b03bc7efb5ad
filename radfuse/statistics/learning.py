"""Learning curves: how a measure grows with the number of training patients, and where it is going."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

_RATES = np.geomspace(0.05, 3.0, 200)
_FEWEST = 4
"""Sizes that three parameters need at least to be more than a drawing."""
_EXPLAINED = 0.5
"""Share of the variance between sizes that a fit has to explain."""


@dataclass(frozen=True)
class PowerLaw:
    """value(n) = limit - gain * n ** -rate.

    Attributes:
        limit: of ever more patients.
        gain: positive.
        rate: positive.
    """

    limit: float
    gain: float
    rate: float

    def at(self, size: float | np.ndarray) -> np.ndarray:
        """Return the value at numbers of patients."""
        return np.asarray(self.limit - self.gain * np.asarray(size, dtype=float) ** -self.rate)


def power_law(drawn: Mapping[float, Sequence[float]], highest: float = 1.0) -> PowerLaw | None:
    """Return the inverse power law through the means by number of patients, by least squares.

    Args:
        drawn: number of patients -> value of each draw of so many.
        highest: that the measure can be; the limit is at most that.

    Returns:
        None where it makes no sense: fewer than four sizes, a curve that does not rise from its first size to its last
        by more than twice what draws of patients explain, or a fit that leaves half of the variance between sizes.

    Source:
        Figueroa et al. 2012, doi:10.1186/1472-6947-12-8.
    """
    sizes = np.array(sorted(drawn), dtype=float)
    if len(sizes) < _FEWEST:
        return None
    means = np.array([np.mean(drawn[size]) for size in sizes])
    best, error = None, np.inf
    for rate in _RATES:
        found = _with_rate(sizes, means, float(rate), highest)
        left = float(((found.at(sizes) - means) ** 2).sum())
        if found.gain > 0 and left < error - 1e-15:
            best, error = found, left
    spread = float(((means - means.mean()) ** 2).sum())
    if best is None or error > (1 - _EXPLAINED) * spread:
        return None
    rise = float(best.at(sizes[-1]) - best.at(sizes[0]))
    return best if rise > 2 * _chance(drawn[sizes[0]], drawn[sizes[-1]]) else None


def _with_rate(sizes: np.ndarray, means: np.ndarray, rate: float, highest: float) -> PowerLaw:
    """Return the law of one rate; its limit is held at `highest` where it would be above."""
    falling = sizes**-rate
    slope = np.cov(falling, means, bias=True)[0, 1] / falling.var()
    limit = float(means.mean() - slope * falling.mean())
    if limit <= highest:
        return PowerLaw(limit, float(-slope), rate)
    return PowerLaw(highest, float(((highest - means) * falling).sum() / (falling**2).sum()), rate)


def _chance(first: Sequence[float], last: Sequence[float]) -> float:
    """Return the standard error of the difference between two means; all patients, drawn once, cannot vary."""
    errors = [np.var(values, ddof=1) / len(values) for values in (first, last) if len(values) > 1]
    return float(np.sqrt(sum(errors)))
