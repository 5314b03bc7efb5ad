"""Explained folds put together, by numbers that can be checked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from radfuse.fusion.explain.names import read_name
from radfuse.fusion.explain.summary import summarised
from radfuse.outcomes.binary import BinaryOutcome
from radfuse.results.explained import ExplainedFamily, FoldExplanation

TEXTURE, ENERGY = "t1/tumour/original_glcm_Contrast", "t1/ring/wavelet-LLH_firstorder_Energy"


def fold(units: range, contributions: np.ndarray, names: list[str], score: np.ndarray) -> FoldExplanation:
    count = len(units)
    return FoldExplanation(
        names=np.array(names),
        blocks=np.array(["clinical" if name == "age" else "radiomic" for name in names]),
        units=np.array(units),
        values=contributions * 10,
        contributions=contributions,
        absence=np.zeros(count),
        base=np.array(0.5),
        score=0.5 + contributions.sum(axis=1),
        background=np.array(30),
        tested=np.array(units),
        tested_score=score,
        shuffled_blocks=np.array(["clinical", "radiomic"]),
        by_block=np.stack([np.stack([score[::-1]]), np.stack([score])]),
        shuffled_columns=np.array([0]),
        by_column=np.stack([np.stack([score[::-1]])]),
    )


@pytest.fixture(scope="module")
def found() -> ExplainedFamily:
    first = np.column_stack([np.linspace(-2, 2, 20), np.linspace(1, -1, 20), np.full(20, 0.1)])
    second = np.column_stack([np.linspace(-1, 1, 20), np.linspace(0.5, -0.5, 20)])
    y = np.tile(np.repeat([0, 1], 10), 2)
    score = np.linspace(-1, 1, 20)
    parts = {
        "1": fold(range(20), first, ["age", TEXTURE, ENERGY], score),
        "2": fold(range(20, 40), second, ["age", TEXTURE], score),
    }
    units = [f"P{i}" for i in range(40)]
    return summarised("clinical-radiomic", parts, BinaryOutcome(column="y"), y, np.arange(40), units, 0)


def test_columns_come_by_mean_absolute_contribution_over_all_folds(found: ExplainedFamily) -> None:
    assert [column.name for column in found.columns] == ["age", TEXTURE, ENERGY]
    age, texture, energy = found.columns
    assert age.size == pytest.approx(
        (np.abs(np.linspace(-2, 2, 20)).mean() + np.abs(np.linspace(-1, 1, 20)).mean()) / 2
    )
    assert energy.size == pytest.approx(0.05)  # 0.1 in one fold, not in use in the other
    assert [column.folds for column in found.columns] == [2, 2, 1]
    assert sum(column.share for column in found.columns) == pytest.approx(1)
    assert (age.direction, texture.direction) == (pytest.approx(1), pytest.approx(1))
    assert energy.direction is None


def test_shuffling_costs_what_it_takes_from_auc_and_adds_to_loss(found: ExplainedFamily) -> None:
    age = found.columns[0]
    assert age.auc.value == pytest.approx(1.0)  # from 1 to 0: the order of scores is turned round
    assert age.auc.low == pytest.approx(1.0)
    p = 1 / (1 + np.exp(-np.linspace(-1, 1, 20)))
    y = np.repeat([0, 1], 10)
    loss = [-np.mean(np.where(y == 1, np.log(q), np.log(1 - q))) for q in (p, p[::-1])]
    assert age.loss.value == pytest.approx(loss[1] - loss[0])
    assert age.loss.low is not None
    assert age.loss.low < loss[1] - loss[0] < age.loss.high
    assert found.columns[1].auc.value == 0  # was not shuffled in any fold: among the least of them
    assert {item.block: item.auc.value for item in found.blocks} == {"clinical": pytest.approx(1.0), "radiomic": 0.0}


def test_blocks_and_families_of_features_count_columns_together(found: ExplainedFamily) -> None:
    radiomic = next(item for item in found.blocks if item.block == "radiomic")
    assert radiomic.columns == 2
    together = np.r_[np.abs(np.linspace(1, -1, 20) + 0.1), np.abs(np.linspace(0.5, -0.5, 20))]
    assert radiomic.size == pytest.approx(together.mean())
    named = {(item.part, item.name): item for item in found.families}
    assert named["region", "tumour"].columns == 1
    assert named["sequence", "t1"].columns == 2
    assert ("filter", "wavelet-LLH") in named
    assert set(found.cells) == {("tumour", "t1"), ("ring", "t1")}


def test_columns_that_rank_alike_are_a_cluster(found: ExplainedFamily) -> None:
    (cluster,) = found.clusters
    assert cluster.columns == ("age", TEXTURE)
    assert cluster.size < cluster.alone  # they pull against each other


def test_stability_is_the_correlation_of_importances_between_folds(found: ExplainedFamily) -> None:
    assert found.stability[0, 1] == pytest.approx(1)  # 1.05 > 0.53 > 0.1, and 0.53 > 0.26 > 0


def test_a_fold_of_one_patient_says_nothing_of_the_interval_without_them() -> None:
    """A patient left out of their own fold leaves nobody in it; the two other folds give value and interval."""
    part = np.column_stack([np.linspace(-2, 2, 4), np.linspace(1, -1, 4)])
    folds = {str(k): fold(range(4 * k, 4 * k + 4), part, ["age", TEXTURE], np.linspace(-1, 1, 4)) for k in range(3)}
    y, patients = np.tile([0, 0, 1, 1], 3), np.array([0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8])
    found = summarised("x", folds, BinaryOutcome(column="y"), y, patients, [f"P{i}" for i in range(12)], 0)
    assert found.columns[0].auc.value == pytest.approx(1.0)
    assert found.columns[0].loss.low is not None


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("dess@V00/tibia/log-sigma-2-0-mm-3D_glcm_Idmn", ("tibia", "dess@V00", "glcm", "log-sigma-2-0-mm-3D")),
        ("dess/tibia/deep_0-1_12", ("tibia", "dess", "deep", "")),
        ("dess/tibia/thickness_mean", ("tibia", "dess", "thickness", "")),
        ("age", ("", "", "", "")),
    ],
)
def test_names_are_read(name: str, parts: tuple[str, ...]) -> None:
    assert tuple(read_name(name)) == parts
