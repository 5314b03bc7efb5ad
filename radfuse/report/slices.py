"""Pictures of segmentations: slices in three planes with contours, and Dice over cases."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from radfuse.report.figures import STYLE, to_svg
from radfuse.results import SegmentationReport, SegmentedExample
from radfuse.volume.image import LabelMap, Volume

_COLOURS = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#CC79A7", "#D55E00", "#0072B2", "#999999")
_PLANES = (("axis 1", 0, (1, 2)), ("axis 2", 1, (0, 2)), ("axis 3", 2, (0, 1)))


def segmentation_figures(report: SegmentationReport) -> dict[str, str]:
    """Return the figures of the segmentation section by name."""
    examples = {f"example_{example.which}": example_slices(example) for example in report.examples}
    return {"dice": dice_plot(report.dice), **examples}


def dice_plot(dice: pd.DataFrame) -> str:
    """Return the Dice coefficient of every case as a dot, the median as a line, by label."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8.6, 0.9 + 0.42 * len(dice.columns)), layout="constrained")
        axes = figure.subplots()
        generator = np.random.default_rng(0)
        for row, label in enumerate(dice.columns):
            values = dice[label].dropna().to_numpy()
            colour = _COLOURS[row % len(_COLOURS)]
            axes.plot(
                values, row + generator.uniform(-0.16, 0.16, len(values)), "o", color=colour, alpha=0.6, markersize=4
            )
            if len(values):
                axes.plot([np.median(values)] * 2, [row - 0.3, row + 0.3], color="#1f2937", linewidth=2)
        axes.set_yticks(range(len(dice.columns)), dice.columns)
        axes.set_ylim(len(dice.columns) - 0.5, -0.5)
        axes.set_xlim(min(0.5, float(np.nanmin(dice.to_numpy())) - 0.02), 1.0)
        axes.set_xlabel("Dice coefficient, a dot per case (line: median)")
        axes.tick_params(axis="y", length=0)
        return to_svg(figure)


def example_slices(example: SegmentedExample) -> str:
    """Return three planes through the middle of the manual mask: manual contours solid, predicted dashed."""
    image, predicted, manual = example.image, example.predicted, example.manual
    centre = _middle(manual)
    low, high = np.percentile(image.array, (1, 99.5))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8.6, 3.2), layout="constrained")
        for axes, (_, plane, (down, right)) in zip(figure.subplots(1, 3), _PLANES, strict=True):
            spacing = image.spacing_zyx_mm
            aspect = spacing[down] / spacing[right]
            axes.imshow(
                _slice(image, plane, centre), cmap="gray", vmin=low, vmax=high, aspect=aspect, interpolation="bilinear"
            )
            labels = sorted({*manual.present(), *predicted.present()})
            for number, label in enumerate(labels):
                colour = _COLOURS[number % len(_COLOURS)]
                _contour(axes, _slice(manual, plane, centre) == label, colour, "solid")
                _contour(axes, _slice(predicted, plane, centre) == label, colour, (0, (2, 1.5)))
            axes.set_axis_off()
        return to_svg(figure)


def _middle(labels: LabelMap) -> tuple[int, ...]:
    """Return the slice of each axis that holds the most labelled voxels."""
    mask = labels.array > 0
    return tuple(int(mask.sum(axis=tuple(a for a in range(3) if a != axis)).argmax()) for axis in range(3))


def _slice(image: Volume | LabelMap, plane: int, centre: tuple[int, ...]) -> np.ndarray:
    return np.asarray(np.take(image.array, centre[plane], axis=plane))


def _contour(axes: Any, mask: np.ndarray, colour: str, dash: Any) -> None:
    if mask.any() and not mask.all():
        axes.contour(mask.astype(float), levels=[0.5], colors=[colour], linestyles=[dash], linewidths=1.1)
