"""Measures of shapes that are known on paper; what cannot be measured says why."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from boxes import box, grid
from knees import phantom_knee
from solids import centred, coordinates, subject

from radfuse.morphometry.cartilage import CartilageMeasure
from radfuse.morphometry.config import MeasureConfig
from radfuse.morphometry.distance import DistanceMeasure
from radfuse.morphometry.joint_space import JointSpaceMeasure
from radfuse.morphometry.measure import Subject, weighted_quantiles
from radfuse.morphometry.meniscus import MeniscusMeasure
from radfuse.morphometry.muscle import MuscleMeasure
from radfuse.morphometry.size import SizeMeasure
from radfuse.morphometry.take import take
from radfuse.phantom.knee import KneePhantom, draw_case, knee_tables
from radfuse.phantom.knee_shapes import LABELS
from radfuse.volume.grid import Grid
from radfuse.volume.otsu import otsu

KNEE = {"femur": 1, "femoral_cartilage": 2, "tibia": 3, "tibial_cartilage": 4, "meniscus": 6}
FRONTAL = (0.0, -1.0, 0.0, 0.0, 0.0, 1.0, -1.0, 0.0, 0.0)
"""Axis x runs down, y to the right and z to the back: an axial plane lies across the array's last axis."""


@pytest.fixture(scope="module")
def joint() -> Subject:
    """A flat joint along z: tibia below 0, cartilage of 2 mm medially and 3 mm laterally, a gap of 4 mm, and femur.

    The medial half is x > 0, its plate 16 mm wide (x) and 20 mm long (y), with a bare square of 4 x 4 mm in it; the
    lateral half has no hole. A meniscus of 2 mm lies on the medial cartilage from x = 10 to 22, the tibia ends at 21.
    """
    where = centred((36.0, 30.0, 46.0), (0.5, 0.5, 0.5))
    z, y, x = coordinates(where)
    array = np.zeros(where.shape, dtype=np.uint8)
    array[(z < 0) & (np.abs(x) < 21)] = 3
    plate = (np.abs(x) > 1) & (np.abs(x) < 17) & (np.abs(y) < 10)
    hole = (np.abs(x - 6) < 2) & (np.abs(y) < 2)
    array[plate & ~hole & (z >= 0) & (z < np.where(x > 0, 2, 3))] = 4
    array[(x > 10) & (x < 22) & (np.abs(y) < 10) & (z >= 2) & (z < 4)] = 6
    array[z >= 6] = 1
    return subject(array, where, KNEE, {"medial": (array == 4) & (x > 0), "plateau": (array == 3) & (x < 0)})


def test_cartilage_region_by_region(joint: Subject) -> None:
    measure = CartilageMeasure(cartilage="tibial_cartilage", bone=3, regions=("tibial_cartilage", "medial", "plateau"))
    found = measure.measured(joint)
    medial, lateral = found["medial"], found["plateau"]
    assert medial.values["CartilageVolume"] == (16 * 20 - 16) * 2
    assert medial.values["InterfaceArea"] == pytest.approx(16 * 20 - 16, rel=0.03)
    assert medial.values["ThicknessMean"] == pytest.approx(2.0, abs=0.1)  # its rim is a step
    assert medial.values["ThicknessMedian"] == pytest.approx(2.0, abs=0.01)
    assert medial.values["DenudedShare"] == pytest.approx(16 / 320, rel=0.15)
    assert abs(medial.values["MeanCurvature"]) < 0.01  # the tibia ends 4 mm beside the plate
    assert lateral.values["ThicknessMedian"] == pytest.approx(3.0, abs=0.01)
    assert lateral.values["ThicknessMax"] == pytest.approx(3.0, abs=0.02)
    assert lateral.values["DenudedShare"] == 0
    assert lateral.reasons == {"CartilageVolume": "the region holds no voxel of the cartilage"}
    whole = found["tibial_cartilage"].values
    assert whole["InterfaceArea"] == pytest.approx(medial.values["InterfaceArea"] + lateral.values["InterfaceArea"])
    assert 2 < whole["ThicknessMean"] < 3
    assert 0.4 < whole["ThicknessSD"] < 0.6
    assert whole["Thickness5Percentile"] == pytest.approx(2.0, abs=0.3)


