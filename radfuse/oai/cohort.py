"""From the index of series and the tables to a cohort: a row per knee and visit, and a study that reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from radfuse.config import nearest
from radfuse.errors import InputError, listed
from radfuse.oai.layout import PROTOCOLS
from radfuse.oai.outcomes import OutcomeRecipe, outcome_of
from radfuse.oai.tables import OaiTables

_KEYS = ["person", "side", "visit"]
_CLINICAL = ("age", "sex", "bmi", "kl", "jsn_medial", "jsn_lateral", "womac_pain", "womac_function")
"""Of the columns, those that the study reads, where they say anything."""
_LABELS = {"femur": 1, "femoral_cartilage": 2, "tibia": 3, "tibial_cartilage": 4, "patella": 5, "meniscus": 6}
MASKS = (".nii.gz", ".nii", ".nrrd", ".mha")


@dataclass(frozen=True)
class Wish:
    """What the cohort is to hold.

    Attributes:
        visits: whose rows are wanted, as V00; empty: all, or the first where an outcome is asked for.
        outcomes: what is to be predicted; knees whose first outcome nobody knows are left out.
        sequence: that every row has.
        pseudonyms: person -> what stands for them; None: OAI's ids.
        masks: barcode of the sequence -> mask.
    """

    visits: tuple[str, ...] = ()
    outcomes: tuple[OutcomeRecipe, ...] = ()
    sequence: str = "dess"
    pseudonyms: Mapping[str, str] | None = None
    masks: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True)
class OaiCohort:
    """A cohort of OAI's knees.

    Attributes:
        rows: case_id, patient_id, side, visit, a column per sequence, mask where there are some, what the tables say,
            outcomes, remark. Sequences name the folder below the root.
        left_out: case_id, or patient_id where the case is not known, visit, and why.
    """

    rows: pd.DataFrame
    left_out: pd.DataFrame


def make_cohort(index: pd.DataFrame, tables: OaiTables, wish: Wish) -> OaiCohort:
    """Return a row per knee and visit that has the sequence, with what the tables say of it.

    Raises:
        InputError: no such sequence or visit, or not one row.
    """
    if wish.sequence not in PROTOCOLS:
        raise InputError(f"--sequence {wish.sequence!r}: there is no such protocol{nearest(wish.sequence, PROTOCOLS)}")
    unknown = set(wish.visits) - set(index["visit"].dropna())
    if unknown:
        raise InputError(
            f"--visit {min(unknown)!r}: no series is of it{nearest(min(unknown), index['visit'].dropna())}"
        )
    names = wish.pseudonyms or {}
    index = index.assign(patient_id=[names.get(person, person) for person in index["person"]])
    usable, reasons = _usable(index, wish)
    rows, others = _wide(usable, wish.sequence)
    reasons.append(_told(others, f"another {wish.sequence} of the knee at this visit was taken"))
    lacking = rows[rows[wish.sequence].isna()]
    reasons.append(_told(lacking, f"no {wish.sequence} that can be used"))
    rows = rows[rows[wish.sequence].notna()]
    rows = _with_tables(rows, tables)
    for place, recipe in enumerate(wish.outcomes):
        found = outcome_of(tables, recipe)
        rows = rows.merge(found.rename(columns={"why": f"why_{place}"}), on=["person", "side"], how="left")
        rows[f"why_{place}"] = rows[f"why_{place}"].fillna("no table says how the knee went on")
    if wish.outcomes:
        reasons += [_told(some, f"{wish.outcomes[0].column}: {why}") for why, some in rows.groupby("why_0") if why]
        rows = rows[rows["why_0"] == ""]
    if wish.masks:
        rows = rows.assign(mask=[str(wish.masks.get(barcode, "")) for barcode in rows["barcode"]])
    left_out = pd.concat(reasons, ignore_index=True)
    if rows.empty:
        most = left_out["why"].value_counts()
        why = f"; most often: {most.index[0]} ({most.iloc[0]})" if len(most) else ""
        raise InputError(f"no knee is left for the cohort{why}; look at the tables, --visit and --sequence")
    return OaiCohort(_ordered(rows), left_out)


def _usable(index: pd.DataFrame, wish: Wish) -> tuple[pd.DataFrame, list[pd.DataFrame]]:
    """Return the series that can be used, and why others cannot."""
    visits = wish.visits or (tuple({recipe.start for recipe in wish.outcomes}) if wish.outcomes else ())
    if visits:
        index = index[index["visit"].isin(visits) | index["visit"].isna()]
    faulty = index["fault"].notna()
    knees = index["protocol"].isin(PROTOCOLS) & ~faulty
    placed = index["side"].notna() & index["visit"].notna()
    reasons = [_told(index[faulty], None)]
    reasons.append(_told(index[knees & ~placed & (index["protocol"] != "thigh")], "no side, or no visit, is known"))
    return index[knees & placed], reasons


def _told(rows: pd.DataFrame, why: str | None) -> pd.DataFrame:
    """Return rows of what is left out; the reason is the series' own fault where none is given."""
    cases = [_case(row) for row in rows[["patient_id", "side", "visit"]].itertuples(index=False)] if len(rows) else []
    visits = rows["visit"].to_numpy(dtype=object)
    reasons = rows["fault"].to_numpy(dtype=object) if why is None else np.full(len(rows), why, dtype=object)
    return pd.DataFrame({"case_id": cases, "visit": visits, "why": reasons}, dtype=object)


