"""Knees whose halves cannot be told, and settings that do not fit: each error names the case and the mend."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from knees import BOX_LABELS, box_knee, mirrored, phantom_knee, scene_of

from radfuse.errors import CaseError, InputError
from radfuse.regions.knee.compartment import CompartmentRegion
from radfuse.regions.knee.condyle import CondyleRegion
from radfuse.regions.knee.margin import MarginRegion
from radfuse.regions.make import make_regions
from radfuse.volume.image import LabelMap


def medial(labels: LabelMap, side: str | None = None, **settings: Any) -> np.ndarray:
    region = CompartmentRegion(name="m", of="tibial_cartilage", **{"half": "medial", **settings})
    return region.mask(scene_of(labels, side, BOX_LABELS))


def without(labels: LabelMap, *numbers: int) -> LabelMap:
    return replace(labels, array=np.where(np.isin(labels.array, numbers), 0, labels.array))


def test_the_header_tells_the_side_where_the_table_does_not() -> None:
    """A knee at x -60 mm is a right one: its medial half is the one with larger x."""
    right = medial(box_knee(-90))
    assert right[:, :, 30:].sum() == right.sum() == 2400
    left = medial(box_knee(30))
    assert left[:, :, :30].sum() == left.sum() == 2400
    for half, first in (("a", 5), ("b", 35)):
        assert np.flatnonzero(medial(box_knee(-29.5), half=half).any(axis=(0, 1)))[0] == first


def test_neither_table_nor_header_tells_the_side() -> None:
    with pytest.raises(CaseError, match=r"K7: medial and lateral cannot be told: the cohort table says no side, and "):
        medial(box_knee(-29.5))
    assert medial(box_knee(-29.5), side="left")[:, :, :30].sum() == 2400
    with pytest.raises(CaseError, match=r"K7: the side 'both' of the cohort table is neither left nor right"):
        medial(box_knee(-29.5), side="both")


def test_a_side_that_the_header_contradicts() -> None:
    with pytest.raises(
        CaseError, match=r"K7: the cohort table says left, but by the header the knee lies 60 mm to the"
    ):
        medial(box_knee(-90), side="left")
    with pytest.raises(CaseError, match=r"says right, but by the header the knee lies \d+ mm to the patient's left"):
        medial(mirrored(phantom_knee()), side="right")


def test_a_side_that_the_plates_contradict_where_the_header_is_mute() -> None:
    """The right plate is cut to 30 mm of 40: it is the lateral one, so the knee is a right one."""
    labels = box_knee(-29.5)
    labels.array[20:23, 10:20, 5:25] = 0
    assert medial(labels, side="right")[:, :, 30:].sum() == 2400
    with pytest.raises(
        CaseError, match=r"says left, but then the medial tibial plate would be 30 mm long and the later"
    ):
        medial(labels, side="left")


def test_no_tibia_in_view() -> None:
    with pytest.raises(
        CaseError, match=r"K7: no tibia in view: its cartilage \(label 4\) has 0 voxels.*present: 1, 2, 3"
    ):
        medial(without(box_knee(), 4))


def test_both_knees_in_one_image() -> None:
    one = box_knee(-120)
    both = np.concatenate([one.array, np.zeros((50, 70, 120), np.uint8), one.array], axis=2)
    with pytest.raises(
        CaseError, match=r"K7: the tibial cartilage lies in two pieces 180 mm apart.*both knees are in one"
    ):
        medial(replace(one, array=both, grid=replace(one.grid, shape=both.shape)))


def test_a_part_of_the_other_knee_in_view() -> None:
    """A plate of the other knee, 20 mm beside this one's: two means would take both of this knee for one half."""
    one = box_knee(-120)
    part = np.concatenate([one.array, np.zeros((50, 70, 10), np.uint8), one.array[:, :, :25]], axis=2)
    with pytest.raises(CaseError, match=r"K7: one half of the tibial cartilage is 49 mm wide, at most 45 in one knee"):
        medial(replace(one, array=part, grid=replace(one.grid, shape=part.shape)))


def test_one_plate_only() -> None:
    labels = box_knee()
    labels.array[20:23, :, 35:55] = 0
    with pytest.raises(
        CaseError, match=r"K7: medial and lateral cannot be told: the tibial cartilage is no two plates"
    ):
        medial(labels)


def test_a_header_that_turns_the_knee() -> None:
    labels = box_knee()
    turned = replace(labels, grid=replace(labels.grid, direction=(0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0)))
    with pytest.raises(CaseError, match=r"K7: the two tibial plates lie 90 degrees off the left-right axis"):
        medial(turned)
    over = replace(labels, grid=replace(labels.grid, direction=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, -1.0)))
    with pytest.raises(CaseError, match=r"K7: the femoral cartilage lies below the tibial one"):
        CondyleRegion(name="t", part="trochlea").mask(scene_of(over, numbers=BOX_LABELS))


def test_a_femur_without_cartilage_or_notch() -> None:
    trochlea = CondyleRegion(name="t", part="trochlea")
    with pytest.raises(
        CaseError, match=r"K7: no femoral cartilage in view \(label femoral_cartilage\); labels present"
    ):
        trochlea.mask(scene_of(without(box_knee(), 2), numbers=BOX_LABELS))
    labels = box_knee()
    labels.array[28:31, 5:65, 5:55] = 2
    with pytest.raises(CaseError, match=r"K7: the notch between the condyles cannot be found"):
        trochlea.mask(scene_of(labels, numbers=BOX_LABELS))


def test_an_empty_region_is_an_error_of_its_case() -> None:
    """Cartilage that does not touch its bone has no rim on it."""
    rim = MarginRegion(name="rim", bone="femur", cartilage="tibial_cartilage")
    with pytest.raises(CaseError, match=r"K7: region 'rim' has 0 voxels, needs 10"):
        make_regions(scene_of(box_knee(), numbers=BOX_LABELS), [rim])
    with pytest.raises(CaseError, match=r"K7: region 'm' has 0 voxels"):
        make_regions(
            scene_of(without(box_knee(), 6), numbers=BOX_LABELS),
            [CompartmentRegion(name="m", of="meniscus", half="medial")],
        )


def test_a_label_that_nobody_declared() -> None:
    with pytest.raises(InputError, match=r"'tibial_cartilag', which is not declared; did you mean 'tibial_cartilage'"):
        medial(box_knee(), tibial_cartilage="tibial_cartilag")


def test_specks_do_not_move_the_cuts() -> None:
    """A voxel painted between the plates, and one far behind the condyles."""
    labels = box_knee()
    labels.array[21, 30, 30] = 4
    labels.array[29, 69, 50] = 2
    found = medial(labels)
    assert found.sum() - 2400 in (0, 1)
    loaded = CondyleRegion(name="l", part="load_bearing").mask(scene_of(labels, numbers=BOX_LABELS))
    assert abs(loaded.sum() - 2 * 1440) <= 2 * 3 * 20  # a row
