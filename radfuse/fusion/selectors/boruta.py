"""Boruta: the columns whose importance to a forest beats that of shuffled copies."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from radfuse.fusion.models.forest import importances
from radfuse.fusion.parts import Outcome, Settings
from radfuse.fusion.selectors.step import Step


class Boruta(Step):
    """Keep the columns that are more important than the best shuffled copy in more rounds than chance gives.

    Source:
        Kursa and Rudnicki 2010, doi:10.18637/jss.v036.i11; the two corrections as in boruta_py.
    """

    kind: Literal["boruta"] = "boruta"
    over: Literal["block", "all"] = "all"
    """Whether a forest sees each block alone, or all together."""
    rounds: int = Field(default=30, ge=10)
    """How often columns are shuffled, at most: it ends once each is kept or dropped."""
    trees: int = Field(default=100, ge=10)
    """Of each forest."""
    forest: Literal["random", "extra"] = "extra"
    """Random forests, or extremely randomised trees, which are faster."""
    alpha: float = Field(default=0.05, gt=0, lt=1)
    """Level of the binomial tests: adjusted by Benjamini-Hochberg over columns, by Bonferroni over rounds."""
    seed: int = Field(default=0, ge=0)
    """Of shuffling and forests."""

    def choose(self, x: np.ndarray, y: np.ndarray, settings: Settings, outcome: Outcome) -> np.ndarray:
        """Keep what is confirmed, and what is still open but beats the copies in the median; else the best one."""
        kept, rank = self._judged(x, y)
        kept[int(np.argmax(rank))] |= not kept.any()
        return kept

    def remark(self, x: np.ndarray, y: np.ndarray, settings: Settings, outcome: Outcome) -> str:
        """Return that no column is confirmed, if so."""
        return "" if self._judged(x, y)[0].any() else "Boruta confirms no column; the most important one stays"

    def _judged(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return which columns are kept, maybe none, and their mean importance above the best copy's."""
        order = np.lexsort(x[:8])  # by content: what is drawn for a column does not hang on its place
        back = np.argsort(order)
        x, count = x[:, order], x.shape[1]
        generator = np.random.default_rng(self.seed)
        beats = np.full((self.rounds, count), np.nan)
        open_, confirmed = np.ones(count, dtype=bool), np.zeros(count, dtype=bool)
        for number in range(self.rounds):
            seen = np.flatnonzero(open_ | confirmed)
            importance, best = self._importances(x[:, seen], y, generator)
            beats[number, seen] = importance - best
            hits = (beats[: number + 1, seen] > 0).sum(axis=0)
            high, low = _beyond_chance(hits, number + 1, self.alpha)
            confirmed[seen[high]] |= open_[seen[high]]
            open_[seen[high | low]] = False
            if not open_.any():
                break
        tried = beats[: number + 1]
        counted = np.where(np.isnan(tried), -np.inf, tried)
        kept = confirmed | (open_ & (np.median(counted, axis=0) > 0))
        return kept[back], np.nan_to_num(tried, nan=-1.0).mean(axis=0)[back]

    def _importances(self, x: np.ndarray, y: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, float]:
        """Return the importance of each column, and the largest of shuffled copies, at least five of them."""
        from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier

        copies = generator.permuted(np.tile(x, (1, -(-5 // x.shape[1])) if x.shape[1] < 5 else 1), axis=0)
        kind = {"random": RandomForestClassifier, "extra": ExtraTreesClassifier}[self.forest]
        forest = kind(
            self.trees, max_depth=5, class_weight="balanced", random_state=int(generator.integers(2**31)), n_jobs=1
        )
        importance = importances(forest.fit(np.hstack([x, copies]), y))
        return importance[: x.shape[1]], float(importance[x.shape[1] :].max())


def _beyond_chance(hits: np.ndarray, rounds: int, alpha: float) -> tuple[np.ndarray, np.ndarray]:
    """Return which columns won more, and which fewer rounds than a coin would."""
    from scipy import stats

    more, fewer = stats.binom.sf(hits - 1, rounds, 0.5), stats.binom.cdf(hits, rounds, 0.5)
    low, high = ((stats.false_discovery_control(p) <= alpha) & (p <= alpha / rounds) for p in (fewer, more))
    return high, low
