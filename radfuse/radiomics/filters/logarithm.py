"""c log(|x| + 1) with the sign of x, c = max |x| / log(max |x| + 1)."""

from __future__ import annotations

import numpy as np

from radfuse.radiomics.filters.filter import divides_by_largest, of_each_value

FILTER = of_each_value(
    "logarithm",
    lambda largest: largest / np.log(np.float64(largest) + 1),
    lambda x, c: np.log(np.abs(x) + 1) * np.sign(x) * c,
    divides_by_largest,
)
