"""LASSO: the columns with a coefficient in an L1-penalised regression: logistic, Cox or least squares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator

from radfuse.fusion.link import EVERY_KIND, link_of
from radfuse.fusion.parts import Outcome, Settings
from radfuse.fusion.selectors.l1_logistic import l1_path
from radfuse.fusion.selectors.sparse import (
    classes_of,
    cox_probability,
    cox_sparse,
    gradient_of,
    least_squares,
    linear_sparse,
)
from radfuse.fusion.selectors.step import Step
from radfuse.fusion.selectors.ties import first_of_equals, rounded
from radfuse.statistics.links import probability_of

Strengths = tuple[float, ...]


class Lasso(Step):
    """L1-penalised regression, logistic, Cox or least squares by the outcome; its strength is tuned.

    Source:
        Tibshirani 1996, doi:10.1111/j.2517-6161.1996.tb02080.x.
    """

    serves: ClassVar[tuple[str, ...]] = EVERY_KIND
    kind: Literal["lasso"] = "lasso"
    over: Literal["block", "all"] = "all"
    """Whether a coefficient counts among those of its block, or of all blocks together."""
    strengths: Strengths = (0.7, 0.5, 0.35, 0.25, 0.15, 0.08)
    """Penalties tried, as fractions of the smallest penalty that keeps nothing; each in (0, 1)."""
    rule: Literal["loss", "one_se"] = "loss"
    """Which penalty: "loss" tunes it with the model in the inner folds; "one_se" takes the strongest whose loss in the
    LASSO's own folds is within a standard error of the smallest."""
    own_folds: int = Field(default=10, ge=2)
    """Folds of the rule "one_se", fewer where a class has fewer units."""

    @field_validator("strengths")
    @classmethod
    def _in_range(cls, strengths: Strengths) -> Strengths:
        return in_order(strengths)

    def candidates(self) -> tuple[Settings, ...]:
        """Return the strengths, the strongest first; nothing where the rule needs no tuning."""
        if self.rule == "one_se":
            return ({},)
        return tuple({"lasso_strength": strength} for strength in self.strengths)

    def choose(self, x: np.ndarray, y: np.ndarray, settings: Settings, outcome: Outcome) -> np.ndarray:
        """Fit the penalised regression and keep its columns; at least the most relevant one."""
        return self.choose_each(x, y, [settings], outcome)[0]

    def choose_each(
        self, x: np.ndarray, y: np.ndarray, candidates: Sequence[Settings], outcome: Outcome
    ) -> list[np.ndarray]:
        """Return what `choose` keeps at each of several settings, fitted in one go.

        Of columns that say the same the first is looked at alone: the penalty does not say which of them has the
        coefficient, or how many share it.
        """
        first = first_of_equals(x)
        if not first.all():
            where = np.flatnonzero(first)
            masks = self.choose_each(x[:, first], y, candidates, outcome)
            return [np.isin(np.arange(x.shape[1]), where[kept]) for kept in masks]
        gradient = gradient_of(outcome, x, y)
        if nothing_tells(gradient, y):
            return [np.arange(x.shape[1]) == 0 for _ in candidates]
        if self.rule == "one_se":
            wanted = [self._within_one_error(x, y, outcome)] * len(candidates)
        else:
            wanted = [settings["lasso_strength"] for settings in candidates]
        before = [strength for strength in self.strengths if strength > min(wanted)] if _leads_on(outcome) else []
        way = sorted({*wanted, *before}, reverse=True)
        each = dict(zip(way, sparse(outcome, x, y, [strength * gradient.max() for strength in way]), strict=True))
        return [support(each[strength], gradient) for strength in wanted]

    def _within_one_error(self, x: np.ndarray, y: np.ndarray, outcome: Outcome) -> float:
        """Return the strongest penalty whose loss is within one standard error of the smallest."""
        fold_of = own_folds(x, classes_of(outcome, y), self.own_folds)
        losses = np.empty((int(fold_of.max()) + 1, len(self.strengths)))
        for fold, row in enumerate(losses):
            train, test = fold_of != fold, fold_of == fold
            most = gradient_of(outcome, x[train], y[train]).max()
            penalties = [strength * max(most, 1e-9) for strength in self.strengths]
            row[:] = [outcome.loss(y[test], p) for p in _held_out(outcome, x, y, train, test, penalties)]
        mean, error = losses.mean(axis=0), losses.std(axis=0, ddof=1) / np.sqrt(len(losses))
        best = int(np.argmin(mean))
        return self.strengths[int(np.argmax(mean <= mean[best] + error[best]))]


def _leads_on(outcome: Outcome) -> bool:
    """Return whether a fit starts where that of a stronger penalty ended."""
    return link_of(outcome) == "logit"


def _held_out(
    outcome: Outcome, x: np.ndarray, y: np.ndarray, train: np.ndarray, test: np.ndarray, penalties: Sequence[float]
) -> Iterator[np.ndarray]:
    """Yield probabilities of units that took no part in the fit, at each penalty."""
    if link_of(outcome) == "identity":
        for penalty in penalties:
            slopes, start = least_squares(x[train], y[train], penalty / train.sum(), 1.0)
            yield np.asarray(x[test] @ slopes + start)
    elif link_of(outcome) != "logit":
        for coefficients in sparse(outcome, x[train], y[train], penalties):
            yield cox_probability(x[test], coefficients)
    else:
        for coefficients, intercept in l1_path(x[train], y[train], penalties):
            yield probability_of(x[test] @ coefficients + intercept, "logit")


def sparse(outcome: Outcome, x: np.ndarray, y: np.ndarray, penalties: Sequence[float]) -> Iterator[np.ndarray]:
    """Yield coefficients of the outcome's regression, shape (column,), at each penalty; those as `l1_path` takes them.

    A logistic one starts where the last ended: best the strongest first.
    """
    if link_of(outcome) == "logit":
        yield from (coefficients for coefficients, _ in l1_path(x, y, penalties))
    elif link_of(outcome) == "identity":
        yield from (linear_sparse(x, y, penalty / len(y), 1.0) for penalty in penalties)
    else:
        yield from (cox_sparse(x, y, penalty / len(y), 1.0) for penalty in penalties)


def in_order(strengths: Strengths) -> Strengths:
    """Return penalties from the strongest to the weakest.

    Raises:
        ValueError: there is none, or one is no fraction.
    """
    if not strengths or not all(0 < strength < 1 for strength in strengths):
        raise ValueError("strengths must be one or more numbers between 0 and 1")
    return tuple(sorted(set(strengths), reverse=True))


def nothing_tells(gradient: np.ndarray, y: np.ndarray) -> bool:
    """Return whether no column tells the classes apart: any penalty drops all, and none is more relevant."""
    return bool(gradient.max() <= 1e-9 * len(y))


def support(coefficients: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """Return which columns have a coefficient; the one with the largest gradient where none has."""
    kept = np.abs(coefficients) > 1e-8
    kept[int(np.argmax(rounded(gradient)))] |= not kept.any()
    return kept


def own_folds(x: np.ndarray, y: np.ndarray, wanted: int) -> np.ndarray:
    """Return the fold of each unit, shape (unit,): of each class every so-manieth, by the sum of its values.

    Nothing is drawn, and the order of units and columns changes nothing.
    """
    count = max(2, min(wanted, *(int((y == value).sum()) for value in (0, 1))))
    order = np.lexsort((np.round(x.sum(axis=1), 9), y))
    fold_of = np.empty(len(y), dtype=int)
    for value in (0, 1):
        own = order[y[order] == value]
        fold_of[own] = np.arange(len(own)) % count
    return fold_of
