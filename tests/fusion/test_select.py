"""Selectors against their definitions: hand-made columns, scikit-learn's F, feature-engine's mRMR, another LASSO."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from feature_engine.selection import MRMR
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.feature_selection import f_classif
from sklearn.linear_model import LogisticRegression

from radfuse.fusion.select import CorrelationFilter, LassoSelector, Mrmr, VaryingColumns, f_statistic, kept_columns


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


class TestFStatistic:
    @given(tables())
    def test_equals_sklearn(self, drawn: tuple[np.ndarray, np.ndarray]):
        x, y = drawn
        if len(y) - 2 < 1 or any(np.ptp(x[y == 1][:, i]) + np.ptp(x[y == 0][:, i]) == 0 for i in range(x.shape[1])):
            return  # sklearn divides by zero
        np.testing.assert_allclose(f_statistic(x, y), f_classif(x, y)[0], rtol=1e-9, atol=1e-9)

    def test_by_hand(self):
        """Means 1 and 3, sums of squares 2 and 2: between 4 with one degree, within 4 with two."""
        assert f_statistic(np.array([[0.0], [2], [2], [4]]), np.array([0, 0, 1, 1])) == pytest.approx([2.0])

    def test_a_constant_column_has_none_and_a_perfect_one_a_huge_one(self):
        x = np.array([[1.0, 0], [1, 0], [1, 1], [1, 1]])
        found = f_statistic(x, np.array([0, 0, 1, 1]))
        assert found[0] == 0
        assert found[1] > 1e20
        assert np.isfinite(found).all()


class TestVaryingColumns:
    def test_drops_constants(self):
        x = np.column_stack([np.ones(5), np.arange(5.0), np.zeros(5), [0, 0, 0, 0, 1e-9]])
        assert VaryingColumns().fit(x).get_support().tolist() == [False, True, False, True]

    def test_rounding_is_no_variation(self):
        x = np.column_stack([np.arange(4.0), 0.1 + np.array([0, 1, 0, 1]) * 1e-17])
        assert VaryingColumns().fit(x).get_support().tolist() == [True, False]

    def test_nothing_that_varies_is_an_error_with_the_count(self):
        with pytest.raises(ValueError, match="none of the 3 columns varies"):
            VaryingColumns().fit(np.ones((5, 3)))


class TestCorrelationFilter:
    def test_keeps_the_one_nearer_to_the_outcome(self):
        x, y = planted(0)
        support = CorrelationFilter(0.9).fit(x, y).get_support()
        better = 0 if f_statistic(x, y)[0] > f_statistic(x, y)[2] else 2
        assert support[better]
        assert not support[2 - better]
        assert support.sum() == 39

    def test_monotone_copies_are_the_same_in_ranks(self):
        x, y = planted(1)
        both = np.column_stack([x[:, 0], np.exp(5 * x[:, 0]), -x[:, 0]])
        assert CorrelationFilter(0.99).fit(both, y).get_support().sum() == 1

    @given(tables(), st.sampled_from([0.3, 0.5, 0.8, 0.95]))
    def test_no_kept_pair_is_alike_and_every_dropped_one_has_a_kept_twin(
        self, drawn: tuple[np.ndarray, np.ndarray], threshold: float
    ):
        x, y = drawn
        support = CorrelationFilter(threshold).fit(x, y).get_support()
        alike = np.abs(pd.DataFrame(x).corr("spearman").to_numpy())
        kept, dropped = np.flatnonzero(support), np.flatnonzero(~support)
        assert len(kept) >= 1
        among = alike[np.ix_(kept, kept)] - np.eye(len(kept))
        assert (among <= threshold + 1e-9).all()
        assert all((alike[column, kept] > threshold - 1e-9).any() for column in dropped)

    @given(tables())
    def test_the_most_relevant_column_always_stays(self, drawn: tuple[np.ndarray, np.ndarray]):
        x, y = drawn
        assert CorrelationFilter(0.2).fit(x, y).get_support()[np.argmax(f_statistic(x, y))]


class TestMrmr:
    @pytest.mark.parametrize("seed", range(8))
    @pytest.mark.parametrize("k", [2, 5, 12])
    def test_equals_feature_engine(self, seed: int, k: int):
        """Same definition: first the largest F, then F / mean |Pearson| with those chosen."""
        generator = np.random.default_rng(seed)
        x = standardised(generator.standard_normal((80, 6)) @ generator.standard_normal((6, 25)))
        x = standardised(x + 0.5 * generator.standard_normal(x.shape))
        y = (x[:, 0] - x[:, 7] + generator.standard_normal(80) > 0).astype(int)
        frame = pd.DataFrame(x, columns=[f"c{i}" for i in range(25)])
        oracle = MRMR(method="FCQ", max_features=k, regression=False).fit(frame, pd.Series(y))
        found = frame.columns[Mrmr(k).fit(x, y).get_support()]
        assert set(found) == set(frame.columns) - set(oracle.features_to_drop_)

    def test_prefers_new_information_to_a_copy(self):
        x, y = planted(3)
        best, *_ = Mrmr(2).fit(x, y).ranking_
        assert best in (0, 1, 2)
        assert set(Mrmr(2).fit(x, y).ranking_) != {0, 2}

    def test_ranking_starts_with_the_largest_f_and_is_a_prefix_of_longer_ones(self):
        x, y = planted(4)
        long = Mrmr(10).fit(x, y).ranking_.tolist()
        assert long[0] == np.argmax(f_statistic(x, y))
        assert Mrmr(4).fit(x, y).ranking_.tolist() == long[:4]

    def test_more_than_there_are_keeps_all(self):
        x, y = planted(5)
        assert Mrmr(1000).fit(x, y).get_support().all()

    @given(tables(), st.integers(1, 6))
    def test_keeps_k(self, drawn: tuple[np.ndarray, np.ndarray], k: int):
        x, y = drawn
        assert Mrmr(k).fit(x, y).get_support().sum() == min(k, x.shape[1])


class TestLasso:
    def test_stronger_keeps_fewer(self):
        x, y = planted(6)
        kept = [LassoSelector(strength).fit(x, y).get_support().sum() for strength in (0.95, 0.6, 0.3, 0.1, 0.03)]
        assert kept == sorted(kept)
        assert kept[0] <= 3
        assert kept[-1] > 20

    def test_finds_what_was_planted(self):
        x, y = planted(7, units=600)
        support = LassoSelector(0.4).fit(x, y).get_support()
        assert support[0]
        assert support[1]
        assert not support[3:].any()

    @pytest.mark.parametrize("strength", [0.9, 0.5, 0.25])
    def test_is_the_lasso_with_a_free_intercept(self, strength: float):
        """One outcome in ten: a penalised intercept would change the support."""
        generator = np.random.default_rng(0)
        x = standardised(generator.standard_normal((200, 30)))
        y = (generator.random(200) < 1 / (1 + np.exp(-(1.2 * x[:, 0] - x[:, 1] - 3)))).astype(int)
        assert 0.04 < y.mean() < 0.15
        largest = np.abs((y - y.mean()) @ x).max()
        oracle = LogisticRegression(
            C=1 / (strength * largest), l1_ratio=1.0, solver="saga", tol=1e-7, max_iter=20_000, random_state=0
        ).fit(x, y)
        found = LassoSelector(strength).fit(x, y).get_support()
        assert found.tolist() == (np.abs(oracle.coef_[0]) > 1e-5).tolist()

    @given(tables(), st.sampled_from([0.2, 0.7, 0.999]))
    @settings(max_examples=60)
    def test_always_keeps_one(self, drawn: tuple[np.ndarray, np.ndarray], strength: float):
        x, y = drawn
        if np.abs((y - y.mean()) @ x).max() > 1e-6:
            assert LassoSelector(strength).fit(x, y).get_support().any()

    def test_keeps_one_where_no_column_tells_anything(self):
        """Half of the men and half of the women have the event."""
        sex, y = np.array([[-1.0], [1], [-1], [1]] * 10), np.array([0, 0, 1, 1] * 10)
        assert LassoSelector(0.3).fit(sex, y).get_support().tolist() == [True]


def test_kept_columns_follow_a_chain():
    x, y = planted(8)
    x = np.column_stack([x, np.zeros(len(x))])
    chain = [VaryingColumns().fit(x), CorrelationFilter(0.9)]
    chain[1].fit(chain[0].transform(x), y)
    chain.append(Mrmr(5).fit(chain[1].transform(chain[0].transform(x)), y))
    kept = kept_columns(chain, np.arange(41))
    through = x
    for step in chain:
        through = step.transform(through)
    np.testing.assert_array_equal(x[:, kept], through)
    assert len(kept) == 5


def test_spearman_is_what_the_filter_measures():
    """Pearson below 0.9 but rank correlation 1: dropped."""
    x = np.column_stack([np.arange(20.0), np.exp(np.arange(20.0) / 4)])
    assert stats.pearsonr(x[:, 0], x[:, 1]).statistic < 0.9
    assert CorrelationFilter(0.9).fit(standardised(x), np.repeat([0, 1], 10)).get_support().sum() == 1
