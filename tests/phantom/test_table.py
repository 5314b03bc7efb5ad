"""The table phantom: the same seed draws the same people, and its truth says how well they can be told apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from radfuse.cohort.read import read_cohort
from radfuse.errors import InputError
from radfuse.features import read_features
from radfuse.fusion.design import join
from radfuse.phantom.table import BLOCKS, TablePhantom, reachable_auc, table_phantom, write_table_phantom
from radfuse.study import load_study

SMALL = TablePhantom(patients=40, seed=3)


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    """Forty people."""
    return table_phantom(SMALL)


def truth(**columns: list[float]) -> pd.DataFrame:
    """A truth table whose parts not given are zero."""
    rows = len(next(iter(columns.values())))
    return pd.DataFrame({**{f"{block}_part": [0.0] * rows for block in BLOCKS}, **columns})


def auc_by_pairs(score: list[float], p: list[float]) -> float:
    """The share of right pairs, each pair weighted by its chance to be one of an event and a non-event; ties half."""
    right = whole = 0.0
    for i in range(len(p)):
        for j in range(len(p)):
            if i != j:
                weight = p[i] * (1 - p[j])
                whole += weight
                right += weight * (1.0 if score[i] > score[j] else 0.5 if score[i] == score[j] else 0.0)
    return right / whole


# the reachable AUC


def test_two_knees_by_hand() -> None:
    # event at the high score: 0.9 x 0.8 = 0.72; at the low score: 0.2 x 0.1 = 0.02
    two = truth(clinical_part=[-1.0, 1.0], probability=[0.2, 0.9])
    assert reachable_auc(two, "clinical") == pytest.approx(0.72 / 0.74)


@pytest.mark.parametrize("family", ["clinical", "radiomic", "deep", "clinical-deep", "clinical-radiomic-deep"])
def test_the_reachable_auc_is_the_share_of_pairs_in_the_right_order(family: str) -> None:
    five = truth(
        clinical_part=[0.5, -1.0, 0.2, 1.4, -0.3],
        radiomic_part=[-0.7, 0.1, 1.1, 0.4, -1.6],
        deep_part=[0.3, -0.2, -0.9, 0.8, 0.05],
        probability=[0.5, 0.2, 0.7, 0.95, 0.1],
    )
    score = five[[f"{block}_part" for block in family.split("-")]].sum(axis=1)
    assert reachable_auc(five, family) == pytest.approx(auc_by_pairs(list(score), list(five["probability"])), abs=1e-12)


def test_certain_outcomes_in_order_are_told_apart_wholly() -> None:
    four = truth(deep_part=[1.0, 2.0, 3.0, 4.0], probability=[0.0, 0.0, 1.0, 1.0])
    assert reachable_auc(four, "deep") == 1.0


def test_a_tie_counts_half() -> None:
    three = truth(clinical_part=[0.0, 1.0, 1.0], probability=[0.2, 0.4, 0.9])
    assert reachable_auc(three, "clinical") == pytest.approx(auc_by_pairs([0.0, 1.0, 1.0], [0.2, 0.4, 0.9]))


def test_a_block_without_a_part_tells_nothing_apart() -> None:
    four = truth(radiomic_part=[1.0, 2.0, 3.0, 4.0], probability=[0.9, 0.6, 0.3, 0.1])
    assert reachable_auc(four, "clinical") == pytest.approx(0.5)


def test_more_blocks_reach_more(tables: dict[str, pd.DataFrame]) -> None:
    reached = [
        reachable_auc(tables["truth"], family) for family in ("clinical", "clinical-radiomic", "clinical-radiomic-deep")
    ]
    assert 0.5 < reached[0] < reached[1] < reached[2] < 1


# the people


def test_the_same_seed_draws_equal_tables(tables: dict[str, pd.DataFrame]) -> None:
    again = table_phantom(SMALL)
    assert list(again) == ["cohort", "radiomic", "deep", "truth"]
    for name, table in tables.items():
        pd.testing.assert_frame_equal(table, again[name], check_exact=True)


def test_another_seed_draws_others(tables: dict[str, pd.DataFrame]) -> None:
    other = table_phantom(SMALL.model_copy(update={"seed": 4}))
    assert not tables["radiomic"].equals(other["radiomic"])


def test_both_knees_of_a_person_share_the_patient_id(tables: dict[str, pd.DataFrame]) -> None:
    cohort = tables["cohort"]
    assert cohort["patient_id"].nunique() == 40
    assert cohort["case_id"].is_unique
    knees = cohort.groupby("patient_id")["side"].agg(list)
    assert {tuple(sides) for sides in knees} == {("right",), ("right", "left")}
    for person, side, case in zip(cohort["patient_id"], cohort["side"], cohort["case_id"], strict=True):
        assert case == f"K{person.removeprefix('P')}{side[0].upper()}"


def test_site_age_sex_and_bmi_belong_to_the_person_and_pain_to_the_knee() -> None:
    cohort = table_phantom(TablePhantom(patients=40, seed=3, missing=0))["cohort"]
    by_person = cohort.groupby("patient_id").nunique()
    assert (by_person[["site", "age", "sex", "bmi"]] == 1).all(axis=None)
    assert (by_person["pain"] == 2).any()


def test_every_table_has_the_knees_in_the_same_order(tables: dict[str, pd.DataFrame]) -> None:
    for name in ("radiomic", "deep", "truth"):
        assert list(tables[name]["case_id"]) == list(tables["cohort"]["case_id"])


def test_shapes_and_names_of_the_blocks(tables: dict[str, pd.DataFrame]) -> None:
    assert (tables["radiomic"].shape[1], tables["deep"].shape[1]) == (1 + 144, 1 + 64)
    assert tables["radiomic"].columns[1] == "dess/tibial_subchondral_medial/original_firstorder_Mean"
    assert tables["deep"].columns[-1] == "dess/tibial_cartilage/deep_063"


def test_the_probability_is_that_of_the_parts_and_the_intercept(tables: dict[str, pd.DataFrame]) -> None:
    table = tables["truth"]
    logit = table["clinical_part"] + table["radiomic_part"] + table["deep_part"] + table["intercept"]
    np.testing.assert_allclose(table["probability"], 1 / (1 + np.exp(-logit)), rtol=1e-12)
    assert table["probability"].mean() == pytest.approx(SMALL.prevalence, abs=1e-6)


def test_the_strengths_are_the_standard_deviations_of_the_parts(tables: dict[str, pd.DataFrame]) -> None:
    for block, strength in SMALL.strength.items():
        assert tables["truth"][f"{block}_part"].std(ddof=0) == pytest.approx(strength)
        assert tables["truth"][f"{block}_part"].mean() == pytest.approx(0, abs=1e-12)


def test_about_the_wanted_share_is_missing_and_none_of_the_ids_and_outcomes() -> None:
    drawn = table_phantom(TablePhantom(patients=100, missing=0.1))
    assert drawn["radiomic"].iloc[:, 1:].isna().mean().mean() == pytest.approx(0.1, abs=0.01)
    assert drawn["cohort"][["case_id", "patient_id", "side", "site", "progressed"]].notna().all(axis=None)


def test_a_strength_for_each_block_is_demanded() -> None:
    with pytest.raises(ValueError, match="deep"):
        TablePhantom(strength={"clinical": 1.0, "radiomic": 1.0})


# the folder


def test_the_folder_holds_four_tables_and_a_study_that_loads_and_joins(tmp_path: Path) -> None:
    path = write_table_phantom(tmp_path / "P", SMALL)
    assert path == tmp_path / "P" / "study.yaml"
    assert sorted(item.name for item in path.parent.iterdir()) == [
        "cohort.csv", "deep.csv", "radiomic.csv", "study.yaml", "truth.csv",
    ]  # fmt: skip
    study = load_study(path)
    cohort = read_cohort(config=study.cohort)
    read = {str(block): read_features(source.table or "")[0] for block, source in study.features.items()}
    design = join(cohort, read)
    assert {block: values.shape[1] for block, values in design.blocks.items()} == {
        "clinical": 4,
        "radiomic": 144,
        "deep": 64,
    }
    assert design.warnings == ()


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    first = write_table_phantom(tmp_path / "A", SMALL).parent
    second = write_table_phantom(tmp_path / "B", SMALL).parent
    for item in first.iterdir():
        assert item.read_bytes() == (second / item.name).read_bytes()


def test_the_truth_on_disk_reaches_the_same_auc(tmp_path: Path, tables: dict[str, pd.DataFrame]) -> None:
    folder = write_table_phantom(tmp_path / "P", SMALL).parent
    read = pd.read_csv(folder / "truth.csv")
    assert reachable_auc(read, "clinical-deep") == pytest.approx(
        reachable_auc(tables["truth"], "clinical-deep"), abs=1e-6
    )


def test_a_foreign_folder_that_is_not_empty_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="is not empty; choose another folder with `folder`"):
        write_table_phantom(tmp_path, SMALL)
    assert [item.name for item in tmp_path.iterdir()] == ["thesis.txt"]


def test_who_was_killed_while_writing_takes_the_folder_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pd.DataFrame, "to_csv", _killed)
    with pytest.raises(KeyboardInterrupt):
        write_table_phantom(tmp_path / "P", SMALL)
    monkeypatch.undo()
    (tmp_path / "P" / "cohort.csv").write_text("half a ta")
    assert write_table_phantom(tmp_path / "P", SMALL).is_file()


def _killed(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "P").write_text("a file")
    with pytest.raises(InputError, match="`folder`"):
        write_table_phantom(tmp_path / "P", SMALL)
    assert (tmp_path / "P").read_text() == "a file"


def test_an_empty_folder_and_an_earlier_phantom_are_written_into(tmp_path: Path) -> None:
    write_table_phantom(tmp_path, SMALL)
    write_table_phantom(tmp_path, TablePhantom(patients=20, seed=3))
    assert pd.read_csv(tmp_path / "cohort.csv")["patient_id"].nunique() == 20
