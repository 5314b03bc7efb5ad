"""Held-out units of one fold, explained by what was fitted without them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from radfuse.fusion.explain.explainer import Explainer
from radfuse.fusion.explain.permutation import permuted
from radfuse.fusion.explain.shapley import contributions
from radfuse.results.explained import FoldExplanation

_SHUFFLED = 300
"""Columns that are shuffled one by one, at most: those with the largest contributions."""


def explain_fold(
    explainer: Explainer,
    x: np.ndarray,
    blocks: Mapping[str, Sequence[int]],
    train: np.ndarray,
    test: np.ndarray,
    *,
    rows: int,
    background: int,
    permutations: int,
    seed: int,
) -> FoldExplanation:
    """Return contributions of some held-out units, and scores of all of them after shuffling.

    Args:
        explainer: of the family on this fold.
        x: float64, shape (unit, column), NaN where missing.
        blocks: block -> positions of its columns.
        train: positions of the training units.
        test: positions of the held-out units.
        rows: held-out units explained, at most.
        background: training units compared with, at most.
        permutations: how many times a column is shuffled.
        seed: of whatever is drawn.
    """
    generator = np.random.default_rng(seed)
    units = np.sort(generator.permutation(test)[:rows])
    usual = generator.permutation(train)[:background]
    found = contributions(explainer, x[units], x[usual], seed)
    used = found.columns
    size = np.abs(found.values).sum(axis=0)
    top = np.argsort(-size, kind="stable")[: min(_SHUFFLED, int((size > 0).sum()))]
    told = {block: where for block, where in blocks.items() if np.isin(used, list(where)).any()}
    shuffled = permuted(explainer, x[test], told, used[top], permutations, seed)
    block_of = {column: block for block, where in blocks.items() for column in where}
    return FoldExplanation(
        names=np.array([explainer.names[i] for i in used]),
        blocks=np.array([block_of.get(int(i), "") for i in used]),
        units=units,
        values=x[np.ix_(units, used)],
        contributions=found.values,
        absence=found.absence,
        base=np.array(found.base),
        score=found.score,
        background=np.array(len(usual)),
        tested=test,
        tested_score=shuffled.score,
        shuffled_blocks=np.array(list(told)),
        by_block=np.array([shuffled.blocks[block] for block in told]),
        shuffled_columns=top,
        by_column=shuffled.columns,
    )
