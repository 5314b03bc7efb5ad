"""What every kind of step has beside its own settings; a user's own that derives from `Step` has it too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from radfuse.config import Section
from radfuse.fusion.parts import Settings


class Step(Section):
    """A step of the selection, which says what it sees and what it leaves alone."""

    kind: str = ""
    over: Literal["block", "all"] = "block"
    """Whether it works on each block alone, or on the columns of all blocks together."""
    blocks: tuple[str, ...] = ()
    """Blocks it works on, the columns of others pass untouched; empty: all."""

    def candidates(self) -> Sequence[Settings]:
        """Return nothing to tune."""
        return ({},)

    def jointly(self) -> bool:
        """Return whether it sees the columns of its blocks together."""
        return self.over == "all"
