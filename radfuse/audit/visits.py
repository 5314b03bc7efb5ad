"""Check: columns that were measured when the outcome was already there."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from radfuse.audit.subject import Subject
from radfuse.errors import listed
from radfuse.results import AuditCheck, AuditFinding

NAME = "columns after the outcome"
_VISIT = re.compile(r"(?:^|[_@\W])(v\d{1,3}|m\d{1,3}|\d{1,3}m|t\d{1,2}|y\d{1,2})(?=$|[_/\W])", re.IGNORECASE)


def look(subject: Subject) -> AuditCheck:
    """Return columns of visits at or after that of the outcome; where its visit is not told, those of later visits."""
    about = "the visit that each column was measured at, and that in the outcome's name"
    at = _measured(subject)
    if not at:
        return AuditCheck(name=NAME, looks=about, skipped="no column names a visit")
    outcome = next((visit for name in subject.config.outcome_columns if (visit := visit_in(name))), "")
    changes = subject.config.changes
    visits = _in_time({visit for visit, _ in at}, changes.between if changes else ())
    findings = list(_after(at, outcome) if outcome else _later(visits))
    told = f"columns of {listed(visits)}" + (f", the outcome of {outcome}" if outcome else "")
    return AuditCheck(name=NAME, looks=about, told=told, findings=tuple(findings))


def visit_in(name: str) -> str:
    """Return the visit that a name ends with or has as a part: V04, m24; "" without one, as in t1@percent/tumour."""
    _, marked, rest = name.partition("@")
    found = _VISIT.findall(rest.partition("/")[0] if marked else name)
    return str(found[-1]).upper() if found else ""


def _measured(subject: Subject) -> dict[tuple[str, str], list[str]]:
    """Return visit and block -> its columns; a change was measured at the follow-up."""
    config, cases = subject.config, subject.cohort.cases
    changes = config.changes
    declared = {*(cases[config.visit].dropna() if config.visit in cases else ()), *(changes.between if changes else ())}
    at: dict[tuple[str, str], list[str]] = defaultdict(list)
    for block, values in subject.design.blocks.items():
        for name in map(str, values.columns):
            marked = name.partition("/")[0].partition("@")[2]
            visit = marked if marked in declared else visit_in(name) if block == "clinical" or marked else ""
            if changes and marked in changes.words:
                visit = changes.between[1]
            if visit:
                at[visit, block].append(name)
    return at


def _order(visit: str) -> tuple[int, str]:
    digits = re.sub(r"\D", "", visit)
    return (int(digits) if digits else -1, visit)


def _in_time(visits: Iterable[str], between: Sequence[str]) -> list[str]:
    """Return visits by the numbers in their names; those without by where the study's changes name them."""
    return sorted(visits, key=lambda visit: (_order(visit)[0], visit in between and between.index(visit), visit))


def _after(at: dict[tuple[str, str], list[str]], outcome: str) -> Iterator[AuditFinding]:
    for (visit, block), names in at.items():
        if re.sub(r"\d", "", visit).upper() == re.sub(r"\d", "", outcome) and _order(visit)[0] >= _order(outcome)[0]:
            yield AuditFinding(
                severity="warning",
                where="cohort.clinical" if block == "clinical" else f"features.{block}",
                found=f"{_counted(len(names))} measured at {visit}, the outcome at {outcome}: {listed(names, 4)}",
                mend="Whoever predicts cannot know them: leave out that visit",
                column=names[0],
            )


def _counted(columns: int) -> str:
    """Return "1 column was" or "3 columns were"."""
    return "1 column was" if columns == 1 else f"{columns} columns were"


def _later(visits: Sequence[str]) -> Iterator[AuditFinding]:
    if len(visits) > 1:
        yield AuditFinding(
            severity="remark",
            where="cohort.visit",
            found=f"columns of several visits are used ({listed(visits)}), and nothing tells when the outcome was read",
            mend=f"Make sure that it was read after {visits[-1]}",
        )
