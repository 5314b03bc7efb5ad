"""When units were seen."""

from __future__ import annotations

from radfuse.report.sections.visits import visit_table
from radfuse.results.visits import Visit, VisitResults


def test_years_of_visits_are_rounded_as_all_numbers_are() -> None:
    """A quarter of a year is 0.3, which Python's own format rounds down to the even digit."""
    seen = [Visit(visit="m0", units=4, missing=0), Visit(visit="m3", units=3, missing=1, years=(0.25, 0.0, 0.45))]
    found = VisitResults(baseline="m0", visits=(*seen, Visit(visit="m6", units=0, missing=4)))
    assert visit_table(found)["years since baseline"].tolist() == ["baseline", "0.3 (0.0–0.5)", "–"]
