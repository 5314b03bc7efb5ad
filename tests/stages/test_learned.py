"""What images of training cases teach, fold by fold: habitats and Nyul's landmarks, from the study to a new patient."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
import pytest
from habitats import TUMOUR, drawn, parts_cohort

from radfuse.bundle.images import features_from_images
from radfuse.bundle.load import load_bundle
from radfuse.bundle.predict import predict
from radfuse.bundle.schema import ImageRecipe
from radfuse.check.inputs import FoldPatients
from radfuse.check.study import check_study
from radfuse.cohort.read import read_cohort
from radfuse.errors import InputError, StudyError
from radfuse.learned import Learned, filled
from radfuse.pipeline import run_study
from radfuse.run.folder import RunFolder
from radfuse.stages import prepare
from radfuse.stages.context import Context
from radfuse.study import load_study
from radfuse.volume.files import read_volume, write_image
from radfuse.volume.image import LabelMap, Volume
from radfuse.volume.nyul import Nyul

NYUL = ["regions=[{kind: label, name: tumour, label: tumour}]", "sequences.t1.normalise=[{kind: nyul, within: image}]"]
BOTH = [NYUL[1]]
"""Habitats of an image whose landmarks are learned first."""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return parts_cohort(tmp_path_factory.mktemp("parts"))


@pytest.fixture(scope="module")
def run(study: Path) -> Path:
    """The study of habitats, run up to its bundle."""
    done = run_study(study, study.parent / "run", until="export")
    assert done.failures == ()
    return done.path


def features(run: Path, case: str, fold: str | None = None) -> dict[str, float]:
    place = f"features/by_fold/{fold}/{case}.json" if fold else f"features/cases/{case}.json"
    return dict(json.loads((run / place).read_text())["features"])


def changed_copy(study: Path, folder: Path, run: Path, number: int) -> tuple[Path, Path]:
    """Return the study and its run in another folder, where one case's images were made other."""
    shutil.copytree(study.parent, folder, ignore=shutil.ignore_patterns("run*"))
    shutil.copytree(run, folder / "run")
    for name in ("t1", "adc"):
        image = drawn(name, (6, 0, 0), noise=30.0, seed=99)
        write_image(Volume(image.array * 2 + 500, image.grid), folder / f"{name}{number}.nrrd")
    return folder / study.name, folder / "run"


def test_parts_of_each_case_are_found_and_are_columns_of_each_fold(run: Path) -> None:
    for fold in (None, "1", "2"):
        found = features(run, "c1", fold)  # 1, 4 and 1 rows of six
        assert [found[f"t1/part/habitats_Fraction{i}"] for i in (1, 2, 3)] == pytest.approx([1 / 6, 4 / 6, 1 / 6])
        assert found["t1/part_2/original_firstorder_Mean"] == pytest.approx(200, abs=3)
        assert found["adc/part_2/original_firstorder_Mean"] == pytest.approx(800, abs=3)
        assert "adc/part/habitats_Fraction1" not in found
    lacks = features(run, "c3", "1")
    assert lacks["t1/part/habitats_Fraction3"] == 0
    assert not [name for name in lacks if "/part_3/" in name]
    told = json.loads((run / "features/cases/c3.json").read_text())["missing"]
    assert told["adc/part_3/"] == "the habitat has fewer than 5 voxels in this case"
    assert "t1/tumour/original_firstorder_Mean" in features(run, "c1")
    assert not [name for name in features(run, "c1", "1") if name.split("/")[1] == "tumour"]  # is the same in all folds


def test_models_see_the_columns_of_their_fold(run: Path) -> None:
    prepared = prepare.read_design(run / "features/design")
    whole, folds = prepared.design.blocks["radiomic"], prepared.design.by_fold["radiomic"]
    for name, values in folds.items():
        assert list(values.columns) == list(whole.columns)
        row = values.iloc[1].dropna().to_dict()
        own, plain = features(run, "c1", name), features(run, "c1")
        assert row == {key: own.get(key, plain[key]) for key in row}
        assert values["t1/tumour/original_firstorder_Mean"].equals(whole["t1/tumour/original_firstorder_Mean"])
    centres = {fold: json.loads((run / f"features/learned/{fold}.json").read_text()) for fold in ("1", "2", "all")}
    assert centres["1"] != centres["2"] != centres["all"]


