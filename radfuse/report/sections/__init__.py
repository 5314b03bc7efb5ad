"""Sections of the reports, one a file; an outcome names those it is shown in."""

from radfuse.report.sections import (
    calibration,
    cohort,
    comparison,
    decision,
    discrimination,
    explanation,
    features,
    findings,
    review,
    segmentation,
    settings,
)

STUDY = {
    "cohort": cohort.study,
    "segmentation": segmentation.study,
    "review": review.study,
    "discrimination": discrimination.study,
    "comparison": comparison.study,
    "calibration": calibration.study,
    "decision": decision.study,
    "features": features.study,
    "explanation": explanation.study,
    "findings": findings.study,
    "settings": settings.study,
}
EVALUATION = {
    "discrimination": discrimination.evaluation,
    "comparison": comparison.evaluation,
    "calibration": calibration.evaluation,
    "decision": decision.evaluation,
    "settings": settings.evaluation,
}
