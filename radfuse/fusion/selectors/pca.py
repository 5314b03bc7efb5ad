"""Principal components."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from radfuse.fusion.link import EVERY_KIND
from radfuse.fusion.parts import Outcome, Settings
from radfuse.fusion.selectors.step import Step

Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(gt=0, lt=1)]


class Pca(Step):
    """Principal components of the standardised columns, in place of them."""

    serves: ClassVar[tuple[str, ...]] = EVERY_KIND
    kind: Literal["pca"] = "pca"
    components: Count | Share = 0.9
    """How many, or the share of the variance that the fewest of them must hold together."""

    def reduce(self, x: np.ndarray, y: np.ndarray, settings: Settings, outcome: Outcome) -> np.ndarray:
        """Return the directions, shape (column, component), those of most variance first.

        The loading of largest size is positive in each, so that a sign does not hang on the solver.
        """
        centred = x - x.mean(axis=0)
        if x.shape[1] <= len(x):
            variance, axes = np.linalg.eigh(centred.T @ centred)
        else:
            variance, sides = np.linalg.eigh(centred @ centred.T)
            axes = centred.T @ (sides / np.sqrt(np.maximum(variance, 1e-300)))
        variance, axes = variance[::-1], axes[:, ::-1]
        there = int((variance > 1e-10 * variance[0]).sum())
        count = self.components
        if isinstance(count, float):
            held = np.cumsum(variance[:there]) / variance[:there].sum()
            count = int(np.searchsorted(held, count - 1e-12)) + 1
        axes = axes[:, : min(count, there)]
        largest = np.abs(axes).argmax(axis=0)
        return axes * np.sign(axes[largest, np.arange(axes.shape[1])])
