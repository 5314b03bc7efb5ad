"""One family on one outer fold, and on all units: the pieces of work the pipeline records and resumes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from radfuse.cohort.splits import Fold, inner_folds
from radfuse.errors import CaseError
from radfuse.fusion.config import FusionConfig, blocks_of
from radfuse.fusion.design import Design, stack
from radfuse.fusion.parts import FittedFamilyModel, Outcome, Settings, Training, Tuned
from radfuse.results import FittedFamily

ALL = "all"
"""Name of the fit on all units."""


@dataclass(frozen=True)
class Fit:
    """A fitted family with what was chosen inside its training set.

    Attributes:
        fitted: predicts, writes ONNX, explains.
        threshold: on the probability.
        settings: that were tuned.
        inner_auc: mean discrimination over the inner folds; NaN where none could be computed.
    """

    fitted: FittedFamilyModel
    threshold: float
    settings: Settings
    inner_auc: float


def everyone(order: np.ndarray) -> Fold:
    """Return the fold that trains on all units, in the order given, and tests none."""
    return Fold(ALL, order, np.array([], dtype=int))


def fit_family(
    x: np.ndarray,
    y: np.ndarray,
    labels: np.ndarray | None,
    patients: np.ndarray,
    blocks: Mapping[str, Sequence[int]],
    names: Sequence[str],
    outcome: Outcome,
    config: FusionConfig,
    seed: int,
) -> Fit:
    """Tune and fit one family on its training units.

    Args:
        x: float64, shape (unit, column); NaN is imputed.
        y: targets of the outcome, a row per unit.
        labels: classes that inner folds are stratified by, shape (unit,); None without.
        patients: shape (unit,); inner folds keep a patient together.
        blocks: block -> its columns in `x`.
        names: of the columns.
        outcome: what is predicted.
        config: of the fusion wing.
        seed: of the inner folds and of whatever a model draws.

    Raises:
        ValueError: too few patients of one class, or no column varies.
    """
    folds = inner_folds(patients, labels, outcome.folds_possible(y, patients, config.inner_folds), seed)
    training = Training(x, y, blocks, names, folds, config.selection, config.classifier, outcome, seed)
    tuned = _recalibrated(training, config) if config.recalibrate is not None else config.joins.fit(training)
    threshold = outcome.threshold(y, tuned.inner, config.threshold)
    scores = np.array([outcome.discrimination(y[fold.test], tuned.inner[fold.test]) for fold in folds])
    inner_auc = float(np.nanmean(scores)) if not np.isnan(scores).all() else float("nan")
    return Fit(tuned.fitted, threshold, tuned.settings, inner_auc)


def _recalibrated(training: Training, config: FusionConfig) -> Tuned:
    """Return the family with its probabilities brought into line with the outcomes of the inner test folds."""
    from radfuse.fusion.recalibrate import recalibrated

    strategy: Any = config.joins
    if not hasattr(strategy, "learn") or config.recalibrate is None:
        raise ValueError("fusion.recalibrate works with radfuse's own strategies; leave it out, or calibrate in yours")
    return recalibrated(strategy.learn(training), training, config.recalibrate)


def fit_fold(
    design: Design, family: str, fold: Fold, patient: str, outcome: Outcome, config: FusionConfig, seed: int
) -> tuple[FittedFamily, Fit]:
    """Fit a family on a fold's training units and predict its test units.

    Args:
        design: units and blocks.
        family: which blocks.
        fold: its training units in the order that models see them; `everyone` trains on all units and tests none.
        patient: column of the person in `design.units`.
        outcome: what is predicted.
        config: of the fusion wing.
        seed: of the inner folds, the same for all families.

    Returns:
        The result to store, and the fitted family.

    Raises:
        CaseError: the training units do not allow a fit.
    """
    y, labels = outcome.targets(design.units), outcome.labels(design.units)
    patients = design.units[patient].to_numpy()
    train, test = fold.train, fold.test
    x, blocks, names = stack(design.blocks_of(fold.name), blocks_of(family))
    here = labels[train] if labels is not None else None
    try:
        fit = fit_family(x[train], y[train], here, patients[train], blocks, names, outcome, config, seed)
    except ValueError as error:
        raise CaseError(f"{family}, fold {fold.name}", str(error)) from error
    probability = fit.fitted.predict(x[test]) if len(test) else np.array([])
    result = FittedFamily(
        family=family,
        fold=fold.name,
        explanation=fit.fitted.explain(f"{family} score"),
        threshold=fit.threshold,
        tuned=fit.settings,
        inner_auc=fit.inner_auc,
        columns_in=x.shape[1],
        test=tuple(map(int, test)),
        probability=tuple(map(float, probability)),
    )
    return result, fit
