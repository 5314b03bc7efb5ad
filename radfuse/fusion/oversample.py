"""Units made up of the rarer class, where a study asks for them: inside a training set, after scaling and selection."""

from __future__ import annotations

import numpy as np

from radfuse.fusion.models.canonical import canonical

_NEIGHBOURS = 5


def smote(x: np.ndarray, y: np.ndarray, offset: np.ndarray | None, seed: int) -> tuple[np.ndarray, ...]:
    """Return units, outcomes and offsets with as many of either class; those made up come last.

    Each lies between a unit of the rarer class and one of its five nearest neighbours of that class.

    Args:
        x: float64, shape (unit, column), standardised.
        y: 0 and 1, both present, shape (unit,).
        offset: log odds known before, shape (unit,), which lie between too; None: none, and noughts come back.
        seed: of what is drawn; neither names nor the order of rows and columns matter.

    Raises:
        ValueError: y lacks a class, or has one unit of it alone.

    Source:
        Chawla et al. 2002, doi:10.1613/jair.953.
    """
    from sklearn.neighbors import NearestNeighbors

    data = canonical(x, y)
    rarer = int(data.y.mean() < 0.5)
    rows = data.rows[data.y == rarer]
    known = np.zeros(len(y)) if offset is None else offset
    lacking = len(y) - 2 * len(rows)
    if not lacking:
        return x, y, known
    if len(rows) < 2:
        raise ValueError(
            "one training unit alone is of its class, and oversample makes up more between two of them; add units "
            "of that class, or leave fusion.oversample out"
        )
    own = data.x[data.y == rarer]
    nearest = NearestNeighbors(n_neighbors=min(_NEIGHBOURS, len(rows) - 1)).fit(own).kneighbors(return_distance=False)
    generator = np.random.default_rng(seed)
    one = np.resize(generator.permutation(len(rows)), lacking)
    other = nearest[one, generator.integers(nearest.shape[1], size=lacking)]
    share = generator.random(lacking)
    first, second = rows[one], rows[other]
    return (
        np.vstack([x, x[first] + share[:, None] * (x[second] - x[first])]),
        np.concatenate([y, y[first]]),
        np.concatenate([known, known[first] + share * (known[second] - known[first])]),
    )
