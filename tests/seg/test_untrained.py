"""Backends without training by hand: votes of readers, regions grown from seeds, and their way through a study."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from boxes import box, tumour_cohort
from realdata import real_file

from radfuse.bundle.predict import predict
from radfuse.errors import CaseError, InputError
from radfuse.pipeline import run_study
from radfuse.seg.grow import GrowSegmentation
from radfuse.seg.metrics import dice
from radfuse.seg.untrained import Given
from radfuse.seg.vote import VoteSegmentation
from radfuse.study import load_study
from radfuse.volume.files import read_labels, read_volume, write_image
from radfuse.volume.grid import Grid, oriented
from radfuse.volume.image import LabelMap, Volume
from radfuse.volume.plane import positions_of
from radfuse.volume.vote import voted

SHAPE = (8, 12, 14)
WHERE = Grid(SHAPE, (3.0, 1.0, 2.0), (-20.0, 15.0, 100.0))
SEED = {"x": -20.0 + 2 * 6, "y": 15.0 + 5, "z": 100.0 + 3 * 4}
"""In the middle of the bright box."""


def test_a_majority_needs_more_voices_than_any_other_label() -> None:
    masks = [
        np.array(values, dtype=np.uint8).reshape(1, 1, -1)
        for values in ([1, 1, 1, 0, 2], [1, 1, 2, 0, 2], [1, 0, 0, 1, 1])
    ]
    assert voted(masks, "majority").ravel().tolist() == [1, 1, 0, 0, 2]
    assert voted(masks[:2], "majority").ravel().tolist() == [1, 1, 0, 0, 2]  # of two, what both drew
    assert not voted([np.zeros((2, 2, 2), dtype=np.uint8)] * 2, "staple").any()
    high = [mask.astype(np.int64) * 70_000 for mask in masks]
    assert voted(high, "majority").ravel().tolist() == [70_000, 70_000, 0, 0, 140_000]
    assert set(np.unique(voted(high, "staple"))) <= {0, 70_000, 140_000}


def test_staple_trusts_readers_who_agree() -> None:
    """Three readers draw the same box, of which a fourth and a fifth see another: the box comes out."""
    good, bad = box(SHAPE, (2, 3, 3), (6, 9, 10)), box(SHAPE, (2, 3, 7), (6, 9, 13))
    masks = [np.array(mask, dtype=np.uint8) for mask in (good, good, good, bad, bad)]
    np.testing.assert_array_equal(voted(masks, "staple") > 0, good)
    generator = np.random.default_rng(0)
    careless = [(good ^ (generator.random(SHAPE) < share)).astype(np.uint8) for share in (0.05, 0.05, 0.3)]
    assert dice(good, voted(careless, "staple") > 0) > dice(good, careless[2] > 0) + 0.1


def readers_of(folder: Path, masks: dict[str, np.ndarray], where: Grid = WHERE) -> dict[str, Path]:
    paths = {reader: folder / f"{reader}.nrrd" for reader in masks}
    for reader, mask in masks.items():
        write_image(LabelMap(mask.astype(np.uint8), where), paths[reader])
    return paths


def test_readers_who_lack_disagree_or_drew_elsewhere_fail_their_case(tmp_path: Path) -> None:
    one, other = box(SHAPE, (1, 1, 1), (3, 3, 3)), box(SHAPE, (5, 5, 5), (7, 7, 7))
    image = Volume(np.zeros(SHAPE, dtype=np.float32), WHERE, "t1.nrrd")
    backend = VoteSegmentation(labels={"tumour": 1})
    paths = readers_of(tmp_path, {"anna": one, "ben": other})
    with pytest.raises(
        CaseError, match=r"c1: masks of 1 readers \(anna\), needs 2; fill the columns of cohort.readers"
    ):
        backend.draw(image, Given("c1", {}, {"anna": paths["anna"]}))
    with pytest.raises(CaseError, match=r"c1: 2 readers agree on no voxel \(anna, ben\)"):
        backend.draw(image, Given("c1", {}, paths))
    away = readers_of(tmp_path, {"anna": one}, replace(WHERE, origin=(0.0, 0.0, 0.0))) | {"ben": paths["ben"]}
    with pytest.raises(CaseError, match=r"c1: the mask of reader 'anna' lies on another grid than image t1\.nrrd"):
        backend.draw(image, Given("c1", {}, away))


def bright(where: Grid = WHERE) -> Volume:
    """A bright box with a hole in the dark, and a bright one beside it that it does not touch."""
    array = np.full(where.shape, 10.0)
    array[BOX], array[4, 5, 8], array[BESIDE] = 100.0, 10.0, 100.0
    noise = np.random.default_rng(0).normal(0, 3, where.shape)
    return Volume((array + noise).astype(np.float32), where, "t1.nrrd")


BOX, BESIDE = np.s_[2:7, 3:9, 4:10], np.s_[2:7, 3:9, 11:13]


@pytest.mark.parametrize("settings", [{"between": (60, 140)}, {"deviations": 4, "radius_voxels": 1}])
def test_a_region_grows_over_what_is_alike_and_connected(settings: dict[str, Any]) -> None:
    wanted = np.zeros(SHAPE, dtype=bool)
    wanted[BOX] = True
    backend = GrowSegmentation(labels={"tumour": 3}, seed=("x", "y", "z"), **settings)
    found = backend.draw(bright(), Given("c1", SEED))
    np.testing.assert_array_equal(found.array, wanted * 3)
    holes = backend.model_copy(update={"fill": False}).draw(bright(), Given("c1", SEED)).array > 0
    assert wanted.sum() - holes.sum() == 1
    near = backend.model_copy(update={"within_mm": 6.0}).draw(bright(), Given("c1", SEED)).array > 0
    apart = np.linalg.norm(positions_of(wanted, WHERE) - list(SEED.values()), axis=1)
    assert near.sum() == (apart <= 6).sum()


def test_a_hole_of_a_flat_image_is_filled() -> None:
    backend = GrowSegmentation(labels={"tumour": 1}, seed=("x", "y", "z"), between=(60, 140))
    image = bright()
    flat = replace(WHERE, shape=(1, *SHAPE[1:]), origin=(-20.0, 15.0, SEED["z"]))
    found = backend.draw(Volume(image.array[4:5], flat, "t1.png"), Given("c1", SEED)).array > 0
    assert found.sum() == 36


def test_a_label_of_any_number_grows() -> None:
    backend = GrowSegmentation(labels={"tumour": 70_000}, seed=("x", "y", "z"), between=(60, 140))
    assert backend.draw(bright(), Given("c1", SEED)).present() == (70_000,)


def test_a_seed_is_a_place_of_the_patient_however_voxels_are_stored() -> None:
    turned = oriented(WHERE, "RIA")
    image = Volume(np.ascontiguousarray(bright().array.transpose(1, 0, 2)[::-1, ::-1, ::-1]), turned, "t1.nrrd")
    backend = GrowSegmentation(labels={"tumour": 1}, seed=("x", "y", "z"), between=(60, 140))
    places = [positions_of(backend.draw(each, Given("c1", SEED)).array > 0, each.grid) for each in (bright(), image)]
    first, second = ({tuple(np.round(row, 6)) for row in each} for each in places)
    assert first == second


def test_seeds_that_lack_lie_outside_or_grow_nothing_fail_their_case() -> None:
    backend = GrowSegmentation(labels={"tumour": 1}, seed=("x", "y", "z"), between=(60, 140))
    for landmarks, message in (
        ({"x": 1.0}, "c1: the table says no y, z of its seed; fill the columns"),
        (
            SEED | {"x": 200.0},
            r"c1: the seed at \(200\.0, 20\.0, 112\.0\) mm lies outside image t1\.nrrd, which reaches",
        ),
        (SEED | {"x": -20.0}, r"c1: nothing grows from the seed at \(-20\.0, 20\.0, 112\.0\) mm, where image t1\.nrrd"),
    ):
        with pytest.raises(CaseError, match=message):
            backend.draw(bright(), Given("c1", landmarks))
    with pytest.raises(CaseError, match=r"fills the whole of image t1\.nrrd; narrow `between`"):
        backend.model_copy(update={"between": (-1e4, 1e4)}).draw(bright(), Given("c1", SEED))
    with pytest.raises(InputError, match="between: 5 is above 1"):
        GrowSegmentation(labels={"tumour": 1}, seed=("x", "y", "z"), between=(5, 1))
    with pytest.raises(InputError, match="at most 1 item"):
        GrowSegmentation(labels={"tumour": 1, "bone": 2}, seed=("x", "y", "z"))


STUDY = """
name: aided
cohort: {table: cohort.csv, patient: patient_id, images: {t1: t1}, outcome: {column: event}, COHORT,
  split: {kind: grouped, folds: 3}}
