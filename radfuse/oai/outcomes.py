"""Outcomes of OAI's knees as named recipes, each from a first visit on; `docs/oai.md` defines them in words.

A knee whose course nobody knows is no knee without the event: it is left out, and told why.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from radfuse.config import nearest
from radfuse.errors import InputError
from radfuse.oai.layout import MONTHS
from radfuse.oai.tables import OaiTables

_DAYS_PER_YEAR = 365.25
_DEFINITE_OA = 2
_END_STAGE = 4
_REPLACED = (1.0, 2.0)
"""V99E?KTLPR: total and partial."""
_CONFIRMED = 3.0
"""V99E?KRPCF: replacement adjudicated, confirmed."""


@dataclass(frozen=True)
class OutcomeRecipe:
    """How an outcome is found.

    Attributes:
        name: of the recipe.
        horizon: after the first visit, in months; in years for replacement.
        start: the first visit.
    """

    name: str
    horizon: float
    start: str = "V00"

    @property
    def timed(self) -> bool:
        """Whether it says when, as well as whether."""
        return self.name == "replacement"

    @property
    def column(self) -> str:
        """Name of the outcome in the cohort table."""
        unit = "y" if self.timed else "m"
        return f"{self.name}_{self.horizon:g}{unit}"


def recipe_of(text: str, start: str = "V00") -> OutcomeRecipe:
    """Return the recipe that is meant by "incident_oa:48".

    Raises:
        InputError: no such recipe, or a horizon that is no positive number.
    """
    name, _, horizon = text.partition(":")
    if name not in RECIPES:
        raise InputError(f"--outcome {text!r}: there is no recipe {name!r}{nearest(name, RECIPES)}")
    try:
        number = float(horizon)
    except ValueError:
        number = np.nan
    if not 0 < number < np.inf:
        unit = "years" if name == "replacement" else "months"
        raise InputError(f"--outcome {text!r}: write {name}:N, N being {unit} after the first visit")
    return OutcomeRecipe(name, number, start)


def outcome_of(tables: OaiTables, recipe: OutcomeRecipe) -> pd.DataFrame:
    """Return a row a knee that a table knows: person, side, the outcome's columns, and why it has none.

    Columns: `recipe.column` is 1.0, 0.0 or NaN; replacement also has `..._time` (years from the first visit to the
    replacement or to when the knee was last known) and `..._event`; `why` is "" where the outcome, or a time, is known.
    """
    return RECIPES[recipe.name](tables, recipe).reset_index(drop=True)


def incident_oa(tables: OaiTables, recipe: OutcomeRecipe) -> pd.DataFrame:
    """KL below 2 at the first visit, and 2 or more at one within N months after."""
    first, later = _course(tables, recipe.start)
    why = np.where(first["kl"] >= _DEFINITE_OA, "osteoarthritis at the first visit", "")
    why = np.where(first["kl"].isna(), "no KL grade at the first visit", why)
    return _observed(recipe, first, why, later[later["kl"].notna()], lambda rows: rows["kl"] >= _DEFINITE_OA)


def progression(tables: OaiTables, recipe: OutcomeRecipe) -> pd.DataFrame:
    """KL, or medial or lateral narrowing of the joint space, a grade or more above the first visit, within N months."""
    return _grown(tables, recipe, ("kl", "jsn_medial", "jsn_lateral"))


def progression_kl(tables: OaiTables, recipe: OutcomeRecipe) -> pd.DataFrame:
    """KL a grade or more above that of the first visit, within N months."""
    return _grown(tables, recipe, ("kl",))


def progression_jsn(tables: OaiTables, recipe: OutcomeRecipe) -> pd.DataFrame:
    """Medial or lateral joint space narrowing a whole grade or more above that of the first visit, within N months."""
    return _grown(tables, recipe, ("jsn_medial", "jsn_lateral"))


def replacement(tables: OaiTables, recipe: OutcomeRecipe) -> pd.DataFrame:
    """Total or partial replacement of the knee within N years of the first visit; time and event beside it.

    A knee that was lost before is censored then: it has a time, and nothing in `recipe.column`.

    Raises:
        InputError: no table says which knees were replaced.
    """
    if tables.replacements.empty:
        raise InputError(
            "--outcome replacement: no table says which knees were replaced (V99ERKTLPR, V99ELKTLPR); add "
            "Outcomes99.txt"
        )
    start = MONTHS[int(recipe.start[1:])] / 12
    rows = _knees(tables).merge(
        tables.replacements.drop_duplicates(["person", "side"]), on=["person", "side"], how="left"
    )
    event = rows["kind"].isin(_REPLACED) & (rows["confirmed"].isna() | (rows["confirmed"] == _CONFIRMED))
    read = tables.readings[tables.readings["kl"].notna()].groupby(["person", "side"])["months"].max().rename("read")
    seen = np.fmax(
        rows.join(read, on=["person", "side"])["read"].to_numpy(dtype="float64"),
        rows["person"].map(tables.people["last_contact"]).to_numpy(dtype="float64"),
    )
    years = np.where(event, rows["days"] / _DAYS_PER_YEAR, seen / 12) - start
    why = np.where(
        np.isnan(years), np.where(event, "replaced, nobody says when", "nobody says how long it was known"), ""
    )
    why = np.where(~event & (years <= 0), "not known after the first visit", why)
    why = np.where((rows["before"] == 1) | (event & (years <= 0)), "replaced before the first visit", why)
    timed = why == ""
    within = event & (years <= recipe.horizon)
    outcome = np.where(within, 1.0, np.where(years >= recipe.horizon, 0.0, np.nan))
    found = {
        recipe.column: np.where(timed, outcome, np.nan),
        f"{recipe.column}_time": np.where(timed, np.minimum(years, recipe.horizon).round(4), np.nan),
        f"{recipe.column}_event": np.where(timed, within.astype(float), np.nan),
        "why": why,
    }
    return rows[["person", "side"]].assign(**found)


RECIPES: dict[str, Callable[[OaiTables, OutcomeRecipe], pd.DataFrame]] = {
    "incident_oa": incident_oa,
    "progression": progression,
    "progression_kl": progression_kl,
    "progression_jsn": progression_jsn,
    "replacement": replacement,
}


def _knees(tables: OaiTables) -> pd.DataFrame:
    """Return person and side of every knee that a table names."""
    parts = [part[["person", "side"]] for part in (tables.readings, tables.knees, tables.replacements) if len(part)]
    if not parts:
        raise InputError("the tables name no knee: radiograph readings (kXR_SQ_BU) or Outcomes99 are needed; add them")
    return pd.concat(parts).drop_duplicates().sort_values(["person", "side"], ignore_index=True)


def _course(tables: OaiTables, start: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a row a knee of the first visit's readings, and all later ones with those of the first as first_..."""
    readings = tables.readings
    month = MONTHS[int(start[1:])]
    knees = readings[["person", "side"]].drop_duplicates()  # those not read at the first visit, too
    first = knees.merge(readings[readings["months"] == month], on=["person", "side"], how="left")
    grades = ["kl", "jsn_medial", "jsn_lateral"]
    known = first[["person", "side", *grades]].rename(columns={grade: f"first_{grade}" for grade in grades})
    later = readings[readings["months"] > month].merge(known, on=["person", "side"])
    return first, later.assign(after=later["months"] - month)


