"""The section: sites that are left out in turn are groups without being named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from papers import report_of, shipped

from radfuse.report.sections.subgroups import all_groups, groups_of


@pytest.mark.parametrize(("split", "columns"), [("{kind: leave_site_out, column: site}", ["site"]), ("{folds: 2}", [])])
def test_each_site_left_out_is_a_group(split: str, columns: list[str], tmp_path: Path) -> None:
    settings = [f"cohort.split={split}", "cohort.unit=[]", "cohort.site=site"]
    report = report_of(shipped("tables", tmp_path, settings))
    (unit,) = report.unit
    names = [f"c{place}" for place in range(40)]
    rows = report.units.rename(columns={"patient_id": "patient", "site": "fold"})
    rows = rows.assign(outcome=report.events, probability=0.5, family="clinical", repeat=1, **{unit: names})
    report = replace(report, predictions=rows[::-1], units=report.units.assign(**{unit: names}))
    found = all_groups(report)
    assert list(found) == columns
    groups, _ = groups_of(report, found, "clinical")
    assert [(group.name, group.units, group.events) for group in groups] == [("a", 20, 8), ("b", 20, 8)][: len(groups)]
    assert len(groups) == 2 * len(columns)
