"""Sites of a training set: the hidden columns that tell them, what ComBat learned there, and its ONNX nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from radfuse.cohort.splits import Fold
from radfuse.errors import listed
from radfuse.fusion.export import INPUT
from radfuse.fusion.harmonise import Combat, at_one_site
from radfuse.fusion.scaling import medians
from radfuse.results import SiteInput

_LEAST = 2
"""Units that a site needs in a training set: from one nobody knows a spread."""


@dataclass(frozen=True)
class Sites:
    """Where a table tells the site of each unit; no learner sees these columns.

    Attributes:
        settings: of ComBat.
        levels: sites by name; the column holds their places in this order, NaN for any other site and for none.
        column: its position.
        covariates: positions of the columns whose effect is left in.
    """

    settings: Combat
    levels: tuple[str, ...]
    column: int
    covariates: tuple[int, ...] = ()

    @property
    def positions(self) -> tuple[int, ...]:
        """Of all columns it reads."""
        return (self.column, *self.covariates)

    def moved(self, places: Mapping[int, int]) -> Sites:
        """Return the same for a table whose columns stand elsewhere: position -> new position."""
        return replace(self, column=places[self.column], covariates=tuple(places[i] for i in self.covariates))

    def learn(self, x: np.ndarray, blocks: Mapping[str, Sequence[int]]) -> Harmonised | None:
        """Return what ComBat learns of a training set, each block alone; None where it is asked for none of them.

        Raises:
            ValueError: a covariate is told by the site.
        """
        wanted = {
            name: np.asarray(where, dtype=int) for name, where in blocks.items() if self.settings.harmonises(name)
        }
        if not wanted:
            return None
        places = np.where(np.isnan(x[:, self.column]), len(self.levels), x[:, self.column]).astype(int)
        counts = np.bincount(places, minlength=len(self.levels) + 1)
        known = np.flatnonzero(counts[:-1] >= _LEAST)
        rows = np.isin(places, known)
        beside = x[:, self.covariates]
        fills = medians(beside)
        beside = np.where(np.isnan(beside), fills, beside)
        varies = np.ptp(beside[rows], axis=0) > 0 if rows.any() else np.zeros(len(self.covariates), dtype=bool)
        factor, offset = np.ones((len(self.levels) + 1, x.shape[1])), np.zeros((len(self.levels) + 1, x.shape[1]))
        slopes = np.zeros((len(self.covariates), x.shape[1]))
        remarks = self._remarks(counts)
        for name, where in wanted.items() if len(known) >= _LEAST else ():
            values = x[np.ix_(rows, where)]
            found = self.settings.fit(values, np.array(self.levels)[places[rows]], beside[rows][:, varies])
            of = np.array([self.levels.index(site) for site in found.sites], dtype=int)
            factor[np.ix_(of, where)], offset[np.ix_(of, where)] = found.factor, found.offset
            slopes[np.ix_(varies, where)] = found.slopes
            remarks += _too_empty(name, values, places[rows])
        return Harmonised(self.column, self.covariates, factor, offset, slopes, fills, tuple(wanted), tuple(remarks))

    def _remarks(self, counts: np.ndarray) -> list[str]:
        """Return which training units keep their values, and why; counts of each level, and of units of none."""
        known = [name for name, count in zip(self.levels, counts, strict=False) if count >= _LEAST]
        if len(known) < _LEAST:
            return [f"harmonisation left all values as they are: {listed(known)} is the only site with two units"]
        lone = [name for name, count in zip(self.levels, counts, strict=False) if count == 1]
        found = [f"harmonisation left site {listed(lone)} as it is, with one unit in the training set"] if lone else []
        if counts[-1]:
            found.append("harmonisation left training units of no known site, or of one alone there, as they are")
        return found


@dataclass(frozen=True)
class Harmonised:
    """What ComBat learned of a training set: harmonised = factor (value - part) + offset + part.

    `part` is what the covariates tell of a value. The last row of factors and offsets, 1 and 0, is for other sites.

    Attributes:
        column: position of the site's place among the levels.
        covariates: positions.
        factor: shape (site + 1, column).
        offset: the same.
        slopes: of the covariates, shape (covariate, column).
        fills: what missing covariates become, shape (covariate,).
        blocks: that were harmonised.
        remarks: what kept its values, a sentence each.
    """

    column: int
    covariates: tuple[int, ...]
    factor: np.ndarray
    offset: np.ndarray
    slopes: np.ndarray
    fills: np.ndarray
    blocks: tuple[str, ...]
    remarks: tuple[str, ...] = ()

    @property
    def idle(self) -> bool:
        """Whether it changes no value."""
        return bool((self.factor == 1).all() and (self.offset == 0).all())

    def only(self, columns: np.ndarray) -> Harmonised:
        """Return the same for some columns, in this order."""
        return replace(
            self, factor=self.factor[:, columns], offset=self.offset[:, columns], slopes=self.slopes[:, columns]
        )

    def moved(self, where: np.ndarray) -> Harmonised:
        """Return the same for a table in which what stood at i stands at where[i]."""
        return replace(self, column=int(where[self.column]), covariates=tuple(int(where[i]) for i in self.covariates))

    def apply(self, x: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Return values as if of one site, shape (unit, column).

        Args:
            x: all columns, the site's and the covariates' among them.
            values: of its columns, NaN where missing.
        """
        place = np.where(np.isnan(x[:, self.column]), len(self.factor) - 1, x[:, self.column]).astype(int)
        part: np.ndarray | float = 0.0
        if self.covariates:
            beside = x[:, self.covariates]
            part = np.where(np.isnan(beside), self.fills, beside) @ self.slopes
        return at_one_site(values, self.factor[place], self.offset[place], part)

    def to_onnx(self, values: str, made: str) -> tuple[list[Any], dict[str, np.ndarray]]:
        """Return nodes and constants that make harmonised values of values of its columns, by name of the tensors."""
        from onnx import TensorProto, helper

        nodes = [
            helper.make_node("Gather", [INPUT, "site_column"], ["site"], axis=1),
            helper.make_node("IsNaN", ["site"], ["site_missing"]),
            helper.make_node("Where", ["site_missing", "site_other", "site"], ["site_told"]),
            helper.make_node("Cast", ["site_told"], ["site_place"], to=TensorProto.INT64),
            helper.make_node("Gather", ["site_factors", "site_place"], ["site_factor"], axis=0),
            helper.make_node("Gather", ["site_offsets", "site_place"], ["site_offset"], axis=0),
            helper.make_node("Mul", [values, "site_factor"], ["site_scaled"]),
            helper.make_node("Add", ["site_scaled", "site_offset"], ["site_moved" if self.covariates else made]),
        ]
        constants = {
            "site_column": np.array(self.column, dtype=np.int64),
            "site_other": np.array(len(self.factor) - 1.0),
            "site_factors": self.factor,
            "site_offsets": self.offset,
        }
        if not self.covariates:
            return nodes, constants
        nodes += [
            helper.make_node("Gather", [INPUT, "site_covariates"], ["site_beside"], axis=1),
            helper.make_node("IsNaN", ["site_beside"], ["site_lacking"]),
            helper.make_node("Where", ["site_lacking", "site_fills", "site_beside"], ["site_filled"]),
            helper.make_node("MatMul", ["site_filled", "site_slopes"], ["site_part"]),
            helper.make_node("Sub", ["site_one", "site_factor"], ["site_rest"]),
            helper.make_node("Mul", ["site_rest", "site_part"], ["site_kept"]),
            helper.make_node("Add", ["site_moved", "site_kept"], [made]),
        ]
        return nodes, constants | {
            "site_covariates": np.array(self.covariates, dtype=np.int64),
            "site_fills": self.fills,
            "site_slopes": self.slopes,
            "site_one": np.array(1.0),
        }


