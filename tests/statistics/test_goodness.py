"""Hosmer-Lemeshow: R's number on R's cars, and groups counted by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from realdata import real_file
from scipy import stats
from sklearn.linear_model import LogisticRegression

from radfuse.statistics.goodness import hosmer_lemeshow


def test_the_reference_on_mtcars() -> None:
    """am ~ wt + hp, apparent, 6 groups: chi2 2.3502, df 4, p 0.6717."""
    cars = pd.read_csv(real_file("tables/mtcars.csv"))
    x, y = cars[["wt", "hp"]], cars["am"]
    p = LogisticRegression(C=np.inf, tol=1e-12, max_iter=10_000, solver="newton-cholesky").fit(x, y).predict_proba(x)
    found = hosmer_lemeshow(y, p[:, 1], 6, held_out=False)
    assert found is not None
    assert found.statistic == pytest.approx(2.3502, abs=5e-4)
    assert found.degrees == 4
    assert found.p == pytest.approx(0.6717, abs=5e-4)
    apart = hosmer_lemeshow(y, p[:, 1], 6, held_out=True)
    assert apart is not None
    assert apart.degrees == 6


def test_groups_by_hand() -> None:
    """Three groups of four at 0.2, 0.5 and 0.8 hold 1, 2 and 4 events where 0.8, 2 and 3.2 are due."""
    p = np.repeat([0.2, 0.5, 0.8], 4) + np.tile([0, 1e-9, 2e-9, 3e-9], 3)
    y = [1, 0, 0, 0, 1, 1, 0, 0, 1, 1, 1, 1]
    found = hosmer_lemeshow(y, p, 3, held_out=True)
    assert found is not None
    expected = 0.2**2 / (0.8 * 0.8) + 0.8**2 / (3.2 * 0.2)
    assert found.statistic == pytest.approx(expected, rel=1e-6)
    assert found.p == pytest.approx(stats.chi2.sf(expected, 3))


def test_probabilities_all_alike_cannot_be_grouped() -> None:
    assert hosmer_lemeshow([0, 1, 0, 1], [0.5] * 4, held_out=True) is None
    with pytest.raises(ValueError, match="three groups"):
        hosmer_lemeshow([0, 1], [0.2, 0.3], 2, held_out=True)
