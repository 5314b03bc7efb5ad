"""Which columns say the same, by hand."""

from __future__ import annotations

import numpy as np

from radfuse.fusion.selectors.ties import first_of_equals, rounded


def test_the_first_of_equal_and_of_opposite_columns_stays():
    one, other = np.array([1.0, 2, -3]), np.array([2.0, 1, -3])
    x = np.column_stack([one, other, -one, one * (1 + 1e-13), one + np.array([0, 0, 1e-6])])
    assert first_of_equals(x).tolist() == [True, True, False, False, True]
    assert first_of_equals(np.repeat(x, 50, axis=1)).sum() == 3


def test_last_bits_are_no_difference():
    assert rounded(np.array([0.1 + 0.2])) == rounded(np.array([0.3]))
    found = rounded(np.array([0, -2.5, 1 / 3, 1e-300, np.inf]))
    np.testing.assert_allclose(found, [0, -2.5, 1 / 3, 1e-300, np.inf], rtol=1e-9)
    assert rounded(np.array([1.0, 1 + 1e-6])).tolist() != [1.0, 1.0]
