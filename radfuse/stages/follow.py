"""Stage `follow`: the follow-ups of each unit registered to its baseline, where a study asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from radfuse.errors import CaseError
from radfuse.run.stage import Stage
from radfuse.sequences import spacings_of
from radfuse.stages import register
from radfuse.stages.context import Context, followed
from radfuse.stages.register import RegisteredCase, RegisterJob
from radfuse.stages.segment import MASK


def jobs(context: Context) -> Iterator[RegisterJob]:
    """Yield every follow-up, its image fixed and the baseline's moving; one without a baseline fails."""
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
            context.fail(case.case_id, visits.lacking(case, config, context.all_cases), drops=True)
            continue
        mask, source = context.mask(baseline)
        failed = baseline.case_id in context.dropped
        if failed or mask is None:
            context.fail(case.case_id, visits.without_mask(baseline, failed=failed), drops=True)
            continue
        images = (context.image(case), context.image(baseline))
        own, labels = case.mask, context.segmentation.labels
        yield RegisterJob(case.case_id, "baseline", *images, mask, source, own, labels, visits.registration, said)


def work(job: RegisterJob) -> RegisteredCase:
    """Return the transform from a follow-up to its baseline, how it went, a picture, and the mask carried over.

    Raises:
        InputError: a file cannot be used.
        CaseError: the images do not overlap, the registration diverged, or nothing of the mask falls into the image.
    """
    found = register.work(job)
    if found.carried is None or not found.carried.present():
        raise CaseError(
            job.case,
            f"nothing of the baseline's mask falls into image {job.fixed.name}; look at both images, set visits."
            "registration: {start: centres} where headers count from elsewhere, or list the case under cohort.exclude",
        )
    return found


def write(done: RegisteredCase, path: Path) -> None:
    """Store the same as `register`, and the mask as NRRD on the follow-up's grid."""
    from radfuse.volume.files import write_image

    assert done.carried is not None
    register.write(done, path)
    write_image(done.carried, path / MASK)


STAGE = Stage(
    "follow",
    4,
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
