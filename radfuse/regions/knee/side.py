"""Which half of a knee is the medial one: from the table's side, or from where the header says that the knee lies.

Never from a file name. What the table says is checked against the header, and against the plates' shape where the
header is mute.
"""

from __future__ import annotations

import numpy as np

from radfuse.errors import CaseError, short
from radfuse.regions.knee.frame import Frame

HEADER_TELLS_MM = 20.0
"""Distance from the scanner's middle beyond which the header says whose knee it is: x below is a right one."""
_LONGER = 1.15
"""Times as long, front to back, as the other plate the medial one is, where shape alone contradicts the table.

Of 12 real knees the medial plate was 1.06 to 1.30 times as long as the lateral one; bare bone can turn that round.
"""
_WORDS = {"left": "left", "l": "left", "right": "right", "r": "right"}


def is_in(across: np.ndarray, sign: int) -> np.ndarray:
    """Return which positions lie in a half, from their distance across the plane between the halves."""
    return across < 0 if sign < 0 else across >= 0


def side_of(case: str, told: str | None, frame: Frame, plates: np.ndarray) -> str:
    """Return whose knee it is, left or right.

    Args:
        case: for messages.
        told: the side as the cohort table has it; None where it says nothing.
        frame: of the knee.
        plates: positions of the tibial cartilage in the frame, shape (n, 3).

    Raises:
        CaseError: nothing says the side, or what the table says is contradicted.
    """
    x = float(frame.origin[0])
    seen = None if abs(x) <= HEADER_TELLS_MM else "right" if x < 0 else "left"
    if told is None or not told.strip():
        if seen is None:
            raise CaseError(
                case,
                f"medial and lateral cannot be told: the cohort table says no side, and the knee lies {x:.0f} mm from "
                f"the scanner's middle, within {HEADER_TELLS_MM:g}. Give a column `side` (left, right) and name it in "
                "cohort.unit, or ask for the halves a and b",
            )
        return seen
    side = _WORDS.get(told.strip().lower())
    if side is None:
        raise CaseError(case, f"the side {short(told)!r} of the cohort table is neither left nor right; correct it")
    if seen is not None and seen != side:
        raise CaseError(
            case,
            f"the cohort table says {side}, but by the header the knee lies {abs(x):.0f} mm to the patient's {seen}; "
            "correct the table's side, or the header of the mask",
        )
    if seen is None:
        _check_shape(case, side, plates)
    return side


def _check_shape(case: str, side: str, plates: np.ndarray) -> None:
    """Refuse a side by which the medial plate would be much the shorter one."""
    backs = (plates[is_in(plates[:, 0], sign), 1] for sign in (-1, 1))
    a, b = (float(np.quantile(back, 0.99) - np.quantile(back, 0.01)) for back in backs)
    medial, lateral = (b, a) if side == "right" else (a, b)
    if lateral > _LONGER * medial:
        raise CaseError(
            case,
            f"the cohort table says {side}, but then the medial tibial plate would be {medial:.0f} mm long and the "
            f"lateral one {lateral:.0f} mm, when the medial is the longer in a knee; correct the table's side, or ask "
            "for the halves a and b",
        )
