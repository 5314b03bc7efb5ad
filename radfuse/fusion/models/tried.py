"""The types of settings that models try in the inner folds."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import AfterValidator


def _positive(values: tuple[float, ...]) -> tuple[float, ...]:
    if not values or not all(0 < value < math.inf for value in values):
        raise ValueError("must be one or more positive, finite numbers")
    return tuple(sorted(set(values)))


def _counts(values: tuple[int, ...]) -> tuple[int, ...]:
    if not values or not all(0 < value <= 100_000 for value in values):
        raise ValueError("must be one or more whole numbers from 1 to 100000")
    return tuple(sorted(set(values)))


Positives = Annotated[tuple[float, ...], AfterValidator(_positive)]
"""Positive, finite numbers, at least one; sorted upwards, each once."""
Counts = Annotated[tuple[int, ...], AfterValidator(_counts)]
"""Whole numbers from 1, at least one; sorted upwards, each once."""
