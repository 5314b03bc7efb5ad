"""Standardisation by a histogram: Nyul's landmarks by hand, the stripe around a tissue's peak, and what makes none."""

from __future__ import annotations

import numpy as np
import pytest
from boxes import grid
from pydantic import ValidationError
from realdata import real_file

from radfuse.errors import InputError
from radfuse.volume.files import read_labels, read_volume
from radfuse.volume.image import LabelMap, Volume
from radfuse.volume.normalise import Step, normalised
from radfuse.volume.nyul import Nyul
from radfuse.volume.whitestripe import WhiteStripe

LOW = np.array([0.0, 0, 1, 1, 2, 2, 3, 4, 6, 9, 10])
"""Of median 2, from 0 to 10."""


def standardised(values: np.ndarray, step: Step) -> np.ndarray:
    where = grid((1, 1, values.size))
    image = Volume(values.reshape(where.shape).astype(np.float32), where, "a.nrrd")
    mask = LabelMap(np.ones(where.shape, np.uint8), where)
    return normalised(image, (step,), mask, {"muscle": 1}).array.ravel().astype(float)


def everything(values: np.ndarray) -> np.ndarray:
    return np.ones(values.shape, dtype=bool)


def test_landmarks_are_the_mean_place_of_percentiles_on_the_scale() -> None:
    step = Nyul(percentiles=(0, 50, 100), scale=(0, 100), within="image")
    even = np.arange(11) * 3.0 + 7  # its median in the middle
    rows = [step.measured(values, everything(values)) for values in (LOW, even)]
    assert [row.tolist() for row in rows] == [[0, 2, 10], [7, 22, 37]]
    assert step.learned(rows) == (0.0, 35.0, 100.0)  # (20 + 50) / 2


def test_values_move_piece_by_piece_and_on_beyond_the_ends() -> None:
    step = Nyul(percentiles=(10, 50, 90), landmarks=(0.0, 35.0, 100.0), within="image")
    values = np.array([-2.0, 0, 0, 1, 1, 2, 2, 3, 4, 10, 12])  # percentiles 0, 2 and 10
    assert step.measured(values, everything(values)).tolist() == [0, 2, 10]
    told = dict(zip(values, standardised(values, step), strict=True))
    assert told == pytest.approx({-2: -35, 0: 0, 1: 17.5, 2: 35, 3: 43.125, 4: 51.25, 10: 100, 12: 116.25})


def test_a_scan_of_other_gain_and_offset_becomes_the_same() -> None:
    values = np.random.default_rng(3).gamma(3, 40, 5000)
    landmarks = tuple(float(value) for value in np.linspace(0, 1000, 11) ** 1.1)
    for step in (Nyul(landmarks=landmarks, within="muscle"), WhiteStripe(within="muscle")):
        one, other = standardised(values, step), standardised(values * 2.5 + 100, step)
        assert other == pytest.approx(one, abs=0.02 * one.std())


@pytest.mark.parametrize(("peak", "centre"), [("largest", 100), ("darkest", 100), ("brightest", 300)])
def test_the_stripe_lies_around_the_chosen_tissue(peak: str, centre: float) -> None:
    generator = np.random.default_rng(0)
    values = np.concatenate([generator.normal(100, 10, 7000), generator.normal(300, 20, 3000)])
    found = standardised(values, WhiteStripe(within="muscle", peak=peak, scale=1.0))
    order = np.argsort(values)
    zero = np.interp(0, found[order], values[order])
    assert zero == pytest.approx(centre, abs=5)
    stripe = np.abs(found) <= np.abs(found[np.argsort(np.abs(found))[999]])  # 5 % of the voxels on either side
    assert found[stripe].std() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(
    ("values", "step", "message"),
    [
        (np.repeat(4.0, 200), WhiteStripe(within="muscle"), "the voxels of 'muscle' are all alike"),
        (np.arange(50.0), WhiteStripe(within="muscle"), "'muscle' has 50 voxels, a histogram needs 100"),
        (np.linspace(0, 30, 9000) ** 3, WhiteStripe(within="muscle"), "has no peak between"),
        (
            np.repeat([1.0, 2, 3], [200, 900, 200]),
            WhiteStripe(within="muscle"),
            "around the peak of 'muscle', at 2, are",
        ),
        (
            np.repeat([1.0, 2], [900, 100]),
            Nyul(landmarks=tuple(range(11))),
            "percentiles 1 and 10 of 'body' are the same",
        ),
        (np.arange(50.0), Nyul(), "landmarks are learned from training cases, and none were; run the study first"),
    ],
    ids=["alike", "few", "no peak", "stripe", "same", "open"],
)
def test_what_cannot_be_standardised_says_why(values: np.ndarray, step: Step, message: str) -> None:
    with pytest.raises(InputError, match=r"image a\.nrrd, normalise: ") as caught:
        standardised(values, step)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"percentiles": (10, 5)}, "percentiles: each number is larger than the one before"),
        ({"landmarks": (1.0, 2.0)}, "there are 2 landmarks for 11 percentiles"),
        ({"scale": (5, 5)}, "scale: each number is larger"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Nyul.model_validate(settings)


def test_a_real_scan_is_standardised_by_the_peak_of_its_body() -> None:
    image = read_volume(real_file("sarcoma/STS_002/t1.nii.gz"))
    mask = read_labels(real_file("sarcoma/STS_002/t1_mask.nii.gz"))
    found = normalised(image, (WhiteStripe(),), mask, {"tumour": 1}).array
    brighter = Volume((image.array * 1.7 + 20).astype(np.float32), image.grid)
    again = normalised(brighter, (WhiteStripe(),), mask, {"tumour": 1}).array
    tumour = mask.array > 0
    assert again[tumour] == pytest.approx(found[tumour], abs=0.05 * float(found[tumour].std()))
    assert abs(float(np.median(found[tumour]))) < 1000
