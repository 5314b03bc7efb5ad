"""An outcome of several classes: what a table may hold, and what probabilities of classes are measured by."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics
from tabular import assert_one, errors_of, write_table

from radfuse.cohort.config import CohortConfig
from radfuse.cohort.read import read_cohort
from radfuse.cohort.splits import Grouped
from radfuse.errors import InputError
from radfuse.outcomes.binary import BinaryOutcome
from radfuse.outcomes.multiclass import MulticlassOutcome

OUTCOME = MulticlassOutcome(column="type")
NAMED = MulticlassOutcome(column="type", levels=("lipoma", "desmoid", "sarcoma"))
ROWS = ("lipoma", "sarcoma", "desmoid", "desmoid", "lipoma", "sarcoma", "sarcoma", "lipoma")


def table_of(rows) -> str:
    return "case_id,patient_id,type\n" + "".join(f"c{i},p{i},{row}\n" for i, row in enumerate(rows))


def read(tmp_path, rows=ROWS, outcome: MulticlassOutcome = OUTCOME, *, new: bool = False):
    ids = {"case": "case_id", "patient": "patient_id", "split": {"kind": "grouped", "folds": 2}}
    table = write_table(tmp_path, table_of(rows))
    return read_cohort(config=CohortConfig(table=table, outcome=outcome, **ids), new=new)


def test_classes_come_from_the_table_or_in_the_order_declared(tmp_path) -> None:
    cases = read(tmp_path).cases
    assert OUTCOME.settled(cases).levels == ("desmoid", "lipoma", "sarcoma")
    assert OUTCOME.labels(cases).tolist() == [1, 2, 0, 0, 1, 2, 2, 1]
    assert NAMED.settled(cases) is NAMED
    assert NAMED.targets(cases)[:3].tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0]]
    assert NAMED.each()[1] == BinaryOutcome(column="type", positive="desmoid")
    assert NAMED.event_name() == "lipoma, desmoid or sarcoma"
    assert OUTCOME.happened(cases).tolist() == [0, 1, 1, 1, 0, 1, 1, 0]  # lipomas come first of the two commonest
    numbers = read(tmp_path, (1, 10, 2, 2, 1, 10, 10, 1)).cases
    assert OUTCOME.settled(numbers).levels == ("1", "2", "10")
    pointed = read(tmp_path, ("1.0", "10.0", "2", "2.0", "1.0", "10.0", "10.0", "1.0")).cases  # pandas, beside a gap
    assert pointed["type"].tolist() == numbers["type"].tolist()
    declared = MulticlassOutcome(column="type", levels=("1", "2", "10"))
    assert read(tmp_path, ("10.0", "2.0", "1.0"), declared, new=True).cases["type"].tolist() == ["10", "2", "1"]
    versions = read(tmp_path, ("1.0", "1.5", "2.0") * 3).cases
    assert OUTCOME.settled(versions).levels == ("1.0", "1.5", "2.0")


def test_levels_are_three_to_ten_each_once() -> None:
    with pytest.raises(InputError, match="two are an outcome of kind binary"):
        MulticlassOutcome(column="type", levels=("a", "b"))
    with pytest.raises(InputError, match="stands twice"):
        MulticlassOutcome(column="type", levels=("a", "b", "b"))
    with pytest.raises(InputError, match="at most 10"):
        MulticlassOutcome(column="type", levels=tuple("abcdefghijk"))


@pytest.mark.parametrize(
    ("rows", "outcome", "row", "words"),
    [
        (("", *ROWS[1:]), OUTCOME, 2, ("missing", "cohort.exclude")),
        (("unknown", *ROWS[1:]), OUTCOME, 2, ("'unknown' looks like a word for a missing value", "cohort.exclude")),
        (("Lipoma ", *ROWS[1:]), OUTCOME, None, ("'Lipoma' and 'lipoma' differ in capitals or spaces alone",)),
        (("lipom", *ROWS[1:]), NAMED, 2, ("none of cohort.outcome.levels", "did you mean 'lipoma'", "add the class")),
        (["a"] * 8, OUTCOME, None, ("every case has the class 'a'",)),
        (list("abababab"), OUTCOME, None, ("two classes alone", "kind: binary, positive: b")),
        ([f"{i / 7:.3f}" for i in range(12)], OUTCOME, None, ("12 different values", "kind continuous", "ordinal")),
        (list("abcdefghijkl"), OUTCOME, None, ("12 different values", "3 to 10", "join some")),
        (("lipoma", "sarcoma") * 4, NAMED, None, ("no case has the class 'desmoid'", "remove it")),
        ((*ROWS, "cyst"), OUTCOME, None, ("1 patient has the class 'cyst', fewer than the 2 folds", "join it")),
    ],
)
def test_what_is_no_set_of_classes_is_told(tmp_path, rows, outcome, row, words) -> None:
    assert_one(errors_of(read, tmp_path, rows, outcome), row, "type", *words)


def test_declared_classes_may_be_called_as_they_like_and_new_patients_need_not_be_of_all(tmp_path) -> None:
    odd = MulticlassOutcome(column="type", levels=("unknown", "A", "a"))
    assert read(tmp_path, ("unknown", "A", "a") * 3, odd).cases["type"].nunique() == 3
    assert len(read(tmp_path, ("lipoma",) * 3, NAMED, new=True)) == 3
    assert_one(errors_of(read, tmp_path, ("cyst",), NAMED, new=True), 2, "type", "'cyst' is none of")


def test_folds_do_not_hang_on_what_classes_are_called() -> None:
    drawn = np.random.default_rng(1).choice(3, 60, p=[0.35, 0.25, 0.4])
    dealt = []
    for names in (("a", "b", "c"), ("z", "y", "x"), ("b", "c", "a")):
        units = pd.DataFrame({"type": np.array(names, dtype=object)[drawn], "patient": np.arange(60)})
        settled = OUTCOME.settled(units)
        folds = [Grouped(folds=3).folds_of(units, "patient", settled, seed) for seed in range(20)]
        dealt.append([[fold.test.tolist() for fold in each] for each in folds])
    assert dealt[0] == dealt[1] == dealt[2]


def test_inner_folds_are_as_many_as_patients_of_the_rarest_class() -> None:
    y = np.eye(3)[[0, 0, 1, 1, 1, 2, 2, 2]]
    assert NAMED.folds_possible(y, np.arange(8), 5) == 2
    with pytest.raises(ValueError, match="'lipoma' 1"):
        NAMED.folds_possible(y, np.array([0, 0, 1, 2, 3, 4, 5, 6]), 5)
    with pytest.raises(ValueError, match="'3' 0"):
        OUTCOME.folds_possible(np.eye(3)[[0, 0, 1, 1]], np.arange(4), 5)


def test_relevance_loss_and_discrimination_equal_scikit_learn() -> None:
    from sklearn.feature_selection import f_classif

    generator = np.random.default_rng(1)
    codes = generator.integers(0, 3, 60)
    x = generator.standard_normal((60, 4)) + codes[:, None] * [1, 0, 0, 0]
    x[:, 3] = 2.0
    y, p = np.eye(3)[codes], generator.dirichlet([1, 1, 1], 60)
    found = NAMED.relevance(x, y)
    np.testing.assert_allclose(found[:3], f_classif(x[:, :3], codes)[0])
    assert found[3] == 0
    assert NAMED.loss(y, p) == pytest.approx(metrics.log_loss(codes, p))
    assert NAMED.discrimination(y, p) == pytest.approx(metrics.roc_auc_score(codes, p, multi_class="ovr"))
    assert np.isnan(NAMED.discrimination(y[codes == 0], p[codes == 0]))


def predictions(seed: int = 0, units: int = 400, apart: float = 1.5, family: str = "a") -> pd.DataFrame:
    """Probabilities that are the true ones: drawn first, classes after them."""
    generator = np.random.default_rng(seed)
    score = apart * generator.standard_normal((units, 3)) + [0.5, 0, -0.5]
    p = np.exp(score) / np.exp(score).sum(axis=1, keepdims=True)
    codes = (generator.random(units)[:, None] > p.cumsum(axis=1)[:, :-1]).sum(axis=1)
    at = np.arange(units)
    about = {"family": family, "fold": at // 2 % 2 + 1, "repeat": 1, "position": at, "patient": at // 2}
    own = NAMED.predicted(NAMED.beside(np.eye(3)[codes], p), p)
    return pd.DataFrame({**about, "outcome": np.array(NAMED.levels, dtype=object)[codes], "threshold": 0.0, **own})


def test_measures_equal_scikit_learn() -> None:
    rows = predictions().assign(fold="1")
    found, p = NAMED.measure(rows), rows[[f"probability@{name}" for name in NAMED.levels]].to_numpy()
    y, given = rows["outcome"].map({name: k for k, name in enumerate(NAMED.levels)}), rows["class"]
    seen = rows["outcome"]
    for ours, theirs in (
        (found.auc, metrics.roc_auc_score(y, p, multi_class="ovr")),
        (found.auc_weighted, metrics.roc_auc_score(y, p, multi_class="ovr", average="weighted")),
        (found.hand_till, metrics.roc_auc_score(y, p, multi_class="ovo")),
        (found.log_loss, metrics.log_loss(y, p)),
        (found.brier, ((p - np.eye(3)[y]) ** 2).sum(axis=1).mean()),
        (found.accuracy, metrics.accuracy_score(seen, given)),
        (found.balanced_accuracy, metrics.balanced_accuracy_score(seen, given)),
        (found.kappa, metrics.cohen_kappa_score(seen, given)),
    ):
        assert ours.value == pytest.approx(theirs, abs=1e-12)
        assert ours.low < ours.value < ours.high
    shares = np.bincount(y) / len(y)
    assert found.brier_scaled == pytest.approx(1 - found.brier.value / (1 - (shares**2).sum()))
    table = metrics.classification_report(seen, given, output_dict=True)
    for k, one in enumerate(found.classes):
        own = table[one.name]
        assert one.units == own["support"] == found.counts[k]
        ours = (one.sensitivity.value, one.ppv.value, one.f1.value)
        assert ours == pytest.approx((own["recall"], own["precision"], own["f1-score"]))
        others = (seen != one.name).sum()
        assert one.specificity.value == pytest.approx(((seen != one.name) & (given != one.name)).sum() / others)
        assert one.auc.value == pytest.approx(metrics.roc_auc_score(seen == one.name, p[:, k]))


def test_true_probabilities_are_calibrated_in_every_class() -> None:
    found = NAMED.measure(predictions(4, 1500))
    for one in found.classes:
        assert one.slope.low < 1 < one.slope.high
        assert one.intercept.low < 0 < one.intercept.high
        assert one.expected == pytest.approx(one.observed, abs=0.03)
    assert (found.measure, found.loss, found.units, found.patients) == ("macro AUC", "log loss", 1500, 750)
    assert found.headline.value == pytest.approx(np.mean(list(found.fold_values.values())))


def test_noise_beside_truth_loses_in_auc_and_in_log_loss() -> None:
    truth = predictions(2)
    other = NAMED.predicted(NAMED.beside(np.eye(3), np.eye(3)), np.random.default_rng(3).dirichlet([2, 2, 2], 400))
    (found,) = NAMED.compare(pd.concat([truth, truth.assign(family="b", **other)]), ["a", "b"])
    assert found.difference.low > 0 > found.loss.high
    assert found.p == found.p_holm < 0.001
    (alike,) = NAMED.compare(pd.concat([truth, truth.assign(family="b")]), ["a", "b"])
    assert (alike.difference.value, alike.loss.value, alike.p) == (0, 0, 1)


def test_units_of_some_classes_alone_are_measured_by_these() -> None:
    rows = predictions(5)
    found = NAMED.measure(rows[rows["outcome"] != "sarcoma"])
    assert found.counts[2] == 0
    assert (found.classes[2].auc.value, found.classes[2].sensitivity.value) == (None, None)
    assert found.auc.value == pytest.approx((found.classes[0].auc.value + found.classes[1].auc.value) / 2)
    alike = NAMED.measure(rows[rows["outcome"] == "lipoma"])
    assert (alike.auc.value, alike.hand_till.value, alike.kappa.low) == (None, None, alike.kappa.low)


def test_what_is_told_of_a_unit_is_its_class_and_each_probability() -> None:
    told = NAMED.told(NAMED.beside(np.eye(3), np.eye(3)), np.array([[0.2, 0.5, 0.3], [0.4, 0.3, 0.3]]))
    assert list(told) == ["class", "probability@lipoma", "probability@desmoid", "probability@sarcoma"]
    assert told["class"].tolist() == ["desmoid", "lipoma"]
