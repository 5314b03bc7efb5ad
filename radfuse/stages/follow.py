"""Stage `follow`: the follow-ups of each unit registered to its baseline, where a study asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from radfuse.cohort.case import Case
from radfuse.errors import CaseError
from radfuse.recipe import NO_MASK
from radfuse.run.stage import Stage
from radfuse.sequences import spacings_of
from radfuse.stages import register
from radfuse.stages.context import CARRIED, Context, followed
from radfuse.stages.register import RegisteredCase, RegisterJob


def jobs(context: Context) -> Iterator[RegisterJob]:
    """Yield every follow-up with its baseline; one without fails.

    The image that a mask is carried to stays: the follow-up's, or, where each is measured by its own, the baseline's.
    """
    visits = context.study.visits
    if visits is None:
        return
    home, config = context.network_sequences[0], context.study.cohort
    said = spacings_of((home, home), context.study.sequences)
    for case in context.cases():
        if case.case_id not in context.registered_to:
            continue
        baseline = context.registered_to[case.case_id]
        if baseline is None:
            context.fail(case.case_id, visits.lacking(config), drops=True)
            continue
        fixed, moving = (case, baseline) if visits.masks == "carried" else (baseline, case)
        mask, source = context.mask(moving)
        if baseline.case_id in context.dropped or mask is None:
            context.fail(case.case_id, _why(baseline, moving, baseline.case_id in context.dropped), drops=True)
            continue
        images = (context.image(fixed), context.image(moving))
        labels, settings = context.segmentation.labels, visits.registration
        yield RegisterJob(case.case_id, "baseline", *images, mask, source, fixed.mask, labels, settings, said)


def _why(baseline: Case, moving: Case, dropped: bool) -> str:
    """Return why a follow-up cannot be registered to its baseline."""
    if moving is not baseline and not dropped:
        return NO_MASK
    why = "could not be used" if dropped else "has no mask"
    lost = "no mask to carry over" if moving is baseline else "nothing to register to"
    return f"its baseline {baseline.case_id} {why}, so that there is {lost}; mend that case"


def work(job: RegisterJob) -> RegisteredCase:
    """Return the transform between a follow-up and its baseline, how it went, a picture, and the mask carried over.

    Raises:
        InputError: a file cannot be used.
        CaseError: the images do not overlap, the registration diverged, or nothing of the mask falls into the image.
    """
    found = register.work(job)
    if found.carried is None or not found.carried.present():
        raise CaseError(
            job.case,
            f"nothing of the mask on {job.moving.name} falls into image {job.fixed.name}; look at both images, set "
            "visits.registration: {start: centres} where headers count from elsewhere, or list the case under "
            "cohort.exclude",
        )
    return found


def write(done: RegisteredCase, path: Path) -> None:
    """Store the same as `register`, and the mask as NRRD on the grid of the image that stayed."""
    from radfuse.volume.files import write_image

    assert done.carried is not None
    register.write(done, path)
    write_image(done.carried, path / CARRIED)


STAGE = Stage(
    "follow",
    1,
    jobs,
    work,
    write,
    lambda job: followed(job.case),
    what="registering follow-ups",
    needs=("segment",),
    spares=lambda context: () if context.study.visits is not None else ("segment",),
    fails="drops",
    crew="cores",
)
