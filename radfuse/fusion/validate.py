"""One family on one outer fold, and on all units: the pieces of work the pipeline records and resumes."""

from __future__ import annotations

import numpy as np

from radfuse.cohort.splits import Fold
from radfuse.errors import CaseError
from radfuse.fusion.config import FusionConfig, blocks_of
from radfuse.fusion.join import Design
from radfuse.fusion.models import Fit, fit_family, stack
from radfuse.results import FittedFamily

ALL = "all"
"""Name of the fit on all units."""


def fit_fold(
    design: Design, family: str, fold: Fold | None, patient: str, outcome: str, config: FusionConfig, seed: int
) -> tuple[FittedFamily, Fit]:
    """Fit a family on a fold's training units and predict its test units.

    Args:
        design: units and blocks.
        family: which blocks.
        fold: None fits on all units and predicts none.
        patient: column of the person in `design.units`.
        outcome: column of the outcome, 0 or 1.
        config: of the fusion wing.
        seed: of the inner folds, the same for all families.

    Returns:
        The result to store, and the fitted pipeline.

    Raises:
        CaseError: the training units do not allow a fit.
    """
    y = design.units[outcome].to_numpy().astype(int)
    patients = design.units[patient].to_numpy()
    train = np.arange(len(y)) if fold is None else fold.train
    name = ALL if fold is None else fold.name
    x, positions, names = stack(design.blocks_of(name), blocks_of(family))
    try:
        fit = fit_family(x[train], y[train], patients[train], positions, names, config, seed)
    except ValueError as error:
        raise CaseError(f"{family}, fold {name}", str(error)) from error
    test = np.array([], dtype=int) if fold is None else fold.test
    probability = fit.pipeline.predict_proba(x[test])[:, 1] if len(test) else np.array([])
    tuned = {"c": fit.candidate.c}
    if fit.candidate.strength is not None:
        tuned["lasso_strength"] = fit.candidate.strength
    result = FittedFamily(
        family=family,
        fold=name,
        model=fit.model,
        threshold=fit.threshold,
        tuned=tuned,
        inner_auc=fit.inner_auc,
        columns_in=x.shape[1],
        test=tuple(map(int, test)),
        probability=tuple(map(float, probability)),
    )
    return result, fit
