"""Several masks of one image made one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from radfuse.volume.region import box_of
from radfuse.volume.sitk import voices


def voted(masks: Sequence[np.ndarray], rule: Literal["majority", "staple"]) -> np.ndarray:
    """Return one mask of several, integer of their shape; 0 where labels have equal voices.

    Args:
        masks: integers, shape (z, y, x) each.
        rule: of each voxel the most frequent label; or STAPLE, which weighs masks by how well they agree with the
            result, within the box of all that is drawn.
    """
    drawn = np.any([mask > 0 for mask in masks], axis=0)
    found = np.zeros(drawn.shape, dtype=np.int32)
    box = box_of(drawn)
    if drawn.any():
        parts = np.stack([mask[box] for mask in masks]).astype(np.int32)
        labels = np.unique(np.append(parts, 0))  # STAPLE keeps a table of all labels up to the highest
        few = np.searchsorted(labels, parts).astype(np.uint16)
        found[box] = labels[voices(list(few), staple=rule == "staple")]
    return found
