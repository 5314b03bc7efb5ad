"""Histogram features on values whose percentiles are known by hand."""

from __future__ import annotations

import numpy as np
import pytest

import radfuse as rf

CONFIG = rf.RadiomicsConfig(classes=("firstorder", "histogram"), bin_width=10, min_voxels=1)


def measured(values: np.ndarray, config: rf.RadiomicsConfig = CONFIG) -> dict[str, float]:
    image = values.reshape(1, 1, -1).repeat(2, 0).repeat(2, 1)
    found = rf.extract(image, np.ones(image.shape, np.uint8), config).values.iloc[0]
    return {str(name).removeprefix("original_"): float(value) for name, value in found.items()}


def test_percentiles_of_a_ramp_are_its_values() -> None:
    found = measured(np.repeat(np.arange(101.0), 1))
    for percent in (1, 5, 25, 75, 95, 99):
        assert found[f"histogram_{percent}Percentile"] == pytest.approx(percent, abs=0.3)  # of 404 voxels
    assert found["histogram_75Percentile"] - found["histogram_25Percentile"] == pytest.approx(
        found["firstorder_InterquartileRange"]
    )
    assert found["histogram_ExcessKurtosis"] == pytest.approx(found["firstorder_Kurtosis"] - 3)


def test_kurtosis_of_a_coin_and_of_a_flat_region() -> None:
    assert measured(np.array([1.0, 5.0]))["histogram_ExcessKurtosis"] == pytest.approx(-2)
    flat = measured(np.array([4.0, 4.0]))
    assert (flat["histogram_ExcessKurtosis"], flat["histogram_5Percentile"]) == (-3, 4)


def test_single_features_are_asked_for_by_name() -> None:
    chosen = rf.RadiomicsConfig(classes=("histogram",), features={"histogram": ("95Percentile",)}, min_voxels=1)
    assert list(measured(np.arange(9.0), chosen)) == ["histogram_95Percentile"]
