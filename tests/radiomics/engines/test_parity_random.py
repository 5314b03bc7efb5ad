"""Random images and masks: our engine gives PyRadiomics' numbers, or says why not."""

from __future__ import annotations

from collections import Counter
from typing import Any, Literal

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from parity import KNOWN_REFUSALS, differing, ours, theirs
from scipy import ndimage

from radfuse.errors import CaseError, RadfuseError

pytest.importorskip("radiomics", reason="needs PyRadiomics")
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.slow]
CLASSES = ("firstorder", "glcm", "gldm", "glrlm", "glszm", "ngtdm", "shape")
EXAMPLES = 90
Outcome = Literal["compared", "ours refuses", "theirs refuses", "both refuse"]
FILTERS = ("Wavelet", "LoG", "Square", "SquareRoot", "Logarithm", "Exponential", "Gradient", "LBP2D")


def draw_image(rng: np.random.Generator) -> tuple[sitk.Image, sitk.Image]:
    """Odd sizes, single slices, shells, scattered voxels, blobs, flat and negative values, oblique and anisotropic."""
    shape = tuple(int(size) for size in rng.integers(1, 14, 3))
    shape = (1, shape[1] + 4, shape[2] + 4) if rng.random() < 0.2 else shape
    values = rng.normal(rng.choice([0, 100]), rng.choice([1, 30, 200]), shape)
    if rng.random() < 0.4:
        values = 3 * ndimage.gaussian_filter(values, 1)
    if rng.random() < 0.1:
        values[:] = 7
    kind = rng.choice(["f4", "f8", "i2", "u1"])
    mask = rng.random(shape) < rng.choice([0.05, 0.3, 0.7, 1.0])
    if rng.random() < 0.25:
        smooth = ndimage.gaussian_filter(rng.normal(size=shape), 1.5)
        mask = smooth > np.quantile(smooth, 0.8)  # a few components
    if rng.random() < 0.3 and min(shape) > 2:
        mask[1:-1, 1:-1, 1:-1] = False
    mask[0, 0, 0] = False  # PyRadiomics refuses a mask without background
    image = sitk.GetImageFromArray((np.clip(values, 0, 255) if kind == "u1" else values).astype(kind))
    labels = sitk.GetImageFromArray(mask.astype(np.uint8))
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    spacing = [float(step) for step in rng.uniform(0.3, 3, 3)]
    for item in (image, labels):
        item.SetSpacing(spacing)
        item.SetOrigin([1.0, -20.0, 3.3])
        item.SetDirection([float(value) for value in (turn * np.sign(np.linalg.det(turn))).ravel()])
    return image, labels


def draw_params(rng: np.random.Generator) -> dict[str, Any]:
    setting: dict[str, Any] = {"minimumROIDimensions": 1, "distances": [[1], [1, 2], [2]][rng.integers(0, 3)]}
    setting |= {"binWidth": float(rng.choice([5, 25, 0.7]))} if rng.random() < 0.7 else {"binCount": 17}
    if rng.random() < 0.3:
        setting |= {"force2D": True, "force2Ddimension": int(rng.integers(0, 3))}
    if rng.random() < 0.3:
        setting["weightingNorm"] = str(rng.choice(["euclidean", "manhattan", "infinity", "no_weighting"]))
    if rng.random() < 0.3:
        setting["symmetricalGLCM"] = False
    if rng.random() < 0.3:
        setting |= {"preCrop": True, "padDistance": int(rng.integers(0, 4))}
    if rng.random() < 0.25:
        interpolator = str(rng.choice(["sitkBSpline", "sitkLinear", "sitkNearestNeighbor"]))
        spacing = [float(step) for step in rng.uniform(0.8, 2.5, 3)]
        setting |= {"resampledPixelSpacing": spacing, "interpolator": interpolator}
    if rng.random() < 0.2:
        setting |= {"normalize": True, "normalizeScale": 50}
    if rng.random() < 0.2:
        setting |= {"resegmentRange": [-1, 2], "resegmentMode": "sigma", "resegmentShape": bool(rng.random() < 0.5)}
    setting |= {"gldm_a": int(rng.integers(0, 3)), "voxelArrayShift": int(rng.choice([0, 300]))}
    name = str(rng.choice(FILTERS))
    own: dict[str, dict[str, Any]] = {
        "LoG": {"sigma": [float(rng.choice([0.5, 1, 2]))]},
        "Wavelet": {"wavelet": str(rng.choice(["coif1", "haar", "db3"])), "level": int(rng.integers(1, 3))},
        "LBP2D": {"lbp2DMethod": str(rng.choice(["default", "ror", "uniform", "var"]))},
        "Gradient": {"gradientUseSpacing": bool(rng.random() < 0.5)},
    }
    return {
        "setting": setting,
        "imageType": {"Original": {}, name: own.get(name, {})},
        "featureClass": dict.fromkeys(CLASSES),
    }


