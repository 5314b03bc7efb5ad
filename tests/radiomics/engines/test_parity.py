"""Real images under settings that together touch all of PyRadiomics': the same columns, the same numbers."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from parity import CANCEL, TOLERANCE, differing, old_scipy, ours, theirs
from realdata import real_file

from radfuse.errors import CaseError
from radfuse.phantom.knee import KneePhantom, draw_case, knee_tables
from radfuse.radiomics.discretise import discretise
from radfuse.radiomics.families import FAMILIES
from radfuse.radiomics.families.family import family_of
from radfuse.radiomics.pyradiomics_params import FILTER_NAMES, Theirs
from radfuse.volume.files import read_labels

pytest.importorskip("radiomics", reason="needs PyRadiomics")
pytestmark = pytest.mark.filterwarnings("ignore")

IMAGES = {
    "brain1": ("pyradiomics/brain1_image.nrrd", "pyradiomics/brain1_label.nrrd", 1),
    "brain2": ("pyradiomics/brain2_image.nrrd", "pyradiomics/brain2_label.nrrd", 1),
    "breast1": ("pyradiomics/breast1_image.nrrd", "pyradiomics/breast1_label.nrrd", 1),
    "t1": ("sarcoma/STS_025/t1.nii.gz", "sarcoma/STS_025/t1_mask.nii.gz", 1),
    "t1 of another": ("sarcoma/STS_019/t1.nii.gz", "sarcoma/STS_019/t1_mask.nii.gz", 1),
    "ct": ("sarcoma/STS_025/ct.nii.gz", "sarcoma/STS_025/ct_mask.nii.gz", 1),
    "pet": ("sarcoma/STS_025/pet.nii.gz", "sarcoma/STS_025/pet_mask.nii.gz", 1),
    "knee": ("knee/clair_knee_103r_template.nii.gz", "knee/clair_knee_103r_segmentation.nii.gz", 4),
}
PHANTOM = KneePhantom(cases=8, voxels_zyx=(20, 40, 40), spacing_zyx_mm=(4.0, 2.8, 2.8))
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
    "wavelet of another": (
        "t1 of another",
        {"setting": {"binCount": 24, "preCrop": True}, "imageType": {"Original": {}, "Wavelet": {"wavelet": "db2"}}},
    ),
    "knee cartilage": (
        "knee",
        {
            "setting": {"binWidth": 0.04, "preCrop": True, "padDistance": 6, "additionalInfo": False},
            "imageType": {"Original": {}, "Gradient": {}, "LoG": {"sigma": [1.5]}},
        },
    ),
    "phantom knee": (
        "phantom",
        {"setting": {"binCount": 20}, "imageType": {"Original": {}, "LoG": {"sigma": [3.0]}, "Wavelet": {}}},
    ),
    "patterns in space": (
        "breast1",
        {"imageType": {"LBP3D": {"binWidth": 0.237}}},
    ),
    "more patterns in space": (
        "phantom",
        {
            "imageType": {
                "LBP3D": {
                    "lbp3DLevels": 3,
                    "lbp3DIcosphereRadius": 2,
                    "lbp3DIcosphereSubdivision": 0,
                    "binWidth": 0.237,
                }
            },
        },
    ),
    "uptake": ("pet", {"setting": {"binWidth": 0.25}, "imageType": {"Original": {}, "Gradient": {}}}),
}
ELSEWHERE = {"label", "label_channel"}
"""With tests of their own, below."""
ORACLES = Path(__file__).parents[2] / "reference" / "radiomics_oracles.csv"


def read(name: str) -> tuple[sitk.Image, sitk.Image, int]:
    if name == "phantom":
        volume, labels = draw_case(PHANTOM, knee_tables(PHANTOM), 0)
        drawn = [sitk.GetImageFromArray(array) for array in (volume.array, labels.array)]
        for item in drawn:
            item.SetSpacing(volume.grid.spacing_zyx_mm[::-1])
            item.SetOrigin(volume.grid.origin)
            item.SetDirection(volume.grid.direction)
        return drawn[0], drawn[1], 4
    image, mask, label = IMAGES[name]
    return sitk.ReadImage(str(real_file(image))), sitk.ReadImage(str(real_file(mask))), label


@pytest.mark.slow
@pytest.mark.parametrize("job", JOBS)
def test_real_images_give_equal_numbers(job: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, params = JOBS[job]
    if "LBP3D" in params.get("imageType", {}):
        pytest.importorskip("trimesh", reason="PyRadiomics' LBP3D needs trimesh")
        old_scipy(monkeypatch)
    image, mask, label = read(name)
    params = {"setting": {}, **params}
    reference = theirs(image, mask, params, label)
    result = ours(image, mask, params, label, threads=2)
    assert list(result.values) == list(reference)
    assert differing(reference, result.values) == {}


def test_the_comparison_sees_a_difference() -> None:
    """Of one part in 100,000, of summands that cancel, a NaN, and a column that is absent."""
    glcm = {"original_glcm_Contrast": 5.0, "original_glcm_ClusterShade": 0.0, "original_glcm_ClusterProminence": 16.0}
    assert differing(glcm, {**glcm, "original_glcm_ClusterShade": 7e-6}) == {}  # 1e-6 of 16^(3/4) = 8
    for change in ({"Contrast": 5.00005}, {"ClusterShade": 9e-6}, {"Contrast": np.nan}):
        name, value = next(iter(change.items()))
        assert list(differing(glcm, {**glcm, f"original_glcm_{name}": value})) == [f"original_glcm_{name}"]
    assert set(differing(glcm, {})) == set(glcm)
    assert differing({"a_firstorder_Mean": np.nan}, {"a_firstorder_Mean": np.nan}) == {}


SARCOMAS = [f"STS_{n:03d}" for n in (2, 3, 4, 6, 8, 12, 15, 18, 19, 24, 25, 26, 28, 32, 35, 38, 41, 42, 43, 50)]
SEVERAL = {"STS_002", "STS_008", "STS_024", "STS_025", "STS_042"}
REAL = [(case, kind) for case in SARCOMAS for kind in ("t1", "ct", "pet") if kind == "t1" or case in SEVERAL]
IN_TURN = [
    {},
    {"setting": {"binCount": 24}, "imageType": {"LoG": {"sigma": [2.0]}}},
    {"setting": {"resampledPixelSpacing": [3, 3, 3]}},
    {"setting": {"normalize": True, "normalizeScale": 100, "binWidth": 10}},
    {"setting": {"preCrop": True, "padDistance": 8}, "imageType": {"Wavelet": {}}},
    {"setting": {"force2D": True}, "imageType": {"Gradient": {}}, "featureClass": {"firstorder": None, "glcm": None}},
    {"setting": {"resegmentRange": [-2, 2], "resegmentMode": "sigma"}},
    {"setting": {"distances": [2]}, "imageType": {"Square": {}}},
    {"setting": {"weightingNorm": "manhattan"}},
    {"setting": {"symmetricalGLCM": False, "gldm_a": 1}, "imageType": {"SquareRoot": {}}},
    {"setting": {"removeOutliers": 2, "normalize": True, "normalizeScale": 50}, "imageType": {"Exponential": {}}},
    {"setting": {"interpolator": None, "resampledPixelSpacing": [2, 2, 2]}, "imageType": {"Logarithm": {}}},
]
"""Settings that the real images take in turn: each image under one, each setting on two images or more."""


@pytest.mark.slow
@pytest.mark.parametrize(("case", "kind"), REAL)
def test_every_real_image_gives_pyradiomics_numbers(case: str, kind: str) -> None:
    image, mask = (sitk.ReadImage(str(real_file(f"sarcoma/{case}/{kind}{end}.nii.gz"))) for end in ("", "_mask"))
    params = IN_TURN[REAL.index((case, kind)) % len(IN_TURN)]
    wide = {"binWidth": 100} if kind == "ct" else {}
    params = {**params, "setting": {**wide, "preCrop": True, **params.get("setting", {})}}
    assert differing(theirs(image, mask, params), ours(image, mask, params).values) == {}


PATTERNS = [{}, {"setting": {"preCrop": True, "binCount": 12}}, {"setting": {"binWidth": 0.5}}]
"""Under which patterns in space are compared in all features: none is known to differ."""


@pytest.mark.parametrize(("case", "kind"), [("STS_012", "t1"), ("STS_025", "pet")])
def test_patterns_in_space_are_equal_in_every_feature(case: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("trimesh", reason="PyRadiomics' LBP3D needs trimesh")
    old_scipy(monkeypatch)
    image, mask = (sitk.ReadImage(str(real_file(f"sarcoma/{case}/{kind}{end}.nii.gz"))) for end in ("", "_mask"))
    for params in PATTERNS:
        params = {"setting": {}, **params, "imageType": {"LBP3D": {}}}
        reference, found = theirs(image, mask, params), ours(image, mask, params).values
        assert list(found) == list(reference)
        assert differing(reference, found) == {}


@pytest.mark.parametrize("value", [7, 0, -3])
@pytest.mark.parametrize("kind", ["f4", "i2"])
def test_an_image_of_one_value_gives_pyradiomics_numbers(value: int, kind: str) -> None:
    mask = np.zeros((9, 10, 11), dtype=np.uint8)
    mask[2:7, 3:9, 2:8] = 1
    image, labels = (sitk.GetImageFromArray(array) for array in (np.full(mask.shape, value, kind), mask))
    params = {"setting": {}, "imageType": {"Original": {}, "Wavelet": {}, "LoG": {"sigma": [1.0]}, "Gradient": {}}}
    found = ours(image, labels, params)
    assert differing(theirs(image, labels, params), found.values) == {}
    assert found.remarks["original"] == f"every voxel of the region holds {value}"


@pytest.mark.parametrize("label", [2, 5])
def test_a_label_is_that_of_the_settings(label: int) -> None:
    image, mask, _ = read("phantom")
    params = {"setting": {"label": label, "binCount": 16}}
    assert differing(theirs(image, mask, params, label), ours(image, mask, params, label).values) == {}


def test_a_channel_of_a_mask_is_that_of_the_settings(tmp_path: Path) -> None:
    image, mask, label = read("phantom")
    other = sitk.Cast(image > 500, sitk.sitkUInt8) * label
    both = sitk.Compose(other, sitk.Cast(mask, sitk.sitkUInt8))
    sitk.WriteImage(both, str(tmp_path / "mask.nrrd"))
    reference = theirs(image, both, {"setting": {"label_channel": 1, "binCount": 16}}, label)
    channel = sitk.GetImageFromArray(read_labels(tmp_path / "mask.nrrd", channel=1).array)
    channel.CopyInformation(image)
    assert differing(reference, ours(image, channel, {"setting": {"binCount": 16}}, label).values) == {}


def moved(mask: sitk.Image, voxels: float) -> sitk.Image:
    """Return a mask whose origin lies so many voxels off along x."""
    found = sitk.Image(mask)
    found.SetOrigin(mask.TransformContinuousIndexToPhysicalPoint((voxels, 0.0, 0.0)))
    return found


@pytest.mark.parametrize(
    ("voxels", "allowed"),
    [(0.05, {"geometryTolerance": 0.1}), (0.4, {"correctMask": True}), (-1.0, {"correctMask": True})],
)
def test_masks_on_another_grid_are_refused_or_allowed_alike(voxels: float, allowed: dict[str, Any]) -> None:
    image, mask, label = read("breast1")
    mask = moved(mask, voxels)
    with pytest.raises(ValueError, match="Mask"):
        theirs(image, mask, {"setting": {}}, label)
    with pytest.raises(CaseError, match="the mask lies on another grid"):
        ours(image, mask, {"setting": {}}, label)
    params = {"setting": allowed}
    assert differing(theirs(image, mask, params, label), ours(image, mask, params, label).values) == {}


def test_a_mask_of_other_spacing_is_corrected_alike() -> None:
    image, mask, label = read("breast1")
    size, spacing = [2 * n for n in mask.GetSize()], [step / 2 for step in mask.GetSpacing()]
    fine = sitk.Resample(
        mask, size, sitk.Transform(), sitk.sitkNearestNeighbor, mask.GetOrigin(), spacing, mask.GetDirection()
    )
    params = {"setting": {"correctMask": True}}
    assert differing(theirs(image, fine, params, label), ours(image, fine, params, label).values) == {}


@pytest.mark.parametrize("setting", [{"minimumROISize": 10**6}, {"minimumROIDimensions": 3}, {"resegmentRange": [1e9]}])
def test_regions_too_small_are_refused_alike(setting: dict[str, Any]) -> None:
    image, mask, _ = read("breast1")
    flat = sitk.GetArrayFromImage(mask)
    place = int(np.flatnonzero((flat == 1).any(axis=(1, 2)))[0])
    flat[np.arange(len(flat)) != place] = 0
    slice_mask = sitk.GetImageFromArray(flat)
    slice_mask.CopyInformation(mask)
    assert theirs(image, slice_mask, {"setting": {}})  # without the setting it is fine
    with pytest.raises(ValueError):  # noqa: PT011  PyRadiomics' words
        theirs(image, slice_mask, {"setting": setting})
    with pytest.raises(CaseError, match=f"{next(iter(setting))}|resegment_range"):
        ours(image, slice_mask, {"setting": setting})


def test_the_jobs_touch_every_setting_and_filter() -> None:
    used: set[str] = set()
    filters: set[str] = set()
    for _, params in JOBS.values():
        used |= set(params.get("setting", {}))
        for name, custom in params.get("imageType", {}).items():
            filters.add(name)
            used |= set(custom)
    known = {field.alias for field in Theirs.model_fields.values() if field.alias}
    assert known - used - ELSEWHERE == set()
    assert filters == set(FILTER_NAMES.values())


def test_a_slice_has_two_dimensional_shape() -> None:
    generator = np.random.default_rng(0)
    mask = np.zeros((3, 20, 24), dtype=np.uint8)
    mask[1, 4:15, 5:20] = generator.random((11, 15)) < 0.8
    image, labels = (sitk.GetImageFromArray(array) for array in (generator.normal(100, 20, mask.shape), mask))
    for item in (image, labels):
        item.SetSpacing((0.7, 1.3, 3.0))
    classes = {"shape2D": [*family_of("shape2D").names, "SphericalDisproportion"], "firstorder": None}
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


@pytest.mark.parametrize(("kind", "levels"), [("u1", [1, 3, 6, 11]), ("i2", [1, 1311, 2616, 2622])])
def test_small_integers_that_span_their_range_do_not_overflow(kind: str, levels: list[int]) -> None:
    """PyRadiomics' edges are of the image's own type, where the largest value and two bins more wrap around."""
    from radiomics.imageoperations import binImage

    values = {"u1": np.array([3, 60, 130, 250]), "i2": np.array([-32760, -10, 32620, 32765])}[kind].astype(kind)
    assert discretise(values, 25).level[:-1].tolist() == levels
    wrong, _ = binImage(values, np.ones(4, dtype=bool), binWidth=25)
    assert wrong.tolist() != levels
    right, _ = binImage(values.astype(np.float64), np.ones(4, dtype=bool), binWidth=25)
    assert right.tolist() == levels


def oracles() -> list[dict[str, str]]:
    with ORACLES.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_feature_and_filter_has_an_oracle() -> None:
    rows = oracles()
    features = {
        f"{name}_{feature}"
        for name, family in ((name, family_of(name)) for name in FAMILIES)
        for feature in (*family.names, *family.deprecated)
    }
    assert {row["feature"] for row in rows} == features | {f"filter {name}" for name in FILTER_NAMES.values()}
    assert all(value for row in rows for value in row.values())
    assert {row["status"] for row in rows} == {"equal"}


def test_every_oracle_is_used() -> None:
    """A feature's reference is the job or test that compares it: that job's columns hold the feature."""
    columns: dict[str, set[str]] = {}
    for row in oracles():
        path, _, where = row["reference"].partition(": ")
        if path != "test_parity.py" or where not in JOBS:
            (file,) = Path(__file__).parents[1].rglob(path)
            assert f"def {where}" in file.read_text(encoding="utf-8")
            continue
        name, params = JOBS[where]
        if row["feature"].startswith("filter "):
            assert row["feature"].removeprefix("filter ") in params["imageType"]
            continue
        if where not in columns:
            columns[where] = set(ours(*read(name)[:2], {"setting": {}, **params}, read(name)[2]).values)
        assert f"original_{row['feature']}" in columns[where]


def test_the_tolerance_of_an_oracle_is_the_one_applied() -> None:
    for row in oracles():
        if row["reference"].startswith("test_parity.py") and not row["feature"].startswith("filter "):
            short = row["feature"].split("_", 1)[1]
            scale = "ClusterProminence^(3/4)" if short == "ClusterShade" else "1"
            expected = f"{TOLERANCE} of {scale}" if short in CANCEL else f"{TOLERANCE} relative"
            assert row["tolerance"] == expected.replace("1e-06", "1e-6"), row["feature"]
