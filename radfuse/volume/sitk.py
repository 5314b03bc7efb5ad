"""SimpleITK and its (x, y, z): no other file of the package imports it.

Its filters are taken as they are, since radiomics agrees with PyRadiomics to the bit. What it cannot read raises its
RuntimeError; `reason_of` finds the sentence in it, and who knows the file says how to mend it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from textwrap import shorten
from typing import TypeAlias

import numpy as np
import SimpleITK as sitk
from numpy.typing import ArrayLike

from radfuse.volume.grid import Grid, triple
from radfuse.volume.image import LabelMap, Volume

Image: TypeAlias = sitk.Image
Transform: TypeAlias = sitk.Transform
"""From points of the grid that is wanted to points of the image that is read, in mm (x, y, z)."""
Header: TypeAlias = sitk.ImageFileReader
"""A reader that read the header."""


def to_sitk(image: Volume | LabelMap) -> Image:
    """Return the SimpleITK twin, for code that wants one."""
    array = image.voxels if isinstance(image, Volume) else image.array
    if isinstance(image, LabelMap) and array.min() >= 0:
        array = array.astype(np.uint8 if array.max() < 256 else np.uint16 if array.max() < 65536 else np.uint32)
    return placed(array, image.grid)


def from_sitk(image: Image) -> tuple[np.ndarray, Grid]:
    """Return the voxels, shape (z, y, x) in the type they are stored in, and where they lie."""
    return sitk.GetArrayFromImage(image), grid_of(image)


def is_sitk(given: object) -> bool:
    """Return whether something is an image of SimpleITK."""
    return isinstance(given, sitk.Image)


def placed(array: np.ndarray, grid: Grid) -> Image:
    """Return voxels, shape (z, y, x), as an image on their grid."""
    image = sitk.GetImageFromArray(array)
    _place(image, grid)
    return image


def grid_of(image: Image | Header) -> Grid:
    """Return where the voxels of an image of three axes or more lie, along its first three."""
    axes = len(image.GetSize())
    direction = np.reshape(image.GetDirection(), (axes, axes))[:3, :3]
    return Grid(
        triple(image.GetSize()[2::-1], int),
        triple(image.GetSpacing()[2::-1], float),
        triple(image.GetOrigin()[:3], float),
        tuple(float(value) + 0.0 for value in direction.ravel()),  # headers read alone say -0.0 where images say 0.0
    )


def read_header(path: Path) -> Header:
    """Read what a file says of its image; raises SimpleITK's RuntimeError."""
    _quiet()
    reader = _reader(path)
    if not path.name.lower().endswith((".nii", ".nii.gz")) or path.name.endswith((".nii", ".nii.gz")):
        reader.ReadImageInformation()
        return reader
    with tempfile.TemporaryDirectory(prefix="radfuse-") as folder:  # ITK knows no .Nii.gz
        link = Path(folder) / ("image.nii.gz" if path.name.lower().endswith(".gz") else "image.nii")
        link.symlink_to(path.absolute())
        reader.SetFileName(str(link))
        reader.ReadImageInformation()
    return reader


def read_image(path: Path) -> Image:
    """Read a file; raises SimpleITK's RuntimeError."""
    _quiet()
    return _reader(path).Execute()


def _reader(path: Path) -> Header:
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    if path.suffix.lower() in (".mha", ".mhd"):  # ITK knows these by their names in small letters alone
        reader.SetImageIO("MetaImageIO")
    return reader


def read_slices(paths: Sequence[Path], *, real: bool = False) -> Image:
    """Read DICOM slices in their order; raises SimpleITK's RuntimeError.

    Args:
        paths: of the slices.
        real: as float64, instead of the type that suits the first slice.
    """
    _quiet()
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames([str(path) for path in paths])
    if real:
        reader.SetOutputPixelType(sitk.sitkFloat64)
    return reader.Execute()


def _quiet() -> None:
    """Have ITK's own warnings, of what is checked before, left unsaid: they name the lines of its source."""
    sitk.ProcessObject.SetGlobalWarningDisplay(False)


def write_file(image: Image, path: Path) -> None:
    """Write a compressed file of the format that its suffix names."""
    sitk.WriteImage(image, str(path), useCompression=True)


def read_transform(path: Path) -> Transform:
    """Read a transform that `write_transform` stored, exactly as it was."""
    return sitk.ReadTransform(str(path))


def write_transform(transform: Transform, path: Path) -> None:
    """Store a transform as ITK's text, by its suffix .tfm: every digit of it, and the same bytes each time."""
    sitk.WriteTransform(transform, str(path))


