"""One image of a case registered to another, so that masks can be carried: SimpleITK's, beside `sitk.py`.

Source:
    Mattes et al. 2003, doi:10.1109/TMI.2003.809072 (similarity, B-splines); Lowekamp et al. 2013,
    doi:10.3389/fninf.2013.00045 (SimpleITK).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk

from radfuse.errors import CaseError
from radfuse.volume.grid import Grid, box_around, oriented, part_of, turned, with_spacing
from radfuse.volume.image import LabelMap, Volume
from radfuse.volume.registration import Registration, RegistrationQuality
from radfuse.volume.sitk import Image, Transform, displacements, grid_of, placed, reason_of

_CLIPPED = (0.5, 99.5)
"""Percentiles beyond which values are moved to them: metal and air would leave few bins for the rest."""
_MARGIN_MM = 20.0
"""Of the fixed image, around where the moving one begins."""
_LEAST_SHARE = 0.1
"""Of the voxels that the smaller image could share with the larger: fewer that both show say nothing."""
_FEWEST_BINS = 8
_RADIUS_MM = 40.0
"""A turn by one radian moves as far as so many mm, for steps of like size."""
_GAIN = 0.01
"""Relative gain in similarity below which a registration moved for nothing, and the loss beyond which it diverged."""
_SHARED = 0.05
"""Mutual information below which two images hardly tell of each other: smooth noise has 0.03, T1 and PET 0.4."""
_FEWEST_VOXELS = 4
"""Along each axis, of an image that is registered."""
_FAR = 0.5
"""A registration that moves points by more than so much of the image's longest side has lost it."""


@dataclass(frozen=True)
class Registered:
    """A registration.

    Attributes:
        transform: from points of the fixed image to those of the moving one, (x, y, z) in mm.
        start: where it began; of the same kind of points.
        quality: how it went, without the agreement of masks.
    """

    transform: Transform
    start: Transform
    quality: RegistrationQuality


def register(
    fixed: Volume, moving: Volume, settings: Registration, case: str = "", mask: LabelMap | None = None
) -> Registered:
    """Register two images of one case; the same numbers each time, on any machine with the same SimpleITK.

    Args:
        fixed: where masks are carried to.
        moving: that they lie on.
        settings: how.
        case: for messages.
        mask: on any grid beside `moving`; looked at with `within_mm` alone.

    Raises:
        CaseError: the images do not overlap, or the registration diverged; names images and the mend.
    """
    try:
        with _one_thread():
            return _registered(_stored_alike(fixed), _stored_alike(moving), settings, case, mask)
    except RuntimeError as error:
        raise _lost(case, fixed, moving, reason_of(error)) from error


