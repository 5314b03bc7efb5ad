"""What a leak audit looked for and found, check by check."""

from __future__ import annotations

from typing import Literal

from radfuse.config import Section
from radfuse.results.families import Comparison
from radfuse.results.kinds import AnyPerformance

Severity = Literal["error", "warning", "remark"]


class AuditFinding(Section):
    """One finding of one check.

    Attributes:
        severity: an error refuses the study, a warning is shown wherever the study is, a remark in the report alone.
        where: dotted path in the study, or a table.
        found: in a sentence without its full stop.
        mend: how to mend it, or what to make of it; a sentence without its full stop.
        column: the first one concerned.
    """

    severity: Severity
    where: str
    found: str
    mend: str
    column: str | None = None

    @property
    def text(self) -> str:
        """What was found and how to mend it."""
        return f"{self.found}. {self.mend}" if self.mend else self.found


class AuditCheck(Section):
    """What one check came to.

    Attributes:
        name: of the check, two or three words.
        looks: at what.
        told: what there is to say where nothing was found: the nearest there was.
        skipped: why it was not made; empty where it was.
        findings: the worst first.
    """

    name: str
    looks: str
    told: str = ""
    skipped: str = ""
    findings: tuple[AuditFinding, ...] = ()


class Audit(Section):
    """All checks of a study.

    Attributes:
        checks: in the order they are listed.
        volume: how well volumes alone do on the same folds, where there is a column of one.
        against: volume alone and each family with radiomic columns: the family's gain in AUC over it.
    """

    checks: tuple[AuditCheck, ...] = ()
    volume: AnyPerformance | None = None
    against: tuple[Comparison, ...] = ()

    @property
    def findings(self) -> list[tuple[str, AuditFinding]]:
        """Name of the check and finding, errors first."""
        order = ("error", "warning", "remark")
        every = [(check.name, finding) for check in self.checks for finding in check.findings]
        return sorted(every, key=lambda item: order.index(item[1].severity))
