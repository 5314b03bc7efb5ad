"""exp(c x), c = log(max |x|) / max |x|."""

from __future__ import annotations

import numpy as np

from radfuse.radiomics.filters.filter import divides_by_largest, of_each_value

FILTER = of_each_value(
    "exponential",
    lambda largest: np.log(np.float64(largest)) / largest,
    lambda x, c: np.exp(c * x),
    divides_by_largest,
)
