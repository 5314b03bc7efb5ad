"""Settings of the radiomics wing: which features, how they are computed."""

from __future__ import annotations

from math import isfinite
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    model_validator,
)

from radfuse.config import Section

FilterName = Literal[
    "original",
    "wavelet",
    "log",
    "square",
    "square_root",
    "logarithm",
    "exponential",
    "gradient",
    "lbp_2d",
    "lbp_3d",
]
FeatureClass = Literal["shape", "shape2D", "firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm"]
EngineName = Literal["fast", "pyradiomics"]
Interpolator = Literal[
    "nearest",
    "linear",
    "bspline",
    "gaussian",
    "label_gaussian",
    "hamming_sinc",
    "cosine_sinc",
    "welch_sinc",
    "lanczos_sinc",
    "blackman_sinc",
]


def _rising(ends: tuple[float, float]) -> tuple[float, float]:
    if not (isfinite(ends[0]) and isfinite(ends[1]) and ends[0] < ends[1]):
        raise ValueError(f"bin_range goes from a lower to an upper value, found {ends[0]:g} to {ends[1]:g}")
    return ends


BinRange = Annotated[tuple[float, float], AfterValidator(_rising)]


class FilterSettings(Section):
    """Settings of one filter in the place of the common ones."""

    bin_width: PositiveFloat | None = None
    bin_count: PositiveInt | None = None
    bin_range: BinRange | None = None


class RadiomicsConfig(Section):
    """How features are computed; `params` takes a PyRadiomics parameter file as it is instead.

    `docs/radiomics.md` lists what each setting is called in PyRadiomics.
    """

    engine: EngineName = "fast"
    """Who computes: our own engine, or PyRadiomics."""
    convention: Literal["pyradiomics"] = "pyradiomics"
    """Whose definitions."""
    params: Path | None = None
    """PyRadiomics parameter file (YAML or JSON); all settings below then stay at their defaults."""
    bin_width: PositiveFloat = 25.0
    """Grey-level bin, in image units."""
    bin_count: PositiveInt | None = None
    """Number of bins; takes the place of the width."""
    bin_range: BinRange | None = None
    """Fixed ends of the bins of the original image; values beyond are moved to them. None: the region's own."""
    max_bins: PositiveInt = 10_000
    """More bins than this are an error: they ask for memory and time, and say that the width is wrong."""
    spacing_zyx_mm: tuple[NonNegativeFloat, NonNegativeFloat, NonNegativeFloat] | None = None
    """Resampled voxel size, 0 keeps an axis; None keeps the image's own."""
    interpolator: Interpolator = "bspline"
    """Of the image; masks take the nearest voxel."""
    crop_first: bool = True
    """Cut the image around the region before filters: faster, and what filters see beyond the crop is not there."""
    pad_voxels: NonNegativeInt = 10
    """Margin of that cut, and of resampling."""
    normalize: bool = False
    """Centre the whole image at 0 with a standard deviation of `normalize_scale`."""
    normalize_scale: PositiveFloat = 100.0
    normalize_region: str | None = None
    """Normalise by this region's mean and standard deviation instead of the whole image's."""
    remove_outliers: PositiveFloat | None = None
    """After normalising, move values beyond so many standard deviations to them."""
    resegment_range: tuple[float, ...] | None = Field(default=None, min_length=1, max_length=2)
    """Keep voxels from the first value (to the second)."""
    resegment_mode: Literal["absolute", "relative", "sigma"] = "absolute"
    """In image units, in shares of the largest value, or in standard deviations from the mean."""
    resegment_shape: bool = False
    """Shape sees the resegmented region too."""
    slice_axis: Literal["z", "y", "x"] | None = None
    """Compute texture slice by slice, across this axis nothing is a neighbour; None: three-dimensional."""
    distances: tuple[PositiveInt, ...] = Field(default=(1,), min_length=1)
    """Between neighbours in voxels, for GLCM, GLDM and NGTDM."""
    weighting: Literal["euclidean", "manhattan", "infinity", "no_weighting"] | None = None
    """Sum up directions weighted by distance in this norm, instead of averaging features over them."""
    symmetric_glcm: bool = True
    gldm_alpha: NonNegativeInt = 0
    """Grey levels that differ by at most this depend on each other."""
    shift: int = 0
    """Added to grey values before squaring, for Energy, TotalEnergy and RootMeanSquared."""
    filters: tuple[FilterName, ...] = Field(default=("original",), min_length=1)
    log_sigma_mm: tuple[PositiveFloat, ...] = (1.0, 2.0, 3.0, 4.0, 5.0)
    """Of the Laplacian of Gaussian."""
    wavelet: str = "coif1"
    """Any discrete wavelet of PyWavelets."""
    wavelet_levels: PositiveInt = 1
    wavelet_start_level: NonNegativeInt = 0
    gradient_per_mm: bool = True
    """False: per voxel."""
    lbp_2d_radius: PositiveFloat = 1.0
    lbp_2d_samples: PositiveInt = 8
    lbp_2d_method: Literal["default", "ror", "uniform", "var"] = "uniform"
    lbp_3d_levels: PositiveInt = 2
    lbp_3d_radius: PositiveFloat = 1.0
    lbp_3d_subdivision: NonNegativeInt = 1
    per_filter: dict[FilterName, FilterSettings] = {}
    """Bins of single filters."""
    classes: tuple[FeatureClass, ...] = ("shape", "firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm")
    features: dict[FeatureClass, tuple[str, ...]] = {}
    """Class -> names, where not all are wanted."""
    min_voxels: PositiveInt = 10
    """Smaller regions are an error of their case."""
    min_dimensions: int = Field(default=2, ge=1, le=3)
    """Axes along which a region has to extend over more than one voxel."""
    grid_tolerance: PositiveFloat | None = None
    """How far mask and image may lie apart, in voxels; None: a thousandth."""
    correct_mask: bool = False
    """Resample a mask that lies on another grid than its image."""
    mask_channel: NonNegativeInt = 0
    """Which channel of a mask file that holds several."""

    @model_validator(mode="after")
    def _params_stand_alone(self) -> RadiomicsConfig:
        free = {"params", "engine", "min_voxels", "max_bins"}
        beside = sorted(self.model_fields_set - free)
        if self.params is not None and beside:
            raise ValueError(f"`params` names a PyRadiomics file; remove {', '.join(beside)}, or `params`")
        own = sorted(self.model_fields_set & {"bin_range", "normalize_region"})
        own += [f"per_filter.{name}.bin_range" for name, item in self.per_filter.items() if item.bin_range]
        if self.engine == "pyradiomics" and own:
            raise ValueError(f"PyRadiomics has no {', '.join(own)}; use engine fast")
        if self.normalize_region is not None and not self.normalize:
            raise ValueError("normalize_region says by what to normalise; add `normalize: true`, or remove it")
        unused = [name for name in self.per_filter if name not in self.filters]
        if unused:
            raise ValueError(
                f"per_filter names {unused[0]!r}, which is not among `filters`; add it there, or remove it"
            )
        idle = [name for name in self.features if name not in self.classes]
        if idle:
            raise ValueError(f"features names the class {idle[0]!r}, which is not among `classes`; add it there")
        return self

    def pyradiomics_params(self) -> dict[str, Any]:
        """Return the same settings in PyRadiomics' words."""
        setting: dict[str, Any] = {
            theirs: value
            for ours, theirs in THEIR_NAMES.items()
            if (value := getattr(self, ours)) != RadiomicsConfig.model_fields[ours].default or ours in _SAID
        }
        if self.bin_count is not None:
            setting.pop("binWidth", None)
        if self.spacing_zyx_mm is not None:
            setting["resampledPixelSpacing"] = [float(value) for value in self.spacing_zyx_mm[::-1]]
            setting["interpolator"] = _SITK[self.interpolator]
        if self.normalize:
            setting |= {"normalize": True, "normalizeScale": self.normalize_scale}
        if self.slice_axis is not None:
            setting |= {"force2D": True, "force2Ddimension": "zyx".index(self.slice_axis)}
        images: dict[str, dict[str, Any]] = {FILTER_NAMES[name]: {} for name in self.filters}
        if "LoG" in images:
            images["LoG"] = {"sigma": [float(value) for value in self.log_sigma_mm]}
        for name, item in self.per_filter.items():
            if item.bin_count is not None:
                images[FILTER_NAMES[name]] |= {"binCount": item.bin_count}
            elif item.bin_width is not None:
                common = {"binCount": None} if self.bin_count is not None else {}  # which would take the width's place
                images[FILTER_NAMES[name]] |= {"binWidth": item.bin_width, **common}
        names = {name: list(self.features.get(name, ())) or None for name in self.classes}
        return {"setting": _plain(setting), "imageType": images, "featureClass": names}

    def extra_settings(self) -> dict[str, dict[str, Any]]:
        """Return what PyRadiomics does not have: filter by its name, "" for all -> settings by our names."""
        found: dict[str, dict[str, Any]] = {"": {"max_bins": self.max_bins}}
        if self.bin_range is not None:
            found["Original"] = {"bin_range": self.bin_range}
        for name, item in self.per_filter.items():
            if item.bin_range is not None:
                found.setdefault(FILTER_NAMES[name], {})["bin_range"] = item.bin_range
        return found


