"""Images and masks made of boxes, checkable by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from radfuse.volume.files import read_labels, write_image
from radfuse.volume.grid import Grid
from radfuse.volume.image import LabelMap, Volume

TURN = (0.8, -0.6, 0.0, 0.6, 0.8, 0.0, 0.0, 0.0, 1.0)
OBLIQUE = Grid((3, 4, 5), (3.27, 0.9766, 0.7), (-12.5, 30.25, -609.4), TURN)
"""A grid whose axes are turned, of odd spacings."""
MANUAL = """
cohort:
  table: cohort.csv
  images: {t1: t1}
  mask: mask
  split: {kind: grouped, folds: 2}
segmentation: {backend: manual, labels: {tumour: 1}}
regions: [{kind: label, name: tumour, label: tumour}]
radiomics: {classes: [firstorder], min_voxels: 1}
"""
"""The quickest study of the images that `tumour_cohort` writes, but for its name."""


def box(shape: tuple[int, int, int], start: tuple[int, int, int], stop: tuple[int, int, int]) -> np.ndarray:
    """Return a bool array that is True from `start` to before `stop`."""
    mask = np.zeros(shape, dtype=bool)
    mask[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))] = True
    return mask


def grid(shape: tuple[int, int, int], spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Grid:
    """Return a grid at the origin."""
    return Grid(shape, spacing)


def ramp(where: Grid) -> Volume:
    """Return an image whose voxels count from 0."""
    return Volume(np.arange(np.prod(where.shape), dtype=np.float32).reshape(where.shape), where)


def tumour_cohort(
    folder: Path,
    cases: int,
    seed: int = 0,
    masks: bool = True,
    spacing: tuple[float, float, float] = (2.0, 1.5, 1.5),
    differ: int = 0,
) -> None:
    """Write images of a bright box in noise, their masks, and cohort.csv; the event is a large box.

    Args:
        folder: is there.
        cases: how many.
        seed: of noise and places.
        masks: all are drawn; False: two of three.
        spacing: of voxels, (z, y, x) in mm.
        differ: images are up to so many voxels larger along each axis.
    """
    generator = np.random.default_rng(seed)
    rows = ["case_id,patient_id,t1,mask,age,event"]
    for number in range(cases):
        large = number % 2
        size = 8 + 3 * large
        start = generator.integers(4, 20 - size, 3)
        shape = (20, 24, 24) if not differ else tuple(np.add((20, 24, 24), generator.integers(0, differ, 3)))
        mask = box(shape, tuple(start), tuple(start + size))
        array = (generator.normal(100, 10, mask.shape) + 80 * mask + 20 * generator.random()).astype(np.float32)
        where = grid(mask.shape, spacing)
        write_image(Volume(array, where), folder / f"c{number}.nrrd")
        write_image(LabelMap(mask.astype(np.uint8), where), folder / f"m{number}.nrrd")
        drawn = f"m{number}.nrrd" if masks or number % 3 else ""
        rows.append(f"c{number},p{number},c{number}.nrrd,{drawn},{50 + number},{large}")
    (folder / "cohort.csv").write_text("\n".join(rows) + "\n")


def second_reader(folder: Path) -> None:
    """Give the cases of `tumour_cohort` a second mask, column `second`: the first one, one slice shorter."""
    table = pd.read_csv(folder / "cohort.csv")
    table["second"] = [name.replace("m", "s") if isinstance(name, str) else "" for name in table["mask"]]
    for first, second in zip(table["mask"], table["second"], strict=True):
        if second:
            mask = read_labels(folder / first)
            mask.array[np.flatnonzero(mask.array.any(axis=(1, 2)))[0]] = 0
            write_image(mask, folder / second)
    table.to_csv(folder / "cohort.csv", index=False)
