"""One test a column: do the two classes differ in it, or does the outcome depend on it?"""

from __future__ import annotations

import warnings
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from radfuse.fusion.link import EVERY_KIND, link_of
from radfuse.fusion.parts import Outcome, Settings
from radfuse.fusion.selectors.step import Step
from radfuse.fusion.selectors.ties import rounded


class Univariate(Step):
    """Keep the columns in which the two classes differ, tested one by one."""

    serves: ClassVar[tuple[str, ...]] = EVERY_KIND
    kind: Literal["univariate"] = "univariate"
    test: Literal["auto", "t", "mann_whitney"] = "auto"
    """Welch's t-test, Mann-Whitney, or by column: t where Shapiro-Wilk finds both classes normal (p above 0.05). Of
    survival auto alone: the score test of Cox regression; of continuous and ordinal outcomes that of least squares."""
    alpha: float = Field(default=0.05, gt=0, le=1)
    """Largest p of a column that stays."""
    fdr: bool = False
    """Adjust p by Benjamini-Hochberg: `alpha` is the share of false discoveries."""

    def choose(self, x: np.ndarray, y: np.ndarray, settings: Settings, outcome: Outcome) -> np.ndarray:
        """Keep the columns whose p is small enough; where there is none, the one with the smallest, the most relevant.

        The smallest before they are adjusted, which makes many of them one.
        """
        p, relevance = rounded(self._p(x, y, outcome)), rounded(outcome.relevance(x, y))
        kept = self.adjusted(p) <= self.alpha
        kept[min(range(len(p)), key=lambda i: (p[i], -relevance[i]))] |= not kept.any()
        return kept

    def remark(self, x: np.ndarray, y: np.ndarray, settings: Settings, outcome: Outcome) -> str:
        """Return that no column passes, if so."""
        least = float(self.adjusted(self._p(x, y, outcome)).min())
        return "" if least <= self.alpha else f"no column has p ≤ {self.alpha:g}; that of the smallest stays"

    def _p(self, x: np.ndarray, y: np.ndarray, outcome: Outcome) -> np.ndarray:
        """Return p of each column by the outcome; raises ValueError where it has no classes that the test compares."""
        if link_of(outcome) == "logit":
            return self.p_values(x, y)
        from scipy import stats

        if self.test != "auto":
            raise ValueError(f"test: {self.test} of the selection univariate is one of two classes; leave it out")
        return np.asarray(stats.chi2.sf(outcome.relevance(x, y), 1))

    def adjusted(self, p: np.ndarray) -> np.ndarray:
        """Return p values by Benjamini and Hochberg where that is asked for."""
        from scipy import stats

        return np.asarray(stats.false_discovery_control(p)) if self.fdr else p

    def p_values(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return two-sided p of each column between two classes, not adjusted; 1 where a test cannot be done.

        Args:
            x: float64, shape (unit, column).
            y: 0 or 1, shape (unit,).
        """
        from scipy import stats

        from radfuse.statistics.normality import shapiro_wilk

        first, second = x[y == 1], x[y == 0]
        normal = np.full(x.shape[1], self.test == "t")
        if self.test == "auto":
            normal = (shapiro_wilk(first) > 0.05) & (shapiro_wilk(second) > 0.05)
        p = np.ones(x.shape[1])
        with np.errstate(divide="ignore", invalid="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of scipy: a class may hold one value alone
            if normal.any() and min(len(first), len(second)) > 1:
                p[normal] = stats.ttest_ind(first[:, normal], second[:, normal], equal_var=False).pvalue
            ranked = ~normal
            if ranked.any():
                p[ranked] = stats.mannwhitneyu(first[:, ranked], second[:, ranked], method="asymptotic").pvalue
        return np.nan_to_num(p, nan=1.0)
