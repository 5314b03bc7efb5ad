"""Why a follow-up cannot be measured by its baseline, in words."""

from __future__ import annotations

from pathlib import Path

from radfuse.cohort.case import Case
from radfuse.cohort.changes import Changes
from radfuse.cohort.config import CohortConfig
from radfuse.cohort.visits import VisitsConfig

CONFIG = CohortConfig(table=Path("cohort.csv"), unit=("patient_id",), changes=Changes(between=("pre", "post")))


def case(name: str, unit: str, visit: str | None) -> Case:
    return Case(name, unit, (unit,), visit, {}, None)


def test_a_baseline_that_is_spelt_otherwise_is_told_and_other_units_are_not_looked_at() -> None:
    cases = [case("a", "p1", "Pre"), case("b", "p1", "post"), case("c", "p2", "post"), case("d", "p2", None)]
    told = VisitsConfig().lacking(cases[1], CONFIG, cases)
    assert told == (
        "its unit has no visit 'pre', whose mask is to be carried over (visits.baseline); add it, or list the "
        "case under cohort.exclude; did you mean 'Pre'?"
    )
    assert "mean" not in VisitsConfig().lacking(cases[2], CONFIG, cases)


def test_a_baseline_without_a_mask_is_missed_for_what_the_study_needs_it() -> None:
    first = case("a", "p1", "pre")
    carried, own = (VisitsConfig(masks=masks).without_mask(first, failed=False) for masks in ("carried", "own"))
    assert carried == "its baseline a has no mask, so that there is no mask to carry over; mend that case"
    assert own == "its baseline a has no mask, so that there is nothing to compare it with; mend that case"
    assert "a could not be used" in VisitsConfig().without_mask(first, failed=True)
