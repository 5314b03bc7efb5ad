"""What was seen of units: how far, and what stands where nobody was followed so long."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radfuse.statistics.seen import Seen


def rows(time: list[float], event: list[int]) -> Seen:
    return Seen.of(pd.DataFrame({"time": time, "event": event}))


def test_nothing_is_known_of_a_time_to_which_nobody_was_followed() -> None:
    seen = rows([2, 4, 6], [1, 0, 0])
    assert [seen.reaches(when) for when in (1, 6, 7)] == [True, True, False]
    assert (seen.had(6).value, np.isnan(seen.had(7).value)) == (pytest.approx(1 / 3), True)
    parts = seen.brier(np.zeros((3, 2)), np.array([5.0, 7.0]), seen.censoring())
    assert np.isfinite(parts[:, 0]).all()
    assert np.isnan(parts[:, 1]).all()


def test_competing_events_rank_nobody_at_a_time_to_which_nobody_was_followed() -> None:
    frame = pd.DataFrame({"time": [2.0, 3, 4, 6], "event": [1, 0, 0, 0], "competing": [0, 1, 0, 0]})
    seen, risk = Seen.of(frame), np.array([[0.9], [0.2], [0.5], [0.1]])
    values = [seen.auc_at(risk, np.arange(4), when, seen.censoring()).values for when in (6.0, 7.0)]
    assert [np.isnan(value).tolist() for value in values] == [[False], [True]]


def test_all_is_known_of_units_that_all_had_the_event() -> None:
    seen = rows([2, 4], [1, 1])
    assert (seen.reaches(9), seen.had(9).value) == (True, 1.0)
    assert not Seen(np.zeros(0), np.zeros(0)).reaches(1)


def test_who_is_seen_free_of_the_event_at_the_end_was_free_of_it_then() -> None:
    """A study that ends at its horizon: two events, two units free of it, nobody beyond; by hand."""
    seen = rows([2, 4, 6, 6], [1, 1, 0, 0])
    known, patients = seen.censoring(), np.arange(4)
    risk = np.array([[0.9], [0.4], [0.5], [0.1]])
    assert seen.auc_at(risk, patients, 6.0, known).values[0] == pytest.approx(3 / 4)
    assert seen.brier(1 - risk, np.array([6.0]), known).mean() == pytest.approx((0.01 + 0.36 + 0.25 + 0.01) / 4)
    assert seen.had(6).value == pytest.approx(0.5)
