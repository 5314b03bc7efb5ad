"""Studies of two sequences: masks of their own, registered, normalised, measured each its own way; and bad input."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sequences import OTHER, SHIFT_MM, two_sequences

from radfuse.bundle.images import features_from_images
from radfuse.bundle.load import load_bundle
from radfuse.bundle.predict import predict
from radfuse.check.study import check_study
from radfuse.cohort.read import read_cohort
from radfuse.errors import InputError
from radfuse.pipeline import run_study
from radfuse.radiomics.config import RadiomicsConfig
from radfuse.radiomics.extract import extract
from radfuse.study import load_study
from radfuse.volume.files import read_labels, read_volume, write_image
from radfuse.volume.grid import Grid
from radfuse.volume.image import LabelMap, Volume
from radfuse.volume.sitk import read_transform

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("undrawn")]
REGISTER = ["sequences.t2.masks=register", "radiomics.classes=[firstorder]"]


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Five cases: enough to be measured."""
    return two_sequences(tmp_path, 5)


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """Eight cases: enough for models."""
    return two_sequences(tmp_path, 8)


def features(run: Path, case: str) -> dict[str, float]:
    return dict(json.loads((run / f"features/cases/{case}.json").read_text())["features"])


def test_each_sequence_is_measured_by_its_own_mask_values_and_bins(study: Path) -> None:
    folder = study.parent
    run = run_study(study, folder / "run", until="extract")
    assert run.failures == ()
    assert not (run.path / "registration").exists()
    found = features(run.path, "c1")
    image, mask = read_volume(folder / "d1.nrrd"), read_labels(folder / "n1.nrrd", {1: "tumour"})
    scored = ((image.array - image.array.mean()) / image.array.std() * 100).astype(np.float32)
    config = RadiomicsConfig(classes=("shape", "firstorder"), bin_width=3)
    alone = extract(Volume(scored, image.grid), mask, config).values.iloc[0]
    for name, value in alone.items():
        assert found[f"t2/tumour/{str(name).split('/')[-1]}"] == pytest.approx(value, rel=1e-4), name
    assert found["t1/tumour/original_shape_VoxelVolume"] == pytest.approx(11**3 * 4.5)
    assert found["t1/tumour/original_firstorder_Entropy"] <= 4  # 16 bins
    assert found["t2/tumour/original_firstorder_Mean"] < 0


def test_a_registered_mask_lies_where_the_tumour_is_and_predictions_carry_it_the_same_way(whole: Path) -> None:
    folder = whole.parent
    run = run_study(load_study(whole, REGISTER), folder / "run")
    assert run.failures == ()
    for case in ("c0", "c1"):
        place = run.path / f"registration/{case}.t2"
        point = read_transform(place / "transform.tfm").TransformPoint((18.0, 18.0, 20.0))
        assert np.subtract(point, (18, 18, 20)) == pytest.approx(SHIFT_MM, abs=0.5)
        quality = json.loads((place / "quality.json").read_text())
        assert quality["dice_after"]["tumour"] > max(quality["dice_before"]["tumour"], 0.85)
        assert (quality["folded"], quality["flags"]) == (0, [])
        assert (place / "checkerboard.png").read_bytes().startswith(b"\x89PNG")
    bundle = load_bundle(run.path / "bundle")
    assert bundle.schema.imaging is not None
    assert bundle.schema.imaging.masks == {}  # the column of own masks told how well they fit, no more
    table = folder / "new.csv"
    pd.read_csv(folder / "cohort.csv").drop(columns=["t2_mask"]).to_csv(table, index=False)
    assert len(predict(bundle, table).probabilities) == 8
    config = load_study(whole).cohort.model_copy(update={"table": table, "masks": {}, "outcome": None})
    cohort = read_cohort(config=config, labelled=False, new=True)
    made = features_from_images(bundle.schema.imaging, cohort, bundle.path).tables["radiomic"].values
    for case in ("c0", "c1", "c7"):
        assert made.loc[case].to_dict() == features(run.path, case)


