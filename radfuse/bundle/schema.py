"""bundle.json: what goes in, what comes out, how well it did. Reading it needs pydantic alone."""

from __future__ import annotations

import json
import platform
from collections.abc import Collection, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    ConfigDict,
    Discriminator,
    Field,
    FiniteFloat,
    NonNegativeInt,
    PositiveInt,
    Tag,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from radfuse.bundle.patients import PatientFilter
from radfuse.cohort.changes import Changes
from radfuse.cohort.config import Categories
from radfuse.cohort.visits import VisitsConfig
from radfuse.config import Section
from radfuse.errors import InputError, listed
from radfuse.extend import is_here
from radfuse.fusion.families import blocks_of
from radfuse.morphometry.config import MeasureConfig
from radfuse.outcomes.kinds import Outcome
from radfuse.radiomics.config import RadiomicsConfig
from radfuse.regions.config import RegionConfig
from radfuse.results import SITE, AnyPerformance, Classes, OrdinalFit, Score, SiteInput, SurvivalFit, TrainingRange
from radfuse.seg.backend import sequences_of
from radfuse.seg.config import DeepConfig, Segmentation
from radfuse.sequences import Reach, SequenceConfig, reach_of
from radfuse.study import Study
from radfuse.volume.codes import CodeText

NETWORK = "segmentation.onnx"
PARAMS = "pyradiomics.yaml"
SCHEMA = "bundle.json"
SUMS = "SHA256SUMS"


def _inside(name: str) -> str:
    """Return the name of a file of the bundle; one that leads anywhere else is refused."""
    if not name or name in (".", "..") or PurePosixPath(name).name != name or PureWindowsPath(name).name != name:
        raise ValueError(f"{name[:80]!r} is not the plain name of a file inside the bundle")
    return name


_Column = Annotated[str, Field(min_length=1)]
FileName = Annotated[str, AfterValidator(_inside)]


class OwnPart(Section):
    """A user's own part as bundle.json names it; its module is imported where the part is needed, not before."""

    model_config = ConfigDict(frozen=True, extra="allow")

    use: str


def opened(part: Any, kind: Any, what: str) -> Any:
    """Return a part, a user's own one imported and checked.

    Args:
        part: of a bundle.
        kind: the union of the wing it belongs to.
        what: is it, for the message: "region".

    Raises:
        InputError: its module is not here, or holds another class than the bundle was made with.
    """
    if not isinstance(part, OwnPart):
        return part
    try:
        return TypeAdapter(kind).validate_python(part.model_dump())
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise InputError(
            f"the bundle's {what} is a user's own part, and the code of it does not travel: {reason}. Put that module "
            "where Python looks (install it, or name its folder in PYTHONPATH), if you trust who wrote it"
        ) from error


def _which(value: Any) -> str:
    return "own" if isinstance(value, OwnPart) or (isinstance(value, Mapping) and "use" in value) else "known"


_own = Annotated[OwnPart, Tag("own")]
_Region = Annotated[_own | Annotated[RegionConfig, Tag("known")], Discriminator(_which)]
_Measure = Annotated[_own | Annotated[MeasureConfig, Tag("known")], Discriminator(_which)]
_Backend = Annotated[_own | Annotated[Segmentation, Tag("known")], Discriminator(_which)]
_Outcome = Annotated[_own | Annotated[Outcome, Tag("known")], Discriminator(_which)]


class BundleInput(Section):
    """One column of a family's ONNX input, in order."""

    name: str
    block: str
    used: bool
    """False: no model uses its values; one that is not NaN still says that the unit has the block."""
    low: FiniteFloat | None = None
    high: FiniteFloat | None = None
    """Smallest and largest value at training."""

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"{self.name[:80]!r} has low {self.low:g} above high {self.high:g}")
        return self


