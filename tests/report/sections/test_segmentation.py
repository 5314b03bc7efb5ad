"""Masks on images: what is cut out, which colours, and that contours show on any grey."""

from __future__ import annotations

import numpy as np
import pandas as pd

from radfuse.report.palette import LABEL_COLOURS
from radfuse.report.sections.segmentation import _OUTLINE, _box, _legend, agreement_table, example_slices
from radfuse.results import SegmentedExample
from radfuse.volume.grid import Grid
from radfuse.volume.image import LabelMap, Volume


def example(predicted: bool = True) -> SegmentedExample:
    """A box of 4 x 4 x 4 mm in an image of 40 mm, two labels; the predicted one lies 2 mm further along x."""
    grid = Grid((40, 40, 40), (1, 1, 1))
    image = np.zeros(grid.shape, dtype=np.float32)
    truth, found = np.zeros(grid.shape, dtype=np.uint8), np.zeros(grid.shape, dtype=np.uint8)
    truth[18:22, 18:22, 18:22] = 1
    truth[18:22, 18:22, 20:22] = 3
    found[18:22, 18:22, 20:24] = 3
    image[truth > 0] = 1
    names = {1: "core", 3: "rim"}
    made = LabelMap(found, grid, names) if predicted else None
    return SegmentedExample("worst", "c1", Volume(image, grid), LabelMap(truth, grid, names), made, 0.5)


def test_what_is_drawn_holds_both_masks_and_12_mm_around() -> None:
    assert _box(example()) == [slice(6, 34), slice(6, 34), slice(6, 36)]
    assert _box(example(predicted=False)) == [slice(6, 34), slice(6, 34), slice(6, 34)]


def test_labels_have_a_colour_each_that_the_legend_tells() -> None:
    assert _legend(example()) == {"core": LABEL_COLOURS[0], "rim": LABEL_COLOURS[1]}


def test_contours_are_bright_on_a_dark_outline_in_every_plane() -> None:
    whole, planes = example_slices(example(predicted=False))
    assert len(planes) == 3
    for text in planes:
        assert f"stroke: {_OUTLINE}" in text
        assert f"stroke: {LABEL_COLOURS[0].lower()}" in text
    assert f"stroke: {LABEL_COLOURS[1].lower()}" in whole
    assert "stroke-dasharray" not in whole
    assert "stroke-dasharray" in example_slices(example())[0]


def test_a_large_label_does_not_hide_the_contour_of_a_small_one_inside_it() -> None:
    shown = example(predicted=False)
    shown.manual.array[10:30, 10:30, 10:30] = 3
    shown.manual.array[18:22, 18:22, 18:22] = 1
    for text in example_slices(shown)[1]:
        assert text.rindex(LABEL_COLOURS[0].lower()) > text.rindex(LABEL_COLOURS[1].lower())


def test_features_that_differ_alike_in_all_cases_are_told_from_those_that_disagree() -> None:
    names = [f"t1/tumour/original_shape_{name}" for name in ("MeshVolume", "Sphericity", "Flatness")]
    agreed = pd.Series([0.95, 0.4, float("nan")], index=names)
    (row,) = agreement_table(agreed, pd.Series([0.97, 0.8], index=names[:2])).to_dict("records")

    assert row == {
        "region": "t1/tumour",
        "class": "shape",
        "features": "2",
        "median ICC(2,1)": "0.68",
        "at least 0.75": "1 (50%)",
        "at least 0.9": "1 (50%)",
        "ICC(3,1) at least 0.75": "2 (100%)",
    }
