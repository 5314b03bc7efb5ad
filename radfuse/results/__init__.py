"""What a study measured, as values that the wings write and the bundle and the report read."""

from radfuse.results.binary import Performance
from radfuse.results.families import (
    SITE,
    Addition,
    ChosenFeature,
    Comparison,
    Explanation,
    Failure,
    FittedFamily,
    SiteInput,
    StudyResults,
    UsedColumn,
)
from radfuse.results.kinds import AnyPerformance
from radfuse.results.measured import Measured
from radfuse.results.numbers import (
    Distance,
    Interval,
    Number,
)
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
from radfuse.results.survival import AtTime, SurvivalFit, SurvivalPerformance

__all__ = [
    "SITE",
    "Addition",
    "AnyPerformance",
    "AtTime",
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
    "Measured",
    "Number",
    "Performance",
    "ReviewedMask",
    "SegmentationReport",
    "SegmentedCase",
    "SegmentedExample",
    "SiteInput",
    "StudyResults",
    "SurvivalFit",
    "SurvivalPerformance",
    "TrainingRange",
    "UsedColumn",
]
