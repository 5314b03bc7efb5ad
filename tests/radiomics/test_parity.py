"""Real images under settings that together touch all of PyRadiomics': the same columns, the same numbers."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from parity import differing, ours, theirs
from realdata import real_file

from radfuse.radiomics.discretise import discretise
from radfuse.radiomics.settings import CLASSES, FILTERS, Settings

pytest.importorskip("radiomics", reason="needs PyRadiomics")
pytestmark = pytest.mark.filterwarnings("ignore")

IMAGES = {
    "brain1": ("pyradiomics/brain1_image.nrrd", "pyradiomics/brain1_label.nrrd", 1),
    "brain2": ("pyradiomics/brain2_image.nrrd", "pyradiomics/brain2_label.nrrd", 1),
    "breast1": ("pyradiomics/breast1_image.nrrd", "pyradiomics/breast1_label.nrrd", 1),
    "t1": ("sarcoma/STS_025/t1.nii.gz", "sarcoma/STS_025/t1_mask.nii.gz", 1),
    "ct": ("sarcoma/STS_025/ct.nii.gz", "sarcoma/STS_025/ct_mask.nii.gz", 1),
    "pet": ("sarcoma/STS_025/pet.nii.gz", "sarcoma/STS_025/pet_mask.nii.gz", 1),
}
MANY = {"Original": {}, "Wavelet": {"binWidth": 30}, "LoG": {"sigma": [1.5, 3], "binWidth": 20}, "Square": {}}
POINTWISE = {"SquareRoot": {}, "Logarithm": {}, "Exponential": {}, "Gradient": {"gradientUseSpacing": False}}
DEPRECATED = {
    "shape": ["Compactness1", "Compactness2", "SphericalDisproportion", "MeshVolume"],
    "firstorder": ["StandardDeviation", "Mean"],
    "glcm": ["Homogeneity1", "SumVariance", "MCC"],
    "gldm": ["DependencePercentage", "DependenceEntropy"],
    "ngtdm": None,
}
JOBS: dict[str, tuple[str, dict[str, Any]]] = {
    "defaults": ("brain1", {}),
    "width": ("brain2", {"setting": {"binWidth": 25}, "imageType": {**MANY, **POINTWISE}}),
    "count": ("breast1", {"setting": {"binCount": 32}, "imageType": {**MANY, **POINTWISE}}),
    "bspline": (
        "brain2",
        {
            "setting": {"resampledPixelSpacing": [2, 2, 2], "interpolator": "sitkBSpline", "padDistance": 7},
            "imageType": MANY,
        },
    ),
    "keep an axis": (
        "breast1",
        {"setting": {"resampledPixelSpacing": [1.3, 1.1, 0], "interpolator": "sitkLinear", "minimumROISize": 5}},
    ),
    "normalise": (
        "brain2",
        {
            "setting": {
                "normalize": True,
                "normalizeScale": 100,
                "removeOutliers": 3,
                "binWidth": 10,
                "voxelArrayShift": 300,
            },
            "imageType": MANY,
        },
    ),
    "crop first": (
        "brain2",
        {
            "setting": {"preCrop": True, "padDistance": 4, "geometryTolerance": 1e-4, "correctMask": True},
            "imageType": {
                "Wavelet": {"wavelet": "db3", "level": 2, "start_level": 1},
                "LoG": {"sigma": [1, 2]},
                "LBP2D": {"lbp2DRadius": 2.0, "lbp2DSamples": 9, "lbp2DMethod": "ror", "binWidth": 20},
                **POINTWISE,
            },
        },
    ),
    "slice-wise": (
        "brain2",
        {
            "setting": {"force2D": True, "force2Ddimension": 0, "minimumROIDimensions": 1},
            "imageType": {**MANY, "LBP2D": {"binWidth": 1}},
            "featureClass": dict.fromkeys(["shape", "firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm"]),
        },
    ),
    "across x": (
        "breast1",
        {
            "setting": {"force2D": True, "force2Ddimension": 2, "distances": [1, 2]},
            "featureClass": dict.fromkeys(["firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm"]),
        },
    ),
    "far and unsymmetric": ("brain2", {"setting": {"distances": [1, 3], "gldm_a": 2, "symmetricalGLCM": False}}),
    "infinity": ("brain2", {"setting": {"weightingNorm": "infinity"}}),
    "euclidean": ("breast1", {"setting": {"weightingNorm": "euclidean", "distances": [2]}}),
    "manhattan": ("t1", {"setting": {"weightingNorm": "manhattan", "preCrop": True}}),
    "resegment by sigma": (
        "brain2",
        {"setting": {"resegmentRange": [-1, 1], "resegmentMode": "sigma"}, "imageType": MANY},
    ),
    "resegment relative": (
        "breast1",
        {"setting": {"resegmentRange": [0.3, 0.8], "resegmentMode": "relative", "resegmentShape": True}},
    ),
    "resegment absolute": ("brain1", {"setting": {"resegmentRange": [550], "label": 1}}),
    "deprecated": ("brain2", {"featureClass": DEPRECATED}),
    "computed tomography": (
        "ct",
        {"setting": {"preCrop": True}, "imageType": {"Original": {}, "LoG": {"sigma": [2.0]}}},
    ),
    "uptake": ("pet", {"setting": {"binWidth": 0.25}, "imageType": {"Original": {}, "Gradient": {}}}),
}
ELSEWHERE = {"label_channel", "additionalInfo", "lbp3DLevels", "lbp3DIcosphereRadius", "lbp3DIcosphereSubdivision"}
"""A channel is chosen where a file is read; LBP3D has an oracle of its own, since PyRadiomics cannot load it."""
ORACLES = Path(__file__).parents[1] / "reference" / "radiomics_oracles.csv"


def read(name: str) -> tuple[sitk.Image, sitk.Image, int]:
    image, mask, label = IMAGES[name]
    return sitk.ReadImage(str(real_file(image))), sitk.ReadImage(str(real_file(mask))), label


@pytest.mark.parametrize("job", JOBS)
def test_real_images_give_equal_numbers(job: str) -> None:
    name, params = JOBS[job]
    image, mask, label = read(name)
    params = {"setting": {}, **params}
    reference = theirs(image, mask, params, label)
    result = ours(image, mask, params, label, threads=2)
    assert list(result.values) == list(reference)
    assert differing(reference, result.values) == {}


def test_the_jobs_touch_every_setting_and_filter() -> None:
    used: set[str] = set()
    filters: set[str] = set()
    for _, params in JOBS.values():
        used |= set(params.get("setting", {}))
        for name, custom in params.get("imageType", {}).items():
            filters.add(name)
            used |= set(custom)
    known = {field.alias for field in Settings.model_fields.values() if field.alias}
    assert known - used - ELSEWHERE == set()
    assert set(FILTERS) - filters == {"LBP3D"}


def test_a_slice_has_two_dimensional_shape() -> None:
    generator = np.random.default_rng(0)
    mask = np.zeros((3, 20, 24), dtype=np.uint8)
    mask[1, 4:15, 5:20] = generator.random((11, 15)) < 0.8
    image, labels = (sitk.GetImageFromArray(array) for array in (generator.normal(100, 20, mask.shape), mask))
    for item in (image, labels):
        item.SetSpacing((0.7, 1.3, 3.0))
    classes = {"shape2D": [*CLASSES["shape2D"].NAMES, "SphericalDisproportion"], "firstorder": None}
    params = {"setting": {"force2D": True}, "featureClass": classes}
    reference = theirs(image, labels, params)
    assert sum("shape2D" in name for name in reference) == 10
    assert differing(reference, ours(image, labels, params).values) == {}


@pytest.mark.parametrize("kind", ["f4", "f8", "i2", "u1", "u2"])
@pytest.mark.parametrize("setting", [{"binWidth": 25}, {"binWidth": 0.7}, {"binCount": 13}])
def test_levels_are_identical(kind: str, setting: dict[str, Any]) -> None:
    from radiomics.imageoperations import binImage

    for seed in range(20):
        values = np.random.default_rng(seed).normal(60, 25, 400).clip(0, 190 if kind[0] == "u" else None).astype(kind)
        if kind[0] != "u":
            values = values - values.dtype.type(60)
        expected, _ = binImage(values, np.ones(400, dtype=bool), **setting)
        found = discretise(values, setting.get("binWidth", 25), setting.get("binCount"))
        assert np.array_equal(found.level[:-1], expected)


def test_small_integers_near_the_top_of_their_range_do_not_overflow() -> None:
    found = discretise(np.array([200, 249, 250, 255], dtype=np.uint8), 25)
    assert found.level[:-1].tolist() == [1, 2, 3, 3]  # 200-224, 225-249, 250-274


def oracles() -> list[dict[str, str]]:
    with ORACLES.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_feature_and_filter_has_an_oracle() -> None:
    rows = oracles()
    features = {
        f"{name}_{feature}" for name, module in CLASSES.items() for feature in (*module.NAMES, *module.DEPRECATED)
    }
    assert {row["feature"] for row in rows} == features | {f"filter {name}" for name in FILTERS}
    assert all(value for row in rows for value in row.values())
    assert {row["status"] for row in rows} == {"equal"}


def test_every_oracle_is_used() -> None:
    """A feature's reference is the job that compares it: that job's columns hold the feature."""
    for row in oracles():
        kind, _, where = row["reference"].partition(": ")
        if kind == "test_parity.py" and where in JOBS:
            params = JOBS[where][1]
            if row["feature"].startswith("filter "):
                assert row["feature"].removeprefix("filter ") in params["imageType"]
            else:
                name, feature = row["feature"].split("_", 1)
                chosen = params.get("featureClass", {name: None})[name]
                assert chosen is None or feature in chosen
        else:
            path, function = row["reference"].split(": ")
            assert f"def {function}" in (Path(__file__).parent / path).read_text(encoding="utf-8")
