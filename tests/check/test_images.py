"""The check of headers and masks before any compute: each fault with its case, row, column and mend."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from boxes import grid, tumour_cohort
from contours import write_contours
from pet import setting, write_pet

from radfuse.check.inputs import read_inputs
from radfuse.check.study import check_study
from radfuse.errors import InputError, Problem
from radfuse.pipeline import run_study
from radfuse.recipe import CaseFiles, RegionRecipe, read_masked
from radfuse.sequences import SequenceRecipe
from radfuse.study import for_masks, load_study
from radfuse.volume.files import read_labels, read_volume, write_image
from radfuse.volume.image import LabelMap, Volume

STUDY = """
name: boxes
cohort:
  table: cohort.csv
  images: {t1: t1}
  mask: mask
  clinical: [age]
  outcome: {column: event}
  split: {kind: grouped, folds: 2}
segmentation: {backend: manual, labels: {tumour: 1}}
regions: [{kind: label, name: tumour, label: tumour}]
"""
UNET = "segmentation={backend: unet, labels: {tumour: 1}}"


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Twelve tumours with masks, nothing wrong."""
    tumour_cohort(tmp_path, 12)
    (tmp_path / "study.yaml").write_text(STUDY)
    return tmp_path / "study.yaml"


def problems_of(study: Path, *settings: str) -> list[Problem]:
    with pytest.raises(InputError) as caught:
        check_study(load_study(study, settings))
    return [problem for problem in caught.value.problems if problem.severity == "error"]


def rename(folder: Path, old: str, new: str) -> None:
    table = folder / "cohort.csv"
    assert old in table.read_text()
    table.write_text(table.read_text().replace(old, new))


