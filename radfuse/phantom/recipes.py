"""Cohorts for the shipped studies of published protocols: columns and files as each asks for, an outcome planted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
from pydantic import Field

from radfuse.config import Section, build, nearest
from radfuse.errors import InputError
from radfuse.phantom import cohorts, shapes
from radfuse.phantom.folder import leave, take
from radfuse.phantom.knee import KneePhantom, Progress, write_knee_phantom
from radfuse.phantom.planted import write_tables
from radfuse.run.disk import write_atomically

FROM_TABLES: Mapping[str, Callable[[int, int], dict[str, pd.DataFrame]]] = {
    "knee_oa_incidence": cohorts.knee_oa_incidence,
    "knee_pain_nomogram": cohorts.knee_pain_nomogram,
    "markers_cascade": cohorts.markers_cascade,
    "osteosarcoma_survival": cohorts.osteosarcoma_survival,
}
"""Study -> what draws its tables of so many patients."""
FROM_IMAGES: Mapping[str, Callable[[Path, int, int], dict[str, pd.DataFrame]]] = {
    "osteosarcoma_response": shapes.osteosarcoma_response,
    "paraspinal_fasciitis": shapes.paraspinal_fasciitis,
    "rectal_pcr": shapes.rectal_pcr,
    "sarcoma_habitats": shapes.sarcoma_habitats,
    "sarcoma_pet_ct": shapes.sarcoma_pet_ct,
}
"""Study -> what draws images of so many patients into a folder, and returns the tables."""
FROM_KNEES: Mapping[str, int] = {"knee_load_bearing": 1, "knee_oa_progression": 2}
"""Study -> visits of each of the knee phantom's knees."""
RECIPES = tuple(sorted({**FROM_TABLES, **FROM_IMAGES, **FROM_KNEES}))
_USUAL = {**dict.fromkeys(FROM_TABLES, 200), **dict.fromkeys(FROM_IMAGES, 60), **dict.fromkeys(FROM_KNEES, 40)}
"""Patients, or knees."""


class RecipePhantom(Section):
    """How much of a recipe's cohort is drawn."""

    patients: int = Field(ge=16)
    """Patients, or knees."""
    seed: int = Field(ge=0)
    """Of the draw."""


def write_recipe_phantom(
    folder: Path, name: str, study: str, patients: int | None = None, seed: int = 7, progress: Progress | None = None
) -> Path:
    """Write a cohort that a shipped study runs on, truth.csv, and the study as study.yaml; return its path.

    Args:
        folder: to write.
        name: of the study.
        study: its text.
        patients: how many; of studies of knee images, knees; None: 200 where tables are drawn, 60 of images, 40 knees.
        seed: of the draw.
        progress: is told how many images are drawn.

    Raises:
        InputError: there is no phantom of the study, patients are too few, or the folder holds something else.
    """
    if name not in RECIPES:
        mend = f"take one of the {len(RECIPES)} that have one; the other shipped studies run on the data that they name"
        raise InputError(f"no phantom of a study {name!r}{nearest(name, RECIPES, mend)}")
    drawn = {"patients": _USUAL[name] if patients is None else patients, "seed": seed}
    count = build(RecipePhantom, drawn, f"phantom recipe {name}").patients
    place = folder / "study.yaml"
    if name in FROM_KNEES:
        knees = KneePhantom(cases=count, seed=seed, visits=FROM_KNEES[name], manual_share=1)
        write_knee_phantom(folder, knees, progress)
    else:
        take(folder)
        if name in FROM_TABLES:
            tables = FROM_TABLES[name](count, seed)
        else:
            (folder / "images").mkdir(exist_ok=True)
            tables = FROM_IMAGES[name](folder / "images", count, seed)
        write_tables(folder, tables)
    write_atomically(place, study.encode())
    leave(folder)
    return place
