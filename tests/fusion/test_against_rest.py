"""Families of several classes: what serves a binary outcome serves, probabilities sum to 1, and nothing leaks."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from pydantic import BaseModel

from radfuse.cohort.splits import Fold
from radfuse.config import build
from radfuse.fusion.against_rest import Softmax, softmax_of
from radfuse.fusion.config import FusionConfig
from radfuse.fusion.design import Design
from radfuse.fusion.export import largest_difference
from radfuse.fusion.serves import check_outcome
from radfuse.fusion.validate import fit_family, fit_fold
from radfuse.outcomes.multiclass import MulticlassOutcome
from radfuse.results import FittedFamily

CLASSES = ("a", "b", "c")
OUTCOME = MulticlassOutcome(column="type", levels=CLASSES)
BLOCKS = {"clinical": range(3), "radiomic": range(3, 9), "deep": range(9, 12)}
NAMES = [f"c{i}" for i in range(12)]


def planted(units: int = 90) -> tuple[np.ndarray, np.ndarray]:
    """A column of the first block tells a, one of the second b, and one of the third c; some values are missing."""
    generator = np.random.default_rng(1)
    codes = np.arange(units) % 3
    x = generator.standard_normal((units, 12))
    x[:, [0, 4, 10]] += 1.8 * np.eye(3)[codes]
    x[generator.random(x.shape) < 0.03] = np.nan
    return x, np.eye(3)[codes]


X, Y = planted()


def fit(x: np.ndarray = X, y: np.ndarray = Y, **settings: Any):
    plain = {"classifier": {"kind": "ridge", "spreads": [1]}, "strategy": {"kind": "early"}, "inner_folds": 3}
    config = build(FusionConfig, {**plain, **settings}, "x")
    check_outcome(config, "multiclass")
    return fit_family(x, y, y.argmax(axis=1), np.arange(len(x)), BLOCKS, NAMES, OUTCOME, config, 7)


def check(found: Any) -> None:
    """Assert that classes are told apart, probabilities sum to 1, and the file says the same of each."""
    assert found.inner_auc > 0.8
    p, file = found.fitted.predict(X), found.fitted.to_onnx("a", found.threshold)
    assert p.shape == (len(X), 3)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert largest_difference(file, found.fitted.predict, X, 1) < 1e-5
    said = onnxruntime.InferenceSession(file).get_modelmeta().custom_metadata_map
    assert said["classes"] == '["a", "b", "c"]'
    assert found.beside.names == CLASSES


@pytest.mark.parametrize("kind", ["early", "mean", "penalty", "priority", "score", "stack", "average"])
def test_every_strategy_joins_blocks_and_exports(kind) -> None:
    few = {"spreads": [1]} if kind == "penalty" else {"of": [{"kind": "early"}, {"kind": "mean"}]}
    check(fit(strategy={"kind": kind, **(few if kind in ("penalty", "average") else {})}))


@pytest.mark.parametrize(
    "learner",
    [
        {"kind": "naive_bayes"},
        {"kind": "extra_trees", "trees": 20},
        {"kind": "knn", "k": [9]},
        {"kind": "svm", "c": [1]},
        {"kind": "lightgbm", "trees": [20]},
        {"kind": "mean", "members": [{"kind": "ridge", "spreads": [1]}, {"kind": "lightgbm", "trees": [20]}]},
    ],
    ids=lambda learner: learner["kind"],
)
def test_every_learner_of_a_binary_outcome_serves(learner) -> None:
    check(fit(classifier=learner))


@pytest.mark.parametrize(
    "more",
    [
        {"recalibrate": {"kind": "isotonic"}},
        {"oversample": "smote"},
        {"selection": [{"kind": "lasso"}]},
        {"selection": [{"kind": "pca"}]},
    ],
    ids=str,
)
def test_every_class_has_its_own_selection_and_recalibration(more) -> None:
    found = fit(**more)
    check(found)
    if more.get("selection", [{}])[0].get("kind") == "lasso":
        kept = [{column.name for column in part.explain("s").columns} for part in found.fitted.parts]
        assert all(name in own for name, own in zip(("c0", "c4", "c10"), kept, strict=True))


def test_formulas_say_what_the_model_says() -> None:
    found = fit(np.nan_to_num(X)).fitted
    text = found.explain("s").formula
    assert text.count("s of ") == 3
    row, scores = np.nan_to_num(X)[5], {}
    for chunk in text.split("\nprobability of")[0].split("s of ")[1:]:
        name, _, right = chunk.partition(" = ")
        scores[name] = eval(right.replace("\n", " "), {"__builtins__": {}}, dict(zip(NAMES, row, strict=True)))
    last = dict(part.split(" = ") for part in text.splitlines()[-1].strip().replace("; ", ", ").split(", ")[:2])
    shifts = [float(part.split(" of ")[0]) for part in text.partition("shift = ")[2].split(", ")]
    p = 1 / (1 + np.exp(-np.array([scores[name] for name in CLASSES])))
    total = np.exp(float(last["own"]) * np.log(p) - float(last["rest"]) * np.log(1 - p) + shifts)
    np.testing.assert_allclose(total / total.sum(), found.predict(row[None])[0], atol=1e-9)


def test_shares_come_from_the_softmax_by_hand() -> None:
    plain = Softmax(1.0, 0.0, np.zeros(3)).predict(np.array([[0.6, 0.3, 0.3], [0.0, 0.0, 0.0]]))
    np.testing.assert_allclose(plain, [[0.5, 0.25, 0.25], [1 / 3, 1 / 3, 1 / 3]])
    odds = Softmax(1.0, 1.0, np.log([2.0, 1, 1])).predict(np.array([[0.5, 0.5, 0.75]]))
    np.testing.assert_allclose(odds, [[2 / 6, 1 / 6, 3 / 6]])


def test_classes_that_are_clearly_apart_are_given_what_they_earn() -> None:
    y = np.eye(3)[np.arange(300) % 3]
    timid = 0.3 + 0.3 * y  # right in every unit, of 0.5 where shares are taken
    assert Softmax(1.0, 0.0, np.zeros(3)).predict(timid)[y == 1].mean() == pytest.approx(0.5)
    assert softmax_of(timid, y).predict(timid)[y == 1].mean() > 0.9
    noise = np.random.default_rng(0).uniform(0.25, 0.42, (300, 3))
    assert softmax_of(noise, y).predict(noise).max() < 0.5


def test_held_out_units_of_noise_and_turned_classes_change_nothing() -> None:
    train, test = np.arange(70), np.arange(70, 90)

    def fitted(x: np.ndarray, codes: np.ndarray) -> tuple[FittedFamily, bytes]:
        frame = pd.DataFrame(x, columns=NAMES)
        units = pd.DataFrame({"patient": np.arange(90), "type": np.array(CLASSES, dtype=object)[codes]})
        design = Design(units, {block: frame.iloc[:, list(where)] for block, where in BLOCKS.items()})
        config = build(FusionConfig, {"classifier": {"kind": "ridge"}, "inner_folds": 3}, "x")
        outcome = MulticlassOutcome(column="type")
        fold = Fold("1", train, test)
        result, fit = fit_fold(design, "clinical-radiomic-deep", fold, "patient", outcome, config, 7)
        return result, fit.fitted.to_onnx("a", 0.0)

    codes, spoiled = Y.argmax(axis=1), X.copy()
    turned = codes.copy()
    spoiled[test], turned[test] = 1e6, (codes[test] + 1) % 3
    (honest, first), (other, second) = fitted(X, codes), fitted(spoiled, turned)
    assert first == second
    assert honest.tuned == other.tuned
    assert np.array(honest.probability).shape == (20, 3)
    again = FittedFamily.model_validate_json(honest.model_dump_json())
    assert again == honest
    assert again.beside.names == CLASSES


def test_what_does_not_serve_says_so() -> None:
    with pytest.raises(ValueError, match="cox does not serve a multiclass outcome; these do: logistic, ridge"):
        fit(classifier={"kind": "cox"})
    with pytest.raises(ValueError, match="'c' 1"):
        fit(y=np.where(np.arange(90)[:, None] < 3, Y, np.eye(3)[np.arange(90) % 2]))

    class Own(BaseModel):
        """A user's strategy, whose fit is no graph."""

        def fit(self, training: Any) -> Any:
            return type("Tuned", (), {"fitted": object(), "inner": training.y, "settings": {}, "remarks": ()})()

    config = FusionConfig(classifier={"kind": "ridge"}).model_copy(update={"strategy": Own()})
    about = (Y.argmax(axis=1), np.arange(90), BLOCKS, NAMES, OUTCOME, config, 7)
    with pytest.raises(ValueError, match=r"graphs of radfuse's own strategies, .* take another fusion.strategy"):
        fit_family(X, Y, *about)
