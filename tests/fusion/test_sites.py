"""Harmonisation inside a family: learned on training rows alone, the same in ONNX, and told where it falls back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import onnxruntime
import pandas as pd
import pytest

from radfuse.cohort.splits import Fold, inner_folds
from radfuse.errors import CaseError
from radfuse.fusion.blend import Blend
from radfuse.fusion.config import FusionConfig
from radfuse.fusion.design import Design
from radfuse.fusion.export import largest_difference
from radfuse.fusion.harmonise import Combat
from radfuse.fusion.learn import learned
from radfuse.fusion.memory import forget
from radfuse.fusion.models.extra_trees import ExtraTrees
from radfuse.fusion.models.ridge import Ridge
from radfuse.fusion.parts import Training
from radfuse.fusion.scaling import standardised
from radfuse.fusion.selectors.mrmr import Mrmr
from radfuse.fusion.selectors.pca import Pca
from radfuse.fusion.selectors.univariate import Univariate
from radfuse.fusion.sites import Sites
from radfuse.fusion.strategies.average import Average
from radfuse.fusion.strategies.early import Early
from radfuse.fusion.strategies.score import Score
from radfuse.fusion.tune import fit_chain, inner_predictions
from radfuse.fusion.validate import everyone, family_table, fit_fold
from radfuse.outcomes.binary import BinaryOutcome
from radfuse.statistics.auc import auc

EVENT = BinaryOutcome(column="event")
RIDGE = FusionConfig(classifier=Ridge(spreads=(0.1, 1.0)), strategy=Early(), inner_folds=3)


def scanned(seed: int = 0, units: int = 120) -> Design:
    """Three scanners that move and stretch radiomic columns; one of them carries the outcome, and age moves all."""
    generator = np.random.default_rng(seed)
    place = generator.choice(3, units, p=(0.5, 0.3, 0.2))
    age = generator.standard_normal(units) + place
    z = generator.standard_normal((units, 8))
    event = (generator.random(units) < 1 / (1 + np.exp(-2.5 * z[:, 0]))).astype(float)
    z += 0.5 * age[:, None]
    z = z * np.exp(generator.standard_normal((3, 8)) / 2)[place] + 4 * generator.standard_normal((3, 8))[place] + 20
    z[generator.random(z.shape) < 0.03] = np.nan
    age[generator.random(units) < 0.05] = np.nan
    units_table = pd.DataFrame(
        {"unit": [f"u{i}" for i in range(units)], "patient": [f"p{i}" for i in range(units)], "event": event}
    )
    units_table["site"] = np.array(["a", "b", "c"], dtype=object)[place]
    clinical = pd.DataFrame({"age": 60 + 9 * age, "bmi": generator.standard_normal(units)})
    return Design(units_table, {"clinical": clinical, "radiomic": pd.DataFrame(z).add_prefix("r")})


def training_of(
    design: Design, family: str = "clinical-radiomic", combat: Combat | None = None, selection: Sequence = ()
) -> Training:
    forget()
    config = RIDGE.model_copy(update={"harmonise": combat or Combat(unseen="pass")})
    table = family_table(design, family, "all", config, "site")
    y = design.units["event"].to_numpy().astype(int)
    folds = inner_folds(design.units["patient"].to_numpy(), y, 3, 1)
    about = (table.blocks, table.names, folds, tuple(selection), config.classifier, EVENT, 7)
    return Training(table.x, y, *about, sites=table.sites)


def fold_of(design: Design, test: Sequence[int]) -> Fold:
    where = np.arange(len(design.units))
    return Fold("1", np.setdiff1d(where, test), np.array(test, dtype=int))


def test_values_are_those_of_combat_on_the_training_rows():
    """New rows get what those taught; the clinical block and rows without a site stay as they are."""
    design = scanned()
    training = training_of(design, combat=Combat(unseen="pass", covariates=("age",)))
    rows = np.arange(0, 120, 2)
    x = training.x.copy()
    x[1, training.sites.column] = np.nan
    scaling, _ = standardised(x[rows], training.blocks, training.sites)
    radiomic = np.array(training.blocks["radiomic"])
    age = design.blocks["clinical"][["age"]].to_numpy()
    age = np.where(np.isnan(age), np.nanmedian(age[rows]), age)
    told = design.units["site"].to_numpy()
    expected = Combat().fit(x[np.ix_(rows, radiomic)], told[rows], age[rows]).apply(x[:, radiomic], told, age)
    expected[1] = x[1, radiomic]
    np.testing.assert_allclose(scaling.own(x, radiomic), expected, rtol=1e-12)
    np.testing.assert_array_equal(scaling.own(x, np.array([0, 1])), x[:, :2])


def test_without_sites_the_fit_is_what_it_was():
    training = training_of(scanned())
    bare = replace(training, sites=None)
    chain = fit_chain(bare, {"ridge_spread": 1.0})
    assert chain.harmonised is None
    alone = training_of(scanned(), "clinical")
    assert alone.sites is None
    assert alone.x.shape == (120, 2)
    clinical = learned(training.of(["clinical"])).part
    np.testing.assert_array_equal(clinical.predict(training.x), learned(bare.of(["clinical"])).part.predict(bare.x))


def test_nothing_is_learned_from_test_rows():
    """Outer test rows may hold anything, and inner ones too: what others get stays the same."""
    design = scanned(1)
    fold = fold_of(design, range(0, 120, 4))
    config = RIDGE.model_copy(update={"harmonise": Combat(covariates=("age",))})
    first, fit = fit_fold(design, "clinical-radiomic", fold, "patient", EVENT, config, 7, "site")
    blocks = {name: values.copy() for name, values in design.blocks.items()}
    for values in blocks.values():
        values.iloc[fold.test] = 1e3
    forget()
    second, again = fit_fold(replace(design, blocks=blocks), first.family, fold, "patient", EVENT, config, 7, "site")
    assert again.fitted.to_onnx("f", 0.5) == fit.fitted.to_onnx("f", 0.5)
    hidden = {"probability", "test"}
    assert second.model_dump(exclude=hidden) == first.model_dump(exclude=hidden)
    training = training_of(design)
    out = training.folds[0].test
    x = training.x.copy()
    x[out[0], :-1] = 1e3
    before, after = (inner_predictions([one])[0][1] for one in (training, replace(training, x=x)))
    np.testing.assert_array_equal(after[:, out[1:]], before[:, out[1:]])


PARITY = {
    "early": (Early(), ()),
    "three ways": (Average(), ()),
    "a nomogram": (Score(), ()),
    "selected": (Average(), (Mrmr(k=3),)),
    "components": (Early(), (Pca(components=2, blocks=("radiomic",)),)),
}


@pytest.mark.parametrize("covariates", [(), ("age", "bmi")], ids=["plain", "covariates"])
@pytest.mark.parametrize("family", ["clinical-radiomic", "radiomic"])
@pytest.mark.parametrize("name", PARITY)
def test_the_file_says_the_same_of_every_site_and_of_others(name: str, family: str, covariates: tuple[str, ...]):
    strategy, selection = PARITY[name]
    training = training_of(scanned(2), family, Combat(unseen="pass", covariates=covariates), selection)
    fitted = strategy.fit(training).fitted
    content = fitted.to_onnx(family, 0.5)
    assert largest_difference(content, fitted.predict, training.x, 3) <= 1e-9
    other = training.x.copy()
    other[:, training.sites.column] = np.nan
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(session.run(["probability"], {"features": other})[0], fitted.predict(other), atol=1e-9)
    assert np.abs(fitted.predict(other) - fitted.predict(training.x)).max() > 0.05


def test_trees_behind_harmonised_values_are_exported_too():
    training = replace(training_of(scanned(3)), model=ExtraTrees(trees=20))
    fitted = Early().fit(training).fitted
    assert largest_difference(fitted.to_onnx("f", 0.5), fitted.predict, training.x, 3) <= 1e-9


def test_a_row_of_an_unknown_site_is_predicted_from_its_values_as_they_are():
    """Of a site whose tables are 1 and 0 it would be the same."""
    training = training_of(scanned(4), "radiomic")
    chain = Early().fit(training).fitted
    unknown = training.x.copy()
    unknown[:, training.sites.column] = np.nan
    np.testing.assert_allclose(chain.predict(unknown), replace(chain, harmonised=None).predict(unknown), rtol=1e-12)


def test_a_block_is_learned_the_same_wherever_it_stands_and_once():
    """Columns of sites are found again after a block's own are taken out; the memory tells settings apart."""
    design = scanned(5)
    both, alone = training_of(design), training_of(design, "radiomic")
    forget()
    first, second = learned(both.of(["radiomic"])), learned(alone)
    np.testing.assert_array_equal(first.part.predict(both.x), second.part.predict(alone.x))
    assert np.shares_memory(first.odds, second.odds)
    assert first.part.harmonised.column == both.x.shape[1] - 1
    bare = learned(replace(alone, sites=None))
    assert np.abs(bare.part.predict(alone.x) - second.part.predict(alone.x)).max() > 0.01
    age = training_of(design, "radiomic", Combat(unseen="pass", covariates=("age",)))
    assert age.names[-2:] == ["site", "age"]
    assert np.abs(learned(age).part.predict(age.x) - second.part.predict(alone.x)).max() > 0.001


