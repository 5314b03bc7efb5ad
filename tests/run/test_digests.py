"""Digests of series: one entry of the index each, and whatever changes in them is seen."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from radfuse.run.companions import companions
from radfuse.run.digests import combined_digest, files_of, job_key, read_digests, tree_digest
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
    ("header", "text", "beside"),
    [
        ("a.mhd", "NDims = 3\r\nElementDataFile = voxels.raw\r\n", "voxels.raw"),
        ("a.mhd", "ElementDataFile = list_1.raw\n", "list_1.raw"),
        ("a.mhd", "ElementDataFile = list\n", "list"),
        ("a.mhd", "ElementDataFile = 50% of it.raw\n", "50% of it.raw"),
        ("a.nhdr", "NRRD0004\ntype: uchar\nData File: voxels.raw\nencoding: raw\n", "voxels.raw"),
        ("a.nhdr", "NRRD0004\ndatafile: LIST\nother.raw\nvoxels.raw\n", "voxels.raw"),
        ("a.nhdr", "NRRD0004\ndata file: LIST 2\n" + 7000 * "other.raw\n" + "voxels.raw\n", "voxels.raw"),
        ("a.nhdr", "NRRD0004\ndata file: vox%02ds.raw 1 1 1\n", "vox01s.raw"),
        ("a.nhdr", "NRRD0004\ndata file: FOLDER/[a]%d.raw 7 3 -2\n", "[a]7.raw"),
        ("a.mhd", "ElementDataFile = s%d.raw\n", "s1.raw"),
        ("a.nrrd", "NRRD0004\r\ndata file: voxels.raw\r\n\r\n", "voxels.raw"),
        ("a.seg.nrrd", "NRRD0004\ndata file: LIST\nother.raw\nvoxels.raw\n", "voxels.raw"),
        ("a.mha", "NDims = 3\nElementDataFile = voxels.zraw\n", "voxels.zraw"),
        ("a.png", "a picture", "spacing.json"),
    ],
    ids=lambda text: text[-24:],
)
def test_a_key_is_also_of_the_files_that_a_header_names(tmp_path: Path, header: str, text: str, beside: str) -> None:
    (tmp_path / header).write_text(text.replace("FOLDER", str(tmp_path)))
    assert companions(tmp_path / header) == []
    keys = set()
    for content in ("1", "2"):
        (tmp_path / beside).write_text(content)
        keys.add(job_key("s", 1, tmp_path / header, tree_digest))
    assert (companions(tmp_path / header), len(keys)) == ([tmp_path / beside], 2)


@pytest.mark.parametrize("text", ["ElementDataFile = LOCAL\n{}", "NRRD0004\nencoding: raw\n\n{}"])
def test_voxels_that_follow_their_header_name_no_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "v.raw").write_text("")
    file = tmp_path / ("a.mha" if "LOCAL" in text else "a.nrrd")
    file.write_text(text.format("\ndata file: v.raw\nElementDataFile = v.raw\n"))
    assert companions(file) == []


def test_numbered_files_are_those_that_the_header_counts(tmp_path: Path) -> None:
    for number in range(1, 7):
        (tmp_path / f"s{number}.raw").write_text("")
    for said, numbers in (("1 5 2", "135"), ("5 2 -1", "5432"), ("5 999999999 1", "56"), ("2 3 0", "23")):
        (tmp_path / "a.nhdr").write_text(f"NRRD0004\ndata file: s%d.raw {said}\n")
        assert companions(tmp_path / "a.nhdr") == [tmp_path / f"s{number}.raw" for number in numbers], said


def test_what_lies_beside_a_header_is_read_with_it(tmp_path: Path) -> None:
    header, voxels = tmp_path / "a.mhd", tmp_path / "v.raw"
    header.write_text("ElementDataFile = v.raw\n")
    voxels.write_text("")
    assert list(files_of({"t1": (header,)})) == [header, voxels]
    header.write_text(f"ElementDataFile = {300 * 'v'}.raw\n")  # a name that no file system takes
    assert list(files_of(header)) == [header]


def test_files_of_one_name_count_each_in_their_order_and_beside_their_header(tmp_path: Path) -> None:
    for name in ("y", "z"):
        (tmp_path / name).mkdir()
    keys = set()
    for head, *contents in (("a", "1", "2"), ("a", "1", "1"), ("a", "2", "1"), ("b", "1", "2")):
        (tmp_path / "a.nhdr").write_text(f"NRRD0004\n# {head}\ndata file: LIST\ny/content\nz/content\n")
        for name, content in zip("yz", contents, strict=True):
            (tmp_path / name / "content").write_text(content)
        keys.add(job_key("s", 1, tmp_path / "a.nhdr", tree_digest))
    assert len(keys) == 4


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


def test_a_folder_tells_files_of_several_names_where_its_listing_does_not(
    series: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, whole, look = RunFolder.open(tmp_path / "run", "study"), tree_digest(series), os.scandir
    for name in ("001", "002", "more/003"):
        os.link(series / name, tmp_path / Path(name).name)
        run.digest(series / name)

    def entry(item: os.DirEntry[str]) -> SimpleNamespace:
        found = item.stat()
        listed = {"st_size": found.st_size, "st_mtime_ns": found.st_mtime_ns, "st_ctime_ns": found.st_mtime_ns + 1}
        facts = SimpleNamespace(**listed, st_nlink=0)
        return SimpleNamespace(
            name=item.name, path=item.path, is_dir=item.is_dir, is_file=item.is_file, stat=lambda: facts
        )

    @contextlib.contextmanager
    def windows(folder: Path) -> Iterator[Iterator[SimpleNamespace]]:
        with look(folder) as items:
            yield map(entry, items)

    monkeypatch.setattr("radfuse.run.digests.tree_digest", None)
    monkeypatch.setattr("radfuse.run.digests.os.scandir", windows)
    assert run.digest(series) == whole


def test_the_index_names_a_link_not_where_it_leads(series: Path, tmp_path: Path) -> None:
    """A case's link may lead to a folder that is called by its person."""
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "P1").symlink_to(series)
    run = RunFolder.open(tmp_path / "run", "study")
    assert run.digest(tmp_path / "images" / "P1") == tree_digest(series)
    run.learn(read_digests([tmp_path / "images" / "P1"]))
    run.close()
    (name,) = in_index(run)
    assert re.fullmatch(r"P1@[0-9a-f]{8}", name)


