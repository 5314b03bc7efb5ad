"""A DICOM series is one image, and what is wrong with it is named."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from rawfiles import write_series
from realdata import real_file

from radfuse.errors import InputError
from radfuse.volume.files import read_grid, read_labels, read_volume


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
    with pytest.raises(InputError, match=r"1 slice is missing between 000006\.dcm and 000008\.dcm.*usually 3\.270"):
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
    with pytest.raises(InputError, match=r"000005\.dcm is truncated, or its header lies: 5250 bytes of 8250"):
        read_volume(series)


@pytest.mark.parametrize(
    ("slopes", "intercepts"),
    [((1, 0.25), (0, 0)), ((1, 101, 201), (0, 0, 0)), ((0.25, 1), (0, 0)), ((1, 1), (0, -70000)), ((1, 1), (0, 0.5))],
)
def test_every_slice_is_rescaled_by_its_own_slope(
    tmp_path: Path, slopes: tuple[float, ...], intercepts: tuple[float, ...]
) -> None:
    """ITK gives all slices the type that suits the first: a slope of 0.25 truncates, of 101 and 201 wraps at 65,536."""
    pixels = write_series(
        tmp_path / "s", len(slopes), RescaleSlope=lambda z: slopes[z], RescaleIntercept=lambda z: intercepts[z]
    )
    found = read_volume(tmp_path / "s")
    truth = pixels * np.reshape(slopes, (-1, 1, 1)) + np.reshape(intercepts, (-1, 1, 1))
    assert found.voxels.dtype == np.float64
    assert np.array_equal(found.voxels, truth)
    assert np.array_equal(found.array, truth.astype(np.float32))


def test_slices_stored_in_another_way_are_read_by_it(tmp_path: Path) -> None:
    """The first holds whole numbers from 0, the second signed ones."""
    pixels = write_series(tmp_path / "s", 2, PixelRepresentation=lambda z: z, PixelData=lambda z: bytes([z * 255] * 24))
    assert pixels.shape == (2, 3, 4)
    assert read_volume(tmp_path / "s").array[:, 0, 0].tolist() == [0, -1]


def test_slices_rescaled_alike_keep_their_type(tmp_path: Path) -> None:
    pixels = write_series(tmp_path / "s", 3, RescaleSlope=1, RescaleIntercept=-1024)
    found = read_volume(tmp_path / "s")
    assert np.issubdtype(found.voxels.dtype, np.integer)
    assert np.array_equal(found.voxels, pixels.astype(int) - 1024)
    assert found.spacing_zyx_mm == (2, 1, 1)


def test_directions_on_either_side_of_a_rounding_are_alike(tmp_path: Path) -> None:
    pixels = write_series(
        tmp_path / "s",
        ImageOrientationPatient=lambda z: [1, 4.9e-5 + 2e-6 * (z % 2), 0, -4.9e-5 - 2e-6 * (z % 2), 1, 0],
    )
    assert np.array_equal(read_volume(tmp_path / "s").array, pixels)


def test_slices_that_only_seem_to_lean_are_read(tmp_path: Path) -> None:
    """Directions rounded to three decimals, positions to two, of 40 slices."""
    cosine, sine = np.cos(0.3), np.sin(0.3)
    write_series(
        tmp_path / "s",
        40,
        ImageOrientationPatient=[1, 0, 0, 0, round(cosine, 3), round(sine, 3)],
        ImagePositionPatient=lambda z: [0, round(-2 * z * sine, 2), round(2 * z * cosine, 2)],
    )
    assert read_volume(tmp_path / "s").spacing_zyx_mm == pytest.approx((2, 1, 1), rel=1e-3)


BAD_SERIES: list[tuple[dict[str, Any], str]] = [
    ({"ImagePositionPatient": lambda z: [0, 0.7 * z, 2 * z]}, r"1\.dcm lies 0\.700 mm beside 0\.dcm.*tilted gantry"),
    ({"ImagePositionPatient": lambda z: [0, 0.4 * (z == 2), 2 * z]}, r"2\.dcm lies 0\.400 mm beside 0\.dcm"),
    ({"ImagePositionPatient": lambda z: [0, 0, 2 * z + (z == 2)]}, r"the distance changes|slices? (is|are) missing"),
    ({"ImagePositionPatient": [0, 0, 0]}, "several slices lie at one position"),
    ({"ImagePositionPatient": [0, 0]}, r"ImagePositionPatient is '0(\.0)?\\\\0(\.0)?', not 3 numbers"),
    ({"ImagePositionPatient": None}, r"0\.dcm lacks ImagePositionPatient, without which"),
    ({"ImagePositionPatient": lambda z: None if z == 3 else [0, 0, 2 * z]}, r"3\.dcm lacks ImagePositionPatient"),
    ({"ImageOrientationPatient": [1, 0, 0]}, "ImageOrientationPatient is .* not 6 numbers"),
    ({"ImageOrientationPatient": [0, 0, 0, 0, 0, 0]}, "no two directions at right angles"),
    ({"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]}, "no two directions at right angles"),
    ({"ImageOrientationPatient": [2, 0, 0, 0, 2, 0]}, "no two directions at right angles"),
    ({"ImageOrientationPatient": None}, "lacks ImageOrientationPatient"),
    ({"PixelSpacing": [0, 1]}, "PixelSpacing is 0 x 1 mm"),
    ({"PixelSpacing": [1, -1]}, "PixelSpacing is 1 x -1 mm"),
    ({"PixelSpacing": [1]}, "PixelSpacing is .* not 2 numbers"),
    ({"PixelSpacing": None}, "lacks PixelSpacing"),
    ({"PixelSpacing": lambda z: [1, 1 + z % 2]}, "slices differ in spacing, as 1.dcm from most others; keep"),
    (
        {"ImageOrientationPatient": lambda z: [0.6, 0.8, 0, -0.8, 0.6, 0] if z == 2 else [1, 0, 0, 0, 1, 0]},
        "slices differ in orientation, as 2.dcm from most others",
    ),
    ({"SeriesInstanceUID": None}, r"0\.dcm lacks SeriesInstanceUID"),
    ({"SeriesInstanceUID": None, "PixelSpacing": None}, "lacks SeriesInstanceUID, PixelSpacing"),
    ({"SeriesInstanceUID": lambda z: f"1.2.{z // 2}"}, r"mixes 2 series \(slices: 2, 2\)"),
    ({"RescaleSlope": 0, "RescaleIntercept": 0}, "RescaleSlope 0"),
    ({"Columns": None}, "lacks Columns"),
    ({"Rows": None}, "lacks Rows"),
    ({"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"}, "pixels are RGB with 3 values each"),
    ({"PhotometricInterpretation": "PALETTE COLOR"}, "pixels are PALETTE COLOR"),
    ({"Rows": 2}, "its header lies: 24 bytes of 16"),
    ({"PixelData": None}, "lacks PixelData"),
    ({"BitsStored": 255}, "255 bits stored of 16"),
    ({"BitsStored": 12}, "12 bits stored of 16, the highest 15; numbers that do not begin at the lowest bit"),
    ({"PixelData": bytes(20)}, r"0\.dcm is truncated, or its header lies: 20 bytes of 24 \(4 x 3 pixels of 16 bits\)"),
    ({"NumberOfFrames": 7, "ImagePositionPatient": None}, "holds 7 frames in one file, and .*; convert it to NIfTI"),
    ({"NumberOfFrames": 7}, "holds 7 frames in one file, and does not say where each lies"),
    ({"ImageType": ["ORIGINAL", "PRIMARY", "M", "MOSAIC"]}, r"0\.dcm is a mosaic, several slices side by side"),
    ({"PixelData": None, "FloatPixelData": bytes(48)}, r"0\.dcm: its pixels are real numbers"),
    ({"PixelData": None, "Rows": None}, r"0\.dcm is cut off before its pixels"),
    (
        {"ImagePositionPatient": lambda z: [0, 0, 2 * z + 1.3 * (z == 3)]},
        r"the distance changes between 2\.dcm and 3\.dcm \(3\.300 mm apart, usually 2\.000",
    ),
    (
        {"ImagePositionPatient": lambda z: [0, 0, 2 * (z // 2)], "EchoTime": lambda z: 80 if z % 2 else 9},
        r"several slices lie at one position \(EchoTime 9(\.0)?, 80(\.0)?\); keep one",
    ),
]


@pytest.mark.parametrize(("fields", "message"), BAD_SERIES, ids=lambda value: re.sub(" at 0x.*?>", "", str(value))[:50])
def test_what_places_no_pixel_is_named(tmp_path: Path, fields: dict[str, Any], message: str) -> None:
    write_series(tmp_path / "s", **fields)
    for read in (read_volume, read_grid, read_labels):
        with pytest.raises(InputError, match=message):
            read(tmp_path / "s")


@pytest.mark.parametrize("word", [b"nan", b"inf", b"abc", b"1_0", b"   "])
@pytest.mark.parametrize("field", [b"\\1 ", b"\\0\\2 "], ids=["spacing", "position"])
def test_numbers_that_are_none_are_named(tmp_path: Path, word: bytes, field: bytes) -> None:
    write_series(tmp_path / "s", PixelSpacing=["001", "1"], ImagePositionPatient=lambda z: ["000", "0", str(2 * z)])
    path = tmp_path / "s" / "1.dcm"
    whole = path.read_bytes()
    before = (b"001" if field == b"\\1 " else b"000") + field
    assert whole.count(before) == 1
    path.write_bytes(whole.replace(before, word + field))
    with pytest.raises(InputError, match=r"1\.dcm: (PixelSpacing|ImagePositionPatient)"):
        read_volume(tmp_path / "s")


def test_other_files_in_the_folder(tmp_path: Path) -> None:
    """What is no DICOM file by its name and content is passed over, a report and another series' scout too."""
    pixels = write_series(tmp_path / "s")
    (tmp_path / "s" / "notes.txt").write_text("no slice")
    write_series(tmp_path / "scout", 1, SeriesInstanceUID="1.2.7", ImagePositionPatient=None)
    (tmp_path / "scout" / "0.dcm").rename(tmp_path / "s" / "scout.dcm")
    report = pydicom.uid.BasicTextSRStorage
    write_series(tmp_path / "report", 1, SOPClassUID=report, Rows=None, PixelData=None)
    text = pydicom.dcmread(tmp_path / "report" / "0.dcm")
    text.file_meta.MediaStorageSOPClassUID = report
    text.save_as(tmp_path / "s" / "report.dcm")
    for kind in (pydicom.uid.SegmentationStorage, pydicom.uid.RTDoseStorage):
        write_series(tmp_path / kind.name, 1, SOPClassUID=kind, SeriesInstanceUID="1.2.6", NumberOfFrames=3)
        beside = pydicom.dcmread(tmp_path / kind.name / "0.dcm")
        beside.file_meta.MediaStorageSOPClassUID = kind
        beside.save_as(tmp_path / "s" / f"{kind.name}.dcm")
    write_series(tmp_path / "film", 1, SeriesInstanceUID="1.2.5", NumberOfFrames=9, ImagePositionPatient=None)
    (tmp_path / "film" / "0.dcm").rename(tmp_path / "s" / "film.dcm")
    assert np.array_equal(read_volume(tmp_path / "s").array, pixels)
    (tmp_path / "s" / "9.dcm").write_bytes(b"cut to nothing")
    with pytest.raises(InputError, match=r"9\.dcm is no DICOM file, whatever its name"):
        read_volume(tmp_path / "s")


