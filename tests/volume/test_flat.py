"""Flat images: pixels, sizes and labels as they were written, and what nobody can read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from radfuse.errors import InputError
from radfuse.volume.files import read_grid, read_labels, read_volume, write_image
from radfuse.volume.grid import Grid
from radfuse.volume.image import Volume

PIXELS = np.arange(12 * 20, dtype=np.uint16).reshape(12, 20)


def frame(path: Path, **fields: Any) -> Path:
    """Write a radiograph of PIXELS; fields change or, being None, take away what its header says."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image = Dataset()
    image.file_meta = meta
    said = {
        "SOPClassUID": meta.MediaStorageSOPClassUID,
        "SOPInstanceUID": meta.MediaStorageSOPInstanceUID,
        "Modality": "DX",
        "Rows": 12,
        "Columns": 20,
        "BitsAllocated": 16,
        "BitsStored": 12,
        "HighBit": 11,
        "PixelRepresentation": 0,
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "PixelSpacing": [0.2, 0.1],
        "PixelData": PIXELS.tobytes(),
        **fields,
    }
    for name, value in said.items():
        if value is not None:
            setattr(image, name, value)
    image.save_as(path, enforce_file_format=True)
    return path


def test_a_frame_is_a_volume_one_voxel_deep(tmp_path: Path) -> None:
    volume = read_volume(frame(tmp_path / "a.dcm", RescaleSlope=2, RescaleIntercept=-5))
    assert volume.grid.shape == (1, 12, 20)
    assert volume.spacing_zyx_mm == (1.0, 0.2, 0.1)
    np.testing.assert_array_equal(volume.array[0], 2.0 * PIXELS - 5)


def test_bright_means_much_also_where_it_is_stored_the_other_way_round(tmp_path: Path) -> None:
    volume = read_volume(frame(tmp_path / "a.dcm", PhotometricInterpretation="MONOCHROME1"))
    np.testing.assert_array_equal(volume.array[0], 4095.0 - PIXELS)


def test_pixels_at_the_detector_are_smaller_in_the_patient(tmp_path: Path) -> None:
    near = {"PixelSpacing": None, "ImagerPixelSpacing": [0.15, 0.15]}
    assert read_grid(frame(tmp_path / "a.dcm", **near)).spacing_zyx_mm[1:] == (0.15, 0.15)
    larger = read_grid(frame(tmp_path / "b.dcm", **near, EstimatedRadiographicMagnificationFactor=1.5))
    assert larger.spacing_zyx_mm[1:] == pytest.approx((0.1, 0.1))


def test_an_ultrasound_says_its_size_in_centimetres(tmp_path: Path) -> None:
    region = Dataset()
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
    region.PhysicalDeltaX, region.PhysicalDeltaY = 0.02, 0.03
    path = frame(tmp_path / "a.dcm", PixelSpacing=None, SequenceOfUltrasoundRegions=[region])
    assert read_grid(path).spacing_zyx_mm[1:] == pytest.approx((0.3, 0.2))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_png_keeps_its_values_and_the_size_it_was_given(tmp_path: Path, dtype: type) -> None:
    Image.fromarray(PIXELS.astype(dtype)).save(tmp_path / "a.png", dpi=(254, 127))
    volume = read_volume(tmp_path / "a.png")
    np.testing.assert_array_equal(volume.array[0], PIXELS.astype(dtype))
    assert volume.spacing_zyx_mm[1:] == pytest.approx((0.2, 0.1), rel=1e-3)


@pytest.mark.parametrize("dpi", [None, (72, 72), (96, 96)])
def test_the_size_of_a_screen_is_none_and_the_folder_gives_it(tmp_path: Path, dpi: tuple[int, int] | None) -> None:
    Image.fromarray(PIXELS.astype(np.uint8)).save(tmp_path / "a.png", **({"dpi": dpi} if dpi else {}))
    with pytest.raises(InputError, match=r"how large its pixels are; put .* into a file spacing.json beside it"):
        read_volume(tmp_path / "a.png")
    (tmp_path / "spacing.json").write_text('{"spacing_mm": [0.3, 0.4]}')
    assert read_volume(tmp_path / "a.png").spacing_zyx_mm == (1.0, 0.3, 0.4)
    own = frame(tmp_path / "b.dcm")
    assert read_volume(own).spacing_zyx_mm == (1.0, 0.2, 0.1)


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"spacing_mm": 0.1}', '{"spacing_mm": ["a", 1]}', '{"spacing_mm": [1]}']
)
def test_a_folder_that_says_nothing_of_use_is_told(tmp_path: Path, text: str) -> None:
    Image.fromarray(PIXELS.astype(np.uint8)).save(tmp_path / "a.png")
    (tmp_path / "spacing.json").write_text(text)
    with pytest.raises(InputError, match=r"spacing.json does not hold the mm"):
        read_volume(tmp_path / "a.png")


