"""What was remarkable about the input, and what failed."""

from __future__ import annotations

from radfuse.report.render import Part, render
from radfuse.report.study import StudyReport


def study(report: StudyReport) -> Part:
    """Return failures and warnings."""
    return Part("Findings", render("sections/findings.html", report=report))