def test_a_formula_says_that_it_is_of_harmonised_values_and_gives_the_score_of_them():
    for family, strategy in {"radiomic": Early(), "clinical-radiomic": Average()}.items():
        training = training_of(scanned(6), family)
        fitted = strategy.fit(training).fitted
        note, *lines = fitted.explain("the score").formula.splitlines()
        assert note == "of values harmonised by site (radiomic), which the ONNX file alone can make:"
        scaling, _ = standardised(training.x, training.blocks, training.sites)
        row = {name: scaling.own(training.x, np.array([i]))[:, 0] for i, name in enumerate(training.names)}
        total = np.full(120, float(lines[0].split(" = ")[1]))
        for line in lines[1:]:
            sign, size, _, name = line.split()
            total += float(sign + size) * row[name]
        whole = ~np.isnan(training.x).any(axis=1)
        np.testing.assert_allclose(total[whole], fitted.score(training.x)[whole], atol=1e-8)
        assert "harmonised" not in Early().fit(training_of(scanned(6), "clinical")).fitted.explain("s").formula


def with_lone(design: Design, where: Sequence[int], name: object = "z") -> Design:
    units = design.units.copy()
    units.loc[list(where), "site"] = name
    return replace(design, units=units)


def test_a_site_of_one_training_unit_keeps_its_values_with_a_remark():
    design = with_lone(scanned(7), [3, 9])
    training = training_of(design, "radiomic")
    rows = np.setdiff1d(np.arange(120), [3])
    cut = replace(training, x=training.x[rows], y=training.y[rows], folds=())
    chain = fit_chain(cut, {"ridge_spread": 1.0})
    assert chain.remarks == ("harmonisation left site z as it is, with one unit in the training set",)
    assert training.sites.levels == ("a", "b", "c", "z")
    np.testing.assert_array_equal(chain.harmonised.factor[3], 1)
    one = replace(cut, x=cut.x[cut.x[:, cut.sites.column] == 0], y=cut.y[cut.x[:, cut.sites.column] == 0])
    chain = fit_chain(one, {"ridge_spread": 1.0})
    assert chain.harmonised is None
    assert chain.remarks == ("harmonisation left all values as they are: a is the only site with two units",)


