"""Follow-ups of two sequences: the second, on a grid of its own and displaced within each visit, comes along."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from sequences import SHIFT_MM, two_visits

from radfuse.bundle.images import features_from_images
from radfuse.bundle.schema import ImageRecipe
from radfuse.cli.look import look
from radfuse.cohort.read import read_cohort
from radfuse.pipeline import Run, run_study
from radfuse.run.folder import read_json
from radfuse.study import load_study
from radfuse.volume.files import read_labels, read_volume, write_image
from radfuse.volume.grid import Grid
from radfuse.volume.image import LabelMap, Volume
from radfuse.volume.plane import positions_of
from radfuse.volume.resample import resample

pytestmark = pytest.mark.long
PATIENTS = 2
ADC = Grid((14, 22, 22), (3.0, 1.8, 1.8), (-3.0, -2.0, -2.5))
WITHIN = {"c": (2.0, -1.5, 1.0), "f": (-2.0, 1.0, 2.0)}
"""What lies at x in a visit's ADC lies at x + this in its T1, (x, y, z) in mm; c is the baseline, f the follow-up."""
HALF_A_VOXEL = np.array((0.9, 0.9, 1.5))
SETTINGS = [
    "visits.masks=own",
    "cohort.outcome=null",
    "visits.registration.levels_mm=[3]",
    "cohort.images={t1: t1, adc: adc}",
    "sequences={adc: {masks: register, registration: {levels_mm: [3], iterations: 20}, radiomics: {bin_width: 20}}}",
    "radiomics.classes=[firstorder, shape]",
    "radiomics.features={firstorder: [Median], shape: [VoxelVolume]}",
]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Boxes seen twice, each time with a mask, and with an ADC that is T1 inverted."""
    study = two_visits(tmp_path_factory.mktemp("visits"), PATIENTS)
    table = pd.read_csv(study.parent / "cohort.csv", keep_default_na=False)
    for case in table["case_id"]:
        image = read_volume(study.parent / f"{case}.nrrd")
        there = resample(image, ADC, transform=sitk.TranslationTransform(3, WITHIN[case[0]]), edge=True)
        write_image(Volume(300 - there.array, ADC), study.parent / f"adc_{case}.nrrd")
    table["adc"] = [f"adc_{case}.nrrd" for case in table["case_id"]]
    later = table["visit"] == "v1"
    table.loc[later, "mask"] = [f"truth{number}.nrrd" for number in range(PATIENTS)]
    table.to_csv(study.parent / "cohort.csv", index=False)
    return study


@pytest.fixture(scope="module")
def finished(study: Path) -> Run:
    run = run_study(load_study(study, SETTINGS), study.parent / "run", until="extract")
    assert run.failures == ()
    assert run_study(load_study(study, SETTINGS), study.parent / "run", until="regions").failures == ()
    return run


def middle(labels: LabelMap) -> np.ndarray:
    return np.asarray(positions_of(labels.array > 0, labels.grid).mean(axis=0))


def features(run: Run, case: str) -> dict[str, float]:
    return dict(read_json(run.path / f"features/cases/{case}.json")["features"])


def test_every_image_is_put_where_the_baselines_segmented_one_lies(study: Path, finished: Run) -> None:
    for number in range(PATIENTS):
        drawn = middle(read_labels(study.parent / f"m{number}.nrrd"))
        for case in ("c", "f"):
            for name in ("t1", "adc"):
                region = read_labels(finished.path / f"regions/{case}{number}/{name}.tumour.nrrd")
                assert (np.abs(middle(region) - drawn) < HALF_A_VOXEL).all(), (case, name)
        moved = read_labels(finished.path / f"regions/f{number}/adc.tumour.nrrd").grid.origin
        assert np.subtract(moved, ADC.origin) == pytest.approx(np.add(WITHIN["f"], SHIFT_MM), abs=1.0)


def test_no_value_is_changed_by_the_way(study: Path, finished: Run) -> None:
    """What each visit measures alone: its own mask on its own ADC, by the registration of that visit."""
    alone = run_study(
        load_study(study, ["visits=null", "cohort.outcome=null", *SETTINGS[3:]]),
        study.parent / "alone",
        until="extract",
    )
    assert alone.failures == ()
    for case in ("c0", "f0", "c1", "f1"):
        here, there = features(finished, case), features(alone, case)
        assert here["t1/tumour/original_firstorder_Median"] == there["t1/tumour/original_firstorder_Median"]
        assert here == pytest.approx(there, rel=0.02)  # a voxel on the edge may fall to the other side
    assert features(finished, "f0")["adc/tumour/original_shape_VoxelVolume"] == pytest.approx(
        features(finished, "f0")["t1/tumour/original_shape_VoxelVolume"], rel=0.1
    )


def test_a_bundle_and_the_page_of_a_case_do_the_same(
    study: Path, finished: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_study(study, SETTINGS)
    recipe = ImageRecipe.of(settings)
    assert recipe is not None
    new = read_cohort(config=settings.cohort, labelled=False, new=True).without({"c1", "f1"})
    made = features_from_images(recipe, new, study.parent)
    assert made.failures == ()
    for case in ("c0", "f0"):
        assert made.tables["radiomic"].values.loc[case].to_dict() == pytest.approx(features(finished, case))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/visits").symlink_to(finished.path)
    look(study, "f1", tmp_path / "page", set_=SETTINGS)
    size = read_json(finished.path / "regions/f1/regions.json")["regions"]["adc/tumour"]["voxels"]
    assert str(size) in (tmp_path / "page/index.html").read_text(encoding="utf-8")


def test_the_baselines_mask_reaches_the_second_sequence_of_a_follow_up(study: Path) -> None:
    run = run_study(load_study(study, SETTINGS[1:]), study.parent / "carried", until="regions")
    assert run.failures == ()
    for number in range(PATIENTS):
        drawn = middle(read_labels(study.parent / f"m{number}.nrrd"))
        expected = drawn - SHIFT_MM - WITHIN["f"]
        region = read_labels(run.path / f"regions/f{number}/adc.tumour.nrrd")
        assert (np.abs(middle(region) - expected) < HALF_A_VOXEL).all()
        assert region.grid.same_as(ADC)
