"""AUC of groups within folds."""

from __future__ import annotations

import numpy as np
import pytest

from radfuse.statistics.auc import auc, auc_covariance
from radfuse.statistics.stratified import alike, grouped_auc


def drawn(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    y = (generator.uniform(size=count) < 0.4).astype(int)
    return y, np.round(generator.normal(size=count) + y, 1), np.arange(count)


def test_one_group_in_one_fold_is_the_auc() -> None:
    y, score, who = drawn(200)
    found = grouped_auc(y, score, np.zeros(200), who, np.zeros(200), [0])
    assert found.values[0] == pytest.approx(auc(y, score))
    assert found.covariance[0, 0] == pytest.approx(auc_covariance(y, score).covariance[0, 0], rel=0.02)


def test_pairs_of_two_folds_do_not_count() -> None:
    """Each fold ranks its own perfectly; one fold's scores all lie above the other's."""
    y, score = np.array([0, 1, 0, 1]), np.array([0.1, 0.2, 0.8, 0.9])
    folds = np.array(["a", "a", "b", "b"])
    assert auc(y, score) == 0.75
    assert grouped_auc(y, score, folds, np.arange(4), np.zeros(4), [0]).values[0] == 1


def test_a_group_by_hand() -> None:
    """Group 1: events 0.3 and 0.9, others 0.2 and 0.3: 3.5 of 4 pairs; group 2 has no event."""
    y, score = np.array([1, 1, 0, 0, 0]), np.array([0.3, 0.9, 0.2, 0.3, 0.5])
    found = grouped_auc(y, score, np.zeros(5), np.arange(5), [1, 1, 1, 1, 2], [1, 2])
    assert found.values[0] == 0.875
    assert np.isnan(found.values[1])
    assert np.isnan(found.covariance[1, 1])


def test_groups_of_one_truth_are_alike_about_as_often_as_they_should() -> None:
    p_values = []
    for seed in range(200):
        y, score, who = drawn(240, seed)
        part = grouped_auc(y, score, who % 3, who, who % 2, [0, 1])
        p_values.append(alike(part)[2])
    assert 0.01 <= np.mean(np.array(p_values) < 0.05) <= 0.11


def test_groups_that_differ_are_found_and_a_single_one_has_nothing_to_differ_from() -> None:
    y, score, who = drawn(600)
    group = who % 2
    score = np.where(group == 0, score, -score)
    statistic, degrees, p = alike(grouped_auc(y, score, np.zeros(600), who, group, [0, 1]))
    assert (degrees, p < 1e-6, statistic > 20) == (1, True, True)
    assert np.isnan(alike(grouped_auc(y, score, np.zeros(600), who, np.zeros(600), [0]))[2])
