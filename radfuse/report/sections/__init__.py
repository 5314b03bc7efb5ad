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
    nomogram,
    readers,
    review,
    scores,
    segmentation,
    settings,
    subgroups,
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
    "internal": internal.study,
    "calibration": calibration.study,
    "decision": decision.study,
    "scores": scores.study,
    "features": features.study,
    "nomogram": nomogram.study,
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
