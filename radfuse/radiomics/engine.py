"""Features of regions: one call for one image, whoever computes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from radfuse.config import nearest
from radfuse.errors import CaseError, InputError, listed
from radfuse.features import FeatureTable
from radfuse.radiomics.config import RadiomicsConfig
from radfuse.radiomics.regions import Region
from radfuse.volume import LabelMap, Volume, require_same_grid


def region_features(volume: Volume, regions: Sequence[Region], config: RadiomicsConfig) -> dict[str, dict[str, float]]:
    """Return region -> feature -> value; a feature that cannot be computed is NaN.

    Args:
        volume: the image.
        regions: on the image's grid.
        config: how to compute.

    Raises:
        CaseError: a region cannot be used; names it and the reason.
    """
    from radfuse.radiomics.pyradiomics_engine import Extractor

    extractor = Extractor(config)
    return {region.name: extractor.features(volume, region) for region in regions}


def extract(
    volume: Volume,
    labels: LabelMap,
    config: RadiomicsConfig | None = None,
    engine: str | None = None,
    only: Sequence[int] = (),
) -> FeatureTable:
    """Return the features of every label of a segmentation.

    Args:
        volume: the image.
        labels: on the same grid.
        config: how to compute; defaults when None.
        engine: overrides the config's.
        only: labels to compute; empty: all that are present.

    Returns:
        A row per label, index `label`.

    Raises:
        InputError: another grid, an unknown engine, or a label that is not present.
        CaseError: a label has too few voxels.
    """
    config = config or RadiomicsConfig()
    if engine is not None and engine != config.engine:
        raise InputError(f"unknown engine {engine!r}{nearest(engine, ['pyradiomics'])}")
    require_same_grid(volume, labels)
    present = labels.present()
    absent = [label for label in only if label not in present]
    if absent:
        raise InputError(f"{labels.name}: labels {listed(absent)} are not present; present: {listed(present)}")
    regions = []
    for label in only or present:
        mask = labels.array == label
        found = int(mask.sum())
        if found < config.min_voxels:
            raise CaseError(
                labels.name,
                f"label {label} has {found} voxels, needs {config.min_voxels}; labels present: {listed(present)}. "
                "Lower `min_voxels`, or leave the label out",
            )
        regions.append(Region(str(label), mask, labels.grid))
    found_features = region_features(volume, regions, config)
    values = pd.DataFrame.from_dict(found_features, orient="index").astype(np.float64)
    values.index = pd.Index([labels.names.get(int(label), label) for label in found_features], name="label")
    return FeatureTable(values, {}, {"engine": config.engine, "settings": config.model_dump(mode="json")})