def test_predictions_use_masks_of_their_own_as_the_study_did(whole: Path) -> None:
    run = run_study(load_study(whole, ["radiomics.classes=[firstorder]"]), whole.parent / "run", until="export")
    bundle = load_bundle(run.path / "bundle")
    assert bundle.schema.imaging is not None
    cohort = read_cohort(config=load_study(whole).cohort)
    made = features_from_images(bundle.schema.imaging, cohort, bundle.path).tables["radiomic"].values
    assert made.loc["c3"].to_dict() == features(run.path, "c3")
    assert len(predict(bundle, whole.parent / "cohort.csv").probabilities) == 8


def test_only_what_depends_on_a_setting_is_made_again(study: Path) -> None:
    chosen = [*REGISTER, "sequences.t2.registration.iterations=2"]
    first = run_study(load_study(study, chosen), study.parent / "run", until="extract")
    assert (first.computed, first.reused) == (5 + 5, 0)
    assert not [problem for problem in first.warnings if problem.where.startswith("registration")]
    hard = load_study(study, [*chosen, "sequences.t2.registration.least_dice=1"])
    strict = run_study(hard, study.parent / "strict", until="register")
    told = [problem.where for problem in strict.warnings if problem.where.startswith("registration")]
    assert told[:1] == ["registration/c0.t2"]
    bins = run_study(load_study(study, [*chosen, "sequences.t2.radiomics.bin_width=5"]), first.path, until="extract")
    assert (bins.computed, bins.reused) == (5, 5)
    before = (first.path / "registration/c2.t2/transform.tfm").read_bytes()
    seed = run_study(load_study(study, [*chosen, "sequences.t2.registration.seed=2"]), first.path, until="register")
    assert (seed.computed, seed.reused) == (5, 0)
    again = run_study(load_study(study, chosen), first.path, until="register", shard="1/2")
    assert again.computed == 3
    assert (first.path / "registration/c2.t2/transform.tfm").read_bytes() == before


def test_cases_that_cannot_be_registered_are_named_and_others_go_on(study: Path) -> None:
    folder = study.parent
    image = read_volume(folder / "d1.nrrd")
    far = Grid(OTHER.shape, OTHER.spacing_zyx_mm, (900.0, 0.0, 0.0))
    write_image(Volume(image.array, far), folder / "d1.nrrd")
    write_image(Volume(np.zeros_like(image.array), OTHER), folder / "d2.nrrd")
    run = run_study(load_study(study, REGISTER), folder / "run", until="extract")
    found = {failure.item: failure.error for failure in run.failures}
    assert found.keys() == {"c1", "c2"}
    assert "image d1.nrrd and image c1.nrrd hardly overlap as their headers place them" in found["c1"]
    assert "the registration of image c2.nrrd to d2.nrrd diverged" in found["c2"]
    assert len(list((run.path / "features/cases").glob("*.record.json"))) == 3


def test_a_sequence_that_some_cases_lack_is_missing_there(whole: Path) -> None:
    folder = whole.parent
    table = pd.read_csv(folder / "cohort.csv")
    table.loc[[1, 4], ["t2", "t2_mask"]] = None
    table.to_csv(folder / "cohort.csv", index=False)
    with pytest.raises(InputError, match=r"row 3, column 't2': the image path is missing; .* cohort\.optional_images"):
        run_study(whole, folder / "run")
    run = run_study(load_study(whole, ["cohort.optional_images=[t2]"]), folder / "run", until="export")
    assert run.failures == ()
    assert {name.split("/")[0] for name in features(run.path, "c1")} == {"t1"}
    assert {name.split("/")[0] for name in features(run.path, "c2")} == {"t1", "t2"}
    alone = table.iloc[[1]].assign(t2=[None])
    alone.to_csv(folder / "new.csv", index=False)
    assert len(predict(run.path / "bundle", folder / "new.csv").probabilities) == 1


