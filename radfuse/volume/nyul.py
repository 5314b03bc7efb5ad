"""Nyul's standardisation: percentiles of each image moved to where they lie on average in images learned from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from radfuse.errors import InputError
from radfuse.volume.within import Within

Percentile = Annotated[float, Field(ge=0, le=100)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class Nyul(Within):
    """Map the image piece by piece, so that its percentiles lie at the landmarks of a standard scale.

    Between landmarks the map is linear, beyond the outer ones it goes on as between the last two.

    Source:
        Nyul, Udupa and Zhang 2000, doi:10.1109/42.836373.
    """

    kind: Literal["nyul"] = "nyul"
    percentiles: tuple[Percentile, ...] = Field(
        default=(1, 10, 20, 30, 40, 50, 60, 70, 80, 90, 99), min_length=2, max_length=101
    )
    """Of the part, in rising order; the first and the last span the scale."""
    scale: tuple[Finite, Finite] = (0.0, 1000.0)
    """Where the first and the last percentile come to lie."""
    landmarks: tuple[Finite, ...] | None = None
    """Value at each percentile, in rising order, where they are known from images that take no part in the evaluation.
    None: learned inside each outer fold from its training cases; the bundle holds those of all cases."""

    @model_validator(mode="after")
    def _rises(self) -> Nyul:
        ways = {"percentiles": self.percentiles, "scale": self.scale, "landmarks": self.landmarks or (0, 1)}
        for name, numbers in ways.items():
            if not np.all(np.diff(numbers) > 0):
                raise ValueError(f"{name}: each number is larger than the one before; correct their order")
        if self.landmarks is not None and len(self.landmarks) != len(self.percentiles):
            raise ValueError(f"there are {len(self.landmarks)} landmarks for {len(self.percentiles)} percentiles")
        return self

    def measured(self, image: np.ndarray, part: np.ndarray) -> np.ndarray:
        """Return an image's percentiles over the voxels of a bool part, float64.

        Raises:
            InputError: two of them are the same value.
        """
        found = np.percentile(image[part], self.percentiles)
        same = np.flatnonzero(np.diff(found) <= 0)
        if len(same):
            low, high = self.percentiles[same[0]], self.percentiles[same[0] + 1]
            raise InputError(
                f"nyul: percentiles {low:g} and {high:g} of {self.within!r} are the same value, {found[same[0]]:g}; "
                "take fewer `percentiles`, or a `within` without background"
            )
        return found

    def learned(self, measured: Sequence[np.ndarray]) -> tuple[float, ...]:
        """Return the landmarks: the mean over images of where their percentiles lie on the scale.

        Args:
            measured: percentiles of each image that is learned from, as `measured` gives them; at least one.
        """
        rows = np.array(measured, dtype=float)
        first, last = rows[:, :1], rows[:, -1:]
        low, high = self.scale
        return tuple(float(value) for value in np.mean(low + (rows - first) / (last - first) * (high - low), axis=0))

    def values(self, image: np.ndarray, part: np.ndarray) -> np.ndarray:
        """Return the image on the standard scale, float64.

        Raises:
            InputError: no landmarks were learned, or as `measured`.
        """
        return self.mapped(image, self.measured(image, part))

    def mapped(self, values: np.ndarray, measured: np.ndarray) -> np.ndarray:
        """Return values of an image on the standard scale, float64.

        Args:
            values: of any of its voxels.
            measured: its percentiles, as `measured` gives them.

        Raises:
            InputError: no landmarks were learned.
        """
        if self.landmarks is None:
            raise InputError("nyul: its landmarks are learned from training cases, and none were; run the study first")
        there = np.array(self.landmarks)
        piece = np.clip(np.searchsorted(measured, values, side="right") - 1, 0, len(measured) - 2)
        slope = np.diff(there) / np.diff(measured)
        return np.asarray(there[piece] + (values - measured[piece]) * slope[piece])
