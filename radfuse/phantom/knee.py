"""The knee phantom: a synthetic cohort of DESS-like knees, with images, masks and a planted, known outcome.

The outcome of a knee is drawn from logit p = intercept + clinical part + radiomic part + deep part. The clinical part
is in the clinical columns alone; the radiomic part in the medial tibial subchondral texture and the thickness of the
tibial cartilage; the deep part in where, from front to back, one lesion of constant volume and contrast lies on the
medial tibial cartilage, which nothing that is averaged over the region can tell.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from radfuse.config import Section, to_yaml
from radfuse.errors import InputError, RunError, asked
from radfuse.phantom.folder import leave, take
from radfuse.phantom.knee_shapes import (
    LABELS,
    PAIRED,
    SPREAD,
    KneeShape,
    image_position,
    lesion_centre,
    shape_from_scores,
)
from radfuse.phantom.knee_signal import Site, draw_knee
from radfuse.phantom.table import BLOCKS, intercept_for, standardised
from radfuse.run.disk import write_atomically
from radfuse.run.workers import Crew
from radfuse.volume.files import write_image
from radfuse.volume.grid import Grid
from radfuse.volume.image import LabelMap, Volume

SITES = (
    Site("north", gain=820, noise=0.020, resolution=1.0),
    Site("south", gain=1050, noise=0.026, resolution=0.95),
    Site("west", gain=640, noise=0.023, resolution=1.06),
)
_SMALLEST_MM = (80.0, 112.0, 112.0)
_LEFT_MM = 90.0
"""Of the middle of a left knee's image from the patient's midline."""
_DIRECTION = (0.0, 0.0, -1.0, 1.0, 0.0, 0.0, 0.0, -1.0, 0.0)
"""Sagittal slices from left to right, rows downwards, columns backwards."""
_PAIR_CORRELATION = 0.7
_FEWEST = 4
"""People with and without progression: two of either are left to tune what a fold trains, however folds are dealt."""
_DRAWS = 1000
"""Of outcomes that are too few."""

Progress = Callable[[str, int, int], None]


class KneePhantom(Section):
    """How the phantom is drawn."""

    cases: int = Field(default=40, ge=8)
    """Number of knees; four in five people have two."""
    seed: int = Field(default=7, ge=0)
    visits: Literal[1, 2] = 1
    """At the second visit the cartilage is a little thinner."""
    motion: NonNegativeFloat = Field(default=0.5, le=15)
    """Standard deviation of how else a knee lies at its second visit: degrees about each axis, mm along it."""
    sites: int = Field(default=3, ge=1, le=len(SITES))
    """Number of scanners; they differ in gain, noise and resolution."""
    bend_deg: float = Field(default=0.0, ge=0, le=30)
    """Flexion of every knee, of the femur on the tibia."""
    voxels_zyx: tuple[PositiveInt, PositiveInt, PositiveInt] = (40, 96, 96)
    """Of the first site; the others cover the same box."""
    spacing_zyx_mm: tuple[PositiveFloat, PositiveFloat, PositiveFloat] = (2.2, 1.25, 1.25)
    """Of the first site, left to right first."""
    prevalence: float = Field(default=0.4, gt=0.02, lt=0.98)
    """About the share of knees that progress."""
    strength: Mapping[Literal["clinical", "radiomic", "deep"], float] = {"clinical": 1.0, "radiomic": 1.5, "deep": 1.5}
    """Standard deviation of each part on the logit scale; a part left out has none."""
    manual_share: float = Field(default=0.6, ge=0, le=1)
    """Share of knees whose mask stands in the cohort table."""

    @model_validator(mode="after")
    def _knee_fits(self) -> KneePhantom:
        box = [count * step for count, step in zip(self.voxels_zyx, self.spacing_zyx_mm, strict=True)]
        if any(size < least for size, least in zip(box, _SMALLEST_MM, strict=True)):
            found, least = (" x ".join(f"{size:g}" for size in sizes) for sizes in (box, _SMALLEST_MM))
            raise ValueError(f"voxels_zyx times spacing_zyx_mm is {found} mm; a knee needs {least} mm")
        return self


def knee_tables(config: KneePhantom) -> dict[str, pd.DataFrame]:
    """Draw everything about the knees but their voxels.

    Returns:
        "cohort" (case_id, patient_id, side, visit, site, image, mask, age, sex, bmi, pain, progressed) and "truth"
        (case_id, each block's part, intercept, probability, lesion position in patient space and all numbers of
        `KneeShape`); a row per knee and visit, in the same order.
    """
    generator = np.random.default_rng(np.random.SeedSequence(config.seed, spawn_key=(0,)))
    people, sides = _people(generator, config.cases)
    persons = int(people.max()) + 1
    site = np.array([item.name for item in SITES])[generator.integers(0, config.sites, persons)][people]
    clinical, clinical_score = _clinical(generator, people)
    scores = _scores(generator, people, clinical_score)
    shapes = [replace(shape_from_scores(row), bend_deg=config.bend_deg) for row in scores.to_dict("records")]
    texture = np.log([shape.texture_amplitude for shape in shapes])
    thickness = np.array([shape.tibial_thickness for shape in shapes])
    raw = {
        "clinical": clinical_score,
        "radiomic": standardised(texture) - standardised(thickness),
        "deep": np.array([-shape.lesion_anterior for shape in shapes]),
    }
    parts = {f"{name}_part": config.strength.get(name, 0.0) * standardised(raw[name]) for name in BLOCKS}
    logit = np.sum(list(parts.values()), axis=0)
    intercept = intercept_for(logit, config.prevalence)
    probability = 1 / (1 + np.exp(-(logit + intercept)))
    knees = pd.DataFrame({"patient_id": [f"P{person:05d}" for person in people], "side": sides, "site": site})
    knees = knees.join(clinical)
    knees["progressed"] = _outcome(generator, probability, people)
    knees["manual"] = generator.permutation(config.cases) < round(config.manual_share * config.cases)
    truth = pd.DataFrame({**parts, "intercept": intercept, "probability": probability})
    return _visits(generator, config, knees, truth, shapes)


def draw_case(config: KneePhantom, tables: Mapping[str, pd.DataFrame], row: int) -> tuple[Volume, LabelMap]:
    """Draw one knee at one visit.

    Args:
        config: how.
        tables: from `knee_tables`.
        row: which case, counted from 0.
    """
    case, truth = tables["cohort"].iloc[row], tables["truth"].iloc[row]
    shape = KneeShape(**{field.name: float(truth[field.name]) for field in fields(KneeShape)})
    site = next(item for item in SITES if item.name == case["site"])
    grid = _grid(config, site, case["side"])
    knee, visit = divmod(row, config.visits)
    tissue, noise = (
        np.random.default_rng(np.random.SeedSequence(config.seed, spawn_key=(1 + knee, part)))
        for part in (0, 1 + visit)
    )
    image, labels = draw_knee(shape, site, grid.shape, grid.spacing_zyx_mm, tissue, noise)
    if case["side"] == "right":
        image, labels = image[::-1].copy(), labels[::-1].copy()
    names = {number: name for name, number in LABELS.items()}
    name = str(case["case_id"])
    return Volume(image, grid, name), LabelMap(labels, grid, names, name)


def write_knee_phantom(folder: Path, config: KneePhantom, progress: Progress | None = None) -> Path:
    """Write images/, cohort.csv, truth.csv and study.yaml; return the study's path.

    Every knee's mask is written as images/CASE_labels.nii.gz, also where the cohort table leaves it out.

    Raises:
        InputError: the folder holds something else.
    """
    tables = knee_tables(config)
    take(folder)
    _write_table(folder / "truth.csv", tables["truth"])  # first: it says that the folder is ours, whenever we stop
    (folder / "images").mkdir(exist_ok=True)
    jobs = [_Drawing(folder / "images", config, tables, row) for row in range(len(tables["cohort"]))]
    with Crew() as crew:
        for done, (_, failure) in enumerate(crew.each(_draw, jobs), start=1):
            if failure is not None:
                raise RunError(f"a knee could not be drawn: {failure}")
            if progress is not None:
                progress("drawing knees", done, len(jobs))
    _write_table(folder / "cohort.csv", tables["cohort"])
    study = folder / "study.yaml"
    write_atomically(study, to_yaml(_study(config, tables["cohort"])).encode())
    leave(folder)
    return study


@dataclass(frozen=True)
class _Drawing:
    """One knee to draw; travels to a worker process."""

    folder: Path
    config: KneePhantom
    tables: Mapping[str, pd.DataFrame]
    row: int

    def __str__(self) -> str:
        return str(self.tables["cohort"]["case_id"].iloc[self.row])


def _draw(job: _Drawing) -> None:
    image, labels = draw_case(job.config, job.tables, job.row)
    write_image(image, job.folder / f"{job}_dess.nii.gz")
    write_image(labels, job.folder / f"{job}_labels.nii.gz")


def _write_table(path: Path, table: pd.DataFrame) -> None:
    write_atomically(path, table.to_csv(index=False, float_format="%.8g").encode())


def _outcome(generator: np.random.Generator, probability: np.ndarray, people: np.ndarray) -> np.ndarray:
    """Return 0 or 1 a knee, drawn again while too few people have either for a study to be trained and tuned.

    Raises:
        InputError: hardly any draw has enough.
    """
    for _ in range(_DRAWS):
        found = (generator.random(len(people)) < probability).astype(int)
        if min(len(set(people[found == value])) for value in (0, 1)) >= _FEWEST:
            return found
    raise InputError(
        f"{len(people)} knees of {len(set(people))} people with a prevalence of {probability.mean():.2g} hardly ever "
        f"hold {_FEWEST} people with and {_FEWEST} without progression, which a study needs; draw more knees "
        f"({asked('--cases')})"
    )


def _people(generator: np.random.Generator, knees: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the person and the side of each knee; people with one knee have either."""
    people = np.repeat(np.arange(knees), np.where(generator.random(knees) < 0.8, 2, 1))[:knees]
    second = np.r_[False, people[1:] == people[:-1]]
    alone = np.bincount(people)[people] == 1
    left = second | (alone & (generator.random(knees) < 0.5))
    return people, np.where(left, "left", "right")


