"""How near a mask must come to another one for its features to be the same: phantom knees, manual masks moved a little.

    uv run python scripts/moved_masks.py --knees 40 --mm 0.25 0.35 0.5

Each manual mask is bent by a smooth random displacement, whose standard deviation along each axis is given and which
correlates over 4 mm: what a segmentation would do that errs at random, and not in a direction of its own. Prints, of
each label, the median Dice between the two masks and the share of its 107 features whose ICC(2,1) is at least 0.75.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import ndimage

import radfuse as rf
from radfuse.phantom.knee import KneePhantom, draw_case, knee_tables
from radfuse.phantom.knee_shapes import LABELS
from radfuse.seg.metrics import dice
from radfuse.statistics.icc import iccs
from radfuse.volume.image import LabelMap

SMOOTH_MM = 4.0
RADIOMICS = rf.RadiomicsConfig(normalize=True, bin_width=10)
"""As the phantom's study has it: scanners differ in gain, and features that tell them apart agree whatever the mask."""


def main() -> None:
    """Print a row for each label and displacement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--knees", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1, help="of the cohort")
    parser.add_argument("--mm", type=float, nargs="+", default=[0.25, 0.35, 0.5], help="standard deviations")
    arguments = parser.parse_args()
    config = KneePhantom(cases=arguments.knees, seed=arguments.seed)
    tables = knee_tables(config)
    drawn: list[pd.DataFrame] = []
    moved: dict[float, list[pd.DataFrame]] = {size: [] for size in arguments.mm}
    near: dict[float, list[list[float]]] = {size: [] for size in arguments.mm}
    for row in range(arguments.knees):
        volume, labels = draw_case(config, tables, row)
        drawn.append(rf.extract(volume, labels, RADIOMICS).values)
        field = displacement(labels, np.random.default_rng(row))
        for size in arguments.mm:
            other = bent(labels, size * field)
            moved[size].append(rf.extract(volume, other, RADIOMICS).values)
            near[size].append([dice(labels.array == number, other.array == number) for number in LABELS.values()])
    print("| moved by, mm | label | Dice, median | ICC(2,1) at least 0.75 |\n|---|---|---|---|")
    for size in arguments.mm:
        for name, each in zip(LABELS, np.median(near[size], axis=0), strict=True):
            print(f"| {size:g} | {name} | {each:.3f} | {agreeing(drawn, moved[size], name):.0%} |")


def displacement(labels: LabelMap, rng: np.random.Generator) -> np.ndarray:
    """Return a smooth field of a standard deviation of 1 along each axis, shape (axis, z, y, x)."""
    sigma = [SMOOTH_MM / step for step in labels.spacing_zyx_mm]
    fields = [ndimage.gaussian_filter(rng.standard_normal(labels.array.shape), sigma) for _ in range(3)]
    return np.array([field / field.std() for field in fields])


def bent(labels: LabelMap, field_mm: np.ndarray) -> LabelMap:
    """Return labels as they lie where a field, in mm, takes each voxel; the nearest one's."""
    steps = np.array(labels.spacing_zyx_mm).reshape(3, 1, 1, 1)
    places = np.indices(labels.array.shape) + field_mm / steps
    array = ndimage.map_coordinates(labels.array, places, order=0)
    return LabelMap(array, labels.grid, labels.names)


def agreeing(drawn: Sequence[pd.DataFrame], moved: Sequence[pd.DataFrame], label: str) -> float:
    """Return the share of a label's features whose ICC(2,1) is at least 0.75."""
    ratings = np.stack([[table.loc[label].to_numpy(dtype=float) for table in tables] for tables in (drawn, moved)], 1)
    return float(np.mean(iccs(ratings) >= 0.75))


if __name__ == "__main__":
    main()
