"""One call for all labels: what comes with the numbers, and what bad input is told."""

from __future__ import annotations

import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk
from boxes import grid
from knees import stored_as
from threadpoolctl import threadpool_info

from radfuse.errors import CaseError, InputError, RadfuseError
from radfuse.radiomics.config import FilterName, FilterSettings, RadiomicsConfig
from radfuse.radiomics.engines import fast
from radfuse.radiomics.extract import extract
from radfuse.radiomics.measure import measured_regions, region_features
from radfuse.volume.files import read_labels, read_volume
from radfuse.volume.grid import Grid
from radfuse.volume.image import LabelMap, Volume
from radfuse.volume.region import Region

SHAPE = (12, 14, 16)
CONFIG = RadiomicsConfig(filters=("original", "log", "wavelet"), log_sigma_mm=(1.0, 2.0), bin_width=20)


def values() -> np.ndarray:
    return np.random.default_rng(0).normal(200, 60, SHAPE).astype(np.float32)


def labels() -> np.ndarray:
    found = np.zeros(SHAPE, dtype=np.uint8)
    found[2:9, 3:9, 2:8] = 1
    found[3:10, 8:12, 9:15] = 4
    return found


def test_all_labels_at_once_are_the_labels_one_by_one() -> None:
    volume, mask = Volume(values(), grid(SHAPE)), LabelMap(labels(), grid(SHAPE))
    together = extract(volume, mask, CONFIG)
    assert list(together.values.index) == ["1", "4"]
    for label in (1, 4):
        alone = extract(volume, mask, CONFIG, only=[label])
        pd.testing.assert_frame_equal(alone.values, together.values.loc[[str(label)]], check_exact=True)


@pytest.mark.parametrize("crop_first", [True, False])
def test_threads_change_nothing(crop_first: bool) -> None:
    config = CONFIG.model_copy(update={"crop_first": crop_first})
    one = extract(values(), labels(), config, threads=1)
    pd.testing.assert_frame_equal(one.values, extract(values(), labels(), config, threads=3).values, check_exact=True)


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int16, np.uint8])
def test_arrays_are_as_good_as_files(tmp_path: Path, kind: type) -> None:
    array = values().clip(0, 250).astype(kind)
    for content, name in ((array, "image.nrrd"), (labels(), "mask.nrrd")):
        image = sitk.GetImageFromArray(content)
        image.SetSpacing((1.0, 2.0, 3.0))
        sitk.WriteImage(image, str(tmp_path / name))
    from_files = extract(read_volume(tmp_path / "image.nrrd"), read_labels(tmp_path / "mask.nrrd"), CONFIG)
    from_arrays = extract(array, labels(), CONFIG, spacing_zyx_mm=(3.0, 2.0, 1.0))
    pd.testing.assert_frame_equal(from_files.values, from_arrays.values, check_exact=True)


def test_provenance_says_what_was_done() -> None:
    found = extract(values(), labels(), CONFIG.model_copy(update={"spacing_zyx_mm": (2.0, 2.0, 2.0)})).provenance
    assert found["settings"]["bin_width"] == 20
    assert {"radfuse", "numpy", "SimpleITK", "numba"} <= set(found["versions"])
    assert len(found["image_sha256"]) == len(found["mask_sha256"]) == 64
    came, went = found["voxels"]["1"]
    assert came == 7 * 6 * 6
    assert 0 < went < came
    assert found["missing"] == {}


def test_a_missing_value_comes_with_its_reason() -> None:
    mask = np.zeros(SHAPE, dtype=np.uint8)
    mask[::4, ::4, ::4] = 1  # nobody has a neighbour
    found = extract(values(), mask)
    assert np.isnan(found.values.loc["1", "original_glcm_Contrast"])
    assert found.provenance["missing"]["1"]["original_glcm_Contrast"].startswith("no two voxels of the region")
    assert set(found.provenance["missing"]["1"]) == set(found.values.columns[found.values.loc["1"].isna()])


def test_a_filter_that_was_not_made_is_named() -> None:
    config = RadiomicsConfig(filters=("original", "log"), log_sigma_mm=(40.0,))
    found = extract(values(), labels(), config)
    assert not any("log-sigma" in name for name in found.names)
    assert "needs 41" in found.provenance["missing"]["1"]["log-sigma-40-0-mm-3D"]


