"""The baseline's mask on the follow-up's image: displaced by a known way, with nobody drawing it twice."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from boxes import grid
from sequences import SHIFT_MM, VISITS, two_visits

from radfuse.bundle.images import features_from_images
from radfuse.bundle.schema import ImageRecipe
from radfuse.check.study import check_study
from radfuse.cli.look import look
from radfuse.cohort.read import read_cohort
from radfuse.errors import InputError
from radfuse.pipeline import Run, run_study
from radfuse.run.folder import read_json
from radfuse.seg.metrics import dice
from radfuse.study import Study, load_study
from radfuse.volume.files import read_labels, read_volume, write_image
from radfuse.volume.image import LabelMap, Volume
from radfuse.volume.registration import RegistrationQuality

PATIENTS = 4
IDS = {f"{kind}{number}" for kind in "cf" for number in range(PATIENTS)}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return two_visits(tmp_path_factory.mktemp("visits"), PATIENTS)


@pytest.fixture(scope="module")
def finished(study: Path) -> Run:
    run = run_study(study, study.parent / "run", until="extract")
    assert run.failures == ()
    return run


def quality(run: Run, case: str) -> RegistrationQuality:
    return RegistrationQuality.model_validate_json(
        (run.path / f"registration/{case}@baseline/quality.json").read_bytes()
    )


def test_the_baselines_mask_lies_where_the_follow_up_shows_it(study: Path, finished: Run) -> None:
    length = float(np.linalg.norm(SHIFT_MM))
    for number in range(PATIENTS):
        truth = read_labels(study.parent / f"truth{number}.nrrd")
        carried = read_labels(finished.path / f"registration/f{number}@baseline/labels.nrrd")
        assert carried.grid.same_as(truth.grid)
        assert dice(truth.array == 1, carried.array == 1) > 0.9
        found = quality(finished, f"f{number}")
        assert found.moved_mm == pytest.approx(length, abs=0.75)  # half a voxel
        assert found.similarity_after > found.similarity_before
        assert found.flags == ()
    assert quality(finished, "f0").dice_after["tumour"] > 0.9  # with the mask that somebody drew at v1
    assert quality(finished, "f1").dice_after == {}
    picture = (finished.path / "registration/f0@baseline/checkerboard.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert not (finished.path / "registration/c0@baseline").exists()


def test_a_follow_up_measures_what_the_true_mask_measures(study: Path, finished: Run) -> None:
    """Within a tenth of what the box is brighter than what surrounds it: a mask beside it would be off by tens."""
    for number in range(PATIENTS):
        image = read_volume(study.parent / f"f{number}.nrrd")
        truth = read_labels(study.parent / f"truth{number}.nrrd")
        features = read_json(finished.path / f"features/cases/f{number}.json")["features"]
        by_hand = float(np.median(image.array[truth.array == 1]))
        assert features["t1/tumour/original_firstorder_Median"] == pytest.approx(by_hand, abs=8)


def test_finished_registrations_are_kept_and_other_settings_make_new_ones(study: Path, finished: Run) -> None:
    assert run_study(study, finished.path, until="follow").computed == 0
    other = load_study(study, ["visits.registration.levels_mm=[6]"])
    assert run_study(other, study.parent / "other", until="follow").computed == PATIENTS
    parts = [run_study(study, study.parent / "parts", until="extract", shard=f"{i}/2") for i in (1, 2)]
    assert [run.failures for run in parts] == [(), ()]
    whole, sharded = (
        sorted((path.name, path.read_text()) for path in (folder / "features/cases").glob("*.json") if path.stem in IDS)
        for folder in (finished.path, study.parent / "parts")
    )
    assert whole == sharded


def test_new_patients_are_measured_the_same_way(study: Path, finished: Run) -> None:
    settings = load_study(study)
    recipe = ImageRecipe.of(settings)
    assert recipe is not None
    assert recipe.visits is not None
    assert recipe.visits.baseline == "v0"
    new = read_cohort(config=settings.cohort, labelled=False, new=True).without({"c2", "c3", "f2"})
    made = features_from_images(recipe, new, study.parent)
    values = made.tables["radiomic"].values
    assert sorted(values.index) == ["c0", "c1", "f0", "f1"]
    for case in values.index:
        own = read_json(finished.path / f"features/cases/{case}.json")["features"]
        assert values.loc[case].to_dict() == pytest.approx(own)
    (failure,) = made.failures
    assert (failure.item, "its unit has no visit 'v0' that could be used" in failure.error) == ("f3", True)
    assert made.registrations == dict.fromkeys(values.index, ())


def test_the_page_of_a_follow_up_shows_the_mask_that_it_is_measured_by(
    study: Path, finished: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="the mask of the case 'f1' is its baseline's: run `radfuse follow` first"):
        look(study, "f1", tmp_path / "page")
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/visits").symlink_to(finished.path)
    look(study, "f1", tmp_path / "page")
    assert "carried over from the baseline" in (tmp_path / "page/index.html").read_text(encoding="utf-8")


def spoilt(study: Path, folder: Path, change: str) -> Study:
    """Return the study with one thing wrong."""
    table = pd.read_csv(study.parent / "cohort.csv", keep_default_na=False).set_index("case_id")
    table[["t1", "mask"]] = table[["t1", "mask"]].map(lambda name: str(study.parent / name) if name else "")
    if change == "no baseline":
        table = table.drop("c2")
    elif change == "no mask":
        table.loc["c2", "mask"] = ""
    elif change == "another patient":
        far = Volume(np.zeros((4, 4, 4), np.float32), grid((4, 4, 4)))
        write_image(Volume(far.array, grid((4, 4, 4), (90.0, 90.0, 90.0))), folder / "far.nrrd")
        table.loc["f2", "t1"] = "far.nrrd"
    elif change == "a mask beside the image":
        where = read_volume(study.parent / "c2.nrrd").grid
        corner = np.zeros(where.shape, np.uint8)
        corner[-1:, -1:, -1:] = 1
        write_image(LabelMap(corner, where), folder / "corner.nrrd")
        table.loc["c2", "mask"] = "corner.nrrd"
    table.to_csv(folder / "cohort.csv")
    (folder / "study.yaml").write_text(VISITS)
    return load_study(folder / "study.yaml")


SPOILT = {
    "no baseline": ("f2", "its unit has no visit 'v0', whose mask is to be carried over (visits.baseline); add it"),
    "no mask": ("f2", "its baseline c2 has no mask, so that there is no mask to carry over; mend that case"),
    "another patient": ("f2", "hardly overlap as their headers place them"),
    "a mask beside the image": ("f2", "nothing of the baseline's mask falls into image f2.nrrd"),
}


@pytest.mark.parametrize("change", SPOILT)
def test_a_follow_up_that_cannot_be_measured_is_named_and_others_go_on(
    study: Path, finished: Run, tmp_path: Path, change: str
) -> None:
    settings = spoilt(study, tmp_path, change)
    shutil.copytree(finished.path, tmp_path / "run")  # where those of the others are kept
    run = run_study(settings, tmp_path / "run", until="follow")
    case, words = SPOILT[change]
    (failure,) = run.failures
    assert (failure.item, words in failure.error) == (case, True), failure.error
    assert (run.computed, run.reused) == (0, PATIENTS - 1)


def test_check_tells_of_a_unit_without_its_baseline(study: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        check_study(spoilt(study, tmp_path, "no baseline"))
    (told,) = [problem for problem in caught.value.problems if "case f2" in problem.message]
    assert (told.severity, told.row) == ("error", 7)
    assert "its unit has no visit 'v0', whose mask is to be carried over (visits.baseline); add it" in told.message
    assert not [problem for problem in caught.value.problems if "there is no mask" in problem.message]


WRONG = {
    "visits={baseline: v1}": "visits.baseline is 'v1', and cohort.changes counts from 'v0'; correct one",
    "visits.registration.by=t1": "visits are registered by the segmented image; leave out by: t1",
    "visits.registration.transform=ridgid": "did you mean 'rigid'?",
    "visits.base=v0": "visits.base: unknown setting",
    "visits={registration: null}": "visits.registration",
    "visits=true": "visits",
    "visits={baseline: ''}": "visits.baseline",
    "cohort.unit=[]": "visits needs cohort.unit, the columns of what is visited",
    "cohort.unit=[case_id]": "visits needs cohort.unit, the columns of what is visited",
    "cohort.changes=null": "visits.baseline: say which visit's mask is carried to the others",
}


@pytest.mark.parametrize("setting", WRONG)
def test_visits_that_contradict_themselves_are_refused(study: Path, setting: str) -> None:
    with pytest.raises(InputError) as caught:
        load_study(study, [setting])
    assert WRONG[setting] in str(caught.value)


def test_a_study_without_the_section_has_nothing_to_follow(study: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"measures each visit by its own mask; add visits: \{baseline: 00m\}"):
        run_study(load_study(study, ["visits=null"]), tmp_path / "run", until="follow")
    tables = ["regions=[]", "features={radiomic: r.csv}", "segmentation=null"]
    with pytest.raises(InputError, match="visits carries masks from image to image"):
        load_study(study, tables)
