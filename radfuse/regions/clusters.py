"""Clusters of values: how they are fitted, and how many suit them best."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np

from radfuse.errors import StudyError

Method = Literal["kmeans", "mixture"]
Criterion = Literal["bic", "silhouette", "calinski_harabasz"]
_MOST_COMPARED, _IN_PAIRS = 20_000, 4_000
"""Rows that tell how many clusters are best, and those whose distances to each other do."""


class Fitted(NamedTuple):
    """Clusters as they were fitted.

    Attributes:
        centres: cluster -> its centre.
        beside: what a mixture has beside, a row for each cluster.
        labels: cluster of each voxel.
        bic: Bayesian information criterion, smaller is better; NaN where there is no likelihood.
    """

    centres: Mapping[int, Sequence[float]]
    beside: Mapping[str, Sequence[object]]
    labels: np.ndarray
    bic: float = float("nan")


def _kmeans(values: np.ndarray, clusters: int, seed: int) -> Fitted:
    """Return the centres of k-means, the best of ten starts."""
    from sklearn.cluster import KMeans

    found = KMeans(clusters, n_init=10, random_state=seed).fit(values)
    return Fitted(dict(enumerate(found.cluster_centers_.tolist())), {}, found.labels_)


def _mixture(values: np.ndarray, clusters: int, seed: int) -> Fitted:
    """Return the means of a mixture of Gaussians, the best of five starts, with weights and covariances."""
    from sklearn.mixture import GaussianMixture

    found = GaussianMixture(clusters, n_init=5, max_iter=1000, random_state=seed).fit(values)
    if not found.converged_:
        raise StudyError(f"the mixture of {clusters} Gaussians does not settle in 1000 steps; take method kmeans")
    beside = {"weights": found.weights_.tolist(), "covariances": found.covariances_.tolist()}
    return Fitted(dict(enumerate(found.means_.tolist())), beside, found.predict(values), float(found.bic(values)))


def _score(criterion: Criterion, values: np.ndarray, fitted: Fitted, seed: int) -> float:
    """Return how well clusters suit values; larger is better.

    Source:
        Schwarz 1978, doi:10.1214/aos/1176344136 (BIC); Rousseeuw 1987, doi:10.1016/0377-0427(87)90125-7 (silhouette);
        Calinski and Harabasz 1974, doi:10.1080/03610927408827101.
    """
    from sklearn.metrics import calinski_harabasz_score, silhouette_score

    if criterion == "bic":
        return -fitted.bic
    if criterion == "silhouette":
        return float(
            silhouette_score(values, fitted.labels, sample_size=min(len(values), _IN_PAIRS), random_state=seed)
        )
    return float(calinski_harabasz_score(values, fitted.labels))


_FITS = {"kmeans": _kmeans, "mixture": _mixture}
_USUAL: Mapping[Method, Criterion] = {"kmeans": "calinski_harabasz", "mixture": "bic"}


def fitted(method: Method, values: np.ndarray, clusters: int, seed: int) -> Fitted:
    """Return so many clusters of values, float64, shape (row, column).

    Raises:
        StudyError: a mixture does not settle.
    """
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # of a mixture it is an error, of k-means looked for
        return _FITS[method](values, clusters, seed)


def best_number(
    values: np.ndarray, counts: Sequence[int], method: Method, criterion: Criterion | None, seed: int
) -> int | None:
    """Return how many clusters suit values best; of equally good numbers the smallest, None where none can be fitted.

    Args:
        values: shape (row, column); some rows are looked at where there are many.
        counts: numbers to try, rising.
        method: of the fit.
        criterion: None: the Bayesian one of a mixture, Calinski and Harabasz' of k-means.
        seed: of the fits.
    """
    some = values[:: -(-len(values) // _MOST_COMPARED)]
    found: dict[int, float] = {}
    for count in counts:
        try:
            one = fitted(method, some, count, seed)
        except StudyError:  # a mixture of too many does not settle
            continue
        if len(np.unique(one.labels)) == count:
            found[count] = _score(criterion or _USUAL[method], some, one, seed)
    return max(found, key=lambda count: found[count], default=None)
