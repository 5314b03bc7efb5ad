"""Clusters by hand, and their distances against SciPy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from radfuse.fusion.selectors.clusters import Clusters
from radfuse.outcomes.binary import BinaryOutcome

EVENT = BinaryOutcome(column="event")
Y = np.arange(30) % 2


def kept(x: np.ndarray, **settings: object) -> list[int]:
    return np.flatnonzero(Clusters(**settings).choose(x, Y[: len(x)], {}, EVENT)).tolist()


def test_of_columns_that_rank_alike_the_one_of_the_largest_range_stays():
    """Up or down, in any unit: the first three are one cluster, ranges 29, 290 and exp(2.9) - 1."""
    rising = np.arange(30.0)
    other = np.random.default_rng(0).permutation(30) * 1e-6
    assert kept(np.column_stack([rising, -10 * rising, np.exp(rising / 10), other])) == [1, 3]


@pytest.mark.parametrize("method", ["average", "complete", "single"])
@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.8])
def test_one_stays_of_each_cluster_of_scipy(method: str, threshold: float):
    generator = np.random.default_rng(1)
    x = generator.standard_normal((40, 12)) @ generator.standard_normal((12, 700))
    distance = np.round(1 - np.abs(stats.spearmanr(x).statistic), 12)
    np.fill_diagonal(distance, 0)
    cluster = fcluster(linkage(squareform(distance, checks=False), method), threshold, "distance")
    found = kept(x, linkage=method, threshold=threshold)
    assert sorted(cluster[found]) == list(range(1, cluster.max() + 1))
    for i in found:
        assert np.ptp(x[:, i]) == np.ptp(x[:, cluster == cluster[i]], axis=0).max()
