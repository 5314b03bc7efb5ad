"""What a family of features is, and what it looks at."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Literal

import numpy as np

from radfuse.errors import InputError
from radfuse.radiomics.discretise import NO_LEVELS, Levels
from radfuse.radiomics.families import FAMILIES, unknown_feature
from radfuse.radiomics.lattice import NOBODY, Lattice
from radfuse.radiomics.preprocess import Prepared
from radfuse.radiomics.settings import Settings


@dataclass(frozen=True)
class Measured:
    """What a family looks at.

    Attributes:
        region: its mask and its voxel size.
        values: (n,) grey values of its voxels on one filtered image, in that image's own type.
        levels: of the values.
        lattice: who neighbours whom.
        asked: the features that are wanted; None: all.
    """

    region: Prepared
    values: np.ndarray = field(default_factory=lambda: np.empty(0))
    levels: Levels = NO_LEVELS
    lattice: Lattice = NOBODY
    asked: Collection[str] | None = None

    def asks(self, *features: str) -> bool:
        """Return whether one of some features is wanted; a family may leave out what is not, and cost less."""
        return self.asked is None or not set(features).isdisjoint(self.asked)


class NotMeasuredError(Exception):
    """A region has no features of a family; the message says why."""


@dataclass(frozen=True)
class Family:
    """A family of features.

    Attributes:
        names: of its features, in the order of their columns.
        features: (what it looks at, settings) -> feature -> value, deprecated ones too; NaN where there is none. Those
            that are not asked for may be left out.
        sees: "mask": the region alone, once; "values": its values and levels on each filtered image; "neighbours": the
            lattice too.
        deprecated: features that are computed where they are asked for by name.
        without_levels: features that need no grey levels, so that where they are all nobody makes any.
        removed: names that PyRadiomics still accepts and computes nothing for, being equal to other features.
        missing: why a value is NaN.
        missing_of: the same of single features.
    """

    names: tuple[str, ...]
    features: Callable[[Measured, Settings], dict[str, float]]
    sees: Literal["mask", "values", "neighbours"] = "neighbours"
    deprecated: tuple[str, ...] = ()
    without_levels: Collection[str] = ()
    removed: tuple[str, ...] = ()
    missing: str = "not a number"
    missing_of: Mapping[str, str] = field(default_factory=dict)

    def why_missing(self, feature: str) -> str:
        """Return why a feature is NaN."""
        return self.missing_of.get(feature, self.missing)


def family_of(name: str) -> Family:
    """Return a family by its name."""
    found: Family = import_module(FAMILIES[name]).FAMILY
    return found


def features_asked(name: str, names: Any, where: str) -> tuple[str, ...]:
    """Return the features of a family that a list asks for, all where it is empty.

    Raises:
        InputError: no list, or an unknown feature, with the nearest known.
    """
    family = family_of(name)
    if not names:
        return family.names
    if isinstance(names, str) or not isinstance(names, Sequence):
        raise InputError(
            f"{where}: class {name} has {names!r}; write a list of features, for example [{family.names[0]}]"
        )
    if fault := unknown_feature(name, names):
        raise InputError(f"{where}: {fault}")
    return tuple(feature for feature in dict.fromkeys(names) if feature not in family.removed)
