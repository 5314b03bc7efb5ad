"""Register T1 to CT and PET of real sarcomas, and known displacements of T1; print seconds, Dice and errors.

    uv run python scripts/bench_registration.py [--data FOLDER] [--bend]

FOLDER is that of the shared data (RADFUSE_DATA); of each of its five patients with CT and PET the T1 mask is carried to
those images by a rigid registration, PET by its CT. Their own masks are the T1 contour, brought over by the headers: a
Dice of 1 before is no merit, and one below 1 after is how far the registration moves the tumour, for better or worse;
`similarity` says which. With --bend known B-splines too, which take longer.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from radfuse.errors import CaseError
from radfuse.seg.metrics import dice
from radfuse.volume.files import read_labels, read_volume
from radfuse.volume.grid import Grid
from radfuse.volume.image import LabelMap, Volume
from radfuse.volume.register import register
from radfuse.volume.registration import Registration
from radfuse.volume.resample import resample, resample_labels
from radfuse.volume.sitk import placed

PATIENTS = ("STS_002", "STS_008", "STS_024", "STS_025", "STS_042")


def main() -> None:
    """Print a line per registration."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("RADFUSE_DATA", "../shared/data")))
    parser.add_argument("--bend", action="store_true")
    asked = parser.parse_args()
    print("patient  image         seconds  Dice before  after  similarity before  after  moved mm")
    for name in PATIENTS:
        folder = asked.data / "sarcoma" / name
        image, mask = read_volume(folder / "t1.nii.gz"), read_labels(folder / "t1_mask.nii.gz")
        for sequence, by in (("ct", "ct"), ("pet", "pet"), ("pet", "ct")):
            own, fixed = read_labels(folder / f"{sequence}_mask.nii.gz"), read_volume(folder / f"{by}.nii.gz")
            print(f"{name}  {sequence + ' by ' + by:12s}", carried(fixed, image, mask, own, name))
    print("\npatient  known displacement  seconds  median mm before  after  95 % after  voxels in x, y, z  voxel mm")
    ways: Mapping[str, Callable[[Grid], sitk.Transform]] = {"rigid": turned, "bspline": bent}
    for name in PATIENTS:
        folder = asked.data / "sarcoma" / name
        image, mask = read_volume(folder / "t1.nii.gz"), read_labels(folder / "t1_mask.nii.gz")
        for kind in ("rigid", "bspline") if asked.bend else ("rigid",):
            print(f"{name}  {kind:18s}", found_again(image, mask, kind, ways[kind](image.grid)))


def carried(fixed: Volume, moving: Volume, mask: LabelMap, own: LabelMap, case: str) -> str:
    """Return what came of carrying a mask to an image."""
    began = time.perf_counter()
    try:
        found = register(fixed, moving, Registration(), case, mask)
    except CaseError as error:
        return f"{time.perf_counter() - began:7.1f}  {error.message[:90]}"
    seconds, quality = time.perf_counter() - began, found.quality
    before, after = (
        float(dice(own.array > 0, resample_labels(mask, own.grid, way, "linear").array > 0))
        for way in (found.start, found.transform)
    )
    likeness = f"{quality.similarity_before:17.3f}  {quality.similarity_after:5.3f}"
    return f"{seconds:7.1f}  {before:11.3f}  {after:5.3f}  {likeness}  {quality.moved_mm:8.1f}"


def found_again(image: Volume, mask: LabelMap, kind: str, known: sitk.Transform) -> str:
    """Return how well a displacement is found again, over the mask."""
    moved = resample(image, image.grid, "bspline", transform=known)
    began = time.perf_counter()
    found = register(moved, image, Registration.model_validate({"transform": kind}))
    seconds = time.perf_counter() - began
    inside = resample_labels(mask, image.grid, known).array > 0
    index = np.argwhere(inside)[::20, ::-1] * np.array(image.spacing_zyx_mm[::-1])
    points = index @ np.reshape(image.direction, (3, 3)).T + np.array(image.origin)
    ends = [
        np.array([each.TransformPoint([float(v) for v in point]) for point in points])
        for each in (known, found.start, found.transform)
    ]
    before, after = (np.linalg.norm(end - ends[0], axis=1) for end in ends[1:])
    steps = np.array(image.spacing_zyx_mm[::-1])
    off = np.median(np.abs((ends[2] - ends[0]) @ np.reshape(image.direction, (3, 3))) / steps, axis=0)
    along, size = ("  ".join(f"{value:.2f}" for value in off), " x ".join(f"{step:.2f}" for step in steps))
    return (
        f"{seconds:7.1f}  {np.median(before):16.2f}  {np.median(after):5.3f}  {np.percentile(after, 95):10.3f}  "
        f"{along:>25s}  {size}"
    )


def turned(where: Grid) -> sitk.Transform:
    """Return a turn of some degrees and a shift of some 9 mm."""
    found = sitk.Euler3DTransform()
    found.SetCenter([float(value) for value in where.corners_mm().mean(axis=0)])
    found.SetRotation(0.08, -0.05, 0.1)
    found.SetTranslation((6.0, -4.0, 5.0))
    return found


def bent(where: Grid) -> sitk.Transform:
    """Return a B-spline of control points moved at random, 4 mm along each axis."""
    extent = np.array(where.shape[::-1]) * np.array(where.spacing_zyx_mm[::-1])
    mesh = [max(round(length / 40), 1) for length in extent]
    found = sitk.BSplineTransformInitializer(placed(np.zeros(where.shape, np.uint8), where), mesh, 3)
    drawn = np.random.default_rng(0).normal(0, 4, len(found.GetParameters()))
    found.SetParameters([float(value) for value in drawn])
    return found


if __name__ == "__main__":
    main()
