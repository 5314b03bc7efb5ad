"""Numbers as journals print them."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

import numpy as np

from radfuse.results import Interval

DASH = "–"
_EXACT = 1e9
"""Below it twelve digits tell which way half a last digit goes."""
_POSIX = re.compile(r"(?<![\w.:/~<-])(?:/[^\s/:'\",;()\[\]<>]+){2,}/?")
_WINDOWS = re.compile(r"(?<!\w)[A-Za-z]:\\[^\s:'\",;()\[\]<>]+")


def number(value: float | None, digits: int = 3) -> str:
    """Return a number with fixed digits; a dash where there is none."""
    if value is None or np.isnan(value):
        return DASH
    text = f"{value:.{digits}f}"
    if abs(value) < _EXACT:  # 0.5375, whether its last bit lies above or below, is 0.538 everywhere, and 0.625 is 0.63
        text = format(Decimal(f"{value:.12g}").quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP), "f")
    return text[1:] if float(text) == 0 and text.startswith("-") else text.replace("-", "−")


def percent(share: float | None, digits: int = 0) -> str:
    """Return a share, 0 to 1, in percent: 0.125 is "13%" and, with one digit, "12.5%"."""
    return DASH if share is None or np.isnan(share) else f"{number(100 * share, digits)}%"


def interval(value: Interval, digits: int = 3) -> str:
    """Return "0.812 (0.740–0.867)"; without ends where they are one number, as of what all units have alike."""
    if value.low is None or value.high is None or value.low == value.high:
        return number(value.value, digits)
    between = "–" if value.low >= 0 else " to "
    return f"{number(value.value, digits)} ({number(value.low, digits)}{between}{number(value.high, digits)})"


def p_value(p: float | None) -> str:
    """Return a p value as journals print it."""
    if p is None or np.isnan(p):
        return DASH
    return "<0.001" if p < 0.001 else number(p)


def sentence(text: str) -> str:
    """Return a text with a capital first and a full stop; a name such as extra_trees or t1/tumour stays as it is."""
    named = re.match(r"\w*[_/]\w", text)
    return f"{text if named else text[:1].upper() + text[1:]}" + ("" if text.endswith((".", "!", "?")) else ".")


def this_day() -> str:
    """Return the date here, as 2026-11-25."""
    return datetime.now().astimezone().date().isoformat()


def without_folders(text: str, base: str) -> str:
    """Return a text whose absolute paths are relative to a folder, or names alone where they lie elsewhere."""
    text = text.replace(f"{base.rstrip('/')}/", "")
    text = _POSIX.sub(lambda found: found[0].rstrip("/").rpartition("/")[2], text)
    return _WINDOWS.sub(lambda found: found[0].rpartition("\\")[2], text)
