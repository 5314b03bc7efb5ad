"""Shards: parts of a cohort that separate jobs work on in one run folder (job arrays)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from radfuse.errors import InputError, asked, short

Item = TypeVar("Item")


@dataclass(frozen=True)
class Shard:
    """One of several parts.

    Attributes:
        number: which, counted from 1.
        count: of all parts.
    """

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read "I/N".

        Raises:
            InputError: not two whole numbers, or not 1 <= I <= N.
        """
        found = re.fullmatch(r"\s*([0-9]{1,9})\s*/\s*([0-9]{1,9})\s*", text)
        if found is None:
            raise InputError(
                f"{asked('--shard')} {short(text)!r} is not I/N, for example "
                f"{asked('--shard 2/4')} for the second of four jobs"
            )
        shard = cls(*map(int, found.groups()))
        if not 1 <= shard.number <= shard.count:
            raise InputError(
                f"{asked('--shard')} {text}: jobs are numbered from 1 to {shard.count or 'N'}, found "
                f"{shard.number}; where an array counts from 0, pass its number plus 1"
            )
        return shard

    @property
    def log(self) -> str:
        """Name of its log in the run folder."""
        return f"log.{self.number}-of-{self.count}.jsonl"

    def of(self, items: Sequence[Item]) -> list[Item]:
        """Return items number I, I + N, I + 2N, ..., counted from 1; none where there are fewer than I."""
        return list(items[self.number - 1 :: self.count])
