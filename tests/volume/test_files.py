"""Geometry comes back from every format, and every bad file is named."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from boxes import OBLIQUE, grid, ramp
from realdata import real_file

from radfuse.errors import InputError
from radfuse.volume.files import read_grid, read_labels, read_volume, write_image
from radfuse.volume.grid import Grid
from radfuse.volume.resample import resample


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
        "one.dcm": "is no DICOM file, whatever its name",
        "empty": "holds no DICOM image slices",
        "zero.nii": "spacing is 0 x 1 x 1 mm; correct the header",
        write_sitk(with_nan, tmp_path / "nan.nrrd").name: "1 voxels are NaN or infinite",
        write_sitk(np.zeros((2, 6, 7, 8), np.float32), tmp_path / "four.nii").name: "4-D (8 x 7 x 6 x 2), not 3-D",
        write_sitk(np.zeros((4, 5), np.float32), tmp_path / "two.nrrd").name: "2-D (5 x 4), not 3-D",
        write_sitk(np.zeros((4, 5, 6, 3), np.float32), tmp_path / "rgb.nrrd", True).name: "each voxel holds 3 values",
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

    monkeypatch.setattr("radfuse.volume.layout._unpacked", unpacked)
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


def test_real_knee_labels_are_read() -> None:
    labels = read_labels(real_file("knee/sag_dess_right_labels.nrrd"))
    assert labels.present() == tuple(range(1, 11))


def test_a_plain_file_under_a_packed_name_is_named(tmp_path: Path) -> None:
    write_image(ramp(grid((3, 4, 5))), tmp_path / "i.nii")
    (tmp_path / "i.nii").rename(tmp_path / "i.nii.gz")
    for read in (read_volume, read_grid):
        with pytest.raises(InputError, match=r"is named \.gz but is not compressed; rename it to i\.nii"):
            read(tmp_path / "i.nii.gz")


def test_an_image_of_one_value_is_read(tmp_path: Path) -> None:
    assert np.unique(read_volume(write_sitk(np.full((4, 5, 6), 7, np.float32), tmp_path / "i.nrrd")).array) == [7]


def test_a_mask_a_network_left_empty_can_be_read(tmp_path: Path) -> None:
    assert read_labels(write_sitk(np.zeros((4, 5, 6), np.uint8), tmp_path / "e.nrrd"), empty=True).present() == ()


FULL = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from radfuse.errors import RunError
from radfuse.volume.files import write_image
from radfuse.volume.grid import Grid
from radfuse.volume.image import Volume

noise = np.random.default_rng(0).normal(size=(20, 40, 40)).astype(np.float32)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
for name in sys.argv[2:]:
    try:
        write_image(Volume(noise, Grid(noise.shape, (1.0, 1.0, 1.0))), Path(sys.argv[1]) / name)
    except RunError as error:
        print(error)
"""
"""No file may grow beyond 20,000 bytes, as on a full disk: in a process of its own, whose output is no such file."""


def test_a_full_disk_is_told_of(tmp_path: Path) -> None:
    names = ["i.nii.gz", "i.nii", "i.nrrd", "i.mha"]
    found = subprocess.run([sys.executable, "-c", FULL, tmp_path, *names], capture_output=True, text=True, check=True)
    told = found.stdout.splitlines()
    assert len(told) == len(names)
    for name, line in zip(names, told, strict=True):
        assert f"{name} could not be written whole; look at the space left" in line
