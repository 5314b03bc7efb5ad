"""The table phantom: clinical, radiomic and deep blocks with planted, known parts of the outcome.

The outcome of a knee is drawn from logit p = intercept + clinical part + radiomic part + deep part. Each part is a
linear function of a few columns of its block and independent of the other parts, so the best any model of some blocks
can do is to rank by the sum of their parts: its AUC is the reachable one.

Of survival, the parts add up to the log hazard ratio of the time to knee replacement, whose baseline is Weibull's, and
people leave between two and ten years.

Of several classes, each block's part is twice the log odds of one phenotype against a fourth that is none of them.

Continuous and ordinal outcomes are the sum of the parts and noise that no column knows: cartilage lost in mm, or, cut
at four values, a Kellgren-Lawrence grade.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field, field_validator, model_validator

from radfuse.config import Section, to_yaml
from radfuse.phantom.folder import leave, take
from radfuse.run.disk import write_atomically
from radfuse.statistics.links import LinkName, probability_of

BLOCKS: tuple[Literal["clinical", "radiomic", "deep"], ...] = ("clinical", "radiomic", "deep")
_REGIONS = (
    "tibial_subchondral_medial",
    "tibial_subchondral_lateral",
    "femoral_cartilage_medial",
    "tibial_cartilage_medial",
)
_FILTERS = ("original", "wavelet-LLH", "wavelet-HHL", "log-sigma-2-0-mm-3D")
_TEXTURES = (
    "firstorder_Mean", "firstorder_Kurtosis", "firstorder_Entropy", "glcm_Contrast", "glcm_Idmn",
    "glrlm_RunEntropy", "glszm_ZoneEntropy", "gldm_DependenceVariance", "ngtdm_Coarseness",
)  # fmt: skip
_SITES = ("north", "south", "west")
_LOSS_MM, _SPREAD_MM, _NOISE = 0.4, 0.1, 0.5
"""Of a continuous outcome: mean, mm per unit of the score, and the scale of the logistic noise, of grades too."""
RADIOMIC_TELLING, DEEP_TELLING = (3, 27, 51, 87, 123), (3, 20, 47)
"""Positions, among the columns of their block, of those whose values make its part."""
_TELLS = 2.0
"""Log odds of a phenotype by a block's part."""
_GRADE_CUTS = (-1.8, -0.6, 0.6, 1.8)
"""Values at which the next grade begins."""
PHENOTYPES = ("inflammatory", "bone", "cartilage", "mild")
"""Told by the clinical, the radiomic and the deep part; the last by none."""
_HORIZON, _SHAPE, _LIVES = 60.0, 1.2, 120.0
"""Of survival: months by which the event is predicted, Weibull's shape, and months people live where they may die."""

_OUTCOMES: dict[str, dict[str, object]] = {
    "binary": {"column": "progressed", "kind": "binary"},
    "survival": {
        "kind": "survival",
        "time": "months",
        "event": "replaced",
        "horizon": 60,
        "unit": "months",
        "times": [12, 36, 60],
    },
    "continuous": {"column": "loss", "kind": "continuous", "unit": "mm"},
    "multiclass": {"column": "phenotype", "kind": "multiclass"},
    "ordinal": {"column": "grade", "kind": "ordinal", "levels": ["0", "1", "2", "3", "4"]},
}
_TITLES = {
    "binary": "Table phantom: knee osteoarthritis progression",
    "survival": "Table phantom: time to knee replacement",
    "continuous": "Table phantom: loss of cartilage",
    "multiclass": "Table phantom: phenotype of osteoarthritis",
    "ordinal": "Table phantom: grade of osteoarthritis",
}


