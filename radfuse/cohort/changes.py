"""Change between visits: which, and how it is worked out from the values of a unit at each of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field, field_validator, model_validator

from radfuse.config import Section, Word

YEARS = "@years"
"""Column of a cohort's cases: when each visit was, in years."""

WORDS = {"difference": "change", "percent": "percent", "rate": "rate", "slope": "slope"}
"""Kind -> what stands in a column's name where the visit would."""
DATED = ("rate", "slope")
"""Kinds that need the date of each visit."""
_MOST = 100.0
"""Sizes of the baseline from which on a change has no per cent: a joint space of 0.001 mm that becomes 0.5 mm would
outweigh all other units."""


class Changes(Section):
    """How much what moves between two visits changed, as columns beside those of the visits.

    A column "dess@24m/tibia/..." has its change in "dess@change/tibia/...": follow-up minus baseline. Likewise
    "@percent" (of the size of the baseline; empty where that is 0, or the change a hundred times it and more), "@rate"
    (a year) and "@slope" (a year, by least squares through three or more visits).
    """

    between: tuple[Word, Word]
    """Baseline and follow-up, as the visit column has them."""
    kinds: tuple[Literal["difference", "percent", "rate", "slope"], ...] = Field(default=("difference",), min_length=1)
    """What is worked out; rate and slope need `date`."""
    date: str | None = None
    """Column of the cohort table that says when each visit was: dates (2019-05-31), or numbers of years.
    A visit without one has no rate and no part in a slope: what is empty then is imputed as any other value; its other
    changes stay."""
    missing: Literal["empty", "nearest"] = "empty"
    """A unit that lacks one of the two visits has no change, which is imputed as any other value, or is given that
    between its own first and last visits, in the order of the numbers in their names."""
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
        wanted = [kind for kind in self.kinds if kind in DATED]
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
    like = next(iter(values.values()))
    start, end, began, ended = _between(values, years, list(config.between))
    if config.missing == "nearest":
        own = _between(values, years, _in_order(values, config))
        lacks = np.isnan(start) | np.isnan(end)
        start, end, began, ended = (
            np.where(lacks, other, asked) for other, asked in zip(own, (start, end, began, ended), strict=True)
        )
    found = {"difference": end - start}
    with np.errstate(divide="ignore", invalid="ignore"):
        small = np.abs(found["difference"]) < _MOST * np.abs(start)
        found["percent"] = np.where(small, 100 * found["difference"] / np.abs(start), np.nan)
        found["rate"] = np.where(ended != began, found["difference"] / (ended - began), np.nan)
        found["slope"] = _slope(values, years) if years else np.full(like.shape, np.nan)
    return {WORDS[kind]: pd.DataFrame(found[kind], like.index, like.columns) for kind in config.kinds}


def _in_order(values: Mapping[str, pd.DataFrame], config: Changes) -> list[str]:
    """Return visits in time; those of `between` alone, as they stand there, where their names hold no number."""
    if any(re.search(r"\d", visit) is None for visit in values):
        return list(config.between)
    return in_time(values)


def _between(
    values: Mapping[str, pd.DataFrame], years: Mapping[str, pd.Series], order: Sequence[str]
) -> tuple[np.ndarray, ...]:
    """Return values and times of each unit's first and last visit of some, shape (unit, column), NaN without two."""
    here = [visit for visit in order if visit in values]
    like = next(iter(values.values()))
    if len(here) < 2:
        return (np.full(like.shape, np.nan),) * 4
    table = np.stack([values[visit].to_numpy(dtype="float64") for visit in here])
    missing = np.full(len(like), np.nan)
    when = np.stack([years[visit].to_numpy(dtype="float64") if visit in years else missing for visit in here])
    there = ~np.isnan(table)
    first, last = there.argmax(axis=0), len(here) - 1 - there[::-1].argmax(axis=0)
    each = np.broadcast_to(when[:, :, None], table.shape)
    found = [np.take_along_axis(part, place[None], axis=0)[0] for part in (table, each) for place in (first, last)]
    enough = there.sum(axis=0) >= 2
    return tuple(np.where(enough, part, np.nan) for part in found)


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
