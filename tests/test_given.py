"""What callers give from Python: taken as it is meant, or refused in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

import radfuse as rf

IMAGE = np.random.default_rng(3).normal(100, 20, (6, 7, 8)).astype(np.float32)
MASK = np.zeros(IMAGE.shape, np.uint8)
MASK[1:5, 1:6, 1:7] = 1
MEAN = rf.RadiomicsConfig(classes=("firstorder",), features={"firstorder": ("Mean",)})
FRAME = pd.DataFrame({"case_id": ["a", "b"], "patient_id": ["p", "q"], "age": [50, 60]})

WRONG: dict[str, tuple[Callable[[Any], Any], str]] = {
    "a number as image": (lambda _: rf.read_volume(5), "image: give a path"),
    "none as image": (lambda _: rf.read_volume(None), "image: give a path"),
    "bytes as mask": (lambda _: rf.read_labels(b"m.nii"), "mask: give a path"),
    "an empty path": (lambda _: rf.read_volume(""), "the path is empty"),
    "a long path": (lambda _: rf.read_volume("x" * 5000), "shorten it"),
    "a null byte": (lambda _: rf.read_volume("a\0b.nii"), "null byte"),
    "a name that is not UTF-8": (lambda _: rf.read_volume("i\udcff.nii"), "is not UTF-8; rename"),
    "an array as table": (lambda _: rf.read_features(IMAGE[0]), "table: give a path"),
    "a row as table": (
        lambda _: rf.read_cohort({"case_id": "a"}),
        r"a pandas DataFrame \(of a single row pd.DataFrame",
    ),
    "columns without a set": (lambda _: rf.read_features(FRAME, "case_id"), "give sets of columns"),
    "no columns that name rows": (lambda _: rf.read_features(FRAME, ()), "give sets of columns"),
    "a dict as config": (lambda _: rf.read_cohort(FRAME, {"patient": "p"}), "config: give"),
    "a number as study": (lambda _: rf.run_study(5), "study: give a path"),
    "a number as settings": (lambda _: rf.load_study({"name": "x"}, [5]), "overrides: give names"),
    "a study to check": (lambda _: rf.check_study(5), "study: give a path"),
    "a number as bundle": (lambda _: rf.predict(5, FRAME), "bundle: give a path"),
    "a path as array": (lambda _: rf.extract("i.nii", MASK), "what read_volume or read_labels made"),
    "a table in settings": (
        lambda _: rf.load_study({"name": "x", "cohort": {"table": FRAME}}),
        "path.*; found a DataFrame",
    ),
    "labels that are texts": (lambda _: rf.read_labels("m.nii", {"1": "tumour"}), "names: give a mapping of labels"),
    "a slice of SimpleITK": (lambda _: rf.extract(_sitk(IMAGE)[:, :, 2], MASK), "image: give an image of three axes"),
    "vectors of SimpleITK": (lambda _: rf.extract(sitk.Compose([_sitk(IMAGE)] * 2), MASK), "found 3 axes, 2 values"),
    "complex numbers of SimpleITK": (lambda _: rf.extract(_sitk(IMAGE.astype(complex)), MASK), "are no real numbers"),
    "columns of two levels": (lambda _: rf.read_cohort(pd.concat({"x": FRAME}, axis=1)), "columns have 2 levels"),
    "labels as image": (lambda _: rf.extract(_labels(), MASK), "give the image first"),
    "an array of texts": (lambda _: rf.extract(IMAGE, MASK.astype(str), MEAN), "are no labels"),
    "labels that are complex": (lambda _: rf.extract(IMAGE, MASK.astype(complex), MEAN), "are no labels"),
    "labels below 0": (lambda _: rf.extract(IMAGE, -MASK.astype(int), MEAN), "labels are from 0"),
    "labels beyond 2^31": (lambda _: rf.extract(IMAGE, MASK.astype(np.uint64) * 2**40, MEAN), "labels are from 0"),
    "rows of two lengths": (lambda _: rf.extract([[1], [1, 2]], MASK), "no array of one shape"),
    "voxels marked as not there": (
        lambda _: rf.extract(np.ma.masked_greater(IMAGE, 110), MASK, MEAN),
        "fill them",
    ),
    "settings as a dict": (lambda _: rf.extract(IMAGE, MASK, {"bin_width": 25}), "config: give"),
    "an engine that is no text": (lambda _: rf.extract(IMAGE, MASK, MEAN, 5), "engine: give"),
    "a label that is a text": (lambda _: rf.extract(IMAGE, MASK, MEAN, only="1"), "only: give labels"),
    "threads that are a text": (lambda _: rf.extract(IMAGE, MASK, MEAN, threads="2"), "threads: give"),
    "one side of a voxel": (lambda _: rf.extract(IMAGE, MASK, MEAN, spacing_zyx_mm=1), "give three"),
    "a voxel without height": (lambda _: rf.extract(IMAGE, MASK, MEAN, spacing_zyx_mm=(0, 1, 1)), "cannot be"),
    "a voxel of NaN": (lambda _: rf.extract(IMAGE, MASK, MEAN, spacing_zyx_mm=(np.nan, 1, 1)), "cannot be"),
    "a list as voxels": (lambda _: rf.Volume(IMAGE.tolist(), _labels().grid), "voxels are an array"),
    "complex features": (lambda _: rf.read_features(FRAME.assign(age=[1j, 2])), "no number"),
}


def _sitk(array: np.ndarray) -> sitk.Image:
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((1.5, 1.0, 2.0))
    image.SetDirection((0, 1, 0, 1, 0, 0, 0, 0, -1))
    return image


def _labels() -> rf.LabelMap:
    from radfuse.volume.grid import Grid

    return rf.LabelMap(MASK, Grid((6, 7, 8), (1.0, 1.0, 1.0)))


@pytest.mark.parametrize("name", WRONG)
def test_what_is_of_another_kind_is_refused_in_a_sentence(name: str, tmp_path: Path) -> None:
    call, told = WRONG[name]
    with pytest.raises(rf.InputError, match=told):
        call(tmp_path)


def test_one_name_is_a_list_of_one_and_none_is_none() -> None:
    from radfuse.given import as_mapping, as_names

    assert as_names("clinical", "families") == ("clinical",)
    assert as_names(None, "families") == ()
    assert as_mapping(None, "features") == {}
    with pytest.raises(rf.InputError, match="features: give a mapping"):
        as_mapping(FRAME, "features")


def test_images_of_simpleitk_are_taken_with_their_geometry() -> None:
    config = rf.RadiomicsConfig(classes=("shape", "firstorder"))
    expected = rf.extract(IMAGE, MASK, config, spacing_zyx_mm=(2.0, 1.0, 1.5)).values
    for labels in (_sitk(MASK), MASK):
        pd.testing.assert_frame_equal(rf.extract(_sitk(IMAGE), labels, config).values, expected, rtol=1e-12)
    with pytest.raises(rf.InputError, match="lies on another grid"):
        rf.extract(IMAGE, _sitk(MASK), config)


def test_one_label_is_a_list_of_one() -> None:
    for only in (1, np.uint8(1), np.array([1]), None):
        assert list(rf.extract(IMAGE, MASK, MEAN, only=only).values.index) == ["1"]


def test_a_cohort_may_be_a_table_in_memory() -> None:
    table = pd.concat([FRAME] * 3).assign(case_id=list("abcdef"), patient_id=list("pqrstu"))
    assert rf.read_cohort(table).cases.index.tolist() == list("abcdef")
