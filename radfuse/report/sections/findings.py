"""What failed, what a reviewer would object to, and what was remarkable about the input."""

from __future__ import annotations

from radfuse.report.remarks import study_remarks
from radfuse.report.render import Part, render
from radfuse.report.study import StudyReport


def study(report: StudyReport) -> Part:
    """Return failures, remarks and warnings."""
    icc = report.segmentation.features if report.segmentation is not None else None
    remarks = study_remarks(report.performance, report.folds, report.final, icc, report.events)
    return Part("Findings", render("sections/findings.html", report=report, remarks=remarks))
