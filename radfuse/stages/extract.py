"""Stage `extract`: radiomic features of every case."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from radfuse.cohort.case import Case
from radfuse.config import Section
from radfuse.errors import Problem
from radfuse.learned import learns
from radfuse.morphometry.config import MeasureConfig
from radfuse.radiomics.config import RadiomicsConfig
from radfuse.recipe import About, CaseFiles, RegionRecipe
from radfuse.results import CaseFeatures
from radfuse.run.folder import safe_name
from radfuse.run.stage import Stage
from radfuse.stages.context import ALL, Context


@dataclass(frozen=True)
class ExtractJob:
    """One case to measure.

    Attributes:
        about: the case.
        files: its images and masks.
        recipe: of the regions.
        radiomics: sequence -> how features are computed.
        morphometry: what is measured of shapes.
    """

    about: About
    files: CaseFiles
    recipe: RegionRecipe
    radiomics: Mapping[str, RadiomicsConfig]
    morphometry: tuple[MeasureConfig, ...]

    def __str__(self) -> str:
        return self.about.case


def place_of(case: str) -> str:
    """Return where a case's features lie."""
    return f"features/cases/{safe_name(case)}.json"


def job_of(context: Context, case: Case, mask: Path | None, source: str, fold: str = ALL) -> ExtractJob:
    """Return a case to measure with a mask, and with what the training cases of a fold taught."""
    files = context.files(case, mask, source)
    about, radiomics = context.about(case), context.radiomics()
    return ExtractJob(about, files, context.recipe(fold), radiomics, context.study.morphometry)


def jobs(context: Context) -> Iterator[ExtractJob]:
    """Yield every case, with the mask that reaches the models."""
    for case in context.cases():
        yield job_of(context, case, *context.mask(case))


def work(job: ExtractJob) -> CaseFeatures:
    """Return a case's features.

    Raises:
        InputError: a file cannot be used, or lies on another grid.
        CaseError: a region cannot be made or measured.
    """
    from radfuse.recipe import radiomic_features, read_masked

    images = read_masked(job.files, job.recipe)
    return radiomic_features(images, job.files.source, job.recipe, job.radiomics, job.about, job.morphometry)


def write_section(found: Section, path: Path) -> None:
    """Store a result as JSON."""
    path.write_text(found.model_dump_json(), encoding="utf-8")


def remarks(context: Context) -> tuple[Problem, ...]:
    """Return what to know of masks and parameter maps, of the cases that are there in this pass."""
    resampled = any(context.reach(name) == "resample" for name in context.study.cohort.images)
    if not resampled and not any(section.map is not None for section in context.study.sequences.values()):
        return ()
    from radfuse.recipe import remarks_on_images

    found: list[Problem] = []
    for case in context.all_cases:
        place = place_of(case.case_id)
        if context.has(place):
            made = CaseFeatures.model_validate_json(context.path(place).read_bytes())
            found += remarks_on_images(case.case_id, made)
    return tuple(found)


class Extracts(Protocol):
    """A job that extracts features."""

    @property
    def radiomics(self) -> Mapping[str, RadiomicsConfig]:
        """Sequence -> how features are computed."""


def known_early(context: Context) -> bool:
    """Return whether masks are all that features wait for: nothing is learned first, and no mask is carried over."""
    study = context.study
    carried = study.visits is not None or any(context.reach(name) == "register" for name in study.cohort.images)
    return not carried and not learns(study)


def compile_kernels(job: Extracts, tell: Callable[[str], None]) -> None:
    """Have the radiomics kernels compiled once, before several workers would each do it."""
    for number, config in enumerate(configs := list(job.radiomics.values())):
        if config.engine == "fast" and config not in configs[:number]:
            from radfuse.radiomics.kernels import warm_up
            from radfuse.radiomics.plan import plan_of

            warm_up(plan_of(config), tell)


STAGE = Stage(
    "extract",
    7,
    jobs,
    work,
    write_section,
    lambda job: place_of(str(job)),
    what="extracting features",
    needs=(
        "segment",
        "follow",
        "register",
        "learn",
        "manual",
        "by_fold",
    ),  # the latter two's are not read here, but made by whoever extracts: a job of an array
    fails="drops",
    crew="cores",
    ready=compile_kernels,
    early=known_early,
)
