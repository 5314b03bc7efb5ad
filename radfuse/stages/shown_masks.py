"""What the report shows of masks: how predicted ones agree with manual ones, the suspicious ones, some to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from radfuse.results import MasksToLookAt, MaskToLookAt, SegmentationReport, SegmentedCase, SegmentedExample
from radfuse.run.digests import UNSAID
from radfuse.run.folder import read_json
from radfuse.stages import extract, manual, review, segment
from radfuse.stages.context import Context
from radfuse.statistics.icc import icc
from radfuse.volume.flat import Spacing

if TYPE_CHECKING:
    from radfuse.volume.image import LabelMap, Volume

_SHOWN = 6
"""Suspicious masks pictured, at most."""


@dataclass(frozen=True)
class SegmentedFiles:
    """What there is of one case that was segmented and has a manual mask too.

    Attributes:
        patient: whose it is.
        image: that the network read.
        manual: mask.
        found: folder of the segmentation.
        features: from the found mask and from the manual one, where there are both.
    """

    patient: str
    image: Path
    manual: Path
    found: Path
    features: tuple[Path, Path] | None


@dataclass(frozen=True)
class MaskFiles:
    """Where all of it is stored.

    Attributes:
        cases: case -> its features, where the study starts from images.
        segmented: case -> its files, of cases with both masks; those too that failed later: what a network missed
            belongs in its Dice.
        review: list of all predicted masks; None where no network was trained.
        previews: case -> picture of its predicted mask.
        drawn: case -> its image and the mask it brought, where no network was trained.
        names: label -> name.
        all_cases: number of cases that the study started with.
        spacings_mm: what the study says of the pixels of the images, where it says something.
        own: sequences that are measured by masks of their own, whoever made those of the segmented image.
    """

    cases: Mapping[str, Path]
    segmented: Mapping[str, SegmentedFiles]
    review: Path | None
    previews: Mapping[str, Path]
    drawn: Mapping[str, tuple[Path, Path]]
    names: Mapping[int, str]
    all_cases: int
    spacings_mm: tuple[Spacing | None, ...] = field(default=(), metadata=UNSAID)
    own: tuple[str, ...] = field(default=(), metadata=UNSAID)

    @classmethod
    def of(cls, context: Context) -> MaskFiles:
        """Return what there is of a study's masks."""
        return cls(
            cases={case.case_id: context.path(extract.place_of(case.case_id)) for case in context.cases()},
            segmented=_segmented(context),
            review=context.path(review.PLACE) if context.has(review.PLACE) else None,
            previews=_previews(context),
            drawn=_masks_brought(context),
            names=context.segmentation.names if context.study.regions else {},
            all_cases=len(context.all_cases),
            spacings_mm=context.spacings_mm[:1] if context.study.regions else (),
            own=tuple(name for name in context.study.cohort.masks if context.segments and context.reach(name) == "own"),
        )


def segmentation_report(files: MaskFiles) -> SegmentationReport | None:
    """Return how predicted masks agree with manual ones, with three examples; None where nothing was segmented."""
    from radfuse.volume.files import read_labels

    if not files.segmented:
        return None
    rows = []
    for case, own in files.segmented.items():
        facts = SegmentedCase.model_validate_json((own.found / segment.FACTS).read_bytes())
        known = {"case": case, "patient": own.patient}
        rows += [{**known, "label": label, **found.row()} for label, found in facts.agreement.items()]
    agreement = pd.DataFrame(rows)
    dice = agreement.groupby("case", sort=False)["dice"].mean()
    examples = []
    for case, which in _three(list(dice.sort_values(kind="stable").index), "worst", "median", "best").items():
        own = files.segmented[case]
        image, truth = _read_pair(own.image, own.manual, files)
        predicted = read_labels(own.found / segment.MASK, files.names, empty=True)
        examples.append(SegmentedExample(which, case, image, truth, predicted, float(dice[case])))
    pairs = {case: own.features for case, own in files.segmented.items() if own.features is not None}
    features, consistent = _agreement(pairs, files.own)
    return SegmentationReport(agreement, tuple(examples), features, files.all_cases, consistent)