class TablePhantom(Section):
    """How the phantom is drawn."""

    outcome: Literal["binary", "survival", "continuous", "ordinal", "multiclass"] = "binary"
    """Whether the knee progressed; months until it was replaced, or was last seen; mm of cartilage lost; its grade; its
    phenotype."""
    patients: int = Field(default=300, ge=20)
    seed: int = Field(default=7, ge=0)
    prevalence: float = Field(default=0.35, gt=0.02, lt=0.98)
    """About the share of knees with the event; of survival, by 60 months; no part of other outcomes."""
    strength: Mapping[Literal["clinical", "radiomic", "deep"], float] = {"clinical": 0.8, "radiomic": 1.1, "deep": 0.9}
    """Standard deviation of each block's part of the log odds, or of the log hazard ratio; all three."""
    site_shift: float = Field(default=0.15, ge=0)
    """Offset between sites, in standard deviations of a feature."""
    missing: float = Field(default=0.01, ge=0, lt=0.5)
    """Share of missing values."""
    competing: bool = False
    """Of survival: people may die first (2 in the column of events), whatever their knees are like."""

    @model_validator(mode="after")
    def _dies_of_survival(self) -> TablePhantom:
        if self.competing and self.outcome != "survival":
            raise ValueError("competing events are those of the outcome survival; leave `competing` out")
        return self

    @field_validator("strength")
    @classmethod
    def _all_blocks(cls, strength: Mapping[str, float]) -> Mapping[str, float]:
        if set(strength) != set(BLOCKS):
            raise ValueError(f"give a strength for each of {', '.join(BLOCKS)}")
        return strength


def table_phantom(config: TablePhantom) -> dict[str, pd.DataFrame]:
    """Draw a phantom.

    Returns:
        "cohort" (case_id, patient_id, side, site, age, sex, bmi, pain, progressed; or other outcomes),
        "radiomic" and "deep" (case_id and features), "truth" (case_id, each block's part, the intercept, the
        probability of the event, of survival by 60 months); a row per knee.
    """
    generator = np.random.default_rng(config.seed)
    people = np.repeat(np.arange(config.patients), np.where(generator.random(config.patients) < 0.8, 2, 1))
    sides = np.where(np.r_[True, people[1:] != people[:-1]], "right", "left")
    site = generator.choice(len(_SITES), size=config.patients, p=(0.5, 0.3, 0.2))[people]
    clinical, clinical_part = _clinical(generator, config.patients, people)
    radiomic, radiomic_part = _radiomic(generator, people)
    deep, deep_part = _deep(generator, people)
    parts = {
        name: config.strength[name] * standardised(part)
        for name, part in zip(BLOCKS, (clinical_part, radiomic_part, deep_part), strict=True)
    }
    logit = np.sum(list(parts.values()), axis=0)
    link: LinkName = "cloglog" if config.outcome == "survival" else "logit"
    intercept = intercept_for(logit, config.prevalence, link)
    probability = probability_of(logit + intercept, link)
    outcome = pd.DataFrame({"progressed": (generator.random(len(people)) < probability).astype(int)})
    if config.outcome == "survival":
        outcome = _times(np.random.default_rng([config.seed, 1]), people, logit + intercept)
        outcome = _outlived(outcome, np.random.default_rng([config.seed, 4]), people) if config.competing else outcome
    if config.outcome in ("continuous", "ordinal"):
        outcome = _values(np.random.default_rng([config.seed, 2]), logit, config.outcome)
    if config.outcome == "multiclass":
        outcome = _phenotypes(np.random.default_rng([config.seed, 3]), np.column_stack(list(parts.values())))
    case_id = np.array([f"K{person:05d}{side[0].upper()}" for person, side in zip(people, sides, strict=True)])
    for values in (radiomic, deep):
        shift = config.site_shift * generator.standard_normal((len(_SITES), values.shape[1]))
        values += shift[site] * values.std().to_numpy()
    scale = 10 ** generator.uniform(-2, 4, radiomic.shape[1])
    radiomic = radiomic * scale + scale * generator.uniform(0, 20, radiomic.shape[1])
    for values in (clinical, radiomic, deep):
        values[:] = values.mask(generator.random(values.shape) < config.missing)
    ids = pd.DataFrame({"case_id": case_id, "patient_id": [f"P{person:05d}" for person in people], "side": sides})
    ids["site"] = np.array(_SITES)[site]
    clinical["sex"] = clinical["sex"].map({0.0: "female", 1.0: "male"})
    truth = {f"{name}_part": part for name, part in parts.items()}
    return {
        "cohort": pd.concat([ids, clinical, outcome], axis=1),
        "radiomic": pd.concat([ids[["case_id"]], radiomic], axis=1),
        "deep": pd.concat([ids[["case_id"]], deep], axis=1),
        "truth": pd.DataFrame({"case_id": case_id, **truth, "intercept": intercept, "probability": probability}),
    }


