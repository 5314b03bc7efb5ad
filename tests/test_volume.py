"""Geometry is kept, masks meet their images, and every bad file is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from boxes import box, grid
from hypothesis import given, settings
from hypothesis import strategies as st
from realdata import real_file

from radfuse.errors import InputError
from radfuse.volume.files import read_grid, read_labels, read_volume, write_image
from radfuse.volume.grid import Grid, orientation_of, oriented, with_spacing
from radfuse.volume.image import LabelMap, Volume, require_same_grid
from radfuse.volume.resample import resample, resample_labels

TURN = (0.8, -0.6, 0.0, 0.6, 0.8, 0.0, 0.0, 0.0, 1.0)
OBLIQUE = Grid((3, 4, 5), (3.27, 0.9766, 0.7), (-12.5, 30.25, -609.4), TURN)


def ramp(where: Grid) -> Volume:
    return Volume(np.arange(np.prod(where.shape), dtype=np.float32).reshape(where.shape), where)


@pytest.mark.parametrize("suffix", [".nrrd", ".mha", ".nii.gz", ".nii"])
def test_geometry_and_voxels_come_back(tmp_path: Path, suffix: str) -> None:
    write_image(ramp(OBLIQUE), tmp_path / f"image{suffix}")
    found = read_volume(tmp_path / f"image{suffix}")
    assert np.array_equal(found.array, ramp(OBLIQUE).array)
    assert found.grid.same_as(OBLIQUE)
    assert read_grid(tmp_path / f"image{suffix}").same_as(OBLIQUE)
    if "nii" not in suffix:
        assert found.grid.spacing_zyx_mm == pytest.approx(OBLIQUE.spacing_zyx_mm, rel=1e-14)
        assert found.grid.direction == pytest.approx(OBLIQUE.direction, abs=1e-14)


def test_corners_of_an_oblique_grid_by_hand() -> None:
    where = Grid((2, 2, 2), (3.0, 2.0, 1.0), (10.0, 0.0, 0.0), (0, -1, 0, 1, 0, 0, 0, 0, 1))
    assert where.corners_mm()[4].tolist() == [10.0, 1.0, 0.0]  # one step along x points to +y
    assert where.corners_mm()[2].tolist() == [8.0, 0.0, 0.0]  # one step along y points to -x


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (Grid((3, 4, 5), (3.27, 0.9766, 0.7), (-12.5, 30.25, -609.4), TURN), True),
        (Grid((3, 4, 5), (3.27, 0.9766, 0.7), (-12.5, 30.2502, -609.4), TURN), True),
        (Grid((3, 4, 5), (3.27, 0.9766, 0.7), (-12.5, 30.26, -609.4), TURN), False),
        (Grid((3, 4, 5), (3.27, 0.9766, 0.71), (-12.5, 30.25, -609.4), TURN), False),
        (Grid((3, 4, 5), (3.27, 0.9766, 0.7), (-12.5, 30.25, -609.4)), False),
        (Grid((3, 5, 4), (3.27, 0.9766, 0.7), (-12.5, 30.25, -609.4), TURN), False),
    ],
)
def test_grids_are_the_same_within_a_thousandth_of_a_voxel(other: Grid, same: bool) -> None:
    assert OBLIQUE.same_as(other) is same


def test_a_mask_on_another_grid_prints_both() -> None:
    labels = LabelMap(np.ones((3, 4, 4), dtype=np.uint8), grid((3, 4, 4)), {}, "m.nrrd")
    with pytest.raises(InputError) as caught:
        require_same_grid(Volume(ramp(OBLIQUE).array, OBLIQUE, "i.nrrd"), labels)
    for part in (
        "m.nrrd",
        "i.nrrd",
        "5 x 4 x 3 voxels of 0.7 x 0.9766 x 3.27 mm",
        "4 x 4 x 3 voxels",
        "resample_masks",
    ):
        assert part in str(caught.value)


@settings(max_examples=25)
@given(
    shape=st.tuples(*[st.integers(1, 30)] * 3),
    old=st.tuples(*[st.floats(0.3, 4)] * 3),
    new=st.tuples(*[st.floats(0.3, 4)] * 3),
)
def test_another_spacing_keeps_the_box(
    shape: tuple[int, int, int], old: tuple[float, float, float], new: tuple[float, float, float]
) -> None:
    before = Grid(shape, old, (5.0, -3.0, 7.0), TURN)
    after = with_spacing(before, new)
    middle = [g.corners_mm().mean(axis=0) for g in (before, after)]
    assert np.allclose(*middle, atol=1e-6)
    extents = [np.array(g.shape) * np.array(g.spacing_zyx_mm) for g in (before, after)]
    assert (np.abs(extents[0] - extents[1]) <= np.maximum(np.array(new), 0) / 2 + 1e-6).all() or min(after.shape) == 1


def test_resampling_a_ramp_to_half_the_spacing_interpolates() -> None:
    where = grid((1, 1, 4), (1.0, 1.0, 2.0))
    found = resample(ramp(where), Grid((1, 1, 7), (1.0, 1.0, 1.0)))
    assert found.array.ravel().tolist() == [0, 0.5, 1, 1.5, 2, 2.5, 3]


def test_labels_are_resampled_by_nearest_neighbour() -> None:
    labels = LabelMap(box((4, 4, 4), (0, 0, 0), (2, 4, 4)).astype(np.uint8) * 5, grid((4, 4, 4)))
    found = resample_labels(labels, Grid((8, 4, 4), (0.5, 1.0, 1.0), (0, 0, -0.25)))
    assert found.array[:4].tolist() == (np.ones((4, 4, 4), int) * 5).tolist()
    assert not found.array[4:].any()


def write_sitk(array: np.ndarray, path: Path, vector: bool = False) -> Path:
    sitk.WriteImage(sitk.GetImageFromArray(array, isVector=vector), str(path))
    return path


def test_bad_images_are_named_with_the_mend(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(size=(6, 7, 8)).astype(np.float32)
    whole = write_sitk(noise, tmp_path / "whole.nii.gz").read_bytes()
    with_nan = noise.copy()
    with_nan[0, 0, 0] = np.nan
    (tmp_path / "cut.nii.gz").write_bytes(whole[: len(whole) // 2])
    flipped = bytearray(whole)
    flipped[-6] ^= 255  # in the checksum
    (tmp_path / "flipped.nii.gz").write_bytes(flipped)
    for suffix in (".nii", ".nrrd", ".mha"):
        content = write_sitk(noise, tmp_path / f"whole{suffix}").read_bytes()
        (tmp_path / f"cut{suffix}").write_bytes(content[: len(content) // 2])
    (tmp_path / "text.nrrd").write_text("not an image")
    (tmp_path / "one.dcm").write_bytes(b"x")
    (tmp_path / "empty").mkdir()
    zero = bytearray(write_sitk(noise, tmp_path / "zero.nii").read_bytes())
    zero[80:84] = np.float32(0).tobytes()  # pixdim[1]
    (tmp_path / "zero.nii").write_bytes(zero)
    cases = {
        "absent.nii.gz": "no image at",
        "cut.nii.gz": "truncated",
        "cut.nii": "truncated",
        "cut.nrrd": "truncated",
        "cut.mha": "truncated",
        "flipped.nii.gz": "copy it again",
        "text.nrrd": "can be read",
        "one.dcm": "give the folder of its series",
        "empty": "holds no DICOM image slices",
        "zero.nii": "spacing is 0 x 1 x 1 mm; correct the header",
        write_sitk(with_nan, tmp_path / "nan.nrrd").name: "1 voxels are NaN or infinite",
        write_sitk(np.zeros((2, 6, 7, 8), np.float32), tmp_path / "four.nii").name: "4-D (8 x 7 x 6 x 2), not 3-D",
        write_sitk(np.zeros((4, 5), np.float32), tmp_path / "two.nrrd").name: "2-D (5 x 4), not 3-D",
        write_sitk(np.zeros((4, 5, 6, 3), np.float32), tmp_path / "rgb.nrrd", True).name: "each voxel holds 3 values",
        write_sitk(np.zeros((4, 5, 6), np.float32), tmp_path / "flat.nrrd").name: "every voxel holds 0",
    }
    for name, message in cases.items():
        found = ""
        try:
            read_volume(tmp_path / name)
        except InputError as error:
            found = str(error)
        assert name in found, name
        assert message in found, name


def test_the_header_alone_tells_what_it_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is unpacked: not a sound .nii.gz, not four dimensions; a truncated one is found by its size."""
    noise = np.random.default_rng(0).normal(size=(6, 7, 8)).astype(np.float32)
    whole = write_sitk(noise, tmp_path / "whole.nii.gz")
    plain = write_sitk(noise, tmp_path / "whole.nii")
    (tmp_path / "cut.nii").write_bytes(plain.read_bytes()[:-1])
    (tmp_path / "cut.nii.gz").write_bytes(whole.read_bytes()[:-9])
    four = write_sitk(np.zeros((2, 6, 7, 8), np.float32), tmp_path / "four.nii.gz")
    rgb = write_sitk(np.zeros((4, 5, 6, 3), np.float32), tmp_path / "rgb.nrrd", True)
    for name in ("cut.nii", "cut.nii.gz"):
        with pytest.raises(InputError, match=f"{name} is truncated"):
            read_grid(tmp_path / name)

    def unpacked(*_: object) -> None:
        raise AssertionError("the file was read")

    monkeypatch.setattr("radfuse.volume.files._unpacked_size", unpacked)
    monkeypatch.setattr("radfuse.volume.files._read", unpacked)
    assert read_grid(whole).shape == read_grid(plain).shape == (6, 7, 8)
    with pytest.raises(InputError, match="4-D"):
        read_grid(four)
    with pytest.raises(InputError, match="each voxel holds 3 values"):
        read_grid(rgb)


