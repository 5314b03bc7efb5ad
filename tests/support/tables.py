"""A small table for learners."""

from __future__ import annotations

import numpy as np


def learnt(units: int = 80, columns: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Return standardised columns, and an event that a third of the units have: a line, a product and noise."""
    generator = np.random.default_rng(3)
    x = generator.standard_normal((units, columns))
    y = x[:, 0] + x[:, 1] * x[:, 2] + 0.5 * generator.standard_normal(units) > 0.5
    return (x - x.mean(axis=0)) / x.std(axis=0), y.astype(float)


def unseen(columns: int = 4) -> np.ndarray:
    """Return 1,000 rows of twice the training range."""
    return 2 * np.random.default_rng(1).standard_normal((1000, columns))
