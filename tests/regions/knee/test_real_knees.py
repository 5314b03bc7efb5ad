"""Knee regions on real label maps: the atlas that defines 20 of them, a knee with labels for each half, OAI knees."""

from __future__ import annotations

import numpy as np
import pytest
from realdata import real_file

from radfuse.errors import CaseError
from radfuse.regions.knee.compartment import CompartmentRegion
from radfuse.regions.knee.presets import Cartimorph20, LoadBearing
from radfuse.regions.make import make_regions
from radfuse.regions.scene import Scene
from radfuse.regions.subchondral import SubchondralRegion
from radfuse.volume.files import read_labels

OAI = {"femur": 1, "femoral_cartilage": 2, "tibia": 3, "tibial_cartilage": 4}


def test_the_20_regions_agree_with_cartimorphs_own_atlas() -> None:
    labels = read_labels(real_file("knee/clair_knee_103r_segmentation.nii.gz"))
    atlas = read_labels(real_file("knee/clair_knee_103r_atlas.nii.gz")).array
    preset = Cartimorph20(preset="cartimorph20", femoral_cartilage=2, tibial_cartilage=(4, 5))
    regions = make_regions(Scene(labels, {}, "right"), preset.regions())
    dice = {}
    for number, region in enumerate(regions, start=1):
        there = atlas == number
        dice[region.name] = 2 * (region.mask & there).sum() / (region.voxels + there.sum())
    assert min(dice.values()) > 0.87, dice
    assert np.mean(list(dice.values())) > 0.94, dice


def test_halves_are_those_that_a_reader_drew() -> None:
    """Labels of this knee: plates 2 medial and 3 lateral, menisci 10 medial and 9 lateral."""
    labels = read_labels(real_file("knee/sag_dess_right_labels.nrrd"))
    scene = Scene(labels, {})
    cut_by = {"femoral_cartilage": 1, "tibial_cartilage": (2, 3)}
    for of, medial in (((2, 3), 2), ((9, 10), 10)):
        mask = CompartmentRegion(name="m", of=of, half="medial", **cut_by).mask(scene)
        assert np.array_equal(mask, labels.array == medial)


@pytest.mark.parametrize("name", ["9014797_00m", "9055361_96m"])
def test_all_regions_of_a_real_knee_are_there(name: str) -> None:
    """The second knee has lost most of its medial cartilage."""
    labels = read_labels(real_file(f"oai_masks/{name}.nii.gz"))
    scene = Scene(labels, OAI, case=name)
    presets = [Cartimorph20(preset="cartimorph20"), LoadBearing(preset="load_bearing")]
    bands = [
        SubchondralRegion(
            name=f"{half}_{low}",
            bone="tibia",
            cartilage="tibial_cartilage",
            half=half,
            from_mm=low,
            depth_mm=high,
            below="once_covered",
        )
        for half in ("medial", "lateral")
        for low, high in ((0, 3), (3, 6), (6, 10))
    ]
    regions = make_regions(scene, [*(region for preset in presets for region in preset.regions()), *bands], 100)
    volume = {region.name: region.volume_mm3 for region in regions}
    assert len(volume) == 34
    parts = [region for region in regions if region.name.endswith(("FC", "TC"))]
    assert sum(region.voxels for region in parts) == np.isin(labels.array, (2, 4)).sum()
    for half in ("medial", "lateral"):
        assert 1500 < volume[f"{half}_0"] < 7000
    with pytest.raises(CaseError, match=f"{name}: the cohort table says left, but by the header"):
        make_regions(Scene(labels, OAI, "left", case=name), presets[0].regions())