def test_cartilage_that_is_not_there_says_so(joint: Subject) -> None:
    (lacking,) = CartilageMeasure(cartilage=2, bone=(1, 7), regions=("femur",)).measured(joint).values()
    assert set(lacking.reasons.values()) == {"the mask has no voxel of 2"}
    assert np.isnan(list(lacking.values.values())).all()
    apart = CartilageMeasure(cartilage="tibial_cartilage", bone="femur", regions=("medial",)).measured(joint)["medial"]
    assert apart.reasons["ThicknessMean"] == "the region holds nothing of the bone-cartilage interface"
    assert apart.values["CartilageVolume"] > 0


def test_joint_space_between_cartilage_and_between_bones(joint: Subject) -> None:
    regions = ("medial", "tibial_cartilage")
    cartilage = JointSpaceMeasure(lower=("tibia", "tibial_cartilage"), upper="femur", regions=regions).measured(joint)
    assert cartilage["medial"].values["JointSpaceMean"] == pytest.approx(4.0, abs=0.35)  # its walls face the femur, too
    assert cartilage["tibial_cartilage"].values["JointSpaceMin"] == pytest.approx(3.0, abs=0.01)
    bones = JointSpaceMeasure(lower="tibia", upper=("femur", 2), regions=("tibia", "medial")).measured(joint)
    assert bones["tibia"].values["JointSpaceMean"] == pytest.approx(6.0, abs=0.01)
    assert bones["medial"].values["JointSpaceMin"] == pytest.approx(6.0, abs=0.01)
    over = JointSpaceMeasure(lower=("tibia", "tibial_cartilage"), upper="femur", regions=("plateau",)).measured(joint)
    assert over["plateau"].values["JointSpaceMin"] == pytest.approx(3.0, abs=0.01)  # on the cartilage over the bone
    labels = joint.scene.labels
    z, _, x = coordinates(labels.grid)
    slit = np.where((z < 0.5) & (labels.array == 4), 0, labels.array).astype(np.uint8)
    apart = subject(slit, labels.grid, KNEE, {"plateau": (slit == 3) & (x < 0)})
    over = JointSpaceMeasure(lower=("tibia", "tibial_cartilage"), upper="femur", regions=("plateau",)).measured(apart)
    assert over["plateau"].values["JointSpaceMin"] == pytest.approx(3.0, abs=0.01)  # a slit between is passed
    touching = JointSpaceMeasure(lower="tibial_cartilage", upper="meniscus", regions=("medial",)).measured(joint)
    assert touching["medial"].values["JointSpaceMin"] == pytest.approx(0.0, abs=0.01)


def test_no_joint_space_says_why(joint: Subject) -> None:
    narrow = JointSpaceMeasure(lower="tibia", upper="femur", most_mm=1.5, regions=("tibia", "meniscus"))
    assert {each.reasons["JointSpaceMin"] for each in narrow.measured(joint).values()} == {
        "nothing of the upper body lies within 1.5 mm of any of the regions"
    }
    absent = JointSpaceMeasure(lower="tibia", upper=2, regions=("tibia",)).measured(joint)
    assert absent["tibia"].reasons["JointSpaceMean"] == "the mask has no voxel of 2"
    mixed = JointSpaceMeasure(lower="tibia", upper="femur", regions=("tibia", "meniscus")).measured(joint)
    assert (
        mixed["meniscus"].reasons["JointSpaceMean"]
        == "nothing of the upper body faces the region's surface within 12 mm"
    )


