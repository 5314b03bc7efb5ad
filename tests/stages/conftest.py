"""One finished study from images, networks and all, that the tests of this folder copy or look at."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest
from boxes import second_reader, tumour_cohort
from studies import figures_undrawn, once

from radfuse.pipeline import run_study
from radfuse.run.folder import RunFolder
from radfuse.stages.context import Context
from radfuse.study import load_study

STUDY = """
name: sides
cohort:
  table: cohort.csv
  images: {t1: t1}
  mask: mask
  second_mask: second
  unit: [patient_id, side]
  clinical: [age]
  outcome: {column: event}
  split: {kind: grouped, folds: 2}
segmentation: {backend: unet, labels: {tumour: 1}, steps: 60, channels: [8, 16, 16], learning_rate: 0.01,
  patch_voxels: 5000}
regions:
  - {kind: label, name: tumour, label: tumour}
  - {kind: ring, name: ring, around: tumour, margin_mm: 4}
radiomics: {classes: [firstorder]}
deep: {regions: [tumour], mirrored: {side: left}}
stability: {copies: 1, contour: false}
fusion:
  inner_folds: 2
  selection: [{kind: mrmr, k: 4}, {kind: lasso, strengths: [0.4]}]
  classifier: {kind: logistic, c: [0.1]}
  strategy: {kind: early}
report: {journal_figures: false}
evaluation: {readers: {one: grade}, subgroups: [age]}
variants: {few: {fusion.selection.0.k: 2}}
"""


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a study with ten tumours, run to its report, its regions and its stability; change nothing in it."""
    return once(tmp_path_factory, "finished", finish)


def finish(folder: Path) -> None:
    tumour_cohort(folder, 10, spacing=(1.5, 1.5, 2.0))  # longest from side to side, so that a mirror image shows
    second_reader(folder)
    table = pd.read_csv(folder / "cohort.csv")
    table["side"] = ["left", "right"] * 5
    table["grade"] = [1, 2, 3, 4, 2] * 2
    table.to_csv(folder / "cohort.csv", index=False)
    (folder / "study.yaml").write_text(STUDY)
    with figures_undrawn():
        for until in ("report", "regions", "stability"):
            run = run_study(folder / "study.yaml", folder / "run", until=until)
            assert run.failures == ()


@pytest.fixture
def copied(finished: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may change; its run folder is as finished as the original's."""
    return Path(shutil.copytree(finished, tmp_path / "copied"))


@pytest.fixture(scope="session")
def opened(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """The run folder of a copy, which this process alone works in."""
    return RunFolder.open(Path(shutil.copytree(finished, tmp_path_factory.mktemp("opened") / "copy")) / "run", "sides")


@pytest.fixture
def context(opened: RunFolder) -> Context:
    """A pass over the finished study in which every result counts as there; it asks for refits too, which need more
    patients than it has."""
    folder = opened
    refits = ["evaluation.optimism=1", "evaluation.permutations=1", "evaluation.learning_curve={}"]
    made = Context(load_study(folder.path.parent / "study.yaml", refits), folder, lambda *_: None)
    names = (path.relative_to(folder.path) for path in folder.path.rglob("*.record.json"))
    made.keys = {str(name).removesuffix(".record.json"): "there" for name in names}
    made.variants = {"few": folder.path / "variants/few/models/comparison"}
    return made
