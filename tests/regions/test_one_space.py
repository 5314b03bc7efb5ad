"""Regions that are made with an image beside the measured one need both in one place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from boxes import box, grid, tumour_cohort

from radfuse.errors import InputError
from radfuse.regions.make import make_regions
from radfuse.regions.scene import Scene
from radfuse.regions.threshold import ThresholdRegion
from radfuse.study import load_study
from radfuse.volume.image import LabelMap, Volume
from radfuse.volume.resample import resample_labels

STUDY = """
name: hot
cohort: {table: cohort.csv, patient: patient_id, images: {t1: t1, pet: pet}, mask: mask, outcome: {column: event}}
segmentation: {backend: manual, sequence: t1, labels: {tumour: 1}}
sequences: {pet: {masks: register}}
regions: [{kind: threshold, name: hot, of: tumour, sequence: pet, at_least: 2.5}]
"""


NETWORK = ["segmentation={backend: onnx, model: x.onnx, sequence: t1, labels: {tumour: 1}}", "deep={}"]


@pytest.fixture
def study(tmp_path: Path) -> Path:
    tumour_cohort(tmp_path, 2)
    (tmp_path / "study.yaml").write_text(STUDY)
    return tmp_path / "study.yaml"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["regions.0.sequence=pte"], "regions: sequence 'pte' is not one of cohort.images; did you mean 'pet'?"),
        (NETWORK, "'hot' is made with an image of its own, and sequences.pet.masks: register says that images lie in"),
    ],
)
def test_an_image_that_cannot_be_read_is_told_before_any_compute(
    study: Path, settings: list[str], message: str
) -> None:
    with pytest.raises(InputError) as caught:
        load_study(study, settings)
    assert message in str(caught.value)


def test_a_threshold_on_a_registered_image_is_taken_where_both_show_the_same(study: Path) -> None:
    """PET is 7 mm off: its hot half, x < 10 in its own space, is x < 17 in that of T1."""
    load_study(study)
    way = sitk.TranslationTransform(3, (7.0, 0.0, 0.0))
    where = grid((6, 6, 30))
    mask = LabelMap(box(where.shape, (1, 1, 8), (5, 5, 28)).astype(np.uint8), where)
    image = np.zeros(where.shape, np.float32)
    image[..., :10] = 5
    pet = Volume(image, where, "pet")
    ways = {"pet": way}
    images = {"t1": Volume(np.zeros(where.shape, np.float32), where, "t1"), "pet": pet}
    hot = ThresholdRegion(name="hot", of="tumour", sequence="pet", at_least=2.5)
    (found,) = make_regions(Scene(mask, {"tumour": 1}, images=images, measured="t1", ways=ways), [hot])
    assert np.unique(np.nonzero(found.mask)[2]).tolist() == list(range(8, 17))
    there = resample_labels(mask, where, way)
    (found,) = make_regions(Scene(there, {"tumour": 1}, images=images, measured="pet", ways=ways), [hot])
    assert np.unique(np.nonzero(found.mask)[2]).tolist() == list(range(1, 10))
