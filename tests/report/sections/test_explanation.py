"""Families whose models use no column, as trees of few patients that never split."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from papers import report_of, shipped

from radfuse.report.sections import explanation
from radfuse.results.explained import ExplainedFamily


@pytest.mark.parametrize("level", ["", "bone"])
def test_a_family_without_columns_is_told_and_draws_nothing(level: str, tmp_path: Path) -> None:
    rows, none = np.zeros(3), np.zeros((3, 0))
    silent = ExplainedFamily(
        "clinical", "abc", "112", 9, [], none, none, rows, rows, rows, [], [], {}, [], np.ones((2, 2)), level
    )
    part = explanation.study(report_of(shipped("tables", tmp_path), explained=[silent]))
    assert f"<b>clinical{': bone' if level else ''}</b> uses no column in any test fold" in part.html
    assert part.figures == part.tables == {}