def _stored_alike(image: Volume) -> Volume:
    """Return an image along the axes left, posterior, superior: the search takes other samples along others."""
    array = np.ascontiguousarray(turned(image.array, image.grid, "LPS"))
    return Volume(array, oriented(image.grid, "LPS"), image.name)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Have ITK sum in one order: several threads differ in the last digit, and a search may end elsewhere by it."""
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)


def _registered(fixed: Volume, moving: Volume, settings: Registration, case: str, mask: LabelMap | None) -> Registered:
    _check_sizes(fixed, moving, settings, case)
    start = _start(fixed, moving, settings)
    near = _near(moving, mask, settings.within_mm) if settings.within_mm is not None and mask is not None else None
    still = _cut(fixed, near.grid if near else moving.grid, start)
    if still is None or _overlap(still, moving.grid, start) < _LEAST_SHARE:
        raise CaseError(
            case,
            f"image {fixed.name} and image {moving.name} hardly overlap as their headers place them:\n  {fixed.name} "
            f"{fixed.grid}\n  {moving.name} {moving.grid}\nSet registration: {{start: centres}} where they count from "
            "different places, or correct the header that is wrong",
        )
    for image in (fixed, moving):
        if image.array.min() == image.array.max():
            raise _lost(case, fixed, moving, f"image {image.name} has the value {image.array.max():g} throughout")
    one, other = _clipped(still), _clipped(moving)
    shown = placed(near.array.astype(np.uint8), near.grid) if near else None
    found = _searched(one, other, shown, start, settings)
    if settings.transform == "affine":
        found = _level(one, other, shown, _affine(found), settings.levels_mm[-1], settings)
    if settings.transform == "bspline":
        found = _bent(one, other, shown, found, settings)
    finest = settings.levels_mm[-1]
    before, after = (_similarity(one, other, shown, by, finest, settings) for by in (start, found))
    quality = _quality(one, before, after, start, found, finest)
    longest = float(np.ptp(moving.grid.corners_mm(), axis=0).max())
    if not np.isfinite([after, quality.moved_mm]).all() or quality.moved_mm > _FAR * longest:
        raise _lost(case, fixed, moving, f"it moves points by {quality.moved_mm:.0f} mm")
    if _overlap(still, moving.grid, found) < _LEAST_SHARE:
        raise _lost(case, fixed, moving, "the images no longer overlap")
    if after < before * (1 - 10 * _GAIN):
        raise _lost(case, fixed, moving, f"their mutual information fell from {before:.3f} to {after:.3f}")
    return Registered(found, start, quality)


def _check_sizes(fixed: Volume, moving: Volume, settings: Registration, case: str) -> None:
    """Refuse images of too few voxels, or too small, to be compared."""
    finest = settings.levels_mm[-1]
    for image in (fixed, moving):
        z, y, x = image.grid.shape
        if min(z, y, x) < _FEWEST_VOXELS:
            raise CaseError(
                case,
                f"image {image.name} has {x} x {y} x {z} voxels (x y z), and a registration needs {_FEWEST_VOXELS} "
                "along each axis; bring the mask over by masks: resample, give the whole series, or leave the case out",
            )
        extent = max(size * step for size, step in zip(image.grid.shape, image.grid.spacing_zyx_mm, strict=True))
        if extent < _FEWEST_VOXELS * finest:
            raise CaseError(
                case,
                f"image {image.name} is {extent:.3g} mm large, too small to be registered on voxels of {finest:g} mm; "
                "correct its header, which may count in metres or centimetres, or set smaller registration.levels_mm",
            )


def _lost(case: str, fixed: Volume, moving: Volume, why: str) -> CaseError:
    return CaseError(
        case,
        f"the registration of image {moving.name} to {fixed.name} diverged ({why}); look at both images, try "
        "registration: {transform: rigid}, {start: centres} or {within_mm: 30}, draw a mask on "
        f"{fixed.name} (cohort.masks), or leave the case out of the cohort table",
    )


def _start(fixed: Volume, moving: Volume, settings: Registration) -> Transform:
    """Return the rigid transform that a registration begins with, turning about the middle of the moving image."""
    centres = [volume.grid.corners_mm().mean(axis=0) for volume in (fixed, moving)]
    about = centres[0] if settings.start == "centres" else centres[1]
    found = sitk.Euler3DTransform()
    found.SetCenter([float(value) for value in about])
    if settings.start == "centres":
        found.SetTranslation([float(value) for value in centres[1] - centres[0]])
    return found


def _near(moving: Volume, mask: LabelMap, within_mm: float) -> LabelMap:
    """Return what lies within a distance of a mask, as a label on a part of its grid."""
    from scipy import ndimage

    grid = mask.grid
    boxes = list(mask.boxes.values())
    reach = [int(np.ceil(within_mm / step)) for step in grid.spacing_zyx_mm]
    z, y, x = (
        slice(
            max(min(box[axis].start for box in boxes) - reach[axis], 0),
            min(max(box[axis].stop for box in boxes) + reach[axis], grid.shape[axis]),
        )
        for axis in range(3)
    )
    inside = mask.array[z, y, x] > 0
    distance = ndimage.distance_transform_edt(~inside, sampling=grid.spacing_zyx_mm)
    return LabelMap((distance <= within_mm).astype(np.uint8), part_of(grid, (z, y, x)), name=moving.name)


def _cut(fixed: Volume, part: Grid, start: Transform) -> Volume | None:
    """Return the part of the fixed image where another grid begins, with a margin; None where that is nothing."""
    back = start.GetInverse()
    corners = np.array([back.TransformPoint([float(v) for v in corner]) for corner in part.corners_mm()])
    low, high = corners.min(axis=0) - _MARGIN_MM, corners.max(axis=0) + _MARGIN_MM
    wanted = Grid((2, 2, 2), tuple(float(v) for v in (high - low)[::-1]), tuple(float(v) for v in low))  # type: ignore[arg-type]
    box = box_around(wanted, fixed.grid)
    cut = Volume(fixed.array[box], part_of(fixed.grid, box), fixed.name)
    return cut if min(cut.array.shape) > 3 else None


def _clipped(volume: Volume) -> Image:
    low, high = np.percentile(volume.array, _CLIPPED)
    return placed(np.clip(volume.array, low, high if high > low else volume.array.max()), volume.grid)


def _overlap(fixed: Volume, moving: Grid, transform: Transform) -> float:
    """Return the share of the smaller image that the other one shows too."""
    coarse = with_spacing(fixed.grid, tuple(max(step, 6.0) for step in fixed.grid.spacing_zyx_mm))  # type: ignore[arg-type]
    ones = placed(np.ones(moving.shape, dtype=np.uint8), moving)
    seen = sitk.Resample(ones, _on(coarse), transform, sitk.sitkNearestNeighbor, 0.0)
    shared = float(sitk.GetArrayViewFromImage(seen).sum() * np.prod(coarse.spacing_zyx_mm))
    sizes = [float(np.prod(grid.shape) * np.prod(grid.spacing_zyx_mm)) for grid in (fixed.grid, moving)]
    return shared / min(sizes)


def _on(grid: Grid) -> Image:
    return placed(np.zeros(grid.shape, dtype=np.uint8), grid)


def _at(image: Image, level_mm: float, fewest: int = 1) -> Image:
    """Return an image on voxels of a level, after a Gaussian of half their size; never on smaller ones than its own.

    Args:
        image: of any grid.
        level_mm: of a voxel's sides.
        fewest: voxels along each axis; in a thin stack they are smaller than `level_mm` for that.
    """
    grid = grid_of(image)
    wanted = [max(step, level_mm) for step in grid.spacing_zyx_mm]
    for axis, size in enumerate(with_spacing(grid, wanted).shape):  # type: ignore[arg-type]
        if size < fewest:
            wanted[axis] = grid.spacing_zyx_mm[axis] * grid.shape[axis] / fewest
    sigma = [0.5 * level_mm if step < level_mm else 0.0 for step in image.GetSpacing()]
    if any(sigma):
        image = sitk.DiscreteGaussian(image, [value**2 for value in sigma], maximumKernelWidth=64, useImageSpacing=True)
    coarse = with_spacing(grid, wanted)  # type: ignore[arg-type]
    return sitk.Resample(image, _on(coarse), sitk.Transform(), sitk.sitkLinear, 0.0, sitk.sitkFloat32, True)


def _method(settings: Registration, shown: Image | None, voxels: int) -> sitk.ImageRegistrationMethod:
    """Return what compares two images, without an optimiser; of few voxels in fewer bins, which would be empty."""
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(int(np.clip(np.cbrt(voxels), _FEWEST_BINS, settings.bins)))
    method.SetInterpolator(sitk.sitkLinear)
    if shown is not None:
        method.SetMetricMovingMask(shown)
    if voxels > settings.samples:
        method.SetMetricSamplingStrategy(method.RANDOM)
        method.SetMetricSamplingPercentage(settings.samples / voxels, settings.seed)
    return method


def _affine(begin: Transform) -> Transform:
    found = sitk.AffineTransform(3)
    found.SetCenter(begin.GetCenter())
    found.SetMatrix(begin.GetMatrix())
    found.SetTranslation(begin.GetTranslation())
    return found


def _searched(fixed: Image, moving: Image, shown: Image | None, start: Transform, settings: Registration) -> Transform:
    """Return what a search finds coarse to fine; a level that loses the images, as few voxels may, is passed over.

    Raises:
        RuntimeError: all levels lose them.
    """
    found, lost = start, 0
    for level_mm in settings.levels_mm:
        try:
            found = _level(fixed, moving, shown, found, level_mm, settings)
        except RuntimeError:
            lost += 1
            if lost == len(settings.levels_mm):
                raise
    return found


def _level(
    fixed: Image, moving: Image, shown: Image | None, begin: Transform, level_mm: float, settings: Registration
) -> Transform:
    """Return a transform of the same kind that is better than the one before, or that, on voxels of a level.

    By Powell's method, one parameter after another: gradients of mutual information led astray on small images.
    """
    one, other = _at(fixed, level_mm), _at(moving, level_mm, _FEWEST_VOXELS)
    method = _method(settings, shown, one.GetNumberOfPixels())
    found = type(begin)(begin)
    turns = len(found.GetParameters()) - 3
    method.SetOptimizerScales([_RADIUS_MM] * turns + [1.0] * 3)
    method.SetOptimizerAsPowell(
        numberOfIterations=settings.iterations,
        maximumLineIterations=30,
        stepLength=level_mm / 4,
        stepTolerance=level_mm / 100,
        valueTolerance=1e-5,
    )
    method.SetInitialTransform(found, inPlace=True)
    before = method.MetricEvaluate(one, other)
    found = method.Execute(one, other).Downcast()
    return found if method.GetMetricValue() < before else begin


def _bent(fixed: Image, moving: Image, shown: Image | None, rigid: Transform, settings: Registration) -> Transform:
    """Return a rigid transform after a B-spline that bends the fixed image's space, over all levels."""
    extent = [size * step for size, step in zip(fixed.GetSize(), fixed.GetSpacing(), strict=True)]
    mesh = [max(round(length / settings.grid_mm), 1) for length in extent]
    bend = sitk.BSplineTransformInitializer(fixed, mesh, 3)
    for level_mm in settings.levels_mm:
        one, other = _at(fixed, level_mm), _at(moving, level_mm, _FEWEST_VOXELS)
        method = _method(settings, shown, one.GetNumberOfPixels())
        method.SetOptimizerAsLBFGSB(
            gradientConvergenceTolerance=1e-5,
            numberOfIterations=settings.iterations,
            maximumNumberOfCorrections=5,
            maximumNumberOfFunctionEvaluations=settings.iterations,
            costFunctionConvergenceFactor=1e7,
        )
        method.SetMovingInitialTransform(rigid)
        method.SetInitialTransform(bend, inPlace=True)
        method.Execute(one, other)
    return sitk.CompositeTransform([rigid, bend])


