"""ComBat: what a site adds to columns and how it spreads them, learned on training units, taken out of any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from radfuse.config import Section, nearest
from radfuse.errors import counted


class Combat(Section):
    """Location and scale of each site, shrunk towards those of all columns of a block (empirical Bayes).

    It is learned in every training set anew, of each block alone, from sites with two units or more there, and stands
    before imputation. Training units of other sites keep their values, which the fit remarks.

    Source:
        Johnson, Li and Rabinovic 2007, doi:10.1093/biostatistics/kxj037; Fortin et al. 2017,
        doi:10.1016/j.neuroimage.2017.08.047.
    """

    kind: Literal["combat"] = "combat"
    unseen: Literal["error", "pass"] = "error"
    """Test or new units of a site with less than two units in the training set: an error, or they keep their values;
    in inner folds they always do."""
    covariates: tuple[str, ...] = ()
    """Clinical columns whose effect is left in: what differs between sites by them is no effect of the site."""
    blocks: tuple[str, ...] = ()
    """Blocks that are harmonised; empty: all but clinical."""

    def harmonises(self, block: str) -> bool:
        """Return whether it is asked to work on a block."""
        return block in self.blocks if self.blocks else block != "clinical"

    def fit(self, x: np.ndarray, sites: Sequence[str], covariates: np.ndarray | None = None) -> Harmoniser:
        """Learn the effect of each site; it never sees an outcome.

        Args:
            x: float64, shape (unit, column), NaN where missing.
            sites: of each unit.
            covariates: float64, shape (unit, covariate), finite; None without.

        Raises:
            ValueError: a site has one unit, or a covariate is told by the site.
        """
        names, place = np.unique(np.asarray(sites, dtype=str), return_inverse=True)
        sizes = np.bincount(place)
        if sizes.min() < 2:
            lone = str(names[sizes.argmin()])
            raise ValueError(f"site {lone!r} has one unit in the training set, ComBat needs two; join or exclude it")
        extra = np.empty((len(x), 0)) if covariates is None else covariates
        design = np.hstack([np.eye(len(names))[place], extra])
        if np.linalg.matrix_rank(design) < design.shape[1]:
            listed = ", ".join(self.covariates) or "the covariates"
            raise ValueError(
                f"sites tell {listed} of the training set, or one tells another; leave it out of covariates"
            )
        there = ~np.isnan(x)
        coefficients = _least_squares(design, x, there)
        counts = np.stack([there[place == i].sum(axis=0) for i in range(len(names))])
        slopes = coefficients[len(names) :]
        level = (coefficients[: len(names)] * counts).sum(axis=0) / np.maximum(counts.sum(axis=0), 1)
        rest = np.where(there, x - design @ coefficients, 0)
        spread = np.sqrt((rest**2).sum(axis=0) / np.maximum(counts.sum(axis=0), 1))
        usable = (counts >= 2).all(axis=0) & (spread > 1e-12 * np.maximum(np.abs(level), 1e-300))
        z = (x - level - extra @ slopes) / np.where(usable, spread, 1)
        factor, offset = np.ones((len(names), x.shape[1])), np.zeros((len(names), x.shape[1]))
        for i in range(len(names) if usable.any() else 0):
            shift, variance = _shrunk(z[place == i][:, usable])
            factor[i, usable] = 1 / np.sqrt(variance)
            centre = level[usable]
            offset[i, usable] = centre - factor[i, usable] * (centre + spread[usable] * shift)
        return Harmoniser(tuple(map(str, names)), factor, offset, slopes, self.unseen)


@dataclass(frozen=True)
class Harmoniser:
    """What ComBat learned, as a factor and an offset a site and column: harmonised = factor x + offset.

    With covariates, their part of a value, c = covariates @ slopes, is not scaled: factor (x - c) + offset + c.

    Attributes:
        sites: known ones.
        factor: float64, shape (site, column); 1 for columns that could not be harmonised.
        offset: float64, shape (site, column).
        slopes: of covariates, float64, shape (covariate, column).
        unseen: what becomes of other sites.
    """

    sites: tuple[str, ...]
    factor: np.ndarray
    offset: np.ndarray
    slopes: np.ndarray
    unseen: Literal["error", "pass"]

    def apply(self, x: np.ndarray, sites: Sequence[str], covariates: np.ndarray | None = None) -> np.ndarray:
        """Return values as if of one site, float64, shape (unit, column).

        Args:
            x: float64, shape (unit, column), NaN where missing.
            sites: of each unit.
            covariates: float64, shape (unit, covariate), finite; None without.

        Raises:
            ValueError: a site is not known, and unseen ones are an error.
        """
        places = {name: i for i, name in enumerate(self.sites)}
        found = np.array([places.get(str(name), -1) for name in sites], dtype=int)
        if self.unseen == "error" and (found < 0).any():
            name = str(sites[int(np.argmax(found < 0))])
            mend = "exclude them, or set unseen: pass to leave their values as they are"
            units = counted(int((found < 0).sum()), "unit is", "units are")
            raise ValueError(
                f"{units} of a site that ComBat did not learn, first {name!r}{nearest(name, self.sites, mend)}"
            )
        known = found >= 0
        factor = np.where(known[:, None], self.factor[found], 1.0)
        part = 0.0 if covariates is None else covariates @ self.slopes
        return at_one_site(x, factor, np.where(known[:, None], self.offset[found], 0.0), part)


def at_one_site(x: np.ndarray, factor: np.ndarray, offset: np.ndarray, part: np.ndarray | float) -> np.ndarray:
    """Return factor (x - part) + offset + part, in an order that leaves x as it is where the factor is 1."""
    return x * factor + offset + (1 - factor) * part


def _least_squares(design: np.ndarray, x: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Return coefficients, shape (of the design, column); columns with missing values from the units that have them."""
    whole = there.all(axis=0)
    found = np.zeros((design.shape[1], x.shape[1]))
    found[:, whole] = np.linalg.lstsq(design, x[:, whole], rcond=None)[0]
    if not whole.all():  # all at once, in coordinates where the normal equations lose no digits
        q, r = np.linalg.qr(design)
        squares = (q[:, :, None] * q[:, None, :]).reshape(len(q), -1)
        grams = (there[:, ~whole].T @ squares).reshape(-1, *r.shape)
        right = (np.where(there, x, 0)[:, ~whole].T @ q)[:, :, None]
        inverse = np.linalg.pinv(grams, rcond=1e-10, hermitian=True)
        found[:, ~whole] = np.linalg.solve(r, (inverse @ right)[:, :, 0].T)
    return found


def _shrunk(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return shift and variance of one site in each column, shrunk towards those of its other columns.

    Args:
        z: standardised values of the site, shape (unit, column), NaN where missing, at least two values a column.
    """
    count = (~np.isnan(z)).sum(axis=0)
    mean, variance = np.nanmean(z, axis=0), np.nanvar(z, axis=0, ddof=1)
    squares = (count - 1) * variance
    if z.shape[1] < 2 or np.ptp(variance) == 0 or np.ptp(mean) == 0:  # nothing to learn a prior from
        return mean, np.where(variance > 0, variance, 1.0)
    centre, width = mean.mean(), mean.var(ddof=1)
    m, s = variance.mean(), variance.var(ddof=1)
    a, b = (2 * s + m**2) / s, (m * s + m**3) / s
    shift, scale = mean, variance
    for _ in range(1000):
        new_shift = (count * width * mean + scale * centre) / (count * width + scale)
        new_scale = (0.5 * (squares + count * (mean - new_shift) ** 2) + b) / (count / 2 + a - 1)
        change = max(np.abs(new_shift - shift).max(), np.abs(new_scale - scale).max())
        shift, scale = new_shift, new_scale
        if change < 1e-10:
            break
    return shift, scale
