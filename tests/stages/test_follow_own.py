"""Follow-ups measured by their own masks, put where the baseline lies: boxes and a knee, displaced as is known."""

from __future__ import annotations

import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer
from contours import write_contours
from knees import scene_of
from sequences import SHIFT_MM, two_visits

from radfuse.bundle.images import features_from_images
from radfuse.bundle.schema import ImageRecipe
from radfuse.cli.look import look
from radfuse.cohort.read import read_cohort
from radfuse.errors import InputError
from radfuse.phantom.knee import KneePhantom, draw_case, knee_tables
from radfuse.phantom.knee_shapes import KneeShape, image_position
from radfuse.pipeline import Run, run_study
from radfuse.recipe import About, CaseFiles, RegionRecipe, read_masked
from radfuse.regions.knee.condyle import CondyleRegion
from radfuse.regions.make import make_regions
from radfuse.run.folder import read_json
from radfuse.seg.metrics import dice
from radfuse.sequences import SequenceRecipe
from radfuse.stages import disturb
from radfuse.stages.disturb import DisturbJob
from radfuse.study import load_study
from radfuse.volume.files import read_labels, read_volume, write_image
from radfuse.volume.grid import Grid
from radfuse.volume.image import LabelMap
from radfuse.volume.register import register
from radfuse.volume.registration import Registration, RegistrationQuality
from radfuse.volume.resample import resample, resample_labels
from radfuse.volume.sitk import moved
from radfuse.volume.visit import Visit

