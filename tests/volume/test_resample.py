"""Images and segmentations on another grid."""

from __future__ import annotations

import numpy as np
from boxes import box, grid, ramp

from radfuse.volume.grid import Grid, oriented
from radfuse.volume.image import LabelMap, Volume
from radfuse.volume.resample import lost_beyond, resample, resample_labels


def test_resampling_a_ramp_to_half_the_spacing_interpolates() -> None:
    where = grid((1, 1, 4), (1.0, 1.0, 2.0))
    found = resample(ramp(where), Grid((1, 1, 7), (1.0, 1.0, 1.0)))
    assert found.array.ravel().tolist() == [0, 0.5, 1, 1.5, 2, 2.5, 3]


def test_labels_are_resampled_by_nearest_neighbour() -> None:
    labels = LabelMap(box((4, 4, 4), (0, 0, 0), (2, 4, 4)).astype(np.uint8) * 5, grid((4, 4, 4)))
    found = resample_labels(labels, Grid((8, 4, 4), (0.5, 1.0, 1.0), (0, 0, -0.25)))
    assert found.array[:4].tolist() == (np.ones((4, 4, 4), int) * 5).tolist()
    assert not found.array[4:].any()


def test_outside_an_image_its_edge_can_go_on() -> None:
    wide = Grid((1, 1, 5), (1.0, 1.0, 1.0), (-1.0, 0.0, 0.0))
    image = Volume(np.array([[[4.0, 2.0, 3.0]]], np.float32), grid((1, 1, 3)))
    assert resample(image, wide).array.ravel().tolist() == [2, 4, 2, 3, 2]
    assert resample(image, wide, edge=True).array.ravel().tolist() == [4, 4, 2, 3, 3]


def test_what_lies_beyond_an_image_is_told_in_shares() -> None:
    """A cube of 4 voxels a side; moved by 2 of the 8 voxels of the image, and by 6."""
    mask = LabelMap(box((8, 8, 8), (2, 2, 4), (6, 6, 8)).astype(np.uint8), grid((8, 8, 8)), {}, "m")
    assert lost_beyond(mask, mask.grid) == ""
    assert lost_beyond(mask, Grid((8, 8, 8), (1, 1, 1), (-2.0, 0, 0))).startswith("50% of mask m lie beyond the image")
    assert lost_beyond(mask, Grid((4, 4, 4), (2, 2, 2), (0.5, 0.5, 0.5))) == ""
    turned = oriented(mask.grid, "RAS")
    assert lost_beyond(mask, turned) == ""
