"""The same patients are noticed as a crowd; one id tells nothing."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from radfuse.bundle.evaluate import evaluate
from radfuse.bundle.load import Bundle
from radfuse.bundle.patients import PatientFilter

TRAINED = [f"P{number:04d}" for number in range(200)]
STRANGERS = [f"Q{number:04d}" for number in range(2000)]


def test_patients_of_the_training_are_remarked_on() -> None:
    said = PatientFilter.of(TRAINED, "salt").remark(TRAINED[:50])
    assert said is not None
    assert said.startswith("50 of 50 patients bear ids of patients that the bundle was trained on (about 2 by chance)")


def test_strangers_and_a_few_known_ones_are_not() -> None:
    made = PatientFilter.of(TRAINED, "salt")
    assert made.remark(STRANGERS) is None
    assert made.remark([*STRANGERS[:100], *TRAINED[:2]]) is None
    assert made.remark(TRAINED[:3]) is None


def test_one_stranger_in_about_sixteen_to_thirty_two_matches() -> None:
    """So a match says little of a person: of 10,000 guessed ids with 200 right ones, most matches are wrong."""
    made = PatientFilter.of(TRAINED, "salt")
    assert len(made.marks) / 2**made.bits == pytest.approx(1 / 20, rel=0.3)
    assert made.bits == 12  # 16 x 200 = 3,200 of 4,096


def test_another_salt_marks_the_same_patients_otherwise() -> None:
    first, second = (set(PatientFilter.of(TRAINED, salt).marks) for salt in ("a", "b"))
    assert len(first & second) < 30


def test_a_bundle_holds_no_id_and_tells_its_own_patients(bundle: Bundle, tables: Path) -> None:
    people = pd.read_csv(tables / "cohort.csv")["patient_id"].unique()
    text = (bundle.path / "bundle.json").read_text()
    assert not [person for person in people if f'"{person}"' in text]
    evaluation, _, _ = evaluate(bundle, tables / "cohort.csv", families=["clinical"])
    assert evaluation.remarks[0].startswith(f"{len(people)} of {len(people)} patients bear ids of patients")


def test_other_patients_are_measured_without_a_remark(bundle: Bundle, tables: Path, tmp_path: Path) -> None:
    cohort = pd.read_csv(tables / "cohort.csv")
    cohort["patient_id"] = "other-" + cohort["patient_id"]
    cohort.to_csv(tmp_path / "cohort.csv", index=False)
    evaluation, _, _ = evaluate(bundle, tmp_path / "cohort.csv", families=["clinical"])
    assert evaluation.remarks == ()
