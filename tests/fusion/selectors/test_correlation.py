"""The correlation filter against its definition."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from columns import planted, standardised, tables
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from radfuse.fusion.selectors.correlation import Correlation
from radfuse.outcomes.binary import BinaryOutcome

EVENT = BinaryOutcome(column="event")


def kept(threshold: float, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return Correlation(threshold=threshold).choose(x, y, {}, EVENT)


def test_keeps_the_one_nearer_to_the_outcome():
    x, y = planted(0)
    support = kept(0.9, x, y)
    better = 0 if EVENT.relevance(x, y)[0] > EVENT.relevance(x, y)[2] else 2
    assert support[better]
    assert not support[2 - better]
    assert support.sum() == 39


def test_monotone_copies_are_the_same_in_ranks():
    x, y = planted(1)
    both = np.column_stack([x[:, 0], np.exp(5 * x[:, 0]), -x[:, 0]])
    assert kept(0.99, both, y).sum() == 1


@given(tables(), st.sampled_from([0.3, 0.5, 0.8, 0.95]))
def test_no_kept_pair_is_alike_and_every_dropped_one_has_a_kept_twin(
    drawn: tuple[np.ndarray, np.ndarray], threshold: float
):
    x, y = drawn
    support = kept(threshold, x, y)
    alike = np.abs(pd.DataFrame(x).corr("spearman").to_numpy())
    left, dropped = np.flatnonzero(support), np.flatnonzero(~support)
    assert len(left) >= 1
    among = alike[np.ix_(left, left)] - np.eye(len(left))
    assert (among <= threshold + 1e-9).all()
    assert all((alike[column, left] > threshold - 1e-9).any() for column in dropped)


@given(tables())
def test_the_most_relevant_column_always_stays(drawn: tuple[np.ndarray, np.ndarray]):
    x, y = drawn
    assert kept(0.2, x, y)[np.argmax(EVENT.relevance(x, y))]


def test_spearman_is_what_the_filter_measures():
    """Pearson below 0.9 but rank correlation 1: dropped."""
    x = np.column_stack([np.arange(20.0), np.exp(np.arange(20.0) / 4)])
    assert stats.pearsonr(x[:, 0], x[:, 1]).statistic < 0.9
    assert kept(0.9, standardised(x), np.repeat([0, 1], 10)).sum() == 1


def walked(x: np.ndarray, y: np.ndarray, threshold: float, method: str) -> np.ndarray:
    """The definition, a column at a time."""
    alike = np.abs(pd.DataFrame(x).corr(method).to_numpy())
    kept: list[int] = []
    for column in np.argsort(-EVENT.relevance(x, y), kind="stable"):
        if not (alike[column, kept] > threshold + 1e-12).any():
            kept.append(int(column))
    return np.isin(np.arange(x.shape[1]), kept)


@pytest.mark.parametrize("method", ["spearman", "pearson"])
@pytest.mark.parametrize("threshold", [0.2, 0.6, 0.95, 1.0])
def test_slabs_keep_what_a_walk_keeps(method: str, threshold: float, monkeypatch: pytest.MonkeyPatch):
    """Slabs of seven columns: pairs within a slab, and across them."""
    monkeypatch.setattr("radfuse.fusion.selectors.correlation._SLAB", 7)
    generator = np.random.default_rng(3)
    x = standardised(generator.standard_normal((30, 8)) @ generator.standard_normal((8, 100)))
    y = np.arange(30) % 2
    found = Correlation(threshold=threshold, method=method).choose(x, y, {}, EVENT)
    np.testing.assert_array_equal(found, walked(x, y, threshold, method))


def test_at_a_threshold_of_one_copies_stay():
    x, y = planted(1)
    assert kept(1.0, np.column_stack([x, x]), y).all()
