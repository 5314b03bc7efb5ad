"""What the name of a column says of it."""

from __future__ import annotations

import pytest

from radfuse.cohort.column_names import tells_where_or_when, tells_who


@pytest.mark.parametrize(
    "name", ["site", "hospital_id", "ScannerModel", "scanner_model", "StudyDate", "scan_date", "StationName", "dataset"]
)
def test_sites_scanners_and_dates_are_known_by_name(name: str) -> None:
    assert tells_where_or_when(name)
    assert not tells_who(name)


@pytest.mark.parametrize("name", ["subject", "PatientID", "person_id", "MRN", "participant no"])
def test_people_are(name: str) -> None:
    assert tells_who(name)


@pytest.mark.parametrize("name", ["age", "patient_weight", "candidate", "update", "opposite", "personality", "grade"])
def test_other_names_are_neither(name: str) -> None:
    assert not tells_where_or_when(name)
    assert not tells_who(name)
