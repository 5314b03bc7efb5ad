"""Stage `train`: side by side where that is quicker; whose the cases are, and how it went, beside each network."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from boxes import tumour_cohort

from radfuse import machine
from radfuse.check.inputs import FoldPatients
from radfuse.errors import InputError, StudyError
from radfuse.pipeline import run_study
from radfuse.seg.plan import SegPlan
from radfuse.seg.unet.backend import UnetSegmentation
from radfuse.stages import plan, train
from radfuse.stages.train import TrainJob
from radfuse.study import load_study
from radfuse.volume.files import read_labels, write_image
from radfuse.volume.image import LabelMap

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
@pytest.mark.parametrize("short", [1e12, pytest.param(0, marks=pytest.mark.long)])  # here, or side by side
def test_how_a_training_went_stays_beside_its_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, short: float
) -> None:
    pytest.importorskip("torch", reason="training needs radfuse[train]")
    monkeypatch.setattr("radfuse.seg.unet.backend._SHORT", short)
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
    assert any(what.startswith("training network ") and ": loss " in what and ", Dice 0." in what for what in told)
    again = run_study(tmp_path / "study.yaml", tmp_path / "run", until="train")
    assert again.computed == 0


def test_a_network_that_nobody_judged_is_told(tmp_path: Path) -> None:
    def told(validation: float) -> list[str]:
        backend = SimpleNamespace(validation=validation)
        networks = [train.network_of(name) for name in ("1", "all")]
        context: Any = SimpleNamespace(
            study=SimpleNamespace(trains=True),
            backend=backend,
            folds=(FoldPatients("1", frozenset({"p"})),),
            all_cases=[],
            inputs=None,
        )
        context.inputs, context.path, context.has = cohort_of([]), tmp_path.joinpath, networks.__contains__
        return [problem.message for problem in train.remarks(context)]

    for name, dice in {"1": "", "all": "0.5"}.items():
        log = (tmp_path / train.network_of(name)).with_suffix(".training.csv")
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(f"step,loss,learning_rate,validation_dice\n1,0.9,1e-3,\n2,0.8,1e-3,{dice}\n")
    assert told(0) == []
    (text,) = told(0.2)
    assert text.startswith("nobody was held back from the network of 1, as every patient alone has some label")


def test_networks_of_parts_that_learn_from_few_are_told() -> None:
    def told(before: int) -> list[str]:
        cases = [SimpleNamespace(patient=f"p{n}", case_id=f"c{n}", mask=Path("m")) for n in range(before + 2)]
        tested = FoldPatients("temporal", frozenset({f"p{before}", f"p{before + 1}"}))
        context: Any = SimpleNamespace(all_cases=cases, folds=(tested,), inputs=cohort_of(cases))
        return [problem.message for problem in plan.remarks(context)]

    assert told(8) == []  # each part's network learns from five or six of eight
    (text,) = told(4)
    assert "learn from 2 patients at worst (part-1, part-2, part-3), and those whom a fold tests by one" in text
    assert "learns from 4" in text


@pytest.mark.slow
def test_a_label_that_one_network_would_miss_is_told_before_another_is_trained(tmp_path: Path) -> None:
    tumour_cohort(tmp_path, 4)
    labels = read_labels(tmp_path / "m1.nrrd")
    labels.array[labels.array.argmax(0).max()] *= 2  # a slice of one patient's tumour is another label
    write_image(LabelMap(labels.array, labels.grid), tmp_path / "m1.nrrd")
    text = STUDY.replace("tumour: 1}, steps", "tumour: 1, cyst: 2}, steps")
    (tmp_path / "study.yaml").write_text(text)
    with pytest.raises((InputError, StudyError), match="label 'cyst' is in none of the 2 masks"):
        run_study(tmp_path / "study.yaml", tmp_path / "run", until="train")
    assert not list((tmp_path / "run").glob("models/segmentation/*.onnx"))
    assert not (tmp_path / "run" / "work" / "train").exists()


def cohort_of(cases: Sequence[Any]) -> Any:
    """Inputs of cases whose scans are their ids."""
    return SimpleNamespace(cohort=SimpleNamespace(scans={case.case_id: case.case_id for case in cases}, unusable={}))


@pytest.mark.parametrize(
    ("settings", "free", "crew"),
    [
        ({}, 2**40, "cores"),
        ({}, 2**30, "one"),  # no room for two
        ({"steps": 5}, 2**40, "one"),  # through before another process has begun
        ({"networks": 100, "steps": 5}, 2**40, "cores"),
        ({"budget": {"minutes": 5}}, 2**40, "one"),
        ({"budget": {"memory_gib": 5}}, 2**40, "one"),
        ({"devices": 2}, 2**40, "one"),
        ({"workers": 1}, 2**40, "one"),
        ({"compiled": True}, 2**40, "one"),
    ],
)
def test_networks_are_trained_side_by_side_where_that_is_quicker_and_memory_holds_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, object], free: int, crew: str
) -> None:
    monkeypatch.setattr(machine, "torch_has_gpu", lambda: False)
    monkeypatch.setattr(machine, "cores", lambda: 2)
    monkeypatch.setattr(machine, "free_bytes", lambda: free)
    backend = UnetSegmentation.model_validate({"labels": {"a": 1}, "steps": 500, "channels": (8, 16, 16), **settings})
    plan = SegPlan(labels={"a": 1}, spacing_zyx_mm=(1, 1, 1), patch_zyx=(32, 48, 48), channels=(8, 16, 16), overlap=0.5)
    (tmp_path / "plan.json").write_text(plan.model_dump_json())
    jobs = [TrainJob(fold, backend, tmp_path / "plan.json", (), 0) for fold in ("1", "2", "all")]
    assert train.crew(jobs) == crew
    assert train.crew(jobs[:1]) == train.crew([]) == "one"
    monkeypatch.setattr(machine, "torch_has_gpu", lambda: True)
    assert train.crew(jobs) == "one"


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
