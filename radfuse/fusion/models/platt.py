"""Probabilities from decision values, as a logistic function of them."""

from __future__ import annotations

import numpy as np


def platt(decisions: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Return slope and offset: probability = 1 / (1 + exp(-(slope * decision + offset))).

    The targets are drawn towards one half, as if each class had one more unit of the other, so that a perfect
    separation stays finite. Decisions that rank the units backwards tell nothing: their slope is 0.

    Args:
        decisions: of units that took no part in the fit, shape (unit,).
        y: 0 and 1, both present, shape (unit,).

    Source:
        Platt 1999, Probabilistic outputs for support vector machines; Lin 2007, doi:10.1007/s10994-007-5018-6.
    """
    from sklearn.linear_model import LogisticRegression

    events = int(y.sum())
    target = np.where(y == 1, (events + 1) / (events + 2), 1 / (len(y) - events + 2))
    centre, scale = float(decisions.mean()), float(decisions.std())
    if scale > 1e-9 * float(np.abs(decisions).max()):  # else they differ by rounding alone
        model = LogisticRegression(
            C=1e10, solver="newton-cholesky", tol=1e-9, max_iter=200
        )  # no penalty: see the targets
        both = np.tile((decisions - centre) / scale, 2)[:, None]
        model.fit(both, np.repeat([1, 0], len(y)), sample_weight=np.concatenate([target, 1 - target]))
        slope = float(model.coef_[0, 0]) / scale
        if slope > 0:
            return slope, float(model.intercept_[0]) - slope * centre
    share = float(target.mean())
    return 0.0, float(np.log(share / (1 - share)))