def moved(grid: Grid, transform: Transform) -> Grid:
    """Return the same voxels where a rigid transform puts them: no value is interpolated, the header alone changes."""
    first = np.array(transform.TransformPoint([float(value) for value in grid.origin]))
    axes = np.array(grid.direction).reshape(3, 3).T
    ends = [transform.TransformPoint([float(value) for value in np.array(grid.origin) + axis]) for axis in axes]
    turned = np.array(ends) - first
    z, y, x = (float(value) for value in first[::-1])
    return Grid(grid.shape, grid.spacing_zyx_mm, (x, y, z), tuple(float(value) for value in turned.T.ravel()))


def chained(*ways: Transform | None) -> Transform:
    """Return transforms one after another, the first at once, None among them left out; of none, that which stays."""
    steps = [way for way in ways if way is not None]
    return sitk.CompositeTransform(steps[::-1]) if steps else sitk.Transform()


def steps_of(transform: Transform) -> list[Transform]:
    """Return the transforms that one consists of, in the order in which points go through them."""
    if transform.GetTransformEnum() != sitk.sitkComposite:
        return [transform]
    whole = sitk.CompositeTransform(transform)
    parts = [whole.GetNthTransform(number) for number in reversed(range(whole.GetNumberOfTransforms()))]
    return [step for part in parts for step in steps_of(part)]


def knots_of(spline: Transform) -> tuple[float, float]:
    """Return the least distance between knots of a B-spline, and how far it moves a point at most along an axis; mm."""
    known = sitk.BSplineTransform(spline)
    lengths, cells = known.GetTransformDomainPhysicalDimensions(), known.GetTransformDomainMeshSize()
    return float(np.min(np.divide(lengths, cells))), float(np.abs(known.GetParameters()).max())


def displacements(transform: Transform, grid: Grid) -> Image:
    """Return how far the points of a grid are moved, vectors (x, y, z) in mm."""
    return sitk.TransformToDisplacementField(
        transform,
        sitk.sitkVectorFloat64,
        [int(size) for size in grid.shape[::-1]],
        [float(value) for value in grid.origin],
        [float(value) for value in grid.spacing_zyx_mm[::-1]],
        [float(value) for value in grid.direction],
    )


def field_of(transform: Transform, grid: Grid) -> np.ndarray:
    """Return the same as float64, shape (z, y, x, 3)."""
    return sitk.GetArrayFromImage(displacements(transform, grid))


def displaced(vectors: np.ndarray, grid: Grid) -> Transform:
    """Return the transform that moves the points of a grid by vectors, shape (point, 3), (x, y, z) in mm."""
    field = sitk.GetImageFromArray(vectors.reshape(*grid.shape, 3).astype(np.float64), isVector=True)
    _place(field, grid)
    return sitk.DisplacementFieldTransform(field)


def is_rigid(transform: Transform) -> bool:
    """Return whether a transform moves and turns alone, so that a header can say where it puts an image."""
    return transform.GetTransformEnum() in (sitk.sitkIdentity, sitk.sitkTranslation, sitk.sitkEuler)