def test_a_gaussian_narrower_than_voxels_is_named() -> None:
    config = RadiomicsConfig(filters=("original", "log"), log_sigma_mm=(0.001,))
    found = extract(values(), labels(), config)
    assert not any("log-sigma" in name for name in found.names)
    assert "sees one voxel alone" in found.provenance["missing"]["1"]["log-sigma-0-001-mm-3D"]


def test_normalising_by_a_region_and_bins_of_a_fixed_range() -> None:
    config = RadiomicsConfig(normalize=True, normalize_scale=10, normalize_region="4", classes=("firstorder",))
    found = extract(values(), labels(), config).values
    assert found.loc["4", "original_firstorder_Mean"] == pytest.approx(0, abs=1e-4)
    assert found.loc["4", "original_firstorder_Variance"] == pytest.approx(100)
    config = RadiomicsConfig(bin_range=(150, 250), bin_width=50, classes=("firstorder", "glcm"))
    uniform = extract(values(), labels(), config).values["original_firstorder_Uniformity"]
    inside = values()[labels() == 1]
    shares = [(inside < 200).mean(), ((inside >= 200) & (inside < 250)).mean(), (inside >= 250).mean()]
    assert uniform["1"] == pytest.approx(np.square(shares).sum())


def test_bins_of_one_filter() -> None:
    config = CONFIG.model_copy(update={"per_filter": {"log": FilterSettings(bin_width=5)}})
    changed = (extract(values(), labels(), config).values != extract(values(), labels(), CONFIG).values).any()
    assert all(name.startswith("log-sigma") for name in changed.index[changed])
    assert changed.any()


def shifted() -> LabelMap:
    return LabelMap(labels(), Grid(SHAPE, (1.0, 1.0, 1.0), (0.5, 0, 0)), name="mask.nrrd")


def spoiled(value: float) -> np.ndarray:
    found = values()
    found[4, 5, 5] = value
    return found


@pytest.mark.parametrize(
    ("image", "mask", "config", "message"),
    [
        (values(), 0 * labels(), {}, "the mask is empty"),
        (values(), labels() * (labels() == 9), {}, "the mask is empty"),
        (values(), labels(), {"min_voxels": 400}, "label 1 has 252 voxels, needs 400"),
        (values()[None], labels(), {}, "not three-dimensional"),
        (values().astype(complex), labels(), {}, "no real numbers"),
        (values(), labels() + 0.5, {}, "whole numbers"),
        (values(), labels()[:-1], {}, "is not that of its grid"),
        (spoiled(np.nan), labels() % 4, {}, "1 voxel in the region is NaN or infinite"),
        (spoiled(np.inf), labels() % 4, {}, "1 voxel in the region is NaN or infinite"),
        (values(), labels(), {"bin_width": 1e-4}, "allowed are 10,000; a width of"),
        (values(), labels(), {"max_bins": 5}, "allowed are 5"),
        (values(), labels(), {"bin_width": 1e308}, "bins of width 1e+308 end beyond the largest number"),
        (
            values(),
            labels(),
            {"spacing_zyx_mm": (1e-4, 1.0, 1e-4)},
            "voxels around the region, allowed are 200,000,000",
        ),
        (7 + 0 * values(), labels(), {"normalize": True}, "all alike, and scale nothing; leave `normalize` out"),
        (values(), labels(), {"normalize": True, "normalize_region": "muscle"}, "no region 'muscle'"),
        (values(), labels(), {"spacing_zyx_mm": (60.0, 60.0, 60.0)}, "region 1"),
        (values(), labels(), {"resegment_range": (1e4, 2e4)}, "0 of 252 voxels lie in the range 1e+04, 2e+04"),
    ],
)
def test_bad_input_is_named(image: np.ndarray, mask: np.ndarray, config: dict[str, object], message: str) -> None:
    with pytest.raises(RadfuseError) as caught:
        extract(image, mask, RadiomicsConfig(**config))
    assert message in str(caught.value)


def test_a_width_that_fits_is_offered_and_fits() -> None:
    with pytest.raises(CaseError) as caught:
        extract(values(), labels(), RadiomicsConfig(bin_width=1e-4))
    width = float(str(caught.value).split("a width of ")[1].split(" ")[0])
    assert np.isfinite(extract(values(), labels(), RadiomicsConfig(bin_width=width)).values.to_numpy()).all()


