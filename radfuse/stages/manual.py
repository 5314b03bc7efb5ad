"""Stage `manual`: features from manual masks beside those from predicted ones, for how far the two agree."""

from __future__ import annotations

from collections.abc import Iterator

from radfuse.errors import CaseError, InputError
from radfuse.results import CaseFeatures
from radfuse.run.folder import safe_name
from radfuse.run.stage import Stage
from radfuse.stages import extract
from radfuse.stages.context import Context
from radfuse.stages.extract import ExtractJob

_DRAWN = "manual mask, for its agreement with the predicted one only"


def place_of(case: str) -> str:
    """Return where the features from a case's manual mask lie."""
    return f"features/manual/{safe_name(case)}.json"


def jobs(context: Context) -> Iterator[ExtractJob]:
    """Yield the cases that have a manual mask and a predicted one."""
    for case in context.cases() if context.segments else ():
        if case.mask is not None and case.case_id not in context.baselines:
            yield extract.job_of(context, case, case.mask, "manual")


def work(job: ExtractJob) -> CaseFeatures:
    """Return a case's features; where they fail, the case itself does not.

    Raises:
        CaseError: as `extract.work`, saying what the mask was for.
    """
    try:
        return extract.work(job)
    except (InputError, CaseError) as error:
        message = error.message if isinstance(error, CaseError) else str(error)
        raise CaseError(str(job), f"{_DRAWN}: {message}") from error


STAGE = Stage(
    "manual",
    4,
    jobs,
    work,
    extract.write_section,
    lambda job: place_of(str(job)),
    what="extracting features",
    needs=("segment", "register", "learn"),
    fails="stays",
    crew="cores",
    ready=extract.compile_kernels,
)
