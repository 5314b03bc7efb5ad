"""Parameter maps: images whose values are a quantity, and so have units and a range in which they make sense."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from radfuse.config import Section
from radfuse.errors import InputError

Finite = Annotated[float, Field(allow_inf_nan=False)]


class ParameterMap(Section):
    """A map of ADC, D, D*, f, Ktrans, T2 or alike: fits give values that cannot be, and these are told of."""

    low: Finite | None = 0.0
    """Smallest value that can be, in the map's own units; None: any."""
    high: Finite | None = None
    """Largest value that can be: 1 for f or ve as a fraction, say; None: any."""
    outside: Literal["tell", "fail"] = "tell"
    """Values beyond these under the mask are told of and measured as they are, or an error of their case. To leave
    their voxels out, set `radiomics.resegment_range`; to move them to the ends, `normalise: [{kind: window}]`."""

    @model_validator(mode="after")
    def _rises(self) -> ParameterMap:
        if self.low is not None and self.high is not None and not self.low < self.high:
            raise ValueError(f"a map goes from a lower to an upper value, found {self.low:g} to {self.high:g}")
        return self

    def remark(self, inside: np.ndarray, name: str) -> str:
        """Return what to know of the values under a mask; empty where all can be.

        Args:
            inside: of some voxels, in the map's units.
            name: of the image.

        Raises:
            InputError: some cannot be, and `outside` says fail.
        """
        told = []
        for word, end, beyond, worst in (
            ("below", self.low, np.less, np.min),
            ("above", self.high, np.greater, np.max),
        ):
            found = inside[beyond(inside, end)] if end is not None else inside[:0]
            if found.size:
                told.append(f"{found.size} of {inside.size} voxels lie {word} {end:g}, as far as {worst(found):g}")
        if told and self.outside == "fail":
            raise InputError(
                f"map {name}: under the mask {' and '.join(told)}, which no such map can hold; look at the fit and the "
                "map's units, or leave the case out of the cohort table"
            )
        return f"under the mask {' and '.join(told)}" if told else ""
