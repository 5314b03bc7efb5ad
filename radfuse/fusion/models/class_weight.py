"""Classes weighted equally, where a study asks for it."""

from __future__ import annotations

from typing import Literal

import numpy as np

ClassWeight = Literal["balanced"] | None


def weights_of(y: np.ndarray, rule: ClassWeight) -> np.ndarray | None:
    """Return a weight for each unit, shape (unit,): half the units over those of its class; None without a rule.

    Args:
        y: 0 and 1, both present, shape (unit,).
        rule: "balanced", or None.
    """
    if rule is None:
        return None
    counts = np.bincount(np.asarray(y, dtype=np.int64), minlength=2)
    return np.asarray(len(y) / (2.0 * counts))[np.asarray(y, dtype=np.int64)]