def test_all_faults_of_files_and_table_are_told_at_once(study: Path) -> None:
    folder = study.parent
    (folder / "c0.nrrd").write_text("not an image")
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((2, 6, 7, 8), np.float32), isVector=False), str(folder / "c1.nii"))
    rename(folder, "c1.nrrd", "c1.nii")
    labels = read_labels(folder / "m2.nrrd")
    write_image(LabelMap(labels.array[1:], grid((19, 24, 24), (2.0, 1.5, 1.5))), folder / "m2.nrrd")
    write_image(LabelMap(labels.array * 9, labels.grid), folder / "m3.nrrd")
    write_image(LabelMap(labels.array * 0, labels.grid), folder / "m4.nrrd")
    write_image(read_volume(folder / "c5.nrrd"), folder / "c5.nii.gz")
    whole = (folder / "c5.nii.gz").read_bytes()
    (folder / "c5.nii.gz").write_bytes(whole[: len(whole) // 2])
    rename(folder, "c5.nrrd", "c5.nii.gz")
    (folder / "c6.nrrd").unlink()
    (folder / "m7.nrrd").unlink()
    rename(folder, "m8.nrrd", "")
    rename(folder, ",59,", ",fifty-nine,")
    found = {(problem.row, problem.column): problem.message for problem in problems_of(study)}
    messages = {
        (2, "t1"): ("case c0: ", "c0.nrrd is no image that can be read"),
        (3, "t1"): ("case c1: ", "4-D (8 x 7 x 6 x 2), not 3-D; save one time point"),
        (4, "mask"): ("case c2: ", "mask m2.nrrd lies on another grid than image c2.nrrd", "resample_masks: true"),
        (5, "mask"): ("case c3: ", "labels 9 are not declared; declared: 1 tumour"),
        (6, "mask"): ("case c4: ", "the mask is empty; draw it"),
        (7, "t1"): ("case c5: ", "c5.nii.gz is truncated", "copy it again"),
        (8, "t1"): ("no file c6.nrrd",),
        (9, "mask"): ("no file m7.nrrd",),
        (10, "mask"): ("case c8: there is no mask; draw one",),
        (11, "age"): ("'fifty-nine' is not a number",),
    }
    assert found.keys() == messages.keys()
    for place, parts in messages.items():
        for part in parts:
            assert part in found[place]


def test_a_column_of_masks_that_is_not_there_is_told_once(study: Path) -> None:
    (problem,) = problems_of(study, "cohort.mask=masks")
    assert problem.message.startswith("there is no column 'masks' (cohort.mask); did you mean 'mask'?")


def test_a_sound_study_is_ready_and_nothing_is_written(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("radfuse.check.images._FEW", 0)  # several processes
    before = {item.name: item.stat().st_mtime_ns for item in study.parent.iterdir()}
    told = []
    check_study(load_study(study), lambda what, done, total: told.append((what, done, total)))
    assert told[-1] == ("checking images", 12, 12)
    assert {item.name: item.stat().st_mtime_ns for item in study.parent.iterdir()} == before


def test_what_would_fail_every_case_is_told_before(study: Path) -> None:
    two = "segmentation.labels={tumour: 1, bone: 2}"
    found = problems_of(study, two, "regions=[{kind: label, name: b, label: bone}]")
    assert len(found) == 12
    assert "region 'b' would be empty: mask m0.nrrd holds tumour and no bone (2); draw it" in found[0].message
    assert len(problems_of(study, "sequences={t1: {suv: true}}")) == 12
    for name in ("plan_file", "start_from"):
        (only,) = problems_of(study, UNET, f"segmentation.{name}=gone.onnx")
        assert f"gone.onnx: there is no such file; correct segmentation.{name}" in only.message
    (only,) = problems_of(study, UNET.replace("1}", "1, bone: 2}"))
    assert "no mask holds bone (2), so that no network learns it" in only.message


def test_a_label_that_one_fold_alone_tests_is_told_before_training(study: Path) -> None:
    mask = read_labels(study.parent / "m3.nrrd")
    mask.array[tuple(np.argwhere(mask.array)[0])] = 2
    write_image(mask, study.parent / "m3.nrrd")
    two, split = UNET.replace("1}", "1, bone: 2}"), "cohort.split={kind: grouped, folds: 3}"
    (only,) = problems_of(study, two, split)
    folds = read_inputs(load_study(study, [two, split])).folds
    name = next(fold.name for fold in folds if "p3" in fold.test)
    assert only.where == "segmentation.labels"
    assert f"label bone (2) is only in the mask of c3, which fold {name} tests, so that its network" in only.message
    for number in {*range(12)} - {3}:  # in every fold
        shutil.copyfile(study.parent / "m3.nrrd", study.parent / f"m{number}.nrrd")
    check_study(load_study(study, [two, split]))


def test_a_training_that_cannot_begin_as_it_is_planned_is_told(study: Path) -> None:
    (only,) = problems_of(study, UNET, "segmentation.budget={memory_gib: 0.001}")
    assert "memory_gib is 0.001, and training takes 1.0 GiB at least; raise it, or lower channels" in only.message
    pytest.importorskip("torch")
    (study.parent / "junk.ckpt").write_bytes(b"junk")
    (only,) = problems_of(study, UNET, "segmentation.start_from=junk.ckpt")
    assert "start_from: " in only.message
    assert "junk.ckpt is no checkpoint of radfuse that can be read" in only.message


@pytest.mark.parametrize(
    ("of_ct", "says"),
    [
        (lambda ct: ct, ""),
        (lambda ct: -ct, "around its slices lies 1000, where CT has air at -1000 or soft tissue"),
        (lambda ct: ct + 1024, "its values run from 24 to 1324, and CT has fat near -100 and air at -1000"),
        (lambda ct: ct / 1000, "its values run from -1 to 0.3, and CT has fat"),
    ],
)
def test_what_is_said_to_be_ct_and_holds_no_hounsfield_units_is_told(study: Path, of_ct: Any, says: str) -> None:
    image = read_volume(study.parent / "c2.nrrd")
    ct = np.full(image.array.shape, -1000, dtype=np.float32)
    ct[4:-4, 4:-4, 4:-4] = 40
    ct[9, 9, 9] = 300
    for number in range(12):
        ct[8, 8, 8] = number  # no two images alike
        values = of_ct(ct) if number == 2 else ct
        write_image(Volume(values.astype(np.float32), image.grid), study.parent / f"c{number}.nrrd")
    asked = load_study(study, [UNET, "segmentation.intensities={t1: ct}"])
    told = [one.message for one in check_study(asked).warnings if "Hounsfield" in one.message or "is CT" in one.message]
    assert len(told) == bool(says)
    assert all(says in one and one.startswith("case c2: c2.nrrd: ") for one in told)


@pytest.mark.parametrize("backend", ["unet, device: cuda", "unet, precision: fp16", "nnunet, device: cuda"])
def test_a_machine_that_cannot_train_is_told_of_before_anything_is_prepared(
    study: Path, monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    pytest.importorskip("torch")
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    asked = load_study(study, [f"segmentation={{backend: {backend}, labels: {{tumour: 1}}}}"])
    says = f"{backend.partition(', ')[2].replace(':', ' is')}, and torch finds no GPU it can use here; set it to auto"
    assert [one.message for one in check_study(asked).warnings if says in one.message]
    with pytest.raises(InputError, match=says):
        run_study(asked, study.parent / "run", until="train")
    assert not (study.parent / "run/work").exists()
    run_study(asked, study.parent / "run", until="plan")  # which needs no GPU, nor does what others trained


def test_who_only_measures_is_warned_of_what_models_need(study: Path) -> None:
    table = pd.read_csv(study.parent / "cohort.csv").iloc[:2].assign(event=0, age="old")
    table.to_csv(study.parent / "cohort.csv", index=False)
    with pytest.raises(InputError, match="every case has the outcome"):
        read_inputs(load_study(study))
    found = read_inputs(load_study(study), tunes=False)
    assert len(found.cohort) == 2
    told = [item.message for item in found.warnings]
    assert any("every case has the outcome" in message for message in told)
    assert any("'old'" in message for message in told)
    assert {item.severity for item in found.warnings} == {"warning"}
    table.assign(t1="").to_csv(study.parent / "cohort.csv", index=False)
    with pytest.raises(InputError) as caught:
        read_inputs(load_study(study), tunes=False)
    assert {item.column for item in caught.value.problems if item.severity == "error"} >= {"t1", "age"}
    with pytest.raises(InputError, match="every case has the outcome"):  # networks are trained in folds
        read_inputs(load_study(study, [UNET]), tunes=False)


def test_who_wants_masks_alone_names_no_regions(study: Path) -> None:
    (study.parent / "c3.nrrd").write_text("not an image")
    alone = [UNET, "regions=[]", "cohort.clinical=[]", "cohort.outcome=null"]
    assert [problem.row for problem in problems_of(study, *alone)] == [5]  # images are looked at
    masks = for_masks(load_study(study, alone))
    assert [(region.name, region.labels_named()) for region in masks.regions] == [("tumour", ("tumour",))]
    assert masks.sequences == {}
    two = [*alone, "cohort.images={t1: t1, t2: age}", f"{UNET[:-1]}, sequence: [t1, t2]}}"]
    assert {name: one.masks for name, one in for_masks(load_study(study, two)).sequences.items()} == {"t2": "resample"}
    tables = load_study(study, [*alone, "features={radiomic: x.csv}"])
    assert for_masks(tables) is tables
    with pytest.raises(InputError, match="take features out to have masks alone"):
        run_study(tables, until="segment")
    with pytest.raises(InputError, match=r"there are networks and masks \(`radfuse train`, `segment`\)"):
        run_study(load_study(study, alone), study.parent / "run")


def test_images_unlike_each_other_are_remarked(study: Path) -> None:
    for name in ("c3.nrrd", "m3.nrrd"):
        image = sitk.ReadImage(str(study.parent / name))
        sitk.WriteImage(sitk.DICOMOrient(image, "PIL"), str(study.parent / name))
    found = check_study(load_study(study, [UNET])).warnings
    told = {problem.where: problem.message for problem in found}
    assert "shape's Maximum2DDiameter follow them" in told["sequences.t1"]


@pytest.mark.parametrize(
    ("region", "told"),
    [
        ("{kind: label, name: r, label: tumour}", []),
        ("{kind: ring, name: r, around: tumour, exclude: [bone]}", ["no mask holds bone (2), and regions"]),
    ],
)
def test_a_label_that_regions_name_and_no_mask_holds_is_remarked(study: Path, region: str, told: list[str]) -> None:
    settings = ["segmentation.labels={tumour: 1, bone: 2}", f"regions=[{region}]"]
    found = [one.message for one in check_study(load_study(study, settings)).warnings]
    assert [message[: len("no mask holds bone (2), and regions")] for message in found if "no mask" in message] == told


@pytest.mark.parametrize(
    ("moved_mm", "reach", "says"),
    [
        (500.0, "resample", "nothing of mask m2.nrrd falls into image d2.nrrd (t2)"),
        (500.0, "register", "image d2.nrrd and image c2.nrrd do not overlap as their headers place them"),
        (500.0, "register, registration: {start: centres}", ""),
        (20.0, "register", ""),
    ],
)
def test_images_that_lie_elsewhere_are_told_of(study: Path, moved_mm: float, reach: str, says: str) -> None:
    folder = study.parent
    for number in range(12):
        image = read_volume(folder / f"c{number}.nrrd")
        place = (moved_mm, 0.0, 0.0) if number == 2 else image.grid.origin
        write_image(Volume(image.array + 1, replace(image.grid, origin=place)), folder / f"d{number}.nrrd")
    lines = (folder / "cohort.csv").read_text().splitlines()
    rows = [f"{line},d{number}.nrrd" for number, line in enumerate(lines[1:])]
    (folder / "cohort.csv").write_text("\n".join([lines[0] + ",t2", *rows]) + "\n")
    settings = ["cohort.images={t1: t1, t2: t2}", f"sequences={{t2: {{masks: {reach}}}}}"]
    if not says:
        check_study(load_study(study, settings))
        return
    (only,) = problems_of(study, *settings)
    assert (only.row, says in only.message) == (4, True)
    if moved_mm == 500 and reach == "resample":
        channels = UNET.replace("}}", "}, sequence: [t1, t2]}")
        told = [problem.message for problem in problems_of(study, channels, *settings)]
        assert any("image d2.nrrd lies wholly beside image c2.nrrd, and the network reads both" in one for one in told)


def test_a_mask_that_may_be_of_another_scan_is_remarked(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("radfuse.check.images.drawn_elsewhere", lambda *_: "was drawn elsewhere")
    told = [problem for problem in check_study(load_study(study)).warnings if problem.column == "mask"]
    assert len(told) == 12
    assert told[0].message == "case c0: mask m0.nrrd was drawn elsewhere"


def test_masks_that_will_be_resampled_may_lie_on_another_grid(study: Path) -> None:
    labels = read_labels(study.parent / "m2.nrrd")
    write_image(LabelMap(labels.array[1:], grid((19, 24, 24), (2.0, 1.5, 1.5))), study.parent / "m2.nrrd")
    assert [problem.row for problem in problems_of(study)] == [4]
    check_study(load_study(study, ["resample_masks=true"]))


def test_masks_and_images_may_be_stored_in_several_orders(study: Path) -> None:
    """A mask stored as its image is not, and a second image that no mask is stored as: the same places all the same."""
    folder = study.parent
    shutil.copy(folder / "c1.nrrd", folder / "d1.nrrd")
    for name, way in (("m0.nrrd", "PIR"), ("d1.nrrd", "RAS")):
        sitk.WriteImage(sitk.DICOMOrient(sitk.ReadImage(str(folder / name)), way), str(folder / name))
    table = pd.read_csv(folder / "cohort.csv").head(2).assign(t2=["", "d1.nrrd"])
    table.to_csv(folder / "cohort.csv", index=False)
    settings = ["cohort.images={t1: t1, t2: t2}", "cohort.optional_images=[t2]", "cohort.outcome=null"]
    check_study(load_study(study, settings))
    recipe = RegionRecipe(labels={"tumour": 1}, regions=(), sequences=dict.fromkeys(("t1", "t2"), SequenceRecipe()))
    for images, mask in (({"t1": "c0.nrrd"}, "m0.nrrd"), ({"t1": "c1.nrrd", "t2": "d1.nrrd"}, "m1.nrrd")):
        files = CaseFiles({name: folder / file for name, file in images.items()}, folder / mask, "manual")
        for at in read_masked(files, recipe).values():
            assert at.mask.grid.same_as(at.image.grid)
            assert at.image.array[at.mask.array > 0].min() > 130 > at.image.array[at.mask.array == 0].mean()
    rename(folder, "m1.nrrd", "")
    with pytest.raises(InputError, match=r"tumour \(1\) is only in the mask of c0") as error:
        check_study(load_study(study, [*settings, UNET.replace("}}", "}, sequence: t1}")]))
    assert "nrrd" not in str(error.value)


def test_a_header_that_is_doubtful_is_remarked(study: Path) -> None:
    image = read_volume(study.parent / "c1.nrrd")
    write_image(Volume(image.array, replace(image.grid, spacing_zyx_mm=(2000.0, 1.5, 1.5))), study.parent / "c1.nrrd")
    found = check_study(load_study(study, ["resample_masks=true"])).warnings
    assert any("case c1: c1.nrrd: the image measures 36 x 36 x 4e+04 mm" in problem.message for problem in found)


def test_a_mask_of_the_whole_image_is_remarked(study: Path) -> None:
    labels = read_labels(study.parent / "m1.nrrd")
    write_image(LabelMap(np.ones_like(labels.array), labels.grid), study.parent / "m1.nrrd")
    found = [problem.message for problem in check_study(load_study(study)).warnings if problem.column == "mask"]
    assert found == ["case c1: mask m1.nrrd covers all of its image, background included; look whether it is inverted"]


def test_pet_that_does_not_tell_its_dose_is_found_before_any_compute(study: Path) -> None:
    write_pet(study.parent / "pet", setting(RadionuclideTotalDose=None))
    rename(study.parent, "c1.nrrd", "pet")
    told = {problem.row: problem.message for problem in problems_of(study, "sequences.t1.suv=true")}
    assert "case c0: c0.nrrd is no DICOM folder, and `suv: true` needs the dose that only DICOM tells of" in told[2]
    assert "RadionuclideTotalDose, needed for SUV, is missing; export the series again with it" in told[3]


@pytest.mark.parametrize("resampled", ["true", "false"])
def test_contours_are_drawn_on_the_segmented_image(study: Path, resampled: str) -> None:
    square = [value for x, y in ((6, 6), (15, 6), (15, 15), (6, 15)) for value in (x, y, 10.0)]
    write_contours(study.parent / "rs.dcm", square, name="Tumour")
    rename(study.parent, "m1.nrrd", "rs.dcm")
    check_study(load_study(study, [f"resample_masks={resampled}"]))


def test_a_network_needs_no_mask_but_one_grid_for_all_images_of_a_case(study: Path) -> None:
    folder = study.parent
    tumour_cohort(folder, 12, masks=False)
    table = (folder / "cohort.csv").read_text().splitlines()
    (folder / "cohort.csv").write_text(
        "\n".join([table[0] + ",t2", *(f"{row},d{number}.nrrd" for number, row in enumerate(table[1:]))]) + "\n"
    )
    for number in range(12):
        image = read_volume(folder / f"c{number}.nrrd")
        write_image(Volume(image.array + 1, image.grid), folder / f"d{number}.nrrd")
    for number in (1, 3):  # with a mask, and without
        other = Volume(image.array[1:] + number, grid((19, 24, 24), (2.0, 1.5, 1.5)))
        write_image(other, folder / f"d{number}.nrrd")
    settings = ["cohort.images={t1: t1, t2: t2}", UNET.replace("}}", "}, sequence: t1}")]
    found = problems_of(study, *settings)
    assert [(problem.row, problem.column) for problem in found] == [(3, "mask"), (5, "t2")]
    assert "image d3.nrrd lies on another grid than c3.nrrd, which is segmented" in found[1].message
    check_study(load_study(study, [*settings, "resample_masks=true"]))
