"""Logits of probabilities."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radfuse.statistics.scores import to_logit


class TestLogit:
    def test_is_bounded(self):
        assert to_logit([0, 0.5, 1]).tolist() == [-30, 0, 30]

    @given(st.floats(1e-12, 1 - 1e-12))
    def test_is_undone_by_the_logistic_function(self, p: float):
        assert 1 / (1 + np.exp(-to_logit([p])[0])) == pytest.approx(p, rel=1e-6)
