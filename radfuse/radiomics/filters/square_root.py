"""sqrt(c |x|) with the sign of x, c = max |x|."""

from __future__ import annotations

import numpy as np

from radfuse.radiomics.filters.filter import of_each_value

FILTER = of_each_value("squareroot", lambda largest: largest, lambda x, c: np.sqrt(np.abs(x) * c) * np.sign(x))
