"""What headers tell of cases that will fail is told before networks are trained, and not again once they are."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from boxes import tumour_cohort

from radfuse.errors import InputError, Problem
from radfuse.pipeline import run_study
from radfuse.run.folder import RECORD, Record
from radfuse.seg.unet.backend import UnetSegmentation
from radfuse.stages.train import network_of
from radfuse.study import load_study
from radfuse.volume.files import read_volume, write_image
from radfuse.volume.grid import Grid
from radfuse.volume.image import LabelMap, Volume

STUDY = """
name: boxes
cohort:
  table: cohort.csv
  images: {t1: t1, t2: t2}
  mask: mask
  clinical: [age]
  outcome: {column: event}
  split: {kind: grouped, folds: 2}
segmentation: {backend: unet, labels: {tumour: 1}, sequence: t1}
regions: [{kind: label, name: tumour, label: tumour}]
"""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Eight tumours; of c6 and c7 the mask is to be made; t2 is a copy of t1."""
    tumour_cohort(tmp_path, 8)
    table = pd.read_csv(tmp_path / "cohort.csv")
    table["t2"] = [f"d{number}.nrrd" for number in range(8)]
    for number in range(8):
        shutil.copy(tmp_path / f"c{number}.nrrd", tmp_path / f"d{number}.nrrd")
    table.loc[[6, 7], "mask"] = ""
    table.to_csv(tmp_path / "cohort.csv", index=False)
    (tmp_path / "study.yaml").write_text(STUDY)
    return tmp_path / "study.yaml"


def told_of(study: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what a run tells before it plans the networks, where this one ends."""

    def ends(*_: object) -> str:
        raise InputError("planned")

    told: list[Problem] = []

    def warn(problems: Sequence[Problem]) -> None:
        told.extend(problems)

    monkeypatch.setattr(UnetSegmentation, "plan", ends)
    with pytest.raises(InputError, match="planned"):
        run_study(load_study(study), study.parent / "run", until="segment", warn=warn)
    assert {problem.severity for problem in told} <= {"warning"}
    return [str(problem) for problem in told]


def test_files_that_cannot_be_used_are_told_before_training(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = study.parent
    assert told_of(study, monkeypatch) == []
    moved = Grid((20, 24, 24), (2.0, 1.5, 1.5), (5.0, 0.0, 0.0))
    write_image(LabelMap(np.ones(moved.shape, np.uint8), moved), folder / "m2.nrrd")
    write_image(Volume(read_volume(folder / "c6.nrrd").array, moved), folder / "d6.nrrd")
    (folder / "c7.nrrd").write_text("no image")
    (folder / "c1.nrrd").unlink()
    gone, mask, grid, broken = told_of(study, monkeypatch)
    assert gone.startswith("case c1: row 3, t1: no file c1.nrrd")
    assert mask.startswith("cohort.csv, row 4, column 'mask': case c2: mask m2.nrrd lies on another grid than image")
    assert grid.startswith("cohort.csv, row 8, column 't2': case c6: image d6.nrrd lies on another grid than c6.nrrd")
    assert broken.startswith("cohort.csv, row 9, column 't1': case c7: ")
    assert "c7.nrrd is no image that can be read" in broken
    for fold in ("1", "2", "all"):
        record = folder / "run" / (network_of(fold) + RECORD)
        record.parent.mkdir(parents=True, exist_ok=True)
        record.write_text(Record(key="k", stage="train", status="done").model_dump_json())
    assert told_of(study, monkeypatch) == []  # nothing is left to train