THEIR_NAMES = {
    "bin_width": "binWidth",
    "bin_count": "binCount",
    "crop_first": "preCrop",
    "pad_voxels": "padDistance",
    "remove_outliers": "removeOutliers",
    "resegment_range": "resegmentRange",
    "resegment_mode": "resegmentMode",
    "resegment_shape": "resegmentShape",
    "distances": "distances",
    "weighting": "weightingNorm",
    "symmetric_glcm": "symmetricalGLCM",
    "gldm_alpha": "gldm_a",
    "shift": "voxelArrayShift",
    "wavelet": "wavelet",
    "wavelet_levels": "level",
    "wavelet_start_level": "start_level",
    "gradient_per_mm": "gradientUseSpacing",
    "lbp_2d_radius": "lbp2DRadius",
    "lbp_2d_samples": "lbp2DSamples",
    "lbp_2d_method": "lbp2DMethod",
    "lbp_3d_levels": "lbp3DLevels",
    "lbp_3d_radius": "lbp3DIcosphereRadius",
    "lbp_3d_subdivision": "lbp3DIcosphereSubdivision",
    "min_dimensions": "minimumROIDimensions",
    "grid_tolerance": "geometryTolerance",
    "correct_mask": "correctMask",
    "mask_channel": "label_channel",
}
"""Our name -> PyRadiomics' name, of settings that differ in nothing else."""
_SAID = ("bin_width", "crop_first", "pad_voxels")
"""Always said, because PyRadiomics' defaults are others or may change."""
FILTER_NAMES: dict[str, str] = {
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
_SITK = {
    "nearest": "sitkNearestNeighbor",
    "linear": "sitkLinear",
    "bspline": "sitkBSpline",
    "gaussian": "sitkGaussian",
    "label_gaussian": "sitkLabelGaussian",
    "hamming_sinc": "sitkHammingWindowedSinc",
    "cosine_sinc": "sitkCosineWindowedSinc",
    "welch_sinc": "sitkWelchWindowedSinc",
    "lanczos_sinc": "sitkLanczosWindowedSinc",
    "blackman_sinc": "sitkBlackmanWindowedSinc",
}


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
