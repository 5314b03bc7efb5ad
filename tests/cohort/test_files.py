"""Files that a cohort table names and that are not there."""

from __future__ import annotations

from pathlib import Path

import pytest
from cohorts import config, images
from tabular import assert_one, errors_of, write_table

from radfuse.cohort.read import read_cohort


def test_a_missing_file_is_named_with_the_folder_searched(tmp_path: Path) -> None:
    found = errors_of(read_cohort, *images(tmp_path, {4: "c3,p3,sub/e.nii,0"}))
    assert_one(found, 4, "t1", "no file sub/e.nii", f"looked in {tmp_path.resolve()}")


def test_an_image_in_a_store_is_refused_with_what_to_do(tmp_path: Path) -> None:
    found = errors_of(read_cohort, *images(tmp_path, {4: "c3,p3,s3://bucket/e.nii,0"}))
    assert_one(found, 4, "t1", "s3://bucket/e.nii is in a store", "copy it here or mount the bucket")


def test_a_missing_image_path_is_an_error(tmp_path: Path) -> None:
    assert_one(errors_of(read_cohort, *images(tmp_path, {4: "c3,p3,,0"})), 4, "t1", "the image path is missing")


def test_a_missing_mask_file_is_an_error_and_an_empty_mask_is_none(tmp_path: Path) -> None:
    text = "case_id,patient_id,mask\na,p1,\nb,p2,absent.nii\nc,p3,\n"
    settings = config(clinical=[], outcome=None, mask="mask")
    assert_one(errors_of(read_cohort, write_table(tmp_path, text), settings), 3, "mask", "no file absent.nii")


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("~/x.nii", "as ~ is not followed here: write the whole path"),
        ("sub\\x.nii", "write / in its place"),
        ("gone.nii", "but a link whose target is gone: bring that back, or index the images again"),
        ("X.NII", "but one called x.nii, which is spelled in another way"),
    ],
)
def test_what_may_be_wrong_with_a_path_is_said(tmp_path: Path, cell: str, message: str) -> None:
    (tmp_path / "x.nii").touch()
    (tmp_path / "gone.nii").symlink_to("nowhere.nii")
    assert_one(errors_of(read_cohort, *images(tmp_path, {4: f"c3,p3,{cell},0"})), 4, "t1", message)


def test_a_mask_of_another_patient_is_found_and_an_atlas_is_none(tmp_path: Path) -> None:
    for name in ("m.nii", "n.nii"):
        (tmp_path / name).touch()
    settings = config(clinical=[], outcome=None, mask="mask")
    head = "case_id,patient_id,mask\n"
    table = write_table(tmp_path, f"{head}a,p1,m.nii\nb,p1,m.nii\nc,p2,n.nii\nd,p3,m.nii\n")
    assert_one(
        errors_of(read_cohort, table, settings), 5, "mask", "m.nii is the mask of 'a' (row 2), of another patient"
    )
    assert len(read_cohort(write_table(tmp_path, f"{head}a,p1,m.nii\nc,p2,m.nii\nd,p3,m.nii\n"), settings)) == 3


def test_one_image_as_two_sequences_of_a_case_is_found_and_of_all_is_meant(tmp_path: Path) -> None:
    for name in "abcd":
        (tmp_path / name).write_text(name)
    settings = config(clinical=[], outcome=None, images={"t1": "t1", "t2": "t2"})
    head = "case_id,patient_id,t1,t2\n"
    table = write_table(tmp_path, f"{head}x,p1,a,b\ny,p2,c,c\n")
    assert_one(errors_of(read_cohort, table, settings), 3, "t2", "c stands under 't1' and under 't2'; correct one")
    assert len(read_cohort(write_table(tmp_path, f"{head}x,p1,a,a\ny,p2,c,c\n"), settings)) == 2
