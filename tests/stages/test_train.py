"""Stage `train`: a network's patients are its backend's to know, and how a training went stays beside it."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import pytest
from boxes import tumour_cohort

from radfuse.pipeline import run_study
from radfuse.study import load_study

STUDY = """
name: trained
cohort:
  table: cohort.csv
  images: {t1: t1}
  mask: mask
  clinical: [age]
  outcome: {column: event}
  split: {kind: grouped, folds: 2}
segmentation: {backend: unet, labels: {tumour: 1}, steps: 20, channels: [8, 16, 16], patch_voxels: 5000,
  validation: 0.3, ema: 0.9, augmentation: full}
regions: [{kind: label, name: tumour, label: tumour}]
radiomics: {classes: [shape]}
fusion: {inner_folds: 2, selection: [{kind: mrmr, k: 2}], classifier: {kind: logistic, c: [1.0]}}
"""


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_how_a_training_went_stays_beside_its_network(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="training needs radfuse[train]")
    tumour_cohort(tmp_path, 6)
    (tmp_path / "study.yaml").write_text(STUDY)
    told: list[str] = []
    run = run_study(
        tmp_path / "study.yaml", tmp_path / "run", until="train", progress=lambda what, *_: told.append(what)
    )
    for fold in ("1", "2", "all"):
        table = pd.read_csv(run.path / "models" / "segmentation" / f"{fold}.training.csv")
        assert list(table.columns) == ["step", "loss", "learning_rate", "validation_dice"]
        assert table["step"].tolist() == list(range(1, 21))
        assert table["validation_dice"].notna().sum() == 10
    assert any(what.startswith("training network 3 of 3: loss ") and ", Dice 0." in what for what in told)
    again = run_study(tmp_path / "study.yaml", tmp_path / "run", until="train")
    assert again.computed == 0


OWN = """
from radfuse.config import Section
from radfuse.seg.backend import Labelled

class Nothing(Section):
    def prepare(self, image, labels):
        return {}

class Patients(Labelled):
    def plan(self, grids):
        return "{}"

    def preparation(self, plan):
        return Nothing()

    def train(self, cases, plan, seed, folder, tell, watch=None):
        watch.say("well")
        tell(1, 1)
        (folder / "training.csv").write_text("of my own")
        return " ".join(watch.patients).encode()

    def segment(self, network, image):
        raise NotImplementedError
"""


def test_a_backend_of_the_users_own_may_ask_whose_the_cases_are(tmp_path: Path) -> None:
    tumour_cohort(tmp_path, 6)
    (tmp_path / "patients_backend.py").write_text(OWN)
    (tmp_path / "study.yaml").write_text(STUDY)
    own = "segmentation={use: 'patients_backend:Patients', labels: {tumour: 1}}"
    told: list[str] = []
    study = load_study(tmp_path / "study.yaml", [own])
    run = run_study(study, tmp_path / "run", until="train", progress=lambda what, *_: told.append(what))
    networks = [(run.path / f"models/segmentation/{fold}.onnx").read_text().split() for fold in ("1", "2", "all")]
    assert sorted(networks[2]) == [f"p{number}" for number in range(6)]
    assert sorted(networks[0] + networks[1]) == sorted(networks[2])
    assert "training network 1 of 3: well" in told
    assert (run.path / "models/segmentation/1.training.csv").read_text() == "of my own"
    sys.modules.pop("patients_backend")
    sys.path[:] = [place for place in sys.path if place != str(tmp_path)]