def write_table_phantom(folder: Path, config: TablePhantom) -> Path:
    """Write cohort.csv, radiomic.csv, deep.csv, truth.csv and study.yaml; return the study's path.

    Raises:
        InputError: the folder holds something else.
    """
    take(folder)
    for name, table in table_phantom(config).items():
        write_atomically(folder / f"{name}.csv", table.to_csv(index=False, float_format="%.8g").encode())
    study = folder / "study.yaml"
    write_atomically(study, to_yaml(_study(config)).encode())
    leave(folder)
    return study


def reachable_auc(truth: pd.DataFrame, family: str) -> float:
    """Return the expected AUC of the best ranking that a family's blocks allow on these knees.

    Args:
        truth: truth.csv.
        family: blocks joined by "-".

    Returns:
        The mean over draws of the outcome: sum over pairs of p_i (1 - p_j) [score_i > score_j], divided by the sum of
        p_i (1 - p_j); `p` is the true probability, and ties count one half.
    """
    score = truth[[f"{block}_part" for block in family.split("-")]].sum(axis=1).to_numpy()
    _, place = np.unique(score, return_inverse=True)
    p = truth["probability"].to_numpy()
    events, others = np.bincount(place, p), np.bincount(place, 1 - p)
    both = np.bincount(place, p * (1 - p))  # a knee makes no pair with itself
    below = np.cumsum(others) - others
    won = (events * below).sum() + 0.5 * ((events * others).sum() - both.sum())
    return float(won / (p.sum() * (1 - p).sum() - both.sum()))


def standardised(values: np.ndarray) -> np.ndarray:
    """Return values with mean 0 and standard deviation 1."""
    return np.asarray((values - values.mean()) / values.std())


def intercept_for(score: np.ndarray, prevalence: float, link: LinkName = "logit") -> float:
    """Return the intercept that gives a mean probability on a link, by bisection."""
    low, high = -20.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if probability_of(score + middle, link).mean() < prevalence else (low, middle)
    return middle


def _times(generator: np.random.Generator, people: np.ndarray, score: np.ndarray) -> pd.DataFrame:
    """Return months to the event or to the last visit, and whether it was the event.

    Args:
        generator: of its own, so that features are the same as of a binary phantom.
        people: whose knee each is, shape (knee,).
        score: log cumulative hazard at 60 months, shape (knee,).
    """
    event = _HORIZON * (generator.exponential(size=len(people)) / np.exp(score)) ** (1 / _SHAPE)
    last = generator.uniform(24, 120, people.max() + 1)[people]
    months = np.maximum(np.minimum(event, last).round(1), 0.1)
    return pd.DataFrame({"months": months, "replaced": (event <= last).astype(int)})


def _outlived(outcome: pd.DataFrame, generator: np.random.Generator, people: np.ndarray) -> pd.DataFrame:
    """Return the same where people may die before: months until then, and 2 for the event."""
    death = np.maximum(generator.exponential(_LIVES, people.max() + 1)[people].round(1), 0.1)
    first = death < outcome["months"]
    months, event = outcome["months"].mask(first, death), outcome["replaced"].mask(first, 2)
    return pd.DataFrame({"months": months, "replaced": event})


def _values(generator: np.random.Generator, score: np.ndarray, kind: Literal["continuous", "ordinal"]) -> pd.DataFrame:
    """Return mm of cartilage lost, or the grade, of each knee.

    Args:
        generator: of its own, so that features are the same as of a binary phantom.
        score: sum of all parts, shape (knee,).
        kind: which.
    """
    value = score + generator.logistic(size=len(score)) * _NOISE
    if kind == "continuous":
        return pd.DataFrame({"loss": (_LOSS_MM + _SPREAD_MM * value).round(4)})
    return pd.DataFrame({"grade": np.searchsorted(_GRADE_CUTS, value)})


