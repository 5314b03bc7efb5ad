"""Change between visits: which, and how it is worked out from the values of a unit at each of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field, field_validator, model_validator

from radfuse.config import Section, Word

YEARS = "@years"
"""Column of a cohort's cases: when each visit was, in years."""

WORDS = {"difference": "change", "percent": "percent", "rate": "rate", "slope": "slope"}
"""Kind -> what stands in a column's name where the visit would."""
_DATED = ("rate", "slope")


class Changes(Section):
    """How much what moves between two visits changed, as columns beside those of the visits.

    A column "dess@24m/tibia/..." has its change in "dess@change/tibia/...": follow-up minus baseline. Likewise
    "@percent" (of the size of the baseline; empty where that is 0), "@rate" (a year) and "@slope" (a year, by least
    squares through three or more visits).
    """

    between: tuple[Word, Word]
    """Baseline and follow-up, as the visit column has them."""
    kinds: tuple[Literal["difference", "percent", "rate", "slope"], ...] = Field(default=("difference",), min_length=1)
    """What is worked out; rate and slope need `date`."""
    date: str | None = None
    """Column of the cohort table that says when each visit was: dates (2019-05-31), or numbers of years."""
    missing: Literal["empty", "nearest"] = "empty"
    """A unit that lacks one of the two visits has no change, which is imputed as any other value, or is given that
    between its own first and last visits, in the order of their numbers."""
    keep: Literal["all", "baseline", "none"] = "all"
    """Which of the visits' own columns stay."""

    @field_validator("between")
    @classmethod
    def _two(cls, between: tuple[str, str]) -> tuple[str, str]:
        if between[0] == between[1]:
            raise ValueError(f"baseline and follow-up are both {between[0]!r}; name two visits")
        return between

    @model_validator(mode="after")
    def _dated(self) -> Changes:
        wanted = [kind for kind in self.kinds if kind in _DATED]
        if wanted and self.date is None:
            raise ValueError(f"{' and '.join(wanted)} a year needs `date`, the column that says when each visit was")
        return self

    @property
    def words(self) -> tuple[str, ...]:
        """What stands in a column's name where the visit would."""
        return tuple(WORDS[kind] for kind in self.kinds)


def in_time(visits: Iterable[str]) -> list[str]:
    """Return visits by the numbers in their names: V2 before V10."""
    return sorted(visits, key=lambda visit: ([float(part) for part in re.findall(r"\d+\.?\d*", visit)], visit))


def changes_of(
    values: Mapping[str, pd.DataFrame], years: Mapping[str, pd.Series], config: Changes
) -> dict[str, pd.DataFrame]:
    """Return what stands where a visit would in a column's name -> the change of each unit.

    Args:
        values: visit -> a row per unit, a column per feature, NaN where a unit lacks the visit.
        years: visit -> when it was, the same rows; empty where no date is asked for.
        config: what is worked out.
    """
    order = [visit for visit in in_time(values) if config.missing == "nearest" or visit in config.between]
    if config.missing == "empty":
        order = [visit for visit in config.between if visit in values]
    if len(order) < 2:
        empty = next(iter(values.values())) * np.nan
        return dict.fromkeys(config.words, empty)
    table = np.stack([values[visit].to_numpy(dtype="float64") for visit in order])
    when = np.stack([years[visit].to_numpy(dtype="float64") for visit in order])[:, :, None] if years else None
    there = ~np.isnan(table)
    first, last = there.argmax(axis=0), len(order) - 1 - there[::-1].argmax(axis=0)
    enough = there.sum(axis=0) >= 2
    start, end = (np.take_along_axis(table, place[None], axis=0)[0] for place in (first, last))
    found: dict[str, np.ndarray] = {"difference": np.where(enough, end - start, np.nan)}
    with np.errstate(divide="ignore", invalid="ignore"):
        found["percent"] = np.where(start != 0, 100 * found["difference"] / np.abs(start), np.nan)
        if when is not None:
            each = np.broadcast_to(when, table.shape)
            began, ended = (np.take_along_axis(each, place[None], axis=0)[0] for place in (first, last))
            found["rate"] = np.where(ended > began, found["difference"] / (ended - began), np.nan)
            found["slope"] = _slope(values, years)
    frame = values[order[0]]
    return {WORDS[kind]: pd.DataFrame(found[kind], frame.index, frame.columns) for kind in config.kinds}


def _slope(values: Mapping[str, pd.DataFrame], years: Mapping[str, pd.Series]) -> np.ndarray:
    """Return the change a year by least squares through all visits of a unit, NaN where it has less than three."""
    table = np.stack([frame.to_numpy(dtype="float64") for frame in values.values()])
    when = np.stack([years[visit].to_numpy(dtype="float64") for visit in values])[:, :, None]
    known = ~np.isnan(table) & ~np.isnan(when)
    count = known.sum(axis=0)
    time = np.where(known, when, 0.0)
    level = np.where(known, table, 0.0)
    middle = time.sum(axis=0) / count
    apart = np.where(known, time - middle, 0.0)
    return np.where(count >= 3, (apart * level).sum(axis=0) / (apart**2).sum(axis=0), np.nan)
