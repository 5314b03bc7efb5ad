"""Settings of the radiomics wing: which features, how they are computed."""

from __future__ import annotations

from math import inf, isfinite
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    Field,
    NonNegativeInt,
    PositiveInt,
    field_validator,
    model_validator,
)

from radfuse.config import Section, nearest, one_of
from radfuse.radiomics.engines import ENGINES
from radfuse.radiomics.families import FAMILIES, unknown_feature
from radfuse.radiomics.filters import FILTERS
from radfuse.volume.grid import SPACING_MM

INTERPOLATORS = {
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
"""Name -> SimpleITK's, in the order of its numbers from 1."""
EngineName = Annotated[str, one_of(ENGINES)]
FilterName = Annotated[str, one_of(FILTERS)]
FeatureClass = Annotated[str, one_of(FAMILIES)]
Interpolator = Annotated[str, one_of(INTERPOLATORS)]

# what a setting may be, here and in PyRadiomics' files: what lies beyond makes no numbers, or does not end
Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
SigmaMm = Annotated[float, Field(ge=SPACING_MM[0], le=1000)]
"""No voxel is as small as to see a narrower Gaussian, no image as large as to hold a wider one."""
WholeSigmaMm = Annotated[int, Field(gt=0, le=1000)]
Distance = Annotated[int, Field(ge=1, le=50)]
"""In voxels: the directions grow with its square, 30,001 at the most."""
Samples = Annotated[int, Field(ge=1, le=31)]
"""Of a circle: scikit-image holds a pattern in 32 bits."""
Subdivision = Annotated[int, Field(ge=0, le=5)]
"""Of an icosahedron: 12, 42, 162, 642, 2,562 and 10,242 samples a voxel."""
Harmonics = Annotated[int, Field(ge=1, le=20)]
WaveletLevels = Annotated[int, Field(ge=1, le=20)]
WaveletStart = Annotated[int, Field(ge=0, le=20)]


def _rising(ends: tuple[float, float]) -> tuple[float, float]:
    if not (isfinite(ends[0]) and isfinite(ends[1]) and ends[0] < ends[1]):
        raise ValueError(f"bin_range goes from a lower to an upper value, found {ends[0]:g} to {ends[1]:g}")
    return ends


BinRange = Annotated[tuple[float, float], AfterValidator(_rising)]


def _size_of_voxels(length: float) -> float:
    least, most = SPACING_MM
    if length != 0 and not least <= length <= most:
        raise ValueError(f"a voxel measures {least:g} to {most:g} mm, or 0 to keep the axis as it is; correct it")
    return length


ResampledMm = Annotated[float, Field(ge=0), AfterValidator(_size_of_voxels)]


def _not_falling(ends: tuple[float, ...]) -> tuple[float, ...]:
    if not ends[0] <= ends[-1]:  # neither are they where one is NaN
        raise ValueError("a range goes from a lower value to an upper one, and has no NaN; swap them, or give numbers")
    if ends[0] == inf or ends[1:] == (-inf,):
        raise ValueError("no voxel lies in this range; widen it")
    return ends


ResegmentRange = Annotated[tuple[float, ...], Field(min_length=1, max_length=2), AfterValidator(_not_falling)]


def _known_wavelet(name: str) -> str:
    if name == "coif1":
        return name
    import pywt  # here, as most studies have no wavelet, or the usual one

    known = pywt.wavelist(kind="discrete")
    if name not in known:
        raise ValueError(f"unknown wavelet {name!r}{nearest(name, known)}")
    return name


Wavelet = Annotated[str, AfterValidator(_known_wavelet)]
"""Any discrete one of PyWavelets."""


class FilterSettings(Section):
    """Settings of one filter in the place of the common ones."""

    bin_width: Positive | None = None
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
    bin_width: Positive = 25.0
    """Grey-level bin, in image units."""
    bin_count: PositiveInt | None = None
    """Number of bins; takes the place of the width."""
    bin_range: BinRange | None = None
    """Fixed ends of the bins of the original image; values beyond are moved to them. None: the region's own."""
    max_bins: PositiveInt = 10_000
    """More bins than this are an error: they ask for memory and time, and say that the width is wrong."""
    spacing_zyx_mm: tuple[ResampledMm, ResampledMm, ResampledMm] | None = None
    """Resampled voxel size, 0 keeps an axis; None keeps the image's own."""
    interpolator: Interpolator = "bspline"
    """Of the image; masks take the nearest voxel."""
    crop_first: bool = True
    """Cut the image around the region before filters: faster, and what filters see beyond the crop is not there."""
    pad_voxels: NonNegativeInt = 10
    """Margin of that cut, and of resampling."""
    normalize: bool = False
    """Centre the whole image at 0 with a standard deviation of `normalize_scale`."""
    normalize_scale: Positive = 100.0
    normalize_region: str | None = None
    """Normalise by this region's mean and standard deviation instead of the whole image's."""
    remove_outliers: Positive | None = None
    """After normalising, move values beyond so many standard deviations to them."""
    resegment_range: ResegmentRange | None = None
    """Keep voxels from the first value (to the second)."""
    resegment_mode: Literal["absolute", "relative", "sigma"] = "absolute"
    """In image units, in shares of the largest value, or in standard deviations from the mean."""
    resegment_shape: bool = False
    """Shape sees the resegmented region too."""
    slice_axis: Literal["z", "y", "x"] | None = None
    """Compute texture slice by slice, across this axis nothing is a neighbour; None: three-dimensional."""
    distances: tuple[Distance, ...] = Field(default=(1,), min_length=1)
    """Between neighbours in voxels, for GLCM, GLDM and NGTDM."""
    weighting: Literal["euclidean", "manhattan", "infinity", "no_weighting"] | None = None
    """Sum up directions weighted by distance in this norm, instead of averaging features over them."""
    symmetric_glcm: bool = True
    """Count each pair of voxels both ways."""
    gldm_alpha: NonNegativeInt = 0
    """Grey levels that differ by at most this depend on each other."""
    shift: int = 0
    """Added to grey values before squaring, for Energy, TotalEnergy and RootMeanSquared."""
    filters: tuple[FilterName, ...] = Field(default=("original",), min_length=1)
    """Images that features are computed on; original is the image itself."""
    log_sigma_mm: tuple[SigmaMm, ...] = (1.0, 2.0, 3.0, 4.0, 5.0)
    """Of the Laplacian of Gaussian."""
    wavelet: Wavelet = "coif1"
    """Any discrete wavelet of PyWavelets."""
    wavelet_levels: WaveletLevels = 1
    wavelet_start_level: WaveletStart = 0
    gradient_per_mm: bool = True
    """False: per voxel."""
    lbp_2d_radius: Positive = 1.0
    lbp_2d_samples: Samples = 8
    lbp_2d_method: Literal["default", "ror", "uniform", "var"] = "uniform"
    """As scikit-image calls it."""
    lbp_3d_levels: Harmonics = 2
    lbp_3d_radius: Positive = 1.0
    lbp_3d_subdivision: Subdivision = 1
    per_filter: dict[FilterName, FilterSettings] = {}
    """Bins of single filters."""
    classes: tuple[FeatureClass, ...] = Field(
        default=("shape", "firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm"), min_length=1
    )
    """Classes of features that are computed."""
    features: dict[FeatureClass, tuple[str, ...]] = {}
    """Class -> names, where not all are wanted."""
    min_voxels: PositiveInt = 10
    """Smaller regions are an error of their case."""
    min_dimensions: int = Field(default=2, ge=1, le=3)
    """Axes along which a region has to extend over more than one voxel."""
    grid_tolerance: Positive | None = None
    """How far mask and image may lie apart, in voxels; None: a thousandth."""
    correct_mask: bool = False
    """Resample a mask that lies on another grid than its image."""
    mask_channel: NonNegativeInt = 0
    """Which channel of a mask file that holds several."""

    @field_validator("features")
    @classmethod
    def _known_features(cls, features: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for name, names in features.items():
            if fault := unknown_feature(name, names):
                raise ValueError(fault)
        return features

    @model_validator(mode="after")
    def _params_stand_alone(self) -> RadiomicsConfig:
        """Refuse settings that contradict each other, or would have no effect."""
        free = {"params", "engine", "min_voxels", "max_bins"}
        beside = sorted(self.not_default() - free)
        if self.params is not None and beside:
            raise ValueError(f"`params` names a PyRadiomics file; remove {', '.join(beside)}, or `params`")
        own = sorted(self.not_default() & {"bin_range", "normalize_region"})
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
        if "log" in self.filters and not self.log_sigma_mm:
            raise ValueError("filter 'log' has no width; give `log_sigma_mm`, for example [1.0, 3.0], or leave it out")
        for count in (self.bin_count, *(item.bin_count for item in self.per_filter.values())):
            bounded(count, self.max_bins, "bin_count")
        return self


def bounded(bin_count: int | None, most: int, name: str) -> None:
    """Refuse a number of bins, called by a name, beyond the most that is allowed.

    Raises:
        ValueError: says both.
    """
    if bin_count is not None and bin_count > most:
        raise ValueError(f"{name} asks for {bin_count:,} bins, allowed are {most:,}; take fewer, or raise `max_bins`")