def test_one_time_point_in_four_dimensions_is_read(tmp_path: Path) -> None:
    array = np.random.default_rng(0).normal(size=(1, 6, 7, 8)).astype(np.float32)
    assert np.array_equal(read_volume(write_sitk(array, tmp_path / "one.nii")).array, array[0])


def test_bad_masks_are_named_with_the_mend(tmp_path: Path) -> None:
    halves = np.zeros((4, 5, 6), np.float32)
    halves[1, 2, 3] = 0.5
    with pytest.raises(InputError, match=r"found 0\.5 at voxel \(z, y, x\) = \(1, 2, 3\)"):
        read_labels(write_sitk(halves, tmp_path / "halves.nrrd"))
    with pytest.raises(InputError, match="the mask is empty"):
        read_labels(write_sitk(np.zeros((4, 5, 6), np.uint8), tmp_path / "empty.nrrd"))
    with pytest.raises(InputError, match=r"labels 7 are not declared; declared: 1 tibia"):
        read_labels(write_sitk(np.full((4, 5, 6), 7, np.uint8), tmp_path / "seven.nrrd"), {1: "tibia"})
    wholes = np.ones((4, 5, 6), np.float64)
    assert read_labels(write_sitk(wholes, tmp_path / "wholes.nii")).present() == (1,)


