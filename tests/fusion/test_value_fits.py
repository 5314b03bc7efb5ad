"""Families of values and grades: every strategy and selection serves, nothing leaks, what does not serve says so."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from fits import (
    BLOCKS,
    NAMES,
    InOnePiece,
    design_of,
    every_selection,
    every_strategy,
    is_explained,
    keeps_what_tells,
    stays_when_tests_are_spoiled,
    with_gaps,
)

from radfuse.cohort.splits import Fold
from radfuse.config import build
from radfuse.fusion.config import FusionConfig
from radfuse.fusion.explain.explainer import Explainer, explainer_of
from radfuse.fusion.export import largest_difference
from radfuse.fusion.models.linear import LinearModel
from radfuse.fusion.models.linear_fit import net_squares, ridge_squares
from radfuse.fusion.models.regression_forest import RegressionForest
from radfuse.fusion.models.regression_trees import RegressionTrees
from radfuse.fusion.serves import check_outcome
from radfuse.fusion.validate import fit_family, fit_fold
from radfuse.outcomes.continuous import ContinuousOutcome
from radfuse.outcomes.ordinal import OrdinalOutcome

VALUE = ContinuousOutcome(column="loss")
GRADE = OrdinalOutcome(column="loss", levels=("0", "1", "2", "3"))
LINEAR = {"kind": "linear", "spreads": [1]}
SEVERAL = {
    "kind": "mean",
    "members": [LINEAR, {"kind": "regression_forest", "trees": 20}, {"kind": "regression_trees", "trees": [20]}],
}


def planted(units: int = 120, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """A column of each block moves the outcome, which is far from 0 and of a large unit; some values are missing."""
    generator = np.random.default_rng(seed)
    x = generator.standard_normal((units, 24))
    y = x[:, 0] - x[:, 6] + x[:, 17] + 0.7 * generator.standard_normal(units)
    x[generator.random(x.shape) < 0.03] = np.nan
    return x, 5e4 + 1e4 * y


X, Y = planted()
GRADES = np.searchsorted([-1.2, 0, 1.2], (Y - 5e4) / 1e4).astype(float)


def fit(outcome: Any = VALUE, y: np.ndarray = Y, **settings: Any):
    config = build(
        FusionConfig, {"classifier": LINEAR, "strategy": {"kind": "early"}, "inner_folds": 3, **settings}, "x"
    )
    check_outcome(config, outcome.kind)
    labels = outcome.strata(pd.DataFrame({"loss": y}))
    return fit_family(X, y, labels, np.arange(len(X)), BLOCKS, NAMES, outcome, config, 7)


def far(found: Any) -> float:
    """Return the largest difference between ONNX and pipeline on random rows, in standard deviations of the outcome."""
    return largest_difference(found.fitted.to_onnx("a", found.threshold), found.fitted.predict, X, 1) / Y.std()


@every_strategy
def test_every_strategy_joins_blocks_and_exports(kind) -> None:
    found = fit(strategy={"kind": kind})
    assert found.inner_auc > 0.72
    assert far(found) < 1e-9
    assert found.fitted.explain("s").columns
    p = found.fitted.predict(X)
    assert abs(p.mean() - Y.mean()) < 0.1 * Y.std()
    assert found.beside is None
    is_explained(found.fitted, X, "identity", Y.std())


@pytest.mark.parametrize("outcome", [VALUE, GRADE], ids=["continuous", "ordinal"])
def test_regressions_and_trees_answer_together(outcome) -> None:
    found = fit(outcome, Y if outcome is VALUE else GRADES, classifier=SEVERAL, strategy={"kind": "average"})
    assert found.inner_auc > 0.72
    assert far(found) < 1e-5
    is_explained(found.fitted, X, "identity", Y.std() if outcome is VALUE else 1.0)
    if outcome is GRADE:
        assert found.beside.slope > 0
        assert far(found) * Y.std() < 1e-5


def test_a_family_that_is_one_piece_and_has_no_score_is_explained_by_its_value() -> None:
    whole = InOnePiece(fit(classifier=SEVERAL).fitted)
    made = Explainer.from_text(explainer_of(whole, X, NAMES, "identity").to_text())
    np.testing.assert_allclose(made.score(X), whole.predict(X), rtol=1e-7)


@pytest.mark.parametrize("selection", [[], [{"kind": "pca"}]], ids=["columns", "components"])
def test_a_value_far_from_all_that_was_seen_moves_a_prediction_no_further_than_one_nearer_by(selection) -> None:
    """One unit with 40 standard deviations in one column made an R2 of -9 of 60 units."""
    found = fit(selection=selection)
    low, high = np.nanmin(X[:, 0]), np.nanmax(X[:, 0])
    values = (high, high + 0.5 * (high - low), 1e4)
    near, end, far_off = (np.column_stack([np.full(3, value), np.nan_to_num(X[:3, 1:])]) for value in values)
    seen, beyond, last = map(found.fitted.predict, (near, end, far_off))
    assert (beyond > seen).all()  # a little beyond still tells
    np.testing.assert_allclose(last, beyond, rtol=1e-12)
    assert largest_difference(found.fitted.to_onnx("a", 0.5), found.fitted.predict, far_off, 1) < 1e-9 * Y.std()
    is_explained(found.fitted, np.vstack([far_off, X]), "identity", Y.std())


@every_strategy
def test_another_unit_and_another_zero_of_the_outcome_change_nothing_else(kind) -> None:
    """Kelvin or degrees, metres or picometres, also of units that lack a block."""
    rows = with_gaps(X)
    expected = (fit(strategy={"kind": kind}).fitted.predict(rows) - 5e4) / 1e4
    y = (Y - 5e4) / 1e4
    for unit, zero in ((1e-12, 0.0), (1.0, 273.15), (1e12, 0.0)):
        found = fit(y=unit * y + zero, strategy={"kind": kind}).fitted.predict(rows)
        np.testing.assert_allclose((found - zero) / unit, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("model", [RegressionForest(trees=5), RegressionTrees(trees=(5,))])
def test_trees_of_tiny_and_of_huge_outcomes_split_as_others_do(model) -> None:
    x, y = np.nan_to_num(X), np.round((Y - 5e4) / 1e4, 1)  # so that many splits are equally good
    expected = model.fit(x, y, model.candidates()[0], 3).predict(x)
    assert expected.std() > 0.2
    for unit in (1e-12, 1e12):
        found = model.fit(x, unit * y, model.candidates()[0], 3).predict(x)
        np.testing.assert_allclose(found / unit, expected, rtol=0, atol=1e-6)


@every_selection
def test_every_selection_keeps_the_same_of_outcomes_in_tiny_units(step) -> None:
    first, second = (fit(y=y, selection=[step]).fitted.explain("s").columns for y in (Y, 1e-16 * Y))
    assert [column.name for column in first] == [column.name for column in second]


@every_selection
def test_every_selection_keeps_the_columns_that_tell(step) -> None:
    keeps_what_tells(fit(selection=[step]), step)


@pytest.mark.parametrize("outcome", [VALUE, GRADE], ids=["continuous", "ordinal"])
def test_held_out_units_of_noise_and_turned_outcomes_change_nothing(outcome) -> None:
    units = pd.DataFrame({"patient": np.arange(len(X)), "loss": Y if outcome is VALUE else GRADES})
    turned, test = units.copy(), np.arange(len(X) - 30, len(X))
    turned.loc[test, "loss"] = turned.loc[test, "loss"].to_numpy()[::-1] if outcome is GRADE else -1e9
    config = build(FusionConfig, {"classifier": SEVERAL, "selection": [{"kind": "lasso"}], "inner_folds": 3}, "x")
    honest, other = stays_when_tests_are_spoiled(outcome, config, X, units, turned)
    assert honest.ordinal == other.ordinal


@pytest.mark.parametrize("outcome", [VALUE, GRADE], ids=["continuous", "ordinal"])
def test_an_outcome_of_chance_is_ranked_by_chance(outcome) -> None:
    generator, found = np.random.default_rng(4), []
    for seed in range(4):
        y = generator.permutation(Y if outcome is VALUE else GRADES)
        units = pd.DataFrame({"patient": np.arange(len(X)), "loss": y})
        design = design_of(X, units)
        config = build(FusionConfig, {"classifier": LINEAR, "selection": [{"kind": "univariate"}]}, "x")
        for fold in range(3):
            test = np.arange(len(X)) % 3 == fold
            parts = Fold("1", np.flatnonzero(~test), np.flatnonzero(test))
            result, _ = fit_fold(design, "radiomic", parts, "patient", outcome, config, seed)
            found.append(outcome.discrimination(y[test], np.array(result.probability)))
    assert abs(np.mean(found) - 0.5) < 0.06


def test_a_grade_that_training_lacks_is_a_remark_and_has_no_probability() -> None:
    found = fit(GRADE, np.where(GRADES == 2, 3, GRADES))
    assert "no training unit has the grade 2, so that its probability is 0" in found.remarks
    p = GRADE.predicted(found.beside, found.fitted.predict(X))
    assert p["probability@2"].max() < 1e-9


def test_ridge_and_elastic_net_are_those_of_scikit_learn() -> None:
    from sklearn.linear_model import ElasticNet, Ridge

    x, offset, spread = np.nan_to_num(X), np.zeros(len(X)), Y.std()
    (ours,) = ridge_squares(x, Y, [7.0], offset)
    theirs = Ridge(alpha=7.0).fit(x, Y)
    np.testing.assert_allclose(ours.coefficients, theirs.coef_, rtol=1e-8)
    assert ours.intercept == pytest.approx(theirs.intercept_)
    (net,) = net_squares(x, Y, [0.1], 0.5, offset)
    other = ElasticNet(alpha=0.1, l1_ratio=0.5, tol=1e-8).fit(x, Y / spread)
    np.testing.assert_allclose(net.coefficients, spread * other.coef_, atol=1e-3 * spread)
    assert (net.coefficients == 0).any()


def test_what_is_known_before_is_added_to() -> None:
    x, known = np.nan_to_num(X), 2 * Y
    for model in (LinearModel(l1_share=0.5, strengths=(0.3,)), LinearModel(spreads=(1,)), RegressionTrees(trees=(20,))):
        (settings,) = model.candidates()
        plain, beside = model.fit(x, -Y, settings, 1), model.fit(x, Y, settings, 1, known)
        np.testing.assert_allclose(beside.score(x), plain.score(x), atol=1e-6 * Y.std())


@pytest.mark.parametrize("grown", ["extra", "random"])
def test_forests_do_not_hang_on_the_order_of_rows_and_columns(grown) -> None:
    x, model = np.nan_to_num(X), RegressionForest(trees=5, grown=grown)
    (settings,) = model.candidates()
    rows, columns = np.random.default_rng(0).permutation(len(x)), np.random.default_rng(1).permutation(24)
    first, second = model.fit(x, Y, settings, 3), model.fit(x[np.ix_(rows, columns)], Y[rows], settings, 3)
    np.testing.assert_allclose(first.predict(x), second.predict(x[:, columns]), rtol=1e-9)
    assert first.importance.sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("settings", "kind", "words"),
    [
        (
            {"classifier": {"kind": "extra_trees"}},
            "continuous",
            "fusion.classifier: .* extra_trees .* these do: linear,",
        ),
        ({"classifier": {"kind": "cox"}}, "ordinal", "cox does not serve an ordinal outcome; these do: linear"),
        ({"classifier": {"kind": "mean", "members": [LINEAR, {"kind": "svm"}]}}, "ordinal", r"members\.1: .* svm"),
        ({"selection": [{"kind": "boruta"}]}, "continuous", r"fusion.selection.0: .* boruta .* lasso"),
        ({"strategy": {"kind": "attention"}}, "continuous", "attention .* these do: average"),
        ({"recalibrate": {"kind": "platt"}}, "ordinal", "fusion.recalibrate does not serve"),
        ({"oversample": "smote"}, "continuous", "fusion.oversample does not serve"),
        ({}, "binary", "the classifier linear does not serve a binary outcome; these do: logistic"),
        ({}, "survival", "the classifier linear does not serve a survival outcome; these do: cox"),
    ],
)
def test_parts_that_do_not_serve_are_told_with_those_that_do(settings, kind, words) -> None:
    config = build(FusionConfig, {"classifier": LINEAR, **settings}, "x")
    with pytest.raises(ValueError, match=words):
        check_outcome(config, kind)
