"""Volume and LabelMap: voxels with their geometry; the only file that knows SimpleITK and its (x, y, z).

Arrays are (z, y, x). Geometry is that of the source file, also where it is oblique, and is written back unchanged;
hand over NRRD or MHA between steps, since NIfTI keeps its affine in float32.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import SimpleITK as sitk
from numpy.typing import ArrayLike
from scipy import ndimage

from radfuse.errors import InputError, listed

SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")
GRID_TOLERANCE = 1e-3
"""Largest distance in voxels between corresponding corners of two grids that count as the same."""

Interpolation = Literal["nearest", "linear", "bspline"]
_INTERPOLATORS = {"nearest": sitk.sitkNearestNeighbor, "linear": sitk.sitkLinear, "bspline": sitk.sitkBSpline}
_OPPOSITE = {letter: pair for pair in ("LR", "PA", "SI") for letter in pair}
_VOXEL_LIMIT = 2**31
_FEW_LABELS = 2**16
"""Up to this label the boxes of all labels are found in one pass."""


@dataclass(frozen=True)
class Grid:
    """Where voxels lie.

    Attributes:
        shape: voxels along (z, y, x).
        spacing_zyx_mm: between voxel centres.
        origin: of the first voxel's centre, (x, y, z) in mm, patient space (left, posterior, superior).
        direction: row-major 3 x 3 matrix whose columns are the directions of the x, y and z axis.
    """

    shape: tuple[int, int, int]
    spacing_zyx_mm: tuple[float, float, float]
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    direction: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)

    def corners_mm(self) -> np.ndarray:
        """Return the centres of the eight corner voxels, shape (8, 3), (x, y, z) in mm."""
        ends = np.array(self.shape[::-1]) - 1
        indices = np.array([[i, j, k] for i in (0, ends[0]) for j in (0, ends[1]) for k in (0, ends[2])])
        axes = np.array(self.direction).reshape(3, 3) * np.array(self.spacing_zyx_mm[::-1])
        return np.asarray(indices @ axes.T + np.array(self.origin))

    def same_as(self, other: Grid) -> bool:
        """Return whether all voxel centres agree within a thousandth of a voxel."""
        if self.shape != other.shape:
            return False
        apart = np.abs(self.corners_mm() - other.corners_mm()).max()
        return bool(apart <= GRID_TOLERANCE * min(self.spacing_zyx_mm))

    def __str__(self) -> str:
        z, y, x = self.shape
        spacing = " x ".join(f"{value:.4g}" for value in self.spacing_zyx_mm[::-1])
        origin = ", ".join(f"{value:.4g}" for value in self.origin)
        direction = " ".join(f"{value:.4g}" for value in self.direction)
        return f"{x} x {y} x {z} voxels of {spacing} mm (x y z), origin ({origin}) mm, direction [{direction}]"


class _Placed:
    """What an image and a segmentation say of their grid."""

    grid: Grid

    @property
    def spacing_zyx_mm(self) -> tuple[float, float, float]:
        """Distance between voxel centres along (z, y, x)."""
        return self.grid.spacing_zyx_mm

    @property
    def origin(self) -> tuple[float, float, float]:
        """Centre of the first voxel, (x, y, z) in mm."""
        return self.grid.origin

    @property
    def direction(self) -> tuple[float, ...]:
        """Row-major 3 x 3 matrix of axis directions."""
        return self.grid.direction


@dataclass(frozen=True)
class Volume(_Placed):
    """An image.

    Attributes:
        array: float32, shape (z, y, x), finite.
        grid: where its voxels lie.
        name: for messages; never a patient's.
        stored: the voxels in the type they were stored in, where that is not float32: radiomics depends on it.
    """

    array: np.ndarray
    grid: Grid
    name: str = "volume"
    stored: np.ndarray | None = None

    def __post_init__(self) -> None:
        _check_shape(self.array, self.grid, self.name)
        if self.stored is not None:
            _check_shape(self.stored, self.grid, self.name)

    @property
    def voxels(self) -> np.ndarray:
        """The voxels in the type they were stored in."""
        return self.array if self.stored is None else self.stored


@dataclass(frozen=True)
class LabelMap(_Placed):
    """A segmentation.

    Attributes:
        array: integer, shape (z, y, x); 0 is background.
        grid: where its voxels lie.
        names: label -> name, where declared.
        name: for messages.
    """

    array: np.ndarray
    grid: Grid
    names: Mapping[int, str] = field(default_factory=dict)
    name: str = "labels"

    def __post_init__(self) -> None:
        _check_shape(self.array, self.grid, self.name)
        if not np.issubdtype(self.array.dtype, np.integer):
            raise InputError(f"{self.name}: labels must be integers, found {self.array.dtype}")

    def present(self) -> tuple[int, ...]:
        """Return the labels that occur, background left out."""
        return tuple(self.boxes)

    @cached_property
    def boxes(self) -> dict[int, tuple[slice, slice, slice]]:
        """The smallest box (z, y, x) of each label that occurs."""
        lowest, highest = (int(self.array.min()), int(self.array.max())) if self.array.size else (0, 0)
        if lowest >= 0 and highest <= _FEW_LABELS:
            found = dict(enumerate(ndimage.find_objects(self.array), start=1))
        else:
            labels = [int(label) for label in np.unique(self.array) if label != 0]
            found = {label: ndimage.find_objects((self.array == label).view(np.uint8))[0] for label in labels}
        return {label: box for label, box in found.items() if box is not None}


def read_volume(path: str | Path) -> Volume:
    """Read an image: NIfTI, NRRD, MHA, or a folder that holds one DICOM series.

    Raises:
        InputError: unreadable or truncated, not three-dimensional, vectors, NaN or infinite voxels, no extent, or a
            DICOM folder with several series or a missing slice; names the file and the mend.
    """
    path = Path(path)
    image = _read(path)
    stored = sitk.GetArrayFromImage(image)
    array = stored.astype(np.float32, copy=False)
    lowest, highest = (array.min(), array.max()) if array.size else (0.0, 0.0)
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        bad = int(array.size - np.isfinite(array).sum())
        raise InputError(
            f"{path}: {bad} voxels are NaN or infinite; replace them (by background, say) and save it again"
        )
    if array.size and lowest == highest:
        raise InputError(f"{path}: every voxel holds {array.flat[0]:g}; the image is empty")
    return Volume(array, _grid(image), path.name, None if stored is array else stored)


def read_grid(path: str | Path) -> Grid:
    """Read where an image's voxels lie, from the header alone where the format allows.

    Raises:
        InputError: as `read_volume`, as far as the header and the file's size tell.
    """
    path = Path(path)
    if path.is_dir():
        return _grid(_three_dimensional(path, _read_dicom(path)))
    if not path.is_file():
        raise InputError(f"no image at {path}")
    reader = _check_header(path)
    _check_dimension(path, reader.GetNumberOfComponents(), reader.GetSize())
    if reader.GetDimension() != 3:
        return _grid(_read(path))
    _check_whole(path, reader, thorough=False)
    return _grid(reader)


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
    image = _read(path, channel)
    array = sitk.GetArrayFromImage(image)
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
    labels = LabelMap(array, _grid(image), dict(names or {}), path.name)
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
    sitk.WriteImage(to_sitk(image), str(path), useCompression=True)


def require_same_grid(image: Volume, labels: LabelMap) -> None:
    """Check that a mask lies on its image's grid.

    Raises:
        InputError: it does not; prints both grids.
    """
    require_grid(image.grid, image.name, labels)


def require_grid(grid: Grid, image: str, labels: LabelMap) -> None:
    """Check that a mask lies on a grid, that of the image of this name.

    Raises:
        InputError: as `require_same_grid`.
    """
    if not grid.same_as(labels.grid):
        raise InputError(
            f"mask {labels.name} lies on another grid than image {image}:\n  image {grid}\n  mask  "
            f"{labels.grid}\nResample the mask, or let the study do it with `resample_masks: true`"
        )


def resample(image: Volume, grid: Grid, interpolation: Interpolation = "linear", *, edge: bool = False) -> Volume:
    """Return an image on another grid; outside the source its smallest value, or with `edge` its nearest voxel's."""
    outside = float(image.array.min())
    method = _INTERPOLATORS[interpolation]
    found = sitk.Resample(to_sitk(image), _reference(grid), sitk.Transform(), method, outside, sitk.sitkFloat32, edge)
    return Volume(sitk.GetArrayFromImage(found), grid, image.name)


