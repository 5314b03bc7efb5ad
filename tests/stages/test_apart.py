"""Jobs of an array with a run folder each, put together afterwards by whatever copies files: an object store's way."""

from __future__ import annotations

from pathlib import Path

import pytest
from boxes import MANUAL, tumour_cohort

from radfuse.pipeline import run_study
from radfuse.run.digests import tree_digest

STUDY = f"name: apart\n{MANUAL}"
OWN = ("run.lock",)
"""What stays where it is."""


def upload(folder: Path, bucket: str) -> None:
    fsspec = pytest.importorskip("fsspec")
    store = fsspec.filesystem("memory")
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name not in OWN:
            store.pipe_file(f"{bucket}/{path.relative_to(folder).as_posix()}", path.read_bytes())


def download(bucket: str, folder: Path) -> None:
    fsspec = pytest.importorskip("fsspec")
    fsspec.filesystem("memory").get(f"{bucket}/", f"{folder}/", recursive=True)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("apart")
    tumour_cohort(folder, 5)
    (folder / "c3.nrrd").write_bytes(b"cut off")
    (folder / "study.yaml").write_text(STUDY)
    for number in (1, 2):
        run = run_study(folder / "study.yaml", folder / f"run{number}", until="extract", shard=f"{number}/2")
        upload(run.path, "/bucket/run")
    return folder / "study.yaml"


def test_what_jobs_of_an_array_did_apart_is_one_run(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    download("/bucket/run", tmp_path / "run")
    assert sorted(path.name for path in (tmp_path / "run").glob("*.*")) == [
        *("index.1-of-2.sqlite", "index.2-of-2.sqlite", "log.1-of-2.jsonl", "log.2-of-2.jsonl", "run.json"),
        "study.yaml",
    ]
    read: list[Path] = []

    def digest(path: Path) -> str:
        read.append(path)
        return tree_digest(path)

    monkeypatch.setattr("radfuse.run.digests.tree_digest", digest)
    run = run_study(study, tmp_path / "run", until="extract")
    assert (run.computed, run.reused, run.left) == (0, 4, 1)
    assert [failure.item for failure in run.failures] == ["c3"]
    assert {path.parent.name for path in read} == {"cases"}, "images were read again, which the jobs' indices know"


@pytest.mark.parametrize("lost", ["features/cases/c0.json", "features/cases/c0.json.record.json"])
def test_a_copy_that_was_cut_off_is_made_whole(study: Path, tmp_path: Path, lost: str) -> None:
    download("/bucket/run", tmp_path / "run")
    (tmp_path / "run" / lost).unlink()
    run = run_study(study, tmp_path / "run", until="extract")
    assert (run.computed, run.reused, run.left) == (1, 3, 1)
