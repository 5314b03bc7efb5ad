"""Measured numbers as they stand in JSON: a value that could not be computed is null."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator

from radfuse.config import Section

if TYPE_CHECKING:
    from radfuse.statistics.estimate import Estimate


def _no_nan(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


Number = Annotated[float | None, BeforeValidator(_no_nan)]
"""A float; None where it could not be computed."""


def _or_infinite(value: Any) -> Any:
    return math.inf if value is None else value


Distance = Annotated[float, BeforeValidator(_or_infinite)]
"""A distance in mm, or a ratio; infinite where there is none, null in JSON."""


def decimals(size: float | None, usual: int = 3) -> int:
    """Return how many decimals tell a value in a unit of its own: the usual ones, more below 0.1, fewer from 10,000."""
    if not size or not math.isfinite(size):
        return usual
    place = math.floor(math.log10(abs(size)))
    return min(usual - place - 1, 15) if place < 0 else max(usual - max(place - 3, 0), 0)


class Interval(Section):
    """A value with its 95 % confidence interval."""

    value: Number
    low: Number = None
    high: Number = None

    @classmethod
    def of(cls, estimate: Estimate) -> Interval:
        """Take over a computed estimate."""
        return cls(value=estimate.value, low=estimate.low, high=estimate.high)
