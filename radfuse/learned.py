"""What is learned from the images of training cases: landmarks that values are standardised by, clusters of habitats.

A study or a bundle holds it in the settings themselves: Nyul's `landmarks` and the `model` of habitats are open until
they are filled in here, with what an outer fold's training cases taught, or all cases for what ships. Nothing looks
at an outcome.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from radfuse.config import Section
from radfuse.errors import InputError, StudyError
from radfuse.recipe import About, CaseFiles, MaskedImage, RegionRecipe, read_masked, scene_of
from radfuse.regions.config import images_named, open_habitats
from radfuse.regions.habitats import HabitatModel, HabitatsRegion
from radfuse.sequences import open_step, open_steps
from radfuse.volume.normalise import Step, part_of

if TYPE_CHECKING:
    from radfuse.study import Study
    from radfuse.volume.nyul import Nyul

_FEWEST = 2
"""Training cases that landmarks are learned from, at least."""


class Learned(Section):
    """What training cases taught.

    Attributes:
        landmarks: sequence -> of its step of kind nyul.
        habitats: region -> its clusters.
    """

    landmarks: Mapping[str, tuple[float, ...]] = {}
    habitats: Mapping[str, HabitatModel] = {}


class Depends(Section):
    """Which features depend on what a fold's training cases taught.

    Attributes:
        sequences: images whose features do, all of them.
        regions: names of regions whose features do, on every image.
    """

    sequences: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()

    def on(self, feature: str) -> bool:
        """Return whether one does.

        Args:
            feature: "sequence/region/filter_class_Feature".
        """
        sequence, region, *_ = feature.split("/")
        return sequence in self.sequences or region in self.regions


def depends(study: Study) -> Depends:
    """Return which features of a study are others in each fold; empty where it learns nothing of images."""
    if not study.regions:
        return Depends()
    steps, habitats = open_steps(study.sequences), open_habitats(study.regions)
    looking = any(name in steps for name in images_named(study.regions))
    own = any(not type(part).__module__.startswith("radfuse.") for part in (*study.regions, *study.morphometry))
    everywhere = steps and (looking or own)  # a user's own kind may look at any image
    images = tuple(name for name in study.cohort.images if everywhere or name in steps)
    names = (name for own in habitats.values() for name in (own.name, *own.names))
    return Depends(sequences=images, regions=tuple(names))


def learns(study: Study) -> bool:
    """Return whether a study learns something of the images of its training cases, so that features depend on folds."""
    return bool(study.regions) and bool(open_steps(study.sequences) or open_habitats(study.regions))


def filled(study: Study, learned: Learned) -> Study:
    """Return a study whose open settings hold what was learned."""
    sequences = {
        name: section.model_copy(update={"normalise": _with(section.normalise, learned.landmarks.get(name))})
        for name, section in study.sequences.items()
    }
    taught = open_habitats(study.regions).keys() & learned.habitats.keys()
    regions = tuple(
        region.model_copy(update={"model": learned.habitats[region.name]}) if region.name in taught else region
        for region in study.regions
    )
    return study.model_copy(update={"sequences": sequences, "regions": regions})


def sampled(files: CaseFiles, recipe: RegionRecipe, about: About, seed: int) -> dict[str, np.ndarray]:
    """Return what one case can teach.

    Args:
        files: of the case.
        recipe: of its regions, with settings that are open.
        about: the case.
        seed: of the voxels that are drawn.

    Returns:
        "nyul/SEQUENCE" -> percentiles of that image; "habitats/REGION" -> values of voxels, shape (voxel, image), as
        they are before a step whose landmarks are learned.

    Raises:
        InputError: a file cannot be used, or its values cannot be standardised.
        CaseError: there are too few voxels for clusters, or an image is missing.
    """
    steps = {name: step for name, own in recipe.sequences.items() if (step := open_step(own.normalise)) is not None}
    before = {
        name: own.model_copy(update={"normalise": _before(own.normalise)}) for name, own in recipe.sequences.items()
    }
    images = read_masked(files, recipe.model_copy(update={"sequences": before}))
    found = {f"nyul/{name}": _percentiles(images[name], steps[name], recipe) for name in steps if name in images}
    for name, habitats in open_habitats(recipe.regions).items():
        scene = scene_of(habitats.sequences[0], images, recipe, about)
        found[f"habitats/{name}"] = habitats.sampled(scene, seed)
    return found


def learned_from(
    samples: Sequence[Mapping[str, np.ndarray]],
    steps: Mapping[str, Nyul],
    habitats: Mapping[str, HabitatsRegion],
    seed: int,
    fold: str,
) -> Learned:
    """Return what some cases teach.

    Args:
        samples: of each training case, as `sampled` gives them.
        steps: sequence -> its open step.
        habitats: region -> whose clusters are to be fitted.
        seed: of the fits.
        fold: whose training cases they are, for messages.

    Raises:
        StudyError: too few of the cases have an image, or their voxels make no clusters.
    """
    landmarks = {}
    for name, step in steps.items():
        rows = [sample[f"nyul/{name}"] for sample in samples if f"nyul/{name}" in sample]
        if len(rows) < _FEWEST:
            raise StudyError(
                f"sequences.{name}.normalise: nyul has {len(rows)} training cases with that image in fold {fold!r}, "
                f"needs {_FEWEST}; add cases, or give `landmarks` of other images"
            )
        landmarks[name] = step.learned(rows)
    models = {
        name: region.learned(voxels_of(samples, region, steps, landmarks), seed, fold)
        for name, region in habitats.items()
    }
    return Learned(landmarks=landmarks, habitats=models)


def voxels_of(
    samples: Sequence[Mapping[str, np.ndarray]],
    region: HabitatsRegion,
    steps: Mapping[str, Nyul],
    landmarks: Mapping[str, tuple[float, ...]],
) -> list[np.ndarray]:
    """Return the voxels that cases teach a region's clusters by, standardised as a fold does; (voxel, image) each.

    Args:
        samples: of the cases, as `sampled` gives them.
        region: whose voxels.
        steps: sequence -> its step whose landmarks are learned.
        landmarks: sequence -> those that the fold learned.
    """
    found = []
    for sample in samples:
        values = sample[f"habitats/{region.name}"].copy()
        for column, name in enumerate(region.sequences):
            if name in steps:
                step = steps[name].model_copy(update={"landmarks": landmarks[name]})
                values[:, column] = step.mapped(values[:, column], sample[f"nyul/{name}"])
        found.append(values)
    return found


def moved_voxels(
    voxels: Mapping[str, Sequence[np.ndarray]], models: Mapping[str, HabitatModel], whole: str
) -> dict[str, float]:
    """Return fold -> share of voxels that lie in another habitat by its clusters than by those of all cases.

    Args:
        voxels: fold -> values of voxels of each case, as `voxels_of` gives them there.
        models: fold -> its clusters.
        whole: the fold of all cases.
    """
    numbers = {fold: models[fold].assigned(np.concatenate(voxels[fold])) for fold in models}
    plain = numbers.pop(whole)
    return {fold: float(np.mean(own != plain)) for fold, own in numbers.items()}


def _percentiles(at: MaskedImage, step: Nyul, recipe: RegionRecipe) -> np.ndarray:
    values = at.image.voxels.astype(np.float64)
    try:
        return step.measured(values, part_of(step, values, at.image, at.mask, recipe.labels))
    except InputError as error:
        raise InputError(f"image {at.image.name}, normalise: {error}") from error


def _before(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Return the steps that come before the open one; all where none is."""
    step = open_step(steps)
    return steps if step is None else steps[: steps.index(step)]


def _with(steps: tuple[Step, ...], landmarks: tuple[float, ...] | None) -> tuple[Step, ...]:
    step = open_step(steps)
    return tuple(one.model_copy(update={"landmarks": landmarks}) if one is step else one for one in steps)
