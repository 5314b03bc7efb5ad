"""The segmentation: slices in three planes with contours, agreement with manual masks, and that of features."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from radfuse.report.agreement import (
    bland_altman,
    dice_strips,
    means_table,
    parts_table,
    summary_of,
    summary_table,
    tolerances,
)
from radfuse.report.palette import LABEL_COLOURS
from radfuse.report.printed import number, percent
from radfuse.report.render import Part, render
from radfuse.report.slices import slice_of_labels
from radfuse.report.study import StudyReport
from radfuse.report.svg import multiples
from radfuse.results import SegmentedExample
from radfuse.volume.image import LabelMap, Volume

_OUTLINE = "#111827"
_PLANES = ((0, (1, 2)), (1, (0, 2)), (2, (0, 1)))
_MARGIN_MM = 12.0


def study(report: StudyReport) -> Part:
    """Return the agreement of predicted with manual masks, or three manual ones; nothing where there are no masks."""
    found = report.segmentation
    examples = found.examples if found is not None else report.drawn
    figures, planes = {}, {}
    for example in examples:
        figures[f"example_{example.which}"], planes[example.which] = example_slices(example)
    tables, shown = {}, {}
    volumes: list[list[str]] = []
    tolerance = ""
    if found is not None:
        rows, what = found.agreement, ("predicted", "manual")
        tolerance = tolerances(rows)
        summary = summary_of(rows, report.seed)
        figures["dice"] = dice_strips(rows)
        figures["volumes"], *volumes = bland_altman(rows, what)
        shown = {
            "summary": summary_table(summary),
            "means": means_table(summary),
            "parts": parts_table(rows, what),
        }
        features = agreement_table(found.features, found.consistent)
        tables = {"segmentation": summary, "segmentation_cases": rows, "agreement": features}
    legend = {example.which: _legend(example) for example in examples}
    html = render(
        "sections/segmentation.html",
        report=report,
        examples=examples,
        figures=figures,
        planes=planes,
        shown=shown,
        volumes=volumes,
        tables=tables,
        legend=legend,
        tolerance=tolerance,
    )
    return Part("Segmentation" if found is not None else "Masks", html, figures, tables)


def example_slices(example: SegmentedExample) -> tuple[str, list[str]]:
    """Return three planes where labels of the manual mask are seen best together.

    Manual contours are solid, predicted ones dashed.

    Returns:
        The planes as one figure, and each alone.
    """
    image, predicted, manual = example.image, example.predicted, example.manual
    centre = tuple(slice_of_labels(manual, axis) for axis in range(3))
    low, high = np.percentile(image.array, (1, 99.5))
    labels = _labels(example)
    by_size = sorted(labels, key=lambda label: -np.count_nonzero(manual.array == label))  # bone hides no tumour
    box = _box(example)

    def draw(axes: Any, plane: tuple[int, tuple[int, int]]) -> None:
        across, (down, right) = plane
        spacing = image.spacing_zyx_mm
        axes.imshow(
            _slice(image, across, centre),
            cmap="gray",
            vmin=low,
            vmax=high,
            aspect=spacing[down] / spacing[right],
            interpolation="bilinear",
        )
        for label in by_size:
            colour = LABEL_COLOURS[labels.index(label) % len(LABEL_COLOURS)]
            _contour(axes, _slice(manual, across, centre) == label, colour, "solid")
            if predicted is not None:
                _contour(axes, _slice(predicted, across, centre) == label, colour, (0, (2.5, 1.5)))
        axes.set_xlim(box[right].start - 0.5, box[right].stop - 0.5)
        axes.set_ylim(box[down].stop - 0.5, box[down].start - 0.5)
        axes.set_axis_off()

    deep = [plane for plane in _PLANES if min(image.grid.shape[axis] for axis in plane[1]) > 1]
    return multiples(deep, draw, height=2.95)  # of a flat image the one plane that there is


def _labels(example: SegmentedExample) -> list[int]:
    """Return the labels that either mask holds."""
    masks = [mask for mask in (example.manual, example.predicted) if mask is not None]
    return sorted({label for mask in masks for label in mask.present()})


def _legend(example: SegmentedExample) -> dict[str, str]:
    """Return name -> colour of the contours."""
    names = example.manual.names
    return {
        str(names.get(label, label)): LABEL_COLOURS[place % len(LABEL_COLOURS)]
        for place, label in enumerate(_labels(example))
    }


def _box(example: SegmentedExample) -> list[slice]:
    """Return what is drawn of each axis: the masks and a margin, at least 12 mm or a third of their size."""
    inside = example.manual.array > 0
    if example.predicted is not None:
        inside = inside | (example.predicted.array > 0)
    box = []
    for axis, size in enumerate(inside.shape):
        found = np.flatnonzero(inside.any(axis=tuple(other for other in range(3) if other != axis)))
        first, last = (int(found[0]), int(found[-1])) if len(found) else (0, size - 1)
        margin = max(_MARGIN_MM / example.image.spacing_zyx_mm[axis], (last - first + 1) / 3)
        box.append(slice(max(0, int(first - margin)), min(size, int(np.ceil(last + margin)) + 1)))
    return box


def _slice(image: Volume | LabelMap, plane: int, centre: tuple[int, ...]) -> np.ndarray:
    return np.asarray(np.take(image.array, centre[plane], axis=plane))


def _contour(axes: Any, mask: np.ndarray, colour: str, dash: Any) -> None:
    """Draw the edge of a mask, bright on dark so that it shows on any grey."""
    if not mask.any() or mask.all():
        return
    axes.contour(mask.astype(float), levels=[0.5], colors=[_OUTLINE], linewidths=2.8, alpha=0.75)
    axes.contour(mask.astype(float), levels=[0.5], colors=[colour], linestyles=[dash], linewidths=1.4)


def agreement_table(agreement: pd.Series, consistent: pd.Series) -> pd.DataFrame:
    """Return, by region and feature class, how many features agree between predicted and manual masks.

    Args:
        agreement: feature -> ICC(2,1).
        consistent: feature -> ICC(3,1).
    """
    known = agreement.dropna()
    parts = pd.DataFrame({"icc": known, "consistent": consistent.reindex(known.index), "name": known.index})
    split = parts["name"].str.extract(r"^(?P<region>.*)/[^/_]*_(?P<group>[^_/]+)_[^_/]+$")
    parts = parts.join(split)
    rows = [
        {
            "region": region,
            "class": group,
            "features": str(len(own)),
            "median ICC(2,1)": number(float(own["icc"].median()), 2),
            "at least 0.75": _share(own["icc"] >= 0.75),
            "at least 0.9": _share(own["icc"] >= 0.9),
            "ICC(3,1) at least 0.75": _share(own["consistent"] >= 0.75),
        }
        for (region, group), own in parts.groupby(["region", "group"])
    ]
    return pd.DataFrame(rows)


def _share(which: pd.Series) -> str:
    """Return "8 (80%)"."""
    return f"{int(which.sum())} ({percent(which.mean())})"
