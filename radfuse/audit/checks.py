"""The list of checks on a study before anything is fitted, and what they come to."""

from __future__ import annotations

from collections.abc import Iterable

from radfuse.audit import copies, patients, preselected, scaled, sites, telling, twins, visits
from radfuse.audit.subject import Subject
from radfuse.errors import Problem
from radfuse.results import Audit, AuditCheck

CHECKS = (
    patients.look,
    twins.look,
    telling.look,
    copies.look,
    preselected.look,
    scaled.look,
    sites.look,
    visits.look,
)
"""Each looks at a subject; a new one is a file and a line here."""


def audit(subject: Subject) -> Audit:
    """Return what all checks come to."""
    return Audit(checks=tuple(look(subject) for look in CHECKS))


def problems_of(checks: Iterable[AuditCheck]) -> list[Problem]:
    """Return errors and warnings as the problems of a table are told; remarks stand in the report alone."""
    return [
        Problem(finding.where, finding.text, None, finding.column, finding.severity)
        for check in checks
        for finding in check.findings
        if finding.severity != "remark"
    ]
