"""Families of models by name: the blocks that they join, as clinical-radiomic."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence

from radfuse.config import nearest

FIRST_BLOCKS = ("clinical", "radiomic", "deep")
"""Blocks stand in this order, and a study's others behind them in its own."""


def in_order(blocks: Iterable[str]) -> tuple[str, ...]:
    """Return blocks in the order that families are spelled in: the usual ones first, the others as they come."""
    names = tuple(blocks)
    return (*(name for name in FIRST_BLOCKS if name in names), *(name for name in names if name not in FIRST_BLOCKS))


def check_primary(primary: str | None, families: Sequence[str]) -> None:
    """Check that the family a study is about is among those compared.

    Raises:
        ValueError: it is not, with the nearest name.
    """
    if primary is not None:
        _check_known("primary", primary, families)


def check_explained(wanted: Sequence[str], families: Sequence[str]) -> None:
    """Check that the families to explain are among those compared.

    Raises:
        ValueError: one is not, with the nearest name.
    """
    for family in wanted:
        _check_known("explain.families", family, families)


def _check_known(where: str, family: str, families: Sequence[str]) -> None:
    if family not in families:
        have = ", ".join(families)
        raise ValueError(f"fusion.{where}: no family {family!r}{near_family(family, families)}; there are: {have}")


def blocks_of(family: str) -> tuple[str, ...]:
    """Return the blocks a family joins: "clinical-deep" joins clinical and deep."""
    return tuple(family.split("-"))


def default_families(blocks: Sequence[str]) -> tuple[str, ...]:
    """Return every run of neighbouring blocks, the short ones first.

    Of clinical, radiomic and deep these are the six families of the literature.
    """
    sizes = range(1, len(blocks) + 1)
    return tuple("-".join(blocks[i : i + size]) for size in sizes for i in range(len(blocks) - size + 1))


def check_families(families: Sequence[str], blocks: Sequence[str]) -> None:
    """Check that each family joins blocks of the study, in their order.

    Raises:
        ValueError: the first that does not, with its right spelling where there is one.
    """
    for family in families:
        parts = blocks_of(family)
        lacking = [part for part in parts if part not in blocks]
        if lacking:
            meant = _meant(family, blocks)
            hint = f"; did you mean {meant!r}?" if meant else ""
            have = ", ".join(blocks) or "none"
            raise ValueError(f"fusion.families: {family!r} needs the block {lacking[0]!r}; the study has: {have}{hint}")
        right = "-".join(block for block in blocks if block in parts)
        if family != right:
            raise ValueError(
                f"fusion.families: write {right!r} for {family!r}: each block once, in the order {', '.join(blocks)}"
            )


def near_family(name: str, families: Iterable[str]) -> str:
    """Return a hint for a name that is no family: block by block, since as a whole a shorter family may look nearer.

    Args:
        name: as it was written.
        families: that there are.
    """
    known = tuple(families)
    meant = _meant(name, in_order(dict.fromkeys(block for family in known for block in blocks_of(family))))
    if not meant:
        return nearest(name, known)
    return f"; did you mean {meant!r}?" if meant in known else f"; {meant!r} is not among those compared"


def _meant(family: str, blocks: Sequence[str]) -> str:
    """Return the family of the blocks that are nearest to those named; "" where one is near none."""
    lowered = {block.lower(): block for block in blocks}
    named = re.split(r"\W+", family.lower())
    near = [difflib.get_close_matches(part, lowered, n=1, cutoff=0.6) for part in named]
    found = {lowered[block] for close in near for block in close}
    return "-".join(block for block in blocks if block in found) if all(near) else ""
