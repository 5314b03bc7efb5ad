"""Small pictures of masks: size, slice, contour, and nothing written in them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from boxes import box, grid
from PIL import Image

from radfuse.report.palette import LABEL_COLOURS
from radfuse.report.preview import preview
from radfuse.volume.image import LabelMap, Volume

SHAPE = (8, 64, 32)
COLOURS = [tuple(bytes.fromhex(colour[1:])) for colour in LABEL_COLOURS]


def drawn(array: np.ndarray, labels: np.ndarray, spacing: tuple[float, float, float] = (5.0, 2.0, 2.0)) -> np.ndarray:
    """Return the pixels of a preview, (row, column, colour)."""
    content = preview(Volume(array, grid(SHAPE, spacing)), LabelMap(labels, grid(SHAPE, spacing)))
    with Image.open(io.BytesIO(content)) as picture:
        assert picture.info == {}
        return np.asarray(picture.convert("RGB"))


def is_colour(pixels: np.ndarray, place: int) -> np.ndarray:
    return np.asarray((pixels == COLOURS[place]).all(axis=2))


def test_the_slice_has_contours_of_all_labels() -> None:
    labels = np.zeros(SHAPE, dtype=np.uint8)
    labels[2, 28:36, 12:20] = 4
    labels[5, 20:44, 4:28] = 4
    labels[5, 30:34, 14:18] = 2
    labels[1, 10:30, 4:28] = 2  # its own largest slice
    image = np.zeros(SHAPE, dtype=np.float32)
    image[5] = np.linspace(0, 100, 32)
    pixels = drawn(image, labels)
    assert pixels.shape == (256, 128, 3)  # all of it: 60 mm around 48 mm are more than there is
    outer, inner = is_colour(pixels, 1), is_colour(pixels, 0)  # by the order of their numbers
    assert np.argwhere(outer).min(axis=0).tolist() == [80, 16]  # 4 pixels a voxel
    assert np.argwhere(outer).max(axis=0).tolist() == [175, 111]
    assert inner.sum() == 4 * 2 * 14  # a frame of 16 x 16 pixels, two wide
    assert not outer[90:110, 30:50].any()  # a contour, not an area
    assert pixels[10, 4, 0] < pixels[10, 120, 0]  # the image


def test_a_label_keeps_its_colour_where_others_are_missing() -> None:
    where = grid(SHAPE)
    labels = LabelMap(
        box(SHAPE, (3, 20, 10), (5, 30, 20)).astype(np.uint8) * 7, where, {2: "femur", 5: "tibia", 7: "x"}
    )
    with Image.open(io.BytesIO(preview(Volume(np.zeros(SHAPE, dtype=np.float32), where), labels))) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    assert [place for place in range(3) if is_colour(pixels, place).any()] == [2]


def test_voxels_are_square_in_mm_and_small_labels_have_60_mm_around() -> None:
    labels = np.zeros(SHAPE, dtype=np.uint8)
    labels[4, 30:34, 14:18] = 1
    pixels = drawn(np.zeros(SHAPE, dtype=np.float32), labels, spacing=(5.0, 1.0, 2.0))
    rows, columns = pixels.shape[:2]
    assert (rows, columns) == (256, 256)  # 60 x 60 mm
    found = np.argwhere(is_colour(pixels, 0))
    height, width = found.max(axis=0) - found.min(axis=0) + 1
    assert (height, width) == (18, 34)  # 4 x 8 mm, 4.27 pixels a mm


def test_where_nothing_was_found_it_is_the_whole_middle_slice() -> None:
    image = np.zeros(SHAPE, dtype=np.float32)
    image[4, :, 16:] = 1
    pixels = drawn(image, np.zeros(SHAPE, dtype=np.uint8))
    assert pixels.shape == (256, 128, 3)
    assert (pixels == pixels[:, :, :1]).all()  # greys alone
    assert (pixels[:, 100] == 255).all()


@pytest.mark.parametrize("value", [0.0, 7.5])
def test_an_image_of_one_value_can_be_pictured(value: float) -> None:
    assert drawn(np.full(SHAPE, value, dtype=np.float32), np.zeros(SHAPE, dtype=np.uint8)).shape == (256, 128, 3)


def test_no_noise_makes_it_larger_than_60_kb() -> None:
    noise = np.random.default_rng(0).random((3, 300, 300), dtype=np.float32)
    labels = np.random.default_rng(1).integers(0, 9, noise.shape).astype(np.uint8)
    where = grid(noise.shape, (3.0, 1.0, 1.0))
    assert len(preview(Volume(noise, where), LabelMap(labels, where))) < 60_000


def test_labels_on_another_grid_are_brought_onto_that_of_the_image() -> None:
    image = Volume(np.zeros(SHAPE, dtype=np.float32), grid(SHAPE, (5.0, 2.0, 2.0)))
    coarse = LabelMap(box((8, 32, 16), (3, 12, 4), (5, 20, 12)).astype(np.uint8), grid((8, 32, 16), (5.0, 4.0, 4.0)))
    with Image.open(io.BytesIO(preview(image, coarse))) as picture:
        assert is_colour(np.asarray(picture.convert("RGB")), 0).any()


def test_a_small_label_is_in_the_picture_where_a_large_one_is_hardly_smaller() -> None:
    """The large label has 10 % more voxels where the small one is not."""
    labels = np.zeros(SHAPE, dtype=np.uint8)
    labels[2:7, 20:40, 4:24] = 1
    labels[3, 18:40, 4:24] = 1
    labels[5, 44:47, 8:11] = 2
    pixels = drawn(np.zeros(SHAPE, dtype=np.float32), labels)
    assert is_colour(pixels, 0).any()
    assert is_colour(pixels, 1).any()