def reason_of(error: RuntimeError) -> str:
    """Return the one line of an ITK message that says something."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(("Exception thrown", "/"))]
    return shorten((telling or lines or ["unknown reason"])[-1].split("): ")[-1], 200, placeholder=" ...")


def resampled(
    image: Image,
    onto: Grid,
    interpolator: str | int,
    outside: float = 0.0,
    *,
    real: bool = False,
    edge: bool = False,
    transform: Transform | None = None,
) -> np.ndarray:
    """Return an image's voxels on another grid.

    Args:
        image: what is resampled.
        onto: where voxels are wanted.
        interpolator: SimpleITK's name or number, for example "sitkBSpline".
        outside: value where the image does not reach.
        real: float32 instead of the image's own type.
        edge: the nearest voxel's value instead of `outside`.
        transform: from points of the new grid to those of the image; None: they are the same.
    """
    found = sitk.Resample(
        image,
        [int(size) for size in onto.shape[::-1]],
        sitk.Transform() if transform is None else transform,
        getattr(sitk, interpolator) if isinstance(interpolator, str) else interpolator,
        [float(value) for value in onto.origin],
        [float(value) for value in onto.spacing_zyx_mm[::-1]],
        [float(value) for value in onto.direction],
        outside,
        sitk.sitkFloat32 if real else image.GetPixelID(),
        edge,
    )
    return sitk.GetArrayFromImage(found)


def otsu_threshold(values: np.ndarray) -> float:
    """Return the value that parts voxels into a darker and a brighter class, by Otsu."""
    flat = np.ascontiguousarray(values, dtype=np.float64).reshape(1, -1)
    method = sitk.OtsuThresholdImageFilter()
    method.SetNumberOfHistogramBins(256)
    method.Execute(sitk.GetImageFromArray(flat))
    return float(method.GetThreshold())


def without_bias(
    values: np.ndarray, part: np.ndarray, grid: Grid, shrink: int, iterations: Sequence[int]
) -> np.ndarray:
    """Return voxels divided by the smooth field that N4 finds.

    Args:
        values: shape (z, y, x), from 0 up; of a single slice the field is one in its plane.
        part: bool, where the field is looked for.
        grid: where the voxels lie.
        shrink: by how much the image is made smaller for that, along axes of four such steps and more.
        iterations: a level each.
    """
    image, mask = placed(values, grid), placed(part.astype(np.uint8), grid)
    if 1 in values.shape:  # ITK's splines have no length along an axis of one voxel
        flat = [0 if size == 1 else size for size in image.GetSize()]
        image, mask = (
            sitk.Extract(each, flat, [0, 0, 0], sitk.ExtractImageFilter.DIRECTIONCOLLAPSETOIDENTITY)
            for each in (image, mask)
        )
    steps = [shrink if size >= 4 * shrink else 1 for size in image.GetSize()]
    method = sitk.N4BiasFieldCorrectionImageFilter()
    method.SetMaximumNumberOfIterations([int(count) for count in iterations])
    method.SetNumberOfThreads(1)  # sums in one order: equal numbers on every machine
    method.Execute(sitk.Shrink(image, steps), sitk.Shrink(mask, steps))
    field = sitk.GetArrayFromImage(method.GetLogBiasFieldAsImage(image)).reshape(values.shape)
    return np.asarray(values / np.exp(field))


def point_of(grid: Grid, index_xyz: ArrayLike) -> tuple[float, float, float]:
    """Return the position in mm (x, y, z) of a continuous voxel index (x, y, z)."""
    place = [float(value) for value in np.asarray(index_xyz)]
    return triple(_frame(grid).TransformContinuousIndexToPhysicalPoint(place), float)


def index_of(grid: Grid, point_xyz: ArrayLike) -> tuple[float, float, float]:
    """Return the continuous voxel index (x, y, z) of a position in mm (x, y, z)."""
    place = [float(value) for value in np.asarray(point_xyz)]
    return triple(_frame(grid).TransformPhysicalPointToContinuousIndex(place), float)


def standardised(array: np.ndarray) -> np.ndarray:
    """Return voxels less their mean, divided by their standard deviation, over the whole image; real."""
    return sitk.GetArrayFromImage(sitk.Normalize(sitk.GetImageFromArray(array)))


def gradient_magnitude(array: np.ndarray, spacing_zyx_mm: tuple[float, float, float] | None) -> np.ndarray:
    """Return the length of the gradient by central differences, per mm, or per voxel where no spacing is given."""
    image = sitk.GetImageFromArray(array)
    if spacing_zyx_mm is not None:
        image.SetSpacing([float(value) for value in spacing_zyx_mm[::-1]])
    return sitk.GetArrayFromImage(sitk.GradientMagnitude(image, spacing_zyx_mm is not None))


def _frame(grid: Grid) -> Image:
    """Return an image of one voxel that knows where all the voxels of a grid lie."""
    frame = sitk.Image([1, 1, 1], sitk.sitkUInt8)
    _place(frame, grid)
    return frame


def _place(image: Image, grid: Grid) -> None:
    image.SetSpacing([float(value) for value in grid.spacing_zyx_mm[::-1]])
    image.SetOrigin([float(value) for value in grid.origin])
    image.SetDirection([float(value) for value in grid.direction])


def voices(masks: Sequence[np.ndarray], *, staple: bool = False) -> np.ndarray:
    """Return the label with most voices of each voxel of several masks, 0 where several have; or that of STAPLE."""
    images = [sitk.GetImageFromArray(mask) for mask in masks]
    return sitk.GetArrayFromImage(sitk.MultiLabelSTAPLE(images, 0) if staple else sitk.LabelVoting(images, 0))


def grown_between(array: np.ndarray, seed: tuple[int, int, int], limits: tuple[float, float]) -> np.ndarray:
    """Return what is connected to a voxel (z, y, x) by voxels between two values, both included; bool."""
    image = sitk.GetImageFromArray(array)
    return sitk.GetArrayFromImage(sitk.ConnectedThreshold(image, [seed[::-1]], *limits)) > 0


def grown_like(
    array: np.ndarray, seed: tuple[int, int, int], deviations: float, iterations: int, radius_voxels: int
) -> np.ndarray:
    """Return what is connected to a voxel (z, y, x) by voxels like those that it has, begun around it; bool."""
    image = sitk.GetImageFromArray(array)
    found = sitk.ConfidenceConnected(image, [seed[::-1]], iterations, deviations, radius_voxels)
    return sitk.GetArrayFromImage(found) > 0
