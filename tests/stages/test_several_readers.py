"""Masks of three readers, one of whom drew twice: boxes whose overlaps, distances and volumes are known by hand."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from boxes import box, grid

from radfuse.check.study import check_study
from radfuse.cohort.read import read_cohort
from radfuse.errors import InputError
from radfuse.pipeline import run_study
from radfuse.run.folder import RunFolder
from radfuse.stages import disturb, prepare
from radfuse.stages.context import Context
from radfuse.stages.disturb import StableCase, rows_again
from radfuse.statistics.icc import icc
from radfuse.study import load_study
from radfuse.volume.files import write_image
from radfuse.volume.image import LabelMap, Volume

SHAPE = (8, 16, 24)
WHERE = grid(SHAPE, (2.0, 1.0, 1.0))
STUDY = """
name: readers
cohort:
  table: cohort.csv
  patient: case_id
  images: {t1: t1}
  mask: anna
  readers: {anna: anna, ben: ben, cleo: cleo}
  repeats: {anna: anna_again}
  outcome: {column: event}
  split: {kind: grouped, folds: 2}
segmentation: {backend: manual, labels: {box: 1}}
regions: [{kind: label, name: box, label: box}]
morphometry: [{kind: size, regions: [box]}]
radiomics: {classes: [shape], features: {shape: [VoxelVolume, Sphericity]}}
stability: {copies: 1, contour: false, rotation_degrees: 0, noise: 0}
fusion: {inner_folds: 2, selection: [{kind: stability}, {kind: mrmr, k: 1}]}
"""
CASES = 8


def drawn(case: int) -> dict[str, np.ndarray]:
    """Return each reader's box: 4 slices of 8 rows, 6 and more columns; ben draws a column more, cleo a row further."""
    width = 6 + case
    anna = box(SHAPE, (2, 4, 3), (6, 12, 3 + width))
    ben = box(SHAPE, (2, 4, 3), (6, 12, 4 + width))
    return {"anna": anna, "ben": ben, "cleo": np.roll(anna, 1, axis=1), "anna_again": anna}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight cases; cleo did not read the last one."""
    folder = tmp_path_factory.mktemp("readers")
    rows = []
    for case in range(CASES):
        array = np.random.default_rng(case).normal(100, 10, SHAPE).astype(np.float32)
        write_image(Volume(array, WHERE), folder / f"i{case}.nrrd")
        row = {"case_id": f"c{case}", "t1": f"i{case}.nrrd", "event": case % 2}
        for reader, mask in drawn(case).items():
            write_image(LabelMap(mask.astype(np.uint8), WHERE), folder / f"{reader}{case}.nrrd")
            row[reader] = f"{reader}{case}.nrrd"
        rows.append(row)
    rows[-1]["cleo"] = ""
    pd.DataFrame(rows).to_csv(folder / "cohort.csv", index=False)
    (folder / "study.yaml").write_text(STUDY)
    return folder / "study.yaml"


@pytest.fixture(scope="module")
def finished(study: Path) -> Path:
    run = run_study(study, study.parent / "run", until="stability")
    assert run.failures == ()
    return run.path / "stability"


def test_pairs_of_readers_by_hand(finished: Path) -> None:
    masks = pd.read_csv(finished / "readers.csv").set_index(["reader", "other"])
    assert masks.index.unique().tolist() == [("anna", "ben"), ("anna", "cleo"), ("ben", "cleo"), ("anna", "anna")]
    widths = 6 + np.arange(CASES)
    ben = masks.loc[("anna", "ben")]
    assert ben["dice"].to_numpy() == pytest.approx(2 * widths / (2 * widths + 1))
    assert (ben["other_mm3"] - ben["reference_mm3"]).tolist() == [4 * 8 * 2] * CASES  # a column of voxels of 2 mm3
    cleo = masks.loc[("anna", "cleo")]
    assert len(cleo) == CASES - 1
    assert cleo["dice"].tolist() == pytest.approx([7 / 8] * (CASES - 1))
    assert cleo["hd95_mm"].tolist() == pytest.approx([1.0] * (CASES - 1))  # one row of 1 mm
    assert masks.loc[("anna", "anna"), "dice"].tolist() == [1.0] * CASES
    volumes = pd.read_csv(finished / "tables" / "masks_volumes.csv").set_index("label")
    assert volumes.loc["box: ben and anna"].tolist() == [CASES, "64.0 mm³", "64.0 to 64.0"]
    assert volumes.loc["box: cleo and anna", "mean difference"] == "0.0 mm³"
    again = pd.read_csv(finished / "tables" / "repeats_volumes.csv")
    assert again["95% limits of agreement"].tolist() == ["0.0 to 0.0"]


def test_surfaces_of_readers_are_near_by_the_studys_tolerance(study: Path, finished: Path, tmp_path: Path) -> None:
    one = load_study(study, ["segmentation.tolerance_mm=0.5"])
    with closing(RunFolder.open(tmp_path / "run", one.name)) as folder:
        job = next(iter(disturb.jobs(Context(one, folder, lambda *_: None))))
        pair = disturb._agreement(job)[0].labels["box"]
    masks = pd.read_csv(finished / "readers.csv").set_index(["reader", "other"])
    assert masks.loc[("anna", "ben"), ["tolerance_mm", "surface_dice"]].iloc[0].tolist() == [1, 1]  # a column of 1 mm
    assert pair.tolerance_mm == 0.5
    assert pair.surface_dice < 1
    assert "Surface Dice within 1 mm." in (finished / "index.html").read_text()
    alone = ["segmentation.tolerance_mm=0.5", "cohort.readers={}", "cohort.repeats={}"]
    with pytest.raises(InputError, match="agreement of predicted masks, or of readers, and here are neither"):
        load_study(study, alone)


def test_shapes_are_measured_on_copies_and_by_every_reader(finished: Path) -> None:
    """Boxes of 4 x 8 x 6 voxels of 2 mm3, ben's a column wider."""
    found = StableCase.model_validate_json((finished.parent / "features/stability/c0.json").read_bytes())
    volume = "t1/box/morphometry_Volume"
    by_reader = {name: row[volume] for name, row in found.readers.items()}
    assert by_reader == pytest.approx({"anna": 384.0, "ben": 448.0, "cleo": 384.0})
    assert found.repeats["anna"][volume] == pytest.approx(384.0)
    plain, copy = (row[volume] for row in found.copies)
    assert plain == pytest.approx(384.0)
    assert copy != plain
    assert copy == pytest.approx(384.0, rel=0.3)
    table = pd.read_csv(finished / "stability.csv").set_index(["source", "feature"])
    assert (
        table.loc[("readers", volume), "icc21"] == table.loc[("readers", "t1/box/original_shape_VoxelVolume"), "icc21"]
    )
    assert table.loc[("perturbation", volume), ["cases", "copies"]].tolist() == [CASES, 2]


