"""Scores of held-out units where a block, or a column, is shuffled among them.

Source:
    Breiman 2001, doi:10.1023/A:1010933404324; Fisher 2019, http://jmlr.org/papers/v20/18-760.html.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from radfuse.fusion.explain.atoms import Atom, LinearAtom, TreeAtom
from radfuse.fusion.explain.explainer import Explainer


@dataclass(frozen=True)
class Permuted:
    """Scores after shuffling.

    Attributes:
        score: before, shape (unit,).
        blocks: block -> after it was shuffled whole, shape (repeat, unit).
        columns: after each column was shuffled, shape (column, repeat, unit).
    """

    score: np.ndarray
    blocks: Mapping[str, np.ndarray]
    columns: np.ndarray


def permuted(
    explainer: Explainer,
    values: np.ndarray,
    blocks: Mapping[str, Sequence[int]],
    columns: np.ndarray,
    repeats: int,
    seed: int,
) -> Permuted:
    """Return scores of units whose values were shuffled among them.

    A shuffled block brings its gaps along, so that what a missing block does to the score is counted with it; where a
    column is shuffled, each unit keeps the blocks that it has.

    Args:
        explainer: of the family.
        values: of the units, shape (unit, column), NaN where missing.
        blocks: block -> positions of its columns.
        columns: positions of the columns to shuffle one by one.
        repeats: how many times each.
        seed: of the shuffles, which all columns share.
    """
    generator = np.random.default_rng(seed)
    orders = [generator.permutation(len(values)) for _ in range(repeats)]
    of_blocks = {}
    for block, where in blocks.items():
        found, places = [], np.asarray(where, dtype=int)
        for order in orders:
            shuffled = values.copy()
            shuffled[:, places] = values[np.ix_(order, places)]
            found.append(explainer.score(shuffled))
        of_blocks[block] = np.array(found).reshape(repeats, len(values))
    constant, weight = explainer.weights(values)
    score = constant.copy()
    moved = np.zeros((len(columns), repeats, len(values)))
    for number, atom in enumerate(explainer.atoms):
        before, change = _moved(atom, atom.seen(values), columns, orders)
        score += weight[:, number] * before
        moved += weight[:, number] * change
    return Permuted(score, of_blocks, score + moved)


def _moved(
    atom: Atom, z: np.ndarray, columns: np.ndarray, orders: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Return an atom's score, and by how much it moves where columns are shuffled, shape (column, repeat, unit)."""
    place = {int(column): i for i, column in enumerate(atom.seen.kept)}
    wanted = [(i, place[int(column)]) for i, column in enumerate(columns) if int(column) in place]
    found = np.zeros((len(columns), len(orders), len(z)))
    if isinstance(atom, TreeAtom):
        return _of_trees(atom, z, wanted, orders, found)
    before = atom.score(z)
    for i, own in wanted:
        for k, order in enumerate(orders):
            if isinstance(atom, LinearAtom):
                found[i, k] = atom.coefficients[own] * (z[order, own] - z[:, own])
                continue
            shuffled = z.copy()
            shuffled[:, own] = z[order, own]
            found[i, k] = atom.score(shuffled) - before
    return before, found


def _of_trees(
    atom: TreeAtom, z: np.ndarray, wanted: Sequence[tuple[int, int]], orders: Sequence[np.ndarray], found: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Do the same for trees: those that do not split by a column stay as they are."""
    from radfuse.fusion.explain.kernels import changes, leaves_of

    x, roots = atom.rounded(z), atom.first_nodes
    leaves = np.asarray(leaves_of(atom.forest, roots, x))
    total = leaves.sum(axis=1)
    before = atom.linked(total)
    inner = np.flatnonzero(atom.left >= 0)
    trees = np.searchsorted(roots, inner, side="right") - 1
    for i, own in wanted:
        which = np.unique(trees[atom.feature[inner] == own])
        for k, order in enumerate(orders) if len(which) else ():
            change = changes(atom.forest, roots[which], x, own, x[order, own], leaves[:, which])
            found[i, k] = atom.linked(total + change) - before
    return before, found