def resample_labels(labels: LabelMap, grid: Grid) -> LabelMap:
    """Return a segmentation on another grid by nearest neighbour; outside the source background."""
    found = sitk.Resample(to_sitk(labels), _reference(grid), sitk.Transform(), sitk.sitkNearestNeighbor, 0)
    return LabelMap(sitk.GetArrayFromImage(found).astype(labels.array.dtype), grid, labels.names, labels.name)


def with_spacing(grid: Grid, spacing_zyx_mm: tuple[float, float, float]) -> Grid:
    """Return a grid of another spacing that covers the same box: outer voxel edges agree to within a voxel."""
    old, new = np.array(grid.spacing_zyx_mm), np.array(spacing_zyx_mm, dtype=float)
    if (new <= 0).any():
        raise InputError(f"spacing must be positive, found {spacing_zyx_mm} mm (z, y, x)")
    shape = np.maximum(np.rint(np.array(grid.shape) * old / new), 1).astype(int)
    shift = ((np.array(grid.shape) * old - shape * new) / 2 + (new - old) / 2)[::-1]
    origin = np.array(grid.origin) + np.array(grid.direction).reshape(3, 3) @ shift
    return Grid(_triple(shape, int), _triple(new, float), _triple(origin, float), grid.direction)


def orientation_of(grid: Grid) -> str:
    """Return where the x, y and z axis point, one letter each, for example "LPS": left, posterior, superior."""
    return str(sitk.DICOMOrientImageFilter.GetOrientationFromDirectionCosines(grid.direction))


