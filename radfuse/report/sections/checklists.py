"""Reporting checklists answered from the study and its run, with the METRICS score as it stands."""

from __future__ import annotations

from collections import Counter

from radfuse.report.checklists import CHECKLISTS
from radfuse.report.checklists.checklist import OPEN, answered, table_of
from radfuse.report.checklists.facts import facts
from radfuse.report.checklists.metrics import METRICS, score
from radfuse.report.render import Part, render
from radfuse.report.study import StudyReport


def study(report: StudyReport) -> Part:
    """Return METRICS, CLEAR and TRIPOD+AI, each a table for a manuscript."""
    known = facts(report)
    rows = {item.name: answered(item, known, report.answers.get(item.file, {})) for item in CHECKLISTS}
    tables = {name: table_of(found) for name, found in rows.items()}
    counts = {name: Counter(answer.verdict for _, answer in found) for name, found in rows.items()}
    html = render(
        "sections/checklists.html",
        checklists=CHECKLISTS,
        tables=tables,
        counts=counts,
        score=score(rows[METRICS.name]),
        open=OPEN,
    )
    files = {f"checklists/{item.file}.csv": str(tables[item.name].to_csv(index=False)) for item in CHECKLISTS}
    return Part("Checklists", html, files=files)