@pytest.mark.parametrize("settings", [[], NYUL, BOTH], ids=["habitats", "nyul", "both"])
def test_no_image_of_a_test_case_moves_what_its_fold_learned(
    study: Path, run: Path, tmp_path: Path, settings: list[str]
) -> None:
    if settings:
        run = run_study(load_study(study, settings), study.parent / f"run_nyul{len(settings)}", until="prepare").path
    other, again = changed_copy(study, tmp_path / "other", run, 2)
    run_study(load_study(other, settings), again, until="prepare")
    tests, trains = "2", "1"
    before, after = (
        {fold: (place / f"features/learned/{fold}.json").read_bytes() for fold in ("1", "2", "all")}
        for place in (run, again)
    )
    assert before[tests] == after[tests]
    assert before[trains] != after[trains]
    assert before["all"] != after["all"]
    assert features(run, "c5", tests) == features(again, "c5", tests)
    assert features(run, "c5", trains) != features(again, "c5", trains)


def test_a_bundle_measures_new_cases_as_the_study_did(study: Path, run: Path) -> None:
    bundle = load_bundle(run / "bundle")
    assert bundle.schema.imaging is not None
    cohort = read_cohort(config=load_study(study).cohort)
    made = features_from_images(bundle.schema.imaging, cohort, bundle.path).tables["radiomic"].values
    for case in ("c0", "c3"):
        assert made.loc[case].dropna().to_dict() == features(run, case)
    assert len(predict(bundle, study.parent / "cohort.csv").probabilities) == 8
    alone = pd.read_csv(study.parent / "cohort.csv").iloc[[3]]  # whom one habitat lacks
    alone.to_csv(study.parent / "new.csv", index=False)
    assert len(predict(bundle, study.parent / "new.csv").probabilities) == 1


def test_regions_of_each_case_are_written_to_look_at(study: Path, run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "run")
    run_study(study, tmp_path / "run", until="regions")
    image = read_volume(tmp_path / "run/regions/c1/t1.part_2.nrrd").array
    assert np.array_equal(np.unique(np.nonzero(image)[1]), np.arange(TUMOUR[1].start + 1, TUMOUR[1].stop - 1))


def test_landmarks_are_the_mean_of_the_training_cases_and_ship(study: Path, tmp_path: Path) -> None:
    chosen = load_study(study, [*NYUL, "radiomics.classes=[firstorder]"])
    run = run_study(chosen, tmp_path / "run", until="export").path
    steps = chosen.sequences["t1"].normalise
    rows = []
    for number in range(8):
        values = read_volume(study.parent / f"t1{number}.nrrd").array.astype(float)
        found = np.percentile(values, steps[0].percentiles)  # type: ignore[union-attr]
        rows.append((found - found[0]) / (found[-1] - found[0]) * 1000)
    learned = {fold: json.loads((run / f"features/learned/{fold}.json").read_text()) for fold in ("1", "2", "all")}
    assert learned["all"]["landmarks"]["t1"] == pytest.approx(np.mean(rows, axis=0).tolist())
    prepared = prepare.read_design(run / "features/design")
    for fold in prepared.folds:
        expected = np.mean([rows[place] for place in fold.train], axis=0)
        assert learned[fold.name]["landmarks"]["t1"] == pytest.approx(expected.tolist())
    assert {name.split("/")[0] for name in features(run, "c0", "1")} == {"t1"}  # adc is the same in all folds
    bundle = load_bundle(run / "bundle")
    assert bundle.schema.imaging is not None
    cohort = read_cohort(config=chosen.cohort)
    made = features_from_images(bundle.schema.imaging, cohort, bundle.path).tables["radiomic"].values
    assert made.loc["c5"].to_dict() == features(run, "c5")


