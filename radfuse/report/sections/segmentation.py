"""The segmentation: slices in three planes with contours, Dice over cases, agreement of features."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from radfuse.report.printed import DASH, number
from radfuse.report.render import Part, render
from radfuse.report.study import StudyReport
from radfuse.report.svg import STYLE, to_svg
from radfuse.results import SegmentedExample
from radfuse.volume.image import LabelMap, Volume

_COLOURS = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#CC79A7", "#D55E00", "#0072B2", "#999999")
_PLANES = (("axis 1", 0, (1, 2)), ("axis 2", 1, (0, 2)), ("axis 3", 2, (0, 1)))


def study(report: StudyReport) -> Part:
    """Return the agreement of predicted with manual masks; nothing where nothing was segmented."""
    if report.segmentation is None:
        return Part("Segmentation", render("sections/segmentation.html", report=report))
    figures = {"dice": dice_plot(report.segmentation.dice)}
    figures |= {f"example_{example.which}": example_slices(example) for example in report.segmentation.examples}
    tables = {
        "dice": dice_table(report.segmentation.dice),
        "agreement": agreement_table(report.segmentation.agreement),
    }
    html = render("sections/segmentation.html", report=report, figures=figures, tables=tables)
    return Part("Segmentation", html, figures, tables)


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


def dice_table(dice: pd.DataFrame) -> pd.DataFrame:
    """Return the Dice coefficient of each label over cases: median, quartiles, range."""
    rows = []
    for label in dice.columns:
        values = dice[label].dropna()
        low, middle, high = np.quantile(values, [0.25, 0.5, 0.75]) if len(values) else (np.nan,) * 3
        rows.append(
            {
                "label": label,
                "cases": str(len(values)),
                "median": number(middle),
                "quartiles": f"{number(low)}–{number(high)}",
                "range": f"{number(values.min())}–{number(values.max())}" if len(values) else DASH,
            }
        )
    return pd.DataFrame(rows)


def agreement_table(agreement: pd.Series) -> pd.DataFrame:
    """Return, by region and feature class, how many features agree between predicted and manual masks."""
    known = agreement.dropna()
    parts = pd.DataFrame({"icc": known, "name": known.index})
    split = parts["name"].str.extract(r"^(?P<region>.*)/[^/_]*_(?P<group>[^_/]+)_[^_/]+$")
    parts = parts.join(split)
    rows = [
        {
            "region": region,
            "class": group,
            "features": str(len(values)),
            "median ICC(2,1)": number(float(values.median()), 2),
            "at least 0.75": f"{int((values >= 0.75).sum())} ({100 * (values >= 0.75).mean():.0f}%)",
            "at least 0.9": f"{int((values >= 0.9).sum())} ({100 * (values >= 0.9).mean():.0f}%)",
        }
        for (region, group), values in parts.groupby(["region", "group"])["icc"]
    ]
    return pd.DataFrame(rows)