def test_inverted_axes_are_read_as_they_lie(tmp_path: Path) -> None:
    where = Grid((3, 4, 5), (1.0, 1.0, 1.0), (4.0, 3.0, 2.0), (-1, 0, 0, 0, -1, 0, 0, 0, -1))
    write_image(ramp(where), tmp_path / "i.nrrd")
    found = read_volume(tmp_path / "i.nrrd")
    assert found.grid == where
    assert np.array_equal(resample(found, grid((3, 4, 5))).array, ramp(where).array[::-1, ::-1, ::-1])


@pytest.fixture
def series(tmp_path: Path) -> Path:
    """A real DICOM series of 25 slices, copied."""
    source = real_file("sarcoma_dicom/STS_025/image")
    folder = tmp_path / "series"
    folder.mkdir()
    for item in source.iterdir():
        (folder / item.name).write_bytes(item.read_bytes())
    return folder


@pytest.mark.parametrize("patient", ["STS_002", "STS_025"])
def test_a_dicom_series_is_its_nifti_twin(patient: str) -> None:
    dicom = read_volume(real_file(f"sarcoma_dicom/{patient}/image"))
    nifti = read_volume(real_file(f"sarcoma/{patient}/t1.nii.gz"))
    assert np.array_equal(dicom.array, nifti.array)
    assert dicom.grid.same_as(nifti.grid)


