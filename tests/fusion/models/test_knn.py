"""Nearest neighbours: scikit-learn's shares where distances differ, and all of them where they tie."""

from __future__ import annotations

import numpy as np
import pytest
from exported import run_nodes
from sklearn.neighbors import KNeighborsClassifier
from tables import learnt, unseen

from radfuse.fusion.models.knn import Knn


@pytest.mark.parametrize("k", [1, 7, 80])
def test_equals_scikit_learn(k: int):
    x, y = learnt()
    rows = np.vstack([x, unseen()])
    found = Knn().fit(x, y, {"knn_k": k}, 0).predict(rows)
    np.testing.assert_allclose(found, KNeighborsClassifier(k).fit(x, y).predict_proba(rows)[:, 1], atol=1e-12)


def test_neighbours_as_near_as_the_kth_all_count():
    """Of 0, from -1, -1, 1 and 3: the nearest is three, and two of them have the event."""
    x = np.array([[-1.0], [-1.0], [1.0], [3.0]])
    model = Knn().fit(x, np.array([1.0, 1.0, 0.0, 0.0]), {"knn_k": 1}, 0)
    rows = np.array([[0.0], [0.9], [2.0], [50.0]])
    assert model.predict(rows) == pytest.approx([2 / 3, 0, 0, 0])
    assert run_nodes(model, rows) == pytest.approx([2 / 3, 0, 0, 0])


@pytest.mark.parametrize("far", [0.1, 7.3, 1e3 + 0.1, 1e6 + 0.1])
def test_ties_hold_where_distances_are_rounded(far: float):
    """Pairs of twins in three columns, seen from afar: either both count or none."""
    twins = np.repeat(np.random.default_rng(0).standard_normal((20, 3)), 2, axis=0)
    model = Knn().fit(twins, np.tile([0.0, 1.0], 20), {"knn_k": 5}, 0)
    rows = far * np.random.default_rng(1).standard_normal((200, 3))
    assert model.predict(rows).tolist() == [0.5] * 200
    assert run_nodes(model, rows).tolist() == [0.5] * 200


def test_more_neighbours_than_units_are_all_units():
    x, y = learnt(20)
    model = Knn().fit(x, y, {"knn_k": 41}, 0)
    assert model.predict(x[:3]) == pytest.approx(np.full(3, y.mean()))
