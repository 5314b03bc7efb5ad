"""Sections of the reports, one a file; an outcome names those it is shown in."""

from radfuse.report.sections import (
    calibration,
    cohort,
    comparison,
    decision,
    discrimination,
    features,
    findings,
    review,
    risk_groups,
    segmentation,
    settings,
    survival,
    survival_calibration,
    survival_decision,
)

STUDY = {
    "cohort": cohort.study,
    "segmentation": segmentation.study,
    "review": review.study,
    "discrimination": discrimination.study,
    "comparison": comparison.study,
    "calibration": calibration.study,
    "decision": decision.study,
    "survival": survival.study,
    "risk_groups": risk_groups.study,
    "survival_calibration": survival_calibration.study,
    "survival_decision": survival_decision.study,
    "features": features.study,
    "findings": findings.study,
    "settings": settings.study,
}
EVALUATION = {
    "discrimination": discrimination.evaluation,
    "comparison": comparison.evaluation,
    "calibration": calibration.evaluation,
    "decision": decision.evaluation,
    "survival": survival.evaluation,
    "risk_groups": risk_groups.evaluation,
    "survival_calibration": survival_calibration.evaluation,
    "survival_decision": survival_decision.evaluation,
    "settings": settings.evaluation,
}
