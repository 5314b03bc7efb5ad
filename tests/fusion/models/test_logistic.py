"""Logistic regression: the minimum of its loss, a score by hand, and the printed formula is the model."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from radfuse.fusion.chain import Chain
from radfuse.fusion.models.logistic import Logistic
from radfuse.fusion.models.penalised import FittedLogistic
from radfuse.fusion.parts import Column


def chain(intercept: float, *rows: tuple[str, float, float, float, float]) -> Chain:
    """Rows of name, median, mean, scale and coefficient."""
    columns = tuple(Column(name, "clinical", median, mean, scale) for name, median, mean, scale, _ in rows)
    model = FittedLogistic(intercept, np.array([row[-1] for row in rows]))
    return Chain(tuple(row[0] for row in rows), np.arange(len(rows)), columns, model)


def score(of: Chain, values: np.ndarray) -> np.ndarray:
    assert isinstance(of.model, FittedLogistic)
    return of.model.score(of.prepare(values))


def parsed(formula: str) -> tuple[float, dict[str, float]]:
    """Read a printed formula back: constant, and column -> coefficient in its own unit."""
    first, *lines = formula.splitlines()
    constant = float(first.split(" = ")[1])
    parts = [re.fullmatch(r"    ([+-]) (\S+) \* (.+)", line) for line in lines]
    assert all(parts)
    return constant, {part[3]: float(part[1] + part[2]) for part in parts if part}


def from_text(of: Chain, values: np.ndarray) -> np.ndarray:
    constant, raw = parsed(of.explain("radscore").formula or "")
    return constant + values @ np.array([raw[name] for name in of.names])


@pytest.mark.parametrize("c", [0.1, 100.0])
def test_equals_scikit_learn_where_it_has_come_to_its_end(c: float):
    generator = np.random.default_rng(8)
    x = generator.standard_normal((40, 60))
    y = (x[:, 0] + generator.standard_normal(40) > 0).astype(int)
    expected = LogisticRegression(C=c, solver="newton-cholesky", tol=1e-12, max_iter=500).fit(x, y)
    found = Logistic().fit(x, y, {"c": c}, 0).predict(x)
    np.testing.assert_allclose(found, expected.predict_proba(x)[:, 1], rtol=0, atol=1e-5)


def test_a_score_by_hand():
    """(7 - 5) / 2 * 3 + (10 - 10) / 4 * -1 + 0.5; a missing first value is 9."""
    by_hand = chain(0.5, ("a", 9, 5, 2, 3), ("b", 11, 10, 4, -1))
    values = np.array([[7.0, 10.0], [np.nan, 14.0], [np.nan, np.nan]])
    assert score(by_hand, values) == pytest.approx([3.5, 5.5, 6.25])
    assert by_hand.predict(values) == pytest.approx(1 / (1 + np.exp([-3.5, -5.5, -6.25])))


def test_an_explanation_is_readable():
    found = chain(0.5, ("age", 0, 60, 10, 0.4), ("bmi", 0, 28, 4, -1.2)).explain("clinical score")
    assert found.formula == "clinical score = 6.5\n    - 0.3 * bmi\n    + 0.04 * age"
    assert [(column.name, column.block, column.importance) for column in found.columns] == [
        ("age", "clinical", 0.4),
        ("bmi", "clinical", -1.2),
    ]
    assert (found.measure, found.unit) == ("coefficient", "log odds per standard deviation")


@given(
    st.lists(st.tuples(st.floats(-3, 3), st.floats(-8, 8), st.floats(-6, 6)), min_size=1, max_size=20),
    st.integers(0, 2**32),
)
def test_the_printed_formula_gives_the_score(rows: list[tuple[float, float, float]], seed: int):
    """Columns of any unit whose mean lies up to eight standard deviations from 0."""
    model = chain(
        -0.7,
        *(
            (f"dess/tibia/column {i}", 0, mean * 10**unit, 10**unit, coefficient)
            for i, (coefficient, mean, unit) in enumerate(rows)
        ),
    )
    z = np.random.default_rng(seed).standard_normal((50, len(rows)))
    values = np.array([item.mean for item in model.columns]) + z * [item.scale for item in model.columns]
    size = np.abs(z * [row[0] for row in rows]).sum(axis=1) + 1
    assert (np.abs(from_text(model, values) - score(model, values)) <= 1e-4 * size).all()


@pytest.mark.parametrize(("mean", "scale"), [(2019, 3), (1e5, 1), (1e8, 5)])
def test_the_printed_formula_gives_the_score_of_columns_far_from_nought(mean: float, scale: float):
    """A year, a table position, an energy: constant and products cancel, so six digits do not suffice."""
    z = np.random.default_rng(0).standard_normal((200, 2))
    values = np.array([mean, 0]) + z * [scale, 1]
    for coefficient in (1 / 3, 0.8, 5 / 7, 1.23456789):
        model = chain(0.2, ("year", mean, mean, scale, coefficient), ("x", 0, 0, 1, 1 / 3))
        found = score(model, values)
        assert np.abs(from_text(model, values) - found).max() <= 1e-4 * np.abs(found).max()