@pytest.mark.parametrize("name", ["square", "logarithm", "exponential"])
def test_a_filter_of_an_image_that_is_0_has_no_value(name: FilterName) -> None:
    with pytest.raises(CaseError, match=r"region 1, .*252 voxels .* have no value: .* largest value, which is 0"):
        extract(0 * values(), labels(), RadiomicsConfig(filters=(name,)))
    of_roots = RadiomicsConfig(filters=("square_root",), classes=("firstorder",))
    assert extract(0 * values(), labels(), of_roots).values.loc["1", "squareroot_firstorder_Maximum"] == 0


def test_patterns_by_variance_are_undefined_where_all_are_alike() -> None:
    config = RadiomicsConfig(filters=("lbp_2d",), lbp_2d_method="var", classes=("firstorder",))
    flat = values()
    flat[4, 3:8, 3:8] = 7
    with pytest.raises(CaseError, match=r"9 voxels of the region .* method var is undefined; take another"):
        extract(flat, labels(), config, only=[1])
    assert np.isfinite(extract(values(), labels(), config).values.to_numpy()).all()


def test_too_many_bins_for_values_of_a_few_last_bits() -> None:
    narrow = np.nextafter(values() * 0 + 1, (labels() + values()) % 2)
    with pytest.raises(CaseError, match=r"too close together for 17 bins; take fewer"):
        extract(narrow, labels(), RadiomicsConfig(bin_count=17))


def test_grids_apart_are_printed_with_the_settings_that_allow_it() -> None:
    volume = Volume(values(), grid(SHAPE), "image.nrrd")
    with pytest.raises(InputError) as caught:
        extract(volume, shifted())
    for part in ("image.nrrd", "mask.nrrd", "origin (0, 0, 0)", "origin (0.5, 0, 0)", "grid_tolerance", "correct_mask"):
        assert part in str(caught.value)
    near = extract(volume, shifted(), RadiomicsConfig(grid_tolerance=1))
    corrected = extract(volume, shifted(), RadiomicsConfig(correct_mask=True))
    pd.testing.assert_frame_equal(near.values, extract(values(), labels()).values, check_exact=True)
    assert corrected.values.shape == near.values.shape


@pytest.mark.parametrize("settings", [{}, {"spacing_zyx_mm": (2.0, 0.0, 1.5)}, {"correct_mask": True}])
def test_a_mask_stored_in_another_order_gives_the_same(settings: dict[str, Any]) -> None:
    """A spacing of 0 keeps the voxels of that axis of the image, whatever the mask calls it."""
    where = Grid(SHAPE, (3.0, 1.0, 2.0), (5.0, -3.0, 7.0))
    volume, mask, config = Volume(values(), where), LabelMap(labels(), where), RadiomicsConfig(**settings)
    turned = stored_as(mask, (2, 0, 1), (True, False, True))
    found = extract(volume, turned, config).values
    pd.testing.assert_frame_equal(found, extract(volume, mask, config).values, check_exact=True)


def test_a_flat_region_and_a_single_voxel() -> None:
    flat = extract(np.full(SHAPE, 7.0), labels(), RadiomicsConfig()).values
    assert flat.loc["1", "original_firstorder_Variance"] == 0
    assert flat.loc["1", "original_glcm_Correlation"] == 1
    single = np.zeros(SHAPE, dtype=bool)
    single[3, 3, 3] = True
    with pytest.raises(CaseError, match="single voxel"):
        region_features(Volume(values(), grid(SHAPE)), [Region.of("dot", single, grid(SHAPE))], RadiomicsConfig())


def test_a_region_that_fails_is_named_and_the_others_are_given() -> None:
    image, config = spoiled(np.nan), RadiomicsConfig(bin_width=20)
    found = extract(image, labels(), config)
    assert list(found.values.index) == ["4"]
    assert list(found.provenance["failed"]) == ["1"]
    assert "region 1: 1 voxel in the region is NaN" in found.provenance["failed"]["1"]
    alone = extract(image, labels(), config, only=[4])
    assert alone.provenance["failed"] == {}
    pd.testing.assert_frame_equal(alone.values, found.values, check_exact=True)


