"""A training set's own order: the same for every sorting of a table."""

from __future__ import annotations

import numpy as np
import pytest
from columns import tables
from hypothesis import given, settings
from hypothesis import strategies as st

from radfuse.fusion.models.canonical import canonical, canonical_float32, two_classes
from radfuse.fusion.models.cox_fit import Survival, cox_net
from radfuse.fusion.models.linear_fit import net_squares


def test_an_order_by_hand():
    """The column with the larger values stands last, and by it the rows are sorted."""
    data = canonical(np.array([[2.0, 0.0], [1.0, 1.0], [3.0, -1.0]]), np.array([1.0, 0.0, 0.0]))
    assert data.columns.tolist() == [1, 0]
    assert data.x.tolist() == [[1, 1], [0, 2], [-1, 3]]
    assert data.y.tolist() == [0, 1, 0]
    assert data.back(np.array([7, 8])).tolist() == [8, 7]


@pytest.mark.parametrize("seed", range(5))
def test_every_sorting_gives_the_same(seed: int):
    """Among the columns two of the same numbers of noughts and ones, which only the outcome tells apart."""
    generator = np.random.default_rng(0)
    x = generator.standard_normal((40, 5))
    x[:, 1] = np.arange(40) % 2
    x[:, 2] = np.arange(40) < 20
    y = (np.arange(40) % 4 < 1).astype(float)
    y[:3] = 1
    expected = canonical(x, y)
    moved = np.random.default_rng(seed)
    rows, columns = moved.permutation(40), moved.permutation(5)
    found = canonical(x[np.ix_(rows, columns)], y[rows])
    np.testing.assert_array_equal(found.x, expected.x)
    np.testing.assert_array_equal(found.y, expected.y)
    np.testing.assert_array_equal(columns[found.columns], expected.columns)


def test_the_last_bits_do_not_matter():
    """A mean over rows in another order moves a standardised column by 1e-16."""
    x = np.random.default_rng(0).standard_normal((30, 3))
    y = np.arange(30) % 2
    moved = canonical(x + 1e-16 * np.random.default_rng(1).standard_normal(x.shape), y)
    np.testing.assert_allclose(moved.x, canonical(x, y).x, atol=1e-15)


@given(tables(), st.booleans())
@settings(max_examples=60)
def test_it_is_the_order_by_all_values_at_once(drawn: tuple[np.ndarray, np.ndarray], twice: bool):
    """The last key of `lexsort` counts first; small whole numbers have many ties, and columns that are equal."""
    x, y = drawn
    x = np.hstack([x, x[:, ::-1]]) if twice else x
    rough = x.astype(np.float32)
    columns = np.lexsort((rough[y == 1].astype(float).sum(axis=0).astype(np.float32), *np.sort(rough, axis=0)))
    rows = np.lexsort((y, *rough[:, columns].T))
    found, single = canonical(x, y), canonical_float32(x, y)
    for one in (found, single):
        np.testing.assert_array_equal(one.columns, columns)
        np.testing.assert_array_equal(one.rows, rows)
        np.testing.assert_array_equal(one.y, y[rows])
    np.testing.assert_array_equal(found.x, x[np.ix_(rows, columns)])
    np.testing.assert_array_equal(single.x, found.x.astype(np.float32))


@pytest.mark.parametrize("kind", [bool, int, float])
def test_two_classes_of_any_type(kind: type):
    found = two_classes(np.array([0, 1, 1], dtype=kind))
    assert (found.tolist(), found.dtype) == ([0, 1, 1], np.int64)


def test_one_class_says_which_and_how_to_mend():
    with pytest.raises(ValueError, match=r"all 3 training units have the outcome 1; .* add units of the other"):
        two_classes(np.ones(3))


def test_ties_of_the_keys_that_mostly_decide_are_settled_by_the_others():
    """Columns whose ten largest values agree differ in the eleventh alone."""
    x = np.zeros((20, 3))
    x[:10] = 1.0
    x[10] = [0.3, 0.1, 0.2]
    y = np.arange(20) % 2.0
    found = canonical(x, y)
    assert found.columns.tolist() == [1, 2, 0]
    moved = np.random.default_rng(3).permutation(20)
    np.testing.assert_array_equal(canonical(x[moved], y[moved]).x, found.x)


def test_an_elastic_net_says_the_same_in_whatever_order_columns_stand() -> None:
    """Two columns are the same, which share a weight in any way; descent stops a little before its end."""
    generator = np.random.default_rng(0)
    x = generator.standard_normal((60, 12))
    x[:, 5], x[:, 7] = x[:, 0], x[:, 1] + 0.05 * x[:, 7]
    y = x[:, 0] - x[:, 1] + generator.standard_normal(60)
    moved = generator.permutation(12)
    one, other = (net_squares(values, y, [0.05], 0.5, np.zeros(60))[0] for values in (x, x[:, moved]))
    np.testing.assert_allclose(other.score(x[:, moved]), one.score(x), rtol=0, atol=1e-12)
    time = np.column_stack([generator.exponential(size=60) * np.exp(-x[:, 0]), generator.random(60) < 0.7])
    known = Survival(time.astype(float), 1.0, np.zeros(60))
    first, second = (cox_net(values, known, 0.02, 0.5, np.zeros(12)) for values in (x, x[:, moved]))
    np.testing.assert_allclose(x[:, moved] @ second, x @ first, rtol=0, atol=1e-12)
