"""Means and shares whose intervals sum over patients."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from radfuse.statistics.estimate import clustered_mean


class TestClusteredMean:
    def test_wilson_of_eight_in_ten(self):
        """0.4902 to 0.9433: Wilson's interval of 8/10 independent units."""
        found = clustered_mean([1] * 8 + [0] * 2, range(10), share=True)
        assert (found.low, found.high) == (pytest.approx(0.4901625, abs=1e-6), pytest.approx(0.9433178, abs=1e-6))

    def test_wilson_of_ten_in_ten(self):
        found = clustered_mean([1] * 10, range(10), share=True)
        assert (found.low, found.high) == (pytest.approx(10 / (10 + 1.959963984540054**2)), pytest.approx(1))

    def test_two_patients_by_hand(self):
        """Sums about the mean 2.5 are -2 and 2: variance 2/1 * 8 / 16 = 1, t of one degree 12.7062."""
        found = clustered_mean([1, 2, 3, 4], ["a", "a", "b", "b"])
        assert (found.low, found.high) == (pytest.approx(2.5 - 12.706205), pytest.approx(2.5 + 12.706205))

    @given(st.lists(st.floats(-100, 100), min_size=2, max_size=20))
    def test_one_unit_a_patient_is_students_interval(self, values: list[float]):
        found = clustered_mean(values, range(len(values)))
        half = stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
        assert found.high - found.value == pytest.approx(half, abs=1e-9)

    @pytest.mark.parametrize("share", [False, True])
    def test_seeing_every_unit_twice_adds_nothing(self, share: bool):
        values = np.array([1, 0, 1, 1, 0, 1, 1])
        once = clustered_mean(values, range(7), share=share)
        twice = clustered_mean(np.tile(values, 2), np.tile(np.arange(7), 2), share=share)
        assert (twice.low, twice.high) == (pytest.approx(once.low), pytest.approx(once.high))

    def test_no_unit_and_one_patient(self):
        assert np.isnan(clustered_mean([], []).value)
        one = clustered_mean([1, 0], ["a", "a"])
        assert one.value == 0.5
        assert np.isnan([one.low, one.high]).all()

    @given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 6)), min_size=2, max_size=30))
    def test_a_share_stays_in_range(self, rows: list[tuple[int, int]]):
        values, patients = zip(*rows, strict=True)
        found = clustered_mean(values, patients, share=True)
        if len(set(patients)) > 1:
            assert 0 <= found.low <= found.value + 1e-12
            assert found.value - 1e-12 <= found.high <= 1
