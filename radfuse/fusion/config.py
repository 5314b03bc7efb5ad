"""Settings of the fusion wing."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field, field_validator

from radfuse.config import Section

Block = Literal["clinical", "radiomic", "deep"]
Family = Literal[
    "clinical", "radiomic", "deep", "clinical-radiomic", "clinical-deep", "radiomic-deep", "clinical-radiomic-deep"
]


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

    families: tuple[Family, ...] = ()
    """Empty: every combination of the blocks that exist."""
    selection: tuple[Selection, ...] = (CorrelationConfig(), MrmrConfig(), LassoConfig())
    classifier: LogisticConfig = LogisticConfig()
    inner_folds: int = Field(default=5, ge=2)
    """Folds inside each training set, for tuning and for the threshold."""
    threshold: Literal["youden", "half"] = "youden"
    """Where sensitivity and specificity are read: the largest Youden index on inner out-of-fold predictions, or 0.5."""

    @field_validator("families")
    @classmethod
    def _once_each(cls, families: tuple[Family, ...]) -> tuple[Family, ...]:
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


ALL_FAMILIES: tuple[Family, ...] = (
    "clinical",
    "radiomic",
    "deep",
    "clinical-radiomic",
    "clinical-deep",
    "radiomic-deep",
    "clinical-radiomic-deep",
)


def blocks_of(family: str) -> tuple[str, ...]:
    """Return the blocks a family joins: "clinical-deep" joins clinical and deep."""
    return tuple(family.split("-"))


def default_families(blocks: set[str]) -> tuple[str, ...]:
    """Return the six families of the literature that the blocks allow, and clinical-deep where it is all there is."""
    wanted = tuple(family for family in ALL_FAMILIES if set(blocks_of(family)) <= blocks and family != "clinical-deep")
    return (*wanted, "clinical-deep") if blocks == {"clinical", "deep"} else wanted