def _clinical(generator: np.random.Generator, people: np.ndarray) -> tuple[pd.DataFrame, np.ndarray]:
    persons = int(people.max()) + 1
    age = generator.normal(61, 9, persons).round().clip(40, 85)[people]
    male = (generator.random(persons) < 0.42)[people]
    bmi = generator.normal(28.5, 4.5, persons).round(1).clip(17, 48)[people]
    pain = generator.integers(0, 11, len(people))
    score = 0.06 * (age - 61) + 0.10 * (bmi - 28.5) + 0.5 * ~male + 0.12 * pain
    sex = np.where(male, "male", "female")
    return pd.DataFrame({"age": age.astype(int), "sex": sex, "bmi": bmi, "pain": pain}), score


def _scores(generator: np.random.Generator, people: np.ndarray, clinical: np.ndarray) -> pd.DataFrame:
    """Standard normal columns, one for each number of a shape; what carries the outcome is uncorrelated.

    With a few dozen knees, chance alone would let one part speak for another; so the part of each planted column that
    the earlier ones and the clinical score explain is taken out.
    """
    person = generator.standard_normal((int(people.max()) + 1, len(SPREAD)))[people]
    alone = generator.standard_normal((len(people), len(SPREAD)))
    both = np.sqrt(_PAIR_CORRELATION) * person + np.sqrt(1 - _PAIR_CORRELATION) * alone
    shared = np.isin(list(SPREAD), PAIRED)
    scores = pd.DataFrame(np.where(shared, both, alone), columns=list(SPREAD))
    known = [np.ones(len(people)), clinical]
    for name in ("texture_amplitude", "tibial_thickness", "lesion_anterior"):
        column = scores[name].to_numpy()
        design = np.column_stack(known)
        rest = column - design @ np.linalg.lstsq(design, column, rcond=None)[0]
        scores[name] = standardised(rest)
        known.append(scores[name].to_numpy())
    return scores


