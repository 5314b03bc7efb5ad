"""Study: the sections of the wings composed into one file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator, model_validator

from radfuse.check.harmonise import sites_can_be_harmonised
from radfuse.check.regions import check_images, check_labels, check_one_space
from radfuse.cohort.config import CohortConfig
from radfuse.cohort.splits import Drawn
from radfuse.config import Section, apply_overrides, build, nearest, read_yaml, to_yaml
from radfuse.errors import InputError, Problem, short
from radfuse.evaluation.config import EvaluationConfig, check_readers
from radfuse.evaluation.variants import ASIDE, CLASSIFIERS, Variants, difference, kept, varied
from radfuse.extend import parts_beside
from radfuse.features import FeatureSource
from radfuse.fusion.additive import why_no_terms
from radfuse.fusion.config import (
    FusionConfig,
    blocks_of,
    check_again,
    check_blocks,
    check_explained,
    check_families,
    check_primary,
    default_families,
    in_order,
    near_family,
)
from radfuse.given import as_names, as_path
from radfuse.morphometry.cartilage import CartilageMeasure
from radfuse.morphometry.config import MeasureConfig, check_measures
from radfuse.radiomics.config import RadiomicsConfig
from radfuse.radiomics.stability_config import StabilityConfig
from radfuse.regions.config import Regions
from radfuse.seg.config import DeepConfig, Segmentation
from radfuse.seg.untrained import Untrained
from radfuse.sequences import SequenceConfig, check_reach, check_sequences, merged


def _table_or_source(value: Any) -> Any:
    return {"table": value} if isinstance(value, (str, Path)) else value


Source = Annotated[FeatureSource, BeforeValidator(_table_or_source)]
_BLOCK = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
_LONGEST_REGION = 100
"""Letters of a region's name, which begins the names of its features."""
_LONGEST_FAMILY = 200
"""Letters of a family's name, which names a folder."""
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
        return merged(said) if isinstance(said, Mapping) else said

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
        for check in _CHECKS:
            check(self)
        return self

    @property
    def blocks(self) -> tuple[str, ...]:
        """Names of the blocks the study has, in the order that families are spelled in."""
        made = {"clinical": bool(self.cohort.clinical), "radiomic": bool(self.regions), "deep": self.deep is not None}
        return in_order(dict.fromkeys([*(name for name in made if made[name]), *self.features]))

    @property
    def measured_again(self) -> dict[str, tuple[str, ...]]:
        """Blocks that can be measured more than once, and by what: "copies", "readers" or both."""
        again = {block: ("readers",) for block, source in self.features.items() if source.second_table is not None}
        if not self.regions:
            return dict(again)
        return {"radiomic": ("copies", "readers") if self.cohort.second_mask else ("copies",), **again}

    @property
    def trains(self) -> bool:
        """Whether the study trains networks of its own."""
        return self._masks_from == "cross_fitted"

    @property
    def segments(self) -> bool:
        """Whether masks are made, by networks trained here or elsewhere, or without training."""
        return self._masks_from in ("cross_fitted", "external", "untrained")

    @property
    def _masks_from(self) -> str:
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
        aside = {"variants": {}, "nomogram": None, "report": ReportSettings()}
        found: Study = kept(self.model_copy(update=aside), whole)
        return found

    def to_yaml(self) -> str:
        """Return the study as YAML, defaults written out."""
        return to_yaml(self.model_dump(mode="json"))


def _images_are_complete(study: Study) -> None:
    if not study.regions:
        return
    names = [region.name for region in study.regions]
    if any(not 0 < len(name.strip()) <= _LONGEST_REGION for name in names):
        raise ValueError(f"regions: a name has 1 to {_LONGEST_REGION} letters; rename the region")
    twice = {name for name in names if names.count(name) > 1 or "/" in name}
    if twice:
        raise ValueError(f"regions: names must differ and hold no '/': {', '.join(sorted(twice))}")
    if "radiomic" in study.features:
        raise ValueError("regions make the radiomic block from images; remove features.radiomic, or regions")
    lacking = [
        name
        for name, value in (
            ("cohort.images", study.cohort.images),
            ("cohort.mask", study.cohort.mask or study._masks_from == "untrained"),
            ("segmentation", study.segmentation),
        )
        if not value
    ]
    if lacking:
        raise ValueError(f"regions need {' and '.join(lacking)}")
    assert study.segmentation is not None
    for region in study.regions:
        check_labels(region, study.segmentation.labels)
    check_images(study.regions, study.cohort.images)
    if isinstance(study.segmentation, Untrained):
        study.segmentation.check_columns(study.cohort.readers, study.cohort.landmarks)
    wanted = study.radiomics.normalize_region
    if wanted is not None and wanted not in names:
        raise ValueError(f"radiomics.normalize_region: no region {wanted!r}{nearest(wanted, names)}")


def _network_has_its_images(study: Study) -> None:
    if not study.regions or study.segmentation is None:
        return
    sequences = study.segmentation.sequences
    for sequence in sequences:
        if sequence not in study.cohort.images:
            raise ValueError(f"segmentation.sequence {sequence!r} is not one of cohort.images")
    if study.segmentation.source != "manual" and not sequences and len(study.cohort.images) > 1:
        one, *more = sorted(study.cohort.images)
        raise ValueError(
            f"say which image the network reads: segmentation.sequence: {one}, or several as channels: "
            f"[{', '.join([one, *more])}], the one that masks lie on first"
        )