def test_clusters_are_those_of_voxels_on_the_scale_that_the_fold_learned(study: Path, tmp_path: Path) -> None:
    chosen = load_study(study, [*BOTH, "regions.1.voxels=1000"])  # all that there are
    run = run_study(chosen, tmp_path / "run", until="prepare").path
    step = chosen.sequences["t1"].normalise[0]
    assert isinstance(step, Nyul)
    learned = {fold: json.loads((run / f"features/learned/{fold}.json").read_text()) for fold in ("1", "2", "all")}
    folds = {fold.name: fold.train for fold in prepare.read_design(run / "features/design").folds}
    for fold, own in learned.items():
        mapped = step.model_copy(update={"landmarks": tuple(own["landmarks"]["t1"])})
        images = [read_volume(study.parent / f"t1{i}.nrrd").array.astype(float) for i in folds.get(fold, range(8))]
        voxels = [mapped.values(image, np.ones(image.shape, bool))[TUMOUR] for image in images]
        assert own["habitats"]["part"]["mean"][0] == pytest.approx(np.mean(voxels), rel=1e-6)
        assert own["habitats"]["part"]["spread"][0] == pytest.approx(np.std(voxels), rel=1e-6)
    found = features(run, "c1", "1")
    assert [found[f"t1/part/habitats_Fraction{i}"] for i in (1, 2, 3)] == pytest.approx([1 / 6, 4 / 6, 1 / 6])
    assert learned["1"]["landmarks"] != learned["2"]["landmarks"]
    ships = ImageRecipe.of(filled(chosen, Learned.model_validate(learned["all"])))
    assert ships is not None
    made = features_from_images(ships, read_cohort(config=chosen.cohort), tmp_path).tables["radiomic"].values
    assert made.loc["c0"].dropna().to_dict() == features(run, "c0")


def test_landmarks_that_are_given_are_no_matter_of_folds(study: Path, tmp_path: Path) -> None:
    given = "sequences.t1.normalise=[{kind: nyul, within: image, percentiles: [1, 50, 99], landmarks: [0, 300, 1000]}]"
    run = run_study(load_study(study, [NYUL[0], given]), tmp_path / "run", until="prepare").path
    assert not (run / "features/learned").exists()
    assert not (run / "features/by_fold").exists()
    assert features(run, "c0")["t1/tumour/original_firstorder_Maximum"] > 900


def test_habitats_that_are_others_in_each_fold_are_told(study: Path, tmp_path: Path) -> None:
    other = parts_cohort(tmp_path)
    assert not [
        each for each in run_study(study, tmp_path / "same", until="learn").warnings if "habitat" in each.message
    ]
    for number in (0, 1, 4, 5):  # what fold 2 learns from
        image = drawn("t1", (2, 2, 2), noise=5, seed=number)
        write_image(Volume(image.array + 450, image.grid), tmp_path / f"t1{number}.nrrd")
    done = run_study(load_study(other, ["regions.1.sequences=[t1]"]), tmp_path / "run", until="learn")
    (told,) = [problem for problem in done.warnings if "habitat" in problem.message]
    assert told.where == "regions: 'part'"
    assert "% lie in another habitat by the clusters of fold" in told.message


def test_deep_features_are_of_each_fold_where_regions_may_be(study: Path) -> None:
    given = [NYUL[0], "segmentation={backend: onnx, labels: {tumour: 1}, model: x.onnx, sequence: t1}", "deep={}"]
    told = {}
    for settings in (given, [*given, NYUL[1]]):
        folds = (FoldPatients("1", frozenset({"p0"})),)
        context = Context(load_study(study, settings), cast("RunFolder", None), lambda *_: None, deal=folds)
        told[len(settings)] = context.encoders
    assert told == {3: ("all",), 4: ("1", "all")}


def test_jobs_of_an_array_use_what_was_learned_before(study: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"learn first: run_study\(\.\.\., until='learn'\)"):
        run_study(study, tmp_path / "run", until="extract", shard="1/2")
    learned = run_study(study, tmp_path / "run", until="learn")
    assert learned.computed == 8 + 3
    for shard in ("1/2", "2/2"):
        assert run_study(study, tmp_path / "run", until="extract", shard=shard).computed == 4 * (2 + 1)
    assert run_study(study, tmp_path / "run", until="prepare").computed == 1
    with pytest.raises(InputError, match=r"study .parts. learns nothing of its images; add"):
        run_study(load_study(study, [NYUL[0]]), tmp_path / "run", until="learn")


