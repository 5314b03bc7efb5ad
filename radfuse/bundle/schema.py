"""bundle.json: what goes in, what comes out, how well it did. Reading it needs pydantic alone."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Literal, Self

from radfuse.cohort.config import Categories
from radfuse.config import Section
from radfuse.outcomes.kinds import Outcome
from radfuse.radiomics.config import RadiomicsConfig
from radfuse.regions.config import RegionConfig
from radfuse.results import Performance
from radfuse.seg.config import DeepConfig, Segmentation
from radfuse.study import Study

NETWORK = "segmentation.onnx"
PARAMS = "pyradiomics.yaml"
SCHEMA = "bundle.json"
SUMS = "SHA256SUMS"


class BundleInput(Section):
    """One column of a family's ONNX input, in order."""

    name: str
    block: str
    used: bool
    """False: selection dropped it; any value will do."""
    low: float | None = None
    high: float | None = None
    """Smallest and largest value at training."""


class BundleFamily(Section):
    """One family's model."""

    file: str
    inputs: tuple[BundleInput, ...]
    threshold: float
    formula: str | None
    """The score in the columns' own units, where the model has one."""
    largest_difference: float
    """Between the ONNX file and the pipeline it was made from, in probability."""
    performance: Performance
    """On the outer test folds, not of the refitted model."""


class ImageRecipe(Section):
    """How a study turned images into features.

    Attributes:
        images: sequence -> column of the cohort table.
        mask: column of masks where nothing is segmented.
        sequence: which image the network reads; None where masks are brought.
        labels: label name -> number.
        regions: the regions of interest.
        radiomics: how features are computed; a parameter file's content travels in `params`.
        params: name of the PyRadiomics parameter file inside the bundle, where the study named one.
        deep: which deep features; None without.
        resample_masks: as in the study.
        backend: whose network it is; None: one that `OnnxSegmenter` opens.
    """

    images: dict[str, str]
    mask: str | None
    sequence: str | None
    labels: dict[str, int]
    regions: tuple[RegionConfig, ...]
    radiomics: RadiomicsConfig
    params: str | None = None
    deep: DeepConfig | None = None
    resample_masks: bool = False
    backend: Segmentation | None = None

    @property
    def blocks(self) -> tuple[str, ...]:
        """Blocks that come from images."""
        return ("radiomic", "deep") if self.deep is not None else ("radiomic",)

    @classmethod
    def of(cls, study: Study) -> Self | None:
        """Return the recipe of a study; None where its features come as tables."""
        if not study.regions or study.segmentation is None:
            return None
        backend = study.segmentation
        trained = backend.source == "cross_fitted"
        first = next(iter(study.cohort.images))
        return cls(
            images=study.cohort.images,
            mask=None if trained else study.cohort.mask,
            sequence=(backend.sequence or first) if trained else None,
            labels=backend.labels,
            regions=study.regions,
            radiomics=study.radiomics.model_copy(update={"params": None}),
            params=PARAMS if study.radiomics.params is not None else None,
            deep=study.deep,
            resample_masks=study.resample_masks,
            backend=backend if trained and not backend.encodes else None,
        )


class StudyFacts(Section):
    """Which study it was, and what the columns of its table mean."""

    study: str
    title: str
    case: str
    patient: str
    unit: tuple[str, ...]
    visit: str
    clinical: tuple[str | Categories, ...]
    outcome: Outcome

    @classmethod
    def of(cls, study: Study) -> StudyFacts:
        """Return the facts of a study that predicts something."""
        config = study.cohort
        assert config.outcome is not None
        return StudyFacts(
            study=study.name,
            title=study.title or study.name,
            case=config.case,
            patient=config.patient,
            unit=config.unit_columns,
            visit=config.visit,
            clinical=config.clinical,
            outcome=config.outcome,
        )


class BundleSchema(StudyFacts):
    """bundle.json."""

    format: Literal[1] = 1
    outputs: Mapping[str, str]
    trained_on: Mapping[str, int]
    families: Mapping[str, BundleFamily]
    versions: Mapping[str, str]
    imaging: ImageRecipe | None = None
    """How images became features; None where features came as tables."""


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages results depend on."""
    found = {"python": platform.python_version()}
    for name in ("radfuse", "numpy", "scipy", "pandas", "scikit-learn", "onnx", "onnxruntime"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