class BundleFamily(Section):
    """One family's model."""

    file: FileName
    inputs: tuple[BundleInput, ...] = Field(min_length=1)
    threshold: FiniteFloat = Field(ge=0, le=1)
    """Probability from which a unit is called."""
    formula: str | None
    """The score in the columns' own units, where the model has one."""
    largest_difference: FiniteFloat
    """Between the ONNX file and the pipeline it was made from, in probability."""
    performance: AnyPerformance
    """On the outer test folds, not of the refitted model."""
    explainer: FileName | None = None
    """What its score is made of, in arrays, for `radfuse predict --explain`. None: nothing explains it."""
    explainers: Mapping[str, FileName] = Field(default={}, exclude_if=lambda kept: not kept)
    """Of several classes, the same of each against the rest, by the class's name."""
    site: SiteInput | None = None
    """How values are harmonised: the input of block `site` is the place of the unit's site among the levels, NaN for
    any other. None: they are not."""
    survival: SurvivalFit | None = None
    """Of a survival outcome: survival(t) = (1 - probability) ** hazard(t)."""
    ordinal: OrdinalFit | None = Field(default=None, exclude_if=lambda kept: kept is None)
    """Of an ordinal outcome: the probability of a grade at most k = 1 / (1 + exp(slope * score - cut_k))."""
    classes: Classes | None = Field(default=None, exclude_if=lambda kept: kept is None)
    """Of an outcome of several classes: their names, in the order of the model's probabilities."""
    score: Score | None = None
    """The model as a sum of terms, where it is one; its columns are among the inputs."""
    no_score: str = ""
    """Why it is none, and what would make it one."""

    @property
    def beside(self) -> SurvivalFit | OrdinalFit | Classes | None:
        """What stands beside its predictions, by the outcome; None: nothing."""
        return self.survival or self.ordinal or self.classes

    @model_validator(mode="after")
    def _scores_its_inputs(self) -> Self:
        known = {item.name for item in self.inputs}
        foreign = [item.name for item in (self.score.columns if self.score else ()) if item.name not in known]
        if foreign:
            raise ValueError(f"the score is of the column {foreign[0][:80]!r}, which is no input")
        return self

    @model_validator(mode="after")
    def _tells_the_site(self) -> Self:
        told = [item.name for item in self.inputs if item.block == SITE]
        if told != ([self.site.column] if self.site is not None else []):
            raise ValueError(f"the inputs of block {SITE!r} are {listed(told)}, and `site` tells of another")
        return self

    def joins(self, blocks: Collection[str], item: BundleInput) -> bool:
        """Return whether an input is of these blocks, or hidden behind them to harmonise."""
        covariate = item.block == "clinical" and self.site is not None and item.name in self.site.covariates
        return item.block in blocks or item.block == SITE or covariate

    @field_validator("inputs")
    @classmethod
    def _each_once(cls, inputs: tuple[BundleInput, ...]) -> tuple[BundleInput, ...]:
        seen: set[tuple[str, str]] = set()
        for item in inputs:
            if (item.block, item.name) in seen:
                raise ValueError(f"the column {item.name[:80]!r} of block {item.block!r} stands there twice")
            seen.add((item.block, item.name))
        return inputs

    @field_validator("performance")
    @classmethod
    def _is_finite(cls, performance: AnyPerformance) -> AnyPerformance:
        json.dumps(performance.model_dump(), allow_nan=False)
        return performance


