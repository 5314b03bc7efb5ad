"""The page of one case: every image with the contours of every region in three planes, and their numbers."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from radfuse.report.palette import LABEL_COLOURS
from radfuse.report.printed import number
from radfuse.report.render import render
from radfuse.report.slices import areas, slice_of
from radfuse.report.study import Made
from radfuse.results import Failure
from radfuse.volume.grid import orientation_of
from radfuse.volume.image import Volume
from radfuse.volume.region import Region

_PLANES = (("axial", 0, "AR"), ("coronal", 1, "SR"), ("sagittal", 2, "SA"))
"""Name, axis of a (z, y, x) array whose axes run to the left, back and top, and what stands at the top and left."""
_MARGIN, _LEAST_MM = 0.4, 15.0
"""Around a region: as a share of its size, and at least."""
_OPPOSITE = {letter: pair for pair in ("LR", "PA", "SI") for letter in pair}
_INCHES = 2.9


@dataclass(frozen=True)
class SeenImage:
    """One image of a case.

    Attributes:
        sequence: its name.
        image: what is drawn.
        regions: on its grid.
        changed: steps that its values went through.
    """

    sequence: str
    image: Volume
    regions: Sequence[Region]
    changed: Sequence[str] = ()


@dataclass(frozen=True)
class CaseReport:
    """Everything the page of one case shows.

    Attributes:
        case: its id.
        about: what is known of it, name -> text.
        images: with their regions.
        failures: images whose regions could not be made, and why.
        made: when, by what, and how to do it again.
    """

    case: str
    about: Mapping[str, str]
    images: Sequence[SeenImage]
    failures: Sequence[Failure]
    made: Made


def case_page(report: CaseReport) -> str:
    """Return the page, with its pictures inside."""
    shown = [
        {
            "sequence": seen.sequence,
            "grid": f"{' x '.join(map(str, seen.image.grid.shape[::-1]))} voxels of "
            f"{' x '.join(f'{step:.3g}' for step in seen.image.spacing_zyx_mm[::-1])} mm, axes "
            f"{orientation_of(seen.image.grid)}",
            "changed": f" Values are those after {', '.join(seen.changed)}." if seen.changed else "",
            "whole": planes(seen.image, seen.regions),
            "legend": {region.name: colour_of(place) for place, region in enumerate(seen.regions)},
            "table": numbers(seen),
            "parts": {
                region.name: planes(seen.image, [region], [colour_of(place)], close=True)
                for place, region in enumerate(seen.regions)
            },
        }
        for seen in report.images
    ]
    return render("look.html", report=report, shown=shown).rstrip("\n")


def colour_of(place: int) -> str:
    """Return the colour of a contour, by the region's place."""
    return LABEL_COLOURS[place % len(LABEL_COLOURS)]


def numbers(seen: SeenImage) -> pd.DataFrame:
    """Return a row a region: its size, where its middle lies, and the image's values inside."""
    rows = []
    for region in seen.regions:
        values = seen.image.array[region.box][region.inside].astype(float)
        x, y, z = _middle(region)
        low, middle, high = np.percentile(values, (5, 50, 95))
        rows.append(
            {
                "region": region.name,
                "voxels": f"{region.voxels:,}",
                "volume, ml": number(region.volume_mm3 / 1000, 2),
                "mean": f"{values.mean():.4g}",
                "SD": f"{values.std():.3g}",
                "5 / 50 / 95 %": f"{low:.4g} / {middle:.4g} / {high:.4g}",
                "middle, mm (L, P, S)": f"{x:.1f}, {y:.1f}, {z:.1f}",
            }
        )
    return pd.DataFrame(rows)