def hidden_columns(
    settings: Combat, told: pd.Series, column: str, clinical: pd.DataFrame, names: Sequence[str], beside: Sequence[int]
) -> tuple[pd.DataFrame, Sites, SiteInput]:
    """Return the columns that stand behind those of a family's blocks, where they stand, and how they are read.

    Args:
        settings: of ComBat.
        told: site of each unit; None where it is not known. Those of one unit alone are no levels.
        column: it stands in.
        clinical: the clinical block.
        names: of the family's columns.
        beside: positions of the clinical columns among them; empty where the family has none.
    """
    counts = told.value_counts()
    levels = tuple(sorted(str(name) for name, count in counts.items() if count >= _LEAST))
    hidden = pd.DataFrame({column: told.map({name: float(i) for i, name in enumerate(levels)}).astype("float64")})
    wanted = [name for name in map(str, clinical.columns) if _covariate_of(name, settings.covariates)]
    if beside:
        known = {names[i]: i for i in beside}
        positions = tuple(known[name] for name in wanted)
    else:
        positions = tuple(len(names) + 1 + i for i in range(len(wanted)))
        hidden = pd.concat([hidden, clinical[wanted]], axis=1)
    sites = Sites(settings, levels, len(names), positions)
    return hidden, sites, SiteInput(column=column, levels=levels, unseen=settings.unseen, covariates=tuple(wanted))


def unseen_sites(told: pd.Series, fold: Fold) -> dict[str, int]:
    """Return the sites of test units that have less than two training units, and how many test units that concerns."""
    known = told.iloc[fold.train].value_counts()
    tested = told.iloc[fold.test].fillna("").value_counts()
    return {str(name): int(count) for name, count in sorted(tested.items()) if known.get(name, 0) < _LEAST}


def told_of_unseen(found: Mapping[str, int], where: str) -> str:
    """Return what is wrong with test units of unseen sites, and how to mend it."""
    names = listed([repr(name) if name else "none" for name in found])
    return (
        f"{sum(found.values())} test units of {where} are of a site with less than two training units ({names}), so "
        "that they cannot be harmonised; exclude them or join sites, or leave their values as they are with "
        "fusion.harmonise.unseen: pass"
    )


def _covariate_of(name: str, covariates: Sequence[str]) -> bool:
    """Return whether a clinical column, maybe a level of it, maybe at a visit, belongs to a covariate."""
    return any(name == one or name.startswith((f"{one}=", f"{one}@")) for one in covariates)


def _too_empty(block: str, values: np.ndarray, places: np.ndarray) -> list[str]:
    """Return how many columns of a block a site has less than two values of, which ComBat leaves alone."""
    there = ~np.isnan(values)
    least = np.min([there[places == place].sum(axis=0) for place in np.unique(places)], axis=0)
    few = int(((least < _LEAST) & there.any(axis=0)).sum())
    if not few:
        return []
    return [f"harmonisation left {few} of {len(least)} columns of {block} as they are: a site has less than two values"]
