"""Choosing columns inside a training set: correlation filter, mRMR and LASSO, as scikit-learn transformers.

All expect finite, standardised input; each keeps at least one column.
"""

from __future__ import annotations

import warnings
from typing import Any, Self

import numpy as np
from scipy import stats
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_selection import SelectorMixin
from sklearn.linear_model import LogisticRegression

Array = np.ndarray


class _Selector(SelectorMixin, BaseEstimator):
    """A transformer that keeps the columns of `support_`."""

    support_: Array

    def _get_support_mask(self) -> Array:
        return self.support_


class VaryingColumns(_Selector):
    """Drop columns that hold one value in the training set."""

    def fit(self, x: Array, y: Array | None = None) -> Self:
        """Find the columns that vary.

        Raises:
            ValueError: none does.
        """
        self.n_features_in_ = x.shape[1]
        spread = np.ptp(x, axis=0)
        self.support_ = spread > 1e-12 * np.maximum(np.abs(x).max(axis=0), 1e-300)
        if not self.support_.any():
            raise ValueError(f"none of the {x.shape[1]} columns varies in the training set")
        return self


class CorrelationFilter(_Selector):
    """Walk the columns from the most to the least relevant; keep one if no kept one is nearly the same.

    Args:
        threshold: largest absolute Spearman correlation between kept columns.
    """

    def __init__(self, threshold: float = 0.9) -> None:
        self.threshold = threshold

    def fit(self, x: Array, y: Array) -> Self:
        """Choose the columns; memory grows with kept columns, not with the square of all."""
        self.n_features_in_ = x.shape[1]
        ranks = stats.rankdata(x, axis=0)
        ranks -= ranks.mean(axis=0)
        length = np.sqrt((ranks**2).sum(axis=0))
        ranks /= np.where(length > 0, length, 1)
        relevance = f_statistic(x, y)
        free = length > 0
        kept: list[int] = []
        for column in np.argsort(-relevance, kind="stable"):
            if not free[column]:
                continue
            kept.append(int(column))
            left = np.flatnonzero(free)
            free[left[np.abs(ranks[:, column] @ ranks[:, left]) > self.threshold]] = False
            free[column] = False
        self.support_ = np.zeros(x.shape[1], dtype=bool)
        self.support_[kept] = True
        return self


class Mrmr(_Selector):
    """Minimum redundancy, maximum relevance with the quotient of F statistic and mean absolute Pearson correlation.

    Args:
        k: number of columns kept.

    Source:
        Zhao et al. 2019 (FCQ), arXiv:1908.05376.
    """

    def __init__(self, k: int = 30) -> None:
        self.k = k

    def fit(self, x: Array, y: Array) -> Self:
        """Choose `k` columns, one at a time; `ranking_` holds them in the order of choice."""
        self.n_features_in_ = x.shape[1]
        relevance = f_statistic(x, y)
        centred = x - x.mean(axis=0)
        length = np.sqrt((centred**2).sum(axis=0))
        unit = centred / np.where(length > 0, length, 1)
        chosen = [int(np.argmax(relevance))]
        redundancy = np.zeros(x.shape[1])
        free = np.ones(x.shape[1], dtype=bool)
        free[chosen[0]] = False
        while len(chosen) < min(self.k, x.shape[1]):
            redundancy += np.abs(unit[:, chosen[-1]] @ unit)
            quotient = relevance / np.maximum(redundancy / len(chosen), 1e-12)
            chosen.append(int(np.argmax(np.where(free, quotient, -np.inf))))
            free[chosen[-1]] = False
        self.ranking_ = np.array(chosen)
        self.support_ = ~free
        return self


class LassoSelector(_Selector):
    """Keep the columns with a coefficient in an L1-penalised logistic regression.

    Args:
        strength: penalty as a fraction of the smallest one that keeps nothing, in (0, 1).

    Source:
        Tibshirani 1996, doi:10.1111/j.2517-6161.1996.tb02080.x.
    """

    def __init__(self, strength: float = 0.3) -> None:
        self.strength = strength

    def fit(self, x: Array, y: Array) -> Self:
        """Fit the penalised regression and keep its columns; at least the most relevant one."""
        self.n_features_in_ = x.shape[1]
        gradient = np.abs((y - y.mean()) @ x)
        if gradient.max() <= 1e-9 * len(y):  # nothing tells the classes apart: any penalty drops all
            self.support_ = np.arange(x.shape[1]) == 0
            return self
        c = 1 / (self.strength * gradient.max())
        model = LogisticRegression(
            C=c, l1_ratio=1.0, solver="liblinear", intercept_scaling=10.0, tol=1e-4, max_iter=200, random_state=0
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the support settles long before the coefficients
            model.fit(x, y)
        self.support_ = np.abs(model.coef_[0]) > 1e-8
        self.support_[int(np.argmax(gradient))] |= not self.support_.any()
        return self


def f_statistic(x: Array, y: Array) -> Array:
    """Return the one-way ANOVA F statistic of each column between the two classes; 0 for a constant column.

    Args:
        x: float64, shape (unit, column).
        y: 0 or 1, shape (unit,).
    """
    first, second = x[y == 1], x[y == 0]
    n1, n2 = len(first), len(second)
    within = first.var(axis=0) * n1 + second.var(axis=0) * n2
    between = n1 * n2 / (n1 + n2) * (first.mean(axis=0) - second.mean(axis=0)) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        f = between / (within / max(n1 + n2 - 2, 1))
    constant = np.ptp(x, axis=0) == 0
    return np.where(constant, 0.0, np.nan_to_num(f, nan=0.0, posinf=1e300))


def kept_columns(selectors: list[Any], columns: Array) -> Array:
    """Return which of `columns` pass a chain of fitted selectors."""
    for selector in selectors:
        columns = columns[selector.get_support()]
    return columns
