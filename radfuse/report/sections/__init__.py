"""Sections of the reports, one a file; an outcome names those it is shown in."""

from radfuse.report.sections import (
    calibration,
    checklists,
    cohort,
    comparison,
    decision,
    discrimination,
    features,
    findings,
    methods,
    overview,
    review,
    segmentation,
    settings,
)

STUDY = {
    "overview": overview.study,
    "cohort": cohort.study,
    "segmentation": segmentation.study,
    "review": review.study,
    "discrimination": discrimination.study,
    "comparison": comparison.study,
    "calibration": calibration.study,
    "decision": decision.study,
    "features": features.study,
    "findings": findings.study,
    "methods": methods.study,
    "checklists": checklists.study,
    "settings": settings.study,
}
EVALUATION = {
    "overview": overview.evaluation,
    "discrimination": discrimination.evaluation,
    "comparison": comparison.evaluation,
    "calibration": calibration.evaluation,
    "decision": decision.evaluation,
    "settings": settings.evaluation,
}
