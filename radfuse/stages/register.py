"""Stage `register`: the segmented image of each case registered to those that its mask is carried to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from radfuse.errors import Problem, listed
from radfuse.run.digests import UNSAID
from radfuse.run.stage import Stage
from radfuse.sequences import spacings_of
from radfuse.stages.context import TRANSFORM, Context, registered
from radfuse.volume.flat import Spacing
from radfuse.volume.registration import Registration, RegistrationQuality

if TYPE_CHECKING:
    from radfuse.volume.image import LabelMap
    from radfuse.volume.sitk import Transform

QUALITY, CHECKERBOARD = "quality.json", "checkerboard.png"
"""Files of a registration, beside its transform."""
_MANY = 8
"""Suspicious registrations that are told of one by one."""

_LACKS = "sequence {0!r} is registered by image {1!r}, which the case lacks; name another as registration.by"


@dataclass(frozen=True)
class RegisterJob:
    """Two images of one case.

    Attributes:
        case: its id.
        sequence: that masks are carried to.
        fixed: its image, or that of `settings.by`.
        moving: the segmented image.
        mask: of that image; None where the case has none, and fails later.
        source: of the mask.
        own: mask drawn on the fixed image, for the agreement, where there is one.
        labels: label name -> number.
        settings: how.
        spacings_mm: what the study says of the pixels of the fixed and the moving image, where it says something.
    """

    case: str
    sequence: str
    fixed: Path
    moving: Path
    mask: Path | None
    source: str
    own: Path | None
    labels: Mapping[str, int]
    settings: Registration
    spacings_mm: tuple[Spacing | None, ...] = field(default=(), metadata=UNSAID)

    def __str__(self) -> str:
        return self.case


class RegisteredCase(NamedTuple):
    """What there is of a registration.

    Attributes:
        transform: from points of the fixed image to those of the segmented one.
        quality: how it went.
        picture: a checkerboard of both images, PNG.
        carried: the mask on the fixed image's grid; None without one.
    """

    transform: Transform
    quality: RegistrationQuality
    picture: bytes
    carried: LabelMap | None = None


def jobs(context: Context) -> Iterator[RegisterJob]:
    """Yield every case with each sequence that masks reach by registration."""
    for case in context.cases():
        for name in case.images:
            if context.reach(name) != "register":
                continue
            settings = context.study.sequences[name].registration
            mask, source = context.mask(case)
            if source != "manual" and not _looks_at_mask(context):  # then there may be none yet
                mask, source = case.mask, "manual"
            fixed = case.images.get(settings.by or name)
            if fixed is None:
                context.fail(case.case_id, _LACKS.format(name, settings.by), drops=True)
                break
            own = case.own_masks.get(name)
            labels = context.segmentation.labels
            said = spacings_of((settings.by or name, context.network_sequences[0]), context.study.sequences)
            images = (fixed, context.image(case))
            yield RegisterJob(case.case_id, name, *images, mask, source, own, labels, settings, said)


def work(job: RegisterJob) -> RegisteredCase:
    """Return the transform of one registration, how it went, and a picture.

    Raises:
        InputError: a file cannot be used.
        CaseError: the images do not overlap, or the registration diverged.
    """
    from radfuse.recipe import read_mask
    from radfuse.report.checkerboard import checkerboard
    from radfuse.volume.files import read_volume
    from radfuse.volume.register import register, with_agreement
    from radfuse.volume.resample import resample, resample_labels

    said = job.spacings_mm or (None, None)
    fixed, moving = (read_volume(*one) for one in zip((job.fixed, job.moving), said, strict=True))
    mask = read_mask(job.mask, job.labels, job.source, moving.grid) if job.mask is not None else None
    found = register(fixed, moving, job.settings, job.case, mask)
    quality, carried, own = found.quality, None, None
    if mask is not None:
        carried = resample_labels(mask, fixed.grid, found.transform, job.settings.carried)
    if mask is not None and job.own is not None:
        own = read_mask(job.own, job.labels, "manual", fixed.grid)
        ways = (found.start, found.transform)
        before, after = (
            _dice(own, resample_labels(mask, own.grid, way, job.settings.carried), job.labels) for way in ways
        )
        quality = with_agreement(quality, before, after, job.settings.least_dice)
        own = resample_labels(own, fixed.grid)
    moved = [resample(moving, fixed.grid, transform=transform) for transform in (found.start, found.transform)]
    return RegisteredCase(found.transform, quality, checkerboard(fixed, moved, carried, own), carried)


def _dice(own: LabelMap, carried: LabelMap, labels: Mapping[str, int]) -> dict[str, float | None]:
    from radfuse.seg.metrics import dice

    found = {}
    for name, number in labels.items():
        one, other = own.array == number, carried.array == number
        found[name] = float(dice(one, other)) if one.any() or other.any() else None
    return found


def write(done: RegisteredCase, path: Path) -> None:
    """Store the transform as ITK's text, how it went as JSON, and the picture."""
    from radfuse.volume.sitk import write_transform

    path.mkdir()
    write_transform(done.transform, path / TRANSFORM)
    (path / QUALITY).write_text(done.quality.model_dump_json(indent=1), encoding="utf-8")
    (path / CHECKERBOARD).write_bytes(done.picture)


def remarks(context: Context) -> tuple[Problem, ...]:
    """Return what is suspicious about registrations that are there in this pass, and where to look."""
    flagged, whole = {}, 0
    for place in context.keys:
        path = context.path(place) / QUALITY
        if place.startswith("registration/") and path.is_file():
            whole += 1
            flags = RegistrationQuality.model_validate_json(path.read_bytes()).flags
            if flags:
                flagged[place] = flags
    return told_of(flagged, whole)


def told_of(flagged: Mapping[str, tuple[str, ...]], whole: int) -> tuple[Problem, ...]:
    """Return a warning of each registration that is suspicious, or, where they are many, one of each kind of flag.

    Args:
        flagged: place in the run folder -> its flags.
        whole: how many registrations there are.
    """
    if len(flagged) <= _MANY:
        one = {place: f"{'; '.join(flags)}; look at {place}/{CHECKERBOARD}" for place, flags in flagged.items()}
        return tuple(Problem(place, text, severity="warning") for place, text in one.items())
    kinds: dict[str, list[str]] = {}
    for place, flags in flagged.items():
        for flag in flags:
            kinds.setdefault(re.split(r":| in (?=\d)", flag)[0], []).append(place.removeprefix("registration/"))
    return tuple(
        Problem(
            "registration",
            f"{kind}: {len(places)} of {whole}, {listed(places)}; look at {CHECKERBOARD} in the folder of each, whose "
            f"{QUALITY} has the numbers",
            severity="warning",
        )
        for kind, places in kinds.items()
    )


def _looks_at_mask(context: Context) -> bool:
    """Return whether a registration of the study compares only what lies near the mask."""
    return any(
        section.registration.within_mm is not None
        for name, section in context.study.sequences.items()
        if context.reach(name) == "register"
    )


STAGE = Stage(
    "register",
    4,
    jobs,
    work,
    write,
    lambda job: registered(job.case, job.sequence),
    what="registering",
    needs=("segment", "follow"),
    spares=lambda context: () if _looks_at_mask(context) else ("segment",),
    fails="drops",
    crew="cores",
)
