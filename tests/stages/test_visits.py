"""How shapes changed between visits: from a table counted by hand to the page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from papers import report_of, shipped
from tabular import write_table

from radfuse.cohort.changes import Changes
from radfuse.cohort.config import CohortConfig
from radfuse.cohort.splits import Grouped
from radfuse.features import FeatureSource
from radfuse.pipeline import run_study
from radfuse.report.sections import visits as section
from radfuse.results.visits import VisitResults
from radfuse.stages import visits
from radfuse.study import load_study

Row = tuple[str, str, str, int, float, float]
ROWS: list[Row] = [
    ("p1", "left", "V0", 0, 2.0, 0.1), ("p1", "left", "V1", 2, 1.8, 0.0),
    ("p1", "right", "V0", 0, 4.0, -0.1), ("p1", "right", "V1", 2, 3.0, 0.1),
    ("p2", "left", "V0", 1, 2.0, 0.2), ("p2", "left", "V1", 3, 2.0, 0.1), ("p2", "left", "V10", 6, 1.0, 0.0),
    ("p3", "left", "V0", 0, 3.0, 0.3), ("p4", "left", "V1", 2, 2.0, 0.2),
]  # fmt: skip
"""Patient, side, visit, year, thickness, curvature."""
THICKNESS, CURVATURE = (f"dess/medial_tibia/morphometry_{name}" for name in ("ThicknessMean", "MeanCurvature"))


def table_of(folder: Path, rows: list[Row]) -> Path:
    features = f"{THICKNESS},{CURVATURE},dess/medial_tibia/original_firstorder_Mean"
    header = f"case_id,patient_id,side,visit,year,{features},event"
    lines = [f"c{i}," + ",".join(map(str, row)) + f",{i},{int(row[0][-1]) % 2}" for i, row in enumerate(rows)]
    return write_table(folder, "\n".join([header, *lines]) + "\n")


def job_of(folder: Path, *, dated: bool = True, rows: list[Row] = ROWS) -> visits.VisitsJob:
    changes = Changes(between=("V0", "V1"), date="year") if dated else None
    config = CohortConfig(
        table=table_of(folder, rows),
        unit=("patient_id", "side"),
        changes=changes,
        outcome={"column": "event"},
        split=Grouped(folds=2),
    )
    source = {"radiomic": FeatureSource(table=config.table)}
    return visits.VisitsJob(config, source, (), ("*morphometry_*",), "V0" if dated else None)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> VisitResults:
    return visits.work(job_of(tmp_path_factory.mktemp("visits")))


def test_who_was_there_when(found: VisitResults) -> None:
    assert (found.baseline, found.units, found.patients, found.whole) == ("V0", 5, 4, 1)
    there = [(visit.visit, visit.units, visit.missing, visit.years) for visit in found.visits]
    assert there == [("V0", 4, 1, ()), ("V1", 4, 1, (2.0, 2.0, 2.0)), ("V10", 1, 4, (5.0, 5.0, 5.0))]


def test_each_feature_at_each_follow_up_by_hand(found: VisitResults) -> None:
    changes = {(item.feature, item.visit): item for item in found.changes}
    assert list(changes) == [(name, visit) for name in (THICKNESS, CURVATURE) for visit in ("V1", "V10")]
    thinner = changes[THICKNESS, "V1"]
    assert (thinner.units, thinner.patients) == (3, 2)
    assert (thinner.difference.value, thinner.rate.value) == pytest.approx((-0.4, -0.2))
    assert thinner.percent.value == pytest.approx(-35 / 3)
    late = changes[THICKNESS, "V10"]  # of one patient: no interval
    assert (late.difference.value, late.difference.low, late.rate.value) == (-1.0, None, -0.2)
    assert changes[CURVATURE, "V1"].percent.value is None  # of either sign at baseline
    course = found.courses[0]
    assert (course.feature, course.units) == (THICKNESS, ((2.0, 1.8, None), (4.0, 3.0, None), (2.0, 2.0, 1.0)))
    assert [mean.value for mean in course.means] == pytest.approx([2.75, 2.2, 1.0])


def test_visits_called_by_words_stand_as_the_study_names_them() -> None:
    assert visits.ordered(["post", "pre"], ("pre", "post")) == ["pre", "post"]
    assert visits.ordered(["V00", "V01", "V02"], ("V00", "V02")) == ["V00", "V01", "V02"]
    assert visits.ordered(["late", "post", "pre"], ("pre", "post")) == ["late", "pre", "post"]
    assert visits.ordered(["post", "pre"], ()) == ["post", "pre"]
    years = pd.DataFrame({"mid": [0.2, 1.2, np.nan], "pre": [0.0, 1.0, 5.0], "post": [0.5, np.nan, 5.6]})
    assert visits.by_dates(["mid", "pre", "post"], years) == ["pre", "mid", "post"]
    assert visits.by_dates(["mid", "pre", "post"], years.assign(post=np.nan)) == ["mid", "pre", "post"]


def test_a_shape_on_two_sequences_is_called_by_its_sequence_too() -> None:
    names = ["t1/ring_0_5/original_shape_MeshVolume", "t2/ring_0_5/original_shape_MeshVolume", "t1/rim/age"]
    assert list(section.lines_of(names).values()) == ["t1 ring 0 5 MeshVolume", "t2 ring 0 5 MeshVolume", "rim age"]


def test_without_dates_the_first_visit_in_time_is_the_baseline(tmp_path: Path) -> None:
    found = visits.work(job_of(tmp_path, dated=False))
    assert found.baseline == "V0"
    assert {item.rate.value for item in found.changes} == {None}
    assert [visit.years for visit in found.visits] == [(), (), ()]


def test_units_of_one_visit_each_have_nothing_to_show(tmp_path: Path) -> None:
    once = [row for row in ROWS if row[2] == "V0"] + [("p4", "left", "V0", 0, 2.0, 0.2)]
    nothing = visits.work(job_of(tmp_path, rows=once, dated=False))
    assert nothing == VisitResults()
    study = shipped("tables", tmp_path)
    assert section.study(report_of(study, visits=nothing)).html == ""
    assert section.study(report_of(study)).html == ""


def test_the_page_shows_visits_changes_and_pictures(found: VisitResults, tmp_path: Path) -> None:
    part = section.study(report_of(shipped("tables", tmp_path), visits=found))
    assert "5 units of 4 patients; 1 has all 3 visits. Changes count from V0." in part.html
    table = part.tables["visits_change"]
    assert list(table.iloc[0]) == [
        "medial_tibia", "ThicknessMean, mm", "V1", "3", "2.67", "−0.400 (−3.788 to 2.988)", "−11.7 (−110.5 to 87.2)",
        "−0.200 (−1.894 to 1.494)", "−0.76",
    ]  # fmt: skip
    assert list(part.tables["visits"]["years since baseline"]) == ["baseline", "2.0 (2.0–2.0)", "5.0 (5.0–5.0)"]
    assert set(part.figures) == {"visits_change", "visits_course"}
    assert "medial tibia ThicknessMean" in part.figures["visits_change"]
    assert "MeanCurvature" not in part.figures["visits_change"]


def test_what_never_moved_and_dates_nobody_gave_are_not_shown(found: VisitResults, tmp_path: Path) -> None:
    still = found.courses[0].model_copy(update={"units": ((1.0, 1.0, None), (0.0, 0.0, 0.0))})
    undated = tuple(visit.model_copy(update={"years": ()}) for visit in found.visits)
    without = found.model_copy(update={"courses": (still,), "visits": undated})
    part = section.study(report_of(shipped("tables", tmp_path), visits=without))
    assert set(part.figures) == {"visits_change"}
    assert list(part.tables["visits"]) == ["visit", "units", "missing"]


def test_visits_are_counted_where_no_feature_is_looked_at(found: VisitResults, tmp_path: Path) -> None:
    bare = found.model_copy(update={"changes": (), "courses": ()})
    part = section.study(report_of(shipped("tables", tmp_path), visits=bare))
    assert "5 units of 4 patients" in part.html
    assert "is a shape or a volume; <code>evaluation.visits</code> names others" in part.html
    assert (list(part.tables), part.figures) == (["visits"], {})


STUDY = """
name: seen
cohort:
  table: cohort.csv
  unit: [patient_id, side]
  changes: {between: [V0, V1]}
  outcome: {column: event}
  split: {kind: grouped, folds: 2}
features: {radiomic: cohort.csv}
fusion: {inner_folds: 2}
"""


def test_a_study_looks_at_the_features_it_names(tmp_path: Path) -> None:
    rows = [(f"p{i}", "left", f"V{visit}", visit, 3 - 0.01 * i - visit, 0.1 * i) for i in range(12) for visit in (0, 1)]
    table_of(tmp_path, rows)
    (tmp_path / "study.yaml").write_text(STUDY)
    run = run_study(tmp_path / "study.yaml", tmp_path / "run", until="visits")
    found = VisitResults.model_validate_json((run.path / visits.PLACE).read_bytes())
    assert [item.feature for item in found.changes] == [CURVATURE, THICKNESS]
    assert found.changes[1].difference.value == pytest.approx(-1)
    assert found.changes[1].response is None  # all of them by 1
    other = load_study(tmp_path / "study.yaml", ["evaluation.visits=['*Mean']"])
    run = run_study(other, tmp_path / "other", until="visits")
    assert "original_firstorder_Mean" in (run.path / visits.PLACE).read_text()
    none = run_study(load_study(tmp_path / "study.yaml", ["evaluation.visits=[]"]), tmp_path / "none", until="visits")
    assert not (none.path / visits.PLACE).exists()
