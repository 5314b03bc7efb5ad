"""Cases whose files are gone or closed before a study begins: each fails by itself, and the others complete."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from boxes import MANUAL, tumour_cohort

from radfuse.check.study import check_study
from radfuse.errors import InputError
from radfuse.pipeline import run_study
from radfuse.run.folder import RunFolder
from radfuse.run.ledger import read_ledger
from radfuse.run.shard import Shard
from radfuse.stages import plan
from radfuse.stages.context import Context, begin
from radfuse.study import load_study

AS_ROOT = os.geteuid() == 0
TRAINED = ["segmentation.backend=unet", "cohort.split={kind: column, column: part}"]


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Six tumours, each image and mask in a folder of its own."""
    tumour_cohort(tmp_path, 6)
    table = tmp_path / "cohort.csv"
    head, *rows = table.read_text().splitlines()
    for number in range(6):
        (tmp_path / f"k{number}").mkdir()
        for letter in "cm":
            (tmp_path / f"{letter}{number}.nrrd").rename(tmp_path / f"k{number}/{letter}{number}.nrrd")
    rows = [row.replace(f",c{n}", f",k{n}/c{n}").replace(f",m{n}", f",k{n}/m{n}") for n, row in enumerate(rows)]
    parts = [f"{row},{'train' if n < 4 else 'test'}" for n, row in enumerate(rows)]
    table.write_text("\n".join([f"{head},part", *parts]) + "\n")
    (tmp_path / "study.yaml").write_text(f"name: boxes\n{MANUAL}")
    return tmp_path / "study.yaml"


def begun(study: Path, shard: Shard | None = None, settings: Sequence[str] = ()) -> Context:
    """Return a pass over a study that is about to make its first job."""
    folder = RunFolder(study.parent / "run")
    folder.path.mkdir(exist_ok=True)
    context = Context(load_study(study, settings), folder, lambda *_: None, shard, tunes=False)
    begin(context)
    return context


@pytest.mark.slow
def test_a_folder_that_is_gone_costs_its_case_alone_and_check_tells_it(study: Path) -> None:
    folder = study.parent
    (folder / "k2").rename(folder / "away")
    with pytest.raises(InputError, match=r"cohort.csv, row 4, column 't1': no file k2/c2.nrrd"):
        check_study(study)
    run = run_study(study, folder / "run", until="extract")
    assert [failure.item for failure in run.failures] == ["c2"]
    assert "row 4, t1: no file k2/c2.nrrd (looked in" in run.failures[0].error
    assert run.computed == 5
    first = read_ledger(run.path).stages[0]
    assert (first.stage, first.done, first.failed) == ("read", 5, 1)
    (folder / "away").rename(folder / "k2")
    again = run_study(study, folder / "run", until="extract")
    assert (again.failures, again.computed, again.reused) == ((), 1, 5)
    assert "read" not in [each.stage for each in read_ledger(run.path).stages]


@pytest.mark.parametrize(("shard", "failed"), [(None, ["c2"]), ("1/2", ["c2"]), ("2/2", [])])
def test_jobs_of_an_array_name_their_own(study: Path, shard: str | None, failed: list[str]) -> None:
    (study.parent / "k2/m2.nrrd").unlink()
    context = begun(study, Shard.parse(shard) if shard else None)
    assert [failure.item for failure in context.failures] == failed
    assert "c2" not in {case.case_id for case in context.cases()}


@pytest.mark.skipif(AS_ROOT, reason="root may read every folder")
def test_a_closed_folder_costs_its_case_alone(study: Path) -> None:
    closed = study.parent / "k3"
    closed.chmod(0)
    try:
        context = begun(study)
    finally:
        closed.chmod(0o755)
    assert [failure.item for failure in context.failures] == ["c3"]


def test_networks_are_planned_without_it(study: Path) -> None:
    (study.parent / "k0/c0.nrrd").unlink()
    context = begun(study, settings=TRAINED)
    (job,) = plan.jobs(context)
    assert list(job.images) == ["c1", "c2", "c3", "c4", "c5"]
    assert {one for network in plan.networks(context) for one in network.test} == {"p1", "p2", "p3", "p4", "p5"}


def test_where_nothing_is_left_nothing_is_done(study: Path) -> None:
    for number in range(6):
        (study.parent / f"k{number}/c{number}.nrrd").unlink()
    with pytest.raises(InputError, match=r"no file k0/c0.nrrd[\s\S]*no file k5/c5.nrrd"):
        begun(study)
