"""Stage `export`: the bundle, from the families that were refitted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from radfuse.bundle.schema import ImageRecipe, StudyFacts, versions
from radfuse.errors import StudyError
from radfuse.results import TrainingRange
from radfuse.run.folder import read_json
from radfuse.run.stage import Stage
from radfuse.stages import fuse, prepare, ranges, refit
from radfuse.stages.context import ALL, Context
from radfuse.stages.train import network_of

PLACE = "bundle"


@dataclass(frozen=True)
class ExportJob:
    """All that ships.

    Attributes:
        facts: the study and what the columns of its table mean.
        design: where it is stored.
        comparison: whose performance is quoted.
        fits: family -> its fit on all units.
        imaging: how images become features; None where features come as tables.
        params: PyRadiomics' parameter file, where the study names one.
        network: trained on every manual mask, where there is one.
        masks: what those masks look like.
        versions: of Python and packages.
    """

    facts: StudyFacts
    design: Path
    comparison: Path
    fits: Mapping[str, Path]
    imaging: ImageRecipe | None
    params: Path | None
    network: Path | None
    masks: Path | None
    versions: Mapping[str, str]

    def __str__(self) -> str:
        return "the bundle"


def jobs(context: Context) -> Iterator[ExportJob]:
    """Yield the one bundle.

    Raises:
        StudyError: no family could be fitted on all units.
    """
    study = context.study
    places = {family: refit.place_of(family) for family in fuse.whole_families(context)}
    fits = {family: context.path(place) for family, place in places.items() if context.has(place)}
    if not fits:
        raise StudyError(f"no family could be fitted on all units{context.why()}")
    yield ExportJob(
        StudyFacts.of(study),
        context.path(prepare.PLACE),
        context.path(fuse.PLACE),
        fits,
        ImageRecipe.of(context.as_learned()) if study.regions else None,
        study.radiomics.params if study.regions else None,
        context.path(network_of(ALL)) if context.segments else None,
        context.path(ranges.place_of(ALL)) if context.has(ranges.place_of(ALL)) else None,
        versions(),
    )


def work(job: ExportJob) -> dict[str, bytes]:
    """Return the bundle's files."""
    from radfuse.bundle.write import Shipped, bundle_files

    results = fuse.read_results(job.comparison)
    measured = {performance.family: performance for performance in results.performance}
    families = {
        family: Shipped(
            fitted=fuse.read_fit(path / "fitted.json"),
            model=(path / "model.onnx").read_bytes(),
            largest_difference=read_json(path / "parity.json")["largest_difference"],
            performance=measured[family],
        )
        for family, path in job.fits.items()
    }
    imaging = job.imaging
    if imaging is not None and job.masks is not None:
        usual = TrainingRange.model_validate_json(job.masks.read_bytes())
        imaging = imaging.model_copy(update={"training_masks": usual})
    return bundle_files(
        job.facts,
        prepare.read_design(job.design).design,
        families,
        job.versions,
        imaging=imaging,
        params=job.params.read_bytes() if job.params else None,
        network=job.network.read_bytes() if job.network else None,
    )


def write_files(files: Mapping[str, bytes | str], path: Path) -> None:
    """Store files by name in a new folder; a name may lead into one inside."""
    path.mkdir()
    for name, content in files.items():
        place = path / name
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)


STAGE = Stage(
    "export",
    8,
    jobs,
    work,
    write_files,
    lambda _: PLACE,
    what="writing the bundle",
    needs=("refit", "ranges"),
)
