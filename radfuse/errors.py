"""What can go wrong, as one tree; every message says what was found, where, and how to mend it."""

from __future__ import annotations

from ast import literal_eval
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, NamedTuple, Self


class RadfuseError(Exception):
    """Anything radfuse raises on purpose."""


_CALLER = {"types": False}
"""Who reads the messages: somebody who types commands, or who calls functions."""


@contextmanager
def typed(types: bool = True) -> Iterator[None]:
    """Let messages name options of the command line meanwhile, in all threads, in the place of arguments."""
    before = _CALLER["types"]
    _CALLER["types"] = types
    try:
        yield
    finally:
        _CALLER["types"] = before


def is_typed() -> bool:
    """Return whether messages name options of the command line."""
    return _CALLER["types"]


def asked(option: str, argument: str = "") -> str:
    """Return what a message calls a thing that the caller gives: the option of a command, or a function's argument.

    Args:
        option: "--out", or with what is given "--shard 2/4".
        argument: the same for a function; empty: named alike, `out` and shard='2/4'.
    """
    if is_typed() or argument:
        return option if is_typed() else argument
    name, _, value = option.removeprefix("--").partition(" ")
    try:
        literal_eval(value)
    except (ValueError, SyntaxError):  # a text that is not in quotes
        value = repr(value) if value else ""
    return f"{name}={value}" if value else f"`{name}`"


def short(text: object, most: int = 60) -> str:
    """Return a text that a message can hold: of a long one the start, and how long it is."""
    shown = str(text)
    return shown if len(shown) <= most else f"{shown[:most]}... ({len(shown):,} characters)"


def listed(items: Iterable[object], most: int = 8) -> str:
    """Return the first few items joined by commas, and how many more there are; "none" without any."""
    texts = ["/".join(map(str, item)) if isinstance(item, tuple) else str(item) for item in items]
    more = len(texts) - most
    return (", ".join(texts[:most]) + (f" and {more:,} more" if more > 0 else "")) or "none"


def counted(number: int, what: str, plural: str = "") -> str:
    """Return "1 fold" or "5 folds"."""
    return f"{number:,} {what if number == 1 else plural or what + 's'}"


def reasons(failed: Iterable[tuple[str, str]], most: int = 3) -> str:
    """Return why things failed, each reason once behind those that it holds for; of many reasons the first.

    Args:
        failed: item and reason of each.
        most: reasons that are told.
    """
    held: dict[str, list[str]] = {}
    for item, why in failed:
        held.setdefault(why, []).append(item)
    told = [f"{listed(items)}: {why.removesuffix('.')}" for why, items in list(held.items())[:most]]
    rest = sum(map(len, list(held.values())[most:]))
    return "; ".join([*told, *([f"and {rest:,} more"] if rest else [])])


@dataclass(frozen=True)
class Problem:
    """One finding about an input.

    Attributes:
        where: file, or dotted path in the study.
        message: what was found and how to mend it.
        row: row of the table as a spreadsheet numbers it (the header is row 1); None for the whole file.
        column: the column concerned; None for the whole row or file.
        severity: an error stops the study, a warning is shown and reported.
    """

    where: str
    message: str
    row: int | None = None
    column: str | None = None
    severity: Literal["error", "warning"] = "error"

    @property
    def place(self) -> str:
        """Where it was found: file or setting, row and column."""
        row = f", row {self.row}" if self.row is not None else ""
        column = f", column {self.column!r}" if self.column is not None else ""
        return f"{self.where}{row}{column}"

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


class Finding(NamedTuple):
    """What is wrong with a cohort table, before its file is known; `label` is that of the row in the table's index."""

    message: str
    label: int | None
    column: str | None


class InputError(RadfuseError):
    """A file, a table or a config is not usable; nothing was computed.

    Attributes:
        problems: findings with their rows and columns; empty where the message is all.
    """

    def __init__(self, problems: str | Problem | Iterable[Problem]) -> None:
        if isinstance(problems, str):
            self.problems: tuple[Problem, ...] = ()
            super().__init__(problems)
            return
        self.problems = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[type[Self], tuple[str | tuple[Problem, ...]]]:
        return type(self), (self.problems or str(self),)  # crosses process boundaries


class SettingError(InputError, ValueError):
    """Settings made in Python are wrong; a ValueError too, which pydantic takes for a fault of what holds them."""


class CaseError(RadfuseError):
    """One piece of the work failed (a case, a family in a fold); the rest goes on.

    Attributes:
        item: which one.
        message: why.
    """

    def __init__(self, item: str, message: str) -> None:
        self.item = item
        self.message = message
        super().__init__(f"{item}: {message}")

    def __reduce__(self) -> tuple[type[Self], tuple[str, str]]:
        return type(self), (self.item, self.message)  # crosses process boundaries


class MachineError(CaseError):
    """One piece of the work failed for the machine's sake, as of its memory: on another day it may go well."""


CASE_FAILS = (InputError, CaseError, RuntimeError, ValueError, ArithmeticError, LookupError, MemoryError)
"""What stops one case and not the others: ours, and what libraries raise at its data; not what the disk says."""


class RunError(RadfuseError):
    """The machine stopped the work (full disk, no permission); what was finished stays finished."""


class StudyError(RadfuseError):
    """A study cannot go on with what its stages left, as no case or no family; what was finished is kept."""
