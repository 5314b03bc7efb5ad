"""The knee phantom: anatomy that holds, an outcome that can be recomputed, files that read back."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from radfuse.check.study import check_study
from radfuse.cohort.read import read_cohort
from radfuse.config import build
from radfuse.errors import InputError
from radfuse.phantom.knee import SITES, KneePhantom, draw_case, knee_tables, write_knee_phantom
from radfuse.phantom.knee_shapes import LABELS, SPREAD, KneeShape, shape_from_scores
from radfuse.phantom.knee_signal import draw_knee
from radfuse.phantom.table import reachable_auc
from radfuse.study import load_study
from radfuse.volume.files import read_labels, read_volume
from radfuse.volume.image import LabelMap, Volume, require_same_grid

pytestmark = pytest.mark.slow

CONFIG = KneePhantom(cases=8, seed=3)
SPACING = (2.2, 1.25, 1.25)
PARTS = ["clinical_part", "radiomic_part", "deep_part"]


@dataclass(frozen=True)
class Written:
    """A cohort's folder and what was drawn for it."""

    folder: Path
    tables: dict[str, pd.DataFrame]
    knees: list[tuple[Volume, LabelMap]]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    folder = tmp_path_factory.mktemp("knees")
    write_knee_phantom(folder, CONFIG)
    tables = knee_tables(CONFIG)
    return Written(folder, tables, [draw_case(CONFIG, tables, row) for row in range(CONFIG.cases)])


