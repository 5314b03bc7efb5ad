"""Registration: known displacements of a real image found again, the same each time, and what cannot be registered."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from boxes import grid
from realdata import real_file
from scipy import ndimage

from radfuse.errors import CaseError
from radfuse.volume import register as register_module
from radfuse.volume.files import read_labels, read_volume
from radfuse.volume.grid import Grid, oriented
from radfuse.volume.image import LabelMap, Volume
from radfuse.volume.register import register, with_agreement
from radfuse.volume.registration import Registration
from radfuse.volume.resample import resample, resample_labels
from radfuse.volume.sitk import placed, read_transform, write_transform

QUICK = {"levels_mm": (6.0, 3.0), "iterations": 40}


def turned(where: Grid) -> sitk.Transform:
    found = sitk.Euler3DTransform()
    found.SetCenter([float(value) for value in where.corners_mm().mean(axis=0)])
    found.SetRotation(0.08, -0.05, 0.1)
    found.SetTranslation((6.0, -4.0, 5.0))
    return found


def stored_along(image: Volume, orientation: str) -> np.ndarray:
    return sitk.GetArrayFromImage(sitk.DICOMOrient(placed(image.array, image.grid), orientation))


def bent(where: Grid) -> sitk.Transform:
    found = sitk.BSplineTransformInitializer(placed(np.zeros(where.shape, np.uint8), where), [3, 3, 3], 3)
    drawn = np.random.default_rng(0).normal(0, 4, len(found.GetParameters()))
    found.SetParameters([float(value) for value in drawn])
    return found


def errors_mm(where: Grid, mask: np.ndarray, one: sitk.Transform, other: sitk.Transform) -> np.ndarray:
    """Return how far two transforms lie apart at every 50th voxel of a mask."""
    index = np.argwhere(mask)[::50, ::-1] * np.array(where.spacing_zyx_mm[::-1])
    points = index @ np.reshape(where.direction, (3, 3)).T + np.array(where.origin)
    ends = [[each.TransformPoint([float(v) for v in point]) for point in points] for each in (one, other)]
    return np.asarray(np.linalg.norm(np.subtract(*ends), axis=1))


@pytest.fixture(scope="module")
def real() -> tuple[Volume, LabelMap]:
    folder = real_file("sarcoma/STS_002")
    return read_volume(folder / "t1.nii.gz"), read_labels(folder / "t1_mask.nii.gz")


@pytest.mark.parametrize("orientation", ["RAS", "PIR"])
def test_how_voxels_are_stored_leads_a_search_nowhere_else(orientation: str) -> None:
    where = grid((20, 26, 26), (3.0, 3.0, 3.0))
    seen = ndimage.gaussian_filter(np.random.default_rng(0).normal(0, 300, where.shape), 2).astype(np.float32)
    fixed, moving = Volume(seen, where), Volume(seen * seen, Grid(where.shape, where.spacing_zyx_mm, (4.0, -3.0, 2.0)))
    settings = Registration(levels_mm=(6.0,), iterations=10, samples=400)
    other = Volume(np.ascontiguousarray(stored_along(fixed, orientation)), oriented(where, orientation))
    found = [register(one, moving, settings).transform.GetParameters() for one in (fixed, other)]
    assert found[0] == pytest.approx(found[1], abs=1e-9)


@pytest.mark.parametrize(
    ("kind", "true", "settings"),
    [("rigid", turned, {}), ("affine", turned, QUICK), ("bspline", bent, {**QUICK, "samples": 8000})],
)
def test_a_known_displacement_is_found_to_half_a_voxel(
    real: tuple[Volume, LabelMap], kind: str, true: object, settings: dict[str, object]
) -> None:
    image, mask = real
    known = true(image.grid)  # type: ignore[operator]
    moved = resample(image, image.grid, "bspline", transform=known)
    found = register(moved, image, Registration(transform=kind, **settings))  # type: ignore[arg-type]
    inside = resample_labels(mask, image.grid, known).array > 0
    before, after = (errors_mm(image.grid, inside, known, each) for each in (found.start, found.transform))
    assert np.median(before) > 2
    assert np.median(after) < 0.5 * min(image.spacing_zyx_mm)
    assert found.quality.similarity_after > found.quality.similarity_before
    assert (found.quality.folded, found.quality.flags) == (0, ())
    assert found.quality.moved_mm == pytest.approx(np.median(before), abs=2)


@pytest.mark.parametrize("kind", ["rigid", "bspline"])
def test_it_is_the_same_each_time_and_from_its_file(real: tuple[Volume, LabelMap], kind: str, tmp_path: Path) -> None:
    image, mask = real
    moved = resample(image, image.grid, transform=turned(image.grid))
    settings = Registration(transform=kind, levels_mm=(8.0,), iterations=5, samples=500)  # type: ignore[arg-type]
    first, second = (register(moved, image, settings).transform for _ in range(2))
    write_transform(first, tmp_path / "a.tfm")
    write_transform(second, tmp_path / "b.tfm")
    assert (tmp_path / "a.tfm").read_bytes() == (tmp_path / "b.tfm").read_bytes()
    read = read_transform(tmp_path / "a.tfm")
    assert errors_mm(image.grid, mask.array > 0, first, read).max() == 0
    carried = [resample_labels(mask, image.grid, each, "linear").array for each in (first, read)]
    assert np.array_equal(*carried)


def blob(where: Grid, name: str, centre: tuple[float, float, float] = (0, 0, 0), turn: float = 1) -> Volume:
    """Return an image of an ellipsoid of 12 x 9 x 15 mm, (x, y, z), inside a larger one of another grey."""
    z, y, x = np.meshgrid(
        *(np.arange(n) * s + o for n, s, o in zip(where.shape, where.spacing_zyx_mm, where.origin[::-1], strict=True)),
        indexing="ij",
    )
    at = ((x - centre[0]) / 12) ** 2 + ((y - centre[1]) / 9) ** 2 + ((z - centre[2]) / 15) ** 2
    values = turn * (np.exp(-at) * 100 + np.exp(-at / 4) * 50)
    return Volume(values.astype(np.float32), where, name)


HERE = Grid((30, 40, 40), (2.0, 1.5, 1.5), (-30.0, -30.0, -30.0))


def test_images_that_count_from_elsewhere_meet_at_their_centres() -> None:
    far = Grid(HERE.shape, HERE.spacing_zyx_mm, (470.0, -330.0, 70.0))
    fixed, moving = blob(HERE, "ct.nrrd", (3, 0, 0)), blob(far, "t1.nrrd", (500, -300, 100), -1)
    with pytest.raises(CaseError) as caught:
        register(fixed, moving, Registration(), "c7")
    assert str(caught.value).startswith(
        "c7: image ct.nrrd and image t1.nrrd hardly overlap as their headers place them"
    )
    assert "Set registration: {start: centres}" in str(caught.value)
    found = register(fixed, moving, Registration(start="centres", levels_mm=(6.0, 3.0)), "c7").transform
    assert found.TransformPoint((3.0, 0.0, 0.0)) == pytest.approx((500, -300, 100), abs=0.3)


def test_only_what_lies_near_the_mask_is_compared() -> None:
    """A second blob that stays where it is, and is larger, does not matter beyond the distance."""
    where = Grid((30, 40, 80), HERE.spacing_zyx_mm, HERE.origin)
    fixed = blob(where, "a", (4, 2, 0)).array + 3 * blob(where, "", (70, 0, 0)).array
    moving = blob(where, "b").array + 3 * blob(where, "", (70, 0, 0)).array
    mask = LabelMap((blob(where, "").array > 60).astype(np.uint8), where)
    settings = Registration(levels_mm=(4.0, 2.0), within_mm=6)
    found = register(Volume(fixed, where, "a"), Volume(moving, where, "b"), settings, "c", mask).transform
    assert found.TransformPoint((4.0, 2.0, 0.0)) == pytest.approx((0, 0, 0), abs=0.6)


def test_an_image_of_nothing_and_a_wild_registration_are_named() -> None:
    fixed = Volume(np.zeros(HERE.shape, np.float32), HERE, "ct.nrrd")
    with pytest.raises(CaseError, match=r"c1: the registration of image t1\.nrrd to ct\.nrrd diverged \(.+\); look at"):
        register(fixed, blob(HERE, "t1.nrrd"), Registration(levels_mm=(4.0,)), "c1")


def test_images_that_nothing_can_be_registered_by_are_told_why() -> None:
    sound = blob(HERE, "t1.nrrd")
    slice_ = Volume(sound.array[14:15], Grid((1, 40, 40), HERE.spacing_zyx_mm, (-30.0, -30.0, -2.0)), "adc.nrrd")
    metres = Volume(sound.array, Grid(HERE.shape, (0.002, 0.0015, 0.0015)), "adc.nrrd")
    even = Volume(np.full(HERE.shape, 7, np.float32), HERE, "adc.nrrd")
    for image, message in (
        (
            slice_,
            "c1: image adc.nrrd has 40 x 40 x 1 voxels (x y z), and a registration needs 4 along each axis; bring",
        ),
        (metres, "c1: image adc.nrrd is 0.06 mm large, too small to be registered on voxels of 4 mm; correct its head"),
        (
            even,
            "c1: the registration of image t1.nrrd to adc.nrrd diverged (image adc.nrrd has the value 7 throughout)",
        ),
    ):
        with pytest.raises(CaseError) as caught:
            register(image, sound, Registration(levels_mm=(4.0,)), "c1")
        assert str(caught.value).startswith(message)


def test_a_thin_stack_is_registered_on_thinner_voxels() -> None:
    """Nine slices of 3 mm are three voxels of 8 mm, of which the gradient of the moving image has none."""
    thin = Grid((9, 40, 40), (3.0, 1.5, 1.5), (-30.0, -30.0, -12.0))
    moving, fixed = blob(thin, "t2.nrrd"), blob(HERE, "adc.nrrd", centre=(3, 0, 0), turn=-1)
    found = register(fixed, moving, Registration(levels_mm=(8.0, 4.0)), "c1")
    assert found.transform.TransformPoint((3.0, 0.0, 0.0)) == pytest.approx((0, 0, 0), abs=0.75)


def test_a_level_that_loses_the_images_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    level = register_module._level

    def lost(*given: object) -> sitk.Transform:
        if given[4] == 8.0:
            raise RuntimeError("All samples map outside moving image buffer")
        return level(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(register_module, "_level", lost)
    fixed, moving = blob(HERE, "adc.nrrd", centre=(3, 0, 0)), blob(HERE, "t2.nrrd")
    found = register(fixed, moving, Registration(levels_mm=(8.0, 4.0)), "c1")
    assert found.transform.TransformPoint((3.0, 0.0, 0.0)) == pytest.approx((0, 0, 0), abs=0.75)
    with pytest.raises(CaseError, match="diverged"):
        register(fixed, moving, Registration(levels_mm=(8.0,)), "c1")


def test_what_has_little_in_common_is_suspicious_and_so_is_a_small_dice() -> None:
    few = Registration(levels_mm=(4.0,), iterations=10)
    same = register(blob(HERE, "a"), blob(HERE, "b"), few).quality
    assert same.flags == ()  # where it belongs already
    noise = np.random.default_rng(0).normal(size=HERE.shape).astype(np.float32)
    other = register(blob(HERE, "a"), Volume(noise, HERE, "b"), few).quality
    assert [flag.split(":")[0] for flag in other.flags] == ["little in common"]
    found = with_agreement(same, {"tumour": 0.9, "bone": None}, {"tumour": 0.42, "bone": None}, 0.7)
    assert found.dice_before["tumour"] == 0.9
    assert found.flags[-1] == "Dice with its own mask below 0.7: tumour 0.42"
    assert with_agreement(same, {}, {"tumour": 0.8}, 0.7).flags == same.flags


def test_labels_are_carried_by_the_largest_share() -> None:
    """Voxels of 1 mm onto steps of 2 mm, centres between two of them: the larger share wins."""
    labels = LabelMap(np.array([0, 1, 1, 2, 2, 2, 0, 0], np.uint8).reshape(1, 1, 8), grid((1, 1, 8)))
    onto = Grid((1, 1, 4), (1.0, 1.0, 2.0), (0.4, 0.0, 0.0))
    assert resample_labels(labels, onto, interpolation="linear").array.ravel().tolist() == [0, 1, 2, 0]
    moved = resample_labels(labels, labels.grid, sitk.TranslationTransform(3, (2.0, 0.0, 0.0)), "linear")
    assert moved.array.ravel().tolist() == [1, 2, 2, 2, 0, 0, 0, 0]