def _grown(tables: OaiTables, recipe: OutcomeRecipe, grades: tuple[str, ...]) -> pd.DataFrame:
    first, later = _course(tables, recipe.start)
    why = np.where(first["kl"] == _END_STAGE, "end-stage osteoarthritis (KL 4) at the first visit", "")
    why = np.where(first[list(grades)].isna().all(axis=1), f"no {' or '.join(grades)} at the first visit", why)
    steps = [(later[grade] - later[f"first_{grade}"]).round(6) for grade in grades]  # 1.4 - 0.4 is less than 1
    risen = pd.concat(steps, axis=1)
    known = risen.notna().any(axis=1)
    return _observed(recipe, first, why, later.assign(risen=risen.max(axis=1))[known], lambda rows: rows["risen"] >= 1)


def _observed(
    recipe: OutcomeRecipe,
    first: pd.DataFrame,
    why: np.ndarray,
    later: pd.DataFrame,
    event: Callable[[pd.DataFrame], pd.Series],
) -> pd.DataFrame:
    """Return the outcome of each knee from its readings after the first visit.

    The event is there when a reading at most N months after shows it. It is not there when a reading N months after,
    or later, does not show it: grades do not fall. Readings that stop before, or show it for the first time after a
    gap that spans the horizon, say nothing.
    """
    keys = ["person", "side"]
    shown = event(later)
    found = later.assign(yes=shown & (later["after"] <= recipe.horizon), no=~shown & (later["after"] >= recipe.horizon))
    told = first[keys].join(found.groupby(keys)[["yes", "no"]].any(), on=keys)
    yes, no = (told[name].fillna(value=False).astype(bool).to_numpy() for name in ("yes", "no"))
    outcome = np.where(yes, 1.0, np.where(no, 0.0, np.nan))
    outcome = np.where(why == "", outcome, np.nan)
    why = np.where((why == "") & np.isnan(outcome), "no radiograph shows how it was then", why)
    return first[keys].assign(**{recipe.column: outcome, "why": why})
