"""What each block adds to a family, from the comparisons of a study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from radfuse.report.printed import number, p_value, sentence
from radfuse.results import Addition, Comparison, FittedFamily, Interval

_SHOWN = 0.05


def additions(comparisons: Sequence[Comparison], final: Mapping[str, FittedFamily]) -> list[Addition]:
    """Return what each block adds to families that were compared with the same family without it.

    Args:
        comparisons: of a study's families, "-" between their blocks.
        final: family -> refitted on all units.
    """
    found = []
    for item in comparisons:
        first, second = set(item.first.split("-")), set(item.second.split("-"))
        if not (first < second or second < first):
            continue
        family, without = (item.second, item.first) if first < second else (item.first, item.second)
        more = first ^ second
        if len(more) != 1:
            continue
        sign = 1 if family == item.first else -1
        (block,) = more
        found.append(
            Addition(
                family=family,
                block=block,
                without=without,
                auc=_times(item.difference, sign),
                loss=_times(item.loss, -sign),
                p=item.p,
                p_holm=item.p_holm,
                patients_to_show=item.patients_to_show,
                weight=_weight(final.get(family), block),
            )
        )
    return found


def verdict(found: Addition, measure: str = "AUC", who: str = "patients") -> str:
    """Return in one sentence whether a block helped, and how many patients could show a difference of this size.

    Args:
        found: what it adds.
        measure: name of the headline.
        who: is counted: where one test set was held out, those in it.
    """
    gain = found.auc
    what = f"{found.block} beside {found.without}"
    if gain.value is None or gain.low is None or gain.high is None:
        return f"What {what} adds cannot be told from these patients."
    gap = number(abs(gain.value))
    sign = "" if float(gap) == 0 else "+" if gain.value > 0 else "−"
    if gain.low > 0 or gain.high < 0:
        way, size = "better" if gain.low > 0 else "worse", f"{measure} {sign}{gap}"
        if found.p is None or found.p_holm is None:
            return sentence(f"{what} ranks patients {way}: {size}")
        if found.p_holm >= _SHOWN:
            alone = f"{way} taken by itself ({size}, p {p_value(found.p)})"
            return sentence(
                f"{what} ranks patients {alone}; among all pairs that is not shown (p {p_value(found.p_holm)})"
            )
        pairs = "" if found.p_holm == found.p else f", {p_value(found.p_holm)} among all pairs"
        return sentence(f"{what} ranks patients {way}: {size} (p {p_value(found.p)}{pairs})")
    size = f"a gap of {sign}{gap}"
    if found.patients_to_show is None:
        return sentence(
            f"{what}: no difference is shown ({size}, which no study of a sensible size would tell from none)"
        )
    people = f"about {found.patients_to_show:,} {who}"
    return sentence(f"{what}: no difference is shown ({size} would take {people} to show)")


def _times(value: Interval, sign: int) -> Interval:
    if value.value is None:
        return value
    ends = [None if end is None else sign * end for end in (value.low, value.high)]
    return Interval(value=sign * value.value, low=ends[0 if sign > 0 else 1], high=ends[1 if sign > 0 else 0])


def _weight(final: FittedFamily | None, block: str) -> float | None:
    if final is None:
        return None
    sizes = [(column.block, abs(column.importance)) for column in final.explanation.columns]
    total = sum(size for _, size in sizes)
    return sum(size for name, size in sizes if name == block) / total if total > 0 else None
