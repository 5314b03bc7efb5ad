"""One family on one training set: signal is found, nothing leaks, patients stay together, the numbers are the model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from radfuse.cohort.splits import Fold, inner_folds
from radfuse.errors import CaseError
from radfuse.evaluation.thresholds import AtSensitivity
from radfuse.fusion import validate
from radfuse.fusion.chain import Chain
from radfuse.fusion.config import FusionConfig
from radfuse.fusion.design import Design, stack
from radfuse.fusion.memory import forget
from radfuse.fusion.models.logistic import FittedLogistic, Logistic
from radfuse.fusion.models.ridge import Ridge
from radfuse.fusion.selectors.correlation import Correlation
from radfuse.fusion.selectors.lasso import Lasso
from radfuse.fusion.selectors.mrmr import Mrmr
from radfuse.fusion.strategies.early import Early
from radfuse.fusion.validate import Fit, everyone, fit_family, fit_fold
from radfuse.outcomes.binary import BinaryOutcome
from radfuse.results import UsedColumn
from radfuse.statistics.auc import auc, youden_threshold

EVENT = BinaryOutcome(column="event")
QUICK = FusionConfig(
    strategy=Early(),
    selection=(Correlation(), Mrmr(k=10), Lasso(strengths=(0.6, 0.3))),
    classifier=Logistic(c=(0.1, 1.0)),
    inner_folds=3,
)
POSITIONS = {"clinical": [0, 1, 2], "radiomic": list(range(3, 23))}
NAMES = [f"c{i}" for i in range(3)] + [f"r{i}" for i in range(20)]


def knees(seed: int = 0, people: int = 120, missing: float = 0.05) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two knees a patient; columns 0 and 5 carry the outcome; column units differ by 12 orders of magnitude."""
    generator = np.random.default_rng(seed)
    patients = np.repeat(np.arange(people), 2)
    z = generator.standard_normal((people, 23))[patients] * 0.6 + generator.standard_normal((2 * people, 23)) * 0.8
    logit = 1.6 * z[:, 0] - 1.6 * z[:, 5] - 0.5
    y = (generator.random(2 * people) < 1 / (1 + np.exp(-logit))).astype(int)
    x = z * 10.0 ** generator.integers(-6, 7, 23) + generator.uniform(0, 5, 23)
    x[generator.random(x.shape) < missing] = np.nan
    return x, y, np.array([f"P{who:03d}" for who in patients])


def fit_on(x, y, patients, config=QUICK, seed=7, blocks=POSITIONS, names=NAMES) -> Fit:
    return fit_family(x, y, y, patients, blocks, names, EVENT, config, seed)


def fitted(config: FusionConfig = QUICK, seed: int = 0, **options) -> tuple[Fit, np.ndarray, np.ndarray]:
    x, y, patients = knees(seed, **options)
    return fit_on(x, y, patients, config), x, y


def used(fit: Fit) -> tuple[UsedColumn, ...]:
    return fit.fitted.explain("score").columns


def score(fit: Fit, x: np.ndarray) -> np.ndarray:
    assert isinstance(fit.fitted, Chain)
    assert isinstance(fit.fitted.model, FittedLogistic)
    return fit.fitted.model.score(fit.fitted.prepare(x))


def pipeline(fit: Fit, config: FusionConfig, x: np.ndarray, y: np.ndarray) -> tuple[Pipeline, list[int]]:
    """scikit-learn's own pipeline on the columns in use, fitted anew; and which these are."""
    kept = [NAMES.index(column.name) for column in used(fit)]
    weight = config.classifier.class_weight
    model = LogisticRegression(C=fit.settings["c"], solver="newton-cholesky", class_weight=weight, tol=1e-12)
    return make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), model).fit(x[:, kept], y), kept


