"""Stability: intraclass correlations by hand, of the training units alone, from copies, readers and second tables."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tables import learnt

from radfuse.cohort.splits import Fold
from radfuse.config import build
from radfuse.errors import CaseError, InputError
from radfuse.fusion.config import FusionConfig
from radfuse.fusion.design import Design
from radfuse.fusion.memory import forget
from radfuse.fusion.models.ridge import Ridge
from radfuse.fusion.selectors.pca import Pca
from radfuse.fusion.selectors.stability import Stability
from radfuse.fusion.strategies.early import Early
from radfuse.fusion.validate import fit_fold
from radfuse.outcomes.binary import BinaryOutcome
from radfuse.results import FittedFamily
from radfuse.stages import prepare
from radfuse.statistics.icc import icc
from radfuse.study import load_study

EVENT = BinaryOutcome(column="event")
NAN = np.nan
FIRST = np.array([[1.0, 1, 1, 1], [2, 2, 2, 3], [3, 3, 3, 2], [4, 4, 4, 4]])
SECOND = np.array([[1.0, 3, 4, 2], [2, 4, 1, 3], [3, 5, 3, 4], [4, 6, 2, NAN]])
"""Of four units: the same again, two more throughout, shuffled, and one that the second reader left out."""


def choose(step: Stability, **again: np.ndarray) -> list[bool]:
    width = next(iter(again.values())).shape[2]
    return [bool(kept) for kept in step.choose(np.zeros((4, width)), np.zeros(4), {}, EVENT, again)]


def test_columns_of_four_units_by_hand():
    """A shift of 2 on a variance of 5/3 leaves 5/3 / (5/3 + 2) of agreement, and all of consistency."""
    readers = np.stack([FIRST, SECOND])
    assert icc(readers[:, :, 1].T) == pytest.approx(5 / 11)
    assert choose(Stability(icc=0.75), readers=readers) == [True, False, False, False]
    assert choose(Stability(icc=0.75, form="3,1"), readers=readers) == [True, True, False, False]
    assert choose(Stability(icc=5 / 11), readers=readers) == [True, True, False, False]
    pair = readers[:, :3, 3].T  # of the three units that both readers measured: 1, 3, 2 and 2, 3, 4
    assert choose(Stability(icc=icc(pair)), readers=readers)[3]
    assert not choose(Stability(icc=icc(pair) + 1e-6), readers=readers)[3]


def test_the_lowest_of_copies_and_readers_counts_unless_one_is_named():
    copies, readers = np.stack([FIRST, FIRST, FIRST]), np.stack([FIRST, SECOND])
    assert choose(Stability(), copies=copies, readers=readers) == [True, False, False, False]
    assert all(choose(Stability(source="copies"), copies=copies, readers=readers))
    assert all(choose(Stability(source="readers"), copies=copies))


def test_where_none_is_stable_the_most_stable_stays_and_is_told_of():
    step, again = Stability(), {"readers": np.stack([FIRST, SECOND])[:, :, 1:3]}
    assert choose(step, **again) == [True, False]
    said = step.remark(np.zeros((4, 2)), np.zeros(4), {}, EVENT, again)
    assert said == "no column has an ICC(2,1) of 0.75; the most stable one, 0.45, stays"
    assert step.remark(np.zeros((4, 4)), np.zeros(4), {}, EVENT, {"readers": np.stack([FIRST, FIRST])}) == ""


def test_one_unit_measured_twice_is_not_enough():
    second = np.full(FIRST.shape, NAN)
    second[0] = 1
    with pytest.raises(ValueError, match=r"no column that two of 4 training units have measured twice, .*measure more"):
        choose(Stability(), readers=np.stack([FIRST, second]))


def design(held_out: float = 0.0) -> Design:
    """80 units, 60 of which train; of ten columns the odd ones are noise between two readers."""
    x, y = learnt(80, 10)
    generator = np.random.default_rng(0)
    second = x + np.where(np.arange(10) % 2, 2.0, 0.1) * generator.standard_normal(x.shape)
    second[60:] += held_out * generator.standard_normal((20, 10)) + held_out
    block = pd.DataFrame(x, columns=[f"r{i}" for i in range(10)])
    clinical = pd.DataFrame({"age": generator.standard_normal(80)})
    units = pd.DataFrame({"patient": [f"p{i}" for i in range(80)], "event": y.astype(int)})
    frames = (block, pd.DataFrame(second, columns=block.columns))
    return Design(units, {"clinical": clinical, "radiomic": block}, again={"radiomic": {"readers": frames}})


FOLD = Fold("0", np.arange(60), np.arange(60, 80))
CONFIG = FusionConfig(selection=(Stability(),), classifier=Ridge(spreads=(0.1, 1.0)), strategy=Early(), inner_folds=3)


def fitted(of: Design, config: FusionConfig = CONFIG, family: str = "clinical-radiomic") -> FittedFamily:
    forget()
    return fit_fold(of, family, FOLD, "patient", EVENT, config, 7)[0]


def test_noise_between_readers_is_dropped_by_the_training_units_alone():
    """What the second reader drew of the held-out units, however far out, changes nothing at all."""
    found = fitted(design())
    names = [column.name for column in found.explanation.columns]
    assert names == ["age", "r0", "r2", "r4", "r6", "r8"]
    both = design().again["radiomic"]["readers"]
    values = {name: icc(np.column_stack([frame[name][:60] for frame in both])) for name in both[0]}
    assert {name for name, value in values.items() if value >= 0.75} == set(names) - {"age"}
    assert fitted(design(held_out=1e6)) == found
    worst = min(values[name] for name in names[1:])
    just_above = CONFIG.model_copy(update={"selection": (Stability(icc=worst + 1e-9),)})
    assert len(fitted(design(), just_above).explanation.columns) == 5


def test_a_family_that_was_measured_once_passes():
    assert [column.name for column in fitted(design(), family="clinical").explanation.columns] == ["age"]


def test_what_was_measured_again_belongs_to_what_is_remembered():
    forget()
    before = fit_fold(design(), "radiomic", FOLD, "patient", EVENT, CONFIG, 7)[0]
    first, second = design().again["radiomic"]["readers"]
    other = replace(design(), again={"radiomic": {"readers": (first, second.iloc[::-1].reset_index(drop=True))}})
    after = fit_fold(other, "radiomic", FOLD, "patient", EVENT, CONFIG, 7)[0]
    assert len(after.explanation.columns) == 1 < len(before.explanation.columns)
    assert after.remarks[0].startswith("radiomic: no column has an ICC(2,1) of 0.75")


def test_it_stands_before_reductions():
    config = CONFIG.model_copy(update={"selection": (Pca(components=2), Stability())})
    with pytest.raises(CaseError, match="put the selection stability before reductions"):
        fitted(design(), config)


STUDY = {
    "name": "twice",
    "cohort": {"table": "cohort.csv", "clinical": ["age"], "outcome": {"column": "event"}},
    "features": {"radiomic": {"table": "first.csv", "second_table": "second.csv"}},
    "fusion": {"selection": [{"kind": "stability", "icc": 0.8}]},
}


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """40 patients; the second reader measured every other one, in another order of rows and columns."""
    monkeypatch.chdir(tmp_path)
    ids = [f"c{i:02d}" for i in range(40)]
    generator = np.random.default_rng(1)
    cohort = {"case_id": ids, "patient_id": ids, "age": generator.normal(60, 9, 40), "event": np.arange(40) % 2}
    pd.DataFrame(cohort).to_csv("cohort.csv", index=False)
    first = pd.DataFrame(generator.normal(size=(40, 3)), index=pd.Index(ids, name="case_id"), columns=list("abc"))
    first.to_csv("first.csv")
    (first + 1).iloc[::-2][["c", "a", "b"]].to_csv("second.csv")
    return tmp_path


def test_a_second_table_is_joined_to_the_units_and_stored(tables: Path):
    prepared = prepare.work(prepare.job_of(load_study(STUDY)))
    prepare.write(prepared, tables / "design")
    first, second = prepare.read_design(tables / "design").design.again["radiomic"]["readers"]
    pd.testing.assert_frame_equal(first, prepared.design.blocks["radiomic"])
    measured = second.notna().all(axis=1)
    assert measured.tolist() == [False, True] * 20
    pd.testing.assert_frame_equal(second[measured], first[measured] + 1)
    (warning,) = prepared.warnings
    assert str(warning) == (
        "features.radiomic.second_table: 20 of 40 units were measured again; by these alone stability is judged"
    )
    bare = load_study(STUDY, ["fusion.selection=[]"])
    assert prepare.work(prepare.job_of(bare)).design.again == {}


def test_a_second_table_that_does_not_fit_says_how_to_mend_it(tables: Path):
    second = pd.read_csv("second.csv")
    second.drop(columns="b").to_csv("second.csv", index=False)
    with pytest.raises(
        InputError, match=r"features.radiomic.second_table: lacks 1 of the 3 columns.*: b; add them, or"
    ):
        prepare.work(prepare.job_of(load_study(STUDY)))
    second.assign(case_id=[f"x{i}" for i in range(20)]).to_csv("second.csv", index=False)
    with pytest.raises(InputError, match=r"second_table: no row of the table stands in it again; the table has c00"):
        prepare.work(prepare.job_of(load_study(STUDY)))


IMAGES = {
    "name": "images",
    "cohort": {"table": "c.csv", "images": {"t1": "t1"}, "mask": "mask", "outcome": {"column": "event"}},
    "segmentation": {"backend": "manual", "labels": {"tumour": 1}},
    "regions": [{"kind": "label", "name": "tumour", "label": "tumour"}],
    "fusion": {"selection": [{"kind": "stability"}]},
}


def test_a_study_that_measures_nothing_twice_is_told_how_to():
    once = {**STUDY, "features": {"radiomic": "first.csv"}}
    with pytest.raises(
        InputError, match=r"selection\.0: nothing was measured twice of any block.*second_table.*images"
    ):
        load_study(once)
    with pytest.raises(InputError, match=r"nothing was measured twice of the block clinical"):
        load_study(STUDY, ["fusion.selection.0.blocks=[clinical]"])
    load_study(IMAGES)
    with pytest.raises(InputError, match=r"of any block of the study by readers; name .* cohort\.second_mask, or .*"):
        load_study(IMAGES, ["fusion.selection.0.source=readers"])
    load_study(IMAGES, ["fusion.selection.0.source=readers", "cohort.second_mask=second"])


@pytest.mark.parametrize("wrong", [{"icc": 0}, {"form": "2,k"}, {"over": "all"}, {"source": "reader"}])
def test_refuses(wrong: dict[str, object]):
    with pytest.raises(InputError, match=rf"selection\.0\.{next(iter(wrong))}"):
        build(FusionConfig, {"selection": [{"kind": "stability", **wrong}]}, "study.yaml")
