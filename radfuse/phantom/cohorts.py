"""Phantom cohorts of the shipped studies that start from finished tables."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from radfuse.phantom.planted import again, mixed, planted, textures

_SITES = ("A", "B", "C", "D")


def osteosarcoma_survival(patients: int, seed: int) -> dict[str, pd.DataFrame]:
    """Months to death or to the last visit, risk factors, CT features, and a second reader's of a third of them."""
    generator = np.random.default_rng(seed)
    truth = planted(generator, patients, {"clinical": 0.9, "radiomic": 1.1}, 0.45, "cloglog")
    score = truth[["clinical_part", "radiomic_part", "intercept"]].sum(axis=1)
    months = 60 * (generator.exponential(size=patients) / np.exp(score)) ** (1 / 1.2)
    last = generator.uniform(24, 110, patients)
    clinical = truth["clinical_part"]
    cohort = pd.DataFrame({"case_id": _ids("OS", patients)})
    cohort["age"] = (10 + generator.gamma(2.2, 5, patients)).round().clip(6, 65)
    cohort["sex"] = _words(generator.random(patients) < 0.6, "male", "female")
    cohort["alp"] = np.exp(5.2 + 0.55 * mixed(generator, clinical, 0.7)).round()
    cohort["tumour_size_cm"] = (9 + 2.6 * mixed(generator, clinical, 0.5)).clip(2, 22).round(1)
    cohort["metastasis"] = _words(mixed(generator, clinical, 0.6) > 0.9, "present", "absent")
    cohort["months"] = np.maximum(np.minimum(months, last).round(1), 0.5)
    cohort["died"] = (months <= last).astype(int)
    radiomic = _with_ids(cohort, textures(generator, truth["radiomic_part"], "ct", ["tumour"]))
    second = again(generator, radiomic, max(20, patients // 3))
    return {"cohort": cohort, "radiomic": radiomic, "radiomic_reader_2": second, "truth": _truth(cohort, truth)}


def knee_oa_incidence(patients: int, seed: int) -> dict[str, pd.DataFrame]:
    """Knees of four clinics without osteoarthritis yet: risk factors, textures of load-bearing tissue, deep values."""
    generator = np.random.default_rng(seed)
    knees = _knees(generator, patients)
    truth = planted(generator, len(knees), {"clinical": 0.8, "radiomic": 1.1, "deep": 0.9}, 0.4)
    clinic = generator.choice(len(_SITES), patients)[knees["person"]]
    cohort = knees.drop(columns="person")
    cohort.insert(3, "site", np.array(_SITES)[clinic])
    cohort = cohort.join(_risk_factors(generator, truth["clinical_part"]))
    cohort["injury"] = _words(mixed(generator, truth["clinical_part"], 0.4) > 0.6, "before", "never")
    cohort["incident_oa"] = truth["event"]
    regions = ["medial_femoral_cartilage", "medial_tibial_cartilage", "medial_tibia", "lateral_tibia"]
    radiomic = textures(generator, truth["radiomic_part"], "dess", regions)
    radiomic += 0.15 * generator.standard_normal((len(_SITES), radiomic.shape[1]))[clinic] * radiomic.std().to_numpy()
    deep = np.column_stack([mixed(generator, truth["deep_part"], 0.5 if i % 12 == 3 else 0.0) for i in range(48)])
    names = [f"dess/medial_tibial_cartilage/deep_{i:03d}" for i in range(48)]
    features = {"radiomic": radiomic, "deep": pd.DataFrame(deep, columns=names)}
    return {"cohort": cohort, **_all_with_ids(cohort, features), "truth": _truth(cohort, truth)}


def knee_pain_nomogram(patients: int, seed: int) -> dict[str, pd.DataFrame]:
    """Knees whose pain got worse or not, with what a radiograph says of them."""
    generator = np.random.default_rng(seed)
    knees = _knees(generator, patients)
    truth = planted(generator, len(knees), {"clinical": 0.9, "radiomic": 1.0}, 0.45)
    cohort = knees.drop(columns="person").join(_risk_factors(generator, truth["clinical_part"]))
    grade = mixed(generator, truth["clinical_part"], 0.45)
    cohort["kl_grade"] = np.digitize(grade, (-0.4, 0.8)) + 1
    cohort["jsw_mm"] = (4.2 - 0.9 * mixed(generator, grade, 0.7)).clip(0.3, 8).round(2)
    cohort["pain_progressed"] = truth["event"]
    filters = ("original", "wavelet-HH", "wavelet-LH", "log-sigma-2-0-mm-2D")
    features = {"radiomic": textures(generator, truth["radiomic_part"], "xray", ["joint"], filters)}
    return {"cohort": cohort, **_all_with_ids(cohort, features), "truth": _truth(cohort, truth)}


def markers_cascade(patients: int, seed: int) -> dict[str, pd.DataFrame]:
    """Knees with textures for all, and markers of serum and urine for nine in ten people."""
    generator = np.random.default_rng(seed)
    knees = _knees(generator, patients)
    truth = planted(generator, len(knees), {"clinical": 0.5, "radiomic": 1.1, "markers": 1.0}, 0.4)
    cohort = knees.drop(columns="person").join(_risk_factors(generator, truth["clinical_part"]))
    cohort = cohort.drop(columns="womac_pain").assign(progressed=truth["event"])
    regions = ["medial_tibial_cartilage", "medial_tibia"]
    markers = pd.DataFrame(
        {
            "urine_ctx2": np.exp(5.5 + 0.5 * mixed(generator, truth["markers_part"], 0.6)),
            "urine_ntx1": np.exp(3.6 + 0.4 * mixed(generator, truth["markers_part"], 0.3)),
            "serum_ha": np.exp(3.5 + 0.7 * mixed(generator, truth["markers_part"], 0.5)),
            "serum_comp": 900 + 220 * mixed(generator, truth["markers_part"], 0.4),
            "serum_mmp3": np.exp(2.8 + 0.5 * generator.standard_normal(len(knees))),
        }
    ).round(2)
    radiomic = textures(generator, truth["radiomic_part"], "dess", regions)
    features = _all_with_ids(cohort, {"radiomic": radiomic, "markers": markers})
    gave = (generator.random(patients) < 0.9)[knees["person"]]
    features["markers"] = features["markers"][gave]
    return {"cohort": cohort, **features, "truth": _truth(cohort, truth)}


def _knees(generator: np.random.Generator, patients: int) -> pd.DataFrame:
    """Return case_id, patient_id, side and the number of the person, a row per knee; a third of people have two."""
    person = np.repeat(np.arange(patients), np.where(generator.random(patients) < 0.33, 2, 1))
    side = np.where(np.r_[True, person[1:] != person[:-1]], "right", "left")
    patient = np.array([f"P{number:04d}" for number in person])
    ids = [f"K{number[1:]}{half[0].upper()}" for number, half in zip(patient, side, strict=True)]
    return pd.DataFrame({"case_id": ids, "patient_id": patient, "side": side, "person": person})


def _risk_factors(generator: np.random.Generator, part: pd.Series) -> pd.DataFrame:
    rows = len(part)
    return pd.DataFrame(
        {
            "age": (61 + 8 * mixed(generator, part, 0.5)).round().clip(45, 80),
            "sex": _words(generator.random(rows) < 0.4, "male", "female"),
            "bmi": (28.5 + 4.5 * mixed(generator, part, 0.6)).round(1).clip(17, 48),
            "womac_pain": (3 + 3 * mixed(generator, part, 0.4)).round().clip(0, 20),
        }
    )


def _words(is_first: np.ndarray, first: str, second: str) -> np.ndarray:
    return np.where(is_first, first, second)


def _ids(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{number:04d}" for number in range(count)]


def _with_ids(cohort: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([cohort[["case_id"]], table], axis=1)


def _all_with_ids(cohort: pd.DataFrame, tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    return {name: _with_ids(cohort, table) for name, table in tables.items()}


def _truth(cohort: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    return _with_ids(cohort, truth.drop(columns="event"))
