"""A cohort whose cases have two sequences, the second displaced and on a grid of its own, checkable by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import SimpleITK as sitk
from boxes import tumour_cohort
from scipy import ndimage

from radfuse.volume.files import read_labels, read_volume, write_image
from radfuse.volume.grid import Grid
from radfuse.volume.image import Volume
from radfuse.volume.resample import resample, resample_labels

SHIFT_MM = (3.0, -2.0, 2.5)
"""What lies at x in `t2` lies at x + this in `t1`, (x, y, z)."""
OTHER = Grid((16, 28, 28), (2.5, 1.5, 1.5), (-2.0, -1.0, -1.0))
STUDY = """
name: two
report: {journal_figures: false}
cohort:
  table: cohort.csv
  images: {t1: t1, t2: t2}
  mask: mask
  masks: {t2: t2_mask}
  clinical: [age]
  outcome: {column: event}
  split: {kind: grouped, folds: 2}
segmentation: {backend: manual, labels: {tumour: 1}}
regions: [{kind: label, name: tumour, label: tumour}]
radiomics: {classes: [shape, firstorder], bin_count: 16}
sequences:
  t2:
    masks: own
    registration: {levels_mm: [3], iterations: 20, least_dice: 0.5}
    normalise: [{kind: zscore, within: image}]
    radiomics: {bin_width: 3}
fusion:
  inner_folds: 2
  selection: [{kind: mrmr, k: 2}]
  classifier: {kind: logistic, c: [0.1]}
  strategy: {kind: early}
"""


def two_sequences(folder: Path, cases: int = 8) -> Path:
    """Write the cohort of `tumour_cohort` with columns `t2` and `t2_mask`, and study.yaml; return the latter.

    The first shows a bright box in a cloudy tissue, the second the same inverted, displaced by `SHIFT_MM`.
    """
    tumour_cohort(folder, cases)
    table = pd.read_csv(folder / "cohort.csv")
    move = sitk.TranslationTransform(3, SHIFT_MM)
    for number in range(cases):
        first = read_volume(folder / f"c{number}.nrrd")
        mask = read_labels(folder / f"m{number}.nrrd")
        seen = ndimage.gaussian_filter(np.random.default_rng(number).normal(0, 300, first.array.shape), 1.5)
        first = Volume(np.asarray(100 + seen + 80 * mask.array, np.float32), first.grid, first.name)
        write_image(first, folder / first.name)
        there = resample(first, OTHER, transform=move, edge=True)
        write_image(Volume(np.asarray(300 - there.array, np.float32), OTHER), folder / f"d{number}.nrrd")
        own = resample_labels(mask, OTHER, move)
        write_image(own, folder / f"n{number}.nrrd")
    table["t2"] = [f"d{number}.nrrd" for number in range(cases)]
    table["t2_mask"] = [f"n{number}.nrrd" for number in range(cases)]
    table.to_csv(folder / "cohort.csv", index=False)
    (folder / "study.yaml").write_text(STUDY)
    return folder / "study.yaml"


VISITS = """
name: visits
report: {journal_figures: false}
cohort:
  table: cohort.csv
  unit: [patient_id]
  images: {t1: t1}
  mask: mask
  changes: {between: [v0, v1]}
  outcome: {column: event}
  split: {kind: grouped, folds: 2}
segmentation: {backend: manual, labels: {tumour: 1}}
regions: [{kind: label, name: tumour, label: tumour}]
radiomics: {classes: [firstorder], bin_count: 16, features: {firstorder: [Median]}}
visits: {registration: {levels_mm: [4], iterations: 20}}
"""


def two_visits(folder: Path, patients: int) -> Path:
    """Write patients who were seen twice, and study.yaml; return the latter.

    A bright box in clouds, at v1 displaced by `SHIFT_MM`, on another grid and 10 brighter. Its mask there is
    truthN.nrrd; the first patient's alone stands in the table.
    """
    tumour_cohort(folder, patients)
    first = pd.read_csv(folder / "cohort.csv")
    move = sitk.TranslationTransform(3, SHIFT_MM)
    for number in range(patients):
        mask = read_labels(folder / f"m{number}.nrrd")
        clouds = ndimage.gaussian_filter(np.random.default_rng(number).normal(0, 300, mask.array.shape), 1.5)
        image = Volume(np.asarray(100 + clouds + 80 * mask.array, np.float32), mask.grid)
        write_image(image, folder / f"c{number}.nrrd")
        there = resample(image, OTHER, transform=move, edge=True)
        write_image(Volume(there.array + np.float32(10), OTHER), folder / f"f{number}.nrrd")
        write_image(resample_labels(mask, OTHER, move), folder / f"truth{number}.nrrd")
    later = first.assign(case_id=[f"f{i}" for i in range(patients)], t1=[f"f{i}.nrrd" for i in range(patients)])
    later["mask"] = ["truth0.nrrd", *[""] * (patients - 1)]
    table = pd.concat([first.assign(visit="v0"), later.assign(visit="v1")])
    table.to_csv(folder / "cohort.csv", index=False)
    (folder / "study.yaml").write_text(VISITS)
    return folder / "study.yaml"
