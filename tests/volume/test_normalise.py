"""Values made comparable: by hand on small images, N4 on a bias that is known, the body of a drawn patient."""

from __future__ import annotations

import numpy as np
import pytest
from boxes import box, grid
from realdata import real_file

from radfuse.errors import InputError
from radfuse.volume.files import read_labels, read_volume
from radfuse.volume.grid import oriented, turned
from radfuse.volume.image import LabelMap, Volume
from radfuse.volume.normalise import N4, Percentiles, Step, Window, ZScore, body, normalised
from radfuse.volume.whitestripe import WhiteStripe

NUMBERS = {"muscle": 1, "tumour": 2}


def picture(values: list[float], labels: list[int] | None = None) -> tuple[Volume, LabelMap]:
    where = grid((1, 1, len(values)))
    marked = np.array(labels or [0] * len(values), np.uint8).reshape(where.shape)
    return Volume(np.array(values, np.float32).reshape(where.shape), where, "a.nrrd"), LabelMap(marked, where)


def test_a_z_score_takes_mean_and_spread_of_its_reference() -> None:
    image, mask = picture([*([1.0, 3.0] * 5), 12.0, 2.0], [1] * 10 + [2, 0])
    found = normalised(image, (ZScore(within="muscle"),), mask, NUMBERS)
    assert found.array.ravel().tolist() == [*([-100.0, 100.0] * 5), 1000.0, 0.0]
    assert found.voxels.dtype == np.float32
    plain = normalised(image, (ZScore(within="muscle", scale=1),), mask, NUMBERS)
    assert plain.array[0, 0, 10] == 10


def test_steps_follow_each_other() -> None:
    image, mask = picture([-1000.0, *range(10), 3000.0])
    window, score = Window(low=0, high=9), ZScore(within="image", scale=1)
    found = normalised(image, (window, score), mask, NUMBERS).array.ravel()
    clipped = np.clip(image.array, 0, 9).ravel().astype(float)
    assert found == pytest.approx((clipped - clipped.mean()) / clipped.std(), abs=1e-6)
    assert normalised(image, (score, window), mask, NUMBERS).array.min() == 0


def test_percentiles_move_what_lies_beyond_them() -> None:
    image, mask = picture([float(value) for value in range(101)])
    found = normalised(image, (Percentiles(low=10, high=95, within="image"),), mask, NUMBERS)
    assert (found.array.min(), found.array.max(), found.array[0, 0, 50]) == (10, 95, 50)


def test_no_step_leaves_the_image_as_it_was_stored() -> None:
    image, mask = picture([1.0, 2.0])
    assert normalised(image, (), mask, NUMBERS) is image


@pytest.mark.parametrize(
    ("step", "message"),
    [
        (ZScore(within="tumour"), "zscore looks at 'tumour', which has 0 voxels, needs 10; labels present: muscle"),
        (ZScore(within="muscle"), "the 12 voxels of 'muscle' are all alike; take another `within`"),
        (N4(within="muscle"), "n4 needs values from 0 up, as MR has, found -5"),
    ],
)
def test_what_cannot_be_done_names_image_step_and_mend(step: Step, message: str) -> None:
    image, mask = picture([-5.0] * 12 + [1.0], [1] * 12 + [0])
    with pytest.raises(InputError, match=r"image a\.nrrd, normalise: ") as caught:
        normalised(image, (step,), mask, NUMBERS)
    assert message in str(caught.value)


def test_the_body_is_muscle_and_fat_with_its_holes_and_without_air() -> None:
    values = np.random.default_rng(0).normal(5, 2, (4, 40, 40))
    patient, fat = box(values.shape, (0, 5, 5), (4, 35, 35)), box(values.shape, (0, 5, 5), (4, 12, 35))
    hole, speck = box(values.shape, (0, 20, 20), (4, 24, 24)), box(values.shape, (0, 1, 1), (4, 3, 3))
    values[patient] += 200
    values[fat] += 700
    values[hole] = 3
    values[speck] = 300
    where = grid(values.shape)
    assert np.array_equal(body(values, where), patient)
    assert body(np.ones((2, 3, 4)), grid((2, 3, 4))).all()


def test_the_body_of_a_real_patient_holds_its_tumour() -> None:
    image = read_volume(real_file("sarcoma/STS_002/t1.nii.gz"))
    tumour = read_labels(real_file("sarcoma/STS_002/t1_mask.nii.gz")).array > 0
    found = body(image.array.astype(float), image.grid)
    assert 0.3 < found.mean() < 0.9
    assert (found & tumour).sum() > 0.98 * tumour.sum()


@pytest.mark.parametrize("step", [ZScore(), N4(within="image", shrink=2, iterations=(5,)), WhiteStripe()])
@pytest.mark.parametrize("orientation", ["RAS", "PIR", "ASL"])
def test_values_do_not_depend_on_how_voxels_are_stored(step: Step, orientation: str) -> None:
    """A thigh along z whose marrow ends in the image: a hole in axial layers alone."""
    where = grid((10, 24, 24), (3.0, 1.0, 1.0))
    values = np.random.default_rng(0).normal(10, 2, where.shape) + 200 * box(where.shape, (0, 4, 4), (10, 20, 20))
    values[:, 4:20, 4:8] += 300
    values[:, 10:14, 10:14] = 10
    image = Volume(values.astype(np.float32), where)
    other = Volume(np.ascontiguousarray(turned(image.array, where, orientation)), oriented(where, orientation))
    found = [
        normalised(one, (step,), LabelMap((one.array > 400).astype(np.uint8), one.grid), NUMBERS).array
        for one in (image, other)
    ]
    np.testing.assert_allclose(turned(found[0], where, orientation), found[1], rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(("shape", "ends"), [((16, 32, 32), (1, 15)), ((1, 32, 32), (0, 1))])
def test_n4_takes_a_smooth_field_out(shape: tuple[int, int, int], ends: tuple[int, int]) -> None:
    """Of a volume, and of a single slice."""
    where = grid(shape, (2.0, 1.5, 1.5))
    mask = box(where.shape, (ends[0], 3, 3), (ends[1], 29, 29))
    true = np.where(mask, np.where(np.indices(where.shape)[1] < 16, 100.0, 200.0), 0.0)
    field = np.exp(0.4 * np.linspace(-1, 1, 32))[None, None, :]
    image = Volume((true * field).astype(np.float32), where)
    labels = LabelMap(mask.astype(np.uint8), where)
    found = normalised(image, (N4(within="muscle", shrink=2),), labels, NUMBERS).array
    again = normalised(image, (N4(within="muscle", shrink=2),), labels, NUMBERS).array
    assert np.array_equal(found, again)
    dark = mask & (true == 100)
    before, after = (float(values[dark].std() / values[dark].mean()) for values in (image.array, found))
    assert before > 0.15
    assert after < before / 4
    line = Volume(image.array[:1, :1], grid((1, 1, 32)))
    with pytest.raises(InputError, match="n4 looks at a plane at least"):
        normalised(line, (N4(within="image"),), LabelMap(np.ones((1, 1, 32), np.uint8), line.grid), NUMBERS)
