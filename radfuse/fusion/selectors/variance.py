"""Columns that hardly vary."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from radfuse.fusion.link import EVERY_KIND
from radfuse.fusion.parts import Outcome, Settings
from radfuse.fusion.selectors.step import Step

_SLAB = 1024


class Variance(Step):
    """Drop columns that hardly vary, measured in their own unit, missing values imputed."""

    serves: ClassVar[tuple[str, ...]] = EVERY_KIND
    kind: Literal["variance"] = "variance"
    own_units: ClassVar[bool] = True
    most_alike: float = Field(default=0.95, gt=0, le=1)
    """Largest share of units that may hold one and the same value; 1 allows any."""
    least_variation: float = Field(default=0.0, ge=0)
    """Smallest standard deviation over absolute mean; 0 allows any."""

    def choose(self, x: np.ndarray, y: np.ndarray, settings: Settings, outcome: Outcome) -> np.ndarray:
        """Keep what varies; where nothing does, the column in which the fewest units hold one value."""
        share = _largest_share(x)
        variation = x.std(axis=0) / np.maximum(np.abs(x.mean(axis=0)), 1e-300)
        kept = (share <= self.most_alike + 1e-12) & (variation >= self.least_variation)
        kept[int(np.argmin(share))] |= not kept.any()
        return kept

    def remark(self, x: np.ndarray, y: np.ndarray, settings: Settings, outcome: Outcome) -> str:
        """Return that nothing varies enough, if so."""
        share = _largest_share(x).min()
        if share <= self.most_alike + 1e-12 and not self.least_variation:
            return ""
        return "variance kept one column: no more, or none, vary enough"


def _largest_share(x: np.ndarray) -> np.ndarray:
    """Return the share of units that hold the most frequent value, shape (column,)."""
    found = np.empty(x.shape[1])
    place = np.arange(len(x))
    for start in range(0, x.shape[1], _SLAB):
        ordered = np.sort(x[:, start : start + _SLAB].T, axis=1)
        new = np.ones(ordered.shape, dtype=bool)
        new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
        run = place - np.maximum.accumulate(np.where(new, place, 0), axis=1)
        found[start : start + _SLAB] = (run.max(axis=1) + 1) / len(x)
    return found
