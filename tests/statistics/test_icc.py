"""Intraclass correlation: the published numbers."""

from __future__ import annotations

import numpy as np
import pytest

from radfuse.statistics.icc import icc, icc_table


def test_intraclass_correlations_with_their_limits_are_the_published_ones() -> None:
    """Shrout and Fleiss 1979; limits as in R's psych::ICC on the same ratings."""
    ratings = np.array(
        [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], dtype=float
    )
    agreed = np.repeat(np.arange(6.0)[:, None], 4, axis=1)
    found = icc_table(np.stack([ratings, agreed, np.zeros((6, 4))], axis=2))
    assert found["1,1"][0] == pytest.approx([0.166, -0.133, 0.723], abs=5e-4)
    assert found["2,1"][0] == pytest.approx([0.290, 0.019, 0.761], abs=5e-4)
    assert found["3,1"][0] == pytest.approx([0.715, 0.342, 0.946], abs=5e-4)
    for form, table in found.items():
        assert table[0, 0] == pytest.approx(icc(ratings, form))
        assert table[1].tolist() == [1, 1, 1]
        assert np.isnan(table[2]).all()
    with pytest.raises(ValueError, match="2 and more"):
        icc_table(ratings[:1, :, None])


def test_judges_who_differ_by_a_shift_alone_have_limits_too() -> None:
    """By hand: mean squares 10/3 between targets, 8 between judges, 0 left; F(0.975; 3, 1) 864.16, (1, 3) 17.44.

    They are where the limits go as what is left goes to 0.
    """
    first = np.arange(1.0, 5.0)
    shifted = np.stack([first, first + 2], axis=1)
    (found,) = icc_table(shifted[:, :, None])["2,1"]
    assert found == pytest.approx([5 / 11, 13.333 / (864.16 * 16 + 13.333), 232.57 / (16 + 232.57)], rel=1e-3)
    noise = np.array([[1.0, -1], [-1, 1], [-1, 1], [1, -1]])
    (near,) = icc_table((shifted + 1e-5 * noise)[:, :, None])["2,1"]
    assert near == pytest.approx(found, rel=1e-4)
