"""Stage `regions`: each case's regions as files to look at in a viewer; no other stage reads them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from radfuse.morphometry.config import MeasureConfig
from radfuse.recipe import About, CaseFiles, RegionRecipe
from radfuse.run.folder import safe_name
from radfuse.run.stage import Stage
from radfuse.stages.context import Context

if TYPE_CHECKING:
    from radfuse.morphometry.thickness import Plate
    from radfuse.volume.region import Region


@dataclass(frozen=True)
class RegionsJob:
    """One case.

    Attributes:
        about: the case.
        files: its images and masks.
        recipe: of the regions.
        mapped: measures whose plates are drawn.
    """

    about: About
    files: CaseFiles
    recipe: RegionRecipe
    mapped: tuple[MeasureConfig, ...] = ()

    def __str__(self) -> str:
        return self.about.case


@dataclass(frozen=True)
class MadeRegions:
    """A case's regions by sequence, on the grid of each image, and its plates of cartilage by title."""

    source: str
    regions: Mapping[str, list[Region]]
    plates: Mapping[str, Plate] = field(default_factory=dict)


def jobs(context: Context) -> Iterator[RegionsJob]:
    """Yield every case."""
    mapped = context.study.morphometry if context.study.morphometry_maps else ()
    for case in context.cases():
        yield RegionsJob(context.about(case), context.files(case, *context.mask(case)), context.recipe(), mapped)


def work(job: RegionsJob) -> MadeRegions:
    """Return a case's regions.

    Raises:
        InputError: a file cannot be used, or lies on another grid.
        CaseError: a region cannot be made.
    """
    from radfuse.recipe import mapped_plates, read_masked, regions_on

    images = read_masked(job.files, job.recipe)
    made = {name: regions_on(name, images, job.recipe, job.about) for name in images}
    return MadeRegions(job.files.source, made, mapped_plates(images, job.recipe, job.about, job.mapped))


def write(made: MadeRegions, path: Path) -> None:
    """Store "SEQUENCE.REGION.nrrd", a label map that holds the region's number, and "regions.json" with their sizes.

    Where cartilage is mapped, "thickness.png", and a surface with its numbers for each, "thickness.TITLE.vtp".
    """
    from radfuse.volume.files import write_image
    from radfuse.volume.image import LabelMap

    path.mkdir()
    facts: dict[str, dict[str, object]] = {}
    for sequence, regions in made.regions.items():
        for number, region in enumerate(regions, start=1):
            name = f"{safe_name(sequence)}.{safe_name(region.name)}.nrrd"
            marked = np.multiply(region.mask, number, dtype=np.uint16)
            write_image(LabelMap(marked, region.grid, {number: region.name}), path / name)
            size = {"voxels": region.voxels, "volume_mm3": region.volume_mm3}
            facts[f"{sequence}/{region.name}"] = {"file": name, "value": number, **size}
    _write_maps(made.plates, path)
    text = json.dumps({"mask_source": made.source, "regions": facts}, indent=1)
    (path / "regions.json").write_text(text, encoding="utf-8")


def _write_maps(plates: Mapping[str, Plate], path: Path) -> None:
    if not plates:
        return
    from radfuse.morphometry.maps import thickness_png
    from radfuse.morphometry.vtp import plate_vtp

    (path / "thickness.png").write_bytes(thickness_png(plates))
    for title, plate in plates.items():
        (path / f"thickness.{safe_name(title)}.vtp").write_bytes(plate_vtp(plate))


STAGE = Stage(
    "regions",
    7,
    jobs,
    work,
    write,
    lambda job: f"regions/{safe_name(str(job))}",
    what="making regions",
    needs=("segment", "follow", "register", "learn"),
    fails="drops",
    crew="cores",
)
