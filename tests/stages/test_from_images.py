"""Studies that start from images: masks, regions, features, bundle, and cases that fail."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from boxes import grid, tumour_cohort

from radfuse.bundle.evaluate import evaluate
from radfuse.bundle.predict import predict
from radfuse.check.study import check_study
from radfuse.errors import InputError
from radfuse.pipeline import run_study
from radfuse.results import SegmentedCase
from radfuse.run.folder import read_json
from radfuse.seg.metrics import dice
from radfuse.study import load_study
from radfuse.volume.files import read_labels, read_volume, write_image
from radfuse.volume.image import LabelMap, Volume
from radfuse.volume.resample import resample_labels

pytest.importorskip("radiomics", reason="PyRadiomics is not installed")
pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning", "ignore::DeprecationWarning"),
    pytest.mark.slow,
    pytest.mark.usefixtures("undrawn"),
]

STUDY = """
name: boxes
report: {journal_figures: false}
cohort:
  table: cohort.csv
  images: {t1: t1}
  mask: mask
  clinical: [age]
  outcome: {column: event}
  split: {kind: grouped, folds: 3}
segmentation: {backend: manual, labels: {tumour: 1}}
regions:
  - {kind: label, name: tumour, label: tumour}
  - {kind: ring, name: ring, around: tumour, margin_mm: 4}
radiomics: {classes: [shape, firstorder]}
fusion:
  inner_folds: 2
  selection: [{kind: mrmr, k: 4}, {kind: lasso, strengths: [0.4]}]
  classifier: {kind: logistic, c: [0.1]}
  strategy: {kind: early}
"""
UNET = [
    "segmentation={backend: unet, labels: {tumour: 1}, steps: 40, channels: [8, 16, 16], learning_rate: 0.01, "
    "patch_voxels: 5000}",
    "deep={regions: [ring]}",
    "fusion.families=[radiomic, deep, clinical-radiomic-deep]",
]


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Twelve tumours with masks."""
    tumour_cohort(tmp_path, 12)
    (tmp_path / "study.yaml").write_text(STUDY)
    return tmp_path / "study.yaml"


def test_without_an_outcome_there_are_masks_and_features_and_no_models(study: Path) -> None:
    silent = load_study(study, ["cohort.outcome=null"])
    checked = check_study(silent)
    assert [problem.severity for problem in checked.warnings] == ["warning"]
    run = run_study(silent, study.parent / "run", until="extract")
    assert run.failures == ()
    assert len(list((study.parent / "run/features/cases").glob("*.record.json"))) == 12
    with pytest.raises(InputError, match=r"cohort.outcome is needed to compare models"):
        run_study(silent, study.parent / "run", until="fuse")


def test_what_learns_nothing_needs_no_folds(study: Path) -> None:
    """One patient cannot be dealt into folds, and can be measured; a network has to be trained on others."""
    folder = study.parent
    tumour_cohort(folder, 1)
    silent = ["cohort.outcome=null", "cohort.clinical=[]"]
    assert run_study(load_study(study, silent), folder / "run", until="extract").failures == ()
    assert (folder / "run/features/cases/c0.json").is_file()
    with pytest.raises(InputError, match=r"1 patient cannot fill 3 folds \(cohort\.split\.folds\); add patients"):
        run_study(load_study(study, [*silent, UNET[0]]), folder / "other", until="train")


def test_manual_masks_become_regions_features_models_and_predictions(study: Path) -> None:
    run = run_study(study, study.parent / "run", until="export")
    assert run.failures == ()
    assert run.results is not None
    aucs = {item.family: item.auc.value for item in run.results.performance}
    assert aucs["radiomic"] == 1.0  # the event is the size of the box
    features = json.loads((run.path / "features/cases/c1.json").read_text())
    assert features["mask_source"] == "manual"
    assert features["voxels"]["t1/tumour"] == 11**3
    assert features["features"]["t1/tumour/original_shape_VoxelVolume"] == pytest.approx(11**3 * 4.5)
    again = run_study(study, run.path, until="export")
    assert again.computed == 0
    found = predict(run.path / "bundle", study.parent / "cohort.csv")
    assert found.failures == ()
    assert ((found.probabilities["radiomic"] > 0.5) == (found.units["case_id"].str[1:].astype(int) % 2 == 1)).all()


