"""Networks of several sequences, nnU-Net's, and networks that a study brings: from files to a bundle that predicts."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("nnunetv2", reason="needs radfuse[train]")
from boxes import tumour_cohort

from radfuse.bundle.predict import predict
from radfuse.errors import InputError, StudyError
from radfuse.pipeline import run_study
from radfuse.run.folder import read_json
from radfuse.study import Study, load_study
from radfuse.volume.files import read_volume, write_image
from radfuse.volume.image import Volume

STUDY = """
name: own
report: {journal_figures: false}
cohort:
  table: cohort.csv
  images: {t1: t1}
  mask: mask
  outcome: {column: event}
  split: {kind: grouped, folds: 2}
segmentation: {backend: unet, labels: {tumour: 1}, channels: [4, 8, 8], steps: 30, patch_voxels: 4000}
regions: [{kind: label, name: tumour, label: tumour}]
radiomics: {classes: [shape]}
fusion: {inner_folds: 2, families: [radiomic], selection: [{kind: mrmr, k: 2}],
  classifier: {kind: logistic, c: [1.0]}}
"""
NNUNET = "{backend: nnunet, labels: {tumour: 1}, configuration: 2d, epochs: 1, iterations: 16, batch: 8, mirror: false}"
pytestmark = pytest.mark.usefixtures("one_thread", "undrawn")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten tumours, some without mask, and a study of them."""
    tumour_cohort(tmp_path, 10, masks=False)
    (tmp_path / "study.yaml").write_text(STUDY)
    return tmp_path


def study_of(folder: Path, segmentation: str = "", **more: Any) -> Study:
    """The study with another segmentation."""
    overrides = [f"segmentation={segmentation}"] if segmentation else []
    return load_study(folder / "study.yaml", [*overrides, *(f"{key}={value}" for key, value in more.items())])


def dice_of(run: Path) -> list[float]:
    """Dice of every case with a manual mask."""
    found = [read_json(path)["agreement"] for path in sorted(run.glob("labels/*/segmented.json"))]
    return [each["tumour"]["dice"] for each in found if each]


@pytest.mark.slow
def test_nnunet_trains_and_its_networks_come_back(folder: Path) -> None:
    run = run_study(study_of(folder, NNUNET), folder / "run", until="export")
    assert not run.failures
    assert len(dice_of(folder / "run")) == 6
    assert np.median(dice_of(folder / "run")) > 0.5
    found = predict(folder / "run" / "bundle", folder / "cohort.csv")
    assert found.probabilities.notna().all(axis=None)
    brought = study_of(folder, "{backend: onnx, labels: {tumour: 1}, model: run/models/segmentation/all.onnx}")
    assert run_study(brought, folder / "brought", until="segment").masks == 10
    assert "tumour_entropy" in (folder / "brought/labels/review.csv").read_text().splitlines()[0]
    assert read_json(folder / "brought/models/segmentation/all.masks.json")["masks"] == 6
    own = study_of(
        folder,
        "{backend: onnx, labels: {tumour: 1}, model: run/models/segmentation/all.onnx}",
        **{"cohort.mask": "null"},
    )
    assert not run_study(own, folder / "own", until="extract").failures
    facts = read_json(folder / "brought" / "labels" / "c1" / "segmented.json")
    assert (facts["source"], facts["network"]) == ("external", "all")
    assert np.median(dice_of(folder / "brought")) > 0.5
    assert not list((folder / "brought" / "models" / "segmentation").glob("[12].onnx"))


@pytest.mark.long
@pytest.mark.slow
def test_a_killed_nnunet_goes_on_from_its_last_epoch(folder: Path) -> None:
    words = ["train", folder / "study.yaml", "--out", folder / "run", "--set", f"segmentation={NNUNET}"]
    words += ["--set", "segmentation.epochs=5", "--set", "segmentation.iterations=4"]
    command = [sys.executable, "-m", "radfuse.cli", *map(str, words)]
    pattern = "work/train/*/results/*/*/fold_all/checkpoint_latest.pth"
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as started:
        while not (left := list((folder / "run").glob(pattern))):
            assert started.poll() is None
            time.sleep(0.1)
        started.send_signal(signal.SIGKILL)
    desk = left[0].parents[4]
    prepared = desk / "preprocessed" / "Dataset001_radfuse" / "ready"
    before, log, text = prepared.stat().st_mtime_ns, desk / "nnunet.log", ""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as again:
        while desk.is_dir() and again.poll() is None:
            with contextlib.suppress(FileNotFoundError):  # it is removed when the network is there
                text, same = log.read_text(), prepared.stat().st_mtime_ns == before
                assert same
            time.sleep(0.05)
        again.kill()  # the other networks say nothing more
    assert len(re.findall(r"Epoch 0\b", text)) == 1  # what was trained before was not trained again
    assert re.search(r"Epoch 3\b", text)
    assert len(list((folder / "run" / "models" / "segmentation").glob("*.onnx"))) >= 1