def _visits(
    generator: np.random.Generator,
    config: KneePhantom,
    knees: pd.DataFrame,
    truth: pd.DataFrame,
    shapes: list[KneeShape],
) -> dict[str, pd.DataFrame]:
    cohort_rows, truth_rows = [], []
    for knee, (about, parts) in enumerate(zip(knees.to_dict("records"), truth.to_dict("records"), strict=True)):
        thinner, move = generator.uniform(0.02, 0.06), generator.normal(0, config.motion, 6)
        for visit in range(config.visits):
            shape = shapes[knee] if visit == 0 else _later(shapes[knee], thinner, move)
            name = f"V{visit:02d}"
            case_id = f"K{about['patient_id'][1:]}{about['side'][0].upper()}_{name}"
            files = {"image": f"images/{case_id}_dess.nii.gz", "mask": f"images/{case_id}_labels.nii.gz"}
            if not about["manual"]:
                files["mask"] = ""
            first = {"case_id": case_id, "patient_id": about["patient_id"], "side": about["side"], "visit": name}
            rest = {column: about[column] for column in ("site", "age", "sex", "bmi", "pain", "progressed")}
            cohort_rows.append({**first, "site": rest.pop("site"), **files, **rest})
            lesion = dict(
                zip(("lesion_x_mm", "lesion_y_mm", "lesion_z_mm"), _lesion(shape, about["side"]), strict=True)
            )
            truth_rows.append({"case_id": case_id, **parts, **lesion, **asdict(shape)})
    return {"cohort": pd.DataFrame(cohort_rows), "truth": pd.DataFrame(truth_rows)}


