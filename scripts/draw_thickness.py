"""Draw docs/thickness.png: the thickness maps of a phantom knee, as `morphometry_maps: true` draws a case's.

uv run python scripts/draw_thickness.py
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from radfuse.morphometry.maps import thickness_png
from radfuse.morphometry.thickness import plate_of
from radfuse.phantom.knee_shapes import LABELS, KneeShape, frame, labels_of, surfaces
from radfuse.volume.grid import Grid

PICTURE = Path(__file__).parent.parent / "docs" / "thickness.png"
VOXELS, SPACING = (125, 320, 320), (0.7, 0.365, 0.365)
SAGITTAL = (0.0, 0.0, -1.0, 1.0, 0.0, 0.0, 0.0, -1.0, 0.0)
BARE = (125 // 2 + 30, 14.0, 5.0)
"""Middle slice, place behind the middle in mm, and radius in mm, of a lesion that is cut out of the medial plate."""


def main() -> None:
    """Draw the picture with 128 colours, which keep it small."""
    shape = KneeShape()
    labels = labels_of(surfaces(shape, frame(shape, VOXELS, SPACING)))
    z, y, x = np.ogrid[tuple(slice(count) for count in VOXELS)]
    beside, behind = (z - BARE[0]) * SPACING[0], (x - VOXELS[2] / 2) * SPACING[2] - BARE[1]
    labels[(labels == LABELS["tibial_cartilage"]) & (beside**2 + behind**2 + 0 * y < BARE[2] ** 2)] = 0
    grid = Grid(VOXELS, SPACING, (0.0, 0.0, 0.0), SAGITTAL)
    plates = {
        f"{bone}, {cartilage.replace('_', ' ')}": plate_of(labels == LABELS[bone], labels == LABELS[cartilage], grid)
        for bone, cartilage in (("femur", "femoral_cartilage"), ("tibia", "tibial_cartilage"))
    }
    picture = Image.open(io.BytesIO(thickness_png(plates))).convert("RGB")
    picture.quantize(128, dither=Image.Dither.NONE).save(PICTURE, optimize=True)


if __name__ == "__main__":
    main()