def oriented(grid: Grid, orientation: str) -> Grid:
    """Return the grid of the same voxels, its axes swapped and turned round until they point as asked.

    Args:
        grid: to turn; returned as it is where it points so already.
        orientation: as `orientation_of` gives it.
    """
    found = orientation_of(grid)
    if found == orientation:
        return grid
    sizes, spacing = grid.shape[::-1], grid.spacing_zyx_mm[::-1]
    axes, origin = np.array(grid.direction).reshape(3, 3), np.array(grid.origin)
    columns, order = [], []
    for letter in orientation:
        axis = next(i for i, here in enumerate(found) if here in _OPPOSITE[letter])
        order.append(axis)
        if found[axis] == letter:
            columns.append(axes[:, axis])
        else:
            origin = origin + axes[:, axis] * spacing[axis] * (sizes[axis] - 1)
            columns.append(-axes[:, axis])
    shape = _triple([sizes[axis] for axis in order[::-1]], int)
    steps = _triple([spacing[axis] for axis in order[::-1]], float)
    return Grid(shape, steps, _triple(origin, float), tuple(float(v) for v in np.stack(columns, axis=1).ravel()))


def interpolated(array: np.ndarray, grid: Grid, onto: Grid, interpolator: str | int) -> np.ndarray:
    """Return voxels on another grid in their own type, by any of SimpleITK's interpolators; outside the source 0.

    Args:
        array: shape (z, y, x).
        grid: where its voxels lie.
        onto: where they are wanted.
        interpolator: name or number, for example "sitkBSpline".
    """
    chosen = getattr(sitk, interpolator) if isinstance(interpolator, str) else interpolator
    image = sitk.GetImageFromArray(array)
    _place(image, grid)
    found = sitk.Resample(
        image,
        [int(size) for size in onto.shape[::-1]],
        sitk.Transform(),
        chosen,
        [float(value) for value in onto.origin],
        [float(value) for value in onto.spacing_zyx_mm[::-1]],
        [float(value) for value in onto.direction],
        0.0,
        image.GetPixelID(),
    )
    return sitk.GetArrayFromImage(found)


