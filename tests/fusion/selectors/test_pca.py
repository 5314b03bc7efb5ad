"""Principal components against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from columns import planted, standardised
from sklearn.decomposition import PCA

from radfuse.fusion.selectors.pca import Pca
from radfuse.outcomes.binary import BinaryOutcome

EVENT = BinaryOutcome(column="event")


def matrix(x: np.ndarray, components: float) -> np.ndarray:
    return Pca(components=components).reduce(x, np.arange(len(x)) % 2, {}, EVENT)


@pytest.mark.parametrize("units", [150, 25])
@pytest.mark.parametrize("components", [1, 7, 0.5, 0.99, 500])
def test_equals_scikit_learn_but_for_signs(units: int, components: float):
    x, _ = planted(0, units=units)
    whole = PCA().fit(x)
    held = np.cumsum(whole.explained_variance_ratio_)
    there = min(40, units - 1)
    count = min(components, there) if components >= 1 else int((held < components).sum()) + 1
    found = matrix(x, components)
    assert found.shape == (40, count)
    np.testing.assert_allclose(np.abs((found * whole.components_[:count].T).sum(axis=0)), 1, atol=1e-8)
    assert (found[np.abs(found).argmax(axis=0), np.arange(count)] > 0).all()


def test_two_columns_by_hand():
    """Equal columns: one direction, the diagonal; nothing is left for a second."""
    x = np.repeat(standardised(np.arange(8.0)[:, None]), 2, axis=1)
    np.testing.assert_allclose(matrix(x, 2), [[0.5**0.5], [0.5**0.5]])


def test_the_order_of_columns_changes_nothing():
    x, _ = planted(1)
    order = np.random.default_rng(0).permutation(40)
    np.testing.assert_allclose(matrix(x[:, order], 5), matrix(x, 5)[order], atol=1e-9)
