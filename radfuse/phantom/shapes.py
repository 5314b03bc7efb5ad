"""Phantom images of the shipped studies that start from images: tumours beside bone, muscles beside vertebrae."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from scipy import ndimage

from radfuse.phantom.planted import mixed, planted
from radfuse.volume.files import write_image
from radfuse.volume.grid import Grid
from radfuse.volume.image import LabelMap, Volume

_TUMOUR = Grid((20, 32, 32), (3.0, 2.0, 2.0))
_SPINE = Grid((14, 40, 56), (4.0, 1.5, 1.5), (-41.0, -20.0, 0.0))
_DAYS_BETWEEN = 9


def paraspinal_fasciitis(folder: Path, patients: int, seed: int) -> dict[str, pd.DataFrame]:
    """Axial stacks of two vertebrae and muscles: the more fat in the multifidus, the likelier the event."""
    generator = np.random.default_rng(seed)
    truth = planted(generator, patients, {"clinical": 1.3, "radiomic": 2.0}, 0.5)
    cohort = _people(generator, truth, "LF").rename(columns={"marker": "pain_vas"})
    cohort["pain_vas"] = (5 + 2 * mixed(generator, truth["clinical_part"], 0.7)).round().clip(0, 10)
    cohort["pain_months"] = np.exp(2 + 0.8 * mixed(generator, truth["clinical_part"], 0.4)).round()
    cohort["bmi"] = (24 + 3 * generator.standard_normal(patients)).round(1).clip(16, 40)
    for number, row in enumerate(truth.itertuples()):
        labels = _spine()
        image = generator.normal(100, 8, labels.shape)
        strands = _texture(generator, 0.8, labels.shape)
        for muscle, share in ((3, 0.25 + 0.06 * float(row.radiomic_part)), (4, 0.2)):
            own = labels == muscle
            image[own & (strands > np.quantile(strands[own], 1 - np.clip(share, 0.02, 0.7)))] += 150
        _write(folder, f"{cohort['case_id'][number]}_t2", image, _SPINE)
        _write(folder, f"{cohort['case_id'][number]}_mask", labels, _SPINE)
    cohort["t2"], cohort["mask"] = _paths(cohort, "t2"), _paths(cohort, "mask")
    return _tables(cohort, truth, "fasciitis")


def rectal_pcr(folder: Path, patients: int, seed: int) -> dict[str, pd.DataFrame]:
    """T2 and ADC of a tumour, masks of two readers, dates, and what three readers of mrTRG say, the last the best."""
    generator = np.random.default_rng(seed)
    truth = planted(generator, patients, {"clinical": 0.9, "radiomic": 1.6}, 0.4)
    cohort = _people(generator, truth, "RC").rename(columns={"marker": "cea"})
    cohort["date"] = [str(np.datetime64("2017-03-01") + _DAYS_BETWEEN * number) for number in range(patients)]
    for number, part in enumerate(truth["radiomic_part"]):
        case, tumour = cohort["case_id"][number], _blob(generator, 11)
        texture = _texture(generator, 1.2 if number % 3 else 1.0)
        t2 = generator.normal(300, 15, _TUMOUR.shape) + tumour * (90 - 14 * part + (26 - 5 * part) * texture)
        adc = generator.normal(1500, 60, _TUMOUR.shape) + tumour * (110 * part - 450 + 130 * texture)
        second = ndimage.binary_dilation(tumour) if number % 2 else ndimage.binary_erosion(tumour)
        _write(folder, f"{case}_t2", t2, _TUMOUR)
        _write(folder, f"{case}_adc", adc, _TUMOUR)
        _write(folder, f"{case}_mask", tumour.astype(np.uint8), _TUMOUR)
        _write(folder, f"{case}_mask_2", second.astype(np.uint8), _TUMOUR)
    for column in ("t2", "adc", "mask", "mask_2"):
        cohort[column] = _paths(cohort, column)
    score = truth["radiomic_part"] + 1.5 * (truth["event"] - 0.5)
    for reader, share in enumerate((0.5, 0.6, 0.7), start=1):
        cohort[f"mrtrg_{reader}"] = 5 - np.digitize(mixed(generator, score, share), (-1.2, -0.3, 0.4, 1.2))
    cohort.loc[cohort.index[-2:], "mrtrg_3"] = np.nan  # as tables have it: the last two were not read by all
    cohort["mrtrg_3"] = cohort["mrtrg_3"].astype("Int64")
    return _tables(cohort, truth, "pcr")


def osteosarcoma_response(folder: Path, patients: int, seed: int) -> dict[str, pd.DataFrame]:
    """A tumour that grows out of bone, before and after chemotherapy: who responds has a smaller and brighter one."""
    generator = np.random.default_rng(seed)
    truth = planted(generator, patients, {"clinical": 0.9, "radiomic": 1.6}, 0.45)
    people = _people(generator, truth, "OS").rename(columns={"marker": "alp", "case_id": "patient_id"})
    people["age"] = (10 + generator.gamma(2.2, 5, patients)).round().clip(6, 65)
    people["alp"] = (people["alp"] * 30 + 60).round()
    people["good_response"] = truth["event"]
    rows = []
    for number, part in enumerate(truth["radiomic_part"]):
        about, tumour = people.loc[number], _blob(generator, 10)
        inner = ndimage.binary_erosion(tumour)
        surface = int(np.flatnonzero(inner.any(axis=(0, 2)))[-1])  # of the bone, which both visits' tumours reach
        for visit in ("pre", "post"):
            case, answer = f"{about['patient_id']}_{visit}", part if visit == "post" else 0.0
            labels = (inner if answer > 0.8 else tumour).astype(np.uint8)
            bone = labels[:, surface : surface + 4, 8:24]
            bone[bone == 0] = 2
            texture = _texture(generator, 1.2)
            for sequence, bright in (("t1", -40.0), ("t2", 90.0)):
                image = generator.normal(200, 12, _TUMOUR.shape) - 120 * (labels == 2)
                image += (labels == 1) * (bright + (14 * answer + 20 * texture) * np.sign(bright))
                _write(folder, f"{case}_{sequence}", image, _TUMOUR)
            _write(folder, f"{case}_mask", labels, _TUMOUR)
            rows.append({"case_id": case, "visit": visit, **about.to_dict()})
    cohort = pd.DataFrame(rows)
    for column in ("t1", "t2", "mask"):
        cohort[column] = _paths(cohort, column)
    return {"cohort": cohort, "truth": pd.concat([people[["patient_id"]], truth.drop(columns="event")], axis=1)}


def sarcoma_pet_ct(folder: Path, patients: int, seed: int) -> dict[str, pd.DataFrame]:
    """Three sequences with a mask each; one patient in six lacks CT and PET."""
    generator = np.random.default_rng(seed)
    truth = planted(generator, patients, {"clinical": 0.4, "radiomic": 1.6}, 0.45)
    cohort = _people(generator, truth, "ST").drop(columns=["sex", "marker"])
    ways = {"t1": (150.0, 60.0, 12.0), "ct": (20.0, 40.0, 10.0), "pet": (1.0, 5.0, 0.2)}
    for number, part in enumerate(truth["radiomic_part"]):
        case, tumour = cohort["case_id"][number], _blob(generator, 11)
        texture = _texture(generator, 1.2)
        for name, (ground, step, noise) in ways.items():
            image = generator.normal(ground, noise, _TUMOUR.shape)
            image += tumour * step * (1 + 0.15 * part + 0.3 * texture)
            _write(folder, f"{case}_{name}", image, _TUMOUR)
            _write(folder, f"{case}_{name}_mask", tumour.astype(np.uint8), _TUMOUR)
    for name in ways:
        cohort[name], cohort[f"{name}_mask"] = _paths(cohort, name), _paths(cohort, f"{name}_mask")
    cohort.loc[cohort.index % 6 == 5, ["ct", "pet", "ct_mask", "pet_mask"]] = None
    return _tables(cohort, truth, "event")


def sarcoma_habitats(folder: Path, patients: int, seed: int) -> dict[str, pd.DataFrame]:
    """PET and CT of tumours, dead inside, fat on one side, the rest hot: the more is hot, the likelier the event."""
    generator = np.random.default_rng(seed)
    truth = planted(generator, patients, {"clinical": 0.4, "radiomic": 1.6}, 0.45)
    cohort, shares = _people(generator, truth, "SH").drop(columns=["sex", "marker"]), []
    for number, hot in enumerate(0.5 + 0.1 * truth["radiomic_part"].clip(-2, 2)):
        case, tumour = cohort["case_id"][number], _blob(generator, 13)
        places = np.indices(_TUMOUR.shape).transpose(1, 2, 3, 0) - ndimage.center_of_mass(tumour)
        away = np.sqrt(((places * np.array(_TUMOUR.spacing_zyx_mm)) ** 2).sum(axis=-1))
        tissue = np.where(tumour, 3, 0)  # hot, where it is nothing else
        fat = tumour & (places[..., 2] > np.quantile(places[..., 2][tumour], 1 - (1 - hot) / 2))
        inner = tumour & ~fat
        dead = inner & (away < np.quantile(away[inner], (1 - hot) / (1 + hot)))
        tissue[fat], tissue[dead] = 2, 1
        shares.append(float(np.mean(tissue[tumour] == 3)))
        for name, values, noise in (("pet", (0.8, 1.0, 1.8, 6.0), 0.25), ("ct", (40.0, 15.0, -80.0, 55.0), 10.0)):
            _write(
                folder, f"{case}_{name}", np.array(values)[tissue] + generator.normal(0, noise, tissue.shape), _TUMOUR
            )
        _write(folder, f"{case}_mask", tumour.astype(np.uint8), _TUMOUR)
    truth["hot_share"] = shares
    for name in ("pet", "ct", "mask"):
        cohort[name] = _paths(cohort, name)
    return _tables(cohort, truth, "event")


def _people(generator: np.random.Generator, truth: pd.DataFrame, prefix: str) -> pd.DataFrame:
    """Return case_id, age, sex and a marker of blood that say some of the clinical part."""
    rows = len(truth)
    return pd.DataFrame(
        {
            "case_id": [f"{prefix}{number:04d}" for number in range(rows)],
            "age": (56 + 11 * mixed(generator, truth["clinical_part"], 0.6)).round().clip(20, 88),
            "sex": np.where(generator.random(rows) < 0.5, "female", "male"),
            "marker": np.exp(1.3 + 0.6 * mixed(generator, truth["clinical_part"], 0.6)).round(1),
        }
    )


def _tables(cohort: pd.DataFrame, truth: pd.DataFrame, outcome: str) -> dict[str, pd.DataFrame]:
    cohort[outcome] = truth["event"]
    return {"cohort": cohort, "truth": pd.concat([cohort[["case_id"]], truth.drop(columns="event")], axis=1)}


def _paths(cohort: pd.DataFrame, name: str) -> list[str]:
    return [f"images/{case}_{name}.nrrd" for case in cohort["case_id"]]


def _write(folder: Path, name: str, array: np.ndarray, where: Grid) -> None:
    """Write an image, or labels where the numbers are whole."""
    is_mask = array.dtype.kind == "u"
    drawn = LabelMap(array, where) if is_mask else Volume(array.astype(np.float32), where)
    write_image(drawn, folder / f"{name}.nrrd")


def _blob(generator: np.random.Generator, radius_mm: float) -> np.ndarray:
    """Return an ellipsoid near the middle of a tumour's grid, bool of shape (z, y, x)."""
    size = radius_mm * generator.uniform(0.75, 1.35, 3)
    middle = np.array(_TUMOUR.shape) / 2 + generator.uniform(-1.5, 1.5, 3)
    places = np.indices(_TUMOUR.shape).transpose(1, 2, 3, 0) - middle
    return np.asarray(((places * np.array(_TUMOUR.spacing_zyx_mm) / size) ** 2).sum(axis=-1) < 1)


def _texture(generator: np.random.Generator, sigma_voxels: float, shape: tuple[int, ...] = _TUMOUR.shape) -> np.ndarray:
    """Return smooth noise of deviation 1."""
    noise = ndimage.gaussian_filter(generator.standard_normal(shape), sigma_voxels)
    return np.asarray(noise / noise.std())


def _spine() -> np.ndarray:
    """Return labels: 1 and 2 the vertebrae L4 and L5, 3 multifidus, 4 erector spinae."""
    labels = np.zeros(_SPINE.shape, dtype=np.uint8)
    labels[0:6, 4:18, 20:36], labels[8:14, 4:18, 20:36] = 2, 1
    labels[:, 20:32, 17:27] = labels[:, 20:32, 29:39] = 3
    labels[:, 20:34, 5:16] = labels[:, 20:34, 40:51] = 4
    return labels