def test_columns_that_a_site_lacks_and_covariates_that_do_not_vary_stop_nothing():
    design = scanned(8)
    blocks = {name: values.copy() for name, values in design.blocks.items()}
    blocks["radiomic"].loc[design.units["site"] == "b", "r5"] = np.nan
    blocks["clinical"]["bmi"] = 3.0
    combat = Combat(unseen="pass", covariates=("age", "bmi"))
    chain = fit_chain(training_of(replace(design, blocks=blocks), "radiomic", combat), {"ridge_spread": 1.0})
    (remark,) = chain.remarks
    assert remark == "harmonisation left 1 of 8 columns of radiomic as they are: a site has less than two values"
    np.testing.assert_array_equal(chain.harmonised.factor[:, 5], 1)
    np.testing.assert_array_equal(chain.harmonised.slopes[1], 0)
    assert (chain.harmonised.slopes[0, :5] != 0).all()


def test_what_steps_fell_back_on_is_carried_to_the_fit():
    config = RIDGE.model_copy(update={"strategy": Average(), "selection": (Univariate(alpha=1e-30),)})
    design = scanned(9)
    found, fit = fit_fold(design, "clinical-radiomic", fold_of(design, range(20)), "patient", EVENT, config, 7)
    assert isinstance(fit.fitted, Blend)
    assert len(found.remarks) >= 2
    assert {remark.split(":")[0] for remark in found.remarks} == {"clinical", "radiomic"}
    assert all("no column has p ≤ 1e-30" in remark for remark in found.remarks)
    assert len(set(found.remarks)) == len(found.remarks)


