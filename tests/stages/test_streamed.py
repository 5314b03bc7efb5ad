"""Features that are extracted while a network segments the next case are those of one stage after the other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from boxes import tumour_cohort

from radfuse import machine
from radfuse.pipeline import Run, run_study
from radfuse.run.folder import RunFolder
from radfuse.stages import extract
from radfuse.stages.context import Context
from radfuse.study import load_study

STUDY = """
name: streamed
cohort:
  table: cohort.csv
  images: {t1: t1}
  readers: {anna: mask}
segmentation: {backend: vote, min_readers: 1, labels: {tumour: 1}}
regions: [{kind: label, name: tumour, label: tumour}]
radiomics: {classes: [firstorder], min_voxels: 1}
"""
"""One voice is a mask that no network made, and is made in the turn of one."""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    tumour_cohort(tmp_path, 5)
    (tmp_path / "c2.nrrd").write_bytes(b"cut off")
    (tmp_path / "study.yaml").write_text(STUDY)
    return tmp_path / "study.yaml"


def run(study: Path, name: str, *, gpu: bool, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(machine, "has_gpu", lambda: gpu)
    monkeypatch.setattr(machine, "cores", lambda: 2 if gpu else 1)
    return run_study(study, study.parent / name, until="extract")


def files(run: Run) -> dict[str, bytes]:
    """Return all that a run left but what says when and where: of records their keys."""
    found = {str(path.relative_to(run.path)): path for path in run.path.rglob("*") if path.is_file()}
    kept = {name: path for name, path in found.items() if path.name not in ("log.jsonl", "run.lock", "index.sqlite")}
    keys = {name: json.loads(path.read_text()) for name, path in kept.items() if name.endswith(".record.json")}
    keys = {name: (record["key"], record["status"], record["error"]) for name, record in keys.items()}
    return {name: repr(keys[name]).encode() if name in keys else path.read_bytes() for name, path in kept.items()}


def events(run: Run) -> list[tuple[str, str]]:
    lines = map(json.loads, (run.path / "log.jsonl").read_text().splitlines())
    return [(line["event"], line["stage"]) for line in lines]


def test_features_beside_a_network_are_those_of_one_stage_after_the_other(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    streamed = run(study, "streamed", gpu=True, monkeypatch=monkeypatch)
    plain = run(study, "plain", gpu=False, monkeypatch=monkeypatch)
    assert files(streamed) == files(plain)
    assert (streamed.computed, streamed.reused) == (plain.computed, plain.reused)
    assert streamed.failures == plain.failures
    assert [failure.item for failure in streamed.failures] == ["c2"]
    assert events(streamed).index(("begins", "extract")) < events(streamed).index(("done", "segment"))
    assert events(plain).index(("begins", "extract")) > events(plain).index(("failed", "segment"))
    again = run(study, "streamed", gpu=True, monkeypatch=monkeypatch)
    assert (again.computed, again.reused, again.left) == (0, plain.computed, 1)


@pytest.mark.parametrize(
    ("settings", "early"),
    [
        ([], True),
        (["sequences={t1: {normalise: [{kind: nyul}]}}"], False),
        (
            ["cohort.images={t1: t1, t2: age}", "segmentation.sequence=t1", "sequences={t2: {masks: register}}"],
            False,
        ),
        (["cohort.unit=[patient_id]", "cohort.visit=age", "visits={baseline: '50'}"], False),
    ],
)
def test_what_waits_for_more_than_its_mask_waits_for_its_turn(study: Path, settings: list[str], early: bool) -> None:
    context = Context(load_study(study, settings), RunFolder(study.parent / "run"), lambda *_: None)
    assert extract.STAGE.early(context) is early
