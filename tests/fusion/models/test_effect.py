"""What a column does to a probability, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from radfuse.fusion.models.effect import effects, reference_rows
from radfuse.fusion.parts import Column


def test_a_column_is_moved_from_minus_one_to_one_in_every_row():
    """p = 0.5 + 0.1 a + 0.2 b c: a moves it by 0.2, b by 0.4 |c|, c by 0.4 |b|, d not at all."""
    rows = np.array([[0.0, 1.0, 1.0, 0.0], [0.0, -1.0, 0.5, 0.0]])
    columns = [Column(name, "deep", 0, 0, 1) for name in "abcd"]
    found = effects(lambda x: 0.5 + 0.1 * x[:, 0] + 0.2 * x[:, 1] * x[:, 2], rows, columns)
    assert [item.importance for item in found.columns] == pytest.approx([0.2, 0.4 * 0.75, 0.4, 0])
    assert (found.measure, found.formula) == ("effect", None)


def test_rows_are_few_where_columns_are_many():
    assert len(reference_rows(np.zeros((300, 10)))) == 300
    assert len(reference_rows(np.zeros((300, 500)))) == 100
    assert len(reference_rows(np.zeros((300, 50_000)))) == 10
    assert len(reference_rows(np.zeros((4, 50_000)))) == 4