def test_a_missing_slice_is_found(series: Path) -> None:
    sorted(series.iterdir())[7].unlink()
    with pytest.raises(InputError, match=r"1 slices are missing between 000006\.dcm and 000008\.dcm.*usually 3\.270"):
        read_volume(series)


def test_mixed_series_are_refused(series: Path) -> None:
    other = pydicom.dcmread(series / "000003.dcm")
    other.SeriesInstanceUID = "1.2.3"
    other.save_as(series / "other.dcm")
    with pytest.raises(InputError, match="mixes 2 series"):
        read_volume(series)


def test_a_truncated_slice_is_found(series: Path) -> None:
    whole = (series / "000005.dcm").read_bytes()
    (series / "000005.dcm").write_bytes(whole[: len(whole) - 3000])
    with pytest.raises(InputError, match=r"cannot be read|damaged"):
        read_volume(series)


def test_real_knee_labels_are_read() -> None:
    labels = read_labels(real_file("knee/sag_dess_right_labels.nrrd"))
    assert labels.present() == tuple(range(1, 11))


ORIENTATIONS = ("LPS", "RAS", "PIR", "ASL", "SRA", "IPL")


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("where", [grid((3, 4, 5)), OBLIQUE], ids=["straight", "oblique"])
def test_a_turned_grid_has_the_same_voxels(orientation: str, where: Grid) -> None:
    turned = oriented(where, orientation)
    assert orientation_of(turned) == orientation
    assert {tuple(np.round(point, 6)) for point in turned.corners_mm()} == {
        tuple(np.round(point, 6)) for point in where.corners_mm()
    }
    there = resample(ramp(where), turned, "nearest")
    assert sorted(there.array.ravel()) == sorted(ramp(where).array.ravel())
    assert oriented(turned, orientation_of(where)).same_as(where)


def test_a_grid_that_points_as_asked_is_left_alone() -> None:
    assert oriented(OBLIQUE, orientation_of(OBLIQUE)) is OBLIQUE


def test_outside_an_image_its_edge_can_go_on() -> None:
    wide = Grid((1, 1, 5), (1.0, 1.0, 1.0), (-1.0, 0.0, 0.0))
    image = Volume(np.array([[[4.0, 2.0, 3.0]]], np.float32), grid((1, 1, 3)))
    assert resample(image, wide).array.ravel().tolist() == [2, 4, 2, 3, 2]
    assert resample(image, wide, edge=True).array.ravel().tolist() == [4, 4, 2, 3, 3]


def test_a_plain_file_under_a_packed_name_is_named(tmp_path: Path) -> None:
    write_image(ramp(grid((3, 4, 5))), tmp_path / "i.nii")
    (tmp_path / "i.nii").rename(tmp_path / "i.nii.gz")
    for read in (read_volume, read_grid):
        with pytest.raises(InputError, match=r"is named \.gz but is not compressed; rename it to i\.nii"):
            read(tmp_path / "i.nii.gz")


def test_a_mask_a_network_left_empty_can_be_read(tmp_path: Path) -> None:
    assert read_labels(write_sitk(np.zeros((4, 5, 6), np.uint8), tmp_path / "e.nrrd"), empty=True).present() == ()
