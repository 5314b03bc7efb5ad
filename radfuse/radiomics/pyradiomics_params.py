"""The border to PyRadiomics: its names for settings, filters and classes, and its parameter files, both ways."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field, PositiveInt, ValidationError, field_validator, model_validator

from radfuse.config import Section, nearest, read_text, read_yaml
from radfuse.errors import InputError
from radfuse.radiomics.config import (
    INTERPOLATORS,
    Distance,
    Finite,
    Harmonics,
    Positive,
    RadiomicsConfig,
    ResampledMm,
    ResegmentRange,
    Samples,
    SigmaMm,
    Subdivision,
    Wavelet,
    WaveletLevels,
    WaveletStart,
    WholeSigmaMm,
    bounded,
)
from radfuse.radiomics.families.family import features_asked
from radfuse.radiomics.settings import Plan, Settings

CLASSES = ("firstorder", "glcm", "gldm", "glrlm", "glszm", "ngtdm", "shape", "shape2D")
"""Its feature classes, in the order of their columns where none is chosen."""
FILTER_NAMES = {
    "original": "Original",
    "wavelet": "Wavelet",
    "log": "LoG",
    "square": "Square",
    "square_root": "SquareRoot",
    "logarithm": "Logarithm",
    "exponential": "Exponential",
    "gradient": "Gradient",
    "lbp_2d": "LBP2D",
    "lbp_3d": "LBP3D",
}
"""Our filter -> its name."""
_OUR_FILTERS = {theirs: ours for ours, theirs in FILTER_NAMES.items()}
_INTERPOLATORS = tuple(INTERPOLATORS.values())
_ALWAYS_SAID = ("bin_width", "crop_first", "pad_voxels")
"""Because PyRadiomics' defaults are others or may change."""
_SAID_OTHERWISE = ("normalize", "normalize_scale", "interpolator", "log_sigma_mm")


class Theirs(Section):
    """PyRadiomics' settings with its defaults, by our names; each alias is its name."""

    model_config = ConfigDict(populate_by_name=True)

    min_dimensions: int = Field(2, alias="minimumROIDimensions", ge=1, le=3)
    more_than_voxels: PositiveInt | None = Field(None, alias="minimumROISize")
    grid_tolerance: Positive | None = Field(None, alias="geometryTolerance")
    correct_mask: bool = Field(False, alias="correctMask")
    additional_info: bool = Field(True, alias="additionalInfo")
    label: PositiveInt = Field(1, alias="label")
    mask_channel: int = Field(0, alias="label_channel", ge=0)
    bin_width: Positive = Field(25.0, alias="binWidth")
    bin_count: PositiveInt | None = Field(None, alias="binCount")
    normalize: bool = Field(False, alias="normalize")
    normalize_scale: Positive = Field(1.0, alias="normalizeScale")
    remove_outliers: Positive | None = Field(None, alias="removeOutliers")
    spacing_xyz_mm: tuple[ResampledMm, ResampledMm, ResampledMm] | None = Field(None, alias="resampledPixelSpacing")
    interpolator: str | int | None = Field("sitkBSpline", alias="interpolator")
    pad_voxels: int = Field(5, alias="padDistance", ge=0)
    distances: tuple[Distance, ...] = Field((1,), alias="distances", min_length=1)
    force_2d: bool = Field(False, alias="force2D")
    force_2d_axis: int = Field(0, alias="force2Ddimension", ge=0, le=2)
    resegment_range: ResegmentRange | None = Field(None, alias="resegmentRange")
    resegment_mode: Literal["absolute", "relative", "sigma"] = Field("absolute", alias="resegmentMode")
    resegment_shape: bool = Field(False, alias="resegmentShape")
    crop_first: bool = Field(False, alias="preCrop")
    log_sigma_mm: tuple[WholeSigmaMm | SigmaMm, ...] = Field((), alias="sigma")  # 1 and 1.0 differ in names
    wavelet: Wavelet = Field("coif1", alias="wavelet")
    wavelet_levels: WaveletLevels = Field(1, alias="level")
    wavelet_start_level: WaveletStart = Field(0, alias="start_level")
    gradient_per_mm: bool = Field(True, alias="gradientUseSpacing")
    lbp_2d_radius: Positive = Field(1.0, alias="lbp2DRadius")
    lbp_2d_samples: Samples = Field(8, alias="lbp2DSamples")
    lbp_2d_method: Literal["default", "ror", "uniform", "var"] = Field("uniform", alias="lbp2DMethod")
    lbp_3d_levels: Harmonics = Field(2, alias="lbp3DLevels")
    lbp_3d_radius: Positive = Field(1.0, alias="lbp3DIcosphereRadius")
    lbp_3d_subdivision: Subdivision = Field(1, alias="lbp3DIcosphereSubdivision")
    shift: Finite = Field(0.0, alias="voxelArrayShift")
    symmetric_glcm: bool = Field(True, alias="symmetricalGLCM")
    weighting: Literal["euclidean", "manhattan", "infinity", "no_weighting"] | None = Field(None, alias="weightingNorm")
    gldm_alpha: int = Field(0, alias="gldm_a", ge=0)
    # what PyRadiomics does not have
    bin_range: tuple[float, float] | None = None
    max_bins: PositiveInt = 10_000

    @field_validator("interpolator", mode="after")
    @classmethod
    def _known_interpolator(cls, value: str | int | None) -> str | int | None:
        if isinstance(value, str) and value not in _INTERPOLATORS:
            raise ValueError(f"unknown interpolator {value!r}{nearest(value, _INTERPOLATORS)}")
        if isinstance(value, int) and not 1 <= value <= 10:
            raise ValueError("an interpolator given by number is 1 to 10")
        if value == 3:
            raise ValueError("SimpleITK 2 has no interpolator 3; where it meant B-splines, write sitkBSpline")
        return value

    @model_validator(mode="after")
    def _not_too_many_bins(self) -> Theirs:
        bounded(self.bin_count, self.max_bins, "binCount")
        return self

    def ours(self) -> Settings:
        """Return the same in our words."""
        resampled = self.spacing_xyz_mm is not None and self.interpolator is not None
        numbered = (
            self.interpolator if isinstance(self.interpolator, str) else _INTERPOLATORS[(self.interpolator or 1) - 1]
        )
        named = {theirs: ours for ours, theirs in INTERPOLATORS.items()}
        values = {name: value for name, value in self if name in Settings.model_fields}
        changed = {
            "spacing_zyx_mm": self.spacing_xyz_mm[::-1] if resampled and self.spacing_xyz_mm else None,
            "interpolator": named[numbered],
            "slice_axis": "zyx"[self.force_2d_axis] if self.force_2d else None,
            "pattern_axis": self.force_2d_axis,
        }
        return Settings.model_construct(**{**values, **changed})


