"""Study: the sections of the wings composed into one file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator, model_validator

from radfuse.agreement import CHECKS
from radfuse.cohort.config import CohortConfig
from radfuse.cohort.visits import VisitsConfig
from radfuse.config import Section, apply_overrides, build, nearest, read_yaml, to_yaml
from radfuse.errors import InputError, Problem, short
from radfuse.evaluation.config import EvaluationConfig
from radfuse.evaluation.variants import ASIDE, CLASSIFIERS, Variants, difference, kept, varied
from radfuse.extend import parts_beside
from radfuse.features import FeatureSource
from radfuse.fusion.config import FusionConfig
from radfuse.fusion.families import default_families, in_order
from radfuse.fusion.serves import with_learner
from radfuse.given import as_names, as_path
from radfuse.morphometry.config import MeasureConfig
from radfuse.radiomics.config import RadiomicsConfig
from radfuse.radiomics.stability_config import StabilityConfig
from radfuse.regions.config import Regions
from radfuse.seg.config import DeepConfig, Segmentation
from radfuse.sequences import SequenceConfig, merged


def _table_or_source(value: Any) -> Any:
    return {"table": value} if isinstance(value, (str, Path)) else value


Source = Annotated[FeatureSource, BeforeValidator(_table_or_source)]
_BLOCK = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
_TAKEN = {
    "clinical": "the columns of cohort.clinical are",
    "comparison": "a folder of the run folder is",
    "segmentation": "a file of the bundle is",
    "site": "the column that tells sites to harmonise is",
    "units": "a file of the run folder is",
}
"""What no block of tables may be called, because something else is."""


class ReportSettings(Section):
    """What only the report needs to know."""

    journal_figures: bool = True
    """Write figures at the widths that journals print, as SVG and PDF; False: SVG as on the page, seconds faster."""
    answers: Path | None = None
    """What the authors answer to items of METRICS, CLEAR and TRIPOD+AI, as YAML; None: what software can know alone."""


class Study(Section):
    """Everything that decides a result."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)
    """Letters, digits, dot, dash and underscore; names the run folder."""
    seed: int = Field(default=7, ge=0, le=2**31 - 1)
    """Of folds, weights and whatever else is drawn."""
    title: str = ""
    """Of the report; the name when empty."""
    cohort: CohortConfig
    """The cohort table, and what its columns mean."""
    features: dict[str, Source] = {}
    """Finished feature tables by block: radiomic, deep, or any other name, for example laboratory."""
    segmentation: Segmentation | None = None
    """Where masks come from and what their labels mean."""
    regions: Regions = ()
    """Regions of interest; naming some makes the radiomic block from images. `preset: NAME` stands for many."""
    radiomics: RadiomicsConfig = RadiomicsConfig()
    """How radiomic features are computed from images."""
    morphometry: tuple[MeasureConfig, ...] = ()
    """What is measured of the shapes of regions and labels; its values join the radiomic block."""
    morphometry_maps: bool = False
    """Draw the thickness of the cartilages that morphometry names: regions/CASE holds maps and surfaces."""
    deep: DeepConfig | None = None
    """Naming it, even empty, makes the deep block from the segmentation network."""
    stability: StabilityConfig = StabilityConfig()
    """How images and masks are disturbed for `radfuse stability`, and for the selection step of that name."""
    resample_masks: bool = False
    """Bring masks onto the grid of each image by nearest neighbour; False makes another grid an error of its case."""
    sequences: dict[str, SequenceConfig] = {}
    """Sequence name -> how masks reach it, how its values are normalised, and how it is measured."""
    visits: VisitsConfig | None = None
    """Naming it, even empty, registers the follow-ups of a unit to its baseline, whose mask they are measured by."""
    fusion: FusionConfig = FusionConfig()
    """Which models are compared, and how they are built."""
    evaluation: EvaluationConfig = EvaluationConfig()
    """What is measured beside: readers, subgroups, optimism, shuffled outcomes, learning curves."""
    variants: Variants = {}
    """Sensitivity analyses, by name what each changes: {bin_10: {radiomics.bin_width: 10}}; `classifiers: [svm, knn]`
    stands for one a kind."""
    nomogram: str | None = None
    """Family that the report draws a nomogram of; its model must be a sum of terms. None: of every family whose is."""
    report: ReportSettings = ReportSettings()
    """What only the report needs to know; it changes no number."""

    @model_validator(mode="before")
    @classmethod
    def _sequences_inherit(cls, said: Any) -> Any:
        return merged(with_learner(said)) if isinstance(said, Mapping) else said

    @field_validator("features")
    @classmethod
    def _names_of_blocks(cls, features: dict[str, Source]) -> dict[str, Source]:
        seen: set[str] = set()
        for name in features:
            if not _BLOCK.fullmatch(name):
                raise ValueError(
                    f"{short(name)!r} is no name of a block: letters, digits and '_', a letter first, 40 at most"
                )
            if name.lower() in _TAKEN:
                raise ValueError(f"a block may not be called {name!r}, as {_TAKEN[name.lower()]}; choose another name")
            if name.lower() in seen:
                raise ValueError(f"two blocks are called {name!r} but for capitals; their files would be one")
            seen.add(name.lower())
        return features

    @model_validator(mode="after")
    def _fits_together(self) -> Study:
        for check in CHECKS:
            check(self)
        return self

    @property
    def blocks(self) -> tuple[str, ...]:
        """Names of the blocks the study has, in the order that families are spelled in."""
        made = {"clinical": bool(self.cohort.clinical), "radiomic": bool(self.regions), "deep": self.deep is not None}
        return in_order(dict.fromkeys([*(name for name in made if made[name]), *self.features]))

    @property
    def measured_again(self) -> dict[str, tuple[str, ...]]:
        """Blocks that can be measured more than once, and by what: "copies", "readers", "repeats"."""
        again = {block: ("readers",) for block, source in self.features.items() if source.second_table is not None}
        if not self.regions:
            return dict(again)
        readers = ("readers",) if len(self.cohort.drawn) > 1 else ()
        repeats = ("repeats",) if self.cohort.repeats else ()
        return {"radiomic": ("copies", *readers, *repeats), **again}

    @property
    def trains(self) -> bool:
        """Whether the study trains networks of its own."""
        return self.masks_from == "cross_fitted"

    @property
    def segments(self) -> bool:
        """Whether masks are made, by networks trained here or elsewhere, or without training."""
        return self.masks_from in ("cross_fitted", "external", "untrained")

    @property
    def masks_from(self) -> str:
        """Where masks come from, in a word; empty where nothing starts from images."""
        return self.segmentation.source if self.regions and self.segmentation is not None else ""

    @property
    def families(self) -> tuple[str, ...]:
        """Names of the families that are compared: those asked for, or the usual ones of the blocks."""
        return tuple(self.fusion.families or default_families(self.blocks))

    def variant(self, name: str) -> Study:
        """Return one of the variants, whole.

        Raises:
            InputError: there is none of this name, or its settings are wrong.
        """
        if name not in self.variants:
            raise InputError(f"study {self.name!r} has no variant {short(name)!r}{nearest(name, self.variants)}")
        plain = self.model_dump(mode="json", exclude=set(ASIDE))
        whole = build(Study, varied(plain, self.variants[name], name), f"variant {name}")
        aside: dict[str, Any] = {"variants": {}, "nomogram": None, "report": ReportSettings()}
        found: Study = kept(self.model_copy(update=aside), whole)
        return found

    def to_yaml(self) -> str:
        """Return the study as YAML, defaults written out."""
        return to_yaml(self.model_dump(mode="json"))


