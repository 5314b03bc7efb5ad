"""Change between two visits, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from radfuse.statistics.change import change

BEFORE, AFTER = np.array([2.0, 4.0, 2.0, 3.0, np.nan]), np.array([1.8, 3.0, 2.0, np.nan, 2.0])
PATIENTS = np.array(["p1", "p1", "p2", "p3", "p4"])


def test_means_and_intervals_by_patient_by_hand() -> None:
    """Changes -0.2, -1 and 0; the first two of one patient, whose deviations add up to -0.4, the other's to 0.4."""
    found = change(BEFORE, AFTER, np.full(5, 2.0), PATIENTS)
    assert (found.units, found.patients) == (3, 2)
    assert found.before == pytest.approx(8 / 3)
    half = 12.7062 * np.sqrt(2 * (0.16 + 0.16) / 9)  # Student's t of one degree of freedom
    assert (found.difference.value, found.difference.high) == pytest.approx((-0.4, -0.4 + half), rel=1e-4)
    assert found.percent.value == pytest.approx(-35 / 3)
    assert found.rate.value == pytest.approx(-0.2)
    assert found.response == pytest.approx(-0.4 / np.sqrt(0.28))
    assert found.spread == pytest.approx((-25, -17.5, -10, -5, 0))


def test_what_passes_through_nought_has_no_per_cent_and_what_has_no_dates_no_rate() -> None:
    found = change(BEFORE - 2.5, AFTER, np.full(5, np.nan), PATIENTS)
    assert found.difference.value == pytest.approx(2.1)
    assert np.isnan([found.percent.value, found.rate.value]).all()
    assert found.spread == ()


def test_units_that_all_change_alike_have_no_response_and_nothing_has_no_change() -> None:
    alike = change(np.array([0.1, 0.2, 0.7]), np.array([0.2, 0.3, 0.8]), np.full(3, np.nan), PATIENTS[:3])
    assert np.isnan(alike.response)
    nothing = change(BEFORE[3:], AFTER[3:], np.full(2, 2.0), PATIENTS[3:])
    assert (nothing.units, nothing.patients) == (0, 0)
    assert np.isnan([nothing.before, nothing.difference.value, nothing.percent.value]).all()
