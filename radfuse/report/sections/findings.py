"""What failed, what a reviewer would object to, and what was remarkable about the input."""

from __future__ import annotations

import pandas as pd

from radfuse.report.remarks import study_remarks
from radfuse.report.render import Part, render
from radfuse.report.study import StudyReport

_MOST = 50
"""Failures and warnings on the page."""


def study(report: StudyReport) -> Part:
    """Return failures, remarks and warnings; of very many the first, and a table of all failures beside the page."""
    icc = report.segmentation.features if report.segmentation is not None else None
    remarks = study_remarks(report.performance, report.folds, report.final, icc, report.events)
    html = render("sections/findings.html", report=report, remarks=remarks, most=_MOST)
    failures = report.results.failures
    if len(failures) <= _MOST:
        return Part("Findings", html)
    return Part("Findings", html, tables={"failures": pd.DataFrame([failure.model_dump() for failure in failures])})
