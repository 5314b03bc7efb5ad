"""One test a column, against SciPy's own of each."""

from __future__ import annotations

import numpy as np
import pytest
from columns import standardised
from scipy import stats

from radfuse.fusion.selectors.univariate import Univariate
from radfuse.outcomes.binary import BinaryOutcome
from radfuse.outcomes.continuous import ContinuousOutcome

EVENT = BinaryOutcome(column="event")


def mixed(units: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Normal and skewed columns by turns, the first four differ between the classes."""
    generator = np.random.default_rng(4)
    x = generator.standard_normal((units, 12))
    y = np.arange(units) % 2
    x[:, :4] += y[:, None]
    x[:, 1::2] = np.exp(1.5 * x[:, 1::2])
    return standardised(x), y


def test_t_where_both_classes_are_normal_and_ranks_where_not():
    x, y = mixed()
    expected, normal = [], []
    for column in x.T:
        first, second = column[y == 1], column[y == 0]
        normal.append(min(stats.shapiro(first).pvalue, stats.shapiro(second).pvalue) > 0.05)
        if normal[-1]:
            expected.append(stats.ttest_ind(first, second, equal_var=False).pvalue)
        else:
            expected.append(stats.mannwhitneyu(first, second, method="asymptotic").pvalue)
    assert normal == [True, False] * 6
    np.testing.assert_allclose(Univariate().p_values(x, y), expected, rtol=1e-9)


def test_a_class_of_one_value_is_tested_without_a_warning():
    x, y = np.array([[0.0], [0], [0], [0], [0.1], [3], [5], [4]]) / 3 - 0.1, np.repeat([0, 1], 4)
    first, second = x[4:, 0], x[:4, 0]
    t = (first.mean() - second.mean()) / (first.std(ddof=1) / 2)
    assert Univariate(test="t").p_values(x, y) == pytest.approx([2 * stats.t.sf(t, 3)])


def test_ties_count_in_ranks():
    x, y = np.array([[0.0], [0], [0], [1], [1], [2], [2], [2]]), np.array([0, 0, 1, 0, 1, 1, 0, 1])
    expected = stats.mannwhitneyu(x[y == 1, 0], x[y == 0, 0], method="asymptotic").pvalue
    assert Univariate(test="mann_whitney").p_values(x, y) == pytest.approx([expected])


def test_false_discoveries_are_adjusted_for():
    """Benjamini-Hochberg by hand: p times count over rank, and never more than that of the next."""
    x, y = mixed()
    p = Univariate().p_values(x, y)
    order = np.argsort(p)
    adjusted = np.minimum.accumulate((p[order] * len(p) / np.arange(1, len(p) + 1))[::-1])[::-1]
    np.testing.assert_allclose(Univariate(fdr=True).adjusted(p)[order], np.minimum(adjusted, 1))
    both = [Univariate(fdr=fdr).choose(x, y, {}, EVENT) for fdr in (False, True)]
    assert both[0][:4].all()
    assert both[1].sum() <= both[0].sum()


def test_the_smallest_p_stays_where_none_passes_and_it_is_said():
    x, y = mixed()
    strict = Univariate(alpha=1e-12)
    assert np.flatnonzero(strict.choose(x, y, {}, EVENT)) == [np.argmin(strict.p_values(x, y))]
    assert strict.remark(x, y, {}, EVENT) == "no column has p ≤ 1e-12; that of the smallest stays"
    assert Univariate().remark(x, y, {}, EVENT) == ""


@pytest.mark.parametrize("outcome", [EVENT, ContinuousOutcome(column="event")], ids=lambda outcome: outcome.kind)
def test_the_smallest_p_of_all_stays_where_none_is_left_after_adjusting(outcome):
    """Adjusted, the p of columns of noise are often one and the same: 0.9 three times."""
    x = standardised(np.random.default_rng(11).standard_normal((60, 12)))
    y = (np.arange(60) % 2).astype(float)
    strict = Univariate(fdr=True, alpha=1e-3)
    p = strict.p_values(x, y) if outcome is EVENT else -outcome.relevance(x, y)
    assert (strict.adjusted(strict.p_values(x, y)) == strict.adjusted(strict.p_values(x, y)).min()).sum() > 1
    for order in (np.arange(12), np.arange(12)[::-1]):
        assert order[np.flatnonzero(strict.choose(x[:, order], y, {}, outcome))] == [np.argmin(p)]
