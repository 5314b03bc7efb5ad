"""The page of one case: pictures that do not hang on how an image is stored, and numbers counted by hand."""

from __future__ import annotations

import base64
import io
from itertools import permutations

import numpy as np
import pytest
from PIL import Image

from radfuse.report.look import CaseReport, SeenImage, case_page, numbers, planes
from radfuse.report.study import Made
from radfuse.results import Failure
from radfuse.volume.grid import Grid, oriented
from radfuse.volume.image import Volume
from radfuse.volume.region import Region
from radfuse.volume.resample import resample

GRID = Grid((20, 30, 24), (3.0, 1.0, 1.5), (-10.0, 5.0, 40.0))
ALL = [
    "".join(("LR", "PA", "SI")[axis][signs >> axis & 1] for axis in order)
    for order in permutations(range(3))
    for signs in range(8)
]


def scene(orientation: str = "LPS") -> tuple[Volume, Region]:
    """Noise with a box in it: 4 x 6 x 5 voxels of value 100 and one of 220, stored on axes of any orientation."""
    array = np.random.default_rng(0).normal(50, 10, GRID.shape).astype(np.float32)
    mask = np.zeros(GRID.shape, dtype=bool)
    mask[8:12, 10:16, 6:11] = True
    array[mask] = 100
    array[8, 10, 6] = 220
    grid = oriented(GRID, orientation)
    turned = [resample(Volume(values, GRID), grid, "nearest").array for values in (array, mask.astype(np.float32))]
    return Volume(turned[0], grid), Region.of("box", turned[1] > 0, grid)


def pixels(picture: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGB"))


@pytest.mark.parametrize("orientation", ALL[::7])
def test_an_image_looks_the_same_however_it_is_stored(orientation: str) -> None:
    image, region = scene(orientation)
    expected, there = scene()
    assert planes(image, [region]) == planes(expected, [there])
    assert planes(image, [region], close=True) == planes(expected, [there], close=True)


def test_the_patients_right_is_on_the_left_and_the_head_on_top() -> None:
    """A bright box far right, front and top stands at the left and top of the axial and coronal slice."""
    array = np.zeros((40, 40, 40), dtype=np.float32)
    array[30:36, 4:10, 4:10] = 1
    mask = array > 0
    grid = Grid((40, 40, 40), (1.0, 1.0, 1.0))
    picture = pixels(planes(Volume(array, grid), [Region.of("r", mask, grid)]))
    rows, columns = np.nonzero((picture == 255).all(axis=2))
    third = picture.shape[1] // 3
    axial = columns < third * 0.9
    assert columns[axial].mean() < third / 2
    assert rows.mean() < picture.shape[0] / 2


def test_numbers_by_hand() -> None:
    """120 voxels of 4.5 mm3, 119 of them 100 and one 220; the middle lies at the mean index times the spacing."""
    image, region = scene("RIA")
    (row,) = numbers(SeenImage("t1", image, [region])).to_dict("records")
    assert row["voxels"] == "120"
    assert row["volume, ml"] == "0.54"
    assert row["mean"] == "101"
    assert row["5 / 50 / 95 %"] == "100 / 100 / 100"
    x, y, z = -10 + 8 * 1.5, 5 + 12.5 * 1.0, 40 + 9.5 * 3.0
    assert row["middle, mm (L, P, S)"] == f"{x:.1f}, {y:.1f}, {z:.1f}"


def test_the_page_shows_what_is_there_and_says_what_could_not_be_made() -> None:
    image, region = scene()
    made = Made("2026-01-01", "1", "radfuse look s.yaml c")
    seen = [SeenImage("t1", image, [region]), SeenImage("<t2>", image, [])]
    page = case_page(CaseReport("c&1", {"side": "left"}, seen, [Failure(item="<t2>", error="on another grid")], made))
    assert page.count("data:image/png") == 3
    assert "c&amp;1" in page
    assert "&lt;t2&gt;</b>: on another grid" in page


def test_a_flat_image_has_one_plane() -> None:
    grid = Grid((1, 30, 40), (1.0, 0.5, 0.5))
    mask = np.zeros(grid.shape, dtype=bool)
    mask[0, 10:20, 10:25] = True
    picture = pixels(planes(Volume(mask.astype(np.float32), grid), [Region.of("r", mask, grid)]))
    assert picture.shape[1] / picture.shape[0] == pytest.approx(40 / 30, abs=0.1)


def test_letters_stand_out_on_white_and_a_ring_does_not_hide_what_it_is_around() -> None:
    grid = Grid((40, 40, 40), (1.0, 1.0, 1.0))
    z, y, x = np.indices(grid.shape) - 20
    far = np.sqrt(z**2 + y**2 + x**2)
    regions = [Region.of("tumour", far < 8, grid), Region.of("ring", (far >= 8) & (far < 14), grid)]
    picture = pixels(planes(Volume(np.ones(grid.shape, np.float32), grid), regions, ["#ff0000", "#00ff00"]))
    red, green, blue = (picture[..., channel].astype(int) for channel in range(3))
    assert ((red > 200) & (green < 60) & (blue < 60)).sum() > 100
    size = picture.shape[0]
    assert picture[int(size * 0.9) :, : int(size * 0.3)].min() < 40  # black around the name of the plane
