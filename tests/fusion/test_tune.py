"""Candidates share what they can: the work of a fold is done once, and a kept column is the column it came from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pytest
from columns import planted
from onnx import helper

from radfuse.cohort.splits import inner_folds
from radfuse.fusion.export import largest_difference
from radfuse.fusion.models.logistic import FittedLogistic, Logistic
from radfuse.fusion.parts import Column, Outcome, Settings, Training
from radfuse.fusion.scaling import medians, standardised
from radfuse.fusion.selectors.clusters import Clusters
from radfuse.fusion.selectors.correlation import Correlation
from radfuse.fusion.selectors.lasso import Lasso
from radfuse.fusion.selectors.mrmr import Mrmr
from radfuse.fusion.selectors.multivariable import Multivariable
from radfuse.fusion.selectors.pca import Pca
from radfuse.fusion.selectors.step import Step
from radfuse.fusion.selectors.univariate import Univariate
from radfuse.fusion.strategies.mean import MeanOfBlocks
from radfuse.fusion.strategies.penalty import Penalty
from radfuse.fusion.tune import fit_chain, inner_predictions
from radfuse.outcomes.binary import BinaryOutcome
from radfuse.results import Explanation, UsedColumn


@pytest.fixture
def training() -> Training:
    """40 columns in two blocks, one of them constant; 150 people."""
    x, y = planted(8)
    x[:, 5] = 1.0
    return Training(
        x=x,
        y=y,
        blocks={"radiomic": range(10, 40), "clinical": range(10)},
        names=[f"column {i}" for i in range(40)],
        folds=inner_folds(np.arange(150), y, 3, 7),
        selection=(Correlation(), Mrmr(k=5), Lasso(strengths=(0.6, 0.3))),
        model=Logistic(c=(0.1, 1.0)),
        outcome=BinaryOutcome(column="event"),
        seed=7,
    )


def test_every_candidate_is_predicted_and_what_they_share_is_done_once_a_fold(
    training: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: Counter[str] = Counter()
    for kind, method in ((Correlation, "choose"), (Mrmr, "choose"), (Lasso, "choose_each"), (Logistic, "fit")):
        done = getattr(kind, method)

        def counted(self, *arguments, real=done, name=kind.__name__):
            calls[name] += 1
            return real(self, *arguments)

        monkeypatch.setattr(kind, method, counted)
    tried, inner = inner_predictions([training])[0]
    assert tried == [{"c": c, "lasso_strength": strength} for strength in (0.6, 0.3) for c in (0.1, 1.0)]
    assert inner.shape == (4, 150)
    assert ((inner > 0) & (inner < 1)).all()
    folds, blocks, strengths, penalties = 3, 2, 2, 2
    assert calls == {
        "Correlation": folds * blocks,
        "Mrmr": folds * blocks,
        "Lasso": folds,
        "Logistic": folds * strengths * penalties,
    }


def test_kept_columns_are_those_of_the_table(training: Training) -> None:
    chain = fit_chain(training, {"c": 1.0, "lasso_strength": 0.3})
    assert [column.name for column in chain.columns] == [f"column {i}" for i in chain.kept]
    assert [column.block for column in chain.columns] == ["clinical" if i < 10 else "radiomic" for i in chain.kept]
    assert 0 in chain.kept
    assert 5 not in chain.kept
    assert Counter(column.block for column in chain.columns).most_common(1)[0][1] <= 5
    by_hand = training.x[:, chain.kept]
    np.testing.assert_allclose(chain.prepare(training.x), (by_hand - by_hand.mean(axis=0)) / by_hand.std(axis=0))


def blocks_of(chain) -> Counter[str]:
    return Counter(column.block for column in chain.columns)


def test_a_step_for_one_block_leaves_the_other_untouched(training: Training):
    chain = fit_chain(replace(training, selection=(Mrmr(k=3, blocks=("radiomic",)),)), {"c": 1.0})
    assert blocks_of(chain) == {"radiomic": 3, "clinical": 9}, "column 5 is constant"


def test_a_step_over_all_is_followed_by_one_a_block(training: Training):
    """The groups are kept apart: three columns of each block are left of the twelve best."""
    both = Mrmr(k=12, over="all")
    joint = fit_chain(replace(training, selection=(both,)), {"c": 1.0})
    assert sum(blocks_of(joint).values()) == 12
    chain = fit_chain(replace(training, selection=(both, Mrmr(k=3))), {"c": 1.0})
    assert blocks_of(chain) == {"radiomic": 3, "clinical": 3}
    assert set(chain.kept) <= set(joint.kept)


def test_a_block_of_which_a_step_over_all_keeps_nothing_is_gone(training: Training):
    """The rest of the list, though it is for that block and tuned, goes on: every fold tries the same candidates."""
    steps = (Mrmr(k=1, over="all"), Lasso(strengths=(0.6, 0.3), blocks=("radiomic",)))
    tried, inner = inner_predictions([replace(training, selection=steps)])[0]
    assert len(tried) == 4
    assert not np.isnan(inner).any()
    assert blocks_of(fit_chain(replace(training, selection=steps), tried[0])) == {"clinical": 1}


def test_a_step_for_blocks_that_a_family_lacks_is_not_tuned(training: Training):
    steps = (Lasso(strengths=(0.6, 0.3), blocks=("deep",)), Mrmr(k=2))
    tried, _ = inner_predictions([replace(training, selection=steps)])[0]
    assert tried == [{"c": 0.1}, {"c": 1.0}]
    assert len(fit_chain(replace(training, selection=steps), tried[0]).columns) == 4


def test_no_selection_keeps_all_that_varies(training: Training):
    assert len(fit_chain(replace(training, selection=()), {"c": 1.0}).columns) == 39


def test_a_step_may_ask_for_the_columns_own_units(training: Training):
    """Copies a thousand times as large stay, their originals go; standardised they are the same."""
    x = np.column_stack([training.x, 1000 * training.x[:, 10:40] + 7])
    wide = replace(
        training,
        x=x,
        blocks={"radiomic": range(10, 70), "clinical": range(10)},
        names=[str(i) for i in range(70)],
        selection=(Clusters(threshold=0.01, blocks=("radiomic",)),),
    )
    kept = fit_chain(wide, {"c": 1.0}).kept
    assert sorted(i for i in kept if i >= 10) == list(range(40, 70))


def test_what_a_step_falls_back_to_is_remarked(training: Training):
    steps = (Univariate(alpha=1e-30), Multivariable())
    chain = fit_chain(replace(training, selection=steps), {"c": 1.0})
    assert len(chain.columns) == 2
    assert [remark.split(", ")[0] for remark in chain.remarks][:2] == [
        "radiomic: no column has p ≤ 1e-30; that of the smallest stays",
        "clinical: no column has p ≤ 1e-30; that of the smallest stays",
    ]
    assert fit_chain(replace(training, selection=(Univariate(alpha=0.9),)), {"c": 1.0}).remarks == ()


class ThirdFirst(Step):
    """Keeps the first three features it sees."""

    def choose(self, x, y, settings, outcome):
        return np.arange(x.shape[1]) < 3


@dataclass(frozen=True)
class Squares:
    """The logistic regression of squares: not linear in its columns."""

    inside: FittedLogistic

    def predict(self, x: np.ndarray) -> np.ndarray:
        return self.inside.predict(x * x)

    def to_onnx(self, columns: str) -> tuple[list[Any], dict[str, np.ndarray]]:
        nodes, constants = self.inside.to_onnx("squared")
        return [helper.make_node("Mul", [columns, columns], ["squared"]), *nodes], constants

    def explain(self, columns: Sequence[Column], score: str) -> Explanation:
        pairs = zip(columns, self.inside.coefficients, strict=True)
        used = tuple(UsedColumn(name=c.name, block=c.block, importance=float(value)) for c, value in pairs)
        return Explanation(measure="weight", unit="of squares", columns=used, formula="of components")


class SquaresOf(Logistic):
    def fit(self, x: np.ndarray, y: np.ndarray, settings: Settings, seed: int) -> Squares:
        return Squares(super().fit(x * x, y, settings, seed))


LISTS: dict[str, tuple[Step, ...]] = {
    "components of one block, then a choice among them": (Pca(components=9, blocks=("radiomic",)), ThirdFirst()),
    "components of all": (Mrmr(k=8), Pca(components=0.8, over="all"), ThirdFirst()),
    "components of components": (Pca(components=6), Pca(components=4, over="all")),
}


@pytest.mark.parametrize("model", [Logistic(c=(1.0,)), SquaresOf(c=(1.0,))], ids=["linear", "squares"])
@pytest.mark.parametrize("name", LISTS)
def test_a_projection_in_the_middle_is_in_the_file(training: Training, name: str, model: Logistic):
    x = training.x.copy()
    x[np.random.default_rng(0).random(x.shape) < 0.1] = np.nan
    lacking = replace(training, x=x, selection=LISTS[name], model=model)
    tried, inner = inner_predictions([lacking])[0]
    assert tried == [{"c": 1.0}]
    assert ((inner > 0) & (inner < 1)).all()
    chain = fit_chain(lacking, tried[0])
    content = chain.to_onnx("clinical-radiomic", 0.5)
    assert largest_difference(content, chain.predict, x, seed=3) < 1e-9
    assert (chain.projection is None) == (type(model) is Logistic)


def test_components_are_the_standardised_columns_times_their_directions_at_unit_variance(training: Training):
    steps = (Pca(components=9, blocks=("radiomic",)), ThirdFirst())
    chain = fit_chain(replace(training, selection=steps, model=SquaresOf(c=(1.0,))), {"c": 1.0})
    found = chain.prepare(training.x)
    assert found.shape == (150, 6)
    np.testing.assert_allclose(found.std(axis=0), 1)
    block = training.x[:, 10:40]
    block = (block - block.mean(axis=0)) / block.std(axis=0)
    _, singular, directions = np.linalg.svd(block, full_matrices=False)
    by_hand = block @ directions[:3].T / singular[:3] * 150**0.5
    np.testing.assert_allclose(np.abs(found[:, :3]), np.abs(by_hand), atol=1e-9)
    said = chain.explain("s")
    assert [column.name for column in said.columns] == [
        "pca 1 of radiomic",
        "pca 2 of radiomic",
        "pca 3 of radiomic",
        *("column 0", "column 1", "column 2"),
    ]
    assert said.columns[0].block == "radiomic"
    assert set(said.made_of) == {f"column {i}" for i in (0, 1, 2, *range(10, 40))}
    assert said.formula is None


def test_a_linear_model_of_components_is_explained_in_the_columns_of_the_table(training: Training):
    chain = fit_chain(replace(training, selection=(Pca(components=3),)), {"c": 1.0})
    said = chain.explain("s")
    assert [column.name for column in said.columns] == [training.names[i] for i in chain.kept]
    assert said.made_of == ()
    first, *lines = said.formula.splitlines()
    score = float(first.removeprefix("s = "))
    for line in lines:
        sign, weight, _, name = line.split(maxsplit=3)
        score = score + (1 if sign == "+" else -1) * float(weight) * training.x[:, training.names.index(name)]
    np.testing.assert_allclose(1 / (1 + np.exp(-score)), chain.predict(training.x), atol=1e-9)


def test_medians_leave_out_what_is_missing():
    x = np.array([[1.0, 4, np.nan], [np.nan, 1, np.nan], [2, 3, np.nan], [9, 2, np.nan], [3, np.nan, np.nan]])
    assert medians(x).tolist() == [2.5, 2.5, 0]
    generator = np.random.default_rng(0)
    many = generator.standard_normal((31, 40))
    many[generator.random(many.shape) < 0.3] = np.nan
    np.testing.assert_array_equal(medians(many), np.nanmedian(many, axis=0))


def test_slabs_standardise_as_the_whole(monkeypatch: pytest.MonkeyPatch):
    generator = np.random.default_rng(1)
    x = 5 + generator.standard_normal((31, 12)) * 10.0 ** np.arange(-6, 6)
    x[generator.random(x.shape) < 0.2] = np.nan
    x[:, 3], x[:, 4] = 2.0, np.nan  # constant, and empty
    monkeypatch.setattr("radfuse.fusion.scaling._SLAB", 100)
    scaling, (group,) = standardised(x, {"a": range(12)})
    assert sorted({*range(12)} - {*group.columns}) == [3, 4]
    assert scaling.median[4] == 0
    filled = np.where(np.isnan(x), scaling.median, x)[:, group.columns]
    np.testing.assert_allclose(group.values, (filled - filled.mean(axis=0)) / filled.std(axis=0), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(scaling.apply(x, group.columns), group.values, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(scaling.undone(group), filled, rtol=1e-12)


def test_components_of_several_blocks_cannot_be_weighed_by_block(training: Training):
    steps = (Pca(components=4, over="all"),)
    with pytest.raises(ValueError, match=r"components of radiomic and clinical together .* \(over: block\)"):
        Penalty(spreads=(0.1,)).fit(replace(training, selection=steps))
    alone = Penalty(spreads=(0.1,)).fit(replace(training, selection=(Pca(components=4),)))
    assert alone.fitted.explain("s").formula is not None


def test_a_blend_names_the_columns_behind_components(training: Training):
    """One part sees components, the other columns."""
    steps = (Pca(components=3, blocks=("radiomic",)), Mrmr(k=2, blocks=("clinical",)))
    fused = MeanOfBlocks().fit(replace(training, selection=steps, model=SquaresOf(c=(1.0,)))).fitted
    said = fused.explain("s")
    assert [column.name for column in said.columns if column.block == "radiomic"] == [
        f"pca {i} of radiomic" for i in (1, 2, 3)
    ]
    clinical = {column.name for column in said.columns if column.block == "clinical"}
    assert set(said.made_of) == clinical | {f"column {i}" for i in range(10, 40)}
    content = fused.to_onnx("clinical-radiomic", 0.5)
    assert largest_difference(content, fused.predict, training.x, seed=1) < 1e-9


class _Strongest(Lasso):
    """LASSO that keeps one column."""

    kind: Literal["lasso"] = "lasso"

    def choose(self, x: np.ndarray, y: np.ndarray, settings: Settings, outcome: Outcome) -> np.ndarray:
        relevance = outcome.relevance(x, y)
        return relevance == relevance.max()


def test_a_step_that_changes_choose_alone_is_asked_by_it(training: Training) -> None:
    chain = fit_chain(replace(training, selection=(_Strongest(),)), {"c": 1.0, "lasso_strength": 0.08})
    assert len(chain.kept) == 1
