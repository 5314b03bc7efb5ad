"""Grey level co-occurrence matrix (GLCM): how often levels i and j lie one offset apart.

Source: Haralick et al. 1973, doi:10.1109/TSMC.1973.4309314; formulas as in PyRadiomics 3.0.1.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import numpy as np

from radfuse.machine import kernel
from radfuse.radiomics.families.family import Family, Measured
from radfuse.radiomics.settings import Settings

_EPS = float(np.spacing(1))
_NEARLY_ZERO = 1e-8
"""Below this, what is under a square root is rounding noise, and PyRadiomics' own arithmetic is followed."""
_COARSE = 1e-4
"""Above this, PyRadiomics' eps in the denominators of MCC is no small correction."""
_ITERATIVE = 80
"""From so many levels on, the largest eigenvalues are found by iteration instead of all directly."""

NAMES = (
    "Autocorrelation",
    "ClusterProminence",
    "ClusterShade",
    "ClusterTendency",
    "Contrast",
    "Correlation",
    "DifferenceAverage",
    "DifferenceEntropy",
    "DifferenceVariance",
    "Id",
    "Idm",
    "Idmn",
    "Idn",
    "Imc1",
    "Imc2",
    "InverseVariance",
    "JointAverage",
    "JointEnergy",
    "JointEntropy",
    "MCC",
    "MaximumProbability",
    "SumAverage",
    "SumEntropy",
    "SumSquares",
)
_CORRELATION, _IMC2, _MCC = (NAMES.index(name) for name in ("Correlation", "Imc2", "MCC"))


def features(measured: Measured, settings: Settings) -> dict[str, float]:
    """Return the GLCM features, averaged over directions.

    Args:
        measured: levels, and a lattice; pairs are those of its `far` directions.
        settings: `symmetric_glcm` counts each pair both ways; `weighting` None averages features over directions, a
            norm sums up the matrices, each weighted by exp(-|offset|^2): "infinity", "euclidean", "manhattan", or
            "no_weighting".

    Returns:
        Name -> value; NaN where no two voxels are neighbours. With P the matrix over the levels that occur,
        p_x and p_y its margins, mu and sigma their means and deviations, p_+ and p_- the distributions of i + j and
        |i - j|, N the highest level, HX, HY, HXY the entropies of p_x, p_y, P:

        - Autocorrelation: sum P i j; JointAverage: mu_x; SumAverage: sum k p_+(k); SumSquares: sum P (i - mu_x)^2
        - ClusterTendency, ClusterShade, ClusterProminence: sum P (i + j - mu_x - mu_y)^k for k = 2, 3, 4
        - Contrast: sum P (i - j)^2; Correlation: sum P (i - mu_x)(j - mu_y) / (sigma_x sigma_y), 1 where flat
        - DifferenceAverage: sum k p_-(k); DifferenceVariance: its variance; DifferenceEntropy, SumEntropy, JointEntropy
        - Id: sum p_-(k) / (1 + k); Idm: sum p_-(k) / (1 + k^2); Idn, Idmn: the same with k / N and k^2 / N^2
        - InverseVariance: sum p_-(k) / k^2 over k > 0; JointEnergy: sum P^2; MaximumProbability: max P
        - Imc1: (HXY - HXY1) / max(HX, HY) with HXY1 = -sum P log2(p_x p_y)
        - Imc2: sqrt(1 - exp(-2 (HXY2 - HXY))) with HXY2 = -sum p_x p_y log2(p_x p_y)
        - MCC: root of the second largest eigenvalue of Q(i, j) = sum_k P(i, k) P(j, k) / (p_x(i) p_y(k))
    """
    levels, symmetric = measured.levels, settings.symmetric_glcm
    gray = levels.present.astype(np.float64)
    rows: list[np.ndarray] = []
    doubtful = noisy = False
    empty = 0
    for matrix in _matrices(measured, settings):  # one at a time: many levels are large
        total = matrix.sum()
        if total == 0:
            empty += 1
            continue
        matrix /= total
        row = np.full(len(NAMES), np.nan)
        doubtful |= bool(_features(matrix, gray, levels.highest, row))
        if measured.asks("MCC"):
            row[_MCC], root_of_noise = _maximal_correlation(matrix, symmetric=symmetric)
            noisy |= root_of_noise
        rows.append(row)
    if not rows:
        return _without_pairs(len(gray), empty)
    table = np.array(rows)
    if doubtful or noisy:
        again = [matrix / matrix.sum() for matrix in _matrices(measured, settings) if matrix.any()]
        _follow_pyradiomics(table, again, gray, (levels.highest - len(gray), empty), doubtful=doubtful, noisy=noisy)
    with np.errstate(all="ignore"):
        means = [
            float(np.mean(column[~np.isnan(column)])) if not np.isnan(column).all() else np.nan for column in table.T
        ]
    found = dict(zip(NAMES, means, strict=True))
    if len(gray) < 2:
        found["MCC"] = 1.0
    return found


