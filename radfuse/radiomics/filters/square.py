"""(c x)^2, c = 1 / sqrt(max |x|)."""

from __future__ import annotations

import numpy as np

from radfuse.radiomics.filters.filter import divides_by_largest, of_each_value

FILTER = of_each_value("square", lambda largest: 1 / np.sqrt(largest), lambda x, c: (c * x) ** 2, divides_by_largest)