def test_test_units_of_an_unseen_site_are_an_error_or_pass():
    design = with_lone(with_lone(scanned(10), [0, 1, 2]), [5], None)
    fold = fold_of(design, [0, 1, 2, 5, 6])
    config = RIDGE.model_copy(update={"harmonise": Combat()})
    with pytest.raises(CaseError) as caught:
        fit_fold(design, "radiomic", fold, "patient", EVENT, config, 7, "site")
    said = "4 test units of the fold are of a site with less than two training units (none, 'z')"
    assert said in str(caught.value)
    assert "fusion.harmonise.unseen: pass" in str(caught.value)
    assert fit_fold(design, "clinical", fold, "patient", EVENT, config, 7, "site")[0].site is None
    config = RIDGE.model_copy(update={"harmonise": Combat(unseen="pass")})
    found, fit = fit_fold(design, "radiomic", fold, "patient", EVENT, config, 7, "site")
    assert found.remarks == ("harmonisation left test units as they are whose site has less than two training units",)
    assert found.columns_in == 8
    assert found.site.levels == ("a", "b", "c", "z")
    bare = replace(fit.fitted, harmonised=None)
    x = family_table(design, "radiomic", "1", config, "site").x[fold.test]
    same = np.isclose(bare.predict(x), found.probability, rtol=1e-12)
    assert same.tolist() == [True, True, True, True, False]


def test_covariates_of_several_levels_and_visits_are_all_left_in():
    design = scanned(11)
    clinical = pd.DataFrame(
        {"age@V00": 1.0, "age@V01": 2.0, "sex=m": 0.5, "sexual": 0.0, "agent": 0.0}, index=design.units.index
    )
    config = RIDGE.model_copy(update={"harmonise": Combat(covariates=("age", "sex"))})
    blocks = {"clinical": clinical, "radiomic": design.blocks["radiomic"]}
    table = family_table(Design(design.units, blocks), "radiomic", "all", config, "site")
    assert table.names[8:] == ["site", "age@V00", "age@V01", "sex=m"]
    assert table.sites.positions == (8, 9, 10, 11)
    with_clinical = family_table(Design(design.units, blocks), "clinical-radiomic", "all", config, "site")
    assert with_clinical.names[13:] == ["site"]
    assert with_clinical.sites.positions == (13, 0, 1, 2)
    assert table.site.covariates == with_clinical.site.covariates == ("age@V00", "age@V01", "sex=m")


def test_a_covariate_that_the_site_tells_is_an_error_of_the_fit():
    design = scanned(12)
    clinical = pd.DataFrame({"field": (design.units["site"] == "a").astype(float)})
    design = Design(design.units, {"clinical": clinical, "radiomic": design.blocks["radiomic"]})
    config = RIDGE.model_copy(update={"harmonise": Combat(covariates=("field",))})
    with pytest.raises(CaseError, match="sites tell field of the training set"):
        fit_fold(design, "radiomic", everyone(np.arange(120)), "patient", EVENT, config, 7, "site")


def test_what_scanners_do_no_longer_hides_the_outcome():
    """Out of fold, with scanners in every fold: better than without."""
    design = scanned(13, 240)
    found = {}
    for harmonise in (None, Combat()):
        config = RIDGE.model_copy(update={"harmonise": harmonise})
        probability = np.empty(240)
        for start in range(3):
            fold = fold_of(design, range(start, 240, 3))
            fit, _ = fit_fold(design, "radiomic", fold, "patient", EVENT, config, 7, "site")
            probability[fold.test] = fit.probability
        found[harmonise is None] = auc(design.units["event"].to_numpy(), probability)
    assert found[False] > found[True] + 0.03


def test_sites_move_with_their_columns():
    sites = Sites(Combat(), ("a", "b"), 9, (2, 7))
    assert sites.moved({9: 0, 2: 2, 7: 1}) == Sites(Combat(), ("a", "b"), 0, (2, 1))
