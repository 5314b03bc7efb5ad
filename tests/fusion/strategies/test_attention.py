"""Gated attention over blocks: what blocks say only together, patients who lack some, and training without torch."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from radfuse.cohort.splits import InnerSplit, inner_folds
from radfuse.fusion.export import largest_difference
from radfuse.fusion.models.ridge import Ridge
from radfuse.fusion.parts import Training
from radfuse.fusion.selectors.lasso import Lasso
from radfuse.fusion.selectors.mrmr import Mrmr
from radfuse.fusion.selectors.pca import Pca
from radfuse.fusion.strategies.attention import Attention
from radfuse.fusion.strategies.attention_net import Moved, Networks
from radfuse.fusion.strategies.priority import Priority
from radfuse.outcomes.binary import BinaryOutcome
from radfuse.statistics.auc import auc

torch = pytest.importorskip("torch", reason="attention trains with radfuse[train]")

SMALL = Attention(hidden=8, seeds=2, epochs=15, learning_rate=0.02)


def two_blocks(seed: int, units: int = 80, together: bool = False) -> Training:
    """Two blocks of three columns; the first of each tells the outcome, alone or only by having the other's sign."""
    generator = np.random.default_rng(seed)
    x = generator.standard_normal((units, 6))
    logit = 4 * np.sign(x[:, 0] * x[:, 3]) if together else 1.5 * (x[:, 0] + x[:, 3])
    y = (generator.random(units) < 1 / (1 + np.exp(-logit))).astype(int)
    return Training(
        x=x * 5 - 2,
        y=y,
        blocks={"clinical": range(3), "deep": range(3, 6)},
        names=list("abcdef"),
        folds=inner_folds(np.arange(units), y, 3, seed),
        selection=(),
        model=Ridge(spreads=(0.1, 1.0)),
        outcome=BinaryOutcome(column="event"),
        seed=seed,
    )


def test_the_same_seed_gives_the_same_networks_and_another_seed_others() -> None:
    training = two_blocks(1)
    first, again = SMALL.fit(training), SMALL.fit(training)
    np.testing.assert_array_equal(first.fitted.predict(training.x), again.fitted.predict(training.x))
    np.testing.assert_array_equal(first.inner, again.inner)
    other = SMALL.fit(replace(training, seed=9)).fitted.predict(training.x)
    assert np.abs(other - first.fitted.predict(training.x)).max() > 1e-4


def test_orders_of_rows_and_columns_and_names_change_nothing() -> None:
    training = two_blocks(2)
    rows = np.random.default_rng(0).permutation(len(training.y))
    columns = [2, 0, 1, 4, 5, 3]
    place = np.argsort(rows)
    moved = replace(
        training,
        x=training.x[np.ix_(rows, columns)],
        y=training.y[rows],
        names=list("uvwxyz"),
        folds=[InnerSplit(place[fold.train], place[fold.test]) for fold in training.folds],
    )
    first, second = SMALL.fit(training), SMALL.fit(moved)
    assert first.settings == second.settings
    np.testing.assert_allclose(second.fitted.predict(moved.x), first.fitted.predict(training.x)[rows], atol=1e-9)
    np.testing.assert_allclose(second.inner, first.inner[rows], atol=1e-9)


def test_what_blocks_say_only_together_is_learned() -> None:
    training, unseen = two_blocks(3, 300, together=True), two_blocks(4, 500, together=True)
    strategy = Attention(weight_decay=0.1, seeds=1, dropout=0.1, block_dropout=0.05, learning_rate=0.03)
    tuned = strategy.fit(training)
    found = auc(unseen.y, tuned.fitted.predict(unseen.x))
    linear = auc(unseen.y, Priority().fit(training).fitted.predict(unseen.x))
    assert linear < 0.6
    assert found > 0.75
    said = {column.name: column.importance for column in tuned.fitted.explain("score").columns}
    assert set(sorted(said, key=lambda name: said[name])[-2:]) == {"a", "d"}


def test_a_row_that_lacks_a_block_is_predicted_from_the_other_alone() -> None:
    training = two_blocks(5, 150)
    fitted = SMALL.fit(training).fitted
    rows = training.x.copy()
    rows[:, 3:] = np.nan
    clinical = fitted.sources[0]
    without = replace(fitted.weights, encoders=fitted.weights.encoders[:1])
    expected = without.score([clinical.prepare(rows)], np.ones((1, len(rows))))
    np.testing.assert_allclose(fitted.score(rows), expected, atol=1e-12)
    unseen = two_blocks(6, 400)
    lacking = unseen.x.copy()
    lacking[:, 3:] = np.nan
    assert auc(unseen.y, fitted.predict(lacking)) > 0.7
    medians = np.concatenate([source.each("median") for source in fitted.sources])
    np.testing.assert_allclose(fitted.predict(np.full((1, 6), np.nan)), fitted.predict(medians[None]), atol=1e-12)