def test_two_sequences_are_channels_of_one_network(folder: Path) -> None:
    table = pd.read_csv(folder / "cohort.csv")
    for name in table["t1"]:
        image = read_volume(folder / name)
        write_image(Volume(200 - image.array, image.grid), folder / f"t2_{name}")
    table["t2"] = [f"t2_{name}" for name in table["t1"]]
    table.to_csv(folder / "cohort.csv", index=False)
    images = {"cohort.images": "{t1: t1, t2: t2}"}
    with pytest.raises(InputError, match=r"segmentation\.sequence: t1, or several as channels: \[t1, t2\]"):
        study_of(folder, **images)
    with pytest.raises(InputError, match="names one image twice"):
        study_of(folder, **images, **{"segmentation.sequence": "[t1, t1]"})
    study = study_of(
        folder, **images, **{"segmentation.sequence": "[t2, t1]", "deep": "{}", "fusion.families": "[deep]"}
    )
    run = run_study(study, folder / "run", until="export")
    assert not run.failures
    case = next((folder / "run" / "work" / "cases").glob("c1"))
    assert np.load(case / "image.npy").shape[0] == 2
    deep = read_json(next((folder / "run" / "features" / "deep" / "all").glob("c1.json")))["features"]
    assert all(name.startswith("t2/tumour/deep_") for name in deep)
    found = predict(folder / "run" / "bundle", folder / "cohort.csv")
    assert found.probabilities.notna().all(axis=None)
    moved = read_volume(folder / "t2_c0.nrrd")
    write_image(
        Volume(moved.array, type(moved.grid)(moved.grid.shape, moved.grid.spacing_zyx_mm, (500.0, 0, 0))),
        folder / "t2_c0.nrrd",
    )
    again = predict(folder / "run" / "bundle", folder / "cohort.csv")
    assert "lies wholly beside" in next(failure.error for failure in again.failures if failure.item == "c0")


WRONG = {
    "{backend: nnunet, labels: {tumour: 1}, model: nowhere}": "nowhere is no folder; give nnU-Net's results",
    "{backend: nnunet, labels: {tumour: 1}, folds: ['0']}": "folds says something of `model`",
    "{backend: onnx, labels: {tumour: 1}, model: nowhere.onnx}": "there is no such file",
    "{backend: onnx, labels: {tumour: 1}, model: study.yaml}": "is no ONNX file",
    "{backend: onnx, labels: {tumour: 1}}": "segmentation.model: this setting is required",
}


@pytest.mark.parametrize("segmentation", WRONG)
def test_a_network_that_cannot_be_brought_is_told(folder: Path, segmentation: str) -> None:
    with pytest.raises(InputError) as caught:
        run_study(study_of(folder, segmentation), folder / "run", until="segment")
    assert WRONG[segmentation] in str(caught.value)


def test_a_network_of_other_labels_is_refused(folder: Path) -> None:
    run_study(study_of(folder), folder / "run", until="train")
    other = "{backend: onnx, labels: {lesion: 2}, model: run/models/segmentation/1.onnx}"
    study = study_of(folder, other, regions="[{kind: label, name: lesion, label: lesion}]")
    with pytest.raises(
        InputError, match=r"makes the labels tumour: 1; give them as segmentation\.labels: \{tumour: 1\}"
    ):
        run_study(study, folder / "other", until="segment")


def test_an_own_backend_that_brings_nothing_is_told(folder: Path) -> None:
    (folder / "elsewhere_backend.py").write_text(
        "from radfuse.seg.backend import Labelled\n"
        "class Elsewhere(Labelled):\n"
        "    @property\n    def source(self): return 'external'\n"
        "    def plan(self, grids): ...\n"
        "    def preparation(self, plan): ...\n"
        "    def train(self, cases, plan, seed, folder, tell): ...\n"
        "    def segment(self, network, image): ...\n"
    )
    study = study_of(folder, "{use: 'elsewhere_backend:Elsewhere', labels: {tumour: 1}}")
    with pytest.raises((InputError, StudyError), match=r"Elsewhere says .* give it a method brought\(folder\)"):
        run_study(study, folder / "run", until="train")
    sys.modules.pop("elsewhere_backend")


def test_masks_that_lack_a_label_are_told(folder: Path) -> None:
    study = study_of(folder, NNUNET.replace("tumour: 1", "tumour: 1, cyst: 2"))
    with pytest.raises(
        (InputError, StudyError), match="label 'cyst' is in none of the 3 masks that network '1' learns from"
    ):
        run_study(study, folder / "run", until="train")
