"""Real knees and tumours: plausible numbers, visits of one knee more alike than two knees, PyRadiomics' diameter."""

from __future__ import annotations

import numpy as np
import pytest
from realdata import real_file

from radfuse.morphometry.cartilage import CartilageMeasure
from radfuse.morphometry.measure import Subject
from radfuse.morphometry.size import axial_diameters
from radfuse.morphometry.take import take
from radfuse.radiomics.config import RadiomicsConfig
from radfuse.radiomics.measure import region_features
from radfuse.regions.scene import Scene
from radfuse.volume.files import read_labels, read_volume
from radfuse.volume.image import Volume
from radfuse.volume.region import Region

PLATES = {"femur": (1, 7, 2), "tibia": (3, 8, 4), "patella": (5, 9, 6)}
AREAS_MM2 = {"femur": (3500, 8500), "tibia": (1500, 3500), "patella": (700, 1800)}


def measured(name: str) -> dict[str, float]:
    labels = read_labels(real_file(f"oai_masks/{name}.nii.gz"))
    regions = {bone: Region.of(bone, labels.array == numbers[2], labels.grid) for bone, numbers in PLATES.items()}
    case = Subject(Scene(labels, {}), regions, Volume(np.zeros(labels.grid.shape, dtype=np.float32), labels.grid))
    measures = [
        CartilageMeasure(cartilage=cartilage, bone=(bone, lesion), regions=(name,))
        for name, (bone, lesion, cartilage) in PLATES.items()
    ]
    found = take(case, measures)
    assert not found.reasons
    return found.values


@pytest.mark.slow
def test_knees_of_two_visits_are_more_alike_than_two_knees() -> None:
    baseline, later, other = (measured(name) for name in ("9057479_00m", "9057479_36m", "9014797_00m"))
    for bone, (least, most) in AREAS_MM2.items():
        for each in (baseline, later, other):
            assert 1 < each[f"{bone}/morphometry_ThicknessMean"] < 3.5
            assert least < each[f"{bone}/morphometry_InterfaceArea"] < most
            assert each[f"{bone}/morphometry_DenudedShare"] < 0.01
            assert each[f"{bone}/morphometry_MeanCurvature"] > 0
            volume = each[f"{bone}/morphometry_InterfaceArea"] * each[f"{bone}/morphometry_ThicknessMean"]
            assert volume == pytest.approx(each[f"{bone}/morphometry_CartilageVolume"], rel=0.1)
        for feature in ("ThicknessMean", "InterfaceArea", "CartilageVolume"):
            here, then, there = (each[f"{bone}/morphometry_{feature}"] for each in (baseline, later, other))
            assert abs(here - then) < abs(here - there), (bone, feature)


def test_the_longest_axial_diameter_is_that_of_pyradiomics() -> None:
    image = read_volume(real_file("sarcoma/STS_003/t1.nii.gz"))
    mask = read_labels(real_file("sarcoma/STS_003/t1_mask.nii.gz"))
    region = Region.of("tumour", mask.array > 0, mask.grid)
    theirs = region_features(image, [region], RadiomicsConfig(classes=("shape",)))["tumour"]
    longest, across = axial_diameters(region)
    assert longest == pytest.approx(theirs["original_shape_Maximum2DDiameterSlice"], rel=1e-6)
    assert 0.5 * longest < across < longest
