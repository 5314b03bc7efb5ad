"""Columns that come out the same when they are measured again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from radfuse.fusion.link import EVERY_KIND
from radfuse.fusion.parts import Outcome, Settings
from radfuse.fusion.selectors.step import Step

_SLAB = 128
"""Columns whose values are worked on at once."""


class Stability(Step):
    """Keep the columns whose intraclass correlation of the training units, measured again, is high enough.

    Measured again are the disturbed copies of a study's images (`stability`), the masks of other readers
    (`cohort.readers`, `cohort.second_mask`) or of the same once more (`cohort.repeats`), or the rows of a second table
    (`features.NAME.second_table`). Values are compared as they
    were measured, before sites are harmonised. A block that was measured once passes untouched.

    Source:
        Shrout and Fleiss 1979, doi:10.1037/0033-2909.86.2.420; Zwanenburg et al. 2019, doi:10.1038/s41598-018-36938-4.
    """

    serves: ClassVar[tuple[str, ...]] = EVERY_KIND
    kind: Literal["stability"] = "stability"
    compares_again: ClassVar[bool] = True
    over: Literal["block"] = "block"
    """Each block alone: a column's stability does not hang on other columns."""
    icc: float = Field(default=0.75, gt=0, le=1)
    """Least intraclass correlation of a column that stays."""
    form: Literal["1,1", "2,1", "3,1"] = "2,1"
    """Of Shrout and Fleiss: absolute agreement of random readers, and of one reader twice, is "2,1", consistency of
    these very readers "3,1"."""
    source: Literal["copies", "readers", "repeats"] | None = None
    """What is compared: disturbed copies, all readers, or each reader with their own repeat; None: each that there is,
    and the lowest counts."""

    def choose(
        self,
        x: np.ndarray,
        y: np.ndarray,
        settings: Settings,
        outcome: Outcome,
        again: Mapping[str, np.ndarray] | None = None,
    ) -> np.ndarray:
        """Keep the stable columns; where none is, the most stable one.

        Args:
            x: of the training units.
            y: not looked at.
            settings: none.
            outcome: not looked at.
            again: source -> values of the training units as often as they were measured, float64, shape
                (repeat, unit, column), NaN where a unit was not; None: the block was measured once. The repeats of each
                reader are a source, "repeats:READER".

        Raises:
            ValueError: no column has two training units that were measured twice.
        """
        wanted = self._wanted(again)
        if not wanted:
            return np.ones(x.shape[1], dtype=bool)
        lowest = self._lowest(x, wanted)
        kept = lowest >= self.icc - 1e-12
        kept[int(np.argmax(lowest))] |= not kept.any()
        return kept

    def remark(
        self,
        x: np.ndarray,
        y: np.ndarray,
        settings: Settings,
        outcome: Outcome,
        again: Mapping[str, np.ndarray] | None = None,
    ) -> str:
        """Return that no column is stable, if so."""
        wanted = self._wanted(again)
        most = float(self._lowest(x, wanted).max()) if wanted else 1.0
        if most >= self.icc - 1e-12:
            return ""
        return f"no column has an ICC({self.form}) of {self.icc:g}; the most stable one, {most:.2g}, stays"

    def _wanted(self, again: Mapping[str, np.ndarray] | None) -> dict[str, np.ndarray]:
        found = (again or {}).items()
        return {name: values for name, values in found if self.source in (None, name.partition(":")[0])}

    def _lowest(self, x: np.ndarray, again: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the lowest coefficient of each column; -infinity where one cannot be had, infinity of columns that
        nobody measured again: what stands beside those of a block passes, as a block that was measured once does."""
        from radfuse.statistics.icc import iccs, whole_targets

        lowest = np.full(x.shape[1], np.inf)
        for values in again.values():
            found = np.full(len(lowest), np.nan)
            for start in range(0, len(found), _SLAB):
                ratings = values[:, :, start : start + _SLAB].transpose(1, 0, 2)
                for units, columns in whole_targets(ratings):
                    if units.sum() > 1:
                        whole = ratings[np.ix_(units, np.arange(len(values)), columns)]
                        found[start + columns] = iccs(whole, self.form)
            found[np.isnan(found)] = -np.inf
            found[np.isnan(values).all(axis=(0, 1))] = np.inf
            lowest = np.minimum(lowest, found)
        if np.isneginf(lowest).all():
            raise ValueError(
                f"the selection stability finds no column that two of {len(x)} training units have measured "
                "twice, and that varies; measure more of them again, or leave the step out"
            )
        return lowest
