"""What was looked for that would make results better than they are, and what was found."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from markupsafe import Markup

from radfuse.report.printed import interval, p_value
from radfuse.report.render import Part, render
from radfuse.report.study import StudyReport
from radfuse.results import Audit, AuditCheck

_MARKS = {"error": "✗ error", "warning": "! warning", "remark": "· remark"}


def study(report: StudyReport) -> Part:
    """Return all checks, and volume alone beside the families that have it."""
    found = report.audit
    if not found.checks:
        return Part("Audit", Markup(""))
    tables = {"audit": audit_table(found)}
    if found.volume is not None:
        tables["volume_alone"] = volume_table(report)
    html = render("sections/audit.html", checks=marked(found.checks), volume=tables.get("volume_alone"), report=report)
    return Part("Audit", html, tables=tables)


def marked(checks: Sequence[AuditCheck]) -> list[tuple[AuditCheck, str, str]]:
    """Return each check with its mark and the class that colours it."""
    return [(check, mark_of(check), _colour(check)) for check in checks]


def mark_of(check: AuditCheck) -> str:
    """Return a tick, a dash for a check that was not made, or the worst that was found."""
    if check.skipped:
        return "– not made"
    worst = next((name for name in _MARKS if any(item.severity == name for item in check.findings)), "")
    return _MARKS.get(worst, "✓")


def _colour(check: AuditCheck) -> str:
    if check.skipped or not check.findings:
        return "note"
    return "failure" if any(item.severity == "error" for item in check.findings) else "warning"


def audit_table(found: Audit) -> pd.DataFrame:
    """Return a row per check, or per finding where there are some."""
    rows = []
    for check in found.checks:
        known = {"check": check.name, "looks at": check.looks}
        came = "not made" if check.skipped else "nothing"
        what: list[tuple[str, str, str]] = [(item.severity, item.where, item.text) for item in check.findings]
        rows += [
            {**known, "came to": severity, "where": where, "what": text}
            for severity, where, text in what or [(came, "", check.skipped or check.told)]
        ]
    return pd.DataFrame(rows)


def volume_table(report: StudyReport) -> pd.DataFrame:
    """Return the headline (AUC, or C) of volume alone, and of each family that has volumes, with its gain over it."""
    volume = report.audit.volume
    assert volume is not None
    measured = {item.family: item for item in report.performance}
    rows = [{"model": volume.family, volume.measure: interval(volume.headline), "gain over volume": "", "p": ""}]
    for pair in report.audit.against:
        own = measured[pair.first]
        gain = {"gain over volume": interval(pair.difference), "p": p_value(pair.p)}
        rows.append({"model": pair.first, own.measure: interval(own.headline), **gain})
    return pd.DataFrame(rows)
