"""Ids of two tables that would be the same, were they written in one way."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping

_WAYS: Mapping[str, Callable[[str], str]] = {
    "how letters with accents are stored": lambda name: unicodedata.normalize("NFKC", name),
    "capitals": str.casefold,
    "zeros in front": lambda name: re.sub(r"(?<!\d)0+(?=\d)", "", name),
    "a .0 at the end, as a column of numbers with gaps is saved": lambda name: name.removesuffix(".0"),
    "the ending of a file's name": lambda name: re.sub(r"(?:\.[A-Za-z]\w*)+$", "", name),
    "the folder before a file's name": lambda name: re.split(r"[\\/]", name)[-1],
    "spaces, dashes and underscores": lambda name: re.sub(r"[\s_-]+", "", name),
}


def unlike(wanted: Iterable[object], found: Iterable[object]) -> str:
    """Return by what ids differ from others that they would else equal, as the end of a sentence; "" if by nothing.

    Args:
        wanted: that have no partner.
        found: among which it may be; ids of several columns are tuples.
    """
    these, others = (
        {tuple(map(str, key)) if isinstance(key, tuple) else (str(key),) for key in keys} for keys in (wanted, found)
    )
    for what, plain in _WAYS.items():
        if shared := _plain(these, plain) & _plain(others, plain):
            count = "one" if len(shared) == 1 else f"{len(shared):,}"
            return f". But for {what}, {count} would be the same: write ids one way in both tables"
    return ""


def _plain(keys: Iterable[tuple[str, ...]], how: Callable[[str], str]) -> set[tuple[str, ...]]:
    return {tuple(map(how, key)) for key in keys}
