"""Masks meet their images."""

from __future__ import annotations

import numpy as np
import pytest
from boxes import OBLIQUE, grid, ramp

from radfuse.errors import InputError
from radfuse.volume.image import LabelMap, Volume, require_same_grid


def test_a_mask_on_another_grid_prints_both() -> None:
    labels = LabelMap(np.ones((3, 4, 4), dtype=np.uint8), grid((3, 4, 4)), {}, "m.nrrd")
    with pytest.raises(InputError) as caught:
        require_same_grid(Volume(ramp(OBLIQUE).array, OBLIQUE, "i.nrrd"), labels)
    for part in (
        "m.nrrd",
        "i.nrrd",
        "5 x 4 x 3 voxels of 0.7 x 0.9766 x 3.27 mm",
        "4 x 4 x 3 voxels",
        "resample_masks",
    ):
        assert part in str(caught.value)