def test_a_grey_jpeg_of_three_channels_is_one(tmp_path: Path) -> None:
    smooth = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (48, 1))
    Image.fromarray(np.dstack([smooth] * 3)).save(tmp_path / "a.jpg", quality=95, dpi=(254, 254))
    volume = read_volume(tmp_path / "a.jpg")
    assert volume.grid.shape == (1, 48, 64)
    assert np.abs(volume.array[0] - smooth).max() <= 4


@pytest.mark.parametrize("mode", ["L", "P", "1"])
def test_a_png_mask_holds_its_labels(tmp_path: Path, mode: str) -> None:
    labels = np.zeros((12, 20), dtype=np.uint8)
    labels[3:6, 4:9] = 1
    if mode != "1":
        labels[8:10, 2:5] = 2
    picture = Image.fromarray(labels * 255).convert("1") if mode == "1" else Image.fromarray(labels)
    if mode == "P":
        picture = Image.frombytes("P", (20, 12), labels.tobytes())
        picture.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    picture.save(tmp_path / "m.png")
    (tmp_path / "spacing.json").write_text('{"spacing_mm": [0.5, 0.5]}')
    found = read_labels(tmp_path / "m.png")
    np.testing.assert_array_equal(found.array[0], labels)


def test_places_of_a_palette_are_labels_of_a_mask_and_greys_of_an_image(tmp_path: Path) -> None:
    """Place 0 is drawn in grey 200, 1 in 50, 2 in 120, as programs write that make pictures small."""
    places = np.array([[0, 1, 2], [2, 1, 0]], dtype=np.uint8)
    picture = Image.frombytes("P", (3, 2), places.tobytes())
    picture.putpalette(np.repeat([200, 50, 120], 3).tolist())
    picture.save(tmp_path / "p.png", dpi=(254, 254))
    assert read_volume(tmp_path / "p.png").array[0].tolist() == [[200, 50, 120], [120, 50, 200]]
    assert read_labels(tmp_path / "p.png").array[0].tolist() == places.tolist()


def test_bright_means_much_of_signed_values_too(tmp_path: Path) -> None:
    signed = (PIXELS.astype(np.int16) - 100).tobytes()
    path = frame(tmp_path / "a.dcm", PhotometricInterpretation="MONOCHROME1", PixelRepresentation=1, PixelData=signed)
    np.testing.assert_array_equal(read_volume(path).array[0], -1 - (PIXELS - 100.0))


def test_a_mask_is_no_jpeg(tmp_path: Path) -> None:
    Image.fromarray(np.eye(9, dtype=np.uint8)).save(tmp_path / "m.jpg", dpi=(254, 254))
    with pytest.raises(InputError, match=r"m\.jpg: JPEG changes the values .*; save it as PNG"):
        read_labels(tmp_path / "m.jpg")


def turned(folder: Path) -> Path:
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.fromarray(np.zeros((9, 9), dtype=np.uint8)).save(folder / "e.jpg", exif=exif)
    return folder / "e.jpg"


def transparent(folder: Path) -> Path:
    Image.fromarray(np.zeros((9, 9, 2), dtype=np.uint8), "LA").save(folder / "l.png")
    return folder / "l.png"


def moving(folder: Path) -> Path:
    first, second = (Image.fromarray(np.full((9, 9), grey, dtype=np.uint8)) for grey in (1, 2))
    first.save(folder / "v.png", save_all=True, append_images=[second])
    return folder / "v.png"


def coloured(folder: Path) -> Path:
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (9, 9, 3), dtype=np.uint8)).save(folder / "c.png")
    return folder / "c.png"


def noise(folder: Path, name: str) -> Path:
    (folder / name).write_bytes(b"no picture at all")
    return folder / name


