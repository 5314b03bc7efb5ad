"""What every kind of performance says of its test folds."""

from __future__ import annotations

from types import SimpleNamespace

from radfuse.results.measured import folds_told


def family(*values: float | None) -> SimpleNamespace:
    return SimpleNamespace(fold_values=dict(enumerate(values)))


def test_folds_whose_units_cannot_be_told_apart_are_not_counted() -> None:
    assert folds_told([family(0.7, 0.6, 0.8)]) == "test folds"
    some = [family(0.7, None, 0.8), family(0.6, None, 0.5)]
    assert folds_told(some) == "the 2 of 3 test folds whose units can be told apart"
