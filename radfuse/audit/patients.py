"""Check: one person on both sides of a split, or under two ids."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator

import pandas as pd

from radfuse.audit.subject import Subject
from radfuse.errors import counted, listed
from radfuse.results import AuditCheck, AuditFinding

NAME = "patients across folds"
_PART = re.compile(r"[^\W\d_]+|\d+")
_PLACE = re.compile(
    r"(?<=[\w])[\s_.\-]*(?:(?<=\d)(?:l|r)|[\s_.\-](?:l|r|left|right)|(?<=[a-z\d])(?:left|right))$", re.IGNORECASE
)
_VISIT = re.compile(r"[\s_.\-](?:v\d{1,2}|m\d{1,3}|\d{1,3}m|t\d|baseline|follow[\s_-]?up)$", re.IGNORECASE)
_SHARE = 0.2
"""Patients whose ids but for an ending are one, from which on the ending is taken for a side or a visit."""


def look(subject: Subject) -> AuditCheck:
    """Return patients on both sides of a fold, and ids of one person: other spellings, knees or visits, own columns."""
    findings = [*_on_both_sides(subject), *_spelled_alike(subject), *_of_parts(subject), *_of_people(subject)]
    people = len(set(subject.patients))
    return AuditCheck(
        name=NAME,
        looks="the patients of training and test units in every fold, and whether two ids may be one person's",
        told=f"{counted(people, 'patient')} in {counted(len(subject.folds), 'fold')}, none on both sides",
        findings=tuple(findings),
    )


def _on_both_sides(subject: Subject) -> Iterator[AuditFinding]:
    patients = subject.patients
    for fold in subject.folds:
        shared = sorted(set(patients[fold.train]) & set(patients[fold.test]))
        if shared:
            yield AuditFinding(
                severity="error",
                where="cohort.split",
                found=f"fold {fold.name!r} trains and tests on {counted(len(shared), 'patient')} alike: "
                f"{listed(shared)}",
                mend="take another cohort.split; one of radfuse's own keeps a patient together",
                column=subject.config.patient,
            )


def _spelled_alike(subject: Subject) -> Iterator[AuditFinding]:
    groups: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for name in map(str, set(subject.patients)):
        groups[_spelling(name)].add(name)
    alike = sorted(sorted(names) for spelling, names in groups.items() if spelling and len(names) > 1)
    if alike:
        shown = listed(" = ".join(map(repr, names)) for names in alike)
        yield AuditFinding(
            severity="warning",
            where="cohort.patient",
            found=f"{counted(len(alike), 'pair')} of ids, alike but for zeros, capitals or marks, taken for two: "
            f"{shown}",
            mend="If they are one person, write one id one way: both sides of a fold may hold them",
            column=subject.config.patient,
        )


def _spelling(name: str) -> tuple[str, ...]:
    """Return the words and numbers of an id: P-007 is p7, and 1-12 is not 11-2."""
    parts = _PART.findall(unicodedata.normalize("NFKC", name).casefold())
    return tuple(part.lstrip("0") or "0" if part.isdigit() else part for part in parts)


def _of_parts(subject: Subject) -> Iterator[AuditFinding]:
    """Yield that ids of patients seem to name one knee, or one visit, of a person."""
    names = sorted(map(str, set(subject.patients)))
    for pattern, what in ((_PLACE, "side"), (_VISIT, "visit")):
        stems: dict[str, list[str]] = defaultdict(list)
        for name in names:
            stem = pattern.sub("", name)
            if stem and stem != name:
                stems[stem].append(name)
        several = [found for found in stems.values() if len(found) > 1]
        if len(several) > 1 and sum(map(len, several)) >= _SHARE * len(names):
            yield AuditFinding(
                severity="warning",
                where="cohort.patient",
                found=f"patients seem to be named by {what}, as {several[0][0]!r} and {several[0][1]!r} "
                f"({len(several)} such groups), so that one person may be on both sides of a fold",
                mend=f"If so, name the person's own column in cohort.patient, and the {what} in cohort.unit",
                column=subject.config.patient,
            )


def _of_people(subject: Subject) -> Iterator[AuditFinding]:
    """Yield that another column, which is called like one of people, joins several patients to one."""
    count = len(set(subject.patients))
    for name, people in subject.people_beside():
        known = people.notna().to_numpy()
        ids = pd.Series(subject.patients[known]).groupby(people[known].to_numpy()).unique()
        several = [found for found in ids if len(found) > 1]
        if several and len(ids) >= _SHARE * count:
            yield AuditFinding(
                severity="warning",
                where="cohort.patient",
                found=f"column {name!r} has one id where {subject.config.patient!r} has several: "
                f"{listed(' = '.join(map(repr, found)) for found in several)}",
                mend=f"If {name!r} names the person, set cohort.patient: {name}, or one may be on both sides of a fold",
                column=name,
            )
