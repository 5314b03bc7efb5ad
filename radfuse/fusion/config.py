"""Settings of the fusion wing."""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, field_validator

from radfuse.config import Section

FIRST_BLOCKS = ("clinical", "radiomic", "deep")
"""Blocks stand in this order, and a study's others behind them in its own."""


class CorrelationConfig(Section):
    """Of two columns that say nearly the same, keep the one nearer to the outcome."""

    kind: Literal["correlation"] = "correlation"
    threshold: float = Field(default=0.9, gt=0, le=1)
    """Largest absolute Spearman correlation allowed."""


class MrmrConfig(Section):
    """Minimum redundancy, maximum relevance: F statistic over mean absolute correlation."""

    kind: Literal["mrmr"] = "mrmr"
    k: int = Field(default=30, ge=1)
    """Columns kept of each block."""


class LassoConfig(Section):
    """L1-penalised logistic regression over all blocks together; its strength is tuned in the inner folds."""

    kind: Literal["lasso"] = "lasso"
    strengths: tuple[float, ...] = (0.7, 0.5, 0.35, 0.25, 0.15, 0.08)
    """Penalties tried, as fractions of the smallest penalty that keeps nothing; each in (0, 1)."""

    @field_validator("strengths")
    @classmethod
    def _in_range(cls, strengths: tuple[float, ...]) -> tuple[float, ...]:
        if not strengths or not all(0 < strength < 1 for strength in strengths):
            raise ValueError("strengths must be one or more numbers between 0 and 1")
        return tuple(sorted(strengths, reverse=True))


Selection = Annotated[CorrelationConfig | MrmrConfig | LassoConfig, Field(discriminator="kind")]


class LogisticConfig(Section):
    """L2-penalised logistic regression on what was selected."""

    kind: Literal["logistic"] = "logistic"
    c: tuple[float, ...] = (0.01, 0.1, 1.0)
    """Inverse penalties tried in the inner folds."""
    class_weight: Literal["balanced"] | None = None
    """"balanced" weights the classes equally, at the price of calibration."""

    @field_validator("c")
    @classmethod
    def _positive(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if not values or not all(0 < value < math.inf for value in values):
            raise ValueError("c must be one or more positive, finite numbers")
        return tuple(sorted(values))


class FusionConfig(Section):
    """Which models are compared, and how each is built inside a fold."""

    families: tuple[str, ...] = ()
    """Blocks joined by "-"; empty: every run of neighbouring blocks, in their order."""
    selection: tuple[Selection, ...] = (CorrelationConfig(), MrmrConfig(), LassoConfig())
    classifier: LogisticConfig = LogisticConfig()
    inner_folds: int = Field(default=5, ge=2)
    """Folds inside each training set, for tuning and for the threshold."""
    threshold: Literal["youden", "half"] = "youden"
    """Where sensitivity and specificity are read: the largest Youden index on inner out-of-fold predictions, or 0.5."""

    @field_validator("families")
    @classmethod
    def _once_each(cls, families: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(families)) < len(families):
            raise ValueError("a family stands twice")
        return families

    @field_validator("selection")
    @classmethod
    def _lasso_last(cls, selection: tuple[Selection, ...]) -> tuple[Selection, ...]:
        kinds = [step.kind for step in selection]
        if len(set(kinds)) < len(kinds):
            raise ValueError("each kind of selection may stand once")
        if "lasso" in kinds[:-1]:
            raise ValueError("lasso must be the last selection: the others work on each block, lasso on all together")
        return selection


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
            near = (difflib.get_close_matches(part, blocks, n=1, cutoff=0.6) or [part] for part in parts)
            meant = "-".join(part for (part,) in near)
            hint = "" if meant == family else f"; did you mean {meant!r}?"
            have = ", ".join(blocks) or "none"
            raise ValueError(f"fusion.families: {family!r} needs the block {lacking[0]!r}; the study has: {have}{hint}")
        right = "-".join(block for block in blocks if block in parts)
        if family != right:
            raise ValueError(
                f"fusion.families: write {right!r} for {family!r}: each block once, in the order {', '.join(blocks)}"
            )
