"""The resolved study, and the versions of what computed it."""

from __future__ import annotations

from radfuse.report.evaluation import EvaluationReport
from radfuse.report.render import Part, render
from radfuse.report.study import StudyReport


def study(report: StudyReport) -> Part:
    """Return versions and the study file."""
    return Part("Settings", render("sections/settings.html", report=report))


def evaluation(report: EvaluationReport) -> Part:
    """Return versions at training."""
    return Part("Settings", render("sections/settings_elsewhere.html", report=report))
