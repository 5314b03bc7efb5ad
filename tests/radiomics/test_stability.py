"""Disturbed copies are what they say; features that hold are told from those that do not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from boxes import grid
from scipy import ndimage
from typer.testing import CliRunner

from radfuse.errors import InputError
from radfuse.radiomics.config import RadiomicsConfig
from radfuse.radiomics.stability import (
    contoured,
    grown,
    noise_level,
    perturbed,
    perturbed_features,
    perturbed_labels,
    stability,
)
from radfuse.radiomics.stability_config import StabilityConfig
from radfuse.volume.files import write_image
from radfuse.volume.image import LabelMap, Volume
from radfuse.volume.region import Region

SHAPE = (20, 26, 28)
NOTHING = StabilityConfig(translation_voxels=0, rotation_degrees=0, noise=0, growth=0, contour=False)


def ball(radius: float, shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    middle = (np.array(shape) - 1) / 2
    return ((np.indices(shape) - middle[:, None, None, None]) ** 2).sum(axis=0) <= radius**2


def picture(seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(generator.normal(0, 400, SHAPE), 2)
    return (100 + 60 * ball(6) + smooth + generator.normal(0, 5, SHAPE)).astype(np.float32)


@pytest.mark.parametrize("share", [0.1, 0.3, -0.1, -0.3])
def test_growth_changes_the_volume_by_exactly_its_share_and_at_the_surface(share: float) -> None:
    mask = ball(6)
    found = grown(mask, share, (2.0, 1.0, 1.0))
    assert found.sum() == mask.sum() + round(share * mask.sum())
    larger, smaller = (found, mask) if share > 0 else (mask, found)
    assert (larger & smaller).sum() == smaller.sum()
    assert not (found ^ mask)[10, 13, 14]


@pytest.mark.parametrize("sigma", [2.0, 20.0])
def test_the_noise_level_is_estimated_beside_structure(sigma: float) -> None:
    generator = np.random.default_rng(0)
    smooth = ndimage.gaussian_filter(generator.normal(0, 500, (20, 64, 64)), 4)
    assert noise_level(smooth + generator.normal(0, sigma, smooth.shape)) == pytest.approx(sigma, rel=0.1)


def test_a_copy_without_disturbances_is_the_case() -> None:
    volume, region = Volume(picture(), grid(SHAPE)), Region.of("ball", ball(6), grid(SHAPE))
    copy, (same,) = perturbed(volume, [region], NOTHING, np.random.default_rng(0))
    assert same.voxels == region.voxels
    assert np.array_equal(copy.array[same.mask], volume.array[region.mask])
    rows = perturbed_features(volume, [region], RadiomicsConfig(), NOTHING.model_copy(update={"copies": 1}), (1,))
    assert rows[0] == rows[1]


def test_moving_and_turning_keep_the_volume_and_follow_the_region() -> None:
    volume, region = Volume(picture(), grid(SHAPE)), Region.of("ball", ball(6), grid(SHAPE))
    config = NOTHING.model_copy(update={"translation_voxels": 0.5, "rotation_degrees": 10})
    for seed in range(4):
        copy, (moved,) = perturbed(volume, [region], config, np.random.default_rng(seed))
        assert moved.voxels == pytest.approx(region.voxels, rel=0.05)
        assert copy.array[moved.mask].mean() == pytest.approx(volume.array[region.mask].mean(), rel=0.02)
        assert not copy.grid.same_as(grid(copy.grid.shape))


def capped_ball() -> LabelMap:
    """Return a ball of label 1 under a cap of label 2, two voxels thick."""
    array = ball(8).astype(np.uint8)
    cap = ball(8) & (np.indices(SHAPE)[0] > 13)
    array[cap & ~ndimage.binary_erosion(ball(8), iterations=2)] = 2
    return LabelMap(array, grid(SHAPE), {1: "bone", 2: "cartilage"})


def test_labels_that_touch_keep_their_border_and_change_by_a_layer_at_most() -> None:
    labels, volume = capped_ball(), Volume(picture(), grid(SHAPE))
    same = perturbed_labels(volume, labels, NOTHING, np.random.default_rng(0))
    assert np.array_equal(same[1].array, labels.array)
    assert np.array_equal(same[0].array, volume.array)
    config, changes = NOTHING.model_copy(update={"growth": 0.4}), []
    for seed in range(6):
        _, copy = perturbed_labels(volume, labels, config, np.random.default_rng(seed))
        before, after = labels.array, copy.array
        assert not ((before > 0) & (after > 0) & (before != after)).any()  # no label takes another's voxels
        moved = (before > 0) != (after > 0)
        near = ndimage.binary_dilation(before > 0, iterations=3) & ~ndimage.binary_erosion(before > 0, iterations=2)
        assert not (moved & ~near).any()
        for number in (1, 2):
            size = int((before == number).sum())
            changes.append(((after == number).sum() - size) / size)
            assert abs(changes[-1]) <= 0.4 + 1 / size
    assert min(changes) < -0.05
    assert max(changes) > 0.05


def test_labels_are_moved_and_turned_with_their_image() -> None:
    labels, volume = capped_ball(), Volume(picture(), grid(SHAPE))
    config = NOTHING.model_copy(update={"translation_voxels": 0.5, "rotation_degrees": 10})
    image, copy = perturbed_labels(volume, labels, config, np.random.default_rng(1))
    assert image.grid == copy.grid != labels.grid
    for number, allowed in ((1, 0.05), (2, 0.1)):
        assert (copy.array == number).sum() == pytest.approx((labels.array == number).sum(), rel=allowed)
        inside = volume.array[labels.array == number].mean()
        assert image.array[copy.array == number].mean() == pytest.approx(inside, rel=0.05)


def test_a_contour_is_redrawn_near_where_it_was() -> None:
    mask, voxels = ball(6), picture().astype(np.float64)
    found = contoured(mask, voxels, (1.0, 1.0, 1.0), 30, np.random.default_rng(0))
    assert (found ^ mask).any()
    assert 2 * (found & mask).sum() / (found.sum() + mask.sum()) > 0.75
    assert found[10, 13, 14]


def test_copies_are_a_function_of_the_seed() -> None:
    volume, region = Volume(picture(), grid(SHAPE)), Region.of("ball", ball(6), grid(SHAPE))
    config, radiomics = StabilityConfig(copies=2), RadiomicsConfig(classes=("firstorder",))
    one, again = (perturbed_features(volume, [region], radiomics, config, (3, 5)) for _ in range(2))
    other = perturbed_features(volume, [region], radiomics, config, (3, 6))
    assert one == again
    assert one[0] == other[0]
    assert one[1] != other[1]


def test_a_feature_of_the_case_holds_and_noise_does_not() -> None:
    generator = np.random.default_rng(0)
    size = generator.normal(0, 1, 12)
    rows = {
        f"c{case}": [
            {"size": size[case] + 0.05 * generator.normal(), "noise": generator.normal(), "flat": 1.0} for _ in range(6)
        ]
        for case in range(12)
    }
    rows["c0"][0]["noise"] = float("nan")
    table = stability(rows).set_index("feature")
    assert table.loc["size", "icc21_low"] > 0.97
    assert table.loc["noise", "icc21"] < 0.4
    assert table.loc["size", ["cases", "copies"]].tolist() == [12, 6]
    assert table.loc["noise", "cases"] == 11
    assert table.loc["flat", "reason"] == "the feature never varies"
    assert table["reason"].drop("flat").eq("").all()


def test_one_case_is_too_few() -> None:
    with pytest.raises(InputError, match="two cases or more"):
        stability({"a": [{"x": 1.0}, {"x": 2.0}]})


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six images of balls of different size and brightness, each drawn by two readers."""
    folder = tmp_path_factory.mktemp("stability")
    rows = []
    for case in range(6):
        radius = 4.5 + 0.6 * case
        write_image(Volume(picture(case) + 30 * case, grid(SHAPE)), folder / f"i{case}.nrrd")
        for reader in range(2):
            mask = ball(radius + 0.3 * reader).astype(np.uint8)
            write_image(LabelMap(mask, grid(SHAPE)), folder / f"m{case}-{reader}.nrrd")
        row = {"case_id": f"c{case}", "t1": f"i{case}.nrrd", "first": f"m{case}-0.nrrd", "second": f"m{case}-1.nrrd"}
        rows.append({**row, "event": case % 2})
    pd.DataFrame(rows).to_csv(folder / "cohort.csv", index=False)
    (folder / "study.yaml").write_text("""
name: balls
cohort: {table: cohort.csv, patient: case_id, images: {t1: t1}, mask: first, second_mask: second,
  outcome: {column: event}, split: {kind: grouped, folds: 2}}
segmentation: {backend: manual, labels: {ball: 1}}
regions: [{kind: label, name: ball, label: ball}]
radiomics: {classes: [shape, firstorder, glcm]}
stability: {copies: 3}
""")
    return folder / "study.yaml"