def point_of(grid: Grid, index_xyz: ArrayLike) -> tuple[float, float, float]:
    """Return the position in mm (x, y, z) of a continuous voxel index (x, y, z)."""
    place = [float(value) for value in np.asarray(index_xyz)]
    return _triple(_reference(grid).TransformContinuousIndexToPhysicalPoint(place), float)


def index_of(grid: Grid, point_xyz: ArrayLike) -> tuple[float, float, float]:
    """Return the continuous voxel index (x, y, z) of a position in mm (x, y, z)."""
    place = [float(value) for value in np.asarray(point_xyz)]
    return _triple(_reference(grid).TransformPhysicalPointToContinuousIndex(place), float)


def standardised(array: np.ndarray) -> np.ndarray:
    """Return voxels less their mean, divided by their standard deviation, over the whole image; real."""
    return sitk.GetArrayFromImage(sitk.Normalize(sitk.GetImageFromArray(array)))


def gradient_magnitude(array: np.ndarray, spacing_zyx_mm: tuple[float, float, float] | None) -> np.ndarray:
    """Return the length of the gradient by central differences, per mm, or per voxel where no spacing is given."""
    image = sitk.GetImageFromArray(array)
    if spacing_zyx_mm is not None:
        image.SetSpacing([float(value) for value in spacing_zyx_mm[::-1]])
    return sitk.GetArrayFromImage(sitk.GradientMagnitude(image, spacing_zyx_mm is not None))


def to_sitk(image: Volume | LabelMap) -> sitk.Image:
    """Return the SimpleITK twin, for code that wants one."""
    array = image.voxels if isinstance(image, Volume) else image.array
    if isinstance(image, LabelMap) and array.min() >= 0:
        array = array.astype(np.uint8 if array.max() < 256 else np.uint16 if array.max() < 65536 else np.uint32)
    found = sitk.GetImageFromArray(array)
    _place(found, image.grid)
    return found


def _reference(grid: Grid) -> sitk.Image:
    if np.prod(grid.shape, dtype=float) > _VOXEL_LIMIT:
        raise InputError(f"a grid of {' x '.join(map(str, grid.shape))} voxels is too large; choose a wider spacing")
    reference = sitk.Image([int(size) for size in grid.shape[::-1]], sitk.sitkUInt8)
    _place(reference, grid)
    return reference


def _place(image: sitk.Image, grid: Grid) -> None:
    image.SetSpacing([float(value) for value in grid.spacing_zyx_mm[::-1]])
    image.SetOrigin([float(value) for value in grid.origin])
    image.SetDirection([float(value) for value in grid.direction])


def _grid(image: sitk.Image | sitk.ImageFileReader) -> Grid:
    return Grid(
        _triple(image.GetSize()[::-1], int),
        _triple(image.GetSpacing()[::-1], float),
        _triple(image.GetOrigin(), float),
        tuple(float(value) for value in image.GetDirection()),
    )


def _triple(values: Any, kind: type) -> Any:
    first, second, third = (kind(value) for value in values)
    return first, second, third


def _check_shape(array: np.ndarray, grid: Grid, name: str) -> None:
    if array.ndim != 3 or array.shape != grid.shape:
        raise InputError(f"{name}: the array's shape {array.shape} is not that of its grid {grid.shape} (z, y, x)")


def _read(path: Path, channel: int | None = None) -> sitk.Image:
    if path.is_dir():
        image = _read_dicom(path)
    elif not path.is_file():
        raise InputError(f"no image at {path}")
    elif path.suffix.lower() == ".dcm":
        raise InputError(f"{path} is one DICOM slice; give the folder of its series")
    else:
        _check_whole(path, _check_header(path))
        try:
            image = sitk.ReadImage(str(path))
        except RuntimeError as error:
            raise InputError(
                f"{path} cannot be read ({_reason(error)}); the file may be truncated: copy it again"
            ) from error
    if channel is not None and image.GetNumberOfComponentsPerPixel() > 1:
        if channel >= image.GetNumberOfComponentsPerPixel():
            count = image.GetNumberOfComponentsPerPixel()
            raise InputError(f"{path} has {count} channels, numbered from 0; there is no channel {channel}")
        image = sitk.VectorIndexSelectionCast(image, channel)
    return _three_dimensional(path, image)