def one(shape: KneeShape, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Draw a knee at the first site, in its own orientation."""
    return draw_knee(
        shape, SITES[0], (40, 96, 96), SPACING, np.random.default_rng(seed), np.random.default_rng(seed + 1)
    )


def touching(labels: np.ndarray, first: str, second: str) -> int:
    """Count voxels of the second label next to the first, corners included."""
    grown = ndimage.binary_dilation(labels == LABELS[first], structure=np.ones((3, 3, 3)))
    return int((grown & (labels == LABELS[second])).sum())


def pieces(labels: np.ndarray, name: str) -> int:
    return int(ndimage.label(labels == LABELS[name], structure=np.ones((3, 3, 3)))[1])


def test_same_seed_gives_the_same_voxels_and_another_seed_others() -> None:
    tables = knee_tables(CONFIG)
    first, labels = draw_case(CONFIG, tables, 3)
    again, labels_again = draw_case(CONFIG, tables, 3)
    np.testing.assert_array_equal(first.array, again.array)
    np.testing.assert_array_equal(labels.array, labels_again.array)
    other = CONFIG.model_copy(update={"seed": 4})
    assert not knee_tables(other)["truth"].equals(tables["truth"])


def test_every_knee_is_whole(written: Written) -> None:
    for image, labels in written.knees:
        assert labels.present() == tuple(LABELS.values())
        assert image.array.dtype == np.float32
        assert image.array.min() >= 0
        found = {name: pieces(labels.array, name) for name in LABELS}
        assert found == {
            "femur": 1, "femoral_cartilage": 1, "tibia": 1, "tibial_cartilage": 2, "patella": 1, "meniscus": 2
        }  # fmt: skip


@pytest.mark.parametrize("seed", range(6))
def test_extreme_knees_are_whole_and_their_bones_apart(seed: int) -> None:
    signs = np.random.default_rng(seed).choice([-9.0, 9.0], len(SPREAD))
    _, labels = one(shape_from_scores(dict(zip(SPREAD, signs, strict=True))))
    assert set(np.unique(labels)) == {0, *LABELS.values()}
    assert (pieces(labels, "tibial_cartilage"), pieces(labels, "meniscus")) == (2, 2)
    for pair in (("femur", "tibia"), ("femur", "patella"), ("patella", "tibia")):
        assert touching(labels, *pair) == 0


def test_cartilage_covers_its_bone(written: Written) -> None:
    for row, (_, labels) in enumerate(written.knees):
        array, spacing = labels.array, labels.spacing_zyx_mm
        for cartilage, bone, thickness in (
            ("femoral_cartilage", "femur", "femoral_thickness"),
            ("tibial_cartilage", "tibia", "tibial_thickness"),
        ):
            away = ndimage.distance_transform_edt(array != LABELS[bone], sampling=spacing)
            layer = away[array == LABELS[cartilage]]
            assert layer.max() <= 1.15 * written.tables["truth"][thickness][row] + 1.5 * max(spacing[1:])
            assert layer.min() <= 1.5 * spacing[1]
        assert touching(array, "femur", "tibial_cartilage") == touching(array, "tibia", "femoral_cartilage") == 0


def test_measured_thickness_follows_the_truth(written: Written) -> None:
    measured = []
    for _, labels in written.knees:
        layer = labels.array == LABELS["tibial_cartilage"]
        measured.append(labels.spacing_zyx_mm[1] * layer.sum() / layer.any(axis=1).sum())
    truth = written.tables["truth"]["tibial_thickness"]
    assert np.corrcoef(measured, truth)[0, 1] > 0.9
    np.testing.assert_allclose(measured, truth, atol=0.5)


def test_lesion_lies_where_the_truth_says(written: Written) -> None:
    """The image less that of the same knee with its lesion elsewhere is darkest at the lesion."""
    for row in (0, 1, 4):
        image, _ = written.knees[row]
        truth = written.tables["truth"].copy()
        here = truth.loc[row, "lesion_anterior"]
        truth.loc[row, "lesion_anterior"] = here - 14 * np.sign(here)
        elsewhere, _ = draw_case(CONFIG, {"cohort": written.tables["cohort"], "truth": truth}, row)
        darker = np.clip(elsewhere.array - image.array, 0, None)
        darker[darker < 0.3 * darker.max()] = 0
        index = ndimage.center_of_mass(darker)[::-1]
        turn = np.array(image.direction).reshape(3, 3)
        found = turn @ (np.array(index) * image.spacing_zyx_mm[::-1]) + image.origin
        planted = truth.loc[row, ["lesion_x_mm", "lesion_y_mm", "lesion_z_mm"]].to_numpy(dtype=float)
        np.testing.assert_allclose(found, planted, atol=1.0)


def test_place_of_the_lesion_shows_on_a_grid_and_not_in_the_mean_of_the_region() -> None:
    means, fronts = [], []
    for place in (-8.0, 8.0):
        image, labels = one(KneeShape(lesion_anterior=place))
        cartilage = labels == LABELS["tibial_cartilage"]
        means.append(image[cartilage].mean())
        cartilage[:20] = False  # the lateral half
        front = np.nonzero(cartilage)[2] < np.median(np.nonzero(cartilage)[2])
        fronts.append(image[cartilage][front].mean())
    assert means[1] == pytest.approx(means[0], rel=0.003)
    assert fronts[1] < 0.95 * fronts[0]


def test_texture_of_the_medial_band_follows_the_truth() -> None:
    spread = []
    for amplitude in (0.08, 0.16, 0.32):
        image, labels = one(KneeShape(texture_amplitude=amplitude))
        near = ndimage.distance_transform_edt(labels != LABELS["tibial_cartilage"], sampling=SPACING) < 8
        band = near & ndimage.binary_erosion(labels == LABELS["tibia"], iterations=2)
        spread.append((image[20:][band[20:]].std(), image[:20][band[:20]].std()))
    medial, lateral = np.transpose(spread)
    assert medial[2] > 1.3 * medial[1]
    assert medial[1] > 1.05 * medial[0]
    np.testing.assert_allclose(lateral, lateral[0], rtol=0.05)


def test_left_is_the_mirror_of_right(written: Written) -> None:
    cohort, truth = written.tables["cohort"], written.tables["truth"]
    row = int(cohort.index[cohort["side"] == "left"][0])
    swapped = cohort.assign(side=cohort["side"].replace("left", "right"))
    left, left_labels = written.knees[row]
    right, right_labels = draw_case(CONFIG, {"cohort": swapped, "truth": truth}, row)
    np.testing.assert_array_equal(right.array, left.array[::-1])
    np.testing.assert_array_equal(right_labels.array, left_labels.array[::-1])
    assert left.direction == right.direction
    # Patient space: mirrored at the midline, left knees on the left (+x).
    assert left.grid.corners_mm()[:, 0].min() > 0
    np.testing.assert_allclose(np.sort(left.grid.corners_mm()[:, 0]), np.sort(-right.grid.corners_mm()[:, 0]))


def test_images_open_upright(written: Written) -> None:
    """Femur above tibia, patella in front, medial tibial cartilage towards the midline."""
    for image, labels in written.knees[:2]:
        turn, steps = np.array(image.direction).reshape(3, 3), np.array(image.spacing_zyx_mm[::-1])
        assert np.linalg.det(turn) == pytest.approx(1)
        centre = {}
        for name, number in LABELS.items():
            index = np.array(ndimage.center_of_mass(labels.array == number)[::-1])
            centre[name] = turn @ (index * steps) + image.origin
        assert centre["femur"][2] > centre["tibia"][2] + 30
        assert centre["patella"][1] < centre["femur"][1] - 25


def test_geometry_and_voxels_read_back(written: Written) -> None:
    cohort = written.tables["cohort"]
    for row in (0, 1):
        case_id = cohort["case_id"][row]
        image = read_volume(written.folder / f"images/{case_id}_dess.nii.gz")
        names = {number: name for name, number in LABELS.items()}
        labels = read_labels(written.folder / f"images/{case_id}_labels.nii.gz", names)
        require_same_grid(image, labels)
        drawn, drawn_labels = written.knees[row]
        assert image.grid.same_as(drawn.grid)
        np.testing.assert_array_equal(image.array, drawn.array)
        np.testing.assert_array_equal(labels.array, drawn_labels.array)


def test_tables_and_study_fit_together(written: Written) -> None:
    cohort = pd.read_csv(written.folder / "cohort.csv")
    assert list(cohort) == [
        "case_id", "patient_id", "side", "visit", "site", "image", "mask", "age", "sex", "bmi", "pain", "progressed"
    ]  # fmt: skip
    assert cohort["mask"].notna().sum() == round(0.6 * 8)
    truth = pd.read_csv(written.folder / "truth.csv")
    assert list(truth)[:6] == ["case_id", *PARTS, "intercept", "probability"]
    assert {field.name for field in fields(KneeShape)} < set(truth)
    assert list(truth["case_id"]) == list(cohort["case_id"])
    study = load_study(written.folder / "study.yaml")
    assert study.cohort.split.folds == 3  # of at least four people with the outcome, and four without
    cases = list(read_cohort(config=study.cohort))
    assert len(cases) == 8
    assert all(case.images["dess"].is_file() for case in cases)


def test_probability_follows_from_the_parts(written: Written) -> None:
    truth = pd.read_csv(written.folder / "truth.csv")
    logit = truth[PARTS].sum(axis=1) + truth["intercept"]
    np.testing.assert_allclose(truth["probability"], 1 / (1 + np.exp(-logit)), atol=1e-6)
    raw = np.log(truth["texture_amplitude"]), truth["tibial_thickness"]
    texture, thickness = ((column - column.mean()) / column.std(ddof=0) for column in raw)
    radiomic = texture - thickness
    weight = CONFIG.strength["radiomic"]
    np.testing.assert_allclose(truth["radiomic_part"], weight * radiomic / radiomic.std(ddof=0), atol=1e-5)


def test_parts_are_as_strong_as_said_uncorrelated_and_worth_something() -> None:
    config = KneePhantom(cases=60, strength={"clinical": 1, "radiomic": 2, "deep": 1.25})
    truth = knee_tables(config)["truth"]
    np.testing.assert_allclose(truth[PARTS].std(ddof=0), [1, 2, 1.25])
    assert np.abs(truth[PARTS].corr().to_numpy() - np.eye(3)).max() < 0.1
    assert truth["probability"].mean() == pytest.approx(0.4, abs=1e-6)
    everything = reachable_auc(truth, "clinical-radiomic-deep")
    assert everything > reachable_auc(truth, "clinical-radiomic") > reachable_auc(truth, "clinical") > 0.6


def test_both_knees_of_a_person_are_alike() -> None:
    tables = knee_tables(KneePhantom(cases=400))
    joined = tables["cohort"].merge(tables["truth"], on="case_id")
    sides = [joined[joined["side"] == side].set_index("patient_id")["dish_depth"] for side in ("left", "right")]
    both = pd.concat(sides, axis=1, join="inner")
    assert 0.6 < both.corr().iloc[0, 1] < 0.8


def test_second_visit_is_the_same_knee_a_little_thinner() -> None:
    config = CONFIG.model_copy(update={"visits": 2})
    tables = knee_tables(config)
    assert list(tables["cohort"]["visit"][:4]) == ["V00", "V01", "V00", "V01"]
    first, second = tables["truth"].iloc[::2], tables["truth"].iloc[1::2]
    ratio = second["tibial_thickness"].to_numpy() / first["tibial_thickness"].to_numpy()
    assert ((ratio > 0.93) & (ratio < 0.99)).all()
    assert (second["size"].to_numpy() == first["size"].to_numpy()).all()
    (before, before_labels), (after, after_labels) = draw_case(config, tables, 0), draw_case(config, tables, 1)
    assert before.grid == after.grid
    assert not np.array_equal(before.array, after.array)
    bones = [labels.array == LABELS["femur"] for labels in (before_labels, after_labels)]
    assert 2 * (bones[0] & bones[1]).sum() / (bones[0].sum() + bones[1].sum()) > 0.93


def test_every_knee_may_be_bent_and_is_whole() -> None:
    """A femur turned by 30 degrees about its posterior condyles over the same tibia, nothing else drawn anew."""
    straight, bent = (knee_tables(CONFIG.model_copy(update={"bend_deg": angle})) for angle in (0.0, 30.0))
    assert set(bent["truth"]["bend_deg"]) == {30.0}
    assert (
        bent["truth"]
        .drop(columns=["bend_deg", "lesion_x_mm", "lesion_y_mm", "lesion_z_mm"])
        .equals(straight["truth"].drop(columns=["bend_deg", "lesion_x_mm", "lesion_y_mm", "lesion_z_mm"]))
    )
    (_, before), (_, after) = (draw_case(CONFIG, tables, 0) for tables in (straight, bent))
    both, one = (before.array == LABELS["tibia"]), (after.array == LABELS["tibia"])
    assert 2 * (both & one).sum() > 0.99 * (both.sum() + one.sum())
    femur, turned = (np.argwhere(labels.array == LABELS["femur"]).mean(axis=0) for labels in (before, after))
    assert turned[2] - femur[2] > 3  # voxels backwards
    assert after.present() == tuple(LABELS.values())
    assert {name: pieces(after.array, name) for name in ("femoral_cartilage", "tibial_cartilage", "meniscus")} == {
        "femoral_cartilage": 1, "tibial_cartilage": 2, "meniscus": 2
    }  # fmt: skip
    assert touching(after.array, "femur", "tibia") == 0


def test_a_knee_may_lie_otherwise_at_its_second_visit() -> None:
    still, moved = (
        knee_tables(CONFIG.model_copy(update={"visits": 2, "motion": motion}))["truth"] for motion in (0.0, 6.0)
    )
    pose = ["flexion_deg", "rotation_deg", "shift_superior"]
    assert (still[pose].iloc[1::2].to_numpy() == still[pose].iloc[::2].to_numpy()).all()
    assert (moved[pose].iloc[1::2].to_numpy() - moved[pose].iloc[::2].to_numpy()).std() > 3
    assert still["tibial_thickness"].equals(moved["tibial_thickness"])


def test_sites_differ_in_resolution_and_gain() -> None:
    config = KneePhantom(cases=8, sites=2)
    tables = knee_tables(config)
    images = []
    for site in ("north", "south"):
        row = {**tables, "cohort": tables["cohort"].assign(site=site)}
        images.append(draw_case(config, row, 0)[0])
    assert images[0].array.shape == (40, 96, 96)
    assert images[1].array.shape > images[0].array.shape
    assert images[1].array.mean() > 1.1 * images[0].array.mean()


def test_a_box_too_small_for_a_knee_says_what_it_needs() -> None:
    with pytest.raises(InputError, match="a knee needs 80 x 112 x 112 mm"):
        build(KneePhantom, {"voxels_zyx": [20, 96, 96]}, "phantom knee")


def test_a_foreign_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="not empty"):
        write_knee_phantom(tmp_path, CONFIG)


def test_progress_counts_the_images(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    coarse = KneePhantom(cases=8, voxels_zyx=(26, 45, 45), spacing_zyx_mm=(3.2, 2.6, 2.6))
    write_knee_phantom(tmp_path / "new", coarse, lambda _, done, total: told.append((done, total)))
    assert told == [(done, 8) for done in range(1, 9)]


def test_the_pose_moves_the_knee_and_not_its_size() -> None:
    _, still = one(KneeShape())
    _, moved = one(replace(KneeShape(), shift_superior=2.5, rotation_deg=5.0))
    still_at, moved_at = (ndimage.center_of_mass(labels == LABELS["patella"]) for labels in (still, moved))
    assert (still_at[1] - moved_at[1]) * SPACING[1] == pytest.approx(2.5, abs=0.4)
    assert (moved == LABELS["patella"]).sum() == pytest.approx((still == LABELS["patella"]).sum(), rel=0.02)


@pytest.mark.parametrize("cases", [8, 10, 13])
def test_few_knees_hold_enough_people_of_either_outcome(cases: int) -> None:
    """Four of each, so that without any fold two are left to tune with; pairs may be of both."""
    for seed in range(20):
        cohort = knee_tables(KneePhantom(cases=cases, seed=seed))["cohort"]
        people = cohort.groupby("progressed")["patient_id"].nunique()
        assert people.loc[[0, 1]].min() >= 4


def test_its_own_check_takes_ten_knees(tmp_path: Path) -> None:
    coarse = KneePhantom(cases=10, voxels_zyx=(26, 45, 45), spacing_zyx_mm=(3.2, 2.6, 2.6))
    study = write_knee_phantom(tmp_path / "new", coarse)
    assert [problem for problem in check_study(load_study(study)).warnings if problem.severity == "error"] == []


def test_an_outcome_too_rare_for_so_few_knees_is_told_at_once() -> None:
    with pytest.raises(InputError, match=r"8 knees of \d people .* hardly ever hold 4 people with .*draw more knees"):
        knee_tables(KneePhantom(cases=8, prevalence=0.021, strength={}))
