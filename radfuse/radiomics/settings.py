"""What the engine works by: PyRadiomics' settings, typed and checked, whether from its parameter files or from ours.

Each field's alias is PyRadiomics' name for it.
"""

from __future__ import annotations

from typing import Literal

import pywt
from pydantic import ConfigDict, Field, PositiveFloat, PositiveInt, field_validator

from radfuse.config import Section, nearest

FILTERS = (
    "Original",
    "Wavelet",
    "LoG",
    "Square",
    "SquareRoot",
    "Logarithm",
    "Exponential",
    "Gradient",
    "LBP2D",
    "LBP3D",
)
_INTERPOLATORS = (
    "sitkNearestNeighbor",
    "sitkLinear",
    "sitkBSpline",
    "sitkGaussian",
    "sitkLabelGaussian",
    "sitkHammingWindowedSinc",
    "sitkCosineWindowedSinc",
    "sitkWelchWindowedSinc",
    "sitkLanczosWindowedSinc",
    "sitkBlackmanWindowedSinc",
)


class Settings(Section):
    """PyRadiomics' settings; for one filter they may be replaced."""

    model_config = ConfigDict(populate_by_name=True)

    min_dimensions: int = Field(2, alias="minimumROIDimensions", ge=1, le=3)
    min_voxels: PositiveInt | None = Field(None, alias="minimumROISize")
    grid_tolerance: PositiveFloat | None = Field(None, alias="geometryTolerance")
    correct_mask: bool = Field(False, alias="correctMask")
    additional_info: bool = Field(True, alias="additionalInfo")
    label: PositiveInt = Field(1, alias="label")
    mask_channel: int = Field(0, alias="label_channel", ge=0)
    bin_width: PositiveFloat = Field(25.0, alias="binWidth")
    bin_count: PositiveInt | None = Field(None, alias="binCount")
    normalize: bool = Field(False, alias="normalize")
    normalize_scale: PositiveFloat = Field(1.0, alias="normalizeScale")
    remove_outliers: PositiveFloat | None = Field(None, alias="removeOutliers")
    spacing_xyz_mm: tuple[float, float, float] | None = Field(None, alias="resampledPixelSpacing")
    interpolator: str | int | None = Field("sitkBSpline", alias="interpolator")
    pad_voxels: int = Field(5, alias="padDistance", ge=0)
    distances: tuple[PositiveInt, ...] = Field((1,), alias="distances", min_length=1)
    force_2d: bool = Field(False, alias="force2D")
    force_2d_axis: int = Field(0, alias="force2Ddimension", ge=0, le=2)
    resegment_range: tuple[float, ...] | None = Field(None, alias="resegmentRange", min_length=1, max_length=2)
    resegment_mode: Literal["absolute", "relative", "sigma"] = Field("absolute", alias="resegmentMode")
    resegment_shape: bool = Field(False, alias="resegmentShape")
    crop_first: bool = Field(False, alias="preCrop")
    log_sigma_mm: tuple[PositiveInt | PositiveFloat, ...] = Field((), alias="sigma")  # 1 and 1.0 differ in names
    wavelet: str = Field("coif1", alias="wavelet")
    wavelet_levels: PositiveInt = Field(1, alias="level")
    wavelet_start_level: int = Field(0, alias="start_level", ge=0)
    gradient_per_mm: bool = Field(True, alias="gradientUseSpacing")
    lbp_2d_radius: PositiveFloat = Field(1.0, alias="lbp2DRadius")
    lbp_2d_samples: PositiveInt = Field(8, alias="lbp2DSamples")
    lbp_2d_method: Literal["default", "ror", "uniform", "var"] = Field("uniform", alias="lbp2DMethod")
    lbp_3d_levels: PositiveInt = Field(2, alias="lbp3DLevels")
    lbp_3d_radius: PositiveFloat = Field(1.0, alias="lbp3DIcosphereRadius")
    lbp_3d_subdivision: int = Field(1, alias="lbp3DIcosphereSubdivision", ge=0)
    shift: float = Field(0, alias="voxelArrayShift")
    symmetric_glcm: bool = Field(True, alias="symmetricalGLCM")
    weighting: Literal["euclidean", "manhattan", "infinity", "no_weighting"] | None = Field(None, alias="weightingNorm")
    gldm_alpha: int = Field(0, alias="gldm_a", ge=0)
    # what PyRadiomics does not have
    bin_range: tuple[float, float] | None = None
    max_bins: PositiveInt = 10_000

    @field_validator("spacing_xyz_mm", mode="after")
    @classmethod
    def _spacing_positive(cls, value: tuple[float, float, float] | None) -> tuple[float, float, float] | None:
        if value is not None and min(value) < 0:
            raise ValueError("spacings are positive, or 0 to keep the mask's own")
        return value

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

    @field_validator("wavelet", mode="after")
    @classmethod
    def _known_wavelet(cls, value: str) -> str:
        known = pywt.wavelist(kind="discrete")
        if value not in known:
            raise ValueError(f"unknown wavelet {value!r}{nearest(value, known)}")
        return value

    @property
    def flat_axis(self) -> int | None:
        """Axis across which nothing is looked at: 0 is z; None: three-dimensional."""
        return self.force_2d_axis if self.force_2d else None


class Plan(Section):
    """All an extraction is asked for.

    Attributes:
        settings: for everything.
        filters: PyRadiomics' filter name -> settings for it, all merged.
        features: class -> names, in the order of the columns.
        chosen: whether the classes were asked for by name; otherwise all are tried.
    """

    settings: Settings
    filters: dict[str, Settings]
    features: dict[str, tuple[str, ...]]
    chosen: bool = True
