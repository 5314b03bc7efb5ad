"""One scan under two ids is found by path and by content."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from cohorts import IMAGES, images
from tabular import assert_one, errors_of, write_table

from radfuse.cohort import twins
from radfuse.cohort.read import read_cohort
from radfuse.cohort.twins import file_digest


def test_files_of_one_size_are_told_apart_reading_whole_only_what_samples_cannot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = 1 << 14
    contents = {"a": b"\1" * 6 * sample, "b": b"\2" + b"\1" * (6 * sample - 1), "e": b"short"}
    contents["c"] = contents["a"]
    contents["d"] = b"\1" * (sample + 5) + b"\2" + b"\1" * (5 * sample - 6)  # differs where no sample is taken
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    read = []
    monkeypatch.setattr("radfuse.cohort.twins.file_digest", lambda path: read.append(path.name) or file_digest(path))
    found = {path.name: value for path, value in twins._contents(sorted(tmp_path.iterdir())).items()}
    assert found["a"] == found["c"]
    assert len(set(found.values())) == 4
    assert read == ["a", "c", "d"]


def test_one_path_under_two_ids_is_one_image(tmp_path: Path) -> None:
    found = errors_of(read_cohort, *images(tmp_path, {5: "c4,p4,./a.nii,1"}))
    assert_one(found, 5, "t1", "the image of 'c4' is that of 'c1' (row 2)", "list one under cohort.exclude")


def test_a_copied_image_under_two_ids_is_one_image_by_content(tmp_path: Path) -> None:
    table, settings = images(tmp_path)
    shutil.copy(tmp_path / "b.nii", tmp_path / "d.nii")
    found = errors_of(read_cohort, table, settings)
    assert_one(found, 5, "t1", "the image of 'c4' is that of 'c2' (row 3) by content", "leaks between folds")


def test_headers_are_told_apart_by_the_voxels_beside_them(tmp_path: Path) -> None:
    """Four folders of one header and its voxels; the third voxels are the first under another name."""
    table, settings = images(tmp_path)
    for name, values in zip("abcd", ("11", "12", "11", "21"), strict=True):
        data = "other.raw" if name == "c" else "t1.raw"
        (tmp_path / name).mkdir()
        (tmp_path / name / "t1.nhdr").write_text(f"NRRD0004\ntype: uchar\ndata file: {data}\n")
        (tmp_path / name / data).write_text(values)
    table.write_text(re.sub(r"\b([abcd])\.nii", r"\1/t1.nhdr", table.read_text()))
    assert_one(errors_of(read_cohort, table, settings), 4, "t1", "the image of 'c3' is that of 'c1' (row 2) by content")


def test_folders_of_the_same_slices_are_one_image_and_others_are_not(tmp_path: Path) -> None:
    table, settings = images(tmp_path)
    for name, slices in zip("abcd", (("1", "2"), ("1", "3"), ("1", "2", "4"), ("1", "2")), strict=True):
        (tmp_path / f"{name}.nii").unlink()
        (tmp_path / f"{name}.nii").mkdir()
        for number, slice_ in enumerate(slices):
            (tmp_path / f"{name}.nii" / f"{number}.dcm").write_text(slice_)
    assert_one(errors_of(read_cohort, table, settings), 5, "t1", "the image of 'c4' is that of 'c1' (row 2) by content")


def test_empty_folders_are_nobodys_twins(tmp_path: Path) -> None:
    table, settings = images(tmp_path)
    for name in "abcd":
        (tmp_path / f"{name}.nii").unlink()
        (tmp_path / f"{name}.nii").mkdir()
    assert len(read_cohort(table, settings)) == 4


def test_an_image_in_three_cases_is_named_twice(tmp_path: Path) -> None:
    found = errors_of(read_cohort, *images(tmp_path, {3: "c2,p2,a.nii,1", 5: "c4,p4,a.nii,1"}))
    assert [problem.row for problem in found] == [3, 5]


def test_files_of_one_size_and_different_content_are_fine(tmp_path: Path) -> None:
    assert len(read_cohort(*images(tmp_path))) == 4


def test_a_copy_is_fine_once_its_case_is_excluded(tmp_path: Path) -> None:
    text = IMAGES + "c5,p5,e.nii,1\n"
    _, settings = images(tmp_path)
    shutil.copy(tmp_path / "b.nii", tmp_path / "e.nii")
    settings = settings.model_copy(update={"exclude": {"c5": "same image as c2"}})
    assert len(read_cohort(write_table(tmp_path, text), settings)) == 4


def test_one_file_as_two_sequences_of_a_case_is_no_leak(tmp_path: Path) -> None:
    table, settings = images(tmp_path)
    pd.read_csv(table).assign(again=lambda rows: rows["t1"]).to_csv(table, index=False)
    settings = settings.model_copy(update={"images": {"T1": "t1", "T1_again": "again"}})
    assert len(read_cohort(table, settings)) == 4


def test_the_digest_is_sha_256(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    assert file_digest(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
