"""Rows and columns that imputation and scaling work on."""

from __future__ import annotations

import numpy as np
import pytest

from radfuse.fusion.scaling import rows_of


@pytest.mark.parametrize("laid", [np.ascontiguousarray, np.asfortranarray, lambda x: np.repeat(x, 2, axis=1)[:, ::2]])
@pytest.mark.parametrize("columns", [1, 4])
def test_rows_are_a_copy_by_column_however_the_table_lies(laid, columns: int):
    x = laid(np.arange(3.0 * columns).reshape(3, columns))
    found = rows_of(x, np.array([2, 0]))
    np.testing.assert_array_equal(found, [x[2], x[0]])
    assert found.flags.f_contiguous
    found[:] = -1
    assert (x >= 0).all()