def _case(row: tuple[object, ...]) -> str:
    """Return the id of a case, as far as it is known: patient, side, visit."""
    patient, side, visit = row
    parts = [patient, str(side)[0].upper() if isinstance(side, str) else None, visit]
    return "_".join(str(part) for part in parts if isinstance(part, str))


def _wide(series: pd.DataFrame, sequence: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a row per knee and visit, and the series of the sequence that had to give way to another of its knee.

    Of several the one without remark is taken, else the last.
    """
    order = series.assign(odd=series["remark"].notna())
    order = order.sort_values(["odd", "date", "barcode"], ascending=[True, False, False], kind="stable")
    first = order.drop_duplicates([*_KEYS, "protocol"])
    wide = first.pivot(index=["patient_id", *_KEYS], columns="protocol", values="folder")
    wide = wide.reindex(columns=[name for name in PROTOCOLS if name == sequence or name in wide])
    own = first[first["protocol"] == sequence].set_index(["patient_id", *_KEYS])[["barcode", "remark"]]
    others = order[(order["protocol"] == sequence) & order.duplicated([*_KEYS, "protocol"])]
    return wide.join(own).reset_index().rename_axis(columns=None), others


def _with_tables(rows: pd.DataFrame, tables: OaiTables) -> pd.DataFrame:
    """Return the rows with what the tables say: of the person, of the visit, of the knee at the visit."""
    rows = rows.join(tables.people[["sex", "cohort", "site"]], on="person") if len(tables.people) else rows
    for part, keys in ((tables.visits, ["person", "visit"]), (tables.knees, _KEYS), (tables.readings, _KEYS)):
        if len(part):
            rows = rows.merge(part.drop(columns="months", errors="ignore"), on=keys, how="left")
    return rows


def _ordered(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of the cohort table in their order, the ids first, nothing of the index but the remark."""
    cases = [_case(row) for row in rows[["patient_id", "side", "visit"]].itertuples(index=False)]
    rows = rows.assign(case_id=cases).drop(columns=["person", "barcode", *(name for name in rows if "why_" in name)])
    first = ["case_id", "patient_id", "side", "visit"]
    rows = rows[[*first, *rows.columns.drop([*first, "remark"]), "remark"]]
    return rows.sort_values("case_id", ignore_index=True)


def remarks_on(rows: pd.DataFrame, wish: Wish) -> list[str]:
    """Return what whoever reads the cohort should know of its rows: visits that know the outcome, masks that lack."""
    found = []
    start = wish.outcomes[0].start if wish.outcomes else ""
    later = sorted(set(rows["visit"]) - {start}) if start else []
    if later:
        found.append(
            f"the outcome counts from {start}, and rows of {listed(later)} come after it: their images and grades may "
            f"show what is to be predicted; leave out --visit {later[0]}, or give it alone to count from there"
        )
    lacking = int((rows["mask"] == "").sum()) if "mask" in rows else 0
    if lacking:
        found.append(
            f"{lacking} of {len(rows)} rows have no mask (`mask` is empty), so that no study measures the images; add "
            "masks called by the barcode of their series, choose rows with --visit, or have a network draw them "
            "(docs/segmentation.md)"
        )
    elif wish.outcomes and "mask" not in rows:
        found.append("the study reads the tables alone; with --masks DIR it measures the images, too")
    return found


def study_of(table: str, rows: pd.DataFrame, wish: Wish) -> dict[str, object] | None:
    """Return the settings of a study on the cohort; None where it has neither masks nor an outcome to work on.

    Args:
        table: file name of the cohort table, beside which the study lies.
        rows: of the cohort.
        wish: what the cohort was made for.
    """
    masked = "mask" in rows and bool((rows["mask"] != "").all())
    if not masked and not wish.outcomes:
        return None
    clinical = [
        {"column": "sex", "levels": ["female", "male"]} if name == "sex" else name
        for name in _CLINICAL
        if name in rows and rows[name].nunique() > 1
    ]
    cohort: dict[str, object] = {
        "table": table,
        "patient": "patient_id",
        "unit": ["patient_id", "side"],
        "clinical": clinical,
    }
    if "site" in rows and rows["site"].notna().all():
        cohort["site"] = "site"
    if wish.outcomes:
        cohort["outcome"], rarer = _outcome(rows, wish.outcomes[0])
        cohort["split"] = {"kind": "grouped", "folds": max(2, min(5, rarer))}
    study: dict[str, object] = {"name": "oai", "seed": 7, "cohort": cohort}
    if masked:
        cohort |= {"images": {wish.sequence: wish.sequence}, "mask": "mask"}
        study["segmentation"] = {"backend": "manual", "labels": _LABELS}
        study["regions"] = [
            {"kind": "label", "name": "tibial_cartilage", "label": "tibial_cartilage"},
            {
                "kind": "subchondral",
                "name": "tibial_subchondral",
                "bone": "tibia",
                "cartilage": "tibial_cartilage",
                "depth_mm": 8,
            },
        ]
        study["radiomics"] = {"bin_width": 25}
    return study


def _outcome(rows: pd.DataFrame, recipe: OutcomeRecipe) -> tuple[dict[str, object], int]:
    """Return the settings of an outcome, and how many persons have the rarer class, or the event of a time to it."""
    column = recipe.column
    if recipe.timed:
        settings = {"kind": "survival", "time": f"{column}_time", "event": f"{column}_event"}
        events = rows.loc[rows[f"{column}_event"] == 1, "patient_id"].nunique()
        return {**settings, "horizon": recipe.horizon, "unit": "years"}, int(events)
    people = rows[rows[column].notna()].groupby(column)["patient_id"].nunique()
    return {"column": column, "kind": "binary"}, int(people.min()) if len(people) else 2


def masks_in(folder: Path) -> dict[str, Path]:
    """Return barcode -> mask, of the files of a folder that are called by the barcode of their series.

    Raises:
        InputError: no such file, or two of one series.
    """
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    found: dict[str, Path] = {}
    for file in files:
        end = next((each for each in MASKS if file.name.lower().endswith(each)), "")
        barcode = file.name.removesuffix(file.name[-len(end) :]) if end else ""
        if not barcode.isdigit():
            continue
        if barcode in found:
            raise InputError(
                f"{folder} holds two masks of one series, {found[barcode].name} and {file.name}; keep one of them"
            )
        found[barcode] = file
    if not found:
        raise InputError(
            f"{folder} holds no mask called by its series, as 10263609.nii.gz; rename them, or leave --masks"
        )
    return found
