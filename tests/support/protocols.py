"""Phantom cohorts for the shipped studies of published protocols: the columns each of them asks for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from boxes import box, second_reader, tumour_cohort

from radfuse.phantom.knee import KneePhantom, write_knee_phantom
from radfuse.volume.files import read_labels, read_volume, write_image
from radfuse.volume.grid import Grid
from radfuse.volume.image import LabelMap, Volume


def spines(folder: Path, cases: int = 16) -> None:
    """Axial stacks of two vertebrae with muscles beside them; who has the event has more fat in the multifidus."""
    shape, where = (14, 40, 56), Grid((14, 40, 56), (4.0, 1.5, 1.5), (-41.0, -20.0, 0.0))
    rows = []
    for number in range(cases):
        generator = np.random.default_rng(number)
        labels = np.zeros(shape, dtype=np.uint8)
        labels[box(shape, (0, 4, 20), (6, 18, 36))] = 2
        labels[box(shape, (8, 4, 20), (14, 18, 36))] = 1
        for start in (8, 30):
            labels[box(shape, (0, 20, start + 8), (14, 32, start + 17))] = 3
            labels[box(shape, (0, 20, start - 4), (14, 34, start + 7))] = 4
        image = generator.normal(100, 8, shape)
        event = number % 2
        fat = generator.random(shape) < (0.15 + 0.2 * event)
        image[(labels == 3) & fat] += 150
        image[(labels == 4) & (generator.random(shape) < 0.2)] += 150
        write_image(Volume(image.astype(np.float32), where), folder / f"c{number}.nrrd")
        write_image(LabelMap(labels, where), folder / f"m{number}.nrrd")
        rows.append((f"c{number}", f"c{number}.nrrd", f"m{number}.nrrd", 40 + number, 22 + number % 5, event))
    pd.DataFrame(rows, columns=["case_id", "t2", "mask", "age", "bmi", "event"]).to_csv(
        folder / "cohort.csv", index=False
    )


def tumours(folder: Path, cases: int = 16) -> pd.DataFrame:
    """Boxes in noise, and the table of `tumour_cohort`."""
    tumour_cohort(folder, cases)
    return pd.read_csv(folder / "cohort.csv")


def _derived(folder: Path, table: pd.DataFrame, name: str, make) -> None:
    """Add a column of images made of the first one's voxels."""
    for number, first in enumerate(table["t1"]):
        image = read_volume(folder / first)
        write_image(Volume(make(image.array, number).astype(np.float32), image.grid), folder / f"{name}{number}.nrrd")
    table[name] = [f"{name}{number}.nrrd" for number in range(len(table))]


def rectal(folder: Path) -> None:
    """T2 and ADC on one grid, a second reader for all, dates."""
    table = tumours(folder)
    second_reader(folder)
    table = pd.read_csv(folder / "cohort.csv").rename(columns={"second": "mask_2"})
    _derived(folder, table, "adc", lambda array, _: 2000 - 5 * array)
    table["date"] = [f"2019-{1 + number % 12:02d}-{1 + number:02d}" for number in range(len(table))]
    table.rename(columns={"t1": "t2"}).to_csv(folder / "cohort.csv", index=False)


def osteosarcomas(folder: Path) -> None:
    """A tumour with a rod of bone beside it, on two sequences."""
    table = tumours(folder)
    for name in table["mask"]:
        labels = read_labels(folder / name)
        array = labels.array.copy()
        array[:, 21:24, :][array[:, 21:24, :] == 0] = 2
        write_image(LabelMap(array.astype(np.uint8), labels.grid), folder / name)
    _derived(folder, table, "t2", lambda array, number: array[::-1] * 0 + 300 - array)
    table.to_csv(folder / "cohort.csv", index=False)


def pet_ct(folder: Path) -> None:
    """Three sequences, masks of their own; three patients lack CT and PET."""
    table = tumours(folder).rename(columns={"mask": "t1_mask"})
    _derived(folder, table, "ct", lambda array, _: array - 100)
    _derived(folder, table, "pet", lambda array, _: np.clip(array / 40, 0, None))
    table["ct_mask"] = table["pet_mask"] = table["t1_mask"]
    table.loc[:2, ["ct", "pet", "ct_mask", "pet_mask"]] = None
    table.to_csv(folder / "cohort.csv", index=False)


def knees(folder: Path) -> None:
    write_knee_phantom(folder, KneePhantom(cases=16, manual_share=1))


def knees_twice(folder: Path) -> None:
    write_knee_phantom(folder, KneePhantom(cases=16, visits=2, manual_share=1))


COHORTS = {
    "knee_load_bearing": knees,
    "knee_progression": knees_twice,
    "osteosarcoma_ring": osteosarcomas,
    "paraspinal_l45": spines,
    "rectal_t2_adc": rectal,
    "sarcoma_pet_ct": pet_ct,
}
"""Shipped study -> what writes a cohort for it into a folder."""
