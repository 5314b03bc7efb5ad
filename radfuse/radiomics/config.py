"""Settings of the radiomics wing: which regions, which features, how they are computed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

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
FeatureClass = Literal["shape", "firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm"]


class LabelRegion(Section):
    """The voxels of one label."""

    kind: Literal["label"] = "label"
    name: str
    label: str | PositiveInt
    """Name as in `segmentation.labels`, or number."""


class UnionRegion(Section):
    """The voxels of several labels."""

    kind: Literal["union"] = "union"
    name: str
    labels: tuple[str | PositiveInt, ...] = Field(min_length=1)


class SubchondralRegion(Section):
    """The voxels of a bone within a depth of a cartilage."""

    kind: Literal["subchondral"] = "subchondral"
    name: str
    bone: str | PositiveInt
    cartilage: str | PositiveInt
    depth_mm: PositiveFloat = 10.0


class RingRegion(Section):
    """The voxels around a label, inside the image, without the labels excluded."""

    kind: Literal["ring"] = "ring"
    name: str
    around: str | PositiveInt
    margin_mm: PositiveFloat = 10.0
    exclude: tuple[str | PositiveInt, ...] = ()


RegionConfig = Annotated[LabelRegion | UnionRegion | SubchondralRegion | RingRegion, Field(discriminator="kind")]


class RadiomicsConfig(Section):
    """How features are computed; `params` takes a PyRadiomics parameter file as it is instead."""

    engine: Literal["pyradiomics"] = "pyradiomics"
    """Who computes."""
    params: Path | None = None
    """PyRadiomics parameter file (YAML or JSON); all settings below then stay at their defaults."""
    bin_width: PositiveFloat = 25.0
    """Grey-level bin, in image units."""
    bin_count: PositiveInt | None = None
    """Number of bins; takes the place of the width."""
    spacing_zyx_mm: tuple[PositiveFloat, PositiveFloat, PositiveFloat] | None = None
    """Resampled voxel size; None keeps the image's own."""
    normalize: bool = False
    """Centre the whole image at 0 with a standard deviation of `normalize_scale`."""
    normalize_scale: PositiveFloat = 100.0
    filters: tuple[FilterName, ...] = Field(default=("original",), min_length=1)
    log_sigma_mm: tuple[PositiveFloat, ...] = (1.0, 2.0, 3.0, 4.0, 5.0)
    """Of the Laplacian of Gaussian."""
    classes: tuple[FeatureClass, ...] = ("shape", "firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm")
    min_voxels: PositiveInt = 10
    """Smaller regions are an error of their case."""

    @model_validator(mode="after")
    def _params_stand_alone(self) -> RadiomicsConfig:
        beside = sorted(self.model_fields_set - {"params", "engine", "min_voxels"})
        if self.params is not None and beside:
            raise ValueError(f"`params` names a PyRadiomics file; remove {', '.join(beside)}, or `params`")
        return self

    def pyradiomics_params(self) -> dict[str, Any]:
        """Return the same settings in PyRadiomics' words."""
        setting: dict[str, Any] = {"preCrop": True, "padDistance": 10}
        if self.bin_count is not None:
            setting["binCount"] = self.bin_count
        else:
            setting["binWidth"] = self.bin_width
        if self.spacing_zyx_mm is not None:
            setting["resampledPixelSpacing"] = [float(value) for value in self.spacing_zyx_mm[::-1]]
        if self.normalize:
            setting |= {"normalize": True, "normalizeScale": self.normalize_scale}
        images: dict[str, dict[str, Any]] = {_PYRADIOMICS_FILTERS[name]: {} for name in self.filters}
        if "LoG" in images:
            images["LoG"] = {"sigma": [float(value) for value in self.log_sigma_mm]}
        return {"setting": setting, "imageType": images, "featureClass": dict.fromkeys(self.classes)}


_PYRADIOMICS_FILTERS: dict[str, str] = {
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
