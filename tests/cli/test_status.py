"""`status` and `--retry-failed` as typed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from boxes import tumour_cohort
from typer.testing import CliRunner

from radfuse import machine
from radfuse.cli.app import app, main
from radfuse.cli.status import _headline
from radfuse.errors import InputError
from radfuse.pipeline import run_study
from radfuse.run import push
from radfuse.run.ledger import Ledger, StageStatus
from radfuse.volume.files import read_labels, write_image

if TYPE_CHECKING:
    from stores import NoRename

STUDY = """
name: status
cohort:
  table: cohort.csv
  images: {t1: t1}
  mask: mask
  outcome: {column: event}
  split: {kind: grouped, folds: 2}
segmentation: {backend: manual, labels: {tumour: 1}}
regions: [{kind: label, name: tumour, label: tumour}]
radiomics: {classes: [shape], min_voxels: 1}
"""


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four tumours, the mask of the last is empty; all is done in this process."""
    monkeypatch.setattr(machine, "cores", lambda: 1)
    tumour_cohort(tmp_path, 4)
    empty = read_labels(tmp_path / "m3.nrrd")
    empty.array[:] = 0
    write_image(empty, tmp_path / "m3.nrrd")
    (tmp_path / "study.yaml").write_text(STUDY)
    return tmp_path / "study.yaml"


def test_a_run_is_told_of_and_failures_wait_until_they_are_asked_for(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    cli, run = CliRunner(), tmp_path / "run"
    first = cli.invoke(app, ["extract", str(study), "--out", str(run)])
    assert (first.exit_code, "1 failure was found" in first.output) == (1, False)
    again = cli.invoke(app, ["extract", str(study), "--out", str(run)])
    assert "1 failure was found of files and settings that have not changed" in again.output
    assert "not tried again without --retry-failed" in again.output
    assert "0 results computed, 3 found finished" in again.output
    asked = cli.invoke(app, ["extract", str(study), "--out", str(run), "--retry-failed"])
    assert (asked.exit_code, "1 failure was found" in asked.output) == (1, False)
    told = cli.invoke(app, ["status", str(run)])
    assert told.exit_code == 0
    assert "Nobody works here" in told.output
    (line,) = (line.split() for line in told.output.splitlines() if line.startswith("extract"))
    assert line[:4] == ["extract", "3", "1", "0"]
    assert "failed features/cases/c3.json: " in told.output


def test_a_run_that_has_done_nothing_yet_tells_since_when() -> None:
    """It said "last result 4 s ago" where there was none."""
    stage = StageStatus("extract", 0, 0, 24, None, None, {}, None)
    begun = Ledger((stage,), "process 7", datetime.now(UTC) - timedelta(seconds=4), ())
    assert _headline(begun) == "At work: process 7; begun 4 s ago"
    assert "last result" in _headline(replace(begun, stages=(replace(stage, done=1),)))


def test_a_mended_file_is_tried_again_by_itself(study: Path, tmp_path: Path) -> None:
    assert len(run_study(study, tmp_path / "run", until="extract").failures) == 1
    (tmp_path / "m3.nrrd").write_bytes((tmp_path / "m1.nrrd").read_bytes())
    found = run_study(study, tmp_path / "run", until="extract")
    assert (found.failures, found.computed, found.left) == ((), 1, 0)


def test_a_run_in_a_store_says_where_its_copy_is_and_is_told_of(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bucket: type[NoRename]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    cli, url, copy = CliRunner(), "norename://bucket/run", tmp_path / "copy"
    told = cli.invoke(app, ["status", url])
    assert isinstance(told.exception, InputError)
    made = cli.invoke(app, ["extract", str(study), "--out", url, "--work", str(copy)])
    assert made.exit_code == 1
    assert made.output.startswith(f"Working copy of {url}: {copy}\n")
    assert f"3 results computed, 0 found finished in {url}, of which a copy is {copy}" in made.output
    bucket.asked.clear()
    told = cli.invoke(app, ["status", url])
    assert "Nobody works here" in told.output
    (line,) = (line.split() for line in told.output.splitlines() if line.startswith("extract"))
    assert line[:4] == ["extract", "3", "1", "0"]
    assert {name for _, name in bucket.asked} == {"/bucket/run", "/bucket/run/log.jsonl"}, "it brings logs alone"


def test_a_store_that_takes_nothing_stops_the_work(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bucket: type[NoRename]
) -> None:
    monkeypatch.setattr(push, "PATIENCE_S", 0.0)

    def refuse(what: str, name: str) -> None:
        if what == "put" and "features" in name:
            raise ConnectionError("gone")

    monkeypatch.setattr(bucket, "fault", staticmethod(refuse))
    words = ["radfuse", "extract", str(study), "--out", "norename://bucket/run", "--work", str(tmp_path / "copy")]
    monkeypatch.setattr("sys.argv", words)
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 3


def test_status_of_what_is_no_run(tmp_path: Path) -> None:
    found = CliRunner().invoke(app, ["status", str(tmp_path)])
    assert isinstance(found.exception, InputError)
