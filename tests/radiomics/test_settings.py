"""Parameter files are read as they are, faults in them are named, and no setting of ours is ignored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from boxes import box, grid

from radfuse.config import build
from radfuse.errors import InputError, RadfuseError
from radfuse.radiomics.config import FilterSettings, RadiomicsConfig
from radfuse.radiomics.families.family import family_of
from radfuse.radiomics.measure import region_features
from radfuse.radiomics.plan import plan_of
from radfuse.radiomics.pyradiomics_params import Theirs, params_of, plan_of_params, read_params, said_by
from radfuse.radiomics.settings import Settings
from radfuse.volume.grid import Grid
from radfuse.volume.image import Volume
from radfuse.volume.region import Region

PARAMS = {
    "setting": {"binWidth": 5, "resampledPixelSpacing": [2, 2, 2], "interpolator": "sitkLinear"},
    "imageType": {"Original": {}, "LoG": {"sigma": [1, 2.5], "binWidth": 3}},
    "featureClass": {"firstorder": ["Mean", "Energy"], "glcm": None},
}


def test_yaml_and_json_say_the_same(tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text(json.dumps(PARAMS))
    (tmp_path / "p.yaml").write_text(json.dumps(PARAMS))  # JSON is YAML
    plan = plan_of_params(read_params(tmp_path / "p.yaml"), "p")
    assert plan == plan_of_params(read_params(tmp_path / "p.json"), "p")
    assert plan.filters["log"].bin_width == 3
    assert plan.filters["log"].log_sigma_mm == (1, 2.5)
    assert plan.filters["original"].bin_width == 5
    assert plan.features == {"firstorder": ("Mean", "Energy"), "glcm": family_of("glcm").names}


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"setting": {"binWidht": 5}}, "unknown setting 'binWidht'; did you mean 'binWidth'"),
        ({"imageType": {"Originl": {}}}, "unknown filter (imageType) 'Originl'; did you mean 'Original'"),
        ({"imageType": {"LoG": {"sigmas": [1]}}}, "p, LoG: unknown setting 'sigmas'; did you mean 'sigma'"),
        ({"featureClass": {"glcmm": None}}, "unknown feature class 'glcmm'; did you mean 'glcm'"),
        ({"featureClass": {"glcm": ["Contrst"]}}, "class glcm has no feature 'Contrst'; did you mean 'Contrast'"),
        ({"setting": {"binWidth": 0}}, "binWidth = 0: Input should be greater than 0"),
        ({"setting": {"binWidth": "wide"}}, "binWidth = 'wide'"),
        ({"setting": {"resampledPixelSpacing": [1, 1]}}, "resampledPixelSpacing"),
        ({"setting": {"resampledPixelSpacing": [1, 1, -1]}}, "resampledPixelSpacing.2 = -1"),
        ({"setting": {"resampledPixelSpacing": [1, 1, 1e-5]}}, "a voxel measures 0.0001 to 10000 mm, or 0"),
        ({"setting": {"binWidth": True}}, "binWidth = True: true and false are no numbers"),
        ({"setting": {"distances": [1, True]}}, "distances = [1, True]: true and false are no numbers"),
        ({"setting": {"resegmentRange": [5, float("-inf")]}}, "resegmentRange"),
        ({"setting": {"interpolator": "sitkBSplin"}}, "did you mean 'sitkBSpline'"),
        ({"setting": {"interpolator": 11}}, "1 to 10"),
        ({"setting": {"interpolator": 3}}, "write sitkBSpline"),
        ({"imageType": {"Wavelet": {"wavelet": "coiff1"}}}, "unknown wavelet 'coiff1'; did you mean 'coif1'"),
        ({"setting": {"weightingNorm": "euclid"}}, "weightingNorm = 'euclid'"),
        ({"setting": {"force2Ddimension": 3}}, "force2Ddimension = 3"),
        ({"setting": {"distances": []}}, "distances"),
        ({"setting": {"resegmentRange": [1, 2, 3]}}, "resegmentRange"),
    ],
)
def test_faults_are_named(params: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        plan_of_params(params, "p")
    assert message in str(caught.value)


def test_a_setting_of_null_is_the_default() -> None:
    assert plan_of_params({"setting": {"weightingNorm": None, "binCount": None}}, "p").settings.weighting is None


def test_removed_features_are_accepted_and_left_out() -> None:
    plan = plan_of_params({"featureClass": {"glcm": ["SumVariance", "Contrast"]}}, "p")
    assert plan.features == {"glcm": ("Contrast",)}


OTHER: dict[str, Any] = {
    "bin_width": 7.0,
    "bin_count": 16,
    "bin_range": (0.0, 100.0),
    "max_bins": 99,
    "spacing_zyx_mm": (3.0, 2.0, 1.0),
    "interpolator": "linear",
    "crop_first": False,
    "pad_voxels": 3,
    "normalize": True,
    "normalize_scale": 3.0,
    "normalize_region": "muscle",
    "remove_outliers": 1.5,
    "resegment_range": (1.0, 9.0),
    "resegment_mode": "sigma",
    "resegment_shape": True,
    "slice_axis": "x",
    "distances": (1, 2),
    "weighting": "manhattan",
    "symmetric_glcm": False,
    "gldm_alpha": 2,
    "shift": 5,
    "filters": ("original", "wavelet"),
    "log_sigma_mm": (2.0,),
    "wavelet": "haar",
    "wavelet_levels": 2,
    "wavelet_start_level": 1,
    "gradient_per_mm": False,
    "lbp_2d_radius": 2.0,
    "lbp_2d_samples": 9,
    "lbp_2d_method": "ror",
    "lbp_3d_levels": 3,
    "lbp_3d_radius": 2.0,
    "lbp_3d_subdivision": 2,
    "per_filter": {"original": FilterSettings(bin_width=3)},
    "classes": ("glcm",),
    "features": {"glcm": ("Contrast",)},
    "min_dimensions": 3,
    "grid_tolerance": 0.1,
    "correct_mask": True,
    "mask_channel": 1,
}
"""A value of each setting that is not its default."""
BESIDE: dict[str, dict[str, Any]] = {
    "interpolator": {"spacing_zyx_mm": (1.0, 0.7, 1.3)},
    "crop_first": {"filters": ("wavelet",), "pad_voxels": 2},
    "pad_voxels": {"filters": ("wavelet",)},
    "normalize_scale": {"normalize": True},
    "normalize_region": {"normalize": True},
    "remove_outliers": {"normalize": True},
    "resegment_mode": {"resegment_range": (-1.0, 150.0)},
    "resegment_shape": {"resegment_range": (0.0, 100.0)},
    "log_sigma_mm": {"filters": ("log",)},
    "wavelet": {"filters": ("wavelet",)},
    "wavelet_levels": {"filters": ("wavelet",)},
    "wavelet_start_level": {"filters": ("wavelet",)},
    "gradient_per_mm": {"filters": ("gradient",)},
    **{name: {"filters": ("lbp_2d",), "bin_width": 1.0} for name in OTHER if name.startswith("lbp_2d")},
    **{name: {"filters": ("lbp_3d",), "bin_width": 0.5} for name in OTHER if name.startswith("lbp_3d")},
    "max_bins": {"bin_width": 0.1},
    "grid_tolerance": {"filters": ("square",)},
    "correct_mask": {"filters": ("square",)},
}
"""What has to be set for a setting to matter."""
ELSEWHERE = {"engine", "convention", "params", "min_voxels", "mask_channel"}
"""Looked at elsewhere: who computes, what is an error of a case, how a mask is read."""


def test_every_setting_has_another_value_here() -> None:
    assert set(RadiomicsConfig.model_fields) - ELSEWHERE == set(OTHER) - {"mask_channel"}


def outcome(**settings: Any) -> Any:
    """Return what two regions of a small image give, one of them flat and on another grid: columns, values, errors."""
    generator = np.random.default_rng(0)
    shape = (12, 14, 16)
    volume = Volume(generator.normal(60, 30, shape).astype(np.float32), grid(shape, (1.0, 1.5, 1.0)), "image")
    ball = sum((axis - 6) ** 2 for axis in np.indices(shape)) < 16
    apart = Grid(shape, (1.0, 1.5, 1.0), (0.05, 0.0, 0.0))
    muscle = box(shape, (1, 1, 10), (2, 8, 15))
    regions = [Region.of("ball", ball, volume.grid), Region.of("muscle", muscle, volume.grid)]
    found: list[Any] = []
    for some in (regions, [Region.of("apart", ball, apart)], [Region.of("flat", muscle, volume.grid)]):
        try:
            found.append(region_features(volume, some, RadiomicsConfig(**settings)))
        except RadfuseError as error:
            found.append(str(error))
    return repr(found)


@pytest.mark.parametrize("name", [name for name in OTHER if name != "mask_channel"])
def test_no_setting_is_ignored(name: str) -> None:
    beside = BESIDE.get(name, {})
    assert outcome(**{**beside, name: OTHER[name]}) != outcome(**beside)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"features": {"glcm": ["Contrst"]}}, "features: class glcm has no feature 'Contrst'; did you mean 'Contrast'"),
        ({"features": {"shape": ["Volume"]}}, "features: class shape has no feature 'Volume'"),
        ({"wavelet": "coiff1"}, "wavelet: unknown wavelet 'coiff1'; did you mean 'coif1'\\?$"),
    ],
)
def test_names_that_nothing_has_are_told_when_settings_are_read(settings: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        RadiomicsConfig(**settings)


def test_a_mask_channel_reaches_who_reads_the_mask() -> None:
    assert plan_of(RadiomicsConfig(mask_channel=1)).settings.mask_channel == 1


def test_no_setting_of_a_parameter_file_is_lost() -> None:
    """By name all but those that are translated one by one, and what only the record and `extract` look at."""
    translated = {"spacing_xyz_mm", "force_2d", "force_2d_axis", "label", "additional_info"}
    assert set(Theirs.model_fields) - set(Settings.model_fields) == translated
    setting = {"resampledPixelSpacing": [1, 2, 3], "force2D": True, "force2Ddimension": 2, "label": 4, "padDistance": 3}
    plan = plan_of_params({"setting": {**setting, "interpolator": 2, "minimumROISize": 9}}, "p")
    found = plan.settings
    assert (found.spacing_zyx_mm, found.interpolator, found.slice_axis, found.pad_voxels) == (
        (3, 2, 1),
        "linear",
        "x",
        3,
    )
    assert (found.more_than_voxels, plan.label, found.pattern_axis) == (9, 4, 2)
    assert plan_of_params({"setting": {**setting, "interpolator": None}}, "p").settings.spacing_zyx_mm is None


@pytest.mark.parametrize("name", [name for name in OTHER if name not in {"normalize_region"}])
def test_the_record_of_a_config_is_that_of_the_parameter_file_it_is(name: str) -> None:
    config = RadiomicsConfig(**{**BESIDE.get(name, {}), name: OTHER[name]})
    lacking = {"bin_range", "max_bins"}
    found, expected = said_by(config), plan_of_params(params_of(config), "p").said
    assert expected is not None
    for words in (found["settings"], expected["settings"], *found["filters"].values(), *expected["filters"].values()):
        for each in lacking:
            words.pop(each)
    assert found == expected


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [name for name in OTHER if name not in {"bin_range", "normalize_region", "max_bins"}])
def test_pyradiomics_accepts_our_settings(name: str) -> None:
    featureextractor = pytest.importorskip("radiomics.featureextractor", reason="needs PyRadiomics")
    config = RadiomicsConfig(**{**BESIDE.get(name, {}), name: OTHER[name]})
    assert featureextractor.RadiomicsFeatureExtractor(params_of(config)).enabledImagetypes


def test_what_pyradiomics_lacks_is_refused_with_its_engine() -> None:
    for name in ("bin_range", "normalize_region"):
        with pytest.raises(ValueError, match=f"PyRadiomics has no {name}; use engine fast"):
            RadiomicsConfig(**{"engine": "pyradiomics", name: OTHER[name]})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"normalize_region": "muscle"}, "add `normalize: true`"),
        ({"per_filter": {"log": {"bin_width": 5}}}, "per_filter names 'log', which is not among `filters`"),
        ({"features": {"shape2D": ("Perimeter",)}}, "features names the class 'shape2D', which is not among `classes`"),
        ({"bin_range": (250, 150)}, "from a lower to an upper value, found 250 to 150"),
        ({"bin_range": (0, float("nan"))}, "from a lower to an upper value"),
        ({"bin_range": (float("-inf"), 1)}, "from a lower to an upper value"),
    ],
)
def test_settings_without_an_effect_or_a_sense_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        RadiomicsConfig.model_validate(settings)


def test_a_width_of_one_filter_goes_before_the_common_count() -> None:
    own = {"log": FilterSettings(bin_width=5)}
    plan = plan_of(RadiomicsConfig(bin_count=32, filters=("original", "log"), per_filter=own))
    assert (plan.filters["log"].bin_count, plan.filters["log"].bin_width) == (None, 5)
    assert plan.filters["original"].bin_count == 32


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"bin_width": float("inf")}, "bin_width: a number must be finite"),
        ({"spacing_zyx_mm": (float("nan"), 1, 1)}, "spacing_zyx_mm.0: a number must be finite"),
        ({"log_sigma_mm": (1e9,)}, "log_sigma_mm.0: Input should be less than or equal to 1000"),
        ({"filters": ["log"], "log_sigma_mm": ()}, "filter 'log' has no width; give `log_sigma_mm`"),
        ({"resegment_range": (5, 1)}, "resegment_range: a range goes from a lower value to an upper one"),
        ({"bin_count": 20_000}, "bin_count asks for 20,000 bins, allowed are 10,000"),
        ({"per_filter": {"original": {"bin_count": 20_000}}}, "bin_count asks for 20,000 bins"),
        ({"lbp_3d_subdivision": 20}, "lbp_3d_subdivision: Input should be less than or equal to 5"),
        ({"distances": [1000]}, "distances.0: Input should be less than or equal to 50"),
    ],
)
def test_settings_that_make_no_numbers_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        build(RadiomicsConfig, settings, "study.yaml")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"setting": {"binWidth": float("inf")}}, "binWidth = inf: Input should be a finite number"),
        ({"setting": {"resampledPixelSpacing": [1, float("nan"), 1]}}, "resampledPixelSpacing.1 = nan"),
        ({"imageType": {"LoG": {}}}, "p, LoG: `sigma` is missing"),
        ({"imageType": {"LoG": {"sigma": [1e9]}}}, "p, LoG: sigma.0 = 1000000000.0"),
        ({"setting": {"resegmentRange": [5, 1]}}, "a range goes from a lower value to an upper one"),
        ({"setting": {"binCount": 20_000}}, "binCount asks for 20,000 bins, allowed are 10,000"),
        ({"imageType": {"LBP3D": {"lbp3DIcosphereSubdivision": 20}}}, "lbp3DIcosphereSubdivision = 20"),
    ],
)
def test_parameter_files_that_make_no_numbers_are_refused(params: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        plan_of_params(params, "p")
    assert message in str(caught.value)
