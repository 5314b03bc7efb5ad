"""A study checked before any compute: config, tables, and where it starts from images, each header and mask."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from radfuse.check.images import check_images
from radfuse.check.inputs import Inputs, once, read_inputs
from radfuse.errors import InputError, Problem
from radfuse.run.folder import Progress
from radfuse.stages import prepare
from radfuse.stages.prepare import Prepared
from radfuse.study import Study, load_study


def check_study(
    study: Study | Mapping[str, Any] | str | Path, progress: Progress = lambda *_: None
) -> Prepared | Inputs:
    """Check a study before any compute.

    Args:
        study: to check, its file, or its settings as a mapping.
        progress: told of every case.

    Returns:
        The design and its folds; the inputs alone where features have yet to be made from images.

    Raises:
        InputError: all faults that can be seen at once.
    """
    study = study if isinstance(study, Study) else load_study(study)
    if not study.regions:
        read_inputs(study)
        return prepare.work(prepare.job_of(study))
    inputs = None
    try:
        inputs = read_inputs(study, tunes=study.cohort.outcome is not None)
        problems = list(inputs.warnings)
    except InputError as error:
        problems = list(error.problems) or [Problem("study", str(error))]
    problems += check_images(study, progress)
    if inputs is None or any(problem.severity == "error" for problem in problems):
        raise InputError(once(problems))
    return inputs