def test_a_folder_of_something_else_says_of_what(tmp_path: Path) -> None:
    (tmp_path / "a.nii.gz").touch()
    with pytest.raises(
        InputError, match=r"holds no DICOM image slices, but a\.nii\.gz; an image that is no DICOM is named"
    ):
        read_volume(tmp_path)


def test_a_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    write_series(tmp_path / "s")
    path = tmp_path / "s" / "3.dcm"
    whole = path.read_bytes()
    for length in [*range(0, 200, 23), *range(240, len(whole), 13)]:  # between, pydicom warns of a cut transfer syntax
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=str(tmp_path)):
            read_volume(tmp_path / "s")


def test_a_deflated_file_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    write_series(tmp_path / "s")
    path = tmp_path / "s" / "3.dcm"
    header = pydicom.dcmread(tmp_path / "s" / "0.dcm")
    header.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    header.save_as(path)
    with pytest.raises(InputError, match=r"3\.dcm is a deflated DICOM file"):
        read_volume(tmp_path / "s")


@pytest.mark.parametrize("name", ["0.dcm", "0"])
def test_a_file_without_preamble_is_no_file_of_something_else(tmp_path: Path, name: str) -> None:
    write_series(tmp_path / "d")
    bare = (tmp_path / "d" / "0.dcm").read_bytes()[132:]
    (tmp_path / "d" / "0.dcm").unlink()
    own = bare.index(b"\x08\0\x16\0")  # with and without the group of the file itself, and its length
    for content in (bare, bare[12:], bare[own:]):
        (tmp_path / "d" / name).write_bytes(content)
        with pytest.raises(InputError, match="lacks DICOM's preamble; save it with one"):
            read_volume(tmp_path / "d")


def test_a_slice_one_may_not_read_is_no_damaged_one(series: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(pydicom, "dcmread", forbidden)
    with pytest.raises(InputError, match=r"cannot be read \(Permission denied\); look at its permissions"):
        read_volume(series)


@pytest.mark.parametrize("packed", ["1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.103", "1.2.840.10008.1.2.4.94"])
def test_what_nobody_unpacks_is_told_by_its_header(tmp_path: Path, packed: str) -> None:
    """It was said to be truncated, once its pixels were asked for."""
    write_series(tmp_path / "s", 2)
    for file in (tmp_path / "s").iterdir():
        header = pydicom.dcmread(file)
        header.file_meta.TransferSyntaxUID = pydicom.uid.UID(packed)
        header.PixelData = pydicom.encaps.encapsulate([b"packed"])
        header["PixelData"].is_undefined_length = True
        header.save_as(file)
    with pytest.raises(InputError, match=r"0\.dcm is packed as .*, which is not read; save it uncompressed"):
        read_grid(tmp_path / "s")
    with pytest.raises(InputError, match=r"0\.dcm is packed as .*, which is not read; save it uncompressed"):
        read_volume(tmp_path / "s" / "0.dcm", (1, 1))
