"""The order in which folds and models see patients: by what is known of them.

Neither names nor places in a table decide it, so that renaming patients or sorting a table changes no result. Only
where everything known of two patients is equal do names decide which of them comes first.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

_ROWS = 1000
"""That are looked at at a time."""


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
    digests = [_digests(values) for values in levels]
    keys = [tuple(level[row] for level in digests) for row in range(len(patients))]
    rows: dict[str, list[int]] = defaultdict(list)
    for row, patient in enumerate(patients):
        rows[patient].append(row)

    def content(patient: str) -> tuple[object, ...]:
        own = sorted(keys[row] for row in rows[patient])
        by_level = tuple(tuple(sorted(level)) for level in zip(*own, strict=True))
        return by_level, own, len(own), patient

    ordered = (sorted(rows[patient], key=lambda row: (keys[row], units[row])) for patient in sorted(rows, key=content))
    return np.array([row for own in ordered for row in own], dtype=int)


def _digests(values: np.ndarray) -> list[bytes]:
    """Return 8 bytes a row, equal for equal rows on every machine; missing is missing, -0 is 0."""
    rows = values.reshape(len(values), -1)
    found: list[bytes] = []
    for start in range(0, len(rows), _ROWS):  # a copy of all of them would be as large as the table
        part = rows[start : start + _ROWS]
        if part.dtype == object:
            texts = ["\x1f".join(map(str, row)).encode() for row in part]
        else:
            numbers = np.where(np.isnan(part), np.nan, part.astype("<f8") + 0.0)
            texts = [row.tobytes() for row in numbers]
        found += [hashlib.blake2b(text, digest_size=8).digest() for text in texts]
    return found
