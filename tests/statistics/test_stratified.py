"""AUC of groups within folds."""

from __future__ import annotations

import numpy as np
import pytest

from radfuse.statistics.auc import auc, auc_covariance
from radfuse.statistics.multiclass import together, told_apart
from radfuse.statistics.stratified import Groups, alike, grouped_auc, grouped_macro


def drawn(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    y = (generator.uniform(size=count) < 0.4).astype(int)
    return y, np.round(generator.normal(size=count) + y, 1), np.arange(count)


def test_one_group_in_one_fold_is_the_auc() -> None:
    y, score, who = drawn(200)
    found = grouped_auc(y, score, Groups(np.zeros(200), who, np.zeros(200), [0]))
    assert found.values[0] == pytest.approx(auc(y, score))
    assert found.covariance[0, 0] == pytest.approx(auc_covariance(y, score).covariance[0, 0], rel=0.02)


def test_pairs_of_two_folds_do_not_count() -> None:
    """Each fold ranks its own perfectly; one fold's scores all lie above the other's."""
    y, score = np.array([0, 1, 0, 1]), np.array([0.1, 0.2, 0.8, 0.9])
    folds = np.array(["a", "a", "b", "b"])
    assert auc(y, score) == 0.75
    assert grouped_auc(y, score, Groups(folds, np.arange(4), np.zeros(4), [0])).values[0] == 1


def test_a_group_by_hand() -> None:
    """Group 1: events 0.3 and 0.9, others 0.2 and 0.3: 3.5 of 4 pairs; group 2 has no event."""
    y, score = np.array([1, 1, 0, 0, 0]), np.array([0.3, 0.9, 0.2, 0.3, 0.5])
    found = grouped_auc(y, score, Groups(np.zeros(5), np.arange(5), [1, 1, 1, 1, 2], [1, 2]))
    assert found.values[0] == 0.875
    assert np.isnan(found.values[1])
    assert np.isnan(found.covariance[1, 1])


def test_groups_of_one_truth_are_alike_about_as_often_as_they_should() -> None:
    p_values = []
    for seed in range(200):
        y, score, who = drawn(240, seed)
        part = grouped_auc(y, score, Groups(who % 3, who, who % 2, [0, 1]))
        p_values.append(alike(part)[2])
    assert 0.01 <= np.mean(np.array(p_values) < 0.05) <= 0.11


def test_groups_that_differ_are_found_and_a_single_one_has_nothing_to_differ_from() -> None:
    y, score, who = drawn(600)
    group = who % 2
    score = np.where(group == 0, score, -score)
    statistic, degrees, p = alike(grouped_auc(y, score, Groups(np.zeros(600), who, group, [0, 1])))
    assert (degrees, p < 1e-6, statistic > 20) == (1, True, True)
    assert np.isnan(alike(grouped_auc(y, score, Groups(np.zeros(600), who, np.zeros(600), [0])))[2])


def test_several_classes_are_the_mean_over_those_that_a_group_has() -> None:
    generator = np.random.default_rng(2)
    classes, p, who = generator.integers(0, 3, 300), generator.dirichlet(np.ones(3), 300), np.arange(300) // 2
    group = np.where(np.arange(300) < 200, "a", "b")
    classes[(group == "b") & (classes == 2)] = 1
    found = grouped_macro(classes, p, Groups(np.zeros(300), who, group, ["a", "b"]))
    each = {
        name: [auc(classes[group == name] == k, p[group == name, k]) for k in range(3 if name == "a" else 2)]
        for name in "ab"
    }
    assert found.values == pytest.approx([np.mean(each["a"]), np.mean(each["b"])])
    one = told_apart(classes[:200], p[:200], who[:200], np.zeros(200, dtype=object)).macro
    assert found.covariance[0, 0] == pytest.approx(together([one], who[:200], 100).covariance[0, 0], rel=0.03)
    # two classes are one question asked twice: the AUC of either, and its variance
    two = grouped_macro((classes > 0).astype(int), np.c_[1 - p[:, 1], p[:, 1]], Groups(who % 3, who, group, ["a"]))
    alone = grouped_auc(classes > 0, p[:, 1], Groups(who % 3, who, group, ["a"]))
    assert (two.values, two.covariance) == (pytest.approx(alone.values), pytest.approx(alone.covariance))