def test_cases_that_teach_nothing_are_named_and_others_go_on(study: Path, tmp_path: Path) -> None:
    other = parts_cohort(tmp_path)
    small = np.zeros(drawn("t1", (2, 2, 2)).grid.shape, np.uint8)
    small[3, 5, 5:7] = 1
    write_image(LabelMap(small, drawn("t1", (2, 2, 2)).grid), tmp_path / "m5.nrrd")
    run = run_study(load_study(other, ["radiomics.min_voxels=1"]), tmp_path / "run", until="learn")
    assert [failure.item for failure in run.failures] == ["c5"]
    assert "region 'part' has 2 voxels that all its images show, and 3 clusters need as many" in run.failures[0].error
    for number in range(8):
        image = drawn("adc", (2, 2, 2), noise=5, seed=number)
        image.array[TUMOUR] = 3
        write_image(image, tmp_path / f"adc{number}.nrrd")
    with pytest.raises(StudyError, match="'part' in fold '1': the training voxels are all alike on 'adc'"):
        run_study(load_study(other, ["radiomics.min_voxels=1"]), tmp_path / "run", until="learn")


def test_values_of_a_map_that_cannot_be_are_told_of_each_case(study: Path, tmp_path: Path) -> None:
    other = parts_cohort(tmp_path)
    image = drawn("adc", (1, 4, 1))
    image.array[2, 4, 4:7] = (-35, -2, -1)
    image.array[0] = -500  # outside the mask
    write_image(image, tmp_path / "adc4.nrrd")
    maps = "sequences.adc={map: true, radiomics: {bin_width: 20, classes: [firstorder, histogram]}}"
    run = run_study(load_study(other, [NYUL[0], maps]), tmp_path / "run", until="export")
    told = [(problem.where, problem.message) for problem in run.warnings if "adc" in problem.message]
    assert told == [("case c4", "adc: under the mask 3 of 144 voxels lie below 0, as far as -35")]
    found = features(run.path, "c4")
    assert found["adc/tumour/original_firstorder_Minimum"] == -35
    assert found["adc/tumour/original_histogram_5Percentile"] == pytest.approx(800)
    new = predict(load_bundle(run.path / "bundle"), tmp_path / "cohort.csv")
    assert [problem.where for problem in new.warnings if "lie below 0" in problem.message] == ["case c4"]
    strict = load_study(other, [NYUL[0], maps, "sequences.adc.map={outside: fail}"])
    failed = run_study(strict, tmp_path / "run", until="extract").failures
    assert [failure.item for failure in failed] == ["c4"]
    assert "map adc4.nrrd: under the mask 3 of 144 voxels lie below 0" in failed[0].error


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["regions.1.sequences=[t1, t3]"], "sequence 't3' is not one of cohort.images"),
        (["cohort.optional_images=[adc]"], "'part' clusters 'adc', which cohort.optional_images lets cases lack"),
        (["regions.0.name=part_2"], "names its habitats part_1, part_2, part_3, and 'part_2' is taken"),
        (
            ["sequences.adc.normalise=[{kind: nyul}, {kind: percentiles}]"],
            "sequences.adc.normalise: percentiles comes after nyul, .* and 'part' clusters that image: put nyul last",
        ),
        (
            ["sequences.adc.normalise=[{kind: nyul}]", "regions.1.zscore=case"],
            "'part' scales the voxels of each case by themselves .*, so that landmarks \\(nyul\\) of 'adc' would",
        ),
        (["sequences.adc.normalise=[{kind: nyul}, {kind: nyul}]"], "one step of kind nyul is enough"),
        (["fusion.selection=[{kind: stability}]"], "habitats 'part' and a selection by stability exclude each other"),
        (
            ["radiomics.normalize=true", "radiomics.normalize_region=tumour"],
            "does not go with radiomics.normalize_region",
        ),
        (["morphometry=[{kind: size, regions: [part]}]"], "names 'part', which is not among regions"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(study: Path, settings: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_study(load_study(study, settings))