def test_meniscal_extrusion_and_coverage(joint: Subject) -> None:
    measure = MeniscusMeasure(tibia="tibia", cartilage="tibial_cartilage", regions=("meniscus",))
    found = measure.measured(joint)["meniscus"].values
    assert found["ExtrusionMean"] == pytest.approx(1.0, abs=1e-6)
    assert found["ExtrusionMax"] == pytest.approx(1.0, abs=1e-6)
    assert found["Coverage"] == pytest.approx(7 * 20 / (16 * 20 - 16), rel=0.05)  # from x = 10 to the plate's rim at 17


def test_a_meniscus_without_tibia_or_cartilage(joint: Subject) -> None:
    bare = MeniscusMeasure(tibia="tibia", cartilage=2, regions=("meniscus",)).measured(joint)["meniscus"]
    assert bare.values["ExtrusionMean"] == pytest.approx(1.0)
    assert bare.reasons == {"Coverage": "the mask has no voxel of 2"}
    lost = MeniscusMeasure(tibia=9, cartilage=2, regions=("meniscus",)).measured(joint)["meniscus"]
    assert set(lost.reasons) == {"ExtrusionMean", "ExtrusionMax", "Coverage"}


def size_of(array: np.ndarray, where: Grid) -> dict[str, float]:
    return (
        SizeMeasure(regions=("tumour",))
        .measured(subject(array.astype(np.uint8), where, {"tumour": 1}))["tumour"]
        .values
    )


def test_diameters_of_a_box_are_its_diagonal_and_what_crosses_it() -> None:
    found = size_of(box((6, 40, 40), (1, 4, 4), (4, 34, 4 + 20)), grid((6, 40, 40), (5.0, 1.0, 2.0)))
    assert found["Volume"] == 3 * 30 * 20 * 10
    # 40 mm by 30 mm but for half a voxel cut off the corners; the perpendicular through a corner of such a rectangle
    assert found["LongestAxialDiameter"] == pytest.approx(50.0, abs=1.5)
    assert found["PerpendicularDiameter"] == pytest.approx(30 / 0.8, abs=1.0)


def test_diameters_of_a_turned_ellipse_in_its_largest_slice_alone() -> None:
    where = centred((20.0, 80.0, 80.0), (4.0, 0.8, 0.8))
    z, y, x = coordinates(where)
    a, b = np.cos(0.5) * x + np.sin(0.5) * y, np.cos(0.5) * y - np.sin(0.5) * x
    scale = np.where(z == z.flat[np.abs(z).argmin()], 1.0, 0.6)
    found = size_of((a / 30) ** 2 + (b / 12) ** 2 < scale**2, where)
    assert found["LongestAxialDiameter"] == pytest.approx(60, abs=0.8)
    assert found["PerpendicularDiameter"] == pytest.approx(24, abs=0.8)


def test_diameters_lie_in_the_patients_axial_plane_and_in_one_lesion() -> None:
    array = box((8, 10, 30), (0, 1, 2), (8, 4, 4)) | box((8, 10, 30), (3, 8, 20), (5, 9, 30))
    found = size_of(array, Grid(array.shape, (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), FRONTAL))
    assert found["Volume"] == 8 * 3 * 2 + 2 * 10
    assert found["LongestAxialDiameter"] == pytest.approx(np.hypot(8, 3), abs=0.7)  # not the 10 mm up the patient


def test_one_voxel_has_its_own_size() -> None:
    found = size_of(box((3, 3, 3), (1, 1, 1), (2, 2, 2)), grid((3, 3, 3), (3.0, 1.0, 2.0)))
    assert found == {"Volume": 6.0, "LongestAxialDiameter": 2.0, "PerpendicularDiameter": 1.0}