@pytest.mark.long
def test_random_images_give_equal_numbers() -> None:
    outcomes: Counter[str] = Counter()

    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(seed=st.integers(0, 10**6))
    def hold(seed: int) -> None:
        rng = np.random.default_rng(seed)
        image, mask = draw_image(rng)
        outcomes[compare(image, mask, draw_params(rng))] += 1

    hold()
    assert sum(outcomes.values()) >= EXAMPLES
    refused = {name: count for name, count in outcomes.items() if name != "compared"}
    assert outcomes["compared"] >= 0.9 * sum(outcomes.values()), outcomes
    assert all(count <= 0.05 * sum(outcomes.values()) for count in refused.values()), outcomes


def compare(image: sitk.Image, mask: sitk.Image, params: dict[str, Any]) -> Outcome:
    """Hold one image, mask and settings to PyRadiomics, or to a refusal that is known; return which it was."""
    try:
        reference = theirs(image, mask, params)
    except (ValueError, RuntimeError):
        try:
            ours(image, mask, params)
        except RadfuseError:
            return "both refuse"
        return "theirs refuses"
    try:
        result = ours(image, mask, params)
    except RadfuseError as error:
        if not any(part in str(error) for part in KNOWN_REFUSALS):
            raise
        return "ours refuses"
    assert list(result.values) == list(reference)
    assert differing(reference, result.values) == {}
    assert {name for name, value in result.values.items() if np.isnan(value)} <= set(result.reasons)
    return "compared"


@pytest.mark.parametrize("weighting", [None, "euclidean", "no_weighting"])
@pytest.mark.parametrize("levels", [2, 3])
def test_matrices_of_independent_levels_are_noise_of_equal_bits(weighting: str | None, levels: int) -> None:
    """Where i and j are independent, Imc2 and MCC are roots of 0, and NaN by the last bit; so is a flat direction's
    Correlation 1 or 0."""
    rng = np.random.default_rng(levels)
    setting = {"binWidth": 1, "symmetricalGLCM": False, "distances": [1, 3], "weightingNorm": weighting}
    for _ in range(12):
        shape = tuple(rng.integers(2, 7, 3))
        values = rng.integers(0, levels, shape) * rng.integers(1, 3)
        mask = (rng.random(shape) < 0.6).astype(np.uint8)
        mask[0, 0, 0] = 0
        image, labels = sitk.GetImageFromArray(values.astype(np.float32)), sitk.GetImageFromArray(mask)
        params = {"setting": setting, "featureClass": {"glcm": ["Imc2", "MCC", "Correlation"]}}
        assert compare(image, labels, params) == "compared"


def test_an_axis_of_two_voxels_is_not_interpolated_from_beyond_the_image() -> None:
    rng = np.random.default_rng(0)
    image = sitk.GetImageFromArray(rng.normal(100, 20, (8, 2, 9)).astype(np.float32))
    mask = sitk.GetImageFromArray(np.pad(np.ones((6, 2, 7), np.uint8), ((1, 1), (0, 0), (1, 1))))
    params: dict[str, Any] = {"featureClass": {"firstorder": ["Mean", "Energy"]}}
    for spacing in ([1.3, 0.7, 1.3], [1.3, 0.0, 1.3]):
        params["setting"] = {"resampledPixelSpacing": spacing, "interpolator": "sitkBSpline"}
        with pytest.raises(CaseError, match=r"8 x 2 x 9 voxels.*random values"):
            ours(image, mask, params)
        params["setting"]["interpolator"] = "sitkLinear"
        assert differing(theirs(image, mask, params), ours(image, mask, params).values) == {}