def _check_header(path: Path) -> sitk.ImageFileReader:
    """Return a reader that read the header; zero spacing is refused before the library mends it without a word."""
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        mend = "copy it again"
        if not path.name.endswith(SUFFIXES):
            mend = f"known formats: {', '.join(SUFFIXES)} or a DICOM folder"
        elif "orthonormal" in str(error):
            mend = "its axes are sheared: resample it to a rectangular grid"
        raise InputError(f"{path} is no image that can be read ({_reason(error)}); {mend}") from error
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


def _check_whole(path: Path, reader: sitk.ImageFileReader, *, thorough: bool = True) -> None:
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


def _three_dimensional(path: Path, image: sitk.Image) -> sitk.Image:
    _check_dimension(path, image.GetNumberOfComponentsPerPixel(), image.GetSize())
    if image.GetDimension() == 4:
        size = [*image.GetSize()[:3], 0]
        image = sitk.Extract(image, size, [0, 0, 0, 0])
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


def _reason(error: RuntimeError) -> str:
    """Return the one line of an ITK message that says something."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(("Exception thrown", "/"))]
    return (telling or lines or ["unknown reason"])[-1].split("): ")[-1][:200]


def _read_dicom(folder: Path) -> sitk.Image:
    """Read one series; slices sorted by position, gaps and mixtures refused. Names no identifier."""
    import pydicom
    from pydicom.errors import InvalidDicomError

    slices: dict[str, list[tuple[float, Path, tuple[float, ...]]]] = {}
    for path in sorted(item for item in folder.iterdir() if item.is_file() and not item.name.startswith(".")):
        try:
            header = pydicom.dcmread(path, stop_before_pixels=True)
        except InvalidDicomError:
            continue
        except (OSError, EOFError, ValueError) as error:
            raise InputError(f"{path} is damaged ({type(error).__name__}); copy it again") from error
        if "ImagePositionPatient" not in header or "ImageOrientationPatient" not in header or "Rows" not in header:
            continue
        rows = np.array([float(value) for value in header.ImageOrientationPatient])
        normal = np.cross(rows[:3], rows[3:])
        position = float(np.dot(normal, [float(value) for value in header.ImagePositionPatient]))
        look = (int(header.Rows), int(header.Columns), *np.round(rows, 4), *map(float, header.PixelSpacing))
        slices.setdefault(str(header.SeriesInstanceUID), []).append((position, path, tuple(look)))
    if not slices:
        raise InputError(f"{folder} holds no DICOM image slices")
    if len(slices) > 1:
        counts = ", ".join(str(len(part)) for part in slices.values())
        raise InputError(
            f"{folder} mixes {len(slices)} series (slices: {counts}); put each series into a folder of its own"
        )
    series = sorted(next(iter(slices.values())))
    _check_series(folder, series)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames([str(path) for _, path, _ in series])
    try:
        return reader.Execute()
    except RuntimeError as error:
        raise InputError(
            f"{folder} cannot be read ({_reason(error)}); a slice may be truncated: copy it again"
        ) from error


def _check_series(folder: Path, series: list[tuple[float, Path, tuple[float, ...]]]) -> None:
    if len({look for _, _, look in series}) > 1:
        raise InputError(f"{folder}: slices differ in size, spacing or orientation; keep those of one stack")
    if len(series) < 2:
        raise InputError(f"{folder} holds one slice; a volume needs two or more")
    gaps = np.diff([position for position, _, _ in series])
    usual = float(np.median(gaps))
    if usual <= 1e-4:
        raise InputError(f"{folder}: several slices lie at one position; keep one time point or echo")
    odd = np.flatnonzero(np.abs(gaps - usual) > 0.02 * usual + 1e-3)
    if len(odd):
        first = int(odd[0])
        missing = round(float(gaps[first]) / usual) - 1
        what = f"{missing} slices are missing" if missing > 0 else "the distance changes"
        raise InputError(
            f"{folder}: {what} between {series[first][1].name} and {series[first + 1][1].name} "
            f"({gaps[first]:.3f} mm apart, usually {usual:.3f} mm); copy the series again"
        )
