"""Draw regions of a case over its image, three planes each: tumours, spines, anything with an image and a mask.

uv run python scripts/draw_regions_tumour.py IMAGE MASK OUT.png '{kind: ring, name: r, around: 1, within: body}' ...
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib
import numpy as np
from pydantic import TypeAdapter
from ruamel.yaml import YAML

from radfuse.regions.config import RegionConfig, images_named
from radfuse.regions.make import make_regions
from radfuse.regions.scene import Scene
from radfuse.volume.files import read_labels, read_volume

matplotlib.use("Agg")
from matplotlib import pyplot


def draw(image: Path, mask: Path, out: Path, texts: list[str], others: dict[str, Path]) -> None:
    """Write one picture: a row per region, a column per plane through the region's fullest slices."""
    configs = [TypeAdapter(RegionConfig).validate_python(YAML(typ="safe").load(text)) for text in texts]
    volume, labels = read_volume(image), read_labels(mask)
    images = {"image": volume, **{name: read_volume(others[name]) for name in images_named(configs)}}
    scene = Scene(labels, {}, images=images, case=image.name, measured="image")
    figure, axes = pyplot.subplots(len(configs), 3, figsize=(12, 4 * len(configs)), squeeze=False, layout="constrained")
    low, high = np.percentile(volume.array, (1, 99))
    for row, region in zip(axes, make_regions(scene, configs, 1), strict=True):
        found = region.mask
        for axis, panel in enumerate(row):
            rest = tuple(other for other in range(3) if other != axis)
            place = int(found.sum(axis=rest).argmax())
            shown = (np.take(array, place, axis) for array in (volume.array, labels.array > 0, found))
            picture, drawn, inside = shown
            spacing = [volume.spacing_zyx_mm[other] for other in rest]
            panel.imshow(picture, cmap="gray", vmin=low, vmax=high, aspect=spacing[0] / spacing[1])
            panel.contourf(inside, levels=[0.5, 1.5], colors="red", alpha=0.35)
            panel.contour(drawn, levels=[0.5], colors="yellow", linewidths=0.8)
            panel.set_title(f"{region.name}, {'zyx'[axis]} = {place}")
            panel.set_axis_off()
    figure.savefig(out, dpi=70)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("image", "mask", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("regions", nargs="+")
    parser.add_argument("--image", dest="others", nargs=2, action="append", default=[], metavar=("SEQUENCE", "PATH"))
    given = parser.parse_args()
    draw(given.image, given.mask, given.out, given.regions, {name: Path(path) for name, path in given.others})