def _without_pairs(levels: int, matrices: int) -> dict[str, float]:
    """Return what is left where no two voxels are neighbours."""
    found = dict.fromkeys(NAMES, float("nan"))
    if levels < 2:
        # PyRadiomics drops directions only where there are several; of one without pairs a part is defined
        found |= {"InverseVariance": 0.0} if matrices == 1 else {"MCC": 1.0}
    return found


def _matrices(measured: Measured, settings: Settings) -> Iterator[np.ndarray]:
    """Yield the matrix of each direction, or the weighted sum of all."""
    made = _of_directions(measured, symmetric=settings.symmetric_glcm)
    if settings.weighting is None:
        yield from made
        return
    spacing = measured.region.spacing_zyx_mm
    weights = np.array([_weight(offset, spacing, settings.weighting) for offset in measured.lattice.far.offsets])
    count = len(measured.levels.present)
    total, all_of_them = np.zeros((count, count)), list(made)
    if all_of_them:
        for level in range(count):  # numpy adds up in pairs: PyRadiomics' last bit
            total[level] = np.sum(np.stack([matrix[level] for matrix in all_of_them], axis=-1) * weights, axis=-1)
    yield total


def _of_directions(measured: Measured, *, symmetric: bool) -> Iterator[np.ndarray]:
    count = len(measured.levels.present)
    for few in measured.lattice.far.groups():
        for before in few:
            counts = np.zeros((count + 1, count + 1), dtype=np.int64)
            _count_pairs(measured.levels.rank, before, counts)
            matrix = counts[:count, :count].astype(np.float64)
            yield matrix + matrix.T if symmetric else matrix


def _weight(offset: np.ndarray, spacing_zyx_mm: Sequence[float], norm: str) -> float:
    apart = np.abs(offset) * np.array(spacing_zyx_mm)
    square = {
        "infinity": apart.max() ** 2,
        "euclidean": (apart**2).sum(),
        "manhattan": apart.sum() ** 2,
        "no_weighting": 0.0,
    }[norm]
    return float(np.exp(-square))


def _maximal_correlation(p: np.ndarray, *, symmetric: bool) -> tuple[float, bool]:
    """Return MCC, and whether it is rounding noise.

    Q is similar to A A' with A = D_x^-1/2 P D_y^-1/2, whose eigenvalues a symmetric solver finds. PyRadiomics adds eps
    to the denominators, which matters where two rare levels meet: a correction to first order, or Q itself where that
    is too coarse.
    """
    if len(p) < 2:
        return 1.0, False
    px, py = p.sum(axis=1), p.sum(axis=0)
    with np.errstate(divide="ignore"):
        a, b = np.where(px > 0, 1 / np.sqrt(px), 0), np.where(py > 0, 1 / np.sqrt(py), 0)
    similar = a[:, None] * p * b[None, :]
    damping = np.where(p > 0, 1 / (1 + _EPS / np.where(p > 0, px[:, None] * py[None, :], 1)) - 1, 0)
    most = float(np.abs(damping).max())
    if most > _COARSE:
        second = float(np.sort(np.linalg.eigvals(_correlation_matrix(p, px, py)).real)[-2])
    elif len(p) < _ITERATIVE and most < _NEARLY_ZERO:
        values = np.linalg.eigvalsh(similar) ** 2 if symmetric else np.linalg.svd(similar, compute_uv=False) ** 2
        second = float(np.sort(values)[-2])
    else:
        values, vectors = _largest_eigenpairs(similar)
        # within the span of the largest eigenvectors, so that equal eigenvalues are told apart
        change = vectors.T @ ((similar * damping) @ (similar.T @ vectors))
        second = float(np.sort(np.linalg.eigvals(np.diag(values) + change).real)[-2])
    return float(np.sqrt(max(second, 0))), second < _NEARLY_ZERO


