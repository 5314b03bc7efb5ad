"""Small cohorts written by hand: four people, four people's knees at two visits, four images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tabular import with_rows, write_table

from radfuse.cohort.config import CohortConfig
from radfuse.cohort.splits import Grouped

PEOPLE = """\
case_id,patient_id,age,sex,event
c1,p1,61,f,0
c2,p2,58,m,1
c3,p3,70,f,0
c4,p4,66,m,1
"""


KNEES = """\
case_id,patient_id,side,visit,age,event
a,p1,right,V00,61,0
b,p1,right,V01,62,0
c,p2,left,V00,58,1
d,p2,left,V01,59,1
e,p3,left,V00,70,0
f,p4,left,V00,66,1
"""


IMAGES = """\
case_id,patient_id,t1,event
c1,p1,a.nii,0
c2,p2,b.nii,1
c3,p3,c.nii,0
c4,p4,d.nii,1
"""


def config(**changes: Any) -> CohortConfig:
    """Settings of PEOPLE, with changes."""
    settings = {"table": "cohort.csv", "outcome": {"column": "event"}, "clinical": ["age"], "split": Grouped(folds=2)}
    return CohortConfig.model_validate({**settings, **changes})


def knees(**changes: Any) -> CohortConfig:
    return config(**{"unit": ["patient_id", "side"], **changes})


def people(folder: Path, edits: dict[int, str] | None = None, text: str = PEOPLE) -> Path:
    return write_table(folder, with_rows(text, edits or {}))


def images(folder: Path, edits: dict[int, str] | None = None) -> tuple[Path, CohortConfig]:
    """A cohort with four images that differ."""
    for name in "abcd":
        (folder / f"{name}.nii").write_text(f"image {name}")
    return people(folder, edits, IMAGES), config(clinical=[], images={"T1": "t1"})
