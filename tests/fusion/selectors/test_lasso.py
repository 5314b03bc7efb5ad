"""LASSO against another solver's."""

from __future__ import annotations

import numpy as np
import pytest
from columns import planted, standardised, tables
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from radfuse.fusion.selectors.lasso import Lasso
from radfuse.outcomes.binary import BinaryOutcome


def kept(strength: float, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return Lasso().choose(x, y, {"lasso_strength": strength}, BinaryOutcome(column="event"))


def test_stronger_keeps_fewer():
    x, y = planted(6)
    counts = [kept(strength, x, y).sum() for strength in (0.95, 0.6, 0.3, 0.1, 0.03)]
    assert counts == sorted(counts)
    assert counts[0] <= 3
    assert counts[-1] > 20


def test_finds_what_was_planted():
    x, y = planted(7, units=600)
    support = kept(0.4, x, y)
    assert support[0]
    assert support[1]
    assert not support[3:].any()


@pytest.mark.parametrize("strength", [0.9, 0.5, 0.25])
def test_is_the_lasso_with_a_free_intercept(strength: float):
    """One outcome in ten: a penalised intercept would change the support."""
    generator = np.random.default_rng(0)
    x = standardised(generator.standard_normal((200, 30)))
    y = (generator.random(200) < 1 / (1 + np.exp(-(1.2 * x[:, 0] - x[:, 1] - 3)))).astype(int)
    assert 0.04 < y.mean() < 0.15
    largest = np.abs((y - y.mean()) @ x).max()
    oracle = LogisticRegression(
        C=1 / (strength * largest), l1_ratio=1.0, solver="saga", tol=1e-7, max_iter=20_000, random_state=0
    ).fit(x, y)
    found = kept(strength, x, y)
    assert found.tolist() == (np.abs(oracle.coef_[0]) > 1e-5).tolist()


@given(tables(), st.sampled_from([0.2, 0.7, 0.999]))
@settings(max_examples=60)
def test_always_keeps_one(drawn: tuple[np.ndarray, np.ndarray], strength: float):
    x, y = drawn
    if np.abs((y - y.mean()) @ x).max() > 1e-6:
        assert kept(strength, x, y).any()


def test_keeps_one_where_no_column_tells_anything():
    """Half of the men and half of the women have the event."""
    sex, y = np.array([[-1.0], [1], [-1], [1]] * 10), np.array([0, 0, 1, 1] * 10)
    assert kept(0.3, sex, y).tolist() == [True]
