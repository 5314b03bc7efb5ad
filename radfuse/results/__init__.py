"""What a study measured, as values that the wings write and the bundle and the report read."""

from radfuse.results.families import (
    SITE,
    Addition,
    ChosenFeature,
    Comparison,
    Explanation,
    Failure,
    FittedFamily,
    Performance,
    SiteInput,
    StudyResults,
    UsedColumn,
)
from radfuse.results.internal import OptimismDraw, Shuffled
from radfuse.results.numbers import (
    Distance,
    Interval,
    Number,
)
from radfuse.results.readers import ReaderAgreement, ReaderBeside, ReaderResults, ReaderScore
from radfuse.results.segmentation import (
    CaseFeatures,
    LabelFigures,
    LabelRange,
    MaskAgreement,
    MaskFigures,
    MasksToLookAt,
    MaskToLookAt,
    ReviewedMask,
    SegmentationReport,
    SegmentedCase,
    SegmentedExample,
    TrainingRange,
)
from radfuse.results.variants import VariantFamily, VariantResults

__all__ = [
    "SITE",
    "Addition",
    "CaseFeatures",
    "ChosenFeature",
    "Comparison",
    "Distance",
    "Explanation",
    "Failure",
    "FittedFamily",
    "Interval",
    "LabelFigures",
    "LabelRange",
    "MaskAgreement",
    "MaskFigures",
    "MaskToLookAt",
    "MasksToLookAt",
    "Number",
    "OptimismDraw",
    "Performance",
    "ReaderAgreement",
    "ReaderBeside",
    "ReaderResults",
    "ReaderScore",
    "ReviewedMask",
    "SegmentationReport",
    "SegmentedCase",
    "SegmentedExample",
    "Shuffled",
    "SiteInput",
    "StudyResults",
    "TrainingRange",
    "UsedColumn",
    "VariantFamily",
    "VariantResults",
]
