"""What an audit says of times to an event: telling columns, sites and dates by C, and volume alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from audited import noise, subject, the_finding

from radfuse.audit import sites, telling
from radfuse.audit.subject import Subject
from radfuse.audit.timed import surplus
from radfuse.audit.volume import volume_fits
from radfuse.cohort.config import CohortConfig
from radfuse.cohort.splits import Fold
from radfuse.fusion.config import FusionConfig

OUTCOME = {"kind": "survival", "time": "months", "event": "died", "horizon": 10}


def timed(values: pd.DataFrame, time: np.ndarray, event: np.ndarray, **more: Any) -> Subject:
    """Return a study of a time to an event."""
    made = subject(values, event, **more)
    config = CohortConfig.model_validate({**made.config.model_dump(), "outcome": OUTCOME})
    units = made.design.units.assign(months=time, died=event)
    return replace(made, cohort=replace(made.cohort, config=config), design=replace(made.design, units=units))


def drawn(units: int, site: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(3)
    hazard = np.exp(2.0 * site) if site is not None else np.ones(units)
    time, last = 10 * generator.exponential(size=units) / hazard, generator.uniform(2, 20, units)
    return np.minimum(time, last), (time <= last).astype(float)


def test_columns_that_rank_the_times_or_tell_who_has_the_event_are_named() -> None:
    time, event = drawn(60)
    columns = {"known": -time, "seen": event, "noise": noise(60, 1)[:, 0]}
    first, second = telling.look(timed(pd.DataFrame(columns), time, event)).findings
    assert first.found == "ranks the times of events by itself: known (C 1.000)"
    assert second.found == "tells who has the event by itself: seen (AUC 1.000)"
    assert (first.severity, second.column) == ("warning", "seen")


def test_a_column_that_is_missing_where_the_event_is_is_named() -> None:
    time, event = drawn(60)
    values = pd.DataFrame({"a": noise(60, 1)[:, 0], "b": np.where(event == 1, np.nan, noise(60, 1, 2)[:, 0])})
    finding = the_finding(telling.look(timed(values, time, event)))
    assert (finding.severity, finding.found) == (
        "warning",
        "whether a value is missing tells the outcome (AUC 1.000): b",
    )
    everyone = np.ones(60)
    assert telling.look(timed(values[["a"]].where(time[:, None] > 0), time, everyone)).findings == ()


def test_noise_and_half_missing_columns_are_not() -> None:
    time, event = drawn(60)
    values = pd.DataFrame(noise(60, 200))
    values[7] = np.where(np.arange(60) < 40, np.nan, -time)
    check = telling.look(timed(values, time, event))
    assert check.findings == ()
    assert check.told.startswith("the most telling column is")


def test_a_site_of_early_events_is_named_by_c_and_one_like_others_is_not() -> None:
    place = np.arange(80) % 2
    time, event = drawn(80, place.astype(float))
    finding = the_finding(sites.look(timed(pd.DataFrame(noise(80, 1)), time, event, beside={"scanner": place})))
    assert finding.column == "scanner"
    assert ", C 0.7" in finding.found
    even = drawn(80)
    assert sites.look(timed(pd.DataFrame(noise(80, 1)), *even, beside={"scanner": place})).findings == ()


def test_events_that_come_sooner_the_later_the_date_is_are_named() -> None:
    dates = pd.date_range("2020-01-01", periods=80).astype(str)
    time, event = drawn(80, np.linspace(0, 2, 80))
    finding = the_finding(sites.look(timed(pd.DataFrame(noise(80, 1)), time, event, beside={"date": list(dates)})))
    assert finding.found.startswith("events come sooner the later 'date' is: C 0.")


def test_events_beyond_those_expected_sum_to_none() -> None:
    # at risk 3, 2, 1: hazards 1/3 and 1/3 + 1 at the two events
    found = surplus(np.array([1.0, 2.0, 3.0]), np.array([1, 0, 1]))
    np.testing.assert_allclose(found, [2 / 3, -1 / 3, -1 / 3])


def test_volume_alone_is_a_cox_regression_in_the_folds() -> None:
    time, event = drawn(60)
    values = pd.DataFrame({"t1/tumour/original_shape_MeshVolume": -time, "other": noise(60, 1)[:, 0]})
    made = timed(values, time, event)
    place = np.arange(60) % 2
    folds = [Fold(str(i), np.flatnonzero(place != i), np.flatnonzero(place == i)) for i in (0, 1)]
    fits = volume_fits(made.design, folds, "patient_id", made.outcome, FusionConfig(inner_folds=2), 7)
    assert {column.name for fit in fits for column in fit.explanation.columns} == {values.columns[0]}
    assert all(fit.survival is not None and fit.explanation.unit.startswith("log hazard ratio") for fit in fits)
    assert np.corrcoef(fits[0].probability, -time[place == 0])[0, 1] > 0.9
