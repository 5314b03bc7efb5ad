"""Models that are fitted at all their settings in one go, and the penalised regressions among them."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
from pydantic import Field, field_validator

from radfuse.config import Section
from radfuse.fusion.models.tried import Positives
from radfuse.fusion.parts import Settings


class Pathwise(Section):
    """A model whose settings are fitted together by its `path`; what it adds to may be known before."""

    takes_offset: ClassVar[bool] = True

    kind: str = ""

    @abstractmethod
    def path(self, *about: Any, **beside: Any) -> list[Any]:
        """Return what is fitted at each of several settings; each model says what it takes."""

    def fit(
        self,
        x: np.ndarray,
        y: np.ndarray,
        settings: Settings,
        seed: int,
        offset: np.ndarray | None = None,
        **beside: Any,
    ) -> Any:
        """Return what is fitted at one setting; arguments and errors are those of `path`."""
        return self.path(x, y, [settings], seed, offset, **beside)[0]


class Penalised(Pathwise):
    """A regression under a ridge penalty, or an elastic net where a share of the penalty is on absolute values.

    Its ridge penalty is told by what the prior expects of the score: with standardised columns, coefficients of
    variance spread / columns make a score of variance `spread`, whatever the number of columns.
    """

    spreads: Positives = (1.0,)
    """Variances of the score that the prior expects, tried in the inner folds; of ridge."""
    l1_share: float = Field(default=0.0, ge=0, le=1)
    """Share of the penalty on absolute coefficients: 0 is ridge, 1 is LASSO."""
    strengths: Positives = (0.05, 0.1, 0.2, 0.35, 0.5, 0.7)
    """Penalties tried where `l1_share` is above 0, as fractions of the smallest that keeps nothing; below 1."""

    @field_validator("strengths")
    @classmethod
    def _fractions(cls, strengths: tuple[float, ...]) -> tuple[float, ...]:
        if strengths[-1] >= 1:
            raise ValueError("strengths must be numbers between 0 and 1")
        return strengths

    def candidates(self) -> tuple[Settings, ...]:
        """Return the penalties, the strongest first."""
        if self.l1_share == 0:
            return tuple({f"{self.kind}_spread": value} for value in self.spreads)
        return tuple({f"{self.kind}_strength": value} for value in reversed(self.strengths))
