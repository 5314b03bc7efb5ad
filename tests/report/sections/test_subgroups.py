"""The section: sites that are left out in turn are groups without being named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from papers import report_of, shipped

from radfuse.report.sections import subgroups
from radfuse.report.sections.subgroups import all_groups, groups_of
from radfuse.statistics.stratified import Groups, alike, grouped_auc


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


@pytest.mark.parametrize(("split", "overlap"), [("{folds: 2}", 1.0), ("{kind: leave_site_out, column: site}", 3.0)])
def test_groups_of_the_same_models_are_compared_without_the_overlap_of_training_sets(
    split: str, overlap: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subgroups, "_FEWEST", 2)
    report = report_of(shipped("tables", tmp_path, [f"cohort.split={split}", "cohort.unit=[]", "cohort.site=site"]))
    (unit,) = report.unit
    names = [f"c{place}" for place in range(40)]
    score = np.random.default_rng(2).random(40)
    rows = report.units.rename(columns={"patient_id": "patient"}).drop(columns="site")
    own = {"outcome": report.events, "probability": score, "family": "clinical", "repeat": 1, unit: names}
    site = report.units["site"].to_numpy()
    rows = rows.assign(fold=site if overlap > 1 else np.arange(40) % 2, **own)
    report = replace(
        report, predictions=rows, units=report.units.assign(**{unit: names}), groups=report.units[["site"]]
    )
    _, found = groups_of(report, all_groups(report), "clinical")
    groups = Groups(rows["fold"], rows["patient"], site, ["a", "b"], overlap)
    assert found["site"] == pytest.approx(alike(grouped_auc(rows["outcome"], score, groups))[2])
