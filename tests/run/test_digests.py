"""Digests of series: one entry of the index each, and whatever changes in them is seen."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from pathlib import Path

import pytest

from radfuse.run.companions import companions
from radfuse.run.digests import combined_digest, job_key, read_digests, tree_digest
from radfuse.run.folder import RunFolder


@pytest.fixture
def series(tmp_path: Path) -> Path:
    """A folder of three files, one of them below."""
    (tmp_path / "series" / "more").mkdir(parents=True)
    for name in ("001", "002", "more/003"):
        (tmp_path / "series" / name).write_text(f"slice {name}")
    return tmp_path / "series"


def in_index(run: RunFolder) -> set[str]:
    with contextlib.closing(sqlite3.connect(run.path / "index.sqlite")) as index:
        return {Path(name).name for (name,) in index.execute("SELECT path FROM digests")}


def test_a_series_is_one_entry_of_the_index(series: Path, tmp_path: Path) -> None:
    run = RunFolder.open(tmp_path / "run", "study")
    names = {name: tree_digest(series / name) for name in ("001", "002", "more/003")}
    first = run.digest(series)
    assert first == combined_digest(names) == tree_digest(series)
    run.close()
    assert in_index(run) == {"series"}


def test_a_known_series_is_looked_at_and_not_read(
    series: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunFolder.open(tmp_path / "run", "study")
    first = run.digest(series)
    run.close()
    monkeypatch.setattr("radfuse.run.digests.tree_digest", None)
    assert RunFolder.open(tmp_path / "run", "study").digest(series) == first


@pytest.mark.parametrize("how", ["written", "below", "older", "added", "removed", "renamed", "set back"])
def test_whatever_changes_in_a_series_changes_its_digest(series: Path, tmp_path: Path, how: str) -> None:
    run = RunFolder.open(tmp_path / "run", "study")
    first = run.digest(series)
    before = (series / "002").stat()
    time.sleep(0.02)  # clocks of file systems tick every few milliseconds
    if how == "below":
        (series / "more" / "003").write_text("slice of another")
    elif how == "added":
        (series / "more" / "004").write_text("slice 004")
    elif how == "removed":
        (series / "more" / "003").unlink()
    elif how == "renamed":
        (series / "002").rename(series / "02")
    else:  # the size stays
        (series / "002").write_text("slice 2OO")
        later = 0 if how == "set back" else 1
        os.utime(series / "002", ns=(1, 1) if how == "older" else (before.st_atime_ns, before.st_mtime_ns + later))
    assert run.digest(series) != first
    assert run.digest(series) == tree_digest(series)


@pytest.mark.parametrize(
    ("header", "text"),
    [
        ("a.mhd", "NDims = 3\r\nElementDataFile = voxels.raw\r\n"),
        ("a.nhdr", "NRRD0004\ntype: uchar\nData File: voxels.raw\nencoding: raw\n"),
        ("a.nhdr", "NRRD0004\ndatafile: LIST\nother.raw\nvoxels.raw\n"),
        ("a.nhdr", "NRRD0004\ndata file: vox%02ds.raw 1 1 1\n"),
        ("a.png", "a picture"),
    ],
)
def test_a_key_is_also_of_the_files_that_a_header_names(tmp_path: Path, header: str, text: str) -> None:
    (tmp_path / header).write_text(text)
    assert companions(tmp_path / header) == []
    beside = {"a.png": "spacing.json", "a.nhdr": "voxels.raw", "a.mhd": "voxels.raw"}[header]
    keys = set()
    for content in ("1", "2"):
        (tmp_path / beside).write_text(content)
        keys.add(job_key("s", 1, tmp_path / header, tree_digest))
    assert (companions(tmp_path / header), len(keys)) == ([tmp_path / beside], 2)


def test_a_series_of_an_index_that_knows_its_files_one_by_one_is_not_read_again(
    series: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunFolder.open(tmp_path / "run", "study")
    for name in ("001", "002", "more/003"):
        run.digest(series / name)
    whole = tree_digest(series)
    run.close()
    again = RunFolder.open(tmp_path / "run", "study")
    assert again.unread(series) == 0
    monkeypatch.setattr("radfuse.run.digests.tree_digest", None)
    assert again.digest(series) == whole


def test_a_series_that_changes_while_it_is_read_is_left_to_whoever_asks(
    series: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changing(path: Path) -> str:
        digest = tree_digest(path)
        (path / "more" / "003").write_text("slice of another")
        return digest

    assert [found.name for found in read_digests([series, series / "gone"])] == [str(series.resolve())]
    monkeypatch.setattr("radfuse.run.digests.tree_digest", changing)
    assert read_digests([series]) == []
