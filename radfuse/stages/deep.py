"""Stage `deep`: each case's deep features by the encoder of every fold, and by that of the network that ships."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from radfuse import machine
from radfuse.learned import learns
from radfuse.recipe import About, RegionRecipe, deep_recipe, is_mirrored
from radfuse.regions.config import images_named
from radfuse.run.digests import UNSAID
from radfuse.run.folder import safe_name
from radfuse.run.stage import Stage
from radfuse.stages.context import ALL, Context
from radfuse.stages.train import network_of
from radfuse.volume.flat import Spacing


@dataclass(frozen=True)
class DeepJob:
    """One case and one encoder.

    Attributes:
        about: the case.
        sequence: of the image, in the names of the features.
        images: that the network reads.
        mask: of the case.
        source: of the mask.
        fold: of the encoder.
        network: whose encoder it is.
        recipe: of the regions that have deep features.
        mirrored: the case is read as the mirror image of the others.
        others: sequence -> image, those that its regions are made with.
        spacings_mm: what the study says of the pixels of the images, where it says something.
    """

    about: About
    sequence: str
    images: tuple[Path, ...]
    mask: Path | None
    source: str
    fold: str
    network: Path
    recipe: RegionRecipe
    mirrored: bool
    others: Mapping[str, Path]
    spacings_mm: tuple[Spacing | None, ...] = field(default=(), metadata=UNSAID)

    def __str__(self) -> str:
        return self.about.case


def place_of(fold: str, case: str) -> str:
    """Return where a case's features by a fold's encoder lie."""
    return f"features/deep/{safe_name(fold)}/{safe_name(case)}.json"


def jobs(context: Context) -> Iterator[DeepJob]:
    """Yield every case with every encoder, fold by fold."""
    deep = context.study.deep
    if deep is None:
        return
    columns, sequence = context.study.cohort.unit_columns, context.network_sequences[0]
    for fold in context.encoders:
        recipe = deep_recipe(context.recipe(fold), deep, sequence)
        network = context.path(network_of(fold if context.study.trains else ALL))
        for case in context.cases():
            mask, source = context.mask(case)
            mirrored = is_mirrored(deep, columns, case.unit)
            about = context.about(case)
            named = {sequence, *images_named(recipe.regions)}
            others = {name: path for name, path in case.images.items() if name in named}
            settings = (fold, network, recipe, mirrored, others, context.spacings_mm)
            yield DeepJob(about, sequence, context.images(case), mask, source, *settings)


def work(job: DeepJob) -> dict[str, float | None]:
    """Return a case's features by one encoder.

    Raises:
        InputError: a file cannot be used.
        CaseError: a region cannot be made.
    """
    from radfuse.recipe import deep_features, read_mask, read_measured
    from radfuse.seg.predict import segmenter
    from radfuse.volume.stack import read_stacked

    image, network = read_stacked(job.images, job.spacings_mm), segmenter(job.network)
    mask = read_mask(job.mask, job.recipe.labels, job.source, image.grid)
    others = {sequence: read_measured(path, job.recipe.sequences[sequence]) for sequence, path in job.others.items()}
    return deep_features(
        job.sequence, image, mask, network, job.recipe, job.about, mirrored=job.mirrored, others=others
    )


def write(features: Mapping[str, float | None], path: Path) -> None:
    """Store the features as JSON."""
    path.write_text(json.dumps({"features": features}), encoding="utf-8")


STAGE = Stage(
    "deep",
    11,
    jobs,
    work,
    write,
    lambda job: place_of(job.fold, str(job)),
    what="deep features",
    needs=("segment", "follow", "learn"),
    spares=lambda context: () if learns(context.study) else ("learn",),
    fails="drops",
    crew=lambda _: "gpu" if machine.has_gpu() else "network",  # onnxruntime's
)
