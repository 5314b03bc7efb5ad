"""Ridge regression of the log odds: the minimum that others find, at every shape and penalty."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from radfuse.fusion.models import penalised
from radfuse.fusion.models.penalised import ridge_path

PENALTIES = (300.0, 10.0, 1.0, 0.01)


def drawn(units: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Correlated columns of scales from 0.1 to 10, and an outcome that the first ones tell."""
    generator = np.random.default_rng(0)
    latent = generator.standard_normal((units, 5))
    x = latent @ generator.standard_normal((5, columns)) + generator.standard_normal((units, columns))
    y = (latent[:, 0] + generator.standard_normal(units) > 0.5).astype(float)
    return x * np.geomspace(0.1, 10, columns), y


@pytest.mark.parametrize(("units", "columns"), [(12, 1), (40, 6), (30, 200), (300, 80)])
def test_the_path_is_that_of_scikit_learn(units: int, columns: int) -> None:
    x, y = drawn(units, columns)
    for penalty, found in zip(PENALTIES, ridge_path(x, y, PENALTIES, np.zeros(units)), strict=True):
        peer = LogisticRegression(C=1 / penalty, solver="newton-cholesky", tol=1e-12, max_iter=1000).fit(x, y)
        np.testing.assert_allclose(found.score(x), peer.decision_function(x), atol=2e-5, err_msg=f"penalty {penalty}")


def test_at_the_minimum_no_way_leads_down() -> None:
    """The slope of the loss is nought: residuals sum to nought, and on each column to penalty x coefficient."""
    x, y = drawn(60, 20)
    offset = np.linspace(-2, 2, 60)
    (found,) = ridge_path(x, y, [3.0], offset)
    left = y - 1 / (1 + np.exp(-(found.score(x) + offset)))
    assert left.sum() == pytest.approx(0, abs=1e-5)
    np.testing.assert_allclose(left @ x, 3.0 * found.coefficients, atol=1e-5)


def test_an_outcome_told_apart_without_error_has_a_minimum_too() -> None:
    x = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    (found,) = ridge_path(x, np.array([0.0, 0.0, 1.0, 1.0]), [1e-6], np.zeros(4))
    slope = found.coefficients[0]
    assert 10 < slope < 20
    assert 2 * (1 / (1 + np.exp(slope)) + 2 / (1 + np.exp(2 * slope))) == pytest.approx(1e-6 * slope, rel=1e-2)


def test_steps_in_float32_end_where_steps_in_float64_do(monkeypatch: pytest.MonkeyPatch):
    """Small blocks with large columns beside many small ones, as blocks with penalties of their own have."""
    x, y = drawn(120, 200)
    x = x * np.where(np.arange(200) < 5, 1.0, 0.05)
    penalties, known = [30.0, 1.0, 0.1], np.linspace(-1, 1, 120)
    exact = ridge_path(x, y, penalties, known)
    monkeypatch.setattr(penalised, "_LARGE", 0)
    for single, double in zip(ridge_path(x, y, penalties, known), exact, strict=True):
        np.testing.assert_allclose(single.score(x), double.score(x), rtol=1e-6, atol=1e-5)
