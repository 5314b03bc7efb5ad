"""What every way of joining blocks must do: say the same as ONNX, predict without a block, find nothing in noise."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import onnxruntime
import pytest
from columns import standardised

from radfuse.cohort.splits import inner_folds
from radfuse.fusion.blend import Blend
from radfuse.fusion.config import Mean, Member, Strategy
from radfuse.fusion.export import largest_difference
from radfuse.fusion.learn import adding
from radfuse.fusion.models.lightgbm import LightGBM
from radfuse.fusion.models.logistic import Logistic
from radfuse.fusion.models.ridge import Ridge
from radfuse.fusion.parts import Training
from radfuse.fusion.selectors.lasso import Lasso
from radfuse.fusion.selectors.mrmr import Mrmr
from radfuse.fusion.selectors.pca import Pca
from radfuse.fusion.strategies.attention import Attention
from radfuse.fusion.strategies.average import Average
from radfuse.fusion.strategies.early import Early
from radfuse.fusion.strategies.mean import MeanOfBlocks
from radfuse.fusion.strategies.penalty import Penalty, _ways
from radfuse.fusion.strategies.priority import Priority
from radfuse.fusion.strategies.score import Score
from radfuse.fusion.strategies.stack import Stack
from radfuse.outcomes.binary import BinaryOutcome
from radfuse.statistics.auc import auc

BLOCKS = {"clinical": range(3), "radiomic": range(3, 43), "deep": range(43, 55)}
STRATEGIES = [
    Average(),
    Early(),
    MeanOfBlocks(),
    Penalty(),
    Penalty(ratios=(0.3, 1.0)),
    Priority(),
    Score(),
    Stack(),
    pytest.param(
        Attention(hidden=8, seeds=1, epochs=40, learning_rate=0.03, weight_decay=1.0),
        marks=pytest.mark.skipif(find_spec("torch") is None, reason="attention trains with radfuse[train]"),
    ),
]


def blocks(seed: int, units: int = 120, signal: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Training:
    """Three blocks, each with one column that carries its part of the outcome; some values are missing."""
    generator = np.random.default_rng(seed)
    x = standardised(generator.standard_normal((units, 55)))
    logit = 1.2 * (x[:, [0, 3, 43]] * signal).sum(axis=1)
    y = (generator.random(units) < 1 / (1 + np.exp(-logit))).astype(int)
    x[generator.random(x.shape) < 0.02] = np.nan
    return Training(
        x=x * 7 + 3,
        y=y,
        blocks=BLOCKS,
        names=[f"column {i}" for i in range(55)],
        folds=inner_folds(np.arange(units), y, 4, seed),
        selection=(),
        model=Ridge(spreads=(0.1, 1.0)),
        outcome=BinaryOutcome(column="event"),
        seed=seed,
    )


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda strategy: strategy.kind)
def test_the_file_says_the_same_whatever_is_missing(strategy: Strategy) -> None:
    training = blocks(1)
    fitted = strategy.fit(training).fitted
    model = fitted.to_onnx("clinical-radiomic-deep", 0.5)
    assert largest_difference(model, fitted.predict, training.x, 3) < 1e-12
    rows = training.x[:8].copy()
    for i, lacking in enumerate([["clinical"], ["radiomic"], ["deep"], ["clinical", "deep"], list(BLOCKS)]):
        rows[i, [column for block in lacking for column in BLOCKS[block]]] = np.nan
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    found = session.run(["probability"], {"features": rows})[0]
    np.testing.assert_allclose(found, fitted.predict(rows), atol=1e-12)
    assert ((found > 0) & (found < 1)).all()


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda strategy: strategy.kind)
def test_signal_of_all_blocks_is_found_and_inner_predictions_are_honest(strategy: Strategy) -> None:
    training, unseen = blocks(2, 200), blocks(3, 600)
    tuned = strategy.fit(training)
    best = max(auc(unseen.y, np.nan_to_num(unseen.x[:, column])) for column in (0, 3, 43))
    outside = auc(unseen.y, tuned.fitted.predict(unseen.x))
    assert outside > best
    assert abs(auc(training.y, tuned.inner) - outside) < 0.08


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda strategy: strategy.kind)
def test_noise_is_no_signal(strategy: Strategy) -> None:
    """Over draws the mean AUC on unseen units lies within three standard errors of a half."""
    found = []
    for seed in range(8):
        unseen = blocks(100 + seed, 300, (0.0, 0.0, 0.0))
        found.append(auc(unseen.y, strategy.fit(blocks(seed, 60, (0.0, 0.0, 0.0))).fitted.predict(unseen.x)))
    assert abs(np.mean(found) - 0.5) < 3 * np.std(found, ddof=1) / np.sqrt(len(found))


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda strategy: strategy.kind)
def test_one_block_is_fitted_by_the_learner_alone(strategy: Strategy) -> None:
    training = blocks(4).of(["radiomic"])
    expected = Early().fit(training).fitted.predict(training.x)
    found = strategy.fit(training).fitted.predict(training.x)
    np.testing.assert_allclose(found, expected, atol=0.15 if isinstance(strategy, Penalty) else 1e-12)


def test_a_lacking_block_leaves_its_weight_to_the_others() -> None:
    training = blocks(5)
    fitted = MeanOfBlocks().fit(training).fitted
    alone = Early().fit(training.of(["clinical"])).fitted
    rows = training.x.copy()
    rows[:, 3:] = np.nan
    np.testing.assert_allclose(fitted.predict(rows), alone.predict(rows), atol=1e-12)


def test_where_the_other_blocks_lack_priority_says_what_the_first_block_says() -> None:
    training = blocks(6)
    alone = Early().fit(training.of(["clinical"])).fitted
    rows = training.x.copy()
    rows[:, 3:] = np.nan
    found = Priority().fit(training).fitted.predict(rows)
    np.testing.assert_allclose(found, alone.predict(rows), atol=1e-12)
    rows = np.full((1, 55), np.nan)
    assert Priority().fit(training).fitted.predict(rows)[0] == pytest.approx(training.y.mean())


def test_where_the_first_block_lacks_too_a_score_stands_beside_what_is_usual() -> None:
    """Nothing known is the share of events; a block of usual score changes nothing of that."""
    training = blocks(6, signal=(1.0, 3.0, 1.0))
    training = replace(training, y=(training.y * (np.arange(120) % 3 == 0)).astype(int))
    fitted = Score().fit(training).fitted
    assert fitted.predict(np.full((1, 55), np.nan))[0] == pytest.approx(training.y.mean())
    rows = training.x.copy()
    rows[:, BLOCKS["clinical"]] = np.nan
    assert abs(fitted.predict(rows).mean() - training.y.mean()) < 0.05


def test_weights_of_a_stack_are_none_below_zero_and_noise_gets_little() -> None:
    training = blocks(7, 400, (1.5, 1.5, 0.0))
    fitted = Stack().fit(training).fitted
    assert isinstance(fitted, Blend)
    assert all(term.weight >= 0 for term in fitted.terms)
    clinical, _, deep = (term.weight * term.part.score(training.x).std() for term in fitted.terms)
    assert clinical > 3 * deep


def test_the_formula_gives_the_score_of_a_row_with_every_block() -> None:
    training = blocks(8)
    for strategy in (Average(), Penalty(), Priority(), Score(), Stack(), MeanOfBlocks(), Early()):
        fitted = strategy.fit(training).fitted
        explanation = fitted.explain("the score")
        assert explanation.formula is not None
        row = np.where(np.isnan(training.x[:1]), 3.0, training.x[:1])
        total = 0.0
        for line in explanation.formula.splitlines():
            if "*" not in line:
                total += float(line.split("=")[1])
                continue
            sign, size, _, name = line.split(maxsplit=3)
            total += float(sign + size) * row[0, int(name.removeprefix("column "))]
        assert 1 / (1 + np.exp(-total)) == pytest.approx(fitted.predict(row)[0], abs=1e-9)


def test_learners_answer_together_each_tuned_by_itself() -> None:
    training = blocks(9)
    several = Mean(members=(Member(model=Ridge()), Member(model=Logistic(), selection=(Mrmr(k=5),)), Ridge()))
    shares = {f"share.{name}" for name in ("ridge", "logistic", "ridge 2")}
    learned = Early().fit(replace(training, model=several))
    assert set(learned.settings) == {"ridge.ridge_spread", "logistic.c", "ridge 2.ridge_spread", *shares}
    assert sum(learned.settings[name] for name in shares) == pytest.approx(1)
    tuned = Early().fit(replace(training, model=several.model_copy(update={"shares": "fixed"})))
    alone = [
        Early().fit(replace(training, model=model, selection=selection)).fitted.score(training.x)
        for model, selection in ((Ridge(), ()), (Logistic(), (Mrmr(k=5),)), (Ridge(), ()))
    ]
    np.testing.assert_allclose(tuned.fitted.score(training.x), np.mean(alone, axis=0), atol=1e-12)


def test_penalties_by_block_are_a_ridge_of_scaled_columns() -> None:
    """With one column a block and equal shares it is ridge regression with the same penalty on all."""
    training = replace(blocks(10), blocks={"a": [0], "b": [3], "c": [43]})
    found = Penalty(spreads=(0.5,)).fit(training).fitted.predict(training.x)
    ridge = Early().fit(replace(training, model=Ridge(spreads=(1.5,)))).fitted.predict(training.x)
    np.testing.assert_allclose(found, ridge, atol=1e-7)


def test_penalties_by_block_choose_columns_as_the_linear_learners_do() -> None:
    """One regression of all columns, one of those of LASSO over all blocks, which many units ask for and few do not."""
    training, unseen = blocks(11, 600, (0.6, 0.6, 0.6)), blocks(12, 2000, (0.6, 0.6, 0.6))
    lasso = (Lasso(strengths=(0.5,)),)
    both = Mean(members=(Ridge(spreads=(1.0,)), Member(model=Ridge(), selection=lasso, weight=0.5)))
    found = Penalty(spreads=(1.0,)).fit(replace(training, model=both))
    alone = Penalty(spreads=(1.0,)).fit(replace(training, selection=lasso))
    assert found.settings["ridge 2.lasso_strength"] == alone.settings["lasso_strength"]
    assert found.settings["share.ridge 2"] > 0.5
    plain, mixed = (
        auc(unseen.y, one.fitted.predict(unseen.x)) for one in (Penalty(spreads=(1.0,)).fit(training), found)
    )
    assert mixed > plain + 0.005
    few = Penalty(spreads=(1.0,)).fit(replace(blocks(11, 40), model=both))
    assert few.settings["share.ridge 2"] < 0.1
    fixed = Penalty(spreads=(1.0,)).learn(replace(blocks(11, 40), model=both.model_copy(update={"shares": "fixed"})))
    assert isinstance(fixed.part, Blend)
    assert [term.weight for term in fixed.part.terms] == pytest.approx([2 / 3, 1 / 3])


class Listed(Mrmr):
    """A selector of a user's own, whose settings are a list."""

    wanted: list[int] = [0]


