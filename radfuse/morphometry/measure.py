"""Measure: what is taken of a case's labels and regions, what it is taken from, and what it gives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np
from pydantic import Field, PositiveInt

from radfuse.config import Section

if TYPE_CHECKING:
    from radfuse.volume.image import LabelMap, Volume
    from radfuse.volume.region import Region

PREFIX = "morphometry_"
"""Of a feature's name, in the place of the filter and the class of a radiomic one."""
Label = str | PositiveInt
Labels = Label | tuple[Label, ...]


class Labelled(Protocol):
    """A label map whose labels have names: the scene that regions are made of is one."""

    @property
    def labels(self) -> LabelMap:
        """The segmentation."""

    def of(self, *labels: str | int) -> np.ndarray:
        """Return the voxels of some labels, bool of shape (z, y, x)."""


@dataclass(frozen=True)
class Subject:
    """One case on the grid of one of its images.

    Attributes:
        scene: its labels.
        regions: name -> region.
        image: whose grid it is.
    """

    scene: Labelled
    regions: Mapping[str, Region]
    image: Volume

    def of(self, labels: Labels) -> np.ndarray:
        """Return the voxels of a label, or of several together, bool of shape (z, y, x)."""
        return self.scene.of(*many(labels))


@dataclass
class Measured:
    """What a measure gives for one region.

    Attributes:
        values: feature -> value, NaN where there is none.
        reasons: feature -> why it is NaN.
    """

    values: dict[str, float] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)

    @classmethod
    def nothing(cls, features: Iterable[str], reason: str) -> Measured:
        """Return features that have no value, and why."""
        names = tuple(features)
        return cls(dict.fromkeys(names, np.nan), dict.fromkeys(names, reason))


class Measure(Section):
    """What the settings of all measures begin with."""

    regions: tuple[str, ...] = Field(min_length=1)
    """Names of the study's regions that it is taken of."""
    sequence: str | None = None
    """On the grid of which image, and where it reads grey values, in which image; None: the first of the cohort."""
    name: str = Field(default="", pattern=r"^[A-Za-z0-9]*$", max_length=40)
    """Put before the features' names; tells two measures of one kind on one region apart."""


class MeasureKind(Protocol):
    """What a kind of measure is: a `Measure` of its settings."""

    def labels_named(self) -> tuple[str | int, ...]:
        """Return every label it refers to, so that a label nobody declared is found before any compute."""
        ...

    def measured(self, subject: Subject) -> Mapping[str, Measured]:
        """Return region -> its features, for each of the regions that the settings name."""
        ...


def many(labels: Labels) -> tuple[str | int, ...]:
    """Return a label, or several, as a tuple."""
    return labels if isinstance(labels, tuple) else (labels,)


def weighted_quantiles(values: np.ndarray, weights: np.ndarray, shares: Sequence[float]) -> list[float]:
    """Return the values below which these shares of the weight lie, linear between the middles of the weights."""
    order = np.argsort(values, kind="stable")
    total = np.cumsum(weights[order])
    return [float(q) for q in np.interp(shares, (total - weights[order] / 2) / total[-1], values[order])]


def holds(region: Region, voxels: np.ndarray) -> np.ndarray:
    """Return whether a region holds voxels, bool of shape (n,).

    Args:
        region: on a grid.
        voxels: shape (n, 3), integers, (z, y, x) on that grid; those outside it are not held.
    """
    inner = voxels - np.array([side.start for side in region.box])
    within = ((inner >= 0) & (inner < np.array(region.inside.shape))).all(axis=1)
    found = np.zeros(len(voxels), dtype=bool)
    found[within] = region.inside[tuple(inner[within].T)]
    return found
