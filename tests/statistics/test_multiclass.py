"""Classes told apart: equal to scikit-learn, to DeLong, and to drawing patients again."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from radfuse.statistics.auc import auc_covariance, auc_interval
from radfuse.statistics.multiclass import interval, mean, share, together, told_apart


def drawn(units: int = 240, classes: int = 4, seed: int = 0, apart: float = 1.2) -> tuple[np.ndarray, np.ndarray]:
    """Return classes, the last a rare one, and probabilities that follow them."""
    generator = np.random.default_rng(seed)
    y = np.minimum(generator.integers(0, classes + 2, units) % (classes + 1), classes - 1)
    score = generator.standard_normal((units, classes)) + apart * np.eye(classes)[y]
    p = np.exp(score)
    return y, p / p.sum(axis=1, keepdims=True)


ONE = np.array(["1"], dtype=object)


def test_of_one_fold_equal_to_scikit_learn() -> None:
    y, p = drawn()
    found = told_apart(y, p, np.arange(len(y)), np.repeat(ONE, len(y)))
    known = {"y_true": y, "y_score": p}
    assert found.macro.value == pytest.approx(roc_auc_score(**known, multi_class="ovr", average="macro"), abs=1e-12)
    assert found.weighted.value == pytest.approx(roc_auc_score(**known, multi_class="ovr", average="weighted"))
    assert found.hand_till.value == pytest.approx(roc_auc_score(**known, multi_class="ovo", average="macro"), abs=1e-12)
    assert found.folds == {"1": pytest.approx(found.macro.value)}


def test_of_one_unit_a_patient_the_variance_of_a_class_is_delongs() -> None:
    y, p = drawn(seed=3)
    found = told_apart(y, p, np.arange(len(y)), np.repeat(ONE, len(y)))
    for place in range(4):
        theirs = auc_covariance(y == place, p[:, place])
        ours = together([found.each[place]], np.arange(len(y)), 5)
        np.testing.assert_allclose(ours.covariance, theirs.covariance, rtol=1e-9)
        assert interval(found.each[place], np.arange(len(y)), 5) == auc_interval(theirs) or theirs.values[0] == 1


def test_errors_are_those_of_drawing_patients_again() -> None:
    y, p = drawn(160, 3, seed=5)
    patients = np.arange(160) // 2
    y[1::2], p[1::2] = y[::2], 0.7 * p[::2] + 0.3 * p[1::2]  # both knees alike: errors of a patient go together
    folds = np.array(["a", "b"], dtype=object)[patients % 2]
    found, generator = told_apart(y, p, patients, folds), np.random.default_rng(0)
    again = []
    for _ in range(80):
        people = np.concatenate([generator.choice(np.arange(half, 80, 2), 40) for half in (0, 1)])
        rows = np.column_stack([2 * people, 2 * people + 1]).ravel()
        one = told_apart(y[rows], p[rows], np.repeat(np.arange(len(people)), 2), folds[rows])
        again.append([one.macro.value, one.weighted.value, one.hand_till.value])
    spread = np.std(again, axis=0)
    ours = together([found.macro, found.weighted, found.hand_till], patients, 20)
    np.testing.assert_allclose(np.sqrt(np.diag(ours.covariance)), spread, rtol=0.25)
    alone = together([told_apart(y, p, np.arange(160), folds).macro], np.arange(160), 20)
    assert alone.covariance[0, 0] < 0.75 * ours.covariance[0, 0]


def test_a_class_that_a_fold_lacks_is_averaged_over_the_others() -> None:
    y, p = drawn(120, 3, seed=2)
    folds = np.where(y == 2, "b", np.where(np.arange(120) % 2, "a", "b")).astype(object)
    found = told_apart(y, p, np.arange(120), folds)
    inside = folds == "b"
    assert found.each[2].value == pytest.approx(roc_auc_score(y[inside] == 2, p[inside, 2]))
    assert not np.isnan(found.macro.value)
    nowhere = told_apart(np.where(y == 2, 1, y), p, np.arange(120), folds)
    assert np.isnan(nowhere.each[2].value)
    assert nowhere.macro.value == pytest.approx((nowhere.each[0].value + nowhere.each[1].value) / 2)
    alike = told_apart(np.zeros(120, dtype=int), p, np.arange(120), folds)
    assert np.isnan([alike.macro.value, alike.weighted.value, alike.hand_till.value]).all()
    assert np.isnan(interval(alike.macro, np.arange(120), 1).value)


def test_a_class_of_one_patient_in_a_fold_borrows_the_error_of_other_folds() -> None:
    y, p = drawn(90, 3, seed=4)
    folds = np.array(["a", "b", "c"], dtype=object)[np.arange(90) % 3]
    patients = np.where((folds == "a") & (y == 0), 1000, np.arange(90))
    found = told_apart(y, p, patients, folds)
    known = together([found.each[0]], np.arange(90), 3).covariance[0, 0]
    assert 0 < known < 0.02
    alone = told_apart(np.where(folds == "a", y, 1), p, np.where(y == 0, 1000, np.arange(90)), folds)
    assert np.isnan(interval(alone.each[0], np.arange(90), 1).low)


def test_shares_and_their_mean_by_hand() -> None:
    y, given = np.array([0, 0, 1, 1, 1, 2]), np.array([0, 1, 1, 1, 0, 2])
    who = np.arange(6)
    recalls = [share(((y == k) & (given == k)) * 1.0, (y == k) * 1.0, who) for k in range(3)]
    assert mean(recalls).value == pytest.approx((1 / 2 + 2 / 3 + 1) / 3)
    f1 = share(2.0 * ((y == 1) & (given == 1)), (y == 1) * 1.0 + (given == 1), who)
    assert f1.value == pytest.approx(f1_score(y == 1, given == 1))
    assert np.isnan(share(np.zeros(6), np.zeros(6), who).value)
    one_patient = interval(recalls[2], who, 1)
    assert one_patient.value == 1
    assert np.isnan(one_patient.low)
