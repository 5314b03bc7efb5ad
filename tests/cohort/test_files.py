"""Files that a cohort table names and that are not there."""

from __future__ import annotations

from pathlib import Path

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
