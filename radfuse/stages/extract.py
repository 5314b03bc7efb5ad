"""Stage `extract`: radiomic features of every case."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from radfuse.cohort.case import Case
from radfuse.config import Section
from radfuse.morphometry.config import MeasureConfig
from radfuse.radiomics.config import RadiomicsConfig
from radfuse.recipe import About, RegionRecipe
from radfuse.results import CaseFeatures
from radfuse.run.folder import safe_name
from radfuse.run.stage import Stage
from radfuse.stages.context import Context


@dataclass(frozen=True)
class ExtractJob:
    """One case to measure.

    Attributes:
        about: the case.
        images: sequence -> image.
        mask: of the case; without one it fails.
        source: of the mask.
        recipe: of the regions.
        radiomics: how features are computed.
        morphometry: what is measured of shapes.
    """

    about: About
    images: Mapping[str, Path]
    mask: Path | None
    source: str
    recipe: RegionRecipe
    radiomics: RadiomicsConfig
    morphometry: tuple[MeasureConfig, ...]

    def __str__(self) -> str:
        return self.about.case


def place_of(case: str) -> str:
    """Return where a case's features lie."""
    return f"features/cases/{safe_name(case)}.json"


def job_of(context: Context, case: Case, mask: Path | None, source: str) -> ExtractJob:
    """Return a case to measure with a mask."""
    study = context.study
    about = context.about(case)
    return ExtractJob(about, case.images, mask, source, context.recipe(), study.radiomics, study.morphometry)


def jobs(context: Context) -> Iterator[ExtractJob]:
    """Yield every case, with the mask that reaches the models."""
    for case in context.cases():
        mask, source = context.mask(case)
        yield job_of(context, case, mask, source)


def work(job: ExtractJob) -> CaseFeatures:
    """Return a case's features.

    Raises:
        InputError: a file cannot be used, or lies on another grid.
        CaseError: a region cannot be made or measured.
    """
    from radfuse.recipe import radiomic_features, read_mask
    from radfuse.volume.files import read_volume

    mask = read_mask(job.mask, job.recipe.labels, job.source)
    images = {sequence: read_volume(path) for sequence, path in job.images.items()}
    return radiomic_features(images, mask, job.source, job.recipe, job.radiomics, job.about, job.morphometry)


def write_section(found: Section, path: Path) -> None:
    """Store a result as JSON."""
    path.write_text(found.model_dump_json(), encoding="utf-8")


class Extracts(Protocol):
    """A job that extracts features."""

    @property
    def radiomics(self) -> RadiomicsConfig:
        """How features are computed."""


def compile_kernels(job: Extracts, tell: Callable[[str], None]) -> None:
    """Have the radiomics kernels compiled once, before several workers would each do it."""
    if job.radiomics.engine == "fast":
        from radfuse.radiomics.kernels import warm_up
        from radfuse.radiomics.plan import plan_of

        warm_up(plan_of(job.radiomics), tell)


STAGE = Stage(
    "extract",
    2,
    jobs,
    work,
    write_section,
    lambda job: place_of(str(job)),
    what="extracting features",
    needs=("segment", "manual"),  # the latter's are not read here, but made by whoever extracts: a job of an array
    fails="drops",
    crew="cores",
    ready=compile_kernels,
)
