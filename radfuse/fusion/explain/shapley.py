"""Shapley values of a family's score: what each column moves it from that of the background, exact where it can be.

The game of a unit: columns of a set have the unit's values, all others those of a background row, and the score is
averaged over the rows (interventional; Janzing 2020, http://proceedings.mlr.press/v108/janzing20a.html). It is linear
in the score, so that each atom of the sum is taken apart alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from radfuse.fusion.explain.atoms import Atom, LinearAtom, OnnxAtom, TreeAtom
from radfuse.fusion.explain.explainer import Explainer

_WALKS = 2000
"""Columns times walks through a unit, each there and back, of a model without known form: about so many."""
_FEWEST = 4
"""Background rows it is walked from, at least."""
_BENT = 100
"""Walks through a unit of trees whose sum is bent, at least."""


@dataclass(frozen=True)
class Contributions:
    """base + absence + the sum of a row = score.

    Attributes:
        columns: positions of the columns in use, shape (used,).
        values: what each moves, in the score's unit, float64, shape (unit, used).
        absence: what it moves that the unit has other blocks than the background, shape (unit,).
        base: mean score of the background.
        score: of the units, shape (unit,).
    """

    columns: np.ndarray
    values: np.ndarray
    absence: np.ndarray
    base: float
    score: np.ndarray


def contributions(explainer: Explainer, values: np.ndarray, background: np.ndarray, seed: int = 0) -> Contributions:
    """Return what each column moves the score of some units.

    Args:
        explainer: of the family.
        values: of the units, shape (unit, column), NaN where missing.
        background: rows of the same columns, at least one; those behind the first few are left out where an atom has
            no known form and many columns.
        seed: of what is drawn.
    """
    background = background[: _affordable(explainer, len(background))]
    used = explainer.used
    place = np.full(len(explainer.names), -1)
    place[used] = np.arange(len(used))
    constant, weight = explainer.weights(values)
    usual_constant, usual_weight = explainer.weights(background)
    found, score, base = np.zeros((len(values), len(used))), constant.copy(), usual_constant.copy()
    level = constant.copy()
    for number, atom in enumerate(explainer.atoms):
        z, usual = atom.seen(values), atom.seen(background)
        own = _contributions(atom, z, usual, seed + number)
        there = atom.score(usual)
        score += weight[:, number] * atom.score(z)
        base += usual_weight[:, number] * there
        level += weight[:, number] * there.mean()
        found[:, place[atom.seen.kept[atom.used]]] += weight[:, [number]] * own[:, atom.used]
    return Contributions(used, found, level - base.mean(), float(base.mean()), score)


def _affordable(explainer: Explainer, rows: int) -> int:
    """Return how many background rows can be walked from."""
    widest = max((len(atom.seen.kept) for atom in explainer.atoms if isinstance(atom, OnnxAtom)), default=0)
    return min(rows, max(_FEWEST, _WALKS // widest)) if widest else rows


def _contributions(atom: Atom, z: np.ndarray, usual: np.ndarray, seed: int) -> np.ndarray:
    """Return what each column of an atom moves it, shape (unit, kept); prepared values of units and background."""
    if isinstance(atom, LinearAtom):
        return atom.coefficients * (z - usual.mean(axis=0))
    if isinstance(atom, TreeAtom):
        from radfuse.fusion.explain.kernels import tree_contributions

        rows, others = atom.rounded(z), atom.rounded(usual)
        told = (atom.forest, atom.first_nodes, float(atom.base), atom.linkage)
        return np.asarray(tree_contributions(*told, rows, others, -(-_BENT // len(others)), seed))
    generator = np.random.default_rng(seed)
    return np.array([_walked(atom, row, usual, generator) for row in z]).reshape(z.shape)


def _walked(atom: OnnxAtom, row: np.ndarray, usual: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Return what each column moves a model, by walks from each background row to the row, there and back.

    Source:
        Strumbelj and Kononenko 2014, doi:10.1007/s10115-013-0679-x; the reversed order after Mitchell 2022,
        http://jmlr.org/papers/v23/21-0439.html.
    """
    size = len(row)
    found, walks = np.zeros(size), max(1, _WALKS // (size * len(usual)))
    for other in np.repeat(usual, walks, axis=0):
        order = generator.permutation(size)
        path = np.where(np.tri(size + 1, size, -1, dtype=bool), row[order], other[order])
        back = np.where(np.tri(size + 1, size, -1, dtype=bool), row[order[::-1]], other[order[::-1]])
        rows = np.empty((2 * (size + 1), size))
        rows[: size + 1, order] = path
        rows[size + 1 :, order[::-1]] = back
        score = atom.score(rows)
        found[order] += np.diff(score[: size + 1]) / 2
        found[order[::-1]] += np.diff(score[size + 1 :]) / 2
    return found / (walks * len(usual))