def test_training_rows_may_lack_blocks() -> None:
    training = two_blocks(7)
    training.x[::4, 3:] = np.nan
    training.x[1::4, :3] = np.nan
    training.x[2::8] = np.nan
    fitted = SMALL.fit(training).fitted
    assert largest_difference(fitted.to_onnx("clinical-deep", 0.5), fitted.predict, training.x, 1) < 1e-12


def test_plain_arrays_say_what_torch_trained() -> None:
    training = two_blocks(8)
    groups = [(training.x[:, :3] + 2) / 5, (training.x[:, 3:] + 2) / 5]
    here = np.ones((2, len(training.y)))
    here[1, ::3] = 0
    networks = Networks(groups, here, training.y, Attention(dropout=0, block_dropout=0), 1)
    start = networks.weights().score(groups, here)
    np.testing.assert_allclose(start, np.log(training.y.mean() / (1 - training.y.mean())), atol=1e-12)
    for _ in range(5):
        networks.epoch()
    trained = networks._odds().detach().numpy().mean(axis=0)
    np.testing.assert_allclose(np.sort(networks.weights().score(groups, here)), np.sort(trained), atol=1e-12)


def test_adam_steps_as_by_hand() -> None:
    """Gradients 1, then -1: means 0.1 / 0.1 and -0.01 / 0.19, squares 1 both times."""
    moved = Moved(torch.zeros(1, dtype=torch.float64), 0.5)
    moved.step(torch.ones(1, dtype=torch.float64))
    assert moved.parameter.item() == pytest.approx(-0.5, abs=1e-7)
    moved.step(-torch.ones(1, dtype=torch.float64))
    assert moved.parameter.item() == pytest.approx(-0.5 + 0.5 * 0.01 / 0.19, abs=1e-7)


@pytest.mark.parametrize("selection", [(Mrmr(k=2),), (Lasso(strengths=(0.5, 0.1)),), (Pca(components=2),)])
def test_selection_stands_before_the_encoders(selection: tuple) -> None:
    training = replace(two_blocks(9), selection=selection)
    tuned = Attention(hidden=4, seeds=1, epochs=4).fit(training)
    assert set(tuned.settings) == {"epochs", *selection[0].candidates()[0]}
    seen = {column.name for column in tuned.fitted.explain("score").columns}
    assert {"a", "d"} <= seen
    assert len(seen) == 4 or not isinstance(selection[0], Mrmr)
    model = tuned.fitted.to_onnx("clinical-deep", 0.5)
    assert largest_difference(model, tuned.fitted.predict, training.x, 1) < 1e-12


def test_it_is_no_sum_over_columns() -> None:
    assert SMALL.learn(two_blocks(10)).part.linear() is None


@pytest.mark.parametrize(
    "setting",
    [
        {"hidden": 0},
        {"dropout": 1.0},
        {"block_dropout": -0.1},
        {"weight_decay": float("inf")},
        {"epochs": 0},
        {"seeds": 0},
        {"learning_rate": 0.0},
        {"learning_rate": 0.5},
        {"layers": 2},
    ],
    ids=lambda setting: next(iter(setting)),
)
def test_bad_settings_are_refused(setting: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match=next(iter(setting))):
        Attention.model_validate(setting)


def test_without_torch_training_says_what_to_install_and_predicting_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    training = two_blocks(11)
    fitted = SMALL.fit(training).fitted
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ValueError, match=r'pip install "radfuse\[train\]"'):
        SMALL.fit(training)
    assert np.isfinite(fitted.predict(training.x)).all()
    assert SMALL.fit(training.of(["deep"])).fitted.predict(training.x).shape == training.y.shape


def test_a_loss_that_is_never_finite_is_an_error() -> None:
    class Lost(BinaryOutcome):
        def loss(self, y: np.ndarray, probability: np.ndarray) -> float:
            return float("nan")

    with pytest.raises(ValueError, match=r"smaller fusion\.strategy\.learning_rate"):
        Attention(hidden=2, seeds=1, epochs=2).fit(replace(two_blocks(13), outcome=Lost(column="event")))


def test_torch_gets_its_threads_back() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        SMALL.fit(two_blocks(12))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