def cut(folder: Path) -> Path:
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 90), dtype=np.uint8)).save(folder / "t.png")
    whole = (folder / "t.png").read_bytes()
    (folder / "t.png").write_bytes(whole[: len(whole) // 2])
    return folder / "t.png"


WRONG: dict[str, tuple[Callable[[Path], Path], str]] = {
    "a colour picture": (coloured, "is in colour"),
    "a picture to be turned": (turned, r"to be turned or mirrored .*EXIF orientation 3.*; save it as it is seen"),
    "a picture seen through": (transparent, "is transparent in places"),
    "two pictures": (moving, "holds 2 pictures"),
    "colours of a palette": (
        lambda folder: frame(folder / "c.dcm", PhotometricInterpretation="PALETTE COLOR"),
        "colour",
    ),
    "a slope of nought": (lambda folder: frame(folder / "o.dcm", RescaleSlope=0), "RescaleSlope 0 .*must be finite"),
    "values by a table": (lambda folder: frame(folder / "u.dcm", ModalityLUTSequence=[Dataset()]), "a table"),
    "left-aligned bits": (lambda folder: frame(folder / "b.dcm", HighBit=15), "12 bits stored of 16, the highest 15"),
    "no picture": (lambda folder: noise(folder, "n.png"), "no picture that can be read"),
    "half a picture": (cut, "cannot be read"),
    "no DICOM": (lambda folder: noise(folder, "n.dcm"), "is no DICOM file, whatever its name"),
    "several frames": (lambda folder: frame(folder / "f.dcm", NumberOfFrames=3), "holds 3 frames"),
    "half the pixels": (lambda folder: frame(folder / "h.dcm", PixelData=PIXELS.tobytes()[:100]), "is damaged"),
    "no size": (lambda folder: frame(folder / "s.dcm", PixelSpacing=None), "does not say how large its pixels are"),
    "a size of nought": (lambda folder: frame(folder / "z.dcm", PixelSpacing=[0, 0.1]), "pixels are 0 x 0.1 mm"),
    "no pixels": (lambda folder: frame(folder / "p.dcm", PixelData=None), "is no DICOM image"),
    "not there": (lambda folder: folder / "gone.png", "no image at"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_read_is_said_with_its_file(tmp_path: Path, name: str) -> None:
    make, words = WRONG[name]
    path = make(tmp_path)
    with pytest.raises(InputError, match=words) as caught:
        read_volume(path)
    assert path.name in str(caught.value)


SAID = (0.2, 0.1)


def picture(folder: Path, **options: Any) -> Path:
    Image.fromarray(PIXELS.astype(np.uint8)).save(folder / "p.png", **options)
    return folder / "p.png"


def beside(folder: Path, spacing: str) -> Path:
    (folder / "spacing.json").write_text(f'{{"spacing_mm": {spacing}}}')
    return picture(folder)


def deep(folder: Path, spacing: tuple[float, float, float]) -> Path:
    write_image(Volume(np.ones((2, 3, 4), np.float32), Grid((2, 3, 4), spacing)), folder / "v.nrrd")
    return folder / "v.nrrd"


SIZED: dict[str, Callable[[Path], Path]] = {
    "a picture without a size": picture,
    "a picture at the resolution of a screen": lambda folder: picture(folder, dpi=(96, 96)),
    "a radiograph without a size": lambda folder: frame(folder / "a.dcm", PixelSpacing=None),
    "a radiograph of that size": lambda folder: frame(folder / "a.dcm"),
    "a radiograph that rounds its size": lambda folder: frame(folder / "a.dcm", PixelSpacing=[0.20001, 0.1]),
    "a size beside it": lambda folder: beside(folder, "[0.2, 0.1]"),
    "a volume of that size": lambda folder: deep(folder, (3.0, 0.2, 0.1)),
}


@pytest.mark.parametrize("name", SIZED)
def test_a_study_says_how_large_pixels_are(tmp_path: Path, name: str) -> None:
    path = SIZED[name](tmp_path)
    assert read_volume(path, SAID).spacing_zyx_mm[1:] == pytest.approx(SAID, rel=1e-4)
    assert read_grid(path, SAID) == read_volume(path, SAID).grid


CONTRADICTED: dict[str, tuple[Callable[[Path], Path], str]] = {
    "a header": (lambda folder: frame(folder / "a.dcm", PixelSpacing=[0.14, 0.14]), "0.14 x 0.14 mm"),
    "rows for columns": (lambda folder: frame(folder / "a.dcm", PixelSpacing=[0.1, 0.2]), "0.1 x 0.2 mm"),
    "a detector": (
        lambda folder: frame(folder / "a.dcm", PixelSpacing=None, ImagerPixelSpacing=[0.3, 0.3]),
        "0.3 x 0.3 mm",
    ),
    "a density": (lambda folder: picture(folder, dpi=(254, 254)), "0.1 x 0.1 mm"),
    "a file beside it": (lambda folder: beside(folder, "[0.5, 0.5]"), "0.5 x 0.5 mm"),
    "a volume": (lambda folder: deep(folder, (0.2, 0.1, 3.0)), "0.1 x 3 mm"),
}


@pytest.mark.parametrize("name", CONTRADICTED)
def test_a_file_that_says_another_size_than_the_study_is_an_error_of_both(tmp_path: Path, name: str) -> None:
    make, own = CONTRADICTED[name]
    path = make(tmp_path)
    for read in (read_volume, read_grid):
        with pytest.raises(InputError, match=rf"{path.name} has pixels of {own}.*spacing_mm.*says 0.2 x 0.1 mm"):
            read(path, SAID)


def test_a_flat_mask_without_a_size_has_that_of_its_image(tmp_path: Path) -> None:
    path, image = picture(tmp_path), Grid((1, 12, 20), (1.0, *SAID))
    assert read_labels(path, like=image).grid == image
    with pytest.raises(InputError, match=r"does not say how large its pixels are; .*sequences.NAME.spacing_mm"):
        read_labels(path)
    assert read_labels(beside(tmp_path, "[0.5, 0.5]"), like=image).spacing_zyx_mm == (1.0, 0.5, 0.5)


def test_pydicom_reads_what_the_tests_write(tmp_path: Path) -> None:
    np.testing.assert_array_equal(pydicom.dcmread(frame(tmp_path / "a.dcm")).pixel_array, PIXELS)
