"""What a reader wants to know first: which family does how well, and whether it is shown to beat the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from radfuse.report.methods.words import series
from radfuse.report.printed import interval, number, p_value
from radfuse.results import Comparison, Interval
from radfuse.statistics.picking import picking_bias

_NAMED = 4
"""Other families that are named in one sentence; the rest are counted."""
_SHOWN = 0.05
_CHANCE = ", which may be chance"
_BETTER, _WORSE, _ALIKE = "It does better than", "It does worse than", "It is not shown to differ from"


def answer(performance: Sequence[Any], comparisons: Sequence[Comparison], primary: str | None) -> list[str]:
    """Return sentences on the family that the study is about, else the best: its headline, and how it compares.

    Args:
        performance: of each family, of the outcome's kind.
        comparisons: of families, p values adjusted among all pairs.
        primary: the family that was named beforehand, or None.

    Returns:
        That no family has a headline, where none has.
    """
    measured = [item for item in performance if item.headline.value is not None]
    if not measured:
        return [f"No {performance[0].measure} can be computed: there are no units to be told apart."]
    named = next((item for item in measured if item.family == primary), None)
    head = named or max(measured, key=lambda item: item.headline.value)
    words = {
        True: f"The family named beforehand, {head.family}, has",
        False: f"Of {len(measured)} families, {head.family} came out best:",
    }
    what = f"The model {head.family} has" if len(measured) == 1 else words[named is not None]
    chance = head.headline.low is not None and head.headline.low <= 0.5
    luck = "" if named or len(measured) == 1 else _luck(measured, head.headline.value)
    said = [f"{what} {head.measure} {interval(head.headline, 2)}{luck}{_CHANCE if chance else ''}."]
    order = [item.family for item in sorted(measured, key=lambda item: -item.headline.value) if item is not head]
    groups: dict[str, list[str]] = {_BETTER: [], _WORSE: [], _ALIKE: []}
    for family, (gain, sure, p) in _beside(head.family, order, comparisons).items():
        ahead = _BETTER if (gain.value or 0) > 0 else _WORSE
        groups[ahead if sure else _ALIKE].append(f"{family} ({_signed(gain)}{p})")
    for about, families in groups.items():
        if families:
            joined = series(_first(families), "or" if about == _ALIKE else "and")
            said.append(f"{about} {joined}.")
    return said


def _luck(measured: Sequence[Any], value: float) -> str:
    bias = picking_bias([item.fold_values for item in measured])
    return "" if bias is None else f", about {number(value - bias, 2)} without the luck of the pick"


def _beside(
    head: str, order: Sequence[str], comparisons: Sequence[Comparison]
) -> dict[str, tuple[Interval, bool, str]]:
    """Return family -> head less it, whether that is shown, and a p value where the interval alone would say so."""
    found = {}
    for item in comparisons:
        if head not in (item.first, item.second) or item.difference.value is None:
            continue
        turned = item.difference if head == item.first else _turned(item.difference)
        sure = item.p_holm is not None and item.p_holm < _SHOWN
        alone = item.p is not None and item.p < _SHOWN and not sure
        p = f"; p {p_value(item.p)}, {p_value(item.p_holm)} among all {len(comparisons)} pairs" if alone else ""
        found[item.second if head == item.first else item.first] = (turned, sure, p)
    return {family: found[family] for family in order if family in found}


def _turned(value: Interval) -> Interval:
    low, high = (None if end is None else -end for end in (value.high, value.low))
    return Interval(value=None if value.value is None else -value.value, low=low, high=high)


def _signed(gain: Interval) -> str:
    """Return a difference with its sign and interval, as +0.03, −0.04 to 0.10."""
    text = number(gain.value, 2)
    text = f"+{text}" if float(text.replace("−", "-")) > 0 else text
    if gain.low is None or gain.high is None or gain.low == gain.high:  # of families that rank all units alike
        return text
    return f"{text}, {number(gain.low, 2)} to {number(gain.high, 2)}"


def _first(families: Sequence[str]) -> list[str]:
    """Return the first families, and how many more there are."""
    rest = len(families) - _NAMED
    return [*families[:_NAMED], *([f"{rest} other{'s' if rest > 1 else ''}"] if rest > 0 else [])]
