"""Families whose models use no column, as trees of few patients that never split."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from papers import report_of, shipped

from radfuse.report.sections import explanation
from radfuse.results import Interval
from radfuse.results.explained import BlockImportance, ColumnImportance, ExplainedFamily, FamilyOfFeatures


@pytest.mark.parametrize("level", ["", "bone"])
def test_a_family_without_columns_is_told_and_draws_nothing(level: str, tmp_path: Path) -> None:
    rows, none = np.zeros(3), np.zeros((3, 0))
    silent = ExplainedFamily(
        "clinical", "abc", "112", 9, [], none, none, rows, rows, rows, [], [], {}, [], np.ones((2, 2)), level
    )
    part = explanation.study(report_of(shipped("tables", tmp_path), explained=[silent]))
    assert f"<b>clinical{': bone' if level else ''}</b> uses no column in any test fold" in part.html
    assert part.figures == part.tables == {}


@pytest.mark.parametrize(("name", "block", "told"), [("deep_0-2_002", "deep", True), ("shape_X", "radiomic", False)])
def test_channels_of_each_folds_own_network_are_said_not_to_compare(
    name: str, block: str, told: bool, tmp_path: Path
) -> None:
    rows = np.arange(4.0)
    column = ColumnImportance(name=f"t1/tumour/{name}", block=block, size=1.0, share=1.0, folds=2, direction=1.0)
    region = FamilyOfFeatures(part="region", name="tumour", columns=1, size=1.0, share=1.0)
    none = Interval(value=None)
    whole = BlockImportance(block=block, columns=1, size=1.0, share=1.0, auc=none, loss=none)
    wide, nought = rows[:, None], np.zeros(4)
    found = ExplainedFamily(
        block,
        "abcd",
        "1122",
        9,
        [column],
        wide,
        wide - 1.5,
        nought,
        nought,
        rows,
        [whole],
        [region],
        {},
        [],
        np.ones((2, 2)),
    )
    part = explanation.study(report_of(shipped("sarcoma", tmp_path), explained=[found]))
    assert ("do not compare between folds" in part.html) == told
    assert "Share: of the sum over single columns." in part.html
