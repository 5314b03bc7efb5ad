"""What is lost of the best of several once it is looked at again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np


def picking_bias(fold_aucs: Sequence[Mapping[str, float | None]]) -> float | None:
    """Return by how much the AUC of the best family, picked by its mean over test folds, is too high on average.

    In each fold the best family there beats the one that is the best over all folds by some; the mean of that is what
    picking by chance is worth.

    Args:
        fold_aucs: of each family, test fold -> AUC.

    Returns:
        None where fewer than two folds have an AUC of every family.

    Source:
        Tibshirani and Tibshirani 2009, doi:10.1214/08-AOAS224.
    """
    folds = [fold for fold in fold_aucs[0] if all(_known(family.get(fold)) for family in fold_aucs)]
    if len(folds) < 2:
        return None
    each = np.array([[family[fold] for fold in folds] for family in fold_aucs], dtype=float)
    best = int(np.argmax(each.mean(axis=1)))
    return float((each.max(axis=0) - each[best]).mean())


def _known(value: float | None) -> bool:
    return value is not None and not np.isnan(value)
