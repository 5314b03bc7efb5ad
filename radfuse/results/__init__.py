"""What a study measured, as values that the wings write and the bundle and the report read."""

from radfuse.results.audit import (
    Audit,
    AuditCheck,
    AuditFinding,
)
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
from radfuse.results.internal import LearningPoint, OptimismDraw, Shuffled
from radfuse.results.kinds import AnyPerformance
from radfuse.results.measured import Measured
from radfuse.results.numbers import (
    Distance,
    Interval,
    Number,
)
from radfuse.results.readers import ReaderAgreement, ReaderBeside, ReaderResults, ReaderScore
from radfuse.results.score import Score
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
from radfuse.results.variants import VariantFamily, VariantResults

__all__ = [
    "SITE",
    "Addition",
    "AnyPerformance",
    "AtTime",
    "Audit",
    "AuditCheck",
    "AuditFinding",
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
    "LearningPoint",
    "MaskAgreement",
    "MaskFigures",
    "MaskToLookAt",
    "MasksToLookAt",
    "Measured",
    "Number",
    "OptimismDraw",
    "Performance",
    "ReaderAgreement",
    "ReaderBeside",
    "ReaderResults",
    "ReaderScore",
    "ReviewedMask",
    "Score",
    "SegmentationReport",
    "SegmentedCase",
    "SegmentedExample",
    "Shuffled",
    "SiteInput",
    "StudyResults",
    "SurvivalFit",
    "SurvivalPerformance",
    "TrainingRange",
    "UsedColumn",
    "VariantFamily",
    "VariantResults",
]
