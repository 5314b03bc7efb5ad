"""Linear discriminant analysis: scikit-learn's, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from tables import learnt, unseen

from radfuse.fusion.models.lda import Lda


@pytest.mark.parametrize("columns", [4, 120])
def test_equals_scikit_learn_with_more_columns_than_units_too(columns: int):
    x, y = learnt(80, columns)
    rows = np.vstack([x, unseen(columns)])
    peer = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(x, y)
    np.testing.assert_allclose(Lda().fit(x, y, {}, 0).predict(rows), peer.predict_proba(rows)[:, 1], rtol=0, atol=1e-9)


def test_one_column_by_hand():
    """Classes of four at -1 and 1 with variance 0.25 each: log odds are 2 x / 0.25, and no shrinkage moves them."""
    x = np.array([-1.5, -1.5, -0.5, -0.5, 0.5, 0.5, 1.5, 1.5])[:, None]
    found = Lda().fit(x, np.repeat([0, 1], 4), {}, 0)
    assert found.coefficients == pytest.approx([8.0])
    assert found.intercept == pytest.approx(0)


def test_a_class_of_one_unit_is_refused():
    x, y = learnt(20)
    y = np.zeros(20)
    y[3] = 1
    with pytest.raises(ValueError, match="classifier lda needs two of each for a covariance"):
        Lda().fit(x, y, {}, 0)
