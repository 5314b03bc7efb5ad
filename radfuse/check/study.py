"""A study checked before any compute: config, tables, and where it starts from images, each header and mask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from radfuse.check.images import check_images
from radfuse.check.inputs import Inputs, once, read_inputs
from radfuse.errors import InputError, Problem
from radfuse.run.folder import Progress
from radfuse.stages import prepare
from radfuse.stages.prepare import Prepared
from radfuse.study import Study, for_masks, load_study

_READ_BY_IMAGES = ("cohort", "segmentation", "sequences", "resample_masks")
"""Sections that decide which images and masks are looked at, and how."""


def check_study(
    study: Study | Mapping[str, Any] | str | Path, progress: Progress = lambda *_: None
) -> Prepared | Inputs:
    """Check a study before any compute.

    Args:
        study: to check, its file, or its settings as a mapping.
        progress: told of every case: what is done, how many are done, how many there are.

    Returns:
        The design and its folds; the inputs alone where features have yet to be made from images.

    Raises:
        InputError: all faults that can be seen at once.
    """
    study = study if isinstance(study, Study) else load_study(study)
    study = for_masks(study) if study.cohort.outcome is None else study
    found = _check(study, progress)
    return replace(found, warnings=(*found.warnings, *_of_variants(study, found.warnings, progress)))


def _of_variants(study: Study, known: Sequence[Problem], progress: Progress) -> list[Problem]:
    """Return what is remarkable of variants and not of the study, each with its variant.

    Raises:
        InputError: what is wrong with them.
    """
    problems: list[Problem] = []
    for name in study.variants:
        variant = study.variant(name)
        looks = any(getattr(study, section) != getattr(variant, section) for section in _READ_BY_IMAGES)
        try:
            found = list(_check(variant, progress, images=looks).warnings)
        except InputError as error:
            found = list(error.problems) or [Problem("study", str(error))]
        problems += [replace(item, where=f"variant {name}: {item.where}") for item in found if item not in known]
    if any(problem.severity == "error" for problem in problems):
        raise InputError(once(problems))
    return problems


def _check(study: Study, progress: Progress, *, images: bool = True) -> Prepared | Inputs:
    """Return what a study names, checked; `images`: each header and mask too.

    Raises:
        InputError: all faults that can be seen at once.
    """
    if not study.regions:
        read_inputs(study)
        return prepare.work(prepare.job_of(study))
    inputs = None
    try:
        inputs = read_inputs(study, tunes=study.cohort.outcome is not None)
        problems = list(inputs.warnings)
    except InputError as error:
        problems = list(error.problems) or [Problem("study", str(error))]
    problems += _of_training(study)
    told = " ".join(problem.message for problem in problems)
    absent = {column for column in study.cohort.mask_columns if f"there is no column {column!r}" in told}
    found = check_images(study, progress, inputs.folds if inputs is not None else ()) if images else []
    problems += [problem for problem in found if problem.column not in absent]  # no row has what no column holds
    if inputs is None or any(problem.severity == "error" for problem in problems):
        raise InputError(once(problems))
    return replace(inputs, warnings=tuple(once(problems)))


def _of_training(study: Study) -> list[Problem]:
    """Return what training lacks on this machine; a warning, as a study may be checked here and trained elsewhere."""
    if not study.trains or study.segmentation is None:
        return []
    try:
        study.segmentation.check_training()
    except InputError as error:
        return [Problem("segmentation", str(error), severity="warning")]
    return []
