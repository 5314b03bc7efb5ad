"""What a checklist is, and how its items are answered: from the study, by its authors, or not yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

Verdict = Literal["yes", "no", "not applicable", "open"]
OPEN = "for you to answer"


@dataclass(frozen=True)
class Answer:
    """What is known of one item.

    Attributes:
        verdict: "open" where software cannot know.
        evidence: file or setting with its value, or what is left to say.
    """

    verdict: Verdict
    evidence: str = ""


@dataclass(frozen=True)
class Item:
    """One item of a checklist.

    Attributes:
        number: as the checklist counts, "12a" say.
        group: its section.
        text: what is asked, in our own words.
        fact: name of the fact that answers it; empty: its authors must.
        weight: share in a score; 0 where the checklist has none.
    """

    number: str
    group: str
    text: str
    fact: str = ""
    weight: float = 0.0


@dataclass(frozen=True)
class Checklist:
    """A published checklist.

    Attributes:
        name: as its authors write it.
        source: citation with DOI.
        items: in its order.
    """

    name: str
    source: str
    items: tuple[Item, ...]

    @property
    def file(self) -> str:
        """Its name as of a file: tripod_ai."""
        return self.name.lower().replace("+", "_")


def answered(
    checklist: Checklist, facts: Mapping[str, Answer], own: Mapping[str, Answer]
) -> tuple[tuple[Item, Answer], ...]:
    """Return every item with its answer: that of the authors, else what the study says, else open.

    Args:
        checklist: whose items.
        facts: name -> answer from the study.
        own: number of an item -> answer of the authors.
    """
    return tuple((item, own.get(item.number) or facts.get(item.fact) or Answer("open")) for item in checklist.items)


def table_of(rows: Sequence[tuple[Item, Answer]]) -> pd.DataFrame:
    """Return items and answers as a table, as it is attached to a manuscript."""
    return pd.DataFrame(
        [
            {
                "section": item.group,
                "item": item.number,
                "what is asked": item.text,
                "answer": answer.verdict if answer.verdict != "open" else OPEN,
                "evidence": answer.evidence,
            }
            for item, answer in rows
        ]
    )
