"""Flat images: radiographs, DXA, ultrasound, one slice; PNG, JPEG, and DICOM files of a single frame.

They are read as volumes one voxel deep: rows run to the back (down), columns to the left (right on the screen). How
large the pixels are says their header, a file `spacing.json` in their folder, for all of it that do not say it, or the
study (`spacing_mm`); who says it twice says the same.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from radfuse.errors import InputError
from radfuse.volume.grid import SPACING_MM, Grid
from radfuse.volume.layout import MOST_VOXELS

if TYPE_CHECKING:
    from PIL.Image import Image
    from pydicom import Dataset

PICTURES = (".png", ".jpg", ".jpeg")
BESIDE = "spacing.json"
"""File of a folder that says how large the pixels of its pictures are."""
FLAT = (*PICTURES, ".dcm")
_DISPLAY_DPI = (72, 96)
"""What programs write where they know nothing of the size of a pixel."""
_MM_PER_INCH = 25.4
_TURN, _OPAQUE = 0x0112, 255
"""Field of EXIF that says how a picture is turned, 1 for not; and what hides all that lies behind."""
_GREY_APART = 8
"""Levels of 255 by which the channels of a grey JPEG may differ after its compression."""
_ROUNDED = 1e-3
"""What two sizes of one pixel may differ by, of their size: headers are rounded."""
_CENTIMETRES = 3
"""Code of units of an ultrasound region."""

_NO_IMAGE = "{} is no DICOM image; give an image of one frame, or the folder of a series"
_DAMAGED = "{} is damaged, or packed in a way that is not read ({}); save it again"

Spacing = tuple[float, float]
"""Of rows and of columns, mm."""


def is_flat(path: Path) -> bool:
    """Return whether a file holds a flat image, by its name."""
    return path.name.lower().endswith(FLAT)


def read_flat(
    path: Path, said: Spacing | None = None, like: Spacing | None = None, *, labels: bool = False
) -> tuple[np.ndarray, Grid]:
    """Return pixels as they are stored, shape (1, y, x), and where they lie; DICOM values are rescaled.

    Args:
        path: PNG, JPEG or a DICOM file of one frame.
        said: size of the pixels as the study has it.
        like: size of a file that does not say it, a mask that lies on an image of this size.
        labels: it is a mask, in which the places of a palette are labels; those of an image stand for its greys.

    Raises:
        InputError: unreadable, in colour, of several frames, to be turned, or of a pixel size that is unknown or told
            in two ways; names the mend.
    """
    picture = path.name.lower().endswith(PICTURES)
    array, own = _picture(path, labels=labels) if picture else _frame(path)
    own = own or _beside(path)
    if own is not None:
        require_spacing(path, own, said)
    spacing = own or said or like
    if spacing is None:
        raise InputError(
            f"{path} does not say how large its pixels are; put the mm between rows and between columns into a file "
            f'{BESIDE} beside it, {{"spacing_mm": [0.14, 0.14]}}, or into the study, sequences.NAME.spacing_mm: [0.14, '
            "0.14], or save it with its dpi"
        )
    if not all(SPACING_MM[0] <= step <= SPACING_MM[1] for step in spacing):
        raise InputError(
            f"{path}: its pixels are {spacing[0]:g} x {spacing[1]:g} mm; correct what says so: "
            f"its header, {BESIDE} beside it, or the study"
        )
    return array[None], Grid((1, *array.shape), (1.0, *spacing))


def spacing_of(path: Path) -> Spacing | None:
    """Return how large the pixels of a PNG or JPEG are, as it or the file beside it says; None where neither does.

    Raises:
        InputError: it cannot be read.
    """
    return _picture(path, labels=True)[1] or _beside(path)


def require_spacing(path: Path, own: Spacing, said: Spacing | None) -> None:
    """Check that an image's own pixel size is what a study says of it.

    Raises:
        InputError: it is not; names both.
    """
    if said is not None and not np.allclose(own, said, rtol=_ROUNDED, atol=0):
        raise InputError(
            f"{path} has pixels of {own[0]:g} x {own[1]:g} mm (rows, columns), and spacing_mm in the study says "
            f"{said[0]:g} x {said[1]:g} mm; correct the one that is wrong"
        )


def _beside(path: Path) -> Spacing | None:
    """Return what the file `BESIDE` of a flat image's folder says; None without one."""
    place = path.parent / BESIDE
    if not place.is_file():
        return None
    try:
        return _two(json.loads(place.read_text(encoding="utf-8-sig"))["spacing_mm"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f'{place} does not hold the mm between rows and between columns, as {{"spacing_mm": [0.14, 0.14]}}; '
            "correct it"
        ) from error


def _picture(path: Path, *, labels: bool) -> tuple[np.ndarray, Spacing | None]:
    """Return the grey values, or the labels, of a PNG or JPEG, and the pixel size that it was given on purpose."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            if image.width * image.height > MOST_VOXELS:
                raise InputError(f"{path} has more than {MOST_VOXELS} pixels; crop or resample it")
            _check_picture(path, image, labels=labels)
            return _grey(path, image, labels=labels), _density(image)
    except UnidentifiedImageError as error:
        raise InputError(f"{path} is no picture that can be read, whatever its name; save it again") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(f"{path} cannot be read ({error}); copy it again") from error


def _check_picture(path: Path, image: Image, *, labels: bool) -> None:
    """Refuse what one viewer shows in another way than the next: frames, pixels to be turned, or seen through."""
    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        raise InputError(f"{path} holds {frames} pictures; save one of them as its own file")
    if (turn := image.getexif().get(_TURN, 1)) != 1:
        raise InputError(
            f"{path} says that its pixels are to be turned or mirrored to be seen (EXIF orientation {turn}), which "
            "some programs do and others do not; save it as it is seen, without that, and see that its mask lies on it"
        )
    through = image.mode in ("LA", "PA", "RGBA") or (image.mode == "P" and "transparency" in image.info)
    if through and not labels and image.convert("RGBA").getchannel("A").getextrema()[0] != _OPAQUE:
        raise InputError(f"{path} is transparent in places, where no value is known; save it without transparency")


def _grey(path: Path, image: Image, *, labels: bool) -> np.ndarray:
    """Return one value a pixel: a palette's places are labels, of an image its greys; channels are one that agree."""
    plain = ("1", "L", "I", "F", "P") if labels else ("1", "L", "I", "F")
    if image.mode in plain or image.mode.startswith("I;16"):
        array = np.asarray(image)
        return array.astype(np.uint8) if array.dtype == bool else array
    channels = np.asarray(image.convert("RGB")).astype(np.int16)
    if (channels.max(axis=2) - channels.min(axis=2)).max() > _GREY_APART:
        raise InputError(
            f"{path} is in colour; save it in grey, one value a pixel, or each of its channels as a picture of its own"
        )
    return np.asarray(channels.mean(axis=2).round().astype(np.uint8))


def _density(image: Image) -> Spacing | None:
    """Return the pixel size in mm; None where the file has none, or that of a screen."""
    dpi = image.info.get("dpi")
    if not dpi or image.info.get("jfif_unit") == 0:
        return None
    across, down = (float(value) for value in dpi)
    if min(across, down) <= 1 or {round(across), round(down)} & {*_DISPLAY_DPI}:
        return None
    return _MM_PER_INCH / down, _MM_PER_INCH / across


def _frame(path: Path) -> tuple[np.ndarray, Spacing | None]:
    """Return the rescaled values of a DICOM file of one frame, bright where there is much, and its pixel size."""
    from radfuse.volume.dicom import DAMAGE, header_of

    header = header_of(path)
    if header is None:
        raise InputError(_NO_IMAGE.format(path))
    spacing = size_of_frame(path, header)
    try:
        slope, inter = _rescaling(path, header)
        values = np.asarray(header.pixel_array, dtype=np.float32)
        if header.get("PhotometricInterpretation") == "MONOCHROME1":
            values = (-1 if header.get("PixelRepresentation") else 2 ** int(header.BitsStored) - 1) - values
        return values * slope + inter, spacing
    except DAMAGE as error:
        raise InputError(_DAMAGED.format(path, error)) from error


def size_of_frame(path: Path, header: Dataset) -> Spacing | None:
    """Return the pixel size of a DICOM file of one frame; None where its header does not say it.

    Raises:
        InputError: its header says that it is none, or none that is read.
    """
    from radfuse.volume.dicom import DAMAGE, check_bits, refuse_packing, refuse_tables

    if "PixelData" not in header:
        raise InputError(_NO_IMAGE.format(path))
    refuse_tables(path, header)
    refuse_packing(path, header)
    check_bits(path, header)
    try:
        if int(header.get("NumberOfFrames") or 1) > 1:
            raise InputError(f"{path} holds {header.NumberOfFrames} frames; save one of them, or convert it to NIfTI")
        kind = str(header.get("PhotometricInterpretation") or "MONOCHROME2")
        if int(header.get("SamplesPerPixel") or 1) > 1 or not kind.startswith("MONOCHROME"):
            raise InputError(f"{path} is in colour; save it in grey, one value a pixel")
        _rescaling(path, header)
        return _pixel_size(header)
    except DAMAGE as error:
        raise InputError(_DAMAGED.format(path, error)) from error


def _rescaling(path: Path, header: Dataset) -> tuple[float, float]:
    """Return slope and intercept; 1 and 0 where the header leaves them out."""
    said = [header.get(name) for name in ("RescaleSlope", "RescaleIntercept")]
    slope, inter = (
        usual if value in (None, "") else float(value) for value, usual in zip(said, (1.0, 0.0), strict=True)
    )
    if not (np.isfinite([slope, inter]).all() and slope != 0):
        raise InputError(
            f"{path}: RescaleSlope {slope:g} and RescaleIntercept {inter:g} must be finite, the slope not 0; export it "
            "again"
        )
    return slope, inter


def _pixel_size(header: Dataset) -> Spacing | None:
    """Return mm between rows and columns: in the patient, else at the detector less its magnification, else none."""
    if header.get("PixelSpacing"):
        return _two(header.PixelSpacing)
    if header.get("ImagerPixelSpacing"):
        larger = float(header.get("EstimatedRadiographicMagnificationFactor") or 1)
        down, across = _two(header.ImagerPixelSpacing)
        return down / larger, across / larger
    regions: Any = header.get("SequenceOfUltrasoundRegions") or []
    if len(regions) == 1 and regions[0].get("PhysicalUnitsXDirection") == _CENTIMETRES:
        return abs(float(regions[0].PhysicalDeltaY)) * 10, abs(float(regions[0].PhysicalDeltaX)) * 10
    return None


def _two(values: Any) -> Spacing:
    down, across = (float(value) for value in values)
    return down, across
