"""Images that no memory holds, and those of which a network's spacing leaves nothing."""

from __future__ import annotations

import pytest

from radfuse.errors import InputError
from radfuse.seg.memory import require_size


@pytest.mark.parametrize(
    ("shape", "spacing_mm"), [((0, 512, 512), (0.001, 0.5, 0.5)), ((4000, 16000, 16000), (1000.0, 500.0, 500.0))]
)
def test_a_spacing_that_cannot_be_is_named_beside_the_networks(
    shape: tuple[int, ...], spacing_mm: tuple[float, ...]
) -> None:
    with pytest.raises(InputError, match=r"its voxels are .* at the 2 x 0.5 x 0.5 mm of the network; correct"):
        require_size("knee", shape, spacing_mm, (2.0, 0.5, 0.5))


def test_an_image_of_the_usual_size_is_taken() -> None:
    require_size("knee", (160, 384, 384), (0.7, 0.365, 0.365), (0.7, 0.365, 0.365))
