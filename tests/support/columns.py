"""Columns for selectors: planted ones, and small whole numbers where ties are common."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st


def standardised(x: np.ndarray) -> np.ndarray:
    return (x - x.mean(axis=0)) / x.std(axis=0)


def planted(seed: int, units: int = 150, columns: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Columns 0 and 1 carry the outcome, column 2 is a noisy copy of 0, the rest is noise."""
    generator = np.random.default_rng(seed)
    x = generator.standard_normal((units, columns))
    x[:, 2] = x[:, 0] + 0.2 * generator.standard_normal(units)
    logit = 1.5 * x[:, 0] - 1.2 * x[:, 1]
    y = (generator.random(units) < 1 / (1 + np.exp(-logit))).astype(int)
    return standardised(x), y


@st.composite
def tables(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Small whole numbers, so that ties and equal columns are common; every column varies; both outcomes occur."""
    units = draw(st.integers(6, 25))
    y = np.array([0, 1, *draw(st.lists(st.integers(0, 1), min_size=units - 2, max_size=units - 2))])
    column = st.lists(st.integers(0, 4), min_size=units, max_size=units).filter(lambda values: len(set(values)) > 1)
    x = np.array(draw(st.lists(column, min_size=1, max_size=10)), dtype=float).T
    return standardised(x), y