def planes(
    image: Volume, regions: Sequence[Region], colours: Sequence[str] | None = None, *, close: bool = False
) -> str:
    """Return a PNG, base64: the axial, coronal and sagittal slice where regions are seen best, with contours.

    The patient's right is on the left of axial and coronal slices, as radiologists hang them. A flat image has one.

    Args:
        image: shape (z, y, x), on any axes.
        regions: on its grid.
        colours: of their contours; by their places where left out.
        close: show the regions with a margin; else all of the image.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    colours = colours or [colour_of(place) for place in range(len(regions))]
    order, flips = _to_patient(image)
    array = np.flip(image.array.transpose(order), flips)
    masks = [np.flip(region.mask.transpose(order), flips) for region in regions]
    spacing = np.array(image.spacing_zyx_mm)[list(order)]
    together = np.logical_or.reduce(masks) if masks else np.zeros(array.shape, bool)
    box = _shown(together, spacing) if close and together.any() else tuple(slice(0, size) for size in array.shape)
    low, high = np.percentile(array[box], (0.5, 99.5))
    lengths = [(part.stop - part.start) * step for part, step in zip(box, spacing, strict=True)]
    shown = [plane for plane in _PLANES if min(size for axis, size in enumerate(array.shape) if axis != plane[1]) > 1]
    widths = [(lengths[2], lengths[2], lengths[1])[axis] for _, axis, _ in shown]
    heights = [(lengths[1], lengths[0], lengths[0])[axis] for _, axis, _ in shown]
    scale = _INCHES / max(heights)
    by_size = sorted(zip(masks, colours, strict=True), key=lambda pair: -pair[0].sum())  # a ring hides no tumour
    figure = Figure(figsize=(sum(widths) * scale + 0.2, _INCHES), facecolor="black")
    left = 0.0
    for (name, axis, letters), width, height in zip(shown, widths, heights, strict=True):
        at = slice_of((areas(mask, axis) for mask in masks), array.shape[axis])
        share = width * scale / figure.get_figwidth()
        axes = figure.add_axes((left, 0, share, height / max(heights)))
        left += share + 0.1 / figure.get_figwidth()
        rest = [place for place in range(3) if place != axis]
        window = tuple(box[place] for place in rest)
        flat = np.take(array, at, axis=axis)[window]
        aspect = float(spacing[rest[0]] / spacing[rest[1]])
        up = axis > 0  # superior is the last row of the array, and belongs at the top
        axes.imshow(flat, cmap="gray", vmin=low, vmax=max(high, low + 1e-6), aspect=aspect, origin=_origin(up=up))
        for mask, colour in by_size:
            inside = np.take(mask, at, axis=axis)[window]
            if inside.any():
                edge = np.pad(inside, 1)
                steps = [np.arange(-1, size + 1) for size in inside.shape]
                axes.contour(steps[1], steps[0], edge, levels=[0.5], colors=[colour], linewidths=1.0)
        axes.set_xlim(-0.5, flat.shape[1] - 0.5)
        axes.set_ylim(*((-0.5, flat.shape[0] - 0.5) if up else (flat.shape[0] - 0.5, -0.5)))
        _label(axes, name, letters)
    stream = io.BytesIO()
    canvas: Any = FigureCanvasAgg(figure)
    canvas.print_png(stream)
    return base64.b64encode(stream.getvalue()).decode()


def _origin(*, up: bool) -> Any:
    return "lower" if up else "upper"


def _label(axes: Any, name: str, letters: str) -> None:
    """Say which plane it is, and what lies at its top and left."""
    from matplotlib.patheffects import withStroke

    axes.set_axis_off()
    outlined = [withStroke(linewidth=1.8, foreground="black")]  # to be read on fat, too
    for x, y, text in ((0.5, 0.985, letters[0]), (0.015, 0.5, letters[1]), (0.02, 0.02, name)):
        place = {"transform": axes.transAxes, "va": "top" if y > 0.9 else "bottom"}
        axes.text(x, y, text, color="#e5e7eb", fontsize=7, path_effects=outlined, **place)


def _to_patient(image: Volume) -> tuple[tuple[int, int, int], tuple[int, ...]]:
    """Return which axes of a (z, y, x) array run along patient z, y and x, and which of them, then, run backwards."""
    found = orientation_of(image.grid)
    axes = [next(i for i, letter in enumerate(found) if letter in _OPPOSITE[wanted]) for wanted in "SPL"]
    first, second, third = (2 - axis for axis in axes)
    flips = tuple(place for place, (axis, wanted) in enumerate(zip(axes, "SPL", strict=True)) if found[axis] != wanted)
    return (first, second, third), flips


def _shown(mask: np.ndarray, spacing: np.ndarray) -> tuple[slice, ...]:
    """Return a box around a mask, no side of it less than two thirds of the longest, inside the array."""
    ends = [np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {axis})))[[0, -1]] for axis in range(3)]
    lengths = np.array([last + 1 - first for first, last in ends]) * spacing
    wanted = np.maximum(lengths + 2 * np.maximum(_MARGIN * lengths, _LEAST_MM), lengths.max() * 4 / 3)
    box = []
    for (first, last), length, more, step, size in zip(ends, lengths, wanted, spacing, mask.shape, strict=True):
        margin = int(np.ceil((more - length) / 2 / step))
        box.append(slice(max(int(first) - margin, 0), min(int(last) + 1 + margin, size)))
    return tuple(box)


def _middle(region: Region) -> np.ndarray:
    """Return the mean position of a region's voxels in patient space, (x, y, z) in mm."""
    grid = region.grid
    index = np.argwhere(region.inside).mean(axis=0) + [part.start for part in region.box]
    axes = np.array(grid.direction).reshape(3, 3) * np.array(grid.spacing_zyx_mm[::-1])
    return np.asarray(axes @ index[::-1] + np.array(grid.origin))
