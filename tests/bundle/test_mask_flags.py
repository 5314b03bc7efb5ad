"""What is suspicious about the masks of new units."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from radfuse.bundle.predict import _mask_flags
from radfuse.cohort.case import Cohort
from radfuse.cohort.config import CohortConfig
from radfuse.results import MaskFigures, ReviewedMask


def test_flags_of_a_units_visits_name_the_case() -> None:
    cases = pd.DataFrame({"patient_id": ["p0", "p0", "p1", "p2"], "visit": ["a", "b", "a", "a"]})
    cases.index = pd.Index(["c0", "c0b", "c1", "c2"], name="case_id")
    cohort = Cohort(CohortConfig(table=Path("t.csv"), unit=("patient_id",)), cases, Path())

    def mask(*flags: str) -> ReviewedMask:
        return ReviewedMask(flags=flags, suspicion=0.0, figures=MaskFigures(labels={}))

    masks = {"c0": mask(), "c0b": mask("tumour: missing"), "c1": mask("nothing found"), "c2": mask()}
    units = pd.DataFrame({"patient_id": ["p1", "p0", "p2"]}, index=[5, 6, 7])
    found = _mask_flags(masks, cohort, units)
    assert found.to_dict() == {5: "nothing found", 6: "c0b: tumour: missing", 7: ""}
