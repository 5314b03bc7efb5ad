"""A run that is killed again and again ends where an undisturbed one ends."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from radfuse.config import apply_overrides, read_yaml, to_yaml
from radfuse.phantom.knee import KneePhantom, write_knee_phantom
from radfuse.pipeline import run_study

pytest.importorskip("radiomics", reason="PyRadiomics is not installed")
pytest.importorskip("torch", reason="training needs radfuse[train]")
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.slow]  # lightning and torch warn of their own ways

TINY = [
    "cohort.split.folds=2",
    "segmentation.spacing_zyx_mm=[4.0, 3.5, 3.5]",
    "segmentation.channels=[8, 16, 16]",
    "segmentation.patch_voxels=12000",
    "segmentation.steps=30",
    "regions=[{kind: label, name: femur, label: femur}]",
    "radiomics={classes: [firstorder, glcm]}",
    "deep={regions: [femur]}",
    "fusion={inner_folds: 2, families: [clinical, radiomic, deep], selection: [{kind: mrmr, k: 3}], "
    "classifier: {kind: logistic, c: [1.0]}}",
]
"""Two folds, three networks of a second each."""
STAGES = {
    "training": "work/train/*/last.ckpt",
    "segmenting": "labels/*.record.json",
    "extracting": "features/*/*.record.json",
}
"""The first file of each stage: it is under way when this is there."""
PATIENCE = 300
"""Seconds to wait for it on a busy machine."""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen coarse knees, ten of them with masks."""
    folder = tmp_path_factory.mktemp("killed") / "T"
    phantom = KneePhantom(
        cases=16, seed=3, sites=1, prevalence=0.5, voxels_zyx=(20, 32, 32), spacing_zyx_mm=(4.0, 3.5, 3.5)
    )
    path = write_knee_phantom(folder, phantom)
    path.write_text(to_yaml(apply_overrides(read_yaml(path), TINY)), encoding="utf-8")
    return path


def start(study: Path, folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "radfuse.cli", "run", str(study), "--out", str(folder)]
    with (folder.parent / f"{folder.name}.txt").open("ab") as told:
        return subprocess.Popen(command, stdout=told, stderr=told, start_new_session=True)


def kill_at(study: Path, folder: Path, sign: str) -> None:
    """Start a run and kill it with all its workers as soon as a file like `sign` is there."""
    process = start(study, folder)
    try:
        end = time.monotonic() + PATIENCE
        while not any(folder.glob(sign)):
            assert process.poll() is None, f"it ended before {sign} was there: {process.returncode}"
            assert time.monotonic() < end, f"no {sign} in time"
            time.sleep(0.002)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert process.returncode == -signal.SIGKILL
    assert not (folder / "report").exists()


def complete(study: Path, folder: Path) -> None:
    process = start(study, folder)
    assert process.wait(PATIENCE) == 0, (folder.parent / f"{folder.name}.txt").read_text()


def records(folder: Path) -> dict[str, dict]:
    return {str(path.relative_to(folder)): json.loads(path.read_text()) for path in folder.rglob("*.record.json")}


@pytest.mark.long
def test_killed_in_every_stage_it_ends_where_it_would_have(study: Path, tmp_path: Path) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    finished: dict[str, dict] = {}
    for stage, sign in STAGES.items():
        kill_at(study, killed, sign)
        now = records(killed)
        assert {name: now[name] for name in finished} == finished, f"before {stage} something was made twice"
        finished = now
    complete(study, killed)
    now = records(killed)
    assert {name: now[name] for name in finished} == finished
    assert {record["status"] for record in now.values()} == {"done"}
    assert run_study(study, whole).failures == ()
    undisturbed = records(whole)
    assert {name: record["key"] for name, record in now.items()} == {
        name: record["key"] for name, record in undisturbed.items()
    }
    files = [{str(path.relative_to(folder)) for path in folder.rglob("*")} for folder in (killed, whole)]
    assert files[0] == files[1]
    assert not [name for name in files[0] if name.endswith(".tmp")]
    tables = [pd.read_parquet(folder / "models/comparison/predictions.parquet") for folder in (killed, whole)]
    assert tables[0].groupby("family")["probability"].nunique().min() > 4  # nothing is equal for being constant
    columns = [name for name in tables[0] if name not in ("probability", "threshold")]
    pd.testing.assert_frame_equal(tables[0][columns], tables[1][columns])
    for column in ("probability", "threshold"):
        assert np.allclose(tables[0][column], tables[1][column], rtol=0, atol=1e-6)