segmentation: {labels: {tumour: 1}, BACKEND}
regions: [{kind: label, name: whole, label: tumour}]
radiomics: {classes: [shape, firstorder]}
fusion: {families: [radiomic], inner_folds: 2, selection: [{kind: mrmr, k: 2}], classifier: {kind: logistic, c: [0.1]}}
"""
VOTE = ("readers: {anna: mask, ben: ben, cleo: cleo}", "backend: vote")
GROW = ("landmarks: {x: sx, y: sy, z: sz}", "backend: grow, seed: [x, y, z], between: [140, 260], smoothing_mm: 1")


def aided(folder: Path, cases: int) -> None:
    """Write a cohort with masks of three readers, each a little other, and a seed in each box."""
    tumour_cohort(folder, cases)
    table = pd.read_csv(folder / "cohort.csv")
    for row, name in enumerate(table["mask"]):
        labels = read_labels(folder / name)
        table.loc[row, ["sx", "sy", "sz"]] = positions_of(labels.array > 0, labels.grid).mean(axis=0)
        for reader, shift in (("ben", 1), ("cleo", -1)):
            path = f"{reader}{row}.nrrd"
            write_image(LabelMap(np.roll(labels.array, shift, axis=2), labels.grid), folder / path)
            table.loc[row, reader] = path
    table.to_csv(folder / "cohort.csv", index=False)


def study_of(folder: Path, cohort: str, backend: str) -> Path:
    (folder / "study.yaml").write_text(STUDY.replace("COHORT", cohort).replace("BACKEND", backend))
    return folder / "study.yaml"


@pytest.mark.parametrize(("settings", "least"), [(VOTE, 1.0), (GROW, 0.9)])
def test_masks_of_a_study_are_made_without_training(tmp_path: Path, settings: tuple[str, str], least: float) -> None:
    aided(tmp_path, 6)
    run = run_study(study_of(tmp_path, *settings), tmp_path / "run", until="segment")
    assert run.failures == ()
    for number in range(6):
        found = read_labels(run.path / f"labels/c{number}/labels.nrrd").array > 0
        assert dice(read_labels(tmp_path / f"m{number}.nrrd").array > 0, found) >= least
    facts = json.loads((run.path / "labels/c0/segmented.json").read_text())
    assert facts["source"] == "untrained"


@pytest.mark.slow
def test_a_bundle_makes_masks_of_new_patients_the_same_way(tmp_path: Path) -> None:
    aided(tmp_path, 12)
    run = run_study(study_of(tmp_path, *GROW), tmp_path / "run", until="export")
    assert run.failures == ()
    found = predict(run.path / "bundle", tmp_path / "cohort.csv", labels_out=tmp_path / "out")
    assert found.failures == ()
    assert len(found.probabilities) == 12
    for number in range(12):
        new = read_labels(tmp_path / f"out/c{number}.nii.gz").array
        np.testing.assert_array_equal(new, read_labels(run.path / f"labels/c{number}/labels.nrrd").array)


ATLAS = "backend: atlas, template: t.nrrd, template_labels: l.nrrd, template_side: left"


@pytest.mark.parametrize(
    ("cohort", "backend", "message"),
    [
        ("readers: {anna: mask}", "backend: vote", "needs the masks of 2 readers, and cohort.readers names 1"),
        ("readers: {anna: mask, ben: mask}", "backend: vote", "column 'mask' stands twice"),
        ("landmarks: {x: sx, y: sy}", GROW[1], "segmentation.seed: cohort.landmarks has no 'z'"),
        ("unit: [patient_id]", ATLAS, "the template is of the left, and the table says of no case which side it is"),
        ("landmarks: {}", "backend: manual", "regions need cohort.mask"),
    ],
)
def test_a_study_that_lacks_columns_for_its_masks_is_told(
    tmp_path: Path, cohort: str, backend: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        load_study(study_of(tmp_path, cohort, backend))


def test_two_readers_are_not_one_file(tmp_path: Path) -> None:
    aided(tmp_path, 4)
    table = pd.read_csv(tmp_path / "cohort.csv")
    table.loc[1, "ben"] = table.loc[1, "cleo"]
    table.to_csv(tmp_path / "cohort.csv", index=False)
    with pytest.raises(InputError, match=r"cleo1\.nrrd stands under 'ben' and under 'cleo'; correct one"):
        run_study(study_of(tmp_path, *VOTE), tmp_path / "run", until="segment")


def test_a_hot_tumour_grows_from_a_seed_in_its_pet() -> None:
    """STS_002, SUV from 41 % of the hottest voxel on; its mask was drawn on MR, and the PET is coarse."""
    pet, own = (read(real_file(f"sarcoma/STS_002/{name}")) for read, name in ((read_volume, "pet.nii.gz"), MASK))
    hottest = pet.array == pet.array[own.array > 0].max()
    places = zip("xyz", positions_of(hottest, pet.grid)[0], strict=True)
    low = 0.41 * float(pet.array[hottest][0])
    backend = GrowSegmentation(labels={"tumour": 1}, seed=("x", "y", "z"), between=(low, 100))
    found = backend.draw(pet, Given("STS_002", {axis: float(value) for axis, value in places})).array > 0
    assert (pet.array[found] >= low).mean() > 0.98  # filled holes are below
    assert found.sum() > 100
    assert (own.array[found] > 0).mean() > 0.8


MASK = (read_labels, "pet_mask.nii.gz")
