"""The page of a leak audit by itself."""

from __future__ import annotations

from dataclasses import dataclass

from radfuse.report.render import Part, page_files, render
from radfuse.report.sections.audit import audit_table, marked
from radfuse.report.study import Made
from radfuse.results import Audit


@dataclass(frozen=True)
class AuditReport:
    """Everything the page shows.

    Attributes:
        title: of the study.
        audit: what the checks came to.
        made: when, by what, and how to do it again.
    """

    title: str
    audit: Audit
    made: Made


def audit_page(report: AuditReport) -> dict[str, str | bytes]:
    """Return index.html and tables/audit.csv, name -> text."""
    page = render("audit.html", report=report, checks=marked(report.audit.checks))
    return page_files(page, {"audit": Part("Audit", page, tables={"audit": audit_table(report.audit)})})
