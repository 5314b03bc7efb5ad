"""Make the regions of a case."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from radfuse.errors import CaseError, InputError, listed
from radfuse.regions.config import RegionConfig
from radfuse.regions.habitats import HabitatsRegion
from radfuse.regions.named import made_on
from radfuse.regions.scene import Scene
from radfuse.volume.region import Region


def make_regions(scene: Scene, configs: Sequence[RegionConfig], min_voxels: int = 10) -> list[Region]:
    """Return the regions of one case, on the grid of its labels; of habitats each one that is there and large enough.

    Regions that are made on other images than the scene's are left out.

    Args:
        scene: the case.
        configs: which regions.
        min_voxels: fewer are an error.

    Raises:
        InputError: a region names a label nobody declared, or a user's own kind gives no mask of the labels' shape.
        CaseError: a region is empty or tiny; says how many voxels were found and which labels are present.
    """
    regions = []
    for config in configs:
        if not made_on(config, scene.measured):
            continue
        mask = config.mask(scene)
        if not isinstance(mask, np.ndarray) or mask.dtype != bool or mask.shape != scene.labels.grid.shape:
            found = f"{mask.dtype} {mask.shape}" if isinstance(mask, np.ndarray) else type(mask).__name__
            raise InputError(
                f"region {config.name!r}: {type(config).__name__}.mask gave {found}, needs a bool array of shape "
                f"{scene.labels.grid.shape}"
            )
        voxels = int(np.count_nonzero(mask))
        if voxels < min_voxels:
            raise CaseError(
                scene.case or scene.labels.name,
                f"region {config.name!r} has {voxels} voxels, needs {min_voxels}; labels present: "
                f"{listed(scene.labels.present())}. Correct the mask, lower `radiomics.min_voxels`, or leave the case "
                "out of the cohort table",
            )
        if isinstance(config, HabitatsRegion):
            parts = [Region.of(name, part, scene.labels.grid) for name, part in config.parts(scene).items()]
            regions += [part for part in parts if part.voxels >= max(min_voxels, 1)]
            continue
        regions.append(Region.of(config.name, mask, scene.labels.grid, getattr(config, "averaged", None)))
    return regions
