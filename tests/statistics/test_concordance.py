"""Concordance that can be counted by hand, that of rossi, and its variance beside a jackknife."""

from __future__ import annotations

import numpy as np
import pytest
from rossi import rossi

from radfuse.statistics.auc import auc
from radfuse.statistics.concordance import auc_at, grouped_harrell, harrell, uno
from radfuse.statistics.cox import regression
from radfuse.statistics.stratified import Groups
from radfuse.statistics.survival import censoring


def some(units: int, seed: int, strength: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    score = generator.standard_normal(units)
    time, last = generator.exponential(size=units) / np.exp(strength * score), generator.exponential(2, units)
    return np.minimum(time, last), (time <= last).astype(float), score


def test_pairs_of_four_units() -> None:
    time, event = np.array([1.0, 2.0, 2.0, 4.0]), np.array([1, 1, 0, 1])
    score = np.array([3.0, 1.0, 1.0, 2.0])
    # pairs: 1 with 2, 3, 4 all right; 2 with 3 (censored then) tied, with 4 wrong
    assert harrell(time, event, score[:, None], np.arange(4)).values == pytest.approx([3.5 / 5])
    assert np.isnan(harrell(time, np.zeros(4), score[:, None], np.arange(4)).values).all()


def test_rossi_has_the_published_c() -> None:
    x, time, event = rossi()
    score = x @ regression(x, time, event).coefficients
    assert harrell(time, event, score[:, None], np.arange(len(x))).values == pytest.approx([0.6403], abs=5e-5)


def test_the_variance_is_that_of_a_jackknife_over_patients() -> None:
    time, event, score = some(80, 1)
    patients = np.repeat(np.arange(40), 2)
    found = harrell(time, event, score[:, None], patients)
    left = [
        float(harrell(time[kept], event[kept], score[kept, None], patients[kept]).values[0])
        for kept in (patients != person for person in range(40))
    ]
    assert np.sqrt(found.covariance[0, 0]) == pytest.approx(np.sqrt(39 * np.var(left)), rel=0.05)


def test_equal_scores_have_no_variance_in_their_difference() -> None:
    time, event, score = some(60, 2)
    found = harrell(time, event, np.column_stack([score, score]), np.arange(60))
    assert found.covariance[0, 0] + found.covariance[1, 1] == pytest.approx(2 * found.covariance[0, 1])


def test_without_censoring_unos_c_is_harrells_and_the_auc_that_of_who_had_the_event() -> None:
    time, _, score = some(70, 3)
    event, everyone = np.ones(70), np.arange(70)
    known = censoring(time, event)
    first = harrell(time, event, score[:, None], everyone).values
    np.testing.assert_allclose(uno(time, event, score[:, None], everyone, np.inf, known).values, first)
    when = float(np.median(time))
    assert auc_at(time, event, score[:, None], everyone, when, None).values[0] == pytest.approx(
        auc(time <= when, score)
    )


def test_a_rival_is_compared_with_every_event_before_it_and_after() -> None:
    time, event, rival = np.array([1.0, 2.0, 3.0, 4.0]), np.array([0, 1, 0, 1]), np.array([1, 0, 0, 0])
    score, everyone = np.array([3.0, 2.0, 1.0, 4.0]), np.arange(4)
    # the event at 2 loses to the rival at 1, beats 3, loses to 4; the event at 4 beats the rival
    assert harrell(time, event, score[:, None], everyone, rival).values == pytest.approx([2 / 4])
    assert harrell(time, event, score[:, None], everyone).values == pytest.approx([1 / 2])  # taken for censored


def test_without_censoring_rivals_are_free_of_the_event_for_good() -> None:
    generator = np.random.default_rng(8)
    score, everyone = generator.standard_normal(80), np.arange(80)
    time, event = generator.exponential(size=80) / np.exp(score), generator.integers(0, 2, 80)
    rival, known = 1 - event, censoring(time, np.ones(80))
    for_good = np.where(rival == 1, np.inf, time)
    first = harrell(for_good, event, score[:, None], everyone).values
    np.testing.assert_allclose(harrell(time, event, score[:, None], everyone, rival).values, first)
    np.testing.assert_allclose(uno(time, event, score[:, None], everyone, np.inf, known, rival).values, first)
    when = float(np.median(time))
    found = auc_at(time, event, score[:, None], everyone, when, known, rival).values[0]
    assert found == pytest.approx(auc((time <= when) & (event == 1), score))


def test_weights_make_up_for_censoring_beside_rivals() -> None:
    generator = np.random.default_rng(9)
    score = generator.standard_normal(4000)
    first, other = generator.exponential(size=4000) / np.exp(score), generator.exponential(1.5, 4000)
    time, event, when = np.minimum(first, other), (first < other).astype(float), 0.8
    whole = ((time <= when) & (event == 1)).astype(int)
    last = generator.exponential(1.2, 4000)
    seen, happened = np.minimum(time, last), event * (time <= last)
    rival = (1 - event) * (time <= last)
    known = censoring(seen, np.maximum(happened, rival))
    found = auc_at(seen, happened, score[:, None], np.arange(4000), when, known, rival).values[0]
    assert found == pytest.approx(auc(whole, score), abs=0.012)
    censored = auc_at(seen, happened, score[:, None], np.arange(4000), when, censoring(seen, happened)).values[0]
    assert abs(censored - auc(whole, score)) > 0.03


def test_unos_c_does_not_move_with_censoring_as_harrells_does() -> None:
    generator = np.random.default_rng(5)
    score = generator.standard_normal(3000)
    time = generator.exponential(size=3000) / np.exp(score)
    until = float(np.quantile(time, 0.8))
    truth = uno(time, np.ones(3000), score[:, None], np.arange(3000), until, censoring(time, np.ones(3000))).values[0]
    last = generator.exponential(0.8, 3000)
    seen, event = np.minimum(time, last), (time <= last).astype(float)
    found = uno(seen, event, score[:, None], np.arange(3000), until, censoring(seen, event)).values[0]
    assert found == pytest.approx(truth, abs=0.015)


def test_scores_that_tell_nothing_are_near_one_half() -> None:
    time, event, _ = some(400, 6)
    noise = np.random.default_rng(7).standard_normal(400)
    found = harrell(time, event, noise[:, None], np.arange(400))
    assert abs(found.values[0] - 0.5) < 3 * np.sqrt(found.covariance[0, 0])


def test_groups_are_ranked_within_folds_and_of_one_fold_and_group_as_harrell_does() -> None:
    time, event, score = some(80, 1)
    patients, one = np.repeat(np.arange(40), 2), np.zeros(80)
    whole = harrell(time, event, score[:, None], patients)
    found = grouped_harrell(time, event, score, Groups(one, patients, np.full(80, "a"), ["a"]))
    assert found.values == pytest.approx(whole.values)
    assert found.covariance == pytest.approx(whole.covariance)
    assert found.smaller_class == whole.smaller_class
    # four units in two folds: within them 1 beats 2 and 3 loses to 4; a group of one unit has no pairs
    four = (np.array([1.0, 2.0, 1.5, 3.0]), np.ones(4), np.array([4.0, 3.0, 1.0, 2.0]))
    folds, groups = np.array([1, 1, 2, 2]), np.array(["a", "a", "a", "a"])
    by_hand = grouped_harrell(*four, Groups(folds, np.arange(4), groups, ["a", "b"], overlap=2.0))
    assert by_hand.values[0] == 0.5
    assert np.isnan(by_hand.values[1])
    # each pair is half of all, its units half off the mean: 4 * (0.5 / 2) ** 2 * 4 / 3, twice by overlap
    assert by_hand.covariance[0, 0] == pytest.approx(2 * 4 / 3 * 4 * 0.25**2)