PATIENTS = 4
ADC = Grid((13, 21, 21), (3.1, 1.9, 1.9), (-2.63, -1.37, -1.41))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Boxes displaced by `SHIFT_MM`, each with its own mask but the last; ADC lies in the space of T1."""
    study = two_visits(tmp_path_factory.mktemp("visits"), PATIENTS)
    table = pd.read_csv(study.parent / "cohort.csv", keep_default_na=False)
    later = table["visit"] == "v1"
    table.loc[later, "mask"] = ["truth0.nrrd", "truth1.nrrd", "truth2.nrrd", ""]
    for case in table["case_id"]:
        write_image(
            resample(read_volume(study.parent / f"{case}.nrrd"), ADC, edge=True), study.parent / f"adc_{case}.nrrd"
        )
    table["adc"] = [f"adc_{case}.nrrd" for case in table["case_id"]]
    table.to_csv(study.parent / "cohort.csv", index=False)
    text = study.read_text().replace("visits: {", "visits: {masks: own, ")
    text = text.replace("images: {t1: t1}", "images: {t1: t1, adc: adc}").replace("[firstorder]", "[shape, firstorder]")
    study.write_text(f"{text}sequences: {{adc: {{masks: resample}}}}\n")
    return run_study(study, study.parent / "run", until="extract")


def test_each_is_measured_by_its_own_mask_and_no_voxel_is_changed(finished: Run) -> None:
    (failure,) = finished.failures
    assert (failure.item, "the case has no mask" in failure.error) == ("f3", True)
    plain = load_study(finished.path.parent / "study.yaml", ["visits=null", "cohort.exclude={f3: no mask}"])
    other = run_study(plain, finished.path.parent / "plain", until="extract")
    for number in range(3):
        here, there = (read_json(run.path / f"features/cases/f{number}.json")["features"] for run in (finished, other))
        assert here == pytest.approx(there, rel=1e-9)
        assert {name.split("/")[0] for name in here} == {"t1", "adc"}
        quality = RegistrationQuality.model_validate_json(
            (finished.path / f"registration/f{number}@baseline/quality.json").read_bytes()
        )
        assert quality.moved_mm == pytest.approx(float(np.linalg.norm(SHIFT_MM)), abs=0.75)
        assert quality.dice_after["tumour"] > 0.9  # of the baseline's mask and its own
        assert quality.flags == ()


def test_a_bundle_does_the_same_with_new_patients(finished: Run) -> None:
    folder = finished.path.parent
    settings = load_study(folder / "study.yaml")
    recipe = ImageRecipe.of(settings)
    assert recipe is not None
    new = read_cohort(config=settings.cohort, labelled=False, new=True).without({"c1", "c2", "c3", "f1", "f3"})
    made = features_from_images(recipe, new, folder)
    for case in ("c0", "f0"):
        own = read_json(finished.path / f"features/cases/{case}.json")["features"]
        assert made.tables["radiomic"].values.loc[case].to_dict() == pytest.approx(own)
    (failure,) = made.failures
    assert "its unit has no visit 'v0' that could be used, which it is to be registered to; add it" in failure.error


def around(mask: LabelMap) -> list[list[float]]:
    """Return the contour of a box on each of its slices, half a voxel outside of its outermost centres, in mm."""
    z, y, x = mask.boxes[1]
    index = [(x.start - 0.5, y.start - 0.5), (x.stop - 0.5, y.start - 0.5), (x.stop - 0.5, y.stop - 0.5)]
    index.append((x.start - 0.5, y.stop - 0.5))
    step, first = mask.spacing_zyx_mm[::-1], mask.origin
    return [
        [float(v) for i, j in index for v in np.add(np.multiply((i, j, k), step), first)]
        for k in range(z.start, z.stop)
    ]


def test_a_readers_contours_are_drawn_where_the_follow_up_lay_and_moved_with_it(finished: Run, tmp_path: Path) -> None:
    folder, settings = finished.path.parent, load_study(finished.path.parent / "study.yaml")
    drawn = folder / "truth0.nrrd"
    theirs = write_contours(tmp_path / "rs.dcm", *around(read_labels(drawn)), name="Tumour")
    way = finished.path / "registration/f0@baseline/transform.tfm"
    files = CaseFiles({"t1": folder / "f0.nrrd"}, drawn, "manual", moved=way, together=True)
    recipe = RegionRecipe(labels={"tumour": 1}, regions=settings.regions, sequences={"t1": SequenceRecipe()})
    about = (recipe, {"t1": settings.radiomics}, settings.stability.model_copy(update={"copies": 1}), 0)
    job = DisturbJob(About("f0"), files, {"one": drawn, "other": theirs}, {}, *about)
    found = disturb.work(job)
    (pair,) = found.agreement
    assert (pair.labels["tumour"].dice, pair.labels["tumour"].hd95_mm) == (1, 0)
    assert found.readers["one"] == found.readers["other"]
    other = replace(files, mask=theirs)
    here, there = (read_masked(one, recipe)["t1"].mask for one in (files, other))
    assert here.grid == there.grid
    assert np.array_equal(here.array, there.array)
    anywhere = recipe.model_copy(update={"sequences": {"t1": SequenceRecipe(masks="resample")}})
    again = read_masked(replace(other, home="t1"), anywhere)["t1"].mask  # contours are drawn on an image all the same
    assert np.array_equal(again.array, there.array)


def test_the_page_of_a_follow_up_needs_its_registration(
    finished: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    study = finished.path.parent / "study.yaml"
    look(study, "c1", tmp_path / "first")
    with pytest.raises(typer.Exit):
        look(study, "f1", tmp_path / "page")
    assert "measured where its baseline lies: run" in (tmp_path / "page/index.html").read_text(encoding="utf-8")
    (tmp_path / "runs").mkdir()
    shutil.copytree(finished.path, tmp_path / "runs/visits")
    look(study, "f1", tmp_path / "page")
    assert "drawn by hand" in (tmp_path / "page/index.html").read_text(encoding="utf-8")


WRONG = {
    "visits.registration.transform=affine": "masks: own compares shapes, and transform: affine would bend away",
    "cohort.landmarks={here: z}": "visits.masks: own moves follow-ups, and the column 'z' of landmarks or slices says",
    "visits.masks=ow": "visits.masks",
}


@pytest.mark.parametrize("setting", WRONG)
def test_what_own_masks_cannot_do_is_refused(finished: Run, setting: str) -> None:
    with pytest.raises(InputError) as caught:
        load_study(finished.path.parent / "study.yaml", [setting])
    assert WRONG[setting] in str(caught.value)


def test_a_turn_of_the_header_is_what_the_transform_says() -> None:
    import SimpleITK as sitk

    way = sitk.Euler3DTransform((5.0, 6.0, 7.0), 0.3, -0.2, 0.1, (4.0, 3.0, 2.0))
    grid = Grid((4, 5, 6), (2.0, 1.0, 0.5), (10.0, -20.0, 30.0), (0.0, 0.0, -1.0, 1.0, 0.0, 0.0, 0.0, -1.0, 0.0))
    found = moved(grid, way)
    expected = [way.TransformPoint([float(v) for v in corner]) for corner in grid.corners_mm()]
    np.testing.assert_allclose(found.corners_mm(), expected, atol=1e-9)
    turn = np.array(found.direction).reshape(3, 3)
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
    assert found.shape == grid.shape


def load_bearing(labels: LabelMap, side: str) -> LabelMap:
    """Return the load-bearing femoral cartilage of both halves as 1 and 2."""
    parts = [CondyleRegion(name=half, half=half, part="load_bearing") for half in ("medial", "lateral")]
    array = np.zeros(labels.array.shape, np.uint8)
    for number, region in enumerate(make_regions(scene_of(labels, side), parts, 10), start=1):
        array[region.box][region.inside] = number
    return LabelMap(array, labels.grid)


def test_a_knee_bent_forwards_is_turned_back_and_its_load_bearing_part_is_cut_as_before() -> None:
    """The same knee, 9 degrees and 5 mm elsewhere: the header's upwards is another direction of its femur."""
    config = KneePhantom(cases=8, visits=2, sites=1, seed=3)
    tables = knee_tables(config)
    side = str(tables["cohort"]["side"][0])
    first = KneeShape(**{name: float(tables["truth"][name][0]) for name in asdict(KneeShape())})
    bent = {"flexion_deg": first.flexion_deg + 9, "shift_superior": first.shift_superior - 4}
    later = replace(first, **bent, shift_anterior=first.shift_anterior + 3)
    truth = tables["truth"].copy()
    for name, value in asdict(later).items():
        truth.loc[1, name] = value
    (before, drawn), (after, follow_up) = (draw_case(config, {**tables, "truth": truth}, row) for row in (0, 1))
    found = register(after, before, Registration(levels_mm=(6.0,)))
    assert found.quality.flags == ()
    assert found.quality.moved_mm > 3
    middle, turn = before.grid.corners_mm().mean(axis=0), np.array([-1 if side == "left" else 1, -1, 1])
    off = []
    for point in [(0.0, 0.0, 0.0), (20.0, -10.0, 15.0), (-20.0, 20.0, 10.0), (10.0, 10.0, -30.0), (0.0, 0.0, 40.0)]:
        here, there = (middle + turn * image_position(shape, point) for shape in (first, later))
        off.append(float(np.linalg.norm(np.array(found.transform.TransformPoint(there.tolist())) - here)))
    assert np.median(off) < 0.6  # half of the smallest voxel
    put_back = Visit({"dess": after}, follow_up).together(found.transform).mask
    back = found.transform.GetInverse()
    was, *parts = (load_bearing(labels, side) for labels in (drawn, follow_up, put_back))
    there = [resample_labels(LabelMap(part.array, after.grid), was.grid, back) for part in parts]
    overlap = [[dice(was.array == half, part.array == half) for half in (1, 2)] for part in there]
    assert min(overlap[1]) > 0.75  # of a layer of two voxels, resampled to be compared
    assert all(registered > plain + 0.05 for plain, registered in zip(*overlap, strict=True))