def shares_of_phenotypes(parts: np.ndarray) -> np.ndarray:
    """Return the probability of each phenotype, shape (..., 4), of the parts of the blocks, shape (..., 3)."""
    return probability_of(np.concatenate([_TELLS * parts, np.zeros((*parts.shape[:-1], 1))], axis=-1), "softmax")


def _phenotypes(generator: np.random.Generator, parts: np.ndarray) -> pd.DataFrame:
    """Return the phenotype of each knee.

    Args:
        generator: of its own, so that features are the same as of a binary phantom.
        parts: of each block, shape (knee, 3).
    """
    p = shares_of_phenotypes(parts)
    drawn = (generator.random(len(p))[:, None] > np.cumsum(p, axis=1)[:, :-1]).sum(axis=1)
    return pd.DataFrame({"phenotype": np.array(PHENOTYPES)[drawn]})


def _clinical(generator: np.random.Generator, patients: int, people: np.ndarray) -> tuple[pd.DataFrame, np.ndarray]:
    age = generator.normal(61, 9, patients).round().clip(40, 85)
    sex = (generator.random(patients) < 0.42).astype(float)
    bmi = generator.normal(28.5, 4.5, patients).round(1).clip(17, 48)
    pain = np.zeros(len(people)) + generator.integers(0, 11, len(people))
    part = 0.06 * (age[people] - 61) + 0.10 * (bmi[people] - 28.5) + 0.5 * (1 - sex[people]) + 0.12 * pain
    return pd.DataFrame({"age": age[people], "sex": sex[people], "bmi": bmi[people], "pain": pain}), part


def _knees(generator: np.random.Generator, people: np.ndarray, columns: int) -> np.ndarray:
    """Standard normal columns; the two knees of a person correlate with 0.5."""
    person = generator.standard_normal((people.max() + 1, columns))
    return np.asarray(np.sqrt(0.5) * person[people] + np.sqrt(0.5) * generator.standard_normal((len(people), columns)))


def _radiomic(generator: np.random.Generator, people: np.ndarray) -> tuple[pd.DataFrame, np.ndarray]:
    """Families of correlated textures; the part is a sum over five columns, each with redundant neighbours."""
    names = [
        f"dess/{region}/{filter_}_{texture}" for region in _REGIONS for filter_ in _FILTERS for texture in _TEXTURES
    ]
    sources = _knees(generator, people, len(names) // 3)
    values = np.empty((len(people), len(names)))
    for column in range(len(names)):
        source = column // 3
        if column % 3 == 0:
            values[:, column] = sources[:, source]
        else:
            share = 0.9 if column % 3 == 1 else 0.6
            values[:, column] = share * sources[:, source] + np.sqrt(1 - share**2) * generator.standard_normal(
                len(people)
            )
    weights = np.array([1.0, -0.9, 0.8, 0.7, -0.6])
    return pd.DataFrame(values, columns=names), sources[:, np.array(RADIOMIC_TELLING) // 3] @ weights


def _deep(generator: np.random.Generator, people: np.ndarray) -> tuple[pd.DataFrame, np.ndarray]:
    """Dense features; the part is a sum over three columns."""
    values = _knees(generator, people, 64)
    part = values[:, DEEP_TELLING] @ np.array([1.0, 0.8, -0.7])
    return pd.DataFrame(values, columns=[f"dess/tibial_cartilage/deep_{i:03d}" for i in range(64)]), part


def _study(config: TablePhantom) -> dict[str, object]:
    """Return the study file that fits the phantom."""
    return {
        "name": "table_phantom",
        "title": _TITLES[config.outcome],
        "seed": config.seed,
        "cohort": {
            "table": "cohort.csv",
            "patient": "patient_id",
            "unit": ["patient_id", "side"],
            "site": "site",
            "clinical": ["age", {"column": "sex", "levels": ["female", "male"]}, "bmi", "pain"],
            "outcome": _OUTCOMES[config.outcome] | ({"positive": "1", "competing": ["2"]} if config.competing else {}),
            "split": {"kind": "grouped", "folds": 5},
        },
        "features": {"radiomic": "radiomic.csv", "deep": "deep.csv"},
    }
