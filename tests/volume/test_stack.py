"""Sequences of one case as channels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from boxes import grid

from radfuse.errors import InputError
from radfuse.volume.files import write_image
from radfuse.volume.grid import Grid, oriented
from radfuse.volume.image import Volume
from radfuse.volume.stack import _beyond, read_stacked, stacked


def ramp(where: Grid, name: str) -> Volume:
    """An image whose voxels hold their x in mm."""
    x = where.origin[0] + np.arange(where.shape[2]) * where.spacing_zyx_mm[2]
    return Volume(np.broadcast_to(x, where.shape).astype(np.float32), where, name)


def test_an_image_alone_is_its_only_channel() -> None:
    volume = ramp(grid((2, 3, 4)), "t1")
    assert stacked([volume]) is volume
    assert volume.channels == (volume,)


def test_others_come_onto_the_grid_of_the_first() -> None:
    first = ramp(grid((4, 6, 8), (2.0, 1.0, 1.0)), "pet")
    finer = ramp(Grid((8, 12, 20), (1.0, 0.5, 0.5), (-1.0, 0.0, 0.0)), "ct")
    both = stacked([first, finer])
    assert both.grid is first.grid
    assert [channel.name for channel in both.channels] == ["pet", "ct"]
    assert all(channel.array.shape == (4, 6, 8) for channel in both.channels)
    assert np.array_equal(both.array, first.array)
    assert both.channels[1].array[1, 2].tolist() == pytest.approx(list(range(8)))  # the same mm, finer or not
    assert both.brought == "ct lies on another grid than pet, onto which it is brought by linear interpolation"


@pytest.mark.parametrize(
    ("first_mm", "lacks"), [(0.0, ""), (2.0, "adc lacks 25% of t2, and its smallest value stands there")]
)
def test_a_channel_on_another_grid_is_told_of_with_what_it_lacks(first_mm: float, lacks: str) -> None:
    """8 voxels of 1 mm along x, of which a channel that begins 2 mm later lacks 2; turned round it is no other grid."""
    first = ramp(grid((4, 6, 8)), "t2")
    later = ramp(Grid((4, 6, 8), (1.0, 1.0, 1.0), (first_mm, 0.0, 0.0)), "adc")
    turned = Volume(np.ascontiguousarray(later.array[:, ::-1, ::-1]), oriented(later.grid, "RAS"), "adc")
    for other in (later, turned):
        both = stacked([first, other])
        assert (both.lacks, bool(both.brought)) == (lacks, bool(lacks))
        assert both.channels[1].array[0, 0].tolist() == [first_mm, *np.maximum(np.arange(1.0, 8.0), first_mm)]


def test_what_lacks_is_known_of_corners_and_else_counted_voxel_by_voxel() -> None:
    """A box of 3 mm in one of 10 mm that is turned by 45 degrees lacks nothing; the larger one lacks most of itself."""
    half = 0.5**0.5
    turned = Grid((10, 10, 10), (1.0, 1.0, 1.0), (2.0, 2.0, -2.0), (half, -half, 0.0, half, half, 0.0, 0.0, 0.0, 1.0))
    inner = Grid((3, 3, 3), (1.0, 1.0, 1.0), (1.5, 7.0, 1.0), (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0))
    points = np.array([*np.ndindex(10, 10, 10)]) @ (np.reshape(turned.direction, (3, 3))).T + turned.origin
    index = points - inner.origin
    assert _beyond(inner, turned) == 0
    assert _beyond(turned, inner) == ((index < -0.5) | (index > 2.5)).any(axis=1).mean()
    assert 0.9 < _beyond(turned, inner) < 1


def test_many_cases_cost_no_time_to_speak_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """30,000 cases are asked at every check: of what lacks nothing, no lattice of points is made."""
    monkeypatch.setattr("radfuse.volume.stack.np.linspace", lambda *_: pytest.fail("points are counted"))
    assert _beyond(grid((4, 6, 8)), grid((4, 6, 8), (1.5, 1.5, 1.5))) == 0


def test_what_lies_beside_is_refused() -> None:
    first = ramp(grid((4, 6, 8)), "t2")
    for origin in ((9.0, 0, 0), (0, -7.0, 0), (0, 0, 300.0)):
        other = Volume(np.zeros((4, 6, 8), np.float32), Grid((4, 6, 8), (1.0, 1.0, 1.0), origin), "adc")
        with pytest.raises(InputError, match="image adc lies wholly beside image t2"):
            stacked([first, other])
    touching = Volume(np.ones((4, 6, 8), np.float32), Grid((4, 6, 8), (1.0, 1.0, 1.0), (7.0, 0, 0)), "adc")
    assert stacked([first, touching]).channels[1].array.sum() > 0


def test_files_are_read_in_their_order(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_image(ramp(grid((2, 3, 4)), name), tmp_path / f"{name}.nrrd")
    assert [each.name for each in read_stacked([tmp_path / "b.nrrd", tmp_path / "a.nrrd"]).channels] == [
        "b.nrrd",
        "a.nrrd",
    ]