@pytest.mark.parametrize("flip", [(1, 1), (1, -1), (-1, 1), (-1, -1)])
def test_of_lines_of_one_length_the_one_with_more_across_it_is_the_diameter(flip: tuple[int, int]) -> None:
    """Lines 3 along and 1 across, of which one has as much at right angles to it, and another 2.71 mm."""
    drawn = np.array([[0, 1, 0], [1, 1, 0], [1, 1, 1]], bool)[:: flip[0], :: flip[1]]
    found = size_of(drawn[None], grid((1, 3, 3)))
    line = 10**0.5
    assert found == pytest.approx({"Volume": 6, "LongestAxialDiameter": line, "PerpendicularDiameter": line})


@pytest.mark.parametrize(
    ("gap", "expected"), [((0, 0, 0), 0.0), ((2, 0, 0), 6.0), ((0, 3, 2), 5.0), ((1, 3, 2), 5.831)]
)
def test_distance_between_boxes(gap: tuple[int, int, int], expected: float) -> None:
    shape = (14, 24, 14)
    array = box(shape, (1, 1, 1), (4, 5, 4)).astype(np.uint8)
    start = tuple(end + step for end, step in zip((4, 5, 4), gap, strict=True))
    if 0 in gap:
        start = tuple(first if step else 1 for first, step in zip(start, gap, strict=True))
    if gap == (0, 0, 0):
        start = (4, 1, 1)
    array[box(shape, start, tuple(np.add(start, 3)))] = 2
    spacing = (3.0, 1.0, 2.0)
    case = subject(array, grid(shape, spacing), {"tumour": 1, "bone": 2})
    found = DistanceMeasure(to="bone", regions=("tumour",)).measured(case)["tumour"].values
    assert found["Distance"] == pytest.approx(expected, abs=1e-3)
    assert found["ContactShare"] == pytest.approx(9 / 34 if expected == 0 else 0.0)  # of 36 voxels 2 lie inside


def test_a_body_that_is_not_there() -> None:
    case = subject(box((4, 4, 4), (1, 1, 1), (3, 3, 3)).astype(np.uint8), grid((4, 4, 4)), {"tumour": 1, "bone": 2})
    found = DistanceMeasure(to=("bone", 3), regions=("tumour",)).measured(case)["tumour"]
    assert found.reasons["Distance"] == "the mask has no voxel of bone or 3"


def test_muscle_cross_section_and_fat() -> None:
    array = np.zeros((5, 20, 20), dtype=np.uint8)
    array[1:4, 2:12, 2:12] = 1
    array[4, 2:7, 2:12] = 1
    image = np.where(np.arange(20) < 4, 300.0, 100.0) + np.zeros(array.shape)  # 2 of 10 columns are fat
    case = subject(array, grid(array.shape, (4.0, 0.5, 2.0)), {"psoas": 1}, image=image)
    found = MuscleMeasure(regions=("psoas",)).measured(case)["psoas"].values
    assert found["MaxCrossSection"] == 100
    assert found["CrossSection"] == (3 * 100 + 50) / 4
    assert found["FatFraction"] == pytest.approx(0.2)
    assert found["LeanCrossSection"] == pytest.approx(0.8 * 87.5)
    assert found["FatThreshold"] == 200
    dark = MuscleMeasure(regions=("psoas",), threshold=-30, fat="dark").measured(case)["psoas"].values
    assert (dark["FatFraction"], dark["FatThreshold"]) == (0, -30)


def test_muscle_of_one_grey_value_has_no_fat_fraction() -> None:
    case = subject(np.ones((2, 3, 3), dtype=np.uint8), grid((2, 3, 3)), {"psoas": 1})
    found = MuscleMeasure(regions=("psoas",)).measured(case)["psoas"]
    assert found.values["CrossSection"] == 9
    assert set(found.reasons) == {"FatFraction", "LeanCrossSection", "FatThreshold"}


def test_otsu_agrees_with_scikit_image() -> None:
    from skimage.filters import threshold_otsu

    generator = np.random.default_rng(3)
    grey = np.rint(np.concatenate([generator.normal(80, 12, 600), generator.normal(160, 20, 300)]))
    theirs, ours = threshold_otsu(grey.astype(int)), otsu(grey)
    assert (grey <= theirs).sum() == (grey < ours).sum()


