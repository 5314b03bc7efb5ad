"""What a study measured, as values that the wings write and the bundle and the report read."""

from radfuse.results.audit import (
    Audit,
    AuditCheck,
    AuditFinding,
)
from radfuse.results.binary import Performance
from radfuse.results.continuous import ContinuousPerformance
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
from radfuse.results.multiclass import Classes, MulticlassPerformance, OfClass
from radfuse.results.numbers import (
    Distance,
    Interval,
    Number,
)
from radfuse.results.ordinal import AtCut, OrdinalFit, OrdinalPerformance
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
    "AtCut",
    "AtTime",
    "Audit",
    "AuditCheck",
    "AuditFinding",
    "CaseFeatures",
    "ChosenFeature",
    "Classes",
    "Comparison",
    "ContinuousPerformance",
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
    "MulticlassPerformance",
    "Number",
    "OfClass",
    "OptimismDraw",
    "OrdinalFit",
    "OrdinalPerformance",
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