def _later(shape: KneeShape, thinner: float, move: np.ndarray) -> KneeShape:
    """The same knee with thinner cartilage, put into the scanner anew."""
    pose = ("flexion_deg", "rotation_deg", "abduction_deg", "shift_medial", "shift_anterior", "shift_superior")
    moved = {name: getattr(shape, name) + float(change) for name, change in zip(pose, move, strict=True)}
    thin = {name: getattr(shape, name) * (1 - thinner) for name in ("femoral_thickness", "tibial_thickness")}
    return replace(shape, **moved, **thin)


def _lesion(shape: KneeShape, side: str) -> tuple[float, float, float]:
    """Return the middle of the lesion in patient space, (left, posterior, superior) in mm."""
    medial, anterior, superior = map(float, image_position(shape, lesion_centre(shape)))
    return (_LEFT_MM - medial if side == "left" else medial - _LEFT_MM, -anterior, superior)


def _grid(config: KneePhantom, site: Site, side: str) -> Grid:
    first = list(zip(config.voxels_zyx, config.spacing_zyx_mm, strict=True))
    z, y, x = (round(count / site.resolution) for count, _ in first)
    depth, down, back = (round(step * site.resolution, 4) for _, step in first)
    middle = _LEFT_MM if side == "left" else -_LEFT_MM
    origin = (middle + (z - 1) / 2 * depth, -(x - 1) / 2 * back, (y - 1) / 2 * down)
    return Grid((z, y, x), (depth, down, back), origin, _DIRECTION)


def _study(config: KneePhantom, cohort: pd.DataFrame) -> dict[str, object]:
    patients = cohort.groupby("progressed")["patient_id"].nunique()
    folds = min(3, max(2, int(patients.min())))  # a few knees may hold two patients with the outcome
    return {
        "name": "knee_phantom",
        "title": "Knee phantom: progression of osteoarthritis",
        "seed": config.seed,
        "cohort": {
            "table": "cohort.csv",
            "images": {"dess": "image"},
            "mask": "mask",
            "patient": "patient_id",
            "unit": ["patient_id", "side"],
            "site": "site",
            "clinical": ["age", {"column": "sex", "levels": ["female", "male"]}, "bmi", "pain"],
            "outcome": {"column": "progressed", "kind": "binary"},
            "split": {"kind": "grouped", "folds": folds},
        },
        "segmentation": {
            "backend": "unet",
            "labels": LABELS,
            "spacing_zyx_mm": [2.2, 1.25, 1.25],
            "dimensions": "2.5d",  # a minute teaches slices more than volumes, in which convolutions cost three times
            "channels": [12, 24, 48, 96],
            "steps": 260,
            "overlap": 0.3,
            "batch": 4,
            "learning_rate": 0.015,
            "deep_supervision": True,
            "ema": 0.97,
            "augmentation": "none",  # a minute of training is too short for it to help
        },
        "regions": [
            {"kind": "label", "name": "tibial_cartilage", "label": "tibial_cartilage"},
            {
                "kind": "subchondral",
                "name": "tibial_subchondral",
                "bone": "tibia",
                "cartilage": "tibial_cartilage",
                "depth_mm": 8,
            },
        ],
        "radiomics": {"normalize": True, "bin_width": 10},
        "deep": {"regions": ["tibial_cartilage"], "mirrored": {"side": "left"}},
    }
