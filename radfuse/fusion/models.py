"""One family on one training set: build the pipeline, tune it in inner folds by patient, fit it, write it down."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from radfuse.cohort.splits import InnerSplit, inner_folds
from radfuse.fusion.config import CorrelationConfig, FusionConfig, LassoConfig, MrmrConfig
from radfuse.fusion.select import CorrelationFilter, LassoSelector, Mrmr, VaryingColumns, kept_columns
from radfuse.results import LinearModel, Term
from radfuse.statistics.auc import auc, youden_threshold


@dataclass(frozen=True)
class Candidate:
    """Settings tried in the inner folds; a strength of None means no LASSO."""

    strength: float | None
    c: float


@dataclass(frozen=True)
class Fit:
    """A fitted pipeline with what was chosen inside its training set.

    Attributes:
        pipeline: imputation, scaling, selection per block; LASSO over all; logistic regression.
        model: the same as numbers.
        threshold: on the probability.
        candidate: the tuned settings.
        inner_auc: mean AUC over the inner folds; NaN where none could be computed.
    """

    pipeline: Pipeline
    model: LinearModel
    threshold: float
    candidate: Candidate
    inner_auc: float


def stack(
    blocks: Mapping[str, pd.DataFrame], names: Sequence[str]
) -> tuple[np.ndarray, dict[str, list[int]], list[str]]:
    """Put blocks side by side.

    Returns:
        Values float64 of shape (unit, column), the positions of each block's columns, and all column names.
    """
    values = np.hstack([blocks[name].to_numpy(dtype="float64") for name in names])
    columns = [str(column) for name in names for column in blocks[name].columns]
    edges = np.cumsum([0, *(blocks[name].shape[1] for name in names)])
    positions = {name: list(range(edges[i], edges[i + 1])) for i, name in enumerate(names)}
    return values, positions, columns


def fit_family(
    x: np.ndarray,
    y: np.ndarray,
    patients: np.ndarray,
    positions: Mapping[str, list[int]],
    names: Sequence[str],
    config: FusionConfig,
    seed: int,
) -> Fit:
    """Tune and fit one family on its training units.

    Args:
        x: float64, shape (unit, column); NaN is imputed.
        y: 0 or 1, shape (unit,).
        patients: shape (unit,); inner folds keep a patient together.
        positions: block -> its columns in `x`.
        names: of the columns.
        config: of the fusion wing.
        seed: of the inner folds.

    Raises:
        ValueError: too few patients of one outcome, or no column varies.
    """
    candidates = _candidates(config)
    splits = inner_folds(patients, y, config.inner_folds, seed)
    with warnings.catch_warnings():
        # where no column tells anything scikit-learn's Newton solver hands over to lbfgs, and says so
        warnings.filterwarnings("ignore", "Line search of Newton solver", ConvergenceWarning)
        inner = _inner_predictions(x, y, positions, config, candidates, splits)
        best = int(np.argmin([_log_loss(y, row) for row in inner]))
        pipeline = _pipeline(positions, config, candidates[best]).fit(x, y)
    threshold = 0.5 if config.threshold == "half" else youden_threshold(y, inner[best])
    fold_aucs = np.array([auc(y[split.test], inner[best, split.test]) for split in splits])
    inner_auc = float(np.nanmean(fold_aucs)) if not np.isnan(fold_aucs).all() else float("nan")
    return Fit(pipeline, written_down(pipeline, positions, names), threshold, candidates[best], inner_auc)


def _inner_predictions(
    x: np.ndarray,
    y: np.ndarray,
    positions: Mapping[str, list[int]],
    config: FusionConfig,
    candidates: Sequence[Candidate],
    splits: Sequence[InnerSplit],
) -> np.ndarray:
    """Return inner out-of-fold probabilities, shape (candidate, unit); what candidates share is fitted once a fold."""
    inner = np.full((len(candidates), len(y)), np.nan)
    for split in splits:
        front = _front(positions, config)
        train = front.fit_transform(x[split.train], y[split.train])
        test = front.transform(x[split.test])
        for strength, group in itertools.groupby(range(len(candidates)), key=lambda i: candidates[i].strength):
            kept = _lasso(strength, train, y[split.train])
            for position in group:
                classifier = _classifier(candidates[position].c, config).fit(train[:, kept], y[split.train])
                inner[position, split.test] = classifier.predict_proba(test[:, kept])[:, 1]
    return inner


def _candidates(config: FusionConfig) -> list[Candidate]:
    lasso = [step for step in config.selection if isinstance(step, LassoConfig)]
    strengths: tuple[float | None, ...] = lasso[0].strengths if lasso else (None,)
    return [
        Candidate(strength, c) for strength in strengths for c in config.classifier.c
    ]  # simplest first: ties keep it


def _front(positions: Mapping[str, list[int]], config: FusionConfig) -> ColumnTransformer:
    steps: list[Any] = [SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler(), VaryingColumns()]
    for step in config.selection:
        if isinstance(step, CorrelationConfig):
            steps.append(CorrelationFilter(step.threshold))
        elif isinstance(step, MrmrConfig):
            steps.append(Mrmr(step.k))
    chain = make_pipeline(*steps)
    return ColumnTransformer([(block, clone(chain), columns) for block, columns in positions.items()])


def _lasso(strength: float | None, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.ones(x.shape[1], dtype=bool) if strength is None else LassoSelector(strength).fit(x, y).get_support()


def _classifier(c: float, config: FusionConfig) -> LogisticRegression:
    return LogisticRegression(C=c, solver="newton-cholesky", class_weight=config.classifier.class_weight, max_iter=200)


def _pipeline(positions: Mapping[str, list[int]], config: FusionConfig, chosen: Candidate) -> Pipeline:
    steps: list[tuple[str, Any]] = [("blocks", _front(positions, config))]
    if chosen.strength is not None:
        steps.append(("lasso", LassoSelector(chosen.strength)))
    return Pipeline([*steps, ("classifier", _classifier(chosen.c, config))])


def written_down(pipeline: Pipeline, positions: Mapping[str, list[int]], names: Sequence[str]) -> LinearModel:
    """Return a fitted pipeline as numbers per column it uses."""
    kept: list[tuple[str, int, float, float, float]] = []
    for block, columns in positions.items():
        chain = pipeline.named_steps["blocks"].named_transformers_[block]
        imputer, scaler, *selectors = (step for _, step in chain.steps)
        kept += [
            (block, columns[i], float(imputer.statistics_[i]), float(scaler.mean_[i]), float(scaler.scale_[i]))
            for i in kept_columns(selectors, np.arange(len(columns)))
        ]
    support = (
        pipeline.named_steps["lasso"].get_support() if "lasso" in pipeline.named_steps else np.ones(len(kept), bool)
    )
    classifier = pipeline.named_steps["classifier"]
    used = [row for row, keep in zip(kept, support, strict=True) if keep]
    terms = tuple(
        Term(name=names[column], block=block, median=median, mean=mean, scale=scale, coefficient=float(coefficient))
        for (block, column, median, mean, scale), coefficient in zip(used, classifier.coef_[0], strict=True)
    )
    return LinearModel(intercept=float(classifier.intercept_[0]), terms=terms)


def _log_loss(y: np.ndarray, probability: np.ndarray) -> float:
    p = np.clip(probability, 1e-12, 1 - 1e-12)
    return float(-np.mean(np.where(y == 1, np.log(p), np.log1p(-p))))
