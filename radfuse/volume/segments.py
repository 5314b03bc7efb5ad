"""What the segments of a file are called, beside the names that a study declares its labels by.

Numbers of segments follow the order in which somebody drew them, so that a name goes before a number.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from radfuse.errors import InputError, listed


def plain_name(name: str) -> str:
    """Return a name as names are compared: small letters, "_" for blanks and dashes."""
    return re.sub(r"[\s_\-]+", "_", name.strip().lower())


def numbered(path: Path, found: Mapping[int, str], names: Mapping[int, str] | None) -> dict[int, int]:
    """Return number in the file -> label, of those that are declared by name, or, where none is, all by number.

    Args:
        path: of the file, for messages.
        found: number in the file -> what it is called there.
        names: label -> name, as declared; None: they are numbered as they come.

    Raises:
        InputError: by their numbers segments would be other labels than their names hold.
    """
    if names is None:
        return {number: number for number in found}
    by_name = declared(found, names)
    if by_name or not set(found) <= set(names):
        return by_name
    for number, name in found.items():
        for label, own in names.items():
            if label != number and _holds(name, own) and not _holds(found.get(label, own), own):
                raise InputError(
                    f"{path}: segment {number} is called {name!r}, and by its number would be {names[number]!r}, not "
                    f"{own!r}; call the segments as segmentation.labels does"
                )
    return {number: number for number in found}


def by_segment_names(
    path: Path, array: np.ndarray, found: Mapping[int, str], names: Mapping[int, str] | None
) -> np.ndarray:
    """Return labels numbered as a study declares them, where a file says what its numbers are called.

    Args:
        path: of the file, for messages.
        array: integers.
        found: number in the file -> what it is called there.
        names: label -> name, as declared; None: numbers are left alone.

    Raises:
        InputError: some names are those of labels with other numbers, and others are not declared.
    """
    if names is None or not found:
        return array
    present = {number: found.get(number, "") for number in map(int, np.unique(array)) if number}
    labels = declared(present, names)
    if not labels:
        numbered(path, {number: name for number, name in present.items() if number in names}, names)
        return array
    if all(number == label for number, label in labels.items()):
        return array
    if unknown := [name or str(number) for number, name in present.items() if number not in labels]:
        told = ", ".join(f"{label} {name}" for label, name in names.items())
        raise InputError(
            f"{path}: its segments are numbered in another way than the study's labels ({told}), and {listed(unknown)} "
            "are none of them; call the segments as segmentation.labels does"
        )
    turned = np.zeros_like(array, dtype=np.int32)
    for number, label in labels.items():
        turned[array == number] = label
    return turned


def declared(found: Mapping[int, str], names: Mapping[int, str]) -> dict[int, int]:
    """Return number in the file -> label that is called so."""
    known = {plain_name(name): label for label, name in names.items()}
    return {number: known[plain_name(name)] for number, name in found.items() if plain_name(name) in known}


def _holds(name: str, part: str) -> bool:
    """Return whether whole words of a name are those of another."""
    return f"_{plain_name(part)}_" in f"_{plain_name(name)}_"