def test_nothing_to_register_is_told(study: Path) -> None:
    with pytest.raises(InputError, match="no sequence of study 'two' gets its mask by registration; add sequences: "):
        run_study(study, study.parent / "run", until="register")


def test_bad_masks_of_their_own_are_named_before_and_while(study: Path) -> None:
    folder = study.parent
    mask = read_labels(folder / "n1.nrrd")
    write_image(LabelMap(mask.array[1:], Grid((15, 28, 28), OTHER.spacing_zyx_mm)), folder / "n1.nrrd")
    write_image(LabelMap(mask.array * 7, mask.grid), folder / "n2.nrrd")
    table = pd.read_csv(folder / "cohort.csv")
    table.loc[3, "t2_mask"] = None
    table.to_csv(folder / "cohort.csv", index=False)
    told = {
        "c1": "mask n1.nrrd lies on another grid than image d1.nrrd",
        "c2": "labels 7 are not declared; declared: 1 tumour",
        "c3": "mask of its own on 't2'",
    }
    with pytest.raises(InputError) as caught:
        check_study(load_study(study))
    problems = {(problem.row, problem.column): problem.message for problem in caught.value.problems}
    assert {(3, "t2_mask"), (4, "t2_mask"), (5, "t2_mask")} <= problems.keys()
    assert "case c3: there is no mask on 't2'; draw it, or set sequences.t2.masks: register" in problems[5, "t2_mask"]
    run = run_study(study, folder / "run", until="extract")
    failures = {failure.item: failure.error for failure in run.failures}
    assert failures.keys() == told.keys()
    for case, text in told.items():
        assert text in failures[case]


def test_a_mask_that_misses_the_image_is_an_error_that_says_so(study: Path) -> None:
    folder = study.parent
    image = read_volume(folder / "d1.nrrd")
    write_image(Volume(image.array, Grid(OTHER.shape, OTHER.spacing_zyx_mm, (900.0, 0.0, 0.0))), folder / "d1.nrrd")
    run = run_study(load_study(study, ["sequences.t2.masks=resample"]), folder / "run", until="regions")
    assert [failure.item for failure in run.failures] == ["c1"]
    assert "nothing of mask m1.nrrd falls into image d1.nrrd (t2)" in run.failures[0].error


def test_a_sequence_may_be_registered_by_another_of_its_scan(study: Path) -> None:
    table = pd.read_csv(study.parent / "cohort.csv")
    table["pet"] = [f"e{number}.nrrd" for number in range(5)]
    table.to_csv(study.parent / "cohort.csv", index=False)
    for number in range(5):
        flat = np.random.default_rng(number).normal(0, 1, OTHER.shape).astype(np.float32)
        write_image(Volume(flat, OTHER), study.parent / f"e{number}.nrrd")  # shows nothing to register
    settings = "sequences.pet={masks: register, registration: {by: t2, levels_mm: [3], iterations: 20}}"
    chosen = load_study(study, ["cohort.images.pet=pet", "radiomics.classes=[firstorder]", settings])
    run = run_study(chosen, study.parent / "run", until="regions")
    assert run.failures == ()
    own = read_labels(study.parent / "n1.nrrd").array > 0
    carried = read_labels(run.path / "regions/c1/pet.tumour.nrrd").array > 0
    assert 2 * (own & carried).sum() > 0.85 * (own.sum() + carried.sum())


def test_habitats_see_registered_images_where_they_show_the_same(study: Path) -> None:
    parts = (
        "{kind: habitats, name: part, of: tumour, sequences: [t1, t2], clusters: 2, zscore: case, measure: firstorder}"
    )
    run = run_study(load_study(study, [*REGISTER, f"regions=[{parts}]"]), study.parent / "run", until="extract")
    assert run.failures == ()
    found = features(run.path, "c1")
    means = [found[f"{name}/part_{i}/original_firstorder_Mean"] for name in ("t1", "t2") for i in (1, 2)]
    assert means[0] < means[1]
    assert means[2] > means[3]  # t2 is t1 inverted
