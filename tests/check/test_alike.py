"""What differs between the images of a sequence, told where features see it."""

from __future__ import annotations

from pathlib import Path

import pytest
from boxes import grid

from radfuse.check.alike import remarks_on_bands, remarks_on_channels, remarks_on_grids, remarks_on_scales
from radfuse.radiomics.config import RadiomicsConfig
from radfuse.regions.knee.margin import MarginRegion
from radfuse.regions.subchondral import SubchondralRegion
from radfuse.sequences import SequenceConfig
from radfuse.volume.grid import Grid, oriented
from radfuse.volume.normalise import N4, Step, ZScore

HERE = grid((4, 5, 6), (3.0, 1.0, 1.0))
SAGITTAL, FLIPPED = oriented(HERE, "PIL"), oriented(HERE, "RAS")
FIRSTORDER = RadiomicsConfig(classes=("firstorder",))


def told(settings: RadiomicsConfig, **grids: Grid) -> list[str]:
    return [problem.message for problem in remarks_on_grids({"t1": settings}, {"t1": grids})]


def test_axes_in_another_order_are_told_where_features_follow_them() -> None:
    assert told(FIRSTORDER, a=HERE, b=SAGITTAL) == []
    (message,) = told(RadiomicsConfig(classes=("shape",)), a=HERE, b=HERE, c=SAGITTAL)
    assert message.startswith("the axes of images point to LPS in 2 cases and to PIL in 1: shape's Maximum2DDiameter")
    assert "for that alone in c; " in message
    wavelet = FIRSTORDER.model_copy(update={"filters": ("original", "wavelet")})
    assert told(RadiomicsConfig(classes=("shape",)), a=HERE, b=FLIPPED) == []
    assert "wavelet follow them" in told(wavelet, a=HERE, b=FLIPPED)[0]
    resampled = FIRSTORDER.model_copy(update={"spacing_zyx_mm": (1.0, 1.0, 1.0)})
    assert "all that is resampled, whose voxels begin at a corner" in told(resampled, a=HERE, b=FLIPPED)[0]
    flipped = {"t1": {"a": HERE, "b": FLIPPED}}
    (remark,) = remarks_on_grids({"t1": RadiomicsConfig(classes=("shape",))}, flipped, ragged=True)
    assert "shape's mesh, where a region is ragged follow" in remark.message


def test_voxels_of_several_sizes_are_told_where_features_count_voxels() -> None:
    """The sagittal image has the same voxels, stored in another order."""
    glcm, finer = RadiomicsConfig(classes=("glcm",)), grid((4, 5, 6), (3.0, 0.5, 0.5))
    assert told(glcm, a=HERE, b=SAGITTAL) == []
    assert told(FIRSTORDER, a=HERE, b=finer) == []
    (message,) = told(glcm, a=HERE, b=finer)
    assert message.startswith("voxels measure from 0.5 x 0.5 x 3 to 1 x 1 x 3 mm")
    assert "radiomics.spacing_zyx_mm: [3.0, 0.75, 0.75]" in message
    assert told(glcm.model_copy(update={"spacing_zyx_mm": (1.0, 1.0, 1.0)}), a=HERE, b=finer) == []


@pytest.mark.parametrize(
    ("steps", "radiomics", "remarked"),
    [
        ([N4()], RadiomicsConfig(), True),
        ([ZScore(), N4()], RadiomicsConfig(), True),
        ([N4(), ZScore()], RadiomicsConfig(), False),
        ([N4()], RadiomicsConfig(bin_count=32), False),
        ([N4()], RadiomicsConfig(normalize=True), False),
        ([N4()], RadiomicsConfig(classes=("shape",)), False),
        ([ZScore()], RadiomicsConfig(), False),
    ],
)
def test_bins_of_one_width_behind_n4_are_told_of(steps: list[Step], radiomics: RadiomicsConfig, remarked: bool) -> None:
    found = remarks_on_scales({"t1": radiomics}, {"t1": SequenceConfig(normalise=tuple(steps))})
    assert [problem.where for problem in found] == ["sequences.t1.normalise"] * remarked


def test_channels_on_other_grids_are_told_of_once() -> None:
    finer = grid((8, 5, 6), (1.5, 1.0, 1.0))
    grids = {"t2": dict.fromkeys("abc", HERE), "adc": {"a": finer, "b": FLIPPED, "c": grid((4, 5, 3), (3.0, 1.0, 1.0))}}
    found = remarks_on_channels(grids)
    assert [problem.where for problem in found] == ["sequences.adc"] * 2
    assert "adc lies on another grid than t2, onto which it is brought by linear interp" in found[0].message
    assert found[0].message.endswith(" (a; so in 2 of 3 cases)")
    assert "adc lacks 50% of t2, and its smallest value stands there (c; so in 1 of 3 cases)" in found[1].message
    assert remarks_on_channels({"t2": grids["t2"]}) == remarks_on_channels({}) == []


def test_a_parameter_file_is_told_of_as_settings_are(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("setting: {resampledPixelSpacing: [1, 1, 1]}\nfeatureClass: {firstorder: }\n")
    (message,) = told(RadiomicsConfig(params=tmp_path / "p.yaml"), a=HERE, b=FLIPPED)
    assert "all that is resampled" in message
    assert told(RadiomicsConfig(params=tmp_path / "gone.yaml"), a=HERE, b=FLIPPED) == []


def test_bands_that_slices_cannot_show_are_told() -> None:
    on = {"bone": "tibia", "cartilage": "tibial_cartilage"}
    regions = [MarginRegion(name="rim", **on), SubchondralRegion(name="deep", from_mm=3, **on)]
    thick = grid((4, 5, 6), (5.0, 0.4, 0.4))
    assert remarks_on_bands(regions, {"t1": {"a": HERE}}) == []
    thicker = grid((4, 5, 6), (5.5, 0.4, 0.4))
    (remark,) = remarks_on_bands(regions, {"t1": {"a": HERE, "b": thick, "c": thicker}})
    assert "slices are up to 5.5 mm apart (c; 2 of 3 cases)" in remark.message
    assert "what rim (5 mm) cover" in remark.message
    assert remarks_on_bands([SubchondralRegion(name="all", **on)], {"t1": {"b": thick}}) == []
