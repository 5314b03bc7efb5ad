"""Who a bundle was trained on, so that `evaluate` notices the same patients, and nobody can read a person out of it.

A filter, not a list: of each id a few bits of a salted hash are kept, so few that about one stranger in sixteen matches
too. Many matches among many patients tell that these are the same; one match tells nothing of one person.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from hashlib import sha256
from typing import Self

from pydantic import Field, NonNegativeInt

from radfuse.config import Section

_STRANGERS = 16
"""One stranger in so many matches."""
_FEW = 3
"""So many matches are never remarked on."""


class PatientFilter(Section):
    """Bits of salted hashes of patient ids.

    Attributes:
        salt: of the study and its cohort, so that the bundles of two studies cannot be compared.
        bits: of each hash that are kept.
        marks: the different ones, sorted.
    """

    salt: str
    bits: int = Field(ge=1, le=64)
    marks: tuple[NonNegativeInt, ...]

    @classmethod
    def of(cls, patients: Iterable[object], salt: str) -> Self:
        """Return the filter of these patients."""
        people = {str(patient) for patient in patients}
        bits = max(1, math.ceil(math.log2(_STRANGERS * max(len(people), 1))))
        return cls(salt=salt, bits=bits, marks=tuple(sorted({_mark(salt, person, bits) for person in people})))

    def remark(self, patients: Iterable[object]) -> str | None:
        """Return a sentence where more patients match than chance and a few explain; None where not."""
        people = {str(patient) for patient in patients}
        known = set(self.marks)
        matching = sum(_mark(self.salt, person, self.bits) in known for person in people)
        share = len(known) / 2**self.bits
        expected = len(people) * share
        if matching <= max(_FEW, expected + 4 * math.sqrt(expected * (1 - share))):
            return None
        return (
            f"{matching} of {len(people)} patients bear ids of patients that the bundle was trained on (about "
            f"{expected:.0f} by chance): if they are the same people, this is no test on new patients, and the "
            "numbers are too good; leave them out"
        )


def _mark(salt: str, person: str, bits: int) -> int:
    return int.from_bytes(sha256(f"{salt}\0{person}".encode()).digest()[:8], "big") >> (64 - bits)