def _measures_have_their_regions(study: Study) -> None:
    if study.morphometry and (study.segmentation is None or not study.regions):
        raise ValueError("morphometry needs regions, and what they need: name the regions to measure")
    if study.morphometry_maps and not any(isinstance(measure, CartilageMeasure) for measure in study.morphometry):
        raise ValueError("morphometry_maps needs a measure of kind cartilage in morphometry; name one, or set it false")
    if study.segmentation is not None:
        names = [region.name for region in study.regions]
        check_measures(study.morphometry, names, study.segmentation.labels, study.cohort.images)


def _sequences_fit(study: Study) -> None:
    check_sequences(study.sequences, study.cohort.images, study.regions, study.segmentation)
    own = [name for name, section in study.sequences.items() if section.radiomics is not None]
    if own and study.radiomics.params is not None:
        raise ValueError(
            f"radiomics.params is one file for all sequences, and sequences.{own[0]}.radiomics differs from it; write "
            "the file's settings under radiomics, as docs/radiomics.md translates them"
        )
    if study.regions and study.segmentation is not None:
        check_reach(study.sequences, study.cohort, study.segmentation, resample_masks=study.resample_masks)
        check_one_space(study)


def _deep_has_a_network(study: Study) -> None:
    if study.deep is None:
        return
    if study.segmentation is None or not study.segmentation.encodes or not study.regions:
        raise ValueError("deep needs segmentation: {backend: unet, ...} and regions")
    if "deep" in study.features:
        raise ValueError("deep features come from the network; remove features.deep, or deep")
    unknown = set(study.deep.regions) - {region.name for region in study.regions}
    if unknown:
        raise ValueError(f"deep.regions names {min(unknown)!r}, which is not among regions")
    outside = set(study.deep.mirrored) - set(study.cohort.unit)
    if outside:
        raise ValueError(f"deep.mirrored names the column {min(outside)!r}, which is not in cohort.unit")


def _families_have_blocks(study: Study) -> None:
    check_families(study.fusion.families, study.blocks)
    check_blocks(study.fusion, study.blocks)
    check_again(study.fusion, study.measured_again, bool(study.regions))
    if not study.fusion.families and len("-".join(study.blocks)) > _LONGEST_FAMILY:
        raise ValueError(f"{len(study.blocks)} blocks make too many families; name those wanted in fusion.families")
    check_primary(study.fusion.primary, study.families)
    check_explained(study.fusion.explain.families, study.families)


def _nomogram_has_terms(study: Study) -> None:
    family = study.nomogram
    if family is None:
        return
    if family not in study.families:
        have = ", ".join(study.families)
        raise ValueError(f"nomogram: no family {family!r}{near_family(family, study.families)}; there are: {have}")
    reason = why_no_terms(study.fusion, blocks_of(family))
    if reason:
        raise ValueError(f"nomogram: {family}: {reason}; or leave `nomogram` out")


def _networks_of_one_deal(study: Study) -> None:
    split = study.cohort.split
    if isinstance(split, Drawn) and split.repeats > 1 and study.trains:
        raise ValueError(
            f"cohort.split.repeats: {split.repeats} deals the patients anew, and the masks of each deal would need "
            "networks of their own; set it to 1, or give the masks that a study with 1 made (its labels folder) as "
            "cohort.mask, or its features as tables"
        )


def _readers_are_no_inputs(study: Study) -> None:
    config = study.cohort
    columns = {
        "cohort.clinical": config.clinical_columns,
        "cohort.outcome": config.outcome_columns,
        "cohort.unit": config.unit_columns,
        "cohort.patient": (config.patient,),
        "cohort.images and masks": config.file_columns,
        "cohort.landmarks and slices": config.place_columns,
    }
    taken = {column: setting for setting, names in columns.items() for column in names}
    if study.evaluation.readers and config.outcome is not None and "readers" not in config.outcome.sections():
        raise ValueError("evaluation.readers: readers are compared on a binary outcome alone; remove them")
    check_readers(study.evaluation, taken, study.families)


_CHECKS = (
    _images_are_complete,
    _network_has_its_images,
    _measures_have_their_regions,
    _sequences_fit,
    _deep_has_a_network,
    _families_have_blocks,
    _nomogram_has_terms,
    sites_can_be_harmonised,
    _networks_of_one_deal,
    _readers_are_no_inputs,
)
"""What is held against each other of a study, in this order."""


_LISTS = {"fusion": FusionConfig().model_dump(mode="json")}
"""Of settings left out, whose items an override may change."""


def load_study(path: str | Path | Mapping[str, Any], overrides: Sequence[str] = ()) -> Study:
    """Read a study file, or take its settings as they are.

    Args:
        path: YAML, paths inside it are relative to it; or a mapping, paths relative to the working folder.
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
        theirs = _placed(whole, folder).model_dump(mode="json", exclude=set(ASIDE))
        found[name] = difference(ours, theirs)
        if not found[name] and name in (content["variants"].get(CLASSIFIERS) or ()):
            del found[name]  # the study's own classifier, listed among the others
        elif not found[name]:
            problems.append(Problem(where, f"variants.{name} changes nothing of the study; correct or remove it"))
    if problems:
        raise InputError(problems)
    return found


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
    cohort = study.cohort.model_copy(update={"table": folder / study.cohort.table})
    params = study.radiomics.params
    radiomics = study.radiomics.model_copy(update={"params": folder / params if params else None})
    own = study.segmentation.beside(folder) if study.segmentation is not None else None
    answers = study.report.answers
    report = study.report.model_copy(update={"answers": folder / answers if answers else None})
    found = {"cohort": cohort, "features": features, "radiomics": radiomics, "segmentation": own, "report": report}
    return study.model_copy(update=found)
