"""LASSO against another solver's."""

from __future__ import annotations

import numpy as np
import pytest
from columns import planted, standardised, tables
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from radfuse.fusion.selectors.l1_logistic import l1_path
from radfuse.fusion.selectors.lasso import Lasso, own_folds
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


def test_one_standard_error_takes_the_strongest_penalty_that_is_as_good():
    """By hand: the losses of its folds, their smallest mean, and that mean's standard error."""
    x, y = planted(0)
    step = Lasso(rule="one_se", own_folds=5, strengths=(0.9, 0.6, 0.4, 0.2, 0.1))
    assert step.candidates() == ({},)
    fold_of = own_folds(x, y, 5)
    losses = np.empty((5, 5))
    for fold in range(5):
        train, test = fold_of != fold, fold_of == fold
        most = np.abs((y[train] - y[train].mean()) @ x[train]).max()
        for i, strength in enumerate(step.strengths):
            coefficients, intercept = next(l1_path(x[train], y[train], [strength * most]))
            losses[fold, i] = log_loss(y[test], 1 / (1 + np.exp(-(x[test] @ coefficients + intercept))))
    mean = losses.mean(axis=0)
    best = int(mean.argmin())
    good = mean <= mean[best] + losses[:, best].std(ddof=1) / 5**0.5
    strength = step.strengths[int(good.argmax())]
    assert strength > step.strengths[best]
    found = step.choose(x, y, {}, BinaryOutcome(column="event"))
    np.testing.assert_array_equal(found, kept(strength, x, y))


def test_own_folds_hold_both_classes_and_do_not_hang_on_any_order():
    x, y = planted(4)
    fold_of = own_folds(x, y, 10)
    for value in (0, 1):
        counts = np.bincount(fold_of[y == value], minlength=10)
        assert counts.max() - counts.min() <= 1
    rows, columns = (np.random.default_rng(0).permutation(n) for n in x.shape)
    np.testing.assert_array_equal(own_folds(x[rows][:, columns], y[rows], 10), fold_of[rows])
    assert own_folds(x, np.arange(len(y)) < 3, 10).max() == 2, "three events make three folds"