def masks_to_look_at(files: MaskFiles) -> MasksToLookAt | None:
    """Return the top of the review list; None where nothing was segmented."""
    if files.review is None:
        return None
    listed = review.read(files.review)
    found = listed[listed["flags"] != ""]
    shown = tuple(
        MaskToLookAt(str(case), str(flags), float(points), files.previews[str(case)].read_bytes())
        for case, flags, points in found[["case", "flags", "suspicion"]].head(_SHOWN).itertuples(index=False)
    )
    names = tuple(files.names[number] for number in sorted(files.names))
    return MasksToLookAt(len(listed), len(found), shown, names)


def drawn_examples(files: MaskFiles) -> tuple[SegmentedExample, ...]:
    """Return the cases with the smallest, the median and the largest mask, where masks were brought."""
    sizes = {case: sum(read_json(path)["voxels"].values()) for case, path in files.cases.items() if case in files.drawn}
    examples = []
    for case, which in _three(sorted(sizes, key=lambda case: sizes[case]), "smallest", "median", "largest").items():
        image, mask = _read_pair(*files.drawn[case], files)
        examples.append(SegmentedExample(which, case, image, mask))
    return tuple(examples)


def _previews(context: Context) -> dict[str, Path]:
    """Return the picture of every predicted mask."""
    places = {case.case_id: segment.place_of(case.case_id) for case in context.all_cases}
    return {case: context.path(place) / segment.PREVIEW for case, place in places.items() if context.has(place)}


def _masks_brought(context: Context) -> dict[str, tuple[Path, Path]]:
    """Return the image and the mask of every case of a study that trains no network."""
    if context.segments:
        return {}
    drawn = [case for case in context.cases() if case.case_id not in context.baselines]
    return {case.case_id: (context.image(case), case.mask) for case in drawn if case.mask is not None}


def _segmented(context: Context) -> dict[str, SegmentedFiles]:
    """Return the files of every case that has a manual mask and a predicted one."""
    found = {}
    for case in context.all_cases:
        place = segment.place_of(case.case_id)
        if case.mask is not None and context.has(place):
            pair = (extract.place_of(case.case_id), manual.place_of(case.case_id))
            both = (context.path(pair[0]), context.path(pair[1])) if all(map(context.has, pair)) else None
            found[case.case_id] = SegmentedFiles(
                case.patient, context.image(case), case.mask, context.path(place), both
            )
    return found


def _three(order: Sequence[str], first: str, middle: str, last: str) -> dict[str, str]:
    """Return the first, the middle and the last of cases in order, each once, and what it is called."""
    if not order:
        return {}
    names = {order[0]: first, order[-1]: last, order[len(order) // 2]: middle}
    return {case: names[case] for case in dict.fromkeys((order[0], order[len(order) // 2], order[-1]))}


def _read_pair(image: Path, mask: Path, files: MaskFiles) -> tuple[Volume, LabelMap]:
    """Return an image and a mask on its grid."""
    from radfuse.volume.files import read_labels, read_volume
    from radfuse.volume.resample import resample_labels

    volume = read_volume(image, *files.spacings_mm)
    labels = read_labels(mask, files.names, like=volume.grid)
    return volume, resample_labels(labels, volume.grid)


def _agreement(pairs: Mapping[str, tuple[Path, Path]], own: Sequence[str]) -> tuple[pd.Series, pd.Series]:
    """Return ICC(2,1) and ICC(3,1) of each radiomic feature between predicted and manual masks.

    Left out are features of images with masks of their own.
    """
    tables = []
    for which in (0, 1):
        rows = {case: read_json(paths[which])["features"] for case, paths in pairs.items()}
        tables.append(pd.DataFrame.from_dict(rows, orient="index").astype("float64"))
    predicted, drawn = tables
    known = [name for name in predicted if name in drawn and name.partition("/")[0] not in own]
    both = {name: np.column_stack([predicted[name], drawn[name]]) for name in known}
    whole = {name: pair[np.isfinite(pair).all(axis=1)] for name, pair in both.items()}
    agreed, consistent = (
        pd.Series({name: icc(pair, form) for name, pair in whole.items()}, dtype=float) for form in ("2,1", "3,1")
    )
    return agreed, consistent