def test_ways_are_told_apart_by_what_they_say_and_the_heaviest_comes_first() -> None:
    training = blocks(13)
    light = Member(model=Ridge(spreads=(1.0,)), selection=(Listed(wanted=[1]),), weight=0.2)
    members = (light, Member(model=Ridge(spreads=(0.1,))), light)
    asked = replace(training, model=Mean(members=members))
    assert [weight for _, weight in _ways(asked, adding(asked))] == [1.0, 0.4]


def test_components_of_all_blocks_together_stand_in_no_regression_by_block() -> None:
    training = blocks(13)
    together = Mean(members=(Member(model=Ridge(spreads=(1.0,)), selection=(Pca(components=3, over="all"),)),))
    found = Penalty(spreads=(1.0,)).fit(replace(training, model=together)).fitted.predict(training.x)
    np.testing.assert_array_equal(found, Penalty(spreads=(1.0,)).fit(training).fitted.predict(training.x))


def test_fixed_shares_stay_fixed_where_a_block_adds_to_another() -> None:
    members = (Member(model=Ridge(spreads=(1.0,))), Member(model=Ridge(spreads=(0.1,)), weight=0.5))
    training = replace(blocks(14), model=Mean(members=members, shares="fixed"))
    assert not [name for name in Priority().fit(training).settings if ".share." in name]


def test_trees_take_priority_where_the_learner_is_trees() -> None:
    """A linear member goes before them; by trees alone the other blocks add to the first, in the file too."""
    trees = LightGBM(trees=(20, 60))
    assert adding(replace(blocks(1), model=Mean(members=(Member(model=trees), Member(model=Ridge()))))).model == Ridge()
    training, unseen = replace(blocks(2, 200), model=trees), blocks(3, 600)
    fitted = Priority().fit(training).fitted
    assert largest_difference(fitted.to_onnx("all", 0.5), fitted.predict, training.x, 3) < 1e-9
    alone = Early().fit(training.of(["clinical"])).fitted
    assert auc(unseen.y, fitted.predict(unseen.x)) > auc(unseen.y, alone.predict(unseen.x)) + 0.05
    lacking = unseen.x.copy()
    lacking[:, 3:] = np.nan
    kept = (alone.predict(lacking) > 0.01) & (alone.predict(lacking) < 0.99)  # surer ones are doubted in a sum
    np.testing.assert_allclose(fitted.predict(lacking)[kept], alone.predict(lacking)[kept], atol=1e-12)
