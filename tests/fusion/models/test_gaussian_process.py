"""The Gaussian process: scikit-learn's probabilities to the last digits, in the file too."""

from __future__ import annotations

import numpy as np
import pytest
from exported import run_nodes
from scipy.special import expit
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.gaussian_process.kernels import RBF, ConstantKernel
from tables import learnt, unseen

from radfuse.fusion.models.gaussian_process import FittedGaussianProcess, GaussianProcess


def test_equals_scikit_learn_at_its_own_kernel():
    x, y = learnt()
    found = GaussianProcess().fit(x, y, {}, 0)
    kernel = ConstantKernel(found.height) * RBF((0.5 / found.gamma) ** 0.5) + ConstantKernel(found.level)
    peer = GaussianProcessClassifier(kernel, optimizer=None).fit(x, y)
    rows = np.vstack([x, unseen()])
    expected = peer.predict_proba(rows)[:, 1]
    assert expected.std() > 0.1
    np.testing.assert_allclose(found.predict(rows), expected, rtol=0, atol=1e-8)
    np.testing.assert_allclose(run_nodes(found, rows), expected, rtol=0, atol=1e-8)


def test_its_kernel_is_likelier_than_its_neighbours():
    x, y = learnt()
    found = GaussianProcess().fit(x, y, {}, 0)

    def likelihood(height: float, gamma: float, level: float) -> float:
        kernel = ConstantKernel(height) * RBF((0.5 / gamma) ** 0.5) + ConstantKernel(level)
        return GaussianProcessClassifier(kernel, optimizer=None).fit(x, y).log_marginal_likelihood()

    best = likelihood(found.height, found.gamma, found.level)
    assert best >= likelihood(found.height * 1.5, found.gamma, found.level)
    assert best >= likelihood(found.height / 1.5, found.gamma, found.level)
    assert best >= likelihood(found.height, found.gamma * 1.5, found.level)
    assert best >= likelihood(found.height, found.gamma / 1.5, found.level)


@pytest.mark.parametrize("mean", [-40.0, -3.0, -0.01, 0.0, 0.5, 8.0, 400.0])
def test_a_process_that_knows_its_log_odds_is_a_logistic_function(mean: float):
    """One point at distance nought, whose covariance 2 is known: the variance is 0. Five steps are 1e-3 off at most."""
    model = FittedGaussianProcess(np.zeros((1, 1)), np.array([mean / 2]), np.array([[2**-0.5]]), 1.0, 1.0, 1.0)
    found = model.predict(np.zeros((1, 1)))
    assert found == pytest.approx(expit(mean), abs=2e-3)
    np.testing.assert_allclose(run_nodes(model, np.zeros((1, 1))), found, rtol=0, atol=1e-10)


def test_more_units_than_are_allowed_are_refused():
    with pytest.raises(ValueError, match="80 training units are more than most_units, 50; raise it"):
        GaussianProcess(most_units=50).fit(*learnt(), {}, 0)
