"""What the command `radiomics` tells: the two files the wrong way round, and the same reason of many features."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from radfuse.cli import radiomics
from radfuse.errors import InputError


def test_image_and_mask_the_wrong_way_round_are_told() -> None:
    mask, image = np.zeros((8, 8, 8)), np.arange(512).reshape(8, 8, 8)
    mask[2:6, 2:6, 2:6] = 1
    with pytest.raises(InputError, match=r"mask\.nii holds 2 values and image\.nii, the mask, 511 labels: the image"):
        radiomics._check_order(Path("mask.nii"), Path("image.nii"), mask, image)
    radiomics._check_order(Path("image.nii"), Path("mask.nii"), image, mask)
    radiomics._check_order(Path("image.nii"), Path("atlas.nii"), np.random.default_rng(0).normal(size=512), image)


def test_a_reason_of_many_features_is_told_once_and_many_lines_are_cut(capsys: pytest.CaptureFixture[str]) -> None:
    causes = {**{f"glcm_{letter}": "no two voxels" for letter in "abcde"}, "shape_X": "flat"}
    lines = [(f"label {row}", why) for row in range(1, 101) for why in radiomics._why(causes)]
    radiomics._tell_each("yellow", "no value", lines)
    told = capsys.readouterr().err.splitlines()
    assert told[:2] == [
        "no value label 1, glcm_a, glcm_b, glcm_c and 2 more: no two voxels",
        "no value label 1, shape_X: flat",
    ]
    assert len(told) == 51
    assert told[-1] == "no value and 150 more, which the JSON file of --out names"