class Params(Section):
    """A parameter file, checked.

    Attributes:
        settings: for everything.
        filters: PyRadiomics' filter name -> settings for it, all merged.
        features: class -> names, in the order of the columns.
        chosen: whether the classes were asked for by name; otherwise all are tried.
    """

    settings: Theirs
    filters: dict[str, Theirs]
    features: dict[str, tuple[str, ...]]
    chosen: bool = True

    def said(self) -> dict[str, Any]:
        """Return it in PyRadiomics' words, defaults written out."""
        return self.model_dump(mode="json", by_alias=True)


def plan_of_params(params: Mapping[str, Any], where: str, max_bins: int = 10_000) -> Plan:
    """Return the plan of a PyRadiomics parameter dictionary.

    Args:
        params: sections setting, imageType, featureClass, as in PyRadiomics' files.
        where: for messages.
        max_bins: number of bins beyond which nothing is computed.

    Raises:
        InputError: an unknown section, setting, filter, class or feature, with the nearest known; a value out of range.
    """
    found = _checked(params, where, {"": {"max_bins": max_bins}})
    return Plan(
        found.settings.ours(),
        {_OUR_FILTERS[name]: settings.ours() for name, settings in found.filters.items()},
        found.features,
        chosen=found.chosen,
        label=found.settings.label if "label" in found.settings.model_fields_set else None,
        said=found.said(),
    )


def read_params(path: Path) -> dict[str, Any]:
    """Read a PyRadiomics parameter file (YAML or JSON).

    Raises:
        InputError: not a mapping, or a section nobody knows; names the nearest.
    """
    params = _read_json(path) if path.suffix.lower() == ".json" else read_yaml(path)
    known = ("setting", "imageType", "featureClass", "voxelSetting")
    for section in params:
        if section not in known:
            raise InputError(f"{path}: unknown section {section!r}{nearest(str(section), known)}")
    return params


def params_of(config: RadiomicsConfig) -> dict[str, Any]:
    """Return a config as PyRadiomics' parameter dictionary; bin ranges, which it does not have, are left out.

    Raises:
        InputError: a filter or a class that PyRadiomics does not have.
    """
    for own, known in ((config.filters, FILTER_NAMES), (config.classes, CLASSES)):
        for name in own:
            if name not in known:
                raise InputError(f"PyRadiomics has no {name}; use engine fast")
    return _words(config)


def said_by(config: RadiomicsConfig) -> dict[str, Any]:
    """Return what a config asks for in PyRadiomics' words, where it has some, defaults written out; for the record."""
    ranges = {name: item.bin_range for name, item in config.per_filter.items() if item.bin_range}
    if config.bin_range is not None:
        ranges = {"original": config.bin_range, **ranges}
    extra: dict[str, dict[str, Any]] = {
        FILTER_NAMES.get(name, name): {"bin_range": ends} for name, ends in ranges.items()
    }
    return _checked(_words(config), "radiomics", {"": {"max_bins": config.max_bins}, **extra}, own=True).said()