def test_coefficients_are_over_all_readers_and_repeats_stand_apart(finished: Path) -> None:
    table = pd.read_csv(finished / "stability.csv").set_index(["source", "feature"])
    assert table.index.unique("source").tolist() == ["perturbation", "readers", "repeats:anna"]
    volume = "t1/box/original_shape_VoxelVolume"
    by_hand = (6.0 + np.arange(CASES - 1)) * 64
    ratings = np.column_stack([by_hand, by_hand + 64, by_hand])
    row = table.loc[("readers", volume)]
    assert row["icc21"] == pytest.approx(icc(ratings))
    assert row["icc21_low"] < row["icc21"] < row["icc21_high"]
    assert row[["cases", "copies"]].tolist() == [CASES - 1, 3]
    again = table.loc[("repeats:anna", volume)]
    assert again[["icc21", "cases", "copies"]].tolist() == [1.0, CASES, 2]
    page = (finished / "index.html").read_text(encoding="utf-8")
    for told in (
        "Three readers",
        "Masks of three readers",
        "Masks drawn once more",
        "anna, twice",
        "box: ben and anna",
    ):
        assert told in page


def test_models_are_given_all_readers_and_each_repeat(study: Path, finished: Path) -> None:
    run = run_study(study, study.parent / "run", until="prepare")
    prepared = prepare.read_design(run.path / prepare.PLACE)
    again = prepared.design.again["radiomic"]
    assert {source: len(frames) for source, frames in again.items()} == {
        "copies": 2,
        "readers": 3,
        "repeats:anna": 2,
    }
    volume = "t1/box/original_shape_VoxelVolume"
    anna, ben, cleo = (frame[volume] for frame in again["readers"])
    assert (ben - anna).tolist() == [64] * CASES
    assert cleo.isna().tolist() == [False] * 7 + [True]
    assert "cohort.readers: 7 of 8 units have all of these masks; by them alone stability is judged" in {
        str(warning) for warning in prepared.warnings
    }