def for_masks(study: Study) -> Study:
    """Return a study with each label as a region, where it names none and no tables: its images are there for masks."""
    made = study.segmentation
    if made is None or made.source == "manual" or study.regions or study.features:
        return study
    regions = [{"kind": "label", "name": name, "label": name} for name in made.labels]
    first, known = made.sequences[:1], study.sequences
    others = [name for name in study.cohort.images if first and name not in (*first, *study.cohort.masks)]
    changed: dict[str, object] = {"regions": regions}
    if unsaid := [name for name in others if name not in known or known[name].masks is None]:
        brought = {name: known.get(name, SequenceConfig()).model_copy(update={"masks": "resample"}) for name in unsaid}
        changed["sequences"] = {**known, **brought}  # nothing is measured on them: they may have grids of their own
    return Study(**{name: getattr(study, name) for name in study.model_fields_set} | changed)


_LISTS = {"fusion": FusionConfig().model_dump(mode="json")}
"""Of settings left out, whose items an override may change."""


def load_study(path: str | Path | Mapping[str, Any], overrides: Sequence[str] = ()) -> Study:
    """Read a study file, or take its settings as they are.

    Args:
        path: YAML, paths inside it are relative to it; or a mapping, paths relative to the working folder. Tables are
            named by their files.
        overrides: "dotted.key=value" each.

    Returns:
        The study, its paths absolute.

    Raises:
        InputError: every unknown key and wrong value at once, each with its dotted path.
    """
    if isinstance(path, Mapping):
        where, folder, content = "study", Path.cwd(), path
    else:
        path = as_path(path, "study")
        where, content = str(path), read_yaml(path)  # before it is resolved: a link may lead to itself
        folder = path.resolve().parent
    overrides = as_names(overrides, "overrides")
    content = apply_overrides(content, overrides, _LISTS)
    with parts_beside(folder):
        study = _placed(build(Study, content, where), folder)
        return study.model_copy(update={"variants": _changes(study, content, where, folder)})