@pytest.mark.parametrize("threads", [1, 3])
def test_nothing_is_computed_of_a_region_after_it_failed(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Values of label 1 lie too far apart for 64 bins, those of label 4 do not."""
    wide = np.where(labels() == 1, 1000 * values(), values())
    config = RadiomicsConfig(filters=("original", "lbp_2d", "gradient"), max_bins=64, classes=("firstorder",))
    measured: list[str] = []
    add = fast._add_family
    monkeypatch.setattr(fast, "_add_family", lambda *seen: (measured.append(seen[2].region.name), add(*seen)))
    found = extract(wide, labels(), config, threads=threads)
    assert list(found.provenance["failed"]) == ["1"]
    assert measured.count("4") == 3
    assert measured.count("1") <= (0 if threads == 1 else 1)  # patterns fit, and may come before the others fail


def test_in_a_study_one_region_that_fails_is_its_cases_failure() -> None:
    where = grid(SHAPE)
    regions = [Region.of(name, labels() == label, where) for name, label in (("good", 4), ("bad", 1))]
    with pytest.raises(CaseError, match="region bad: 1 voxel "):
        region_features(Volume(spoiled(np.nan), where), regions, RadiomicsConfig())
    assert measured_regions(Volume(spoiled(np.nan), where), regions, RadiomicsConfig())["good"].values


def test_values_all_alike_are_computed_with_a_remark() -> None:
    found = extract(np.full(SHAPE, 7.0), labels(), RadiomicsConfig(filters=("original", "lbp_3d"))).provenance
    assert found["remarks"]["1"]["original"] == "every voxel of the region holds 7"
    assert found["remarks"]["1"]["lbp-3D-k"].endswith("PyRadiomics has NaN there from SciPy 1.9 on")
    assert extract(values(), labels(), RadiomicsConfig()).provenance["remarks"] == {}


@pytest.mark.parametrize(
    ("name", "feature"),
    [
        ("shape", "Elongation"),
        ("shape", "Sphericity"),
        ("shape", "Maximum3DDiameter"),
        ("shape", "VoxelVolume"),
        ("firstorder", "Mean"),
        ("firstorder", "Median"),
        ("firstorder", "Kurtosis"),
        ("firstorder", "Entropy"),
        ("glcm", "Contrast"),
        ("glcm", "MCC"),
    ],
)
def test_one_feature_alone_is_the_same_as_among_its_class(name: str, feature: str) -> None:
    whole = extract(values(), labels(), RadiomicsConfig(classes=(name,)))
    one = extract(values(), labels(), RadiomicsConfig(classes=(name,), features={name: (feature,)}))
    assert one.names == (f"original_{name}_{feature}",)
    pd.testing.assert_frame_equal(one.values, whole.values[list(one.names)], check_exact=True)


def test_bins_that_nobody_looks_at_are_not_made() -> None:
    config = RadiomicsConfig(classes=("firstorder",), features={"firstorder": ("Mean",)}, bin_width=1e-9)
    assert extract(values(), labels(), config).values.loc["1"].item() == pytest.approx(values()[labels() == 1].mean())


def test_overlapping_extractions_leave_threads_and_warnings_as_they_were() -> None:
    before = warnings.filters[:]
    threads = [item["num_threads"] for item in threadpool_info()]
    config = RadiomicsConfig(filters=("original", "lbp_2d"), bin_width=5)
    with ThreadPoolExecutor(4) as pool:
        tables = list(pool.map(lambda _: extract(values(), labels(), config, threads=2).values, range(8)))
    assert all(table.equals(tables[0]) for table in tables)
    with fast._ONE_THREAD_EACH:  # the first to come is the first to go
        inner = fast._ONE_THREAD_EACH
        inner.__enter__()
    assert {item["num_threads"] for item in threadpool_info() if item["user_api"] == "blas"} == {1}
    inner.__exit__()
    assert [item["num_threads"] for item in threadpool_info()] == threads
    assert warnings.filters == before


def test_a_channel_of_a_mask_file(tmp_path: Path) -> None:
    channels = [sitk.GetImageFromArray(np.asarray(part)) for part in (0 * labels(), labels())]
    sitk.WriteImage(sitk.Compose(*channels), str(tmp_path / "mask.nrrd"))
    assert np.array_equal(read_labels(tmp_path / "mask.nrrd", channel=1).array, labels())
    with pytest.raises(InputError, match="each voxel holds 2 values"):
        read_labels(tmp_path / "mask.nrrd")
    with pytest.raises(InputError, match="no channel 2"):
        read_labels(tmp_path / "mask.nrrd", channel=2)