def test_a_reader_on_another_grid_is_told_by_case_and_others_go_on(study: Path, tmp_path: Path) -> None:
    table = pd.read_csv(study.parent / "cohort.csv")
    files = ("t1", "anna", "ben", "cleo", "anna_again")
    table[list(files)] = table[list(files)].map(lambda name: str(study.parent / name), na_action="ignore")
    table.loc[2, "cleo"] = "thick.nrrd"
    write_image(LabelMap(drawn(2)["cleo"][::2].astype(np.uint8), grid((4, 16, 24), (4, 1, 1))), tmp_path / "thick.nrrd")
    table.to_csv(tmp_path / "cohort.csv", index=False)
    (tmp_path / "study.yaml").write_text(STUDY)
    with pytest.raises(InputError) as caught:
        check_study(load_study(tmp_path / "study.yaml"))
    (problem,) = [problem for problem in caught.value.problems if problem.severity == "error"]
    assert (problem.row, problem.column) == (4, "cleo")
    assert "case c2: reader 'cleo': mask thick.nrrd lies on another grid than image i2.nrrd" in problem.message
    run = run_study(tmp_path / "study.yaml", tmp_path / "run", until="stability")
    (failure,) = run.failures
    assert failure.item == "c2"
    assert "the mask of reader 'cleo' cannot be compared: mask thick.nrrd lies on another grid" in failure.error
    assert "resample_masks: true" in failure.error
    assert len(pd.read_csv(run.path / "stability" / "readers.csv")) == 4 * (CASES - 1) - 2


def test_rows_of_readers_who_left_cases_out() -> None:
    one = StableCase(copies=({"x": 1.0},), readers={"a": {"x": 1.0}, "b": {"x": 2.0}}, repeats={"a": {"x": 3.0}})
    two = StableCase(copies=({"x": 4.0},), readers={"b": {"x": 5.0}}, repeats={"a": {"x": 6.0}})
    found = rows_again({"one": one, "two": two})
    assert found == {
        "readers": [{"one": {"x": 1.0}}, {"one": {"x": 2.0}, "two": {"x": 5.0}}],
        "repeats:a": [{"one": {"x": 1.0}}, {"one": {"x": 3.0}}],
    }
    assert rows_again({}) == {}


WRONG = {
    "cohort.repeats={ana: anna_again}": r"repeats\.ana: no reader of this name.*'anna'",
    "cohort.repeats={first: anna_again}": r"repeats\.first: no reader of this name",
    "cohort.repeats={ben: anna}": "'anna' stands twice in `images, readers and repeats`",
    "cohort.repeats={ben: cleo}": "'cleo' stands twice in `images, readers and repeats`",
    "cohort.readers={anna: anna, ben: anna}": "'anna' stands twice in `images, readers and repeats`",
    "cohort.readers={anna: anna, ben: t1}": "'t1' stands twice",
    "cohort.readers={ben: ben}": r"cohort\.readers names one reader, ben, .*readers: \{NAME: anna, ben: ben\}",
    "cohort.readers=[anna, ben]": "cohort.readers",
    "cohort.readers={anna: 3}": "cohort.readers.anna",
    "cohort.repeats=anna_again": "cohort.repeats",
}


@pytest.mark.parametrize("setting", WRONG)
def test_settings_that_tell_no_readers_are_refused(study: Path, setting: str) -> None:
    alone = ["cohort.repeats={}"] if setting.startswith("cohort.readers") else []
    with pytest.raises(InputError, match=WRONG[setting]):
        load_study(study, [setting, *alone])


def test_the_first_and_the_second_reader_keep_their_names(study: Path) -> None:
    pair = ["cohort.readers={}", "cohort.second_mask=ben", "cohort.repeats={first: anna_again}"]
    assert load_study(study, pair).cohort.drawn == {"first": "anna", "second": "ben"}
    three = ["cohort.readers={cleo: cleo}", "cohort.second_mask=ben", "cohort.repeats={}"]
    assert list(load_study(study, three).cohort.drawn) == ["first", "second", "cleo"]
    with pytest.raises(InputError, match=r"readers\.second: so is called who drew 'ben', and this is another"):
        load_study(study, ["cohort.second_mask=ben", "cohort.readers={second: cleo}", "cohort.repeats={}"])


@pytest.mark.parametrize("column", ["ben", "anna_again"])
def test_one_file_of_two_readers_is_told(study: Path, column: str) -> None:
    table = pd.read_csv(study.parent / "cohort.csv")
    table.loc[1, column] = table.loc[1, "anna"]
    table.to_csv(study.parent / f"same_{column}.csv", index=False)
    config = load_study(study, [f"cohort.table=same_{column}.csv"]).cohort
    with pytest.raises(InputError, match=rf"anna1.nrrd stands under 'anna' and under '{column}'; correct one"):
        read_cohort(config=config)
