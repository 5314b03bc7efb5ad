"""Draw the habitats of a tumour on two images, for docs/regions.md.

uv run python scripts/draw_habitats.py [--out docs/images]

The tumour is drawn, too: a core without cells (dark on T1, high ADC), a rim of many (low ADC), and swelling between.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image
from scipy import ndimage

from radfuse.regions.habitats import HabitatsRegion
from radfuse.regions.scene import Scene
from radfuse.volume.grid import Grid
from radfuse.volume.image import LabelMap, Volume

matplotlib.use("Agg")
from matplotlib import pyplot
from matplotlib.colors import ListedColormap

GRID = Grid((12, 72, 72), (3.0, 1.0, 1.0))
TISSUE = {"t1": (420, 180, 430, 330), "adc": (1100, 2400, 800, 1600)}
"""On each image the value around the tumour, of its core, its rim, and between."""
NOISE = {"t1": 35, "adc": 130}
COLOURS = ("#4477aa", "#ee7733", "#228833")


def tumour() -> tuple[Scene, np.ndarray]:
    """Return a drawn case, and what each voxel truly is: 0 around the tumour, 1 core, 2 rim, 3 between."""
    generator = np.random.default_rng(4)
    z, y, x = np.indices(GRID.shape)
    wobble = ndimage.gaussian_filter(generator.normal(size=GRID.shape), (2, 6, 6))
    away = np.sqrt(((z - 6) * 3) ** 2 + (y - 36) ** 2 + ((x - 36) * 0.85) ** 2) + wobble / wobble.std() * 2.5
    core = np.sqrt(((z - 6) * 3) ** 2 + (y - 31) ** 2 + (x - 40) ** 2) + wobble / wobble.std() * 2
    truth = np.select([away > 25, core < 10, away > 19], [0, 1, 2], 3)
    images = {}
    for name, values in TISSUE.items():
        shown = np.array(values, float)[truth]
        seen = ndimage.gaussian_filter(shown, (0, 0.7, 0.7)) + generator.normal(0, NOISE[name], truth.shape)
        images[name] = Volume(seen.astype(np.float32), GRID, name)
    mask = LabelMap((truth > 0).astype(np.uint8), GRID)
    return Scene(mask, {"tumour": 1}, images=images, case="drawn", measured="t1"), truth


def picture() -> bytes:
    """Return both images, the voxels' values with their clusters, and the habitats, as PNG."""
    scene, _ = tumour()
    region = HabitatsRegion(name="habitats", of="tumour", sequences=("t1", "adc"))
    values = region.sampled(scene, 7)
    model = region.learned([values], 7, "all")
    region = region.model_copy(update={"model": model})
    parts = list(region.parts(scene).values())
    place = GRID.shape[0] // 2
    figure, axes = pyplot.subplots(1, 4, figsize=(13, 3.4), layout="constrained")
    for axis, (name, image) in zip(axes, scene.images.items(), strict=False):
        axis.imshow(image.array[place], cmap="gray")
        axis.contour(scene.labels.array[place] > 0, levels=[0.5], colors="gold", linewidths=1)
        axis.set_title(name.upper())
        axis.set_axis_off()
    found = model.nearest((values - values.mean(axis=0)) / values.std(axis=0))
    centres = np.array(model.centres) * values.std(axis=0) + values.mean(axis=0)
    axes[2].scatter(*values.T, c=[COLOURS[number - 1] for number in found], s=4, linewidths=0)
    for number, centre in enumerate(centres, start=1):
        axes[2].annotate(
            str(number), centre, weight="bold", ha="center", va="center", bbox={"boxstyle": "circle", "fc": "w"}
        )
    axes[2].set(xlabel="T1", ylabel="ADC", title="voxels of training cases")
    axes[2].spines[["top", "right"]].set_visible(False)
    axes[3].imshow(scene.images["t1"].array[place], cmap="gray")
    shown = sum(number * part[place] for number, part in enumerate(parts, start=1))
    axes[3].imshow(np.ma.masked_equal(shown, 0), cmap=ListedColormap(COLOURS), vmin=1, vmax=3, interpolation="nearest")
    shares = ", ".join(f"{value:.2f}" for value in region.fractions(scene).values())
    axes[3].set_title(f"shares {shares}")
    axes[3].set_axis_off()
    stored = io.BytesIO()
    figure.savefig(stored, dpi=75)
    pyplot.close(figure)
    small = io.BytesIO()
    Image.open(stored).convert("RGB").quantize(48).save(small, "png")
    return small.getvalue()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    (parser.parse_args().out / "habitats.png").write_bytes(picture())
