"""Columns that vary, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from radfuse.fusion.selectors.varying import varying


def test_drops_constants():
    x = np.column_stack([np.ones(5), np.arange(5.0), np.zeros(5), [0, 0, 0, 0, 1e-9]])
    assert varying(x).tolist() == [False, True, False, True]


def test_rounding_is_no_variation():
    x = np.column_stack([np.arange(4.0), 0.1 + np.array([0, 1, 0, 1]) * 1e-17])
    assert varying(x).tolist() == [True, False]


def test_nothing_that_varies_is_an_error_with_the_count():
    with pytest.raises(ValueError, match="none of the 3 columns varies"):
        varying(np.ones((5, 3)))