def _changes(study: Study, content: Mapping[str, Any], where: str, folder: Path) -> dict[str, dict[str, Any]]:
    """Return name -> what each variant has in another way, paths absolute; of what is written, so that what follows
    from a setting follows from the variant's.

    Raises:
        InputError: the faults of all of them, each with its variant.
    """
    plain = {key: value for key, value in content.items() if key not in ASIDE}
    ours = study.model_dump(mode="json", exclude=set(ASIDE))
    found: dict[str, dict[str, Any]] = {}
    problems: list[Problem] = []
    for name, settings in study.variants.items():
        try:
            whole = build(Study, varied(plain, settings, name, _LISTS), f"{where}, variant {name}")
        except InputError as error:
            problems += error.problems or [Problem(where, str(error))]
            continue
        measures = [_measure_of(one) for one in (whole, study)]
        if len(set(measures)) > 1:
            told = f"variants.{name}: its outcome is measured by {measures[0]}, the study's by {measures[1]}"
            problems.append(Problem(where, f"{told}, and no table holds both; make it a study of its own"))
        theirs = _placed(whole, folder).model_dump(mode="json", exclude=set(ASIDE))
        found[name] = difference(ours, theirs)
        if not found[name] and name in (content["variants"].get(CLASSIFIERS) or ()):
            del found[name]  # the study's own classifier, listed among the others
        elif not found[name]:
            problems.append(Problem(where, f"variants.{name} changes nothing of the study; correct or remove it"))
    if problems:
        raise InputError(problems)
    return found


def _measure_of(study: Study) -> str:
    """Return the name of what families are ranked by."""
    named: tuple[str, ...] = getattr(study.cohort.outcome, "measures", ("AUC",))
    return named[0]


def _placed(study: Study, folder: Path) -> Study:
    """Return a study with its paths absolute."""
    features = {
        block: source.model_copy(
            update={
                "table": folder / source.table if source.table else None,
                "second_table": folder / source.second_table if source.second_table else None,
            }
        )
        for block, source in study.features.items()
    }
    cohort = study.cohort.beside(folder)
    params = study.radiomics.params
    radiomics = study.radiomics.model_copy(update={"params": folder / params if params else None})
    own = study.segmentation.beside(folder) if study.segmentation is not None else None
    answers = study.report.answers
    report = study.report.model_copy(update={"answers": folder / answers if answers else None})
    found = {"cohort": cohort, "features": features, "radiomics": radiomics, "segmentation": own, "report": report}
    return study.model_copy(update=found)


ALSO_CALLED: Mapping[str, str] = {
    "knee_progression": "knee_oa_progression",
    "osteosarcoma_ring": "osteosarcoma_response",
    "paraspinal_l45": "paraspinal_fasciitis",
    "rectal_t2_adc": "rectal_pcr",
}
"""What a protocol is called by what it measures -> the shipped study, which is called by what it predicts."""


def shipped_studies() -> dict[str, str]:
    """Return the name and text of each study that comes with the package."""
    installed = resources.files("radfuse") / "configs"
    folder = installed if installed.is_dir() else Path(__file__).parent.parent / "configs"
    return {
        item.name.removesuffix(".yaml"): item.read_text(encoding="utf-8")
        for item in sorted(folder.iterdir(), key=lambda item: item.name)
        if item.name.endswith(".yaml")
    }


def shipped_study(name: str) -> str:
    """Return the text of one shipped study, by its file's name or what it is also called.

    Raises:
        InputError: no such study; names the nearest.
    """
    studies = shipped_studies()
    name = ALSO_CALLED.get(name, name)
    if name not in studies:
        raise InputError(f"no shipped study {name!r}{nearest(name, studies)}")
    return studies[name]