def test_the_command_writes_a_table_and_a_page_and_resumes(study: Path, tmp_path: Path) -> None:
    from radfuse.cli.app import app

    command = ["stability", str(study), "--out", str(tmp_path / "R")]
    first = CliRunner().invoke(app, command)
    assert first.exit_code == 0, first.output
    table = pd.read_csv(tmp_path / "R" / "stability" / "stability.csv")
    assert set(table["source"]) == {"perturbation", "readers"}
    assert set(table.loc[table["source"] == "readers", "copies"]) == {2}
    by_name = table[table["source"] == "perturbation"].set_index("feature")
    assert by_name.loc["t1/ball/original_shape_VoxelVolume", "icc11"] > 0.8  # sizes differ more than copies do
    page = (tmp_path / "R" / "stability" / "index.html").read_text(encoding="utf-8")
    assert "6" in page
    assert "Two readers" in page
    again = CliRunner().invoke(app, command)
    assert "0 results computed, 7 found finished" in again.output


def test_a_second_mask_that_the_table_lacks_is_named(study: Path, tmp_path: Path) -> None:
    from radfuse.cli.app import app

    chosen = ["--set", "cohort.second_mask=third", "--out", str(tmp_path / "R")]
    found = CliRunner().invoke(app, ["stability", str(study), *chosen])
    assert found.exit_code != 0
    assert "third" in str(found.exception) or "third" in found.output


FROM_AFAR = {
    "normalised": {"normalize": True},
    "a wide margin": {"pad_voxels": 20, "filters": ("log",), "log_sigma_mm": (3.0,)},
    "coarser voxels": {"spacing_zyx_mm": (3.0, 3.0, 3.0), "filters": ("log",), "log_sigma_mm": (3.0,)},
    "the whole image": {"crop_first": False, "filters": ("square", "wavelet")},
}


@pytest.mark.parametrize("name", FROM_AFAR)
def test_copies_without_disturbances_see_all_that_the_case_sees(name: str) -> None:
    shape = (40, 60, 60)
    place = tuple(np.array(shape) // 2)
    mask = ball(5, shape)
    image = np.random.default_rng(0).normal(100, 10, shape)
    image[:, :10], image[place[0], place[1], :8] = 0, 5000  # far from the region: air, and something bright
    volume, region = Volume(image.astype(np.float32), grid(shape)), Region.of("ball", mask, grid(shape))
    config = RadiomicsConfig.model_validate({**FROM_AFAR[name], "classes": ("firstorder",)})
    rows = perturbed_features(volume, [region], config, NOTHING.model_copy(update={"copies": 1}), (1,))
    assert rows[1] == pytest.approx(rows[0], rel=1e-6)