def test_quantiles_follow_weights() -> None:
    assert weighted_quantiles(np.array([3.0, 1.0, 2.0]), np.ones(3), (0.5,)) == [2.0]
    assert weighted_quantiles(np.array([1.0, 2.0]), np.array([1.0, 3.0]), (0.125, 0.625)) == [1.0, 2.0]


def test_a_mirrored_knee_has_the_same_numbers() -> None:
    config = KneePhantom(cases=8)
    image, labels = draw_case(config, knee_tables(config), 0)
    measures: list[MeasureConfig] = [
        CartilageMeasure(cartilage="tibial_cartilage", bone="tibia", regions=("half", "tibia")),
        CartilageMeasure(cartilage="femoral_cartilage", bone="femur", regions=("femoral_cartilage",)),
        JointSpaceMeasure(lower=("tibia", "tibial_cartilage"), upper=("femur", 2), regions=("half",)),
        MeniscusMeasure(tibia="tibia", cartilage="tibial_cartilage", regions=("menisci",)),
        SizeMeasure(regions=("patella",)),
        DistanceMeasure(to="femur", regions=("patella",)),
        MuscleMeasure(regions=("patella",)),
    ]
    first, second = (
        take(_half_named(labels.array[::step].copy(), image.array[::step].copy(), labels.grid, step), measures)
        for step in (1, -1)
    )
    assert set(first.reasons) == {"tibia/morphometry_CartilageVolume"} == set(second.reasons)
    assert second.values == pytest.approx(first.values, rel=1e-6, nan_ok=True)


@pytest.mark.parametrize("spacing", [(2.0, 1.5, 1.5), (3.0, 1.0, 1.0)])
def test_a_ragged_knee_has_the_same_numbers_mirrored_and_stored_otherwise(spacing: tuple[float, float, float]) -> None:
    """Coarse, ragged surfaces are full of ties: points equally near, masks of exactly one half, holes by a corner."""
    labels, generator = phantom_knee(spacing), np.random.default_rng(1)
    array = labels.array.copy()
    for axis, step in product(range(3), (1, -1)) if spacing[0] == 2 else ():
        beside = np.roll(labels.array, step, axis)
        torn = (beside != labels.array) & (generator.random(array.shape) < 0.15)
        array[torn] = beside[torn]
    measures: list[MeasureConfig] = [
        CartilageMeasure(cartilage="tibial_cartilage", bone="tibia", regions=("tibial_cartilage",)),
        CartilageMeasure(cartilage="femoral_cartilage", bone="femur", regions=("femoral_cartilage",)),
        JointSpaceMeasure(lower=("tibia", "tibial_cartilage"), upper=("femur", 2), regions=("tibia", "half")),
    ]
    first, mirrored, turned = (
        take(_half_named(each, np.zeros(each.shape), Grid(each.shape, size), step), measures).values
        for each, size, step in (
            (array, spacing, 1),
            (array[::-1].copy(), spacing, -1),
            (array.transpose(0, 2, 1)[:, ::-1].copy(), (spacing[0], spacing[2], spacing[1]), 1),
        )
    )
    assert mirrored == pytest.approx(first, rel=1e-6)
    assert turned == pytest.approx(first, rel=1e-6)


def _half_named(array: np.ndarray, image: np.ndarray, where: Grid, step: int) -> Subject:
    """Return a knee with its medial half of tibial cartilage and of the menisci, whichever way it lies."""
    near = np.zeros(array.shape, dtype=bool)
    near[: len(array) // 2] = True
    inner = near[::step]
    regions = {"half": (array == LABELS["tibial_cartilage"]) & inner, "menisci": (array == LABELS["meniscus"]) & inner}
    return subject(array, where, LABELS, regions, image)
