"""Image files: what is read from them, what is wrong with them, and writing them.

Hand over NRRD or MHA between steps, since NIfTI keeps its affine in float32. A folder of DICOM slices is read in
`dicom.py`.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from radfuse.errors import InputError, listed
from radfuse.volume.dicom import read_dicom
from radfuse.volume.grid import Grid
from radfuse.volume.image import LabelMap, Volume
from radfuse.volume.sitk import (
    Header,
    Image,
    first_time_point,
    from_sitk,
    grid_of,
    one_channel,
    read_header,
    read_image,
    reason_of,
    to_sitk,
    write_file,
)

SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")


def read_volume(path: str | Path) -> Volume:
    """Read an image: NIfTI, NRRD, MHA, or a folder that holds one DICOM series.

    Raises:
        InputError: unreadable or truncated, not three-dimensional, vectors, NaN or infinite voxels, no extent, or a
            DICOM folder with several series or a missing slice; names the file and the mend.
    """
    path = Path(path)
    stored, grid = from_sitk(_read(path))
    array = stored.astype(np.float32, copy=False)
    lowest, highest = (array.min(), array.max()) if array.size else (0.0, 0.0)
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        bad = int(array.size - np.isfinite(array).sum())
        raise InputError(
            f"{path}: {bad} voxels are NaN or infinite; replace them (by background, say) and save it again"
        )
    return Volume(array, grid, path.name, None if stored is array else stored)


def read_grid(path: str | Path) -> Grid:
    """Read where an image's voxels lie, from the header alone where the format allows.

    Raises:
        InputError: as `read_volume`, as far as the header and the file's size tell.
    """
    path = Path(path)
    if path.is_dir():
        return grid_of(_three_dimensional(path, read_dicom(path)))
    if not path.is_file():
        raise InputError(f"no image at {path}")
    reader = _check_header(path)
    _check_dimension(path, reader.GetNumberOfComponents(), reader.GetSize())
    if reader.GetDimension() != 3:
        return grid_of(_read(path))
    _check_whole(path, reader, thorough=False)
    return grid_of(reader)


def read_labels(
    path: str | Path,
    names: Mapping[int, str] | None = None,
    *,
    channel: int | None = None,
    empty: bool = False,
) -> LabelMap:
    """Read a segmentation.

    Args:
        path: NIfTI, NRRD or MHA.
        names: label -> name; labels that are not declared here are an error.
        channel: which one of a file whose voxels hold several values; None refuses such files.
        empty: take a mask of background alone, as a network may make it.

    Raises:
        InputError: as `read_volume`, and voxels that are no whole number, an empty mask, undeclared labels.
    """
    path = Path(path)
    array, grid = from_sitk(_read(path, channel))
    if not np.issubdtype(array.dtype, np.integer):
        rounded = np.rint(array)
        if not np.array_equal(rounded, array):
            where = np.argwhere(rounded != array)[0]
            raise InputError(
                f"{path}: a mask holds whole numbers; found {array[tuple(where)]:g} at voxel (z, y, x) = "
                f"{tuple(map(int, where))}. Resample masks with nearest neighbour"
            )
        array = rounded.astype(np.int32)
    elif array.dtype == np.uint64 or array.dtype.itemsize > 4:
        array = array.astype(np.int64)
    labels = LabelMap(array, grid, dict(names or {}), path.name)
    found = labels.present()
    if not found and not empty:
        raise InputError(f"{path}: the mask is empty; draw it, or leave the mask of this case out")
    undeclared = [label for label in found if names is not None and label not in names]
    if undeclared:
        known = ", ".join(f"{label} {name}" for label, name in (names or {}).items())
        raise InputError(f"{path}: labels {listed(undeclared)} are not declared; declared: {known}")
    return labels


def write_image(image: Volume | LabelMap, path: str | Path) -> None:
    """Write to NIfTI, NRRD or MHA; labels take the smallest unsigned type that holds them.

    Raises:
        InputError: another suffix.
    """
    path = Path(path)
    if not path.name.endswith(SUFFIXES):
        raise InputError(f"{path}: give a name that ends in one of {', '.join(SUFFIXES)}")
    write_file(to_sitk(image), path)


def _read(path: Path, channel: int | None = None) -> Image:
    """Read a file or a DICOM folder as one three-dimensional image of one value a voxel."""
    if path.is_dir():
        image = read_dicom(path)
    elif not path.is_file():
        raise InputError(f"no image at {path}")
    elif path.suffix.lower() == ".dcm":
        raise InputError(f"{path} is one DICOM slice; give the folder of its series")
    else:
        _check_whole(path, _check_header(path))
        try:
            image = read_image(path)
        except RuntimeError as error:
            raise InputError(
                f"{path} cannot be read ({reason_of(error)}); the file may be truncated: copy it again"
            ) from error
    if channel is not None and image.GetNumberOfComponentsPerPixel() > 1:
        if channel >= image.GetNumberOfComponentsPerPixel():
            count = image.GetNumberOfComponentsPerPixel()
            raise InputError(f"{path} has {count} channels, numbered from 0; there is no channel {channel}")
        image = one_channel(image, channel)
    return _three_dimensional(path, image)


def _check_header(path: Path) -> Header:
    """Return a reader that read the header; zero spacing is refused before the library mends it without a word."""
    try:
        reader = read_header(path)
    except RuntimeError as error:
        mend = "copy it again"
        if not path.name.endswith(SUFFIXES):
            mend = f"known formats: {', '.join(SUFFIXES)} or a DICOM folder"
        elif "orthonormal" in str(error):
            mend = "its axes are sheared: resample it to a rectangular grid"
        raise InputError(f"{path} is no image that can be read ({reason_of(error)}); {mend}") from error
    spacing = _nifti_spacing(path) or list(reader.GetSpacing())
    if any(not value > 0 for value in spacing):
        raise InputError(
            f"{path}: the voxel spacing is {' x '.join(f'{value:g}' for value in spacing)} mm; correct the header"
        )
    return reader


def _nifti_spacing(path: Path) -> list[float]:
    """Return the voxel size as the header says it; ITK puts 1 in the place of 0. Empty for other formats."""
    if not path.name.endswith((".nii", ".nii.gz")):
        return []
    opened = gzip.open(path) if path.suffix == ".gz" else path.open("rb")  # noqa: SIM115  closed below
    try:
        with opened as stream:
            header = stream.read(352)
    except gzip.BadGzipFile as error:
        raise InputError(f"{path} is named .gz but is not compressed; rename it to {path.stem}") from error
    for size, kind, place in ((348, "f4", 76), (540, "f8", 104)):  # NIfTI-1 and NIfTI-2: pixdim
        for order in "<>":
            if int(np.frombuffer(header[:4], f"{order}i4")[0]) == size:
                pixdim = np.frombuffer(header[place:], f"{order}{kind}", 4)
                return [abs(float(value)) for value in pixdim[1:]]
    return []


def _check_whole(path: Path, reader: Header, *, thorough: bool = True) -> None:
    """Refuse a truncated NIfTI file, of which ITK reads what is there and takes the rest as it comes.

    Args:
        path: of the file.
        reader: has read its header.
        thorough: False unpacks a .gz file only where its last four bytes, the size of what it holds, do not fit.
    """
    if not reader.HasMetaDataKey("vox_offset") or not reader.HasMetaDataKey("bitpix"):
        return
    voxels = int(np.prod(reader.GetSize(), dtype=np.int64)) * reader.GetNumberOfComponents()
    needed = float(reader.GetMetaData("vox_offset")) + voxels * int(reader.GetMetaData("bitpix")) / 8
    packed = path.suffix.lower() == ".gz"
    if packed and not thorough and _promised_size(path) == needed % 2**32:
        return
    found = _unpacked_size(path) if packed else path.stat().st_size
    if found < needed:
        raise InputError(f"{path} is truncated: {found} bytes of {needed:.0f}; copy it again")


def _promised_size(path: Path) -> int:
    """Return the size of what a .gz file holds, as its last four bytes say: modulo 2^32."""
    with path.open("rb") as stream:
        stream.seek(-4, 2)
        return int.from_bytes(stream.read(4), "little")


def _unpacked_size(path: Path) -> int:
    """Return how many bytes a .gz file holds, checking its sums; 0 where it ends too early."""
    size = 0
    unpacker = zlib.decompressobj(wbits=31)
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            while block:
                if unpacker.eof:
                    unpacker = zlib.decompressobj(wbits=31)
                try:
                    size += len(unpacker.decompress(block))
                except zlib.error as error:
                    raise InputError(f"{path} is a damaged gzip file ({error}); copy it again") from error
                block = unpacker.unused_data
    return size if unpacker.eof else 0


def _three_dimensional(path: Path, image: Image) -> Image:
    _check_dimension(path, image.GetNumberOfComponentsPerPixel(), image.GetSize())
    if image.GetDimension() == 4:
        image = first_time_point(image)
    if any(not np.isfinite(value) or value <= 0 for value in image.GetSpacing()):
        raise InputError(f"{path}: the voxel spacing is {image.GetSpacing()} mm; correct the header")
    return image


def _check_dimension(path: Path, channels: int, size: tuple[int, ...]) -> None:
    """Refuse vectors, and what is not three-dimensional; a fourth axis of one voxel is fine."""
    if channels > 1:
        raise InputError(f"{path}: each voxel holds {channels} values; save one channel as its own image")
    if len(size) != 3 and not (len(size) == 4 and size[3] == 1):
        shape = " x ".join(map(str, size))
        raise InputError(f"{path}: the image is {len(size)}-D ({shape}), not 3-D; save one time point as its own image")