class ImageRecipe(Section):
    """How a study turned images into features.

    Attributes:
        images: sequence -> column of the cohort table.
        mask: column of masks where nothing is segmented.
        sequence: which image the network reads, or which as channels; None where masks are brought.
        labels: label name -> number.
        regions: the regions of interest.
        radiomics: how features are computed; a parameter file's content travels in `params`.
        params: name of the PyRadiomics parameter file inside the bundle, where the study named one.
        morphometry: what is measured of shapes.
        deep: which deep features; None without.
        resample_masks: as in the study.
        by_sequence: as `sequences` of the study.
        segmented: the image that masks lie on; None: the first that the network reads, or the first of all.
        optional_images: sequences that a case may lack.
        masks: sequence -> column of masks of its own, where those are what it is measured by.
        backend: whose network it is; None: one that `OnnxSegmenter` opens.
        landmarks: name -> column of the cohort table, as in the study.
        slices: the same of slices.
        readers: reader -> column of the cohort table, where masks are made of theirs.
        training_masks: what the masks look like that the network learned from; None where that is not known.
        codes: label name -> code of its DICOM segment, as in the study.
        visits: as in the study: follow-ups are registered to the baseline of their unit. None: they are not.
    """

    images: dict[str, str] = Field(min_length=1)
    mask: str | None
    sequence: str | tuple[str, ...] | None
    labels: dict[str, int]
    regions: tuple[_Region, ...] = Field(min_length=1)
    radiomics: RadiomicsConfig
    params: FileName | None = None
    morphometry: tuple[_Measure, ...] = ()
    deep: DeepConfig | None = None
    resample_masks: bool = False
    by_sequence: dict[str, SequenceConfig] = {}
    segmented: str | None = None
    optional_images: tuple[str, ...] = ()
    masks: dict[str, str] = {}
    backend: _Backend | None = None
    landmarks: dict[str, str] = {}
    slices: dict[str, str] = {}
    readers: dict[str, str] = {}
    training_masks: TrainingRange | None = None
    codes: dict[str, CodeText] = {}
    visits: VisitsConfig | None = Field(default=None, exclude_if=lambda asked: asked is None)

    @field_validator("radiomics")
    @classmethod
    def _names_no_file(cls, radiomics: RadiomicsConfig) -> RadiomicsConfig:
        if radiomics.params is not None:
            raise ValueError(f"names the file {str(radiomics.params)[:80]!r}; a bundle's parameter file is `params`")
        return radiomics

    @model_validator(mode="after")
    def _has_what_it_reads(self) -> Self:
        if self.sequence is None and self.deep is not None:
            raise ValueError("deep features need a network, and `sequence` names no image that one reads")
        if self.sequence is None and self.mask is None:
            raise ValueError("neither `sequence` nor `mask` says where masks come from")
        for sequence in self.sequences:
            if sequence not in self.images:
                raise ValueError(f"the network reads the image {sequence[:80]!r}, which is not among `images`")
        for name in (*self.by_sequence, self.home, *self.optional_images, *self.masks):
            if name not in self.images:
                raise ValueError(f"{name[:80]!r} is said more of, and is not among `images`")
        for name in self.images:
            if self.reach(name) == "own" and name not in self.masks:
                raise ValueError(f"the image {name[:80]!r} has masks of its own, and `masks` names no column of them")
        return self

    @property
    def home(self) -> str:
        """The image that masks lie on."""
        return self.segmented or (self.sequences or tuple(self.images))[0]

    def reach(self, sequence: str) -> Reach:
        """Return how masks reach a sequence."""
        return reach_of(sequence, self.by_sequence, self.masks, resample_masks=self.resample_masks)

    @property
    def sequences(self) -> tuple[str, ...]:
        """The images that the network reads, the one that its masks lie on first."""
        return sequences_of(self.sequence)

    @property
    def blocks(self) -> tuple[str, ...]:
        """Blocks that come from images."""
        return ("radiomic", "deep") if self.deep is not None else ("radiomic",)

    def opened_regions(self) -> tuple[RegionConfig, ...]:
        """Return the regions, users' own imported; raises `InputError` where one is not here."""
        return tuple(opened(region, RegionConfig, "region") for region in self.regions)

    def opened_measures(self) -> tuple[MeasureConfig, ...]:
        """Return what is measured of shapes, users' own kinds imported; raises `InputError` where one is not here."""
        return tuple(opened(measure, MeasureConfig, "measure") for measure in self.morphometry)

    def opened_backend(self) -> Segmentation | None:
        """Return the backend, a user's own imported; raises `InputError` where it is not here."""
        return None if self.backend is None else opened(self.backend, Segmentation, "segmentation backend")

    @classmethod
    def of(cls, study: Study) -> Self | None:
        """Return the recipe of a study; None where its features come as tables."""
        if not study.regions or study.segmentation is None:
            return None
        backend = study.segmentation
        trained = study.segments
        first = next(iter(study.cohort.images))
        return cls(
            images=study.cohort.images,
            mask=None if trained else study.cohort.mask,
            sequence=(backend.sequence or first) if trained else None,
            labels=backend.labels,
            regions=study.regions,
            radiomics=study.radiomics.model_copy(update={"params": None}),
            params=PARAMS if study.radiomics.params is not None else None,
            morphometry=study.morphometry,
            deep=study.deep,
            resample_masks=study.resample_masks,
            by_sequence=study.sequences,
            segmented=(backend.sequences or (first,))[0],
            optional_images=study.cohort.optional_images,
            masks={name: column for name, column in study.cohort.masks.items() if _is_own(study, name)},
            backend=_without_folders(backend) if trained and not backend.encodes else None,
            landmarks=study.cohort.landmarks,
            slices=study.cohort.slices,
            readers=study.cohort.readers if getattr(backend, "votes", False) else {},
            codes=backend.codes if trained else {},
            visits=_with_baseline(study),
        )


