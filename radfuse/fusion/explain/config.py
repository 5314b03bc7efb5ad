"""Settings of the explanation."""

from __future__ import annotations

from pydantic import Field, field_validator

from radfuse.config import Section


class ExplainConfig(Section):
    """Which held-out units are explained, of which families, and against what."""

    rows: int = Field(default=200, ge=0, le=100_000)
    """Held-out units explained of a family, spread over the outer folds of the first deal; 0: nothing is explained."""
    background: int = Field(default=100, ge=2, le=1000)
    """Training units of the same fold that a unit is compared with."""
    families: tuple[str, ...] = ()
    """Families to explain; empty: the primary one, or the one with the highest AUC where none is named."""
    permutations: int = Field(default=3, ge=1, le=100)
    """Times that a column, or a block, is shuffled among the held-out units of a fold."""

    @field_validator("families")
    @classmethod
    def _once_each(cls, families: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(families)) < len(families):
            raise ValueError("a family stands twice; remove one")
        return families
