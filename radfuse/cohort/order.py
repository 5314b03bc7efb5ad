"""The order in which folds and models see patients: by what is known of them.

Neither names nor places in a table nor units decide it, so that renaming patients, sorting a table, or an age in
months changes no result. Names decide which of two patients comes first only where nothing else does: all values lie in
the same thousandths of their columns, or change places between columns that hold the same values.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

_ROWS = 1000
"""That are looked at at a time."""
_FEW = 64
"""Columns in which two rows may hold the same values in other places; of more, no two rows hold the same values."""
_EDGE = 0.5 + 1e-6
"""Where one thousandth ends: not at its half, on which values that people round lie, and the last bit would decide."""


def content_order(patients: Sequence[str], units: Sequence[str], levels: Sequence[np.ndarray]) -> np.ndarray:
    """Return the positions of units in an order that their content decides, each patient's together.

    Args:
        patients: of each unit.
        units: a name of each, for those that nothing else tells apart.
        levels: what is known of the units, float64 or texts, shape (unit,) or (unit, column); a level counts where
            those before it are equal, so that one put at the end moves only patients who were alike.

    Returns:
        int, shape (unit,): every position once.
    """
    rows: dict[str, list[int]] = defaultdict(list)
    for row, patient in enumerate(patients):
        rows[patient].append(row)
    digests: list[list[bytes]] = []
    by_level: dict[str, tuple[tuple[bytes, ...], ...]] = dict.fromkeys(rows, ())
    for found in _steps(levels):
        digests.append(found)
        by_level = {name: (*told, tuple(sorted(found[row] for row in rows[name]))) for name, told in by_level.items()}
        if len(set(by_level.values())) == len(rows) == len(patients):
            break  # all are told apart
    keys = [tuple(level[row] for level in digests) for row in range(len(patients))]

    def content(patient: str) -> tuple[object, ...]:
        own = sorted(keys[row] for row in rows[patient])
        return by_level[patient], own, len(own), patient

    ordered = (sorted(rows[patient], key=lambda row: (keys[row], units[row])) for patient in sorted(rows, key=content))
    return np.array([row for own in ordered for row in own], dtype=int)


def _steps(levels: Sequence[np.ndarray]) -> Iterator[list[bytes]]:
    """Yield what tells units apart, a digest a unit: each level, and then where in it equal values stand."""
    yield from map(_digests, levels)
    few = (values for values in levels if values.dtype != object and values.ndim == 2 and 1 < values.shape[1] <= _FEW)
    yield from (_digests(_columns_by_content(values)) for values in few)


def _digests(values: np.ndarray) -> list[bytes]:
    """Return 8 bytes a row, equal for equal rows on every machine; where a column of numbers stands does not matter."""
    rows = values.reshape(len(values), -1)
    if rows.dtype == object:
        return [_digest("\x1f".join(map(str, row)).encode()) for row in rows]
    low, high = np.fmin.reduce(rows, axis=0), np.fmax.reduce(rows, axis=0)
    found: list[bytes] = []
    for start in range(0, len(rows), _ROWS):  # a copy of all of them would be as large as the table
        found += [_digest(row.tobytes()) for row in _places(rows[start : start + _ROWS], low, high)]
    return found


def _columns_by_content(values: np.ndarray) -> np.ndarray:
    """Return a text a row: its values, each behind the place of its column when columns are sorted by content."""
    low, high = np.fmin.reduce(values, axis=0), np.fmax.reduce(values, axis=0)
    parts = _parts(values, low, high)
    held = [np.sort(column).tobytes() for column in parts.T]
    place = {content: number for number, content in enumerate(sorted(set(held)))}
    texts = [" ".join(sorted(f"{place[held[at]]}:{part}" for at, part in enumerate(row))) for row in parts]
    return np.array(texts, dtype=object)


def _places(rows: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return the parts of values, sorted in each row; missing ones are as many at the end."""
    return np.sort(_parts(rows, low, high), axis=1)


def _parts(rows: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return where values lie between the least and the largest of their column, in thousandths.

    In a column of one value all are 0.
    """
    span = high / 2 - low / 2  # halves, as the largest numbers have no difference
    one = ~(span > 1e-12 * np.maximum(np.abs(high), np.abs(low)))
    part = (rows / 2 - low / 2) / np.where(one, np.inf, span)
    part = np.floor(1000 * np.where(one & ~np.isnan(rows), 0.0, part) + _EDGE).astype("<f8")
    part[np.isnan(part)] = np.nan
    return part


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=8).digest()
