"""What was measured of masks, and of the images under them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from radfuse.config import Section
from radfuse.results.numbers import Distance, Number

if TYPE_CHECKING:
    from radfuse.volume.image import LabelMap, Volume


class MaskAgreement(Section):
    """How well a mask of one label agrees with a reference; how it is measured stands in `seg/metrics.py`.

    Where both are empty they agree: Dice, IoU and surface Dice are 1, distances and errors 0; summaries over cases
    leave these out, and count them. Where one is, Dice, IoU and surface Dice are 0 and distances infinite; the volume
    error's share is infinite without a reference.

    Attributes:
        dice: 2 |A and B| / (|A| + |B|).
        iou: |A and B| / |A or B|.
        hd95_mm: the larger of the two directed 95th percentiles of distances between the surfaces.
        assd_mm: average distance over the voxels of both surfaces.
        surface_dice: share of both surfaces that lies within the tolerance of the other.
        tolerance_mm: of the surface Dice.
        reference_mm3: volume of the reference.
        other_mm3: volume of the mask that is measured.
        components_found: connected parts of the reference that the other mask touches.
        components_missed: those it does not.
        components_false: connected parts of the other mask that do not touch the reference.
    """

    dice: float
    iou: float
    hd95_mm: Distance
    assd_mm: Distance
    surface_dice: float
    tolerance_mm: float
    reference_mm3: float
    other_mm3: float
    components_found: int
    components_missed: int
    components_false: int

    def row(self) -> dict[str, float]:
        """Return all values for a table, the volume error in mm3 and as a share of the reference among them."""
        values = self.model_dump()
        error = self.other_mm3 - self.reference_mm3
        share = error / self.reference_mm3 if self.reference_mm3 else math.inf if error else 0.0
        parts = {name: values.pop(name) for name in list(values) if name.startswith("components_")}
        return {**values, "volume_error_mm3": error, "volume_error_share": share, **parts}


@dataclass(frozen=True)
class SegmentedExample:
    """One case to look at: the image, its manual and its predicted mask on one grid.

    Attributes:
        which: of the cases it is: the worst, the largest.
        case: its id.
        image: what is drawn.
        manual: mask that a person drew.
        predicted: mask; None where nothing was segmented.
        dice: mean agreement of the two; None without a predicted mask.
    """

    which: str
    case: str
    image: Volume
    manual: LabelMap
    predicted: LabelMap | None = None
    dice: float | None = None


@dataclass(frozen=True)
class SegmentationReport:
    """How well cases were segmented by networks that never saw their patient.

    Attributes:
        agreement: a row per case with a manual mask and label: case, patient, label, and those of MaskAgreement.
        examples: the worst, the median and the best case.
        features: radiomic feature -> ICC(2,1) between predicted and manual masks.
        cases: number of all cases.
        consistent: the same as ICC(3,1), which a difference that all cases share leaves as it is.
    """

    agreement: pd.DataFrame
    examples: tuple[SegmentedExample, ...]
    features: pd.Series
    cases: int
    consistent: pd.Series = field(default_factory=lambda: pd.Series(dtype=float))


class CaseFeatures(Section):
    """What is known of one case.

    Attributes:
        features: "sequence/region/filter_class_Feature" -> value; None where it could not be computed.
        voxels: "sequence/region" -> number of voxels of the region on that image's grid.
        mask_source: manual, external, cross_fitted or untrained.
        missing: "sequence/region/feature or filtered image" -> why there is no value.
        remarks: "sequence/region/filtered image" -> what to know of its values, as that all are alike; "sequence/" ->
            the same of a parameter map under the mask, as that some are negative.
    """

    features: Mapping[str, float | None]
    voxels: Mapping[str, int]
    mask_source: str
    missing: Mapping[str, str] = {}
    remarks: Mapping[str, str] = {}


class LabelFigures(Section):
    """Figures of one label of a mask; how they are made stands in `seg/quality.py`.

    Attributes:
        ml: volume.
        parts: connected parts, those that share a corner being one; specks are not counted.
        border: it touches the image's border.
        entropy: mean entropy of the class probabilities inside, over its largest value, in [0, 1]; None where whoever
            made the mask does not tell.
    """

    ml: float
    parts: int
    border: bool
    entropy: Number = None


class MaskFigures(Section):
    """Figures of one mask.

    Attributes:
        labels: name -> figures, of every label that the study declares.
        disagreement: of an ensemble's networks; None where there is one network, or its maker does not tell.
    """

    labels: Mapping[str, LabelFigures]
    disagreement: Number = None


class LabelRange(Section):
    """What the masks that a network learned from have of one label.

    Attributes:
        share: of the masks that have it.
        low_ml: smallest volume that does not surprise; None where no mask has the label.
        high_ml: largest one.
        parts: most connected parts that do not surprise.
        border: share of the masks that have it where it touches the image's border.
        entropy: largest mean entropy that does not surprise, of masks predicted by networks that had not seen the
            patient; None where nobody tells.
    """

    share: float
    low_ml: Number = None
    high_ml: Number = None
    parts: int = 1
    border: float = 0.0
    entropy: Number = None


class TrainingRange(Section):
    """What the masks that a network learned from look like, as a crowd: no case of theirs can be told from it.

    Attributes:
        masks: how many.
        labels: name -> range.
    """

    masks: int
    labels: Mapping[str, LabelRange]


class ReviewedMask(Section):
    """What is suspicious about a predicted mask.

    Attributes:
        flags: in plain words; empty where nothing is.
        suspicion: points that sort a review list; how they are given stands in `seg/review.py`.
        figures: of the mask.
    """

    flags: tuple[str, ...]
    suspicion: float
    figures: MaskFigures


@dataclass(frozen=True)
class MaskToLookAt:
    """One suspicious mask, to be shown.

    Attributes:
        case: its id.
        flags: what is suspicious, in plain words.
        suspicion: points.
        preview: a picture, PNG.
    """

    case: str
    flags: str
    suspicion: float
    preview: bytes


@dataclass(frozen=True)
class MasksToLookAt:
    """The top of a review list.

    Attributes:
        masks: number of all predicted masks.
        suspicious: number of those with a flag.
        shown: the most suspicious ones.
        labels: names, in the order of their numbers.
    """

    masks: int
    suspicious: int
    shown: tuple[MaskToLookAt, ...]
    labels: tuple[str, ...]


class SegmentedCase(Section):
    """How one case was segmented.

    Attributes:
        source: where the mask comes from.
        network: name of the network's fold.
        figures: of the mask.
        manual: figures of the manual mask; None without one.
        agreement: label -> how the mask agrees with the manual one; empty without a manual mask.
    """

    source: str
    network: str
    figures: MaskFigures
    manual: MaskFigures | None = None
    agreement: Mapping[str, MaskAgreement] = {}