def test_a_network_per_fold_segments_who_it_never_saw(study: Path) -> None:
    tumour_cohort(study.parent, 12, masks=False)
    trained = run_study(load_study(study, UNET), study.parent / "run", until="train")
    assert trained.results is None
    assert sorted(item.stem for item in (trained.path / "models/segmentation").glob("*.onnx")) == ["1", "2", "3", "all"]
    assert not (trained.path / "labels").exists()
    image = (study.parent / "c1.nrrd").read_bytes()
    damaged = bytearray(image)  # the other shard's business; beyond the samples that tell images apart
    damaged[len(image) // 4 + 3000 : len(image) // 4 + 4000] = bytes(1000)
    (study.parent / "c1.nrrd").write_bytes(damaged)
    first = run_study(load_study(study, UNET), trained.path, until="segment", shard="1/2")
    assert (first.computed, first.failures) == (6, ())
    (study.parent / "c1.nrrd").write_bytes(image)
    assert {item.name for item in (trained.path / "labels").glob("c*[0-9]")} == {"c0", "c2", "c4", "c6", "c8", "c10"}
    encoded = run_study(load_study(study, UNET), trained.path, until="deep", shard="2/6")
    assert encoded.computed == 2 + 2 * 4  # two cases: their masks, and features by four networks
    assert not (trained.path / "features/cases").exists()
    with pytest.raises(InputError, match=r"train first: run_study\(\.\.\., until='train'\)"):
        run_study(load_study(study, [*UNET, "seed=8"]), trained.path, until="segment", shard="2/2")
    segmented = run_study(load_study(study, UNET), study.parent / "run", until="segment")
    assert segmented.computed == 4 + 4 + 1  # cases, what the masks of each network look like, the review list
    assert not (trained.path / "features/cases").exists()
    run = run_study(load_study(study, UNET), study.parent / "run")
    assert run.failures == ()
    assert run.results is not None
    assert {item.family for item in run.results.performance} >= {"radiomic", "deep", "clinical-radiomic-deep"}
    predictions = pd.read_parquet(run.path / "models/comparison/predictions.parquet")
    fold_of = dict(zip(predictions["case_id"], predictions["fold"], strict=True))
    overlaps = []
    for case, fold in fold_of.items():
        facts = SegmentedCase.model_validate_json((run.path / f"labels/{case}/segmented.json").read_text())
        assert (facts.source, facts.network) == ("cross_fitted", fold)
        overlaps += [found.dice for found in facts.agreement.values()]
        assert read_labels(run.path / f"labels/{case}/labels.nrrd").grid.same_as(grid((20, 24, 24), (2.0, 1.5, 1.5)))
    assert np.median(overlaps) > 0.7
    page = run.report.read_text()
    assert ">Segmentation</h2>" in page
    sources = pd.read_csv(run.path / "report/tables/masks.csv")
    assert sources[["masks", "cases"]].to_numpy().tolist() == [["cross-fitted", 12]]
    assert "ICC(2,1)" in page
    assert "The worst case" in page
    assert "Bland-Altman of volumes: tumour" in page
    assert run_study(load_study(study, UNET), run.path).computed == 0

    table = study.parent / "cohort.csv"
    out = study.parent / "P"
    command = [sys.executable, "-X", "importtime", "-m", "radfuse.cli", "predict", str(run.path / "bundle"), str(table)]
    finished = subprocess.run([*command, "--out", str(out)], capture_output=True, text=True, check=True)
    imported = {line.split("|")[-1].strip() for line in finished.stderr.splitlines() if line.startswith("import time:")}
    assert "onnxruntime" in imported
    assert not imported & {"torch", "sklearn", "monai", "lightning"}
    rows = pd.read_csv(out / "predictions.csv")
    direct = predict(run.path / "bundle", table)
    assert np.allclose(rows["clinical-radiomic-deep_probability"], direct.probabilities["clinical-radiomic-deep"])
    assert len(list((out / "labels").glob("*.nii.gz"))) == 12
    predict(run.path / "bundle", table, labels_out=study.parent / "A", runtime="auto")  # openvino where it is here
    for by_auto in (study.parent / "A").glob("*.nii.gz"):  # in 16-bit floats: voxels at the edge differ
        pair = [read_labels(folder / by_auto.name).array > 0 for folder in (study.parent / "A", out / "labels")]
        assert dice(*pair) > 0.97
    with pytest.raises(InputError, match="there is no runtime 'openvin'; did you mean 'openvino'"):
        predict(run.path / "bundle", table, runtime="openvin")
    with pytest.raises(InputError, match="there is no runtime 'openvin'"):
        evaluate(run.path / "bundle", table, runtime="openvin")

    (study.parent / "c0.nrrd").write_text("not an image")
    command = [sys.executable, "-m", "radfuse.cli", "evaluate", str(run.path / "bundle"), str(table), "--out", str(out)]
    evaluated = subprocess.run(command, capture_output=True, text=True, check=False)
    assert evaluated.returncode == 1
    assert "failed c0" in evaluated.stderr
    assert len(pd.read_csv(out / "predictions.csv")) == 11


@pytest.mark.long
def test_a_missed_tumour_counts_and_masks_may_lie_on_other_grids(study: Path) -> None:
    folder = study.parent
    tumour_cohort(folder, 12)
    fine = resample_labels(read_labels(folder / "m2.nrrd"), grid((40, 48, 48), (1.0, 0.75, 0.75)))
    write_image(fine, folder / "m2.nrrd")
    image = read_volume(folder / "c3.nrrd")
    noise = np.random.default_rng(0).normal(100, 5, image.array.shape).astype(np.float32)
    write_image(Volume(noise, image.grid), folder / "c3.nrrd")  # a mask, and nothing to see
    missed = read_labels(folder / "m4.nrrd")
    missed.array[:] = 0
    missed.array[0, 0, 0] = 1
    write_image(missed, folder / "m4.nrrd")  # a manual mask that gives no region
    run = run_study(load_study(study, [*UNET, "resample_masks=true"]), folder / "run")
    failures = {failure.item: failure.error for failure in run.failures}
    assert "manual mask, for its agreement with the predicted one only" in failures["c4"]
    cases = pd.read_csv(run.path / "report/tables/segmentation_cases.csv")
    assert (len(cases), set(cases["label"])) == (12, {"tumour"})
    assert set(pd.read_csv(run.path / "report/tables/segmentation.csv")["cases"]) == {12}
    prepared = pd.read_parquet(run.path / "models/comparison/predictions.parquet")
    assert {"c2", "c4"} <= set(prepared["case_id"])
    assert any(
        part in failures.get("c3", "none") for part in ("none", "the network found none of the labels", "voxels")
    )
    assert ("c3" in set(prepared["case_id"])) == ("c3" not in failures)  # missed or not, it is told


def test_cases_that_fail_are_named_and_the_others_complete(study: Path) -> None:
    folder = study.parent
    tumour_cohort(folder, 20)
    (folder / "c0.nrrd").write_text("not an image")
    empty = read_labels(folder / "m1.nrrd")
    write_image(LabelMap(np.zeros_like(empty.array), empty.grid), folder / "m1.nrrd")
    write_image(LabelMap(empty.array[1:], grid((19, 24, 24), (2.0, 1.5, 1.5))), folder / "m2.nrrd")
    one = np.zeros_like(empty.array)
    one[5, 5, 5] = 1
    write_image(LabelMap(one, empty.grid), folder / "m3.nrrd")
    write_image(LabelMap(one * 9, empty.grid), folder / "m4.nrrd")
    run = run_study(study, folder / "run")
    found = {failure.item: failure.error for failure in run.failures}
    assert set(found) == {"c0", "c1", "c2", "c3", "c4"}
    assert "c0.nrrd is no image that can be read" in found["c0"]
    assert "the mask is empty" in found["c1"]
    assert "lies on another grid" in found["c2"]
    assert "region 'tumour' has 1 voxels, needs 10" in found["c3"]
    assert "labels 9 are not declared; declared: 1 tumour" in found["c4"]
    assert run.results is not None
    assert run.results.performance[0].units == 15
    for case in found:
        assert f"<b>{case}</b>" in run.report.read_text()
    tumour_cohort(folder, 20)
    mended = run_study(study, folder / "run", until="fuse")
    assert mended.failures == ()
    assert mended.results is not None
    assert mended.results.performance[0].units == 20


def test_a_mask_on_another_grid_can_be_resampled_on_request(study: Path) -> None:
    labels = read_labels(study.parent / "m2.nrrd")
    write_image(LabelMap(labels.array[1:-1], grid((18, 24, 24), (2.0, 1.5, 1.5))), study.parent / "m2.nrrd")
    assert run_study(load_study(study, ["resample_masks=true"]), study.parent / "run", until="extract").failures == ()


def test_regions_are_written_to_look_at_one_file_each(study: Path) -> None:
    folder = study.parent
    run = run_study(study, folder / "run", until="regions")
    assert (run.computed, run.failures, run.results) == (12, (), None)
    assert not (run.path / "features").exists()
    assert {item.name for item in (run.path / "regions/c1").iterdir()} == {
        "t1.tumour.nrrd",
        "t1.ring.nrrd",
        "regions.json",
    }
    facts = json.loads((run.path / "regions/c1/regions.json").read_text())
    assert facts["mask_source"] == "manual"
    assert facts["regions"]["t1/tumour"] == {
        "file": "t1.tumour.nrrd",
        "value": 1,
        "voxels": 11**3,
        "volume_mm3": pytest.approx(11**3 * 4.5),
    }
    manual = read_labels(folder / "m1.nrrd")
    tumour, ring = (read_labels(run.path / f"regions/c1/t1.{name}.nrrd") for name in ("tumour", "ring"))
    assert np.array_equal(tumour.array, manual.array)
    assert tumour.array.dtype == ring.array.dtype == np.uint8
    assert tumour.grid.same_as(manual.grid)
    assert ring.present() == (2,)
    assert int((ring.array > 0).sum()) == facts["regions"]["t1/ring"]["voxels"]
    assert not ((ring.array > 0) & (tumour.array > 0)).any()
    assert run_study(study, run.path, until="regions").computed == 0
    assert run_study(load_study(study, ["regions.1.margin_mm=6"]), run.path, until="regions").computed == 12
    run_study(study, folder / "other", until="export")
    assert not (folder / "other/regions").exists()  # models do not need them


def test_regions_that_cannot_be_made_are_named(study: Path) -> None:
    labels = read_labels(study.parent / "m3.nrrd")
    write_image(LabelMap(labels.array[1:], grid((19, 24, 24), (2.0, 1.5, 1.5))), study.parent / "m3.nrrd")
    run = run_study(study, study.parent / "run", until="regions", shard="2/2")
    assert [failure.item for failure in run.failures] == ["c3"]
    assert "mask m3.nrrd lies on another grid than image c3.nrrd" in run.failures[0].error
    assert run.computed == 5
    resampled = run_study(load_study(study, ["resample_masks=true"]), run.path, until="regions", shard="2/2")
    assert resampled.failures == ()
    assert read_labels(run.path / "regions/c3/t1.tumour.nrrd").grid.shape == (20, 24, 24)


def test_jobs_of_an_array_share_a_run_folder_and_name_their_own_failures(study: Path) -> None:
    folder = study.parent
    (folder / "c5.nrrd").write_text("not an image")
    command = [sys.executable, "-m", "radfuse.cli", "extract", str(study), "--out", str(folder / "run"), "--shard"]
    jobs = [subprocess.Popen([*command, f"{number}/2"], stderr=subprocess.PIPE, text=True) for number in (1, 2)]
    told = [job.communicate()[1] for job in jobs]
    assert [job.returncode for job in jobs] == [0, 1], told
    assert "failed c5: " in told[1]
    assert len(list((folder / "run/features/cases").glob("*.json"))) == 2 * 11 + 1  # and records, one of a failure
    tumour_cohort(folder, 12)
    run = run_study(study, folder / "run", until="extract")
    assert (run.computed, run.reused) == (1, 11)


@pytest.mark.parametrize(
    ("stage", "shard", "message"),
    [
        (
            "train",
            "1/2",
            "train is no stage that goes case by case; those that take a shard: segment, follow, register",
        ),
        ("report", "1/2", "report is no stage that goes case by case"),
        ("extract", "0/2", "jobs are numbered from 1 to 2"),
        ("deep", None, "has no deep section; add deep: {}"),
    ],
)
def test_stages_that_make_no_sense_are_refused(study: Path, stage: str, shard: str | None, message: str) -> None:
    with pytest.raises(InputError, match=message):
        run_study(study, study.parent / "run", until=stage, shard=shard)
    assert not (study.parent / "run").exists()


def test_a_case_without_mask_needs_a_network(study: Path) -> None:
    tumour_cohort(study.parent, 12, masks=False)
    run = run_study(study, study.parent / "run", until="extract")
    assert {failure.item for failure in run.failures} == {"c0", "c3", "c6", "c9"}
    assert "the case has no mask" in run.failures[0].error


BAD = {
    "regions=[{kind: label, name: a/b, label: tumour}]": "names must differ and hold no '/'",
    "segmentation=null": "regions need segmentation",
    "cohort.images={}": "regions need cohort.images",
    "deep={}": "deep needs segmentation: {backend: unet",
    "segmentation.labels={a: 1, b: 1}": "two labels share one number",
    "regions=[{kind: rng, name: r, around: tumour}]": "unknown kind 'rng'; did you mean 'ring'?",
    "features={radiomic: x.csv}": "regions make the radiomic block",
    "radiomics.engin=fast": "did you mean 'engine'?",
}


@pytest.mark.parametrize("setting", BAD)
def test_studies_that_contradict_themselves_are_refused(study: Path, setting: str) -> None:
    with pytest.raises(InputError) as caught:
        load_study(study, [setting])
    assert BAD[setting] in str(caught.value)


def test_patients_that_no_fold_tests_are_segmented_by_networks_that_never_saw_them(study: Path) -> None:
    quick = [UNET[0].replace("steps: 40", "steps: 2"), "cohort.split={kind: holdout, test_fraction: 0.25}"]
    run = run_study(load_study(study, quick), study.parent / "run", until="review")
    assert run.failures == ()
    networks = {item.stem for item in (run.path / "models/segmentation").glob("*.onnx")}
    assert networks == {"holdout", "all", "part-1", "part-2", "part-3"}
    facts = {path.parent.name: read_json(path)["network"] for path in run.path.glob("labels/*/segmented.json")}
    assert Counter(facts.values()) == {"holdout": 4, "part-1": 3, "part-2": 3, "part-3": 2}
    table = pd.read_csv(study.parent / "cohort.csv")
    beside = table.index[table["case_id"].map(facts) != "holdout"]
    table.loc[beside[1:], "mask"] = None  # one is left, whom its own network would not see
    table.to_csv(study.parent / "cohort.csv", index=False)
    with pytest.raises(InputError, match="no manual mask is left for the network 'part-1' to learn from"):
        run_study(load_study(study, quick), study.parent / "few", until="train")


def test_stability_needs_no_network_where_every_mask_is_drawn(study: Path) -> None:
    tumour_cohort(study.parent, 8)
    run = run_study(load_study(study, [*UNET, "stability.copies=1"]), study.parent / "run", until="stability")
    assert (run.path / "stability").is_dir()
    assert not (run.path / "models").exists()
