"""mRMR against feature-engine's, and by its own order."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from columns import planted, standardised, tables
from feature_engine.selection import MRMR
from hypothesis import given
from hypothesis import strategies as st

from radfuse.fusion.selectors.mrmr import Mrmr, ranking
from radfuse.outcomes.binary import BinaryOutcome

EVENT = BinaryOutcome(column="event")


def kept(k: int, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return Mrmr(k=k).choose(x, y, {}, EVENT)


def ranked(k: int, x: np.ndarray, y: np.ndarray) -> list[int]:
    return ranking(x, EVENT.relevance(x, y), k)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("k", [2, 5, 12])
def test_equals_feature_engine(seed: int, k: int):
    """Same definition: first the largest F, then F / mean |Pearson| with those chosen."""
    generator = np.random.default_rng(seed)
    x = standardised(generator.standard_normal((80, 6)) @ generator.standard_normal((6, 25)))
    x = standardised(x + 0.5 * generator.standard_normal(x.shape))
    y = (x[:, 0] - x[:, 7] + generator.standard_normal(80) > 0).astype(int)
    frame = pd.DataFrame(x, columns=[f"c{i}" for i in range(25)])
    oracle = MRMR(method="FCQ", max_features=k, regression=False).fit(frame, pd.Series(y))
    found = frame.columns[kept(k, x, y)]
    assert set(found) == set(frame.columns) - set(oracle.features_to_drop_)


def test_prefers_new_information_to_a_copy():
    x, y = planted(3)
    best, *_ = ranked(2, x, y)
    assert best in (0, 1, 2)
    assert set(ranked(2, x, y)) != {0, 2}


def test_ranking_starts_with_the_largest_f_and_is_a_prefix_of_longer_ones():
    x, y = planted(4)
    long = ranked(10, x, y)
    assert long[0] == np.argmax(EVENT.relevance(x, y))
    assert ranked(4, x, y) == long[:4]


def test_more_than_there_are_keeps_all():
    x, y = planted(5)
    assert kept(1000, x, y).all()


@given(tables(), st.integers(1, 6))
def test_keeps_k(drawn: tuple[np.ndarray, np.ndarray], k: int):
    x, y = drawn
    assert kept(k, x, y).sum() == min(k, x.shape[1])
