"""Regions as families of features look at them, made from an array."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from radfuse.radiomics.discretise import NO_LEVELS, discretise
from radfuse.radiomics.families.family import Measured
from radfuse.radiomics.lattice import make_lattice
from radfuse.radiomics.preprocess import Prepared


def measured(
    mask: np.ndarray,
    values: np.ndarray | None = None,
    spacing_zyx_mm: Sequence[float] = (1.0, 1.0, 1.0),
    distances: Sequence[int] = (1,),
) -> Measured:
    """Return a region of an image, its levels in bins of width 1; without values, what shape looks at."""
    z, y, x = (float(step) for step in spacing_zyx_mm)
    box = (slice(0, mask.shape[0]), slice(0, mask.shape[1]), slice(0, mask.shape[2]))
    image = mask.astype(np.float64) if values is None else values
    region = Prepared("region", image, (z, y, x), mask, box, mask, (int(mask.sum()),) * 2)
    levels = NO_LEVELS if values is None else discretise(values[mask], 1)
    return Measured(region, image[mask], levels, make_lattice(mask, distances))
