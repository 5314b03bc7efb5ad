"""Minimum redundancy, maximum relevance."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from radfuse.fusion.link import EVERY_KIND
from radfuse.fusion.parts import Outcome, Settings
from radfuse.fusion.selectors.step import Step
from radfuse.fusion.selectors.ties import rounded


class Mrmr(Step):
    """Minimum redundancy, maximum relevance: F statistic over mean absolute correlation.

    Source:
        Zhao et al. 2019 (FCQ), arXiv:1908.05376.
    """

    serves: ClassVar[tuple[str, ...]] = EVERY_KIND
    kind: Literal["mrmr"] = "mrmr"
    k: int = Field(default=30, ge=1)
    """Columns kept: of each block, or of all together."""

    def choose(self, x: np.ndarray, y: np.ndarray, settings: Settings, outcome: Outcome) -> np.ndarray:
        """Keep `k` columns."""
        kept = np.zeros(x.shape[1], dtype=bool)
        kept[ranking(x, outcome.relevance(x, y), self.k)] = True
        return kept


def ranking(x: np.ndarray, relevance: np.ndarray, k: int) -> list[int]:
    """Return `k` columns in the order of choice, all where there are fewer.

    Args:
        x: float64, shape (unit, column).
        relevance: of each column.
        k: how many.
    """
    centred = x - x.mean(axis=0)
    length = np.sqrt((centred**2).sum(axis=0))
    unit = centred / np.where(length > 0, length, 1)
    chosen = [int(np.argmax(rounded(relevance)))]
    redundancy = np.zeros(x.shape[1])
    free = np.ones(x.shape[1], dtype=bool)
    free[chosen[0]] = False
    while len(chosen) < min(k, x.shape[1]):
        redundancy += np.abs(unit[:, chosen[-1]] @ unit)
        quotient = rounded(relevance / np.maximum(redundancy / len(chosen), 1e-12))
        chosen.append(int(np.argmax(np.where(free, quotient, -np.inf))))
        free[chosen[-1]] = False
    return chosen
