"""Families of survival: every strategy and selection serves, nothing leaks, and parts that do not serve say so."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from fits import (
    BLOCKS,
    NAMES,
    InOnePiece,
    every_selection,
    every_strategy,
    is_explained,
    keeps_what_tells,
    stays_when_tests_are_spoiled,
    with_gaps,
)

from radfuse.config import build
from radfuse.errors import InputError
from radfuse.fusion.additive import score_of, why_no_terms
from radfuse.fusion.config import FusionConfig
from radfuse.fusion.explain.explainer import Explainer, explainer_of
from radfuse.fusion.export import largest_difference
from radfuse.fusion.serves import check_outcome
from radfuse.fusion.validate import Fit, fit_family
from radfuse.outcomes.survival import SurvivalOutcome
from radfuse.outcomes.survival_fit import survival_at
from radfuse.statistics.links import probability_of

OUTCOME = SurvivalOutcome(time="months", event="died", horizon=60)
COX = {"kind": "cox", "spreads": [0.3]}


def planted(units: int = 120, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """A column of each block hastens or delays the event; some values are missing."""
    generator = np.random.default_rng(seed)
    x = generator.standard_normal((units, 24))
    score = 0.9 * x[:, 0] - 0.9 * x[:, 6] + 0.9 * x[:, 17]
    time, last = 60 * generator.exponential(size=units) / np.exp(score), generator.uniform(10, 120, units)
    x[generator.random(x.shape) < 0.03] = np.nan
    return x, np.column_stack([np.minimum(time, last).round(1) + 0.1, time <= last]).astype(float)


X, Y = planted()


def fit(**settings: Any):
    config = build(FusionConfig, {"classifier": COX, "strategy": {"kind": "early"}, "inner_folds": 3, **settings}, "x")
    check_outcome(config, "survival")
    return fit_family(X, Y, Y[:, 1].astype(int), np.arange(len(X)), BLOCKS, NAMES, OUTCOME, config, 7)


@every_strategy
def test_every_strategy_joins_blocks_and_exports(kind) -> None:
    found = fit(strategy={"kind": kind})
    assert found.inner_auc > 0.68
    assert largest_difference(found.fitted.to_onnx("a", found.threshold), found.fitted.predict, X, 1) < 1e-9
    assert found.fitted.explain("s").columns
    p = found.fitted.predict(X)
    assert 0 < p.min() < p.max() < 1
    assert found.beside.groups[0] < found.beside.groups[1] == pytest.approx(found.threshold)
    says_what_the_model_says(found)
    is_explained(found.fitted, X, "cloglog")


def says_what_the_model_says(found: Fit) -> None:
    """Hold the stored score against the model, and its survival at each time against the baseline table."""
    score, x = score_of(found.fitted, NAMES, X), with_gaps(X)
    assert score is not None
    columns = x[:, [NAMES.index(column.name) for column in score.columns]]
    p = found.fitted.predict(x)
    np.testing.assert_allclose(score.predict(columns), p, rtol=0, atol=1e-9)
    first, *others = SurvivalOutcome(**dict(OUTCOME) | {"times": (6.0, 24.0, 90.0)}).readings(found.beside)
    np.testing.assert_allclose(first.link.of(score.predictor(columns)), p, rtol=0, atol=1e-9)
    assert [one.label for one in others] == [f"survival at {time}" for time in (6, 24, 60, 90)]
    for reading, time in zip(others, (6, 24, 60, 90), strict=True):
        expected = survival_at(found.beside, p, time)
        np.testing.assert_allclose(reading.link.of(score.predictor(columns)), expected, rtol=0, atol=1e-9)


@every_selection
def test_every_selection_keeps_the_columns_that_tell(step) -> None:
    keeps_what_tells(fit(selection=[step]), step)


def test_components_serve_and_trees_and_networks_beside_the_regression() -> None:
    members = [COX, {"kind": "cox_trees", "trees": [20]}, {"kind": "cox_mlp", "decay": [10]}]
    found = fit(classifier={"kind": "mean", "members": members}, selection=[{"kind": "pca"}])
    assert found.inner_auc > 0.6
    assert largest_difference(found.fitted.to_onnx("a", found.threshold), found.fitted.predict, X, 1) < 1e-5
    is_explained(found.fitted, X, "cloglog")
    assert score_of(found.fitted, NAMES, X) is None
    config = FusionConfig(classifier={"kind": "mean", "members": members})
    assert why_no_terms(config, ["clinical", "deep"]) == (
        "cox_trees and cox_mlp are no sum of terms; for a nomogram set fusion.classifier to cox, with any strategy"
    )
    assert why_no_terms(FusionConfig(classifier=COX), ["clinical", "deep"]) == ""


def test_a_family_that_is_one_piece_and_has_no_score_is_explained_on_its_link() -> None:
    whole = InOnePiece(fit().fitted)
    made = Explainer.from_text(explainer_of(whole, X, NAMES, "cloglog").to_text())
    np.testing.assert_allclose(probability_of(made.score(X), "cloglog"), whole.predict(X), rtol=0, atol=1e-9)


def test_held_out_units_of_noise_and_flipped_events_change_nothing() -> None:
    units = pd.DataFrame({"patient": np.arange(len(X)), "months": Y[:, 0], "died": Y[:, 1]})
    flipped, test = units.copy(), np.arange(len(X) - 30, len(X))
    flipped.loc[test, "died"] = 1 - flipped.loc[test, "died"]
    flipped.loc[test, "months"] = 200 - flipped.loc[test, "months"]
    members = [COX, {"kind": "cox_trees", "trees": [20]}]
    settings = {"classifier": {"kind": "mean", "members": members}, "selection": [{"kind": "lasso"}]}
    config = build(FusionConfig, {**settings, "inner_folds": 3}, "x")
    honest, other = stays_when_tests_are_spoiled(OUTCOME, config, X, units, flipped)
    assert (honest.survival, honest.threshold) == (other.survival, other.threshold)


@pytest.mark.parametrize(
    ("settings", "kind", "words"),
    [
        ({"classifier": {"kind": "extra_trees"}}, "survival", "fusion.classifier: .* extra_trees .* these do: cox,"),
        ({"classifier": {"kind": "mean", "members": [COX, {"kind": "svm"}]}}, "survival", r"members\.1: .* svm"),
        ({"selection": [{"kind": "boruta"}]}, "survival", r"fusion.selection.0: .* boruta .* lasso"),
        (
            {"selection": [{"kind": "univariate", "test": "t"}]},
            "survival",
            r"selection\.0\.test: t compares two classes",
        ),
        ({"strategy": {"kind": "attention"}}, "survival", "attention .* these do: average"),
        ({"strategy": {"kind": "average", "of": [{"kind": "attention"}]}}, "survival", "attention"),
        ({"recalibrate": {"kind": "platt"}}, "survival", "fusion.recalibrate does not serve a survival outcome"),
        ({"oversample": "smote"}, "survival", "fusion.oversample does not serve"),
        ({"threshold": "half"}, "survival", "fusion.threshold says who is called, and a survival outcome calls nobody"),
        ({}, "binary", "the classifier cox does not serve a binary outcome; these do: logistic"),
    ],
)
def test_parts_that_do_not_serve_are_told_with_those_that_do(settings, kind, words) -> None:
    config = build(FusionConfig, {"classifier": COX, **settings}, "x")
    with pytest.raises(ValueError, match=words):
        check_outcome(config, kind)


def test_a_test_of_two_classes_is_none_of_survival() -> None:
    with pytest.raises((ValueError, InputError), match="compares two classes"):
        fit(selection=[{"kind": "univariate", "test": "t"}])
