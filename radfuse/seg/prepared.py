"""Prepared cases, which networks learn from: the labels that they hold; no torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from radfuse.errors import InputError

TARGET = "target.npy"
"""In a prepared case: its mask, whose labels are numbered from 1 in their order."""


def labels_of(cases: Sequence[Path]) -> list[frozenset[int]]:
    """Return the labels that prepared cases hold, of each."""
    targets = (np.load(case / TARGET, mmap_mode="r") for case in cases)
    return [frozenset(np.flatnonzero(np.bincount(target.ravel(), minlength=256)).tolist()) for target in targets]


def require_labels(names: Iterable[str], held: Sequence[frozenset[int]], who: str = "a network") -> None:
    """Look whether a network can learn every label.

    Args:
        names: of the labels, in their order.
        held: labels that each of its training cases holds.
        who: it is.

    Raises:
        InputError: a label is in none of the masks.
    """
    names, present = list(names), frozenset[int]().union(*held)
    missing = [name for place, name in enumerate(names, start=1) if place not in present]
    if len(missing) == len(names):
        raise InputError(
            f"all {len(held)} training masks of {who} are empty: none holds a voxel of {', '.join(names)}. "
            "See that segmentation.labels has the numbers of the masks, and that masks lie on their images"
        )
    if missing:
        raise InputError(
            f"label {missing[0]!r} is in none of the {len(held)} masks that {who} learns from. Draw it in more "
            "patients than one fold tests, or take it out of segmentation.labels"
        )
