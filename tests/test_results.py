"""Results as values: NaN becomes null and back, a linear model scores by hand, its printed formula is the model."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from radfuse.results import FittedFamily, Interval, LinearModel, Term
from radfuse.statistics.estimate import Estimate


def term(name: str = "a", median: float = 0, mean: float = 0, scale: float = 1, coefficient: float = 1) -> Term:
    return Term(name=name, block="clinical", median=median, mean=mean, scale=scale, coefficient=coefficient)


def parsed(formula: str) -> tuple[float, dict[str, float]]:
    """Read a printed formula back: constant, and column -> coefficient in its own unit."""
    first, *lines = formula.splitlines()
    constant = float(first.split(" = ")[1])
    parts = [re.fullmatch(r"    ([+-]) (\S+) \* (.+)", line) for line in lines]
    assert all(parts)
    return constant, {part[3]: float(part[1] + part[2]) for part in parts if part}


def from_text(model: LinearModel, values: np.ndarray) -> np.ndarray:
    constant, raw = parsed(model.formula())
    return constant + values @ np.array([raw[item.name] for item in model.terms])


def test_an_estimate_without_variance_has_no_ends():
    found = Interval.of(Estimate(0.5, float("nan"), float("nan")))
    assert (found.value, found.low, found.high) == (0.5, None, None)
    assert Interval.model_validate_json(found.model_dump_json()) == found


def test_nan_is_null_on_disk():
    fitted = FittedFamily(
        family="clinical",
        fold="1",
        model=LinearModel(intercept=0.5, terms=(term(),)),
        threshold=0.4,
        tuned={"c": 1.0},
        inner_auc=float("nan"),
        columns_in=3,
        test=(4, 2),
        probability=(0.1, 1 / 3),
    )
    assert '"inner_auc":null' in fitted.model_dump_json()
    assert FittedFamily.model_validate_json(fitted.model_dump_json()) == fitted


def test_an_unknown_key_is_refused():
    with pytest.raises(ValidationError, match="extra"):
        Interval.model_validate({"value": 0.5, "hihg": 0.6})


def test_a_score_by_hand():
    """(7 - 5) / 2 * 3 + (10 - 10) / 4 * -1 + 0.5; a missing first value is 9."""
    model = LinearModel(intercept=0.5, terms=(term("a", 9, 5, 2, 3), term("b", 11, 10, 4, -1)))
    assert model.score(np.array([[7.0, 10.0], [np.nan, 14.0], [np.nan, np.nan]])) == pytest.approx([3.5, 5.5, 6.25])


def test_a_formula_is_readable():
    model = LinearModel(intercept=0.5, terms=(term("age", 0, 60, 10, 0.4), term("bmi", 0, 28, 4, -1.2)))
    assert model.formula("clinical score") == "clinical score = 6.5\n    - 0.3 * bmi\n    + 0.04 * age"


@given(
    st.lists(st.tuples(st.floats(-3, 3), st.floats(-8, 8), st.floats(-6, 6)), min_size=1, max_size=20),
    st.integers(0, 2**32),
)
def test_the_printed_formula_gives_the_score(rows: list[tuple[float, float, float]], seed: int):
    """Columns of any unit whose mean lies up to eight standard deviations from 0."""
    terms = [
        term(f"dess/tibia/column {i}", 0, mean * 10**unit, 10**unit, coefficient)
        for i, (coefficient, mean, unit) in enumerate(rows)
    ]
    model = LinearModel(intercept=-0.7, terms=tuple(terms))
    z = np.random.default_rng(seed).standard_normal((50, len(rows)))
    values = np.array([item.mean for item in terms]) + z * [item.scale for item in terms]
    score = model.score(values)
    size = np.abs(z * [item.coefficient for item in terms]).sum(axis=1) + 1
    assert (np.abs(from_text(model, values) - score) <= 1e-4 * size).all()


@pytest.mark.parametrize(("mean", "scale"), [(2019, 3), (1e5, 1), (1e8, 5)])
def test_the_printed_formula_gives_the_score_of_columns_far_from_nought(mean: float, scale: float):
    """A year, a table position, an energy: constant and products cancel, so six digits do not suffice."""
    z = np.random.default_rng(0).standard_normal((200, 2))
    values = np.array([mean, 0]) + z * [scale, 1]
    for coefficient in (1 / 3, 0.8, 5 / 7, 1.23456789):
        terms = (term("year", mean, mean, scale, coefficient), term("x", 0, 0, 1, 1 / 3))
        model = LinearModel(intercept=0.2, terms=terms)
        score = model.score(values)
        assert np.abs(from_text(model, values) - score).max() <= 1e-4 * np.abs(score).max()
