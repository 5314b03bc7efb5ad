"""P values of many comparisons, as R adjusts them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radfuse.statistics.multiple import holm


class TestHolm:
    def test_by_hand(self):
        """Sorted 0.005 * 4, 0.01 * 3, 0.03 * 2, and 0.04 * 1 pulled up to 0.06."""
        assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])

    def test_as_p_adjust_of_R(self):
        """p.adjust(c(0.01, 0.02, 0.03, 0.04, 0.05), "holm") of R 4."""
        assert holm([0.01, 0.02, 0.03, 0.04, 0.05]) == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09])

    def test_nan_stays_and_does_not_count(self):
        assert holm([0.02, np.nan, 0.01]) == pytest.approx([0.02, np.nan, 0.02], nan_ok=True)

    def test_of_nothing_is_nothing(self):
        assert holm([]).shape == (0,)

    @given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
    def test_lies_between_p_and_bonferroni_and_keeps_the_order(self, p: list[float]):
        found = holm(p)
        assert (found >= np.array(p)).all()
        assert (found <= np.minimum(1, np.array(p) * len(p)) + 1e-15).all()
        assert (np.diff(found[np.argsort(p)]) >= 0).all()
