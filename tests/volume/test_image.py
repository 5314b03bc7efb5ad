"""Masks meet their images."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations, product

import numpy as np
import pytest
from boxes import OBLIQUE, grid, ramp
from knees import stored_as

from radfuse.errors import InputError
from radfuse.volume.grid import Grid, same_voxels
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


@pytest.mark.parametrize("where", [grid((3, 4, 5)), OBLIQUE, Grid((4, 4, 4), (1.0, 1.0, 1.0))])
def test_a_mask_stored_in_another_order_is_turned_onto_its_image(where: Grid) -> None:
    """Each of the 48 ways to store the same voxels; moved by a hundredth of a voxel they are others."""
    labels = LabelMap(ramp(where).array.astype(np.int32), where, {7: "bone"}, "m.nrrd")
    for order, back in product(permutations(range(3)), product((False, True), repeat=3)):
        stored = stored_as(labels, order, back)
        found = require_same_grid(Volume(ramp(where).array, where), stored)
        assert found.array.tolist() == labels.array.tolist()
        assert (found.grid.same_as(where), found.names, found.name) == (True, labels.names, labels.name)
        x, y, z = stored.grid.origin
        moved = replace(stored, grid=replace(stored.grid, origin=(x, y, z + 0.04)))
        assert not same_voxels(moved.grid, where)
        with pytest.raises(InputError, match="lies on another grid"):
            require_same_grid(Volume(ramp(where).array, where), moved)
