"""Numbers and intervals as journals print them."""

from __future__ import annotations

import pytest

from radfuse.report.printed import interval, number
from radfuse.results import Interval


@pytest.mark.parametrize(
    ("value", "text"), [(0.12345, "0.123"), (-0.0001, "0.000"), (-1.5, "−1.500"), (None, "–"), (float("nan"), "–")]
)
def test_numbers_read_as_in_print(value: float | None, text: str) -> None:
    assert number(value) == text


def test_intervals_use_a_dash_only_between_positive_ends() -> None:
    assert interval(Interval(value=0.8, low=0.7, high=0.9), 2) == "0.80 (0.70–0.90)"
    assert interval(Interval(value=0.1, low=-0.2, high=0.4), 2) == "0.10 (−0.20 to 0.40)"
    assert interval(Interval(value=0.1), 2) == "0.10"
