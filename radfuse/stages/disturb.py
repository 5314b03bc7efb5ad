"""Stage `disturb`: features of each case's disturbed copies, and of its second reader's mask."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from radfuse.config import Section
from radfuse.radiomics.config import RadiomicsConfig
from radfuse.radiomics.stability_config import StabilityConfig
from radfuse.recipe import About, CaseFiles, RegionRecipe, whole_regions
from radfuse.results import MaskAgreement
from radfuse.run.folder import safe_name
from radfuse.run.stage import Stage
from radfuse.stages.context import Context
from radfuse.stages.extract import compile_kernels, write_section


class StableCase(Section):
    """Features of a case and its copies, and of its two readers' masks.

    Attributes:
        copies: "sequence/region/feature" -> value of the case as it is, then of each copy.
        readers: the same of the first and the second reader; empty where there is one mask.
        agreement: label -> how the second reader's mask agrees with the first's; empty where there is one.
    """

    copies: tuple[Mapping[str, float | None], ...]
    readers: tuple[Mapping[str, float | None], ...] = ()
    agreement: Mapping[str, MaskAgreement] = {}


@dataclass(frozen=True)
class DisturbJob:
    """One case.

    Attributes:
        about: the case.
        files: its images and masks.
        second_mask: the second reader's, where there is one.
        recipe: of the regions.
        radiomics: sequence -> how features are computed.
        stability: how copies are made.
        seed: of the study.
    """

    about: About
    files: CaseFiles
    second_mask: Path | None
    recipe: RegionRecipe
    radiomics: Mapping[str, RadiomicsConfig]
    stability: StabilityConfig
    seed: int

    def __str__(self) -> str:
        return self.about.case


def place_of(case: str) -> str:
    """Return where a case's copies lie."""
    return f"features/stability/{safe_name(case)}.json"


def jobs(context: Context) -> Iterator[DisturbJob]:
    """Yield every case, with its manual mask where there is one: what a second reader is compared with."""
    study, recipe = context.study, whole_regions(context.recipe())
    for case in context.cases():
        mask, source = (case.mask, "manual") if case.mask is not None else context.mask(case)
        settings = (recipe, context.radiomics(), study.stability, study.seed)
        yield DisturbJob(context.about(case), context.files(case, mask, source), case.second_mask, *settings)


def work(job: DisturbJob) -> StableCase:
    """Return the features of a case's copies, and of its second mask.

    Raises:
        InputError: a file cannot be used, or lies on another grid.
        CaseError: a region cannot be made or measured.
    """
    from radfuse.radiomics.measure import region_features
    from radfuse.radiomics.stability import perturbed_features
    from radfuse.recipe import read_mask, read_masked, regions_on
    from radfuse.seg.metrics import agreement_per_label
    from radfuse.volume.resample import resample_labels

    by_first, by_second = read_masked(job.files, job.recipe), {}
    if job.second_mask is not None:  # which says nothing of an image that has a mask of its own
        seen = {name: path for name, path in job.files.images.items() if name not in job.files.own}
        theirs = replace(job.files, images=seen, mask=job.second_mask, source="manual", own={})
        by_second = read_masked(theirs, job.recipe)
    copies: list[dict[str, float | None]] = [{} for _ in range(job.stability.copies + 1)]
    readers: list[dict[str, float | None]] = [{}, {}] if by_second else []
    for number, (sequence, at) in enumerate(by_first.items()):
        radiomics, regions = job.radiomics[sequence], regions_on(sequence, by_first, job.recipe, job.about)
        seed = (job.seed, zlib.crc32(job.about.case.encode()), number)
        _collect(copies, perturbed_features(at.image, regions, radiomics, job.stability, seed), sequence)
        if sequence in by_second:
            other = by_second[sequence]
            found = region_features(
                other.image, regions_on(sequence, by_first | by_second, job.recipe, job.about), radiomics
            )
            flat = {f"{region}/{name}": value for region, row in found.items() for name, value in row.items()}
            readers[0] |= {name: value for name, value in copies[0].items() if name.startswith(f"{sequence}/")}
            _collect(readers[1:], [flat], sequence)
    if job.second_mask is None:
        return StableCase(copies=tuple(copies))
    first = read_mask(job.files.mask, job.recipe.labels, job.files.source)
    second = resample_labels(read_mask(job.second_mask, job.recipe.labels, "manual"), first.grid)
    agreement = agreement_per_label(first, second, job.recipe.labels)
    return StableCase(copies=tuple(copies), readers=tuple(readers), agreement=agreement)


def _collect(into: list[dict[str, float | None]], rows: Iterable[Mapping[str, float]], sequence: str) -> None:
    for place, row in zip(into, rows, strict=True):
        place |= {f"{sequence}/{name}": value if np.isfinite(value) else None for name, value in row.items()}


STAGE = Stage(
    "disturb",
    3,
    jobs,
    work,
    write_section,
    lambda job: place_of(str(job)),
    what="disturbing images",
    needs=("segment", "register", "learn"),
    spares=lambda context: ("segment",) if all(case.mask is not None for case in context.cases()) else (),
    fails="drops",
    crew="cores",
    ready=compile_kernels,
)