CONFIGS = {
    "all steps": QUICK,
    "no selection": QUICK.model_copy(update={"selection": ()}),
    "lasso alone": QUICK.model_copy(update={"selection": (Lasso(strengths=(0.3,)),)}),
    "mrmr alone": QUICK.model_copy(update={"selection": (Mrmr(k=4),)}),
    "correlation after mrmr": QUICK.model_copy(update={"selection": (Mrmr(k=8), Correlation())}),
    "balanced": QUICK.model_copy(update={"classifier": Logistic(c=(1.0,), class_weight="balanced")}),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_planted_signal_is_found(name: str):
    fit, _, _ = fitted(CONFIGS[name])
    found = {column.name: column.importance for column in used(fit)}
    assert found["c0"] > 0
    assert found["r2"] < 0
    assert fit.inner_auc > 0.75


def test_new_units_are_ranked():
    x, y, patients = knees(2, people=400)
    train = np.arange(len(y)) < 400
    fit = fit_on(x[train], y[train], patients[train])
    assert auc(y[~train], fit.fitted.predict(x[~train])) > 0.8


@pytest.mark.parametrize("name", CONFIGS)
def test_the_numbers_are_those_of_a_pipeline_on_the_same_columns(name: str):
    fit, x, y = fitted(CONFIGS[name])
    oracle, kept = pipeline(fit, CONFIGS[name], x, y)
    empty = np.full((1, 23), np.nan)
    for rows in (x, empty):
        np.testing.assert_allclose(score(fit, rows), oracle.decision_function(rows[:, kept]), rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(fit.fitted.predict(rows), oracle.predict_proba(rows[:, kept])[:, 1], atol=1e-6)
    blocks = {column.name: column.block for column in used(fit)}
    assert all(block == ("clinical" if name.startswith("c") else "radiomic") for name, block in blocks.items())


def test_medians_means_and_scales_are_those_of_the_training_set():
    fit, x, _ = fitted()
    assert isinstance(fit.fitted, Chain)
    assert [column.name for column in fit.fitted.columns] == [column.name for column in used(fit)]
    for kept in fit.fitted.columns:
        column = x[:, NAMES.index(kept.name)]
        filled = np.where(np.isnan(column), np.nanmedian(column), column)
        assert (kept.median, kept.mean, kept.scale) == (
            pytest.approx(np.nanmedian(column)),
            pytest.approx(filled.mean()),
            pytest.approx(filled.std()),
        )


def test_the_same_seed_gives_the_same_fit():
    first, second = fitted()[0], fitted()[0]
    assert first.fitted.explain("score") == second.fitted.explain("score")
    assert (first.threshold, first.settings, first.inner_auc) == (
        second.threshold,
        second.settings,
        second.inner_auc,
    )


def test_patients_stay_together_and_both_outcomes_train(monkeypatch: pytest.MonkeyPatch):
    seen = []
    real = validate.remembered_folds

    def spy(patients, *rest):
        splits = real(patients, *rest)
        seen.append((patients, splits))
        return splits

    monkeypatch.setattr(validate, "remembered_folds", spy)
    fitted()
    ((patients, splits),) = seen
    assert len(splits) == 3
    assert sorted(np.concatenate([split.test for split in splits])) == list(range(240))
    for split in splits:
        assert not set(patients[split.train]) & set(patients[split.test])
        assert set(split.train) | set(split.test) == set(range(240))


def test_the_threshold_is_youdens_on_inner_predictions():
    """With one candidate the inner predictions can be made again, fold by fold."""
    config = FusionConfig(selection=(Mrmr(k=5),), classifier=Logistic(c=(0.5,)), strategy=Early(), inner_folds=4)
    x, y, patients = knees(3)
    fit = fit_on(x, y, patients, config)
    inner, aucs = np.empty(len(y)), []
    for split in inner_folds(patients, y, 4, 7):
        part = fit_on(x[split.train], y[split.train], patients[split.train], config, seed=0)
        inner[split.test] = part.fitted.predict(x[split.test])
        aucs.append(auc(y[split.test], inner[split.test]))
    assert fit.threshold == pytest.approx(youden_threshold(y, inner))
    assert fit.inner_auc == pytest.approx(np.mean(aucs))
    half = fit_on(x, y, patients, config.model_copy(update={"threshold": "half"}))
    assert half.threshold == 0.5


def test_a_rule_has_its_threshold_and_all_others_stand_beside():
    x, y, patients = knees()
    rule = AtSensitivity(sensitivity=0.95)
    fit = fit_on(x, y, patients, QUICK.model_copy(update={"threshold": rule}))
    assert fit.thresholds["Youden index"] == fit_on(x, y, patients).threshold
    assert fit.thresholds["probability 0.5"] == 0.5
    assert fit.threshold < fit.thresholds["sensitivity 0.9"] < fit.thresholds["specificity 0.9"]
    assert fit.remarks == ()


def test_a_sensitivity_that_only_calling_all_reaches_is_told(monkeypatch: pytest.MonkeyPatch):
    x, y, patients = knees(people=40)
    monkeypatch.setattr("radfuse.outcomes.binary.threshold_of", lambda *_: 0.0)
    asked = QUICK.model_copy(update={"threshold": AtSensitivity(sensitivity=1.0)})
    told = "no threshold has a sensitivity 1 in training but one by which every unit is called"
    assert fit_on(x, y, patients, asked).remarks == (told,)
    assert fit_on(x, y, patients).remarks == ()


def test_the_candidate_has_the_smallest_inner_log_loss(monkeypatch: pytest.MonkeyPatch):
    forget()  # what other tests had it learn
    losses = []
    real = BinaryOutcome.loss

    def spy(self, y, row):
        losses.append(real(self, y, row))
        return losses[-1]

    monkeypatch.setattr(BinaryOutcome, "loss", spy)
    fit, _, _ = fitted()
    tried = [(strength, c) for strength in (0.6, 0.3) for c in (0.1, 1.0)]
    assert len(losses) == 4
    assert (fit.settings["lasso_strength"], fit.settings["c"]) == tried[int(np.argmin(losses))]


def test_noise_is_not_rated():
    """200 columns of noise, 80 units: selection outside the inner folds would show an AUC far above one half."""
    found = []
    for seed in range(3):
        generator = np.random.default_rng(seed)
        x, y = generator.standard_normal((80, 200)), generator.permutation(np.repeat([0, 1], 40))
        names = [f"r{i}" for i in range(200)]
        fit = fit_on(x, y, np.arange(80), QUICK, seed, {"radiomic": list(range(200))}, names)
        found.append(fit.inner_auc)
    assert 0.3 < np.mean(found) < 0.62


def test_columns_empty_or_constant_in_training_are_dropped():
    x, y, patients = knees()
    x[:, 1] = np.nan
    x[:, 4] = 3.0
    x[:, 9] = np.where(np.arange(len(y)) < 5, np.nan, 1e7)
    config = QUICK.model_copy(update={"selection": ()})
    fit = fit_on(x, y, patients, config)
    assert {"c1", "r1", "r6"}.isdisjoint(column.name for column in used(fit))
    assert len(used(fit)) == 20
    new = knees(5)[0]
    oracle, kept = pipeline(fit, config, x, y)
    np.testing.assert_allclose(score(fit, new), oracle.decision_function(new[:, kept]), rtol=1e-6, atol=1e-6)


def test_nothing_that_varies_is_an_error():
    x, y, patients = knees()
    x[:] = np.nan
    with pytest.raises(ValueError, match="none of the 3 columns varies"):
        fit_on(x, y, patients)


def test_a_column_that_tells_nothing_does_not_stop_the_fit():
    """Half of the men and half of the women have the event: exactly no gradient."""
    sex, y = np.tile([0.0, 1, 0, 1], 15)[:, None], np.tile([0, 0, 1, 1], 15)
    fit = fit_on(sex, y, np.arange(60), blocks={"clinical": [0]}, names=["sex"])
    assert abs(used(fit)[0].importance) < 1e-6


@pytest.mark.parametrize(
    ("events", "message"), [(0, "0 patients with an event and 60"), (1, "1 patient with an event and 59 without")]
)
def test_too_few_events_is_an_error_with_counts(events: int, message: str):
    x, _, _ = knees(people=30)
    with pytest.raises(ValueError, match=message):
        fit_on(x, (np.arange(60) < events).astype(int), np.arange(60))


def test_both_knees_of_one_patient_are_one_patient_with_events():
    x, _, patients = knees(people=30)
    with pytest.raises(ValueError, match="1 patient with an event and 29 without"):
        fit_on(x, (np.arange(60) < 2).astype(int), patients)


def test_few_events_have_fewer_inner_folds():
    x, y, patients = knees(people=40, missing=0)
    events = np.flatnonzero(y)
    y[:] = 0
    y[events[[0, -1]]] = 1
    fit = fit_on(x, y, patients)
    assert 0 <= fit.inner_auc <= 1


class TestFold:
    @staticmethod
    def design(seed: int = 0) -> tuple[Design, Fold]:
        x, y, patients = knees(seed, people=60)
        units = pd.DataFrame({"unit": [f"U{i}" for i in range(len(y))], "patient": patients, "event": y.astype(float)})
        blocks = {name: pd.DataFrame(x[:, at], columns=[NAMES[i] for i in at]) for name, at in POSITIONS.items()}
        return Design(units, blocks), Fold("1", np.arange(80), np.arange(80, 120))

    def test_what_stands_in_the_test_rows_does_not_matter_to_the_fit(self):
        """Leakage of any kind (imputation, scaling, selection, tuning, threshold) would move the numbers."""
        design, fold = self.design()
        first, _ = fit_fold(design, "clinical-radiomic", fold, "patient", EVENT, QUICK, 7)
        generator = np.random.default_rng(9)
        blocks = {name: values.copy() for name, values in design.blocks.items()}
        for values in blocks.values():
            values.iloc[80:] = generator.normal(1e6, 1e6, (40, values.shape[1]))
        units = design.units.copy()
        units.loc[80:, "event"] = 1 - units.loc[80:, "event"]
        second, _ = fit_fold(Design(units, blocks), "clinical-radiomic", fold, "patient", EVENT, QUICK, 7)
        assert second.explanation == first.explanation
        assert (second.threshold, second.tuned, second.inner_auc) == (first.threshold, first.tuned, first.inner_auc)
        assert second.probability != first.probability

    def test_predicts_its_test_units(self):
        design, fold = self.design()
        found, fit = fit_fold(design, "radiomic-clinical", fold, "patient", EVENT, QUICK, 7)
        x, _, names = stack(design.blocks, ("radiomic", "clinical"))
        assert names[0] == "r0"
        assert found.test == tuple(range(80, 120))
        assert found.probability == pytest.approx(fit.fitted.predict(x[80:]))
        assert found.columns_in == 23
        assert set(found.tuned) == {"c", "lasso_strength"}

    def test_the_fit_on_all_predicts_none(self):
        design, _ = self.design()
        found, _ = fit_fold(design, "clinical", everyone(np.arange(120)), "patient", EVENT, CONFIGS["no selection"], 7)
        assert (found.fold, found.test, found.probability) == ("all", (), ())
        assert set(found.tuned) == {"c"}

    def test_too_few_events_name_family_and_fold(self):
        design, fold = self.design()
        units = design.units.assign(event=0.0)
        units.loc[[0, 80, 90], "event"] = 1
        with pytest.raises(CaseError, match="clinical, fold 1: 1 patient with an event and 40 without"):
            fit_fold(replace(design, units=units), "clinical", fold, "patient", EVENT, QUICK, 7)


def test_stack_keeps_block_and_column_order():
    blocks = {
        "clinical": pd.DataFrame({"age": [1.0, 2]}),
        "deep": pd.DataFrame({"d0": [3.0, 4], "d1": [5.0, np.nan]}),
    }
    x, positions, names = stack(blocks, ("deep", "clinical"))
    np.testing.assert_array_equal(x, [[3, 5, 1], [4, np.nan, 2]])
    assert positions == {"deep": [0, 1], "clinical": [2]}
    assert names == ["d0", "d1", "age"]


@pytest.mark.parametrize("value", [np.nan, 3.0])
def test_a_block_that_says_nothing_is_left_out_with_a_remark(value: float):
    """Missing for everybody, or the same: the family is that of its other blocks."""
    generator = np.random.default_rng(4)
    x = generator.standard_normal((60, 6))
    y = (x[:, 0] + generator.standard_normal(60) > 0).astype(int)
    x[:, 4:] = value
    config = FusionConfig(classifier=Ridge(), inner_folds=3)
    names, outcome = [f"r{i}" for i in range(6)], BinaryOutcome(column="event")
    blocks = {"clinical": range(2), "radiomic": range(2, 4), "deep": range(4, 6)}
    fit = fit_family(x, y, y, np.arange(60), blocks, names, outcome, config, 1)
    assert fit.remarks == ("the block deep holds no value that varies in a training set, and is left out",)
    del blocks["deep"]
    without = fit_family(x, y, y, np.arange(60), blocks, names, outcome, config, 1)
    np.testing.assert_array_equal(fit.fitted.predict(x), without.fitted.predict(x))
    assert len(onnxruntime.InferenceSession(fit.fitted.to_onnx("f", 0.5)).get_inputs()[0].shape) == 2
