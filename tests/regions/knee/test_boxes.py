"""Knee regions on a knee of boxes, whose cuts can be counted by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from knees import BOX_LABELS, box_knee, scene_of

from radfuse.regions.config import RegionConfig
from radfuse.regions.knee.central_tibia import CentralTibiaRegion
from radfuse.regions.knee.compartment import CompartmentRegion
from radfuse.regions.knee.condyle import CondyleRegion
from radfuse.regions.knee.joint import Joint
from radfuse.regions.knee.load_bearing import LoadBearingRegion
from radfuse.regions.knee.margin import MarginRegion
from radfuse.regions.scene import Scene
from radfuse.regions.subchondral import SubchondralRegion
from radfuse.volume.region import box_of


@pytest.fixture
def knee() -> Scene:
    return scene_of(box_knee(), numbers=BOX_LABELS)


def extent(scene: Scene, region: RegionConfig) -> tuple[int, tuple[tuple[int, int], ...]]:
    """Return the number of voxels, and the first and last voxel along z, y and x."""
    mask = region.mask(scene)
    return int(mask.sum()), tuple((side.start, side.stop - 1) for side in box_of(mask))


def test_the_frame_of_a_straight_knee_is_that_of_patient_space(knee: Scene) -> None:
    joint = Joint.of(knee, ("femoral_cartilage",), ("tibial_cartilage",))
    assert np.allclose(joint.frame.axes, np.eye(3), atol=1e-12)
    assert np.allclose(joint.frame.origin, (-90 + 29.5, 29.5, 21))
    assert joint.side == "right"
    assert Joint.of(knee, ("femoral_cartilage",), ("tibial_cartilage",)).frame is joint.frame


def test_halves_by_count(knee: Scene) -> None:
    def half(of: Any, which: str) -> tuple[int, tuple[tuple[int, int], ...]]:
        return extent(knee, CompartmentRegion(name="h", of=of, half=which))

    assert half("tibial_cartilage", "medial") == (3 * 40 * 20, ((20, 22), (10, 49), (35, 54)))
    assert half("meniscus", "lateral") == (2 * 40 * 20, ((24, 25), (10, 49), (5, 24)))
    assert half("tibia", "medial") == (15 * 50 * 25, ((5, 19), (5, 54), (30, 54)))
    assert half("femur", "a") == half("femur", "lateral") == (14 * 60 * 25, ((31, 44), (5, 64), (5, 29)))
    assert half(1, "a") == half("femur", "a")  # a number is cut as its name is
    assert half(("tibia", "femur"), "b") == ((15 * 50 + 14 * 60) * 25, ((5, 44), (5, 64), (30, 54)))


def test_parts_of_the_femur_are_cut_at_the_notch_and_at_its_share(knee: Scene) -> None:
    """The trochlea ends at y 24, the condyles at y 64: 60 % of the way is y 48."""
    trochlea = extent(knee, CondyleRegion(name="t", part="trochlea"))
    assert trochlea == (3 * 20 * 50, ((28, 30), (5, 24), (5, 54)))
    loaded = extent(knee, CondyleRegion(name="l", part="load_bearing", half="medial"))
    assert loaded == (3 * 24 * 20, ((28, 30), (25, 48), (35, 54)))
    assert extent(knee, LoadBearingRegion(name="l", tissue="femoral_cartilage", half="medial")) == loaded
    assert extent(knee, CompartmentRegion(name="c", of="femoral_cartilage", half="medial", part="central")) == loaded
    assert extent(knee, CondyleRegion(name="p", part="posterior", half="medial"))[1][1] == (49, 64)
    assert extent(knee, CondyleRegion(name="l", part="load_bearing", share=0.3))[1][1] == (25, 36)
    bone = extent(knee, CompartmentRegion(name="c", of="femur", half="medial", part="posterior"))
    assert bone == (14 * 16 * 25, ((31, 44), (49, 64), (30, 54)))


def test_thirds_of_a_condyle_run_from_the_notch_outwards(knee: Scene) -> None:
    """19 mm between the outermost centres: cut at 6.33 and 12.67."""
    found = {
        (half, part): extent(knee, CondyleRegion(name="t", part=part, half=half))[1][2]
        for half in ("medial", "lateral")
        for part in ("internal", "central", "external")
    }
    assert [found["medial", part] for part in ("internal", "central", "external")] == [(35, 41), (42, 47), (48, 54)]
    assert [found["lateral", part] for part in ("internal", "central", "external")] == [(18, 24), (12, 17), (5, 11)]


def test_thirds_of_the_plate_cut_tibia_and_meniscus(knee: Scene) -> None:
    """The plate is 40 mm long."""
    parts = ("anterior", "central", "posterior")
    cut = [extent(knee, CompartmentRegion(name="m", of="meniscus", half="a", part=part))[1][1] for part in parts]
    assert cut == [(10, 23), (24, 36), (37, 49)] or cut == [(10, 22), (23, 36), (37, 49)]
    whole = [extent(knee, CompartmentRegion(name="m", of="tibia", half="a", part=part))[1][1] for part in parts]
    assert (whole[0][0], whole[-1][1]) == (5, 54)


@pytest.mark.parametrize("share", [0.1, 0.2, 0.4])
def test_the_ellipse_holds_its_share_and_the_four_neighbours_the_rest(knee: Scene, share: float) -> None:
    masks = {
        part: CentralTibiaRegion(name="c", part=part, share=share, half="medial").mask(knee)
        for part in ("central", "anterior", "external", "posterior", "internal")
    }
    assert masks["central"].sum() == pytest.approx(share * 2400, abs=45)  # lattice points come by fours
    assert sum(mask.astype(int) for mask in masks.values()).max() == 1
    assert sum(mask.sum() for mask in masks.values()) == 2400
    middles = {part: np.argwhere(mask).mean(axis=0) for part, mask in masks.items()}
    assert np.allclose(middles["central"], (21, 29.5, 44.5), atol=0.3)
    assert middles["anterior"][1] < 20
    assert middles["posterior"][1] > 39
    assert middles["internal"][2] < 40 < 49 < middles["external"][2]


def test_the_tibia_that_faces_the_load_bearing_femur(knee: Scene) -> None:
    faces = extent(knee, LoadBearingRegion(name="t", tissue="tibial_cartilage", half="lateral"))
    assert faces == (3 * 24 * 20, ((20, 22), (25, 48), (5, 24)))
    below = extent(knee, LoadBearingRegion(name="b", tissue="tibia", half="lateral", depth_mm=4))
    assert below[1][:2] == ((16, 19), (25, 48))
    above = extent(knee, LoadBearingRegion(name="b", tissue="femur", depth_mm=2))
    assert above[1][:2] == ((31, 32), (25, 48))


def test_subchondral_bands_of_a_half(knee: Scene) -> None:
    """The topmost row of the tibia lies 1 mm below the lowest one of its cartilage."""

    def band(low: float, high: float, **settings: Any) -> np.ndarray:
        region = SubchondralRegion(
            name="s", bone="tibia", cartilage="tibial_cartilage", from_mm=low, depth_mm=high, **settings
        )
        return region.mask(knee)

    assert [int(band(low, high)[:, 30, 45].sum()) for low, high in ((0, 3), (3, 6), (6, 10))] == [3, 3, 4]
    assert np.array_equal(band(0, 3) | band(3, 6) | band(6, 10), band(0, 10))
    halves = [band(3, 6, half=half) for half in ("medial", "lateral")]
    assert np.array_equal(halves[0] | halves[1], band(3, 6))
    assert not halves[0][:, :, :30].any()
    assert not halves[1][:, :, 30:].any()


def test_bone_below_a_bare_gap_was_once_covered(knee: Scene) -> None:
    """A hole of 16 x 8 mm inside the lateral plate, and a notch 6 mm wide in the rim of the medial one."""
    array = knee.labels.array
    array[20:23, 20:36, 10:18] = 0
    array[20:23, 25:31, 45:55] = 0
    settings = {"name": "s", "bone": "tibia", "cartilage": "tibial_cartilage", "depth_mm": 1.0}
    now = SubchondralRegion(**settings).mask(knee)
    once = SubchondralRegion(**settings, below="once_covered").mask(knee)
    assert not now[19, 27, 14]
    assert once[19, 20:36, 10:18].all()
    assert once[19, 25:31, 45:52].all()
    assert not (now & ~once).any()
    assert not once[19, 10:50, 27:33].any()  # between the plates nothing is closed


def test_the_margin_lies_around_the_plate_and_not_below_it(knee: Scene) -> None:
    mask = MarginRegion(name="m", bone="tibia", cartilage="tibial_cartilage", half="medial", width_mm=3).mask(knee)
    assert mask[19, 7:10, 45].all()
    assert not mask[19, 5:7, 45].any()
    assert not mask[:, 12:48, 37:53].any()
    assert not mask[:, :, :30].any()
    assert mask[19, 30, 33]