def _largest_eigenpairs(similar: np.ndarray, count: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Return the largest eigenvalues of A A' and their vectors."""
    if len(similar) >= _ITERATIVE:
        from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh

        square = LinearOperator(similar.shape, matvec=lambda v: similar @ (similar.T @ v), dtype=np.float64)
        start = np.random.default_rng(0).standard_normal(len(similar))
        with contextlib.suppress(ArpackError):  # many equal eigenvalues: directly then
            values, vectors = eigsh(square, k=count, which="LA", v0=start)
            return values, vectors
    values, vectors = np.linalg.eigh(similar @ similar.T)
    return values[-count:], vectors[:, -count:]


def _correlation_matrix(p: np.ndarray, px: np.ndarray, py: np.ndarray) -> np.ndarray:
    """Return Q of MCC by PyRadiomics' own expressions."""
    q = p[:, None, 0] * p[None, :, 0] / (px[:, None] * py[0] + _EPS)
    for level in range(1, len(p)):
        q += p[:, None, level] * p[None, :, level] / (px[:, None] * py[level] + _EPS)
    return np.asarray(q)


def _follow_pyradiomics(
    table: np.ndarray,
    chosen: Sequence[np.ndarray],
    gray: np.ndarray,
    absent: tuple[int, int],
    *,
    doubtful: bool,
    noisy: bool,
) -> None:
    """Where Correlation, Imc2 or MCC is noise, compute it by PyRadiomics' own numpy expressions.

    Which directions are NaN, or flat and so 1, depends on the last bit there.

    Args:
        table: (direction, feature), changed.
        chosen: the matrices of its rows.
        gray: levels that occur.
        absent: how many levels up to the highest do not occur, and how many directions are empty.
        doubtful: whether Correlation or Imc2 is noise in some direction.
        noisy: whether MCC is.
    """
    stack = _laid_out(chosen, *absent)
    px, py = stack.sum(2, keepdims=True), stack.sum(1, keepdims=True)
    if doubtful:
        hxy = -1 * np.sum(stack * np.log2(stack + _EPS), (1, 2))
        hxy2 = -1 * np.sum(px * py * np.log2(px * py + _EPS), (1, 2))
        with np.errstate(invalid="ignore"):
            imc2 = (1 - np.e ** (-2 * (hxy2 - hxy))) ** 0.5
        imc2[hxy2 == hxy] = 0
        table[:, _IMC2] = imc2[0]
        i, j = gray[None, :, None, None], gray[None, None, :, None]
        ux, uy = (np.sum(level * stack, (1, 2), keepdims=True) for level in (i, j))
        sigx, sigy = (
            np.sum(stack * ((level - mean) ** 2), (1, 2), keepdims=True) ** 0.5 for level, mean in ((i, ux), (j, uy))
        )
        corr = np.sum(stack * (i - ux) * (j - uy), (1, 2), keepdims=True) / (sigx * sigy + _EPS)
        corr[sigx * sigy == 0] = 1
        table[:, _CORRELATION] = corr[0, 0, 0]
    if noisy:
        q = [_correlation_matrix(p, px[0, :, 0, a], py[0, 0, :, a]) for a, p in enumerate(chosen)]
        # all directions at once: a complex eigenvalue of one makes all complex, and a root of -1e-18 is then 0, not NaN
        values = np.sort(np.linalg.eigvals(np.stack(q)), axis=-1)
        with np.errstate(invalid="ignore"):
            table[:, _MCC] = np.sqrt(values[:, -2]).real


def _laid_out(matrices: Sequence[np.ndarray], absent_levels: int, empty: int) -> np.ndarray:
    """Return (1, level, level, direction) with the order in memory that PyRadiomics' numpy.delete leaves.

    Sums round by that order, which differs with whether no, one or several levels and directions are deleted.
    """
    k, count = len(matrices[0]), len(matrices)
    absent = np.arange(k, k + min(absent_levels, 2))
    full = np.zeros((1, k + len(absent), k + len(absent), count + min(empty, 2)))
    full[0, :k, :k, :count] = np.stack(matrices, axis=-1)
    kept = np.delete(np.delete(full, absent, 1), absent, 2)
    return np.delete(kept, np.arange(count, full.shape[3]), 3) if empty else kept


@kernel
def _count_pairs(rank: np.ndarray, before: np.ndarray, counts: np.ndarray) -> None:
    """Count (level before, level); who has nobody before counts in the last row, which nobody reads."""
    for v in range(before.size):
        counts[rank[before[v]], rank[v]] += 1


@kernel
def _features(p: np.ndarray, gray: np.ndarray, highest: int, row: np.ndarray) -> bool:
    """Fill in all features but MCC; return whether Imc2 or Correlation is rounding noise."""
    k = gray.size
    px, py = np.zeros(k), np.zeros(k)
    sums, differences = np.zeros(2 * highest + 1), np.zeros(highest)
    mean_x = mean_y = 0.0
    for a in range(k):
        for b in range(k):
            value = p[a, b]
            px[a] += value
            py[b] += value
            mean_x += gray[a] * value
            mean_y += gray[b] * value
            sums[int(gray[a] + gray[b])] += value
            differences[int(abs(gray[a] - gray[b]))] += value
    apart = _of_pairs(p, gray, px, py, mean_x, mean_y, row)
    _of_differences(differences, row)
    average = sum_entropy = 0.0
    for s in range(2, 2 * highest + 1):
        average += s * sums[s]
        sum_entropy -= sums[s] * np.log2(sums[s] + _EPS)
    row[16], row[21], row[22] = mean_x, average, sum_entropy
    return k > 1 and apart < _NEARLY_ZERO


@kernel
def _of_pairs(
    p: np.ndarray, gray: np.ndarray, px: np.ndarray, py: np.ndarray, mean_x: float, mean_y: float, row: np.ndarray
) -> float:
    """Fill in what sums over pairs of levels; return the least of what Imc2 and Correlation are roots of."""
    k = gray.size
    product = prominence = shade = tendency = contrast = 0.0
    var_x = var_y = covariance = energy = largest = hxy = hxy1 = hxy2 = 0.0
    for a in range(k):
        for b in range(k):
            margin = px[a] * py[b]
            if margin > 0:
                log_margin = np.log2(margin + _EPS)
                hxy2 -= margin * log_margin
            value = p[a, b]
            if value == 0:
                continue
            i, j = gray[a], gray[b]
            product += value * i * j
            off = i + j - mean_x - mean_y
            square = off * off
            tendency += value * square
            shade += value * square * off
            prominence += value * square * square
            contrast += value * (i - j) * (i - j)
            var_x += value * (i - mean_x) * (i - mean_x)
            var_y += value * (j - mean_y) * (j - mean_y)
            covariance += value * (i - mean_x) * (j - mean_y)
            energy += value * value
            largest = max(largest, value)
            hxy -= value * np.log2(value + _EPS)
            hxy1 -= value * log_margin
    hx = hy = 0.0
    for a in range(k):
        hx -= px[a] * np.log2(px[a] + _EPS)
        hy -= py[a] * np.log2(py[a] + _EPS)
    deviation = np.sqrt(var_x) * np.sqrt(var_y)
    row[0], row[1], row[2], row[3], row[4] = product, prominence, shade, tendency, contrast
    row[5] = covariance / (deviation + _EPS) if deviation != 0 else 1.0
    div = max(hx, hy)
    row[13] = (hxy - hxy1) / div if div != 0 else 0.0
    apart = hxy2 - hxy
    row[14] = np.sqrt(max(1 - np.exp(-2 * apart), 0.0))
    row[17], row[18], row[20], row[23] = energy, hxy, largest, var_x
    return min(apart, var_x, var_y)


@kernel
def _of_differences(differences: np.ndarray, row: np.ndarray) -> None:
    """Fill in what sums over the differences of levels."""
    highest = differences.size
    difference = difference_entropy = i_d = idm = idmn = idn = inverse = 0.0
    for d in range(highest):
        value = differences[d]
        if value == 0:
            continue
        difference += d * value
        difference_entropy -= value * np.log2(value + _EPS)
        i_d += value / (1 + d)
        idm += value / (1 + d * d)
        idmn += value / (1 + d * d / highest**2)
        idn += value / (1 + d / highest)
        if d > 0:
            inverse += value / (d * d)
    variance = 0.0
    for d in range(highest):
        variance += differences[d] * (d - difference) ** 2
    row[6], row[7], row[8] = difference, difference_entropy, variance
    row[9], row[10], row[11], row[12], row[15] = i_d, idm, idmn, idn, inverse


_NEGATIVE = "rounding makes the value under its square root negative in every direction"
FAMILY = Family(
    NAMES,
    features,
    removed=("Dissimilarity", "Homogeneity1", "Homogeneity2", "SumVariance"),
    missing="no two voxels of the region lie at the distances asked for",
    missing_of={"Imc2": _NEGATIVE, "MCC": _NEGATIVE},
)
