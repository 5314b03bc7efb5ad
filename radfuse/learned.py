"""What is learned from the images of training cases: by which landmarks values are standardised.

A study or a bundle holds it in the settings themselves: Nyul's `landmarks` are open until they are filled in here, with
those of an outer fold's training cases, or of all cases for what ships. Nothing here looks at an outcome.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from radfuse.config import Section
from radfuse.errors import InputError, StudyError
from radfuse.recipe import About, CaseFiles, RegionRecipe, read_masked
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
    """

    landmarks: Mapping[str, tuple[float, ...]] = {}


def learns(study: Study) -> bool:
    """Return whether a study learns something of the images of its training cases, so that features depend on folds."""
    return bool(study.regions) and bool(open_steps(study.sequences))


def filled(study: Study, learned: Learned) -> Study:
    """Return a study whose open settings hold what was learned."""
    sequences = {
        name: section.model_copy(update={"normalise": _with(section.normalise, learned.landmarks.get(name))})
        for name, section in study.sequences.items()
    }
    return study.model_copy(update={"sequences": sequences})


def sampled(files: CaseFiles, recipe: RegionRecipe, about: About) -> dict[str, np.ndarray]:
    """Return what one case can teach: "nyul/SEQUENCE" -> percentiles of that image.

    Args:
        files: of the case.
        recipe: of its regions, with settings that are open.
        about: the case.

    Raises:
        InputError: a file cannot be used, or its values cannot be standardised.
    """
    steps = {name: step for name, own in recipe.sequences.items() if (step := open_step(own.normalise)) is not None}
    before = {
        name: own.model_copy(update={"normalise": _before(own.normalise)}) for name, own in recipe.sequences.items()
    }
    images = read_masked(files, recipe.model_copy(update={"sequences": before}))
    found = {}
    for name, step in steps.items():
        if name in images:
            image, mask = images[name].image, images[name].mask
            values = image.voxels.astype(np.float64)
            part = part_of(step, values, image, mask, recipe.labels)
            try:
                found[f"nyul/{name}"] = step.measured(values, part)
            except InputError as error:
                raise InputError(f"image {image.name}, normalise: {error}") from error
    return found


def learned_from(samples: Sequence[Mapping[str, np.ndarray]], steps: Mapping[str, Nyul], fold: str) -> Learned:
    """Return what some cases teach.

    Args:
        samples: of each training case, as `sampled` gives them.
        steps: sequence -> its open step.
        fold: whose training cases they are, for messages.

    Raises:
        StudyError: too few of the cases have an image.
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
    return Learned(landmarks=landmarks)


def _before(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Return the steps that come before the open one; all where none is."""
    step = open_step(steps)
    return steps if step is None else steps[: steps.index(step)]


def _with(steps: tuple[Step, ...], landmarks: tuple[float, ...] | None) -> tuple[Step, ...]:
    step = open_step(steps)
    return tuple(one.model_copy(update={"landmarks": landmarks}) if one is step else one for one in steps)
