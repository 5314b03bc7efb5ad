"""Regions that are made with an image beside the measured one need both in one place."""

from __future__ import annotations

from pathlib import Path

import pytest
from boxes import tumour_cohort

from radfuse.errors import InputError
from radfuse.study import load_study

STUDY = """
name: hot
cohort: {table: cohort.csv, patient: patient_id, images: {t1: t1, pet: pet}, mask: mask, outcome: {column: event}}
segmentation: {backend: manual, sequence: t1, labels: {tumour: 1}}
sequences: {pet: {masks: WAY}}
regions: [{kind: threshold, name: hot, of: tumour, sequence: SEQUENCE, at_least: 2.5}]
"""


@pytest.mark.parametrize(
    ("way", "sequence", "message"),
    [
        ("register", "pet", "regions are made with the image 'pet' on the grids of all, and sequences.pet.masks: reg"),
        ("resample", "pte", "regions: sequence 'pte' is not one of cohort.images; did you mean 'pet'?"),
    ],
)
def test_an_image_that_cannot_be_read_is_told_before_any_compute(
    tmp_path: Path, way: str, sequence: str, message: str
) -> None:
    tumour_cohort(tmp_path, 2)
    (tmp_path / "study.yaml").write_text(STUDY.replace("WAY", way).replace("SEQUENCE", sequence))
    with pytest.raises(InputError) as caught:
        load_study(tmp_path / "study.yaml")
    assert message in str(caught.value)
