"""A cohort whose tumours have three parts that two images tell apart, checkable by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from radfuse.volume.files import write_image
from radfuse.volume.grid import Grid
from radfuse.volume.image import LabelMap, Volume

GRID = Grid((8, 14, 14), (3.0, 2.0, 2.0))
TUMOUR = (slice(2, 6), slice(4, 10), slice(4, 10))
"""4 x 6 x 6 voxels: 36 a row along y."""
VALUES = {"t1": (100.0, 200.0, 300.0), "adc": (1500.0, 800.0, 1500.0)}
"""Of the parts, the darkest on t1 first; on adc the first and the last are alike."""
STUDY = """
name: parts
report: {journal_figures: false}
cohort:
  table: cohort.csv
  images: {t1: t1, adc: adc}
  mask: mask
  clinical: [age]
  outcome: {column: event}
  split: {kind: column, column: fold}
segmentation: {backend: manual, labels: {tumour: 1}}
regions:
  - {kind: label, name: tumour, label: tumour}
  - {kind: habitats, name: part, of: tumour, sequences: [t1, adc], clusters: 3, measure: firstorder, voxels: 100}
radiomics: {classes: [firstorder], bin_count: 8, min_voxels: 5}
fusion:
  inner_folds: 2
  selection: [{kind: mrmr, k: 2}]
  classifier: {kind: logistic, c: [0.1]}
  strategy: {kind: early}
"""


def parts_of(rows: tuple[int, int, int]) -> np.ndarray:
    """Return the number of each voxel's part, 0 outside: so many rows of the tumour, one after another along y."""
    where = np.zeros(GRID.shape, dtype=int)
    where[TUMOUR] = np.repeat([1, 2, 3], rows)[None, :, None]
    return where


def drawn(name: str, rows: tuple[int, int, int], noise: float = 0.0, seed: int = 0) -> Volume:
    """Return an image of a tumour whose parts take so many rows each."""
    values = np.array([50.0, *VALUES[name]])[parts_of(rows)]
    values += np.random.default_rng(seed).normal(0, 1, values.shape) * noise
    return Volume(values.astype(np.float32), GRID, f"{name}.nrrd")


def mask() -> LabelMap:
    """Return the tumour's mask."""
    return LabelMap((parts_of((2, 2, 2)) > 0).astype(np.uint8), GRID)


def parts_cohort(folder: Path, cases: int = 8) -> Path:
    """Write images, masks, cohort.csv and study.yaml, and return the latter; events have more of part 2.

    Cases 0, 1, 4 and 5 are tested in fold 1, the others in fold 2.

    Of three cases in four the parts take 1, 1 and 4 rows, or 1, 4 and 1; the fourth has none of part 3.
    """
    rows = []
    for number in range(cases):
        event = number % 2
        sizes = (2, 4, 0) if number == 3 else (1, 4, 1) if event else (1, 1, 4)
        for place, name in enumerate(VALUES):
            image = drawn(name, sizes, noise=10.0, seed=10 * number + place)
            write_image(image, folder / f"{name}{number}.nrrd")
        write_image(mask(), folder / f"m{number}.nrrd")
        files = {"t1": f"t1{number}.nrrd", "adc": f"adc{number}.nrrd", "mask": f"m{number}.nrrd"}
        known = {"age": 40 + number, "event": event, "fold": 1 + number // 2 % 2}
        rows.append({"case_id": f"c{number}", "patient_id": f"p{number}", **files, **known})
    pd.DataFrame(rows).to_csv(folder / "cohort.csv", index=False)
    (folder / "study.yaml").write_text(STUDY)
    return folder / "study.yaml"