def test_a_link_that_leads_to_another_series_has_its_digest(series: Path, tmp_path: Path) -> None:
    """Facts are alike where copies keep times and have several names."""
    shutil.copytree(series, tmp_path / "other")
    (tmp_path / "other" / "002").write_text("slice 2OO")
    for number, folder in enumerate((series, tmp_path / "other")):
        for name in ("001", "002", "more/003"):
            os.utime(folder / name, ns=(1, 1))
            os.link(folder / name, tmp_path / f"{number}{Path(name).name}")
    run = RunFolder.open(tmp_path / "run", "study")
    for folder in (series, tmp_path / "other"):
        (tmp_path / "P1").unlink(missing_ok=True)
        (tmp_path / "P1").symlink_to(folder)
        assert run.digest(tmp_path / "P1") == tree_digest(folder)


def test_where_a_link_leads_goes_out_of_an_older_index_and_is_not_read_again(
    series: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "P1").symlink_to(series)
    run = RunFolder.open(tmp_path / "run", "study")
    first = run.digest(series)
    run.close()
    shutil.copy(run.path / "index.sqlite", run.path / "index.2.sqlite")
    monkeypatch.setattr("radfuse.run.digests.tree_digest", None)
    again = RunFolder.open(tmp_path / "run", "study")
    assert (again.unread(tmp_path / "P1"), again.digest(tmp_path / "P1")) == (0, first)
    again.close()
    assert {name[:3] for name in in_index(run)} == {"P1@"}
    assert not any(str(series.resolve()).encode() in file.read_bytes() for file in run.path.glob("index*.sqlite"))


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