def _with_baseline(study: Study) -> VisitsConfig | None:
    """Return the section `visits` with the baseline that `cohort.changes` may have said."""
    visits = study.visits
    return visits and visits.model_copy(update={"baseline": visits.first(study.cohort)})


def _is_own(study: Study, sequence: str) -> bool:
    own = study.cohort.masks
    return reach_of(sequence, study.sequences, own, resample_masks=study.resample_masks) == "own"


def _without_folders(backend: Segmentation) -> Segmentation:
    """Return a backend whose files are called by their names alone: what they hold travels, not where they lay."""
    paths = {name: getattr(backend, name) for name in type(backend).model_fields}
    return backend.model_copy(update={name: Path(path.name) for name, path in paths.items() if isinstance(path, Path)})


class TrainedOn(Section):
    """How many the models were fitted on."""

    units: PositiveInt
    patients: PositiveInt
    events: NonNegativeInt | None
    """With the event; None where the outcome has none."""


class StudyFacts(Section):
    """Which study it was, and what the columns of its table mean."""

    study: str
    title: str
    case: _Column
    patient: _Column
    unit: tuple[_Column, ...] = Field(min_length=1)
    visit: _Column
    changes: Changes | None = None
    clinical: tuple[str | Categories, ...]
    outcome: _Outcome

    def opened_outcome(self) -> Outcome:
        """Return the outcome, a user's own imported; raises `InputError` where it is not here."""
        return opened(self.outcome, Outcome, "outcome")

    def outcome_here(self) -> Outcome | None:
        """Return the outcome; None where its module is a user's own that is not here: a binary one does without it.

        Raises:
            InputError: the module is here, and is not what the bundle was made with, or lacks what it imports.
        """
        if isinstance(self.outcome, OwnPart) and not is_here(self.outcome.use):
            return None
        return self.opened_outcome()

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
            changes=config.changes,
            clinical=config.clinical,
            outcome=config.outcome,
        )


class BundleSchema(StudyFacts):
    """bundle.json."""

    format: Literal[1] = 1
    outputs: Mapping[str, str]
    trained_on: TrainedOn
    families: Mapping[str, BundleFamily] = Field(min_length=1)
    versions: Mapping[str, str]
    imaging: ImageRecipe | None = None
    """How images became features; None where features came as tables."""
    patients: PatientFilter | None = None
    """Tells the patients of the training from others, as a crowd."""

    @field_validator("families")
    @classmethod
    def _join_their_blocks(cls, families: Mapping[str, BundleFamily]) -> Mapping[str, BundleFamily]:
        for name, family in families.items():
            foreign = next((item for item in family.inputs if not family.joins(blocks_of(name), item)), None)
            if foreign is not None:
                raise ValueError(
                    f"family {name!r} has the column {foreign.name[:80]!r} of block {foreign.block[:80]!r}, which it "
                    "does not join"
                )
        return families


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages results depend on."""
    found = {"python": platform.python_version()}
    for name in ("radfuse", "numpy", "scipy", "pandas", "scikit-learn", "onnx", "onnxruntime"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