def _similarity(
    fixed: Image, moving: Image, shown: Image | None, transform: Transform, level_mm: float, settings: Registration
) -> float:
    """Return the mutual information of two images; larger is better."""
    one, other = _at(fixed, level_mm), _at(moving, level_mm, _FEWEST_VOXELS)
    method = _method(settings, shown, one.GetNumberOfPixels())
    method.SetInitialTransform(transform, inPlace=False)
    return -float(method.MetricEvaluate(one, other))


def _quality(
    fixed: Image, before: float, after: float, start: Transform, found: Transform, level_mm: float
) -> RegistrationQuality:
    """Return what is known of a registration without masks."""
    grid = grid_of(_at(fixed, max(level_mm, 2.0)))
    field = displacements(found, grid)
    # copies: a view does not keep its image, and of an image without a name nothing is left
    moved = sitk.GetArrayFromImage(field) - sitk.GetArrayFromImage(displacements(start, grid))
    folds = sitk.GetArrayFromImage(sitk.DisplacementFieldJacobianDeterminant(field)) <= 0
    distance = np.linalg.norm(moved, axis=-1)
    flags = []
    told = f"mutual information {before:.3f} before, {after:.3f} after"
    if after < _SHARED:
        flags.append(f"little in common: {told}")
    elif after < before * (1 + _GAIN) and np.median(distance) > level_mm / 2:  # what stayed was where it belongs
        flags.append(f"no gain: {told}")
    if folds.any():
        flags.append(f"space folds in {100 * folds.mean():.2g} % of the voxels (Jacobian 0 or less)")
    return RegistrationQuality(
        similarity_before=before,
        similarity_after=after,
        folded=float(folds.mean()),
        moved_mm=float(np.median(distance)),
        flags=tuple(flags),
    )


def with_agreement(
    quality: RegistrationQuality, before: dict[str, float | None], after: dict[str, float | None], least: float
) -> RegistrationQuality:
    """Return how a registration went, with the agreement of masks, and a flag on a small one.

    Args:
        quality: of the registration.
        before: label -> Dice where the headers put the mask; None where neither mask has the label.
        after: label -> Dice of the carried mask.
        least: Dice that is not suspicious.
    """
    small = [f"{label} {value:.2f}" for label, value in after.items() if value is not None and value < least]
    told = (f"Dice with its own mask below {least:g}: {', '.join(small)}",) if small else ()
    return quality.model_copy(update={"dice_before": before, "dice_after": after, "flags": quality.flags + told})
