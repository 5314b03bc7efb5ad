"""What is suspicious about the masks of new units, and about the registrations that carried them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from radfuse.bundle.units import flags_by_unit
from radfuse.cohort.case import Cohort
from radfuse.cohort.config import CohortConfig


def test_flags_of_a_units_visits_name_the_case() -> None:
    cases = pd.DataFrame({"patient_id": ["p0", "p0", "p1", "p2"], "visit": ["a", "b", "a", "a"]})
    cases.index = pd.Index(["c0", "c0b", "c1", "c2"], name="case_id")
    cohort = Cohort(CohortConfig(table=Path("t.csv"), unit=("patient_id",)), cases, Path())

    masks = {"c0": (), "c0b": ("tumour: missing", "tumour: 3 parts"), "c1": ("nothing found",), "c2": ()}
    units = pd.DataFrame({"patient_id": ["p1", "p0", "p2"]}, index=[5, 6, 7])
    found = flags_by_unit(masks, cohort, units)
    assert found is not None
    assert found.to_dict() == {5: "nothing found", 6: "c0b: tumour: missing; tumour: 3 parts", 7: ""}
    assert flags_by_unit({}, cohort, units) is None