def _words(config: RadiomicsConfig) -> dict[str, Any]:
    """Return a config as PyRadiomics' parameter dictionary, what it lacks by our names."""
    setting: dict[str, Any] = {
        field.alias: list(value) if isinstance(value, tuple) else value
        for name, field in Theirs.model_fields.items()
        if field.alias
        and name in RadiomicsConfig.model_fields
        and name not in _SAID_OTHERWISE
        and ((value := getattr(config, name)) != RadiomicsConfig.model_fields[name].default or name in _ALWAYS_SAID)
    }
    if config.bin_count is not None:
        setting.pop("binWidth", None)
    if config.spacing_zyx_mm is not None:
        setting["resampledPixelSpacing"] = [float(value) for value in config.spacing_zyx_mm[::-1]]
        setting["interpolator"] = INTERPOLATORS[config.interpolator]
    if config.normalize:
        setting |= {"normalize": True, "normalizeScale": config.normalize_scale}
    if config.slice_axis is not None:
        setting |= {"force2D": True, "force2Ddimension": "zyx".index(config.slice_axis)}
    images: dict[str, dict[str, Any]] = {FILTER_NAMES.get(name, name): {} for name in config.filters}
    if "LoG" in images:
        images["LoG"] = {"sigma": [float(value) for value in config.log_sigma_mm]}
    for name, item in config.per_filter.items():
        if item.bin_count is not None:
            images[FILTER_NAMES.get(name, name)] |= {"binCount": item.bin_count}
        elif item.bin_width is not None:
            common = {"binCount": None} if config.bin_count is not None else {}  # which would take the width's place
            images[FILTER_NAMES.get(name, name)] |= {"binWidth": item.bin_width, **common}
    names = {name: list(config.features.get(name, ())) or None for name in config.classes}
    return {"setting": setting, "imageType": images, "featureClass": names}


def _checked(
    params: Mapping[str, Any], where: str, extra: Mapping[str, Mapping[str, Any]], *, own: bool = False
) -> Params:
    """Return a parameter dictionary, checked.

    Args:
        params: as in PyRadiomics' files.
        where: for messages.
        extra: filter ("" for all) -> settings by our own names that PyRadiomics does not have.
        own: whether filters and classes may be ours alone.
    """
    sections = {
        name: _mapping(params.get(name), f"{where}, {name}") for name in ("setting", "imageType", "featureClass")
    }
    filters = sections["imageType"] or {"Original": {}}
    classes = sections["featureClass"] or dict.fromkeys(CLASSES)
    for name in filters:
        if name not in _OUR_FILTERS and not own:
            raise InputError(f"{where}: unknown filter (imageType) {name!r}{nearest(str(name), _OUR_FILTERS)}")
    common = sections["setting"]
    merged = {
        name: _settings(
            {**common, **_mapping(custom, f"{where}, {name}"), **extra.get("", {}), **extra.get(name, {})},
            f"{where}, {name}",
        )
        for name, custom in filters.items()
    }
    if "LoG" in merged and not merged["LoG"].log_sigma_mm:
        raise InputError(
            f"{where}, LoG: `sigma` is missing; write widths in mm, for example `LoG: {{sigma: [1.0, 3.0]}}`"
        )
    for name in classes:
        if name not in CLASSES and not own:
            raise InputError(f"{where}: unknown feature class {str(name)!r}{nearest(str(name), CLASSES)}")
    return Params(
        settings=_settings({**common, **extra.get("", {})}, where),
        filters=merged,
        features={name: features_asked(name, names, where) for name, names in classes.items()},
        chosen=bool(sections["featureClass"]),
    )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        params = json.loads(read_text(path))
    except (ValueError, RecursionError):
        return read_yaml(path)  # which says what is wrong
    return params if isinstance(params, dict) else read_yaml(path)


def _mapping(section: Any, where: str) -> dict[str, Any]:
    if section is not None and not isinstance(section, Mapping):
        raise InputError(f"{where}: found {section!r}; write a name and a colon for each entry, for example `glcm:`")
    return dict(section or {})


def _settings(values: Mapping[str, Any], where: str) -> Theirs:
    """Return settings, checked; null is PyRadiomics' word for "not set", and for the interpolator "do not resample"."""
    known = [field.alias or name for name, field in Theirs.model_fields.items()]
    for name in values:
        if name not in known and name not in Theirs.model_fields:
            raise InputError(f"{where}: unknown setting {name!r}{nearest(str(name), known)}")
    try:
        said = {name: value for name, value in values.items() if value is not None or name == "interpolator"}
        return Theirs.model_validate(said)
    except ValidationError as error:
        fault = error.errors()[0]
        message = fault["msg"].removeprefix("Value error, ")
        place = [str(part) for part in fault["loc"] if isinstance(part, int) or part in known]
        found = f"{'.'.join(place)} = {fault['input']!r}: " if place else ""
        raise InputError(f"{where}: {found}{message}") from error
