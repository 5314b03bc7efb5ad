"""How well two segmentations agree."""

from __future__ import annotations

import numpy as np

from radfuse.volume.image import LabelMap


def dice(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Return 2 |A and B| / (|A| + |B|).

    Args:
        truth: bool, shape (z, y, x).
        predicted: bool, same shape and grid.

    Returns:
        Fraction in [0, 1]; NaN when both masks are empty.

    Raises:
        ValueError: the shapes differ.

    Source:
        Dice 1945, doi:10.2307/1932409.
    """
    if truth.shape != predicted.shape:
        raise ValueError(f"masks must have one shape; found {truth.shape} and {predicted.shape}")
    size = int(truth.sum()) + int(predicted.sum())
    return float(2 * np.logical_and(truth, predicted).sum() / size) if size else float("nan")


def dice_per_label(truth: LabelMap, predicted: LabelMap, labels: dict[str, int]) -> dict[str, float]:
    """Return the Dice coefficient of each label; NaN where neither has it."""
    return {name: dice(truth.array == number, predicted.array == number) for name, number in labels.items()}
