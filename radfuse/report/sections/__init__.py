"""Sections of the reports, one a file; an outcome names those it is shown in."""

from radfuse.report.sections import (
    calibration,
    calls,
    cohort,
    comparison,
    decision,
    discrimination,
    features,
    findings,
    internal,
    learning_curve,
    readers,
    review,
    segmentation,
    settings,
    subgroups,
    variants,
)

STUDY = {
    "cohort": cohort.study,
    "segmentation": segmentation.study,
    "review": review.study,
    "discrimination": discrimination.study,
    "calls": calls.study,
    "comparison": comparison.study,
    "readers": readers.study,
    "subgroups": subgroups.study,
    "variants": variants.study,
    "internal": internal.study,
    "learning_curve": learning_curve.study,
    "calibration": calibration.study,
    "decision": decision.study,
    "features": features.study,
    "findings": findings.study,
    "settings": settings.study,
}
EVALUATION = {
    "discrimination": discrimination.evaluation,
    "calls": calls.evaluation,
    "comparison": comparison.evaluation,
    "calibration": calibration.evaluation,
    "decision": decision.evaluation,
    "settings": settings.evaluation,
}
