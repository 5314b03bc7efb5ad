"""Draw regions of a case over its image, three planes each: tumours, spines, anything with an image and a mask.

uv run python scripts/draw_regions_tumour.py IMAGE MASK OUT.png '{kind: ring, name: r, around: 1, within: body}' ...

`--axis z` draws one plane each, side by side. `--docs docs/images` draws the two pictures of docs/regions.md, on cases
of phantoms.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import matplotlib
import numpy as np
from pydantic import TypeAdapter
from ruamel.yaml import YAML

from radfuse.phantom.recipes import write_recipe_phantom
from radfuse.regions.config import RegionConfig, images_named
from radfuse.regions.make import make_regions
from radfuse.regions.scene import Scene
from radfuse.volume.files import read_labels, read_volume, write_image
from radfuse.volume.image import Volume

matplotlib.use("Agg")
from matplotlib import pyplot

PANELS = 4
"""In a row, where one plane is drawn."""
TUMOUR = (
    "{kind: label, name: label, label: 1}",
    "{kind: union, name: union, labels: [1, 2]}",
    "{kind: ring, name: ring, around: 1, margin_mm: 8, within: body, exclude: [2]}",
    "{kind: ring, name: ring inside, around: 1, margin_mm: 4, inside: true}",
    "{kind: interface, name: interface, between: [1, 2], margin_mm: 5}",
    "{kind: lesions, name: lesions, of: 1}",
    "{kind: lesions, name: largest lesion, of: 1, components: largest}",
    "{kind: threshold, name: threshold, of: 1, at_least: 0.6, relative: true}",
)
SPINE = (
    "{kind: level, name: level, of: [3, 4], level: L4/5, by: [1, 2]}",
    "{kind: level, name: left, of: [3, 4], level: L4/5, by: [1, 2], half: left}",
    "{kind: level, name: lean, of: [3], level: L4/5, by: [1, 2], tissue: {part: lean}}",
    "{kind: fat, name: fat, of: [3], part: fat}",
)


def draw(image: Path, mask: Path, out: Path, texts: Sequence[str], others: Mapping[str, Path], axis: str = "") -> None:
    """Write one picture: a row per region, a column per plane through the region's fullest slices.

    Args:
        image: what is drawn below.
        mask: what regions are made of.
        out: PNG to write.
        texts: regions as a study writes them; labels by number.
        others: sequence -> image, those that regions look at.
        axis: z, y or x: one plane of each region, across that axis of the array; else three.
    """
    configs = [TypeAdapter(RegionConfig).validate_python(YAML(typ="safe").load(text)) for text in texts]
    volume, labels = read_volume(image), read_labels(mask)
    images = {"image": volume, **{name: read_volume(others[name]) for name in images_named(configs)}}
    scene = Scene(labels, {}, images=images, case=image.name, measured="image")
    regions = make_regions(scene, configs, 1)
    columns = min(PANELS, len(regions)) if axis else 3
    rows = -(-len(regions) // columns) if axis else len(regions)
    figure, axes = pyplot.subplots(rows, columns, figsize=(3 * columns, 3 * rows), squeeze=False, layout="constrained")
    for panel in axes.flat:
        panel.set_axis_off()
    wanted = [(region, across) for region in regions for across in ("zyx".index(name) for name in axis or "zyx")]
    for panel, (region, across) in zip(axes.flat, wanted, strict=False):
        _panel(panel, volume, labels.array > 0, region.name, region.mask, across)
    figure.savefig(out, dpi=70)
    pyplot.close(figure)


def _panel(panel: Any, volume: Volume, drawn: np.ndarray, name: str, found: np.ndarray, axis: int) -> None:
    """Draw one slice of the image, what the mask holds, and a region."""
    rest = tuple(other for other in range(3) if other != axis)
    place = int(found.sum(axis=rest).argmax())
    picture, outline, inside = (np.take(array, place, axis) for array in (volume.array, drawn, found))
    low, high = np.percentile(volume.array, (1, 99))
    spacing = [volume.spacing_zyx_mm[other] for other in rest]
    panel.imshow(picture, cmap="gray", vmin=low, vmax=high, aspect=spacing[0] / spacing[1])
    panel.contourf(inside, levels=[0.5, 1.5], colors="red", alpha=0.35)
    panel.contour(outline, levels=[0.5], colors="yellow", linewidths=0.8)
    panel.set_title(f"{name}, {'zyx'[axis]} = {place}")


def documented(folder: Path) -> None:
    """Write the pictures of docs/regions.md that need an image."""
    with TemporaryDirectory() as place:
        for name, case, recipe, texts in (
            ("tumour", "OS0000_pre_t1", "osteosarcoma_response", TUMOUR),
            ("spine", "LF0000_t2", "paraspinal_fasciitis", SPINE),
        ):
            images = write_recipe_phantom(Path(place) / recipe, recipe, "", 16).parent / "images"
            mask = images / f"{case.rpartition('_')[0]}_mask.nrrd"
            if recipe == "osteosarcoma_response":  # a second lesion, for the largest to be chosen
                labels = read_labels(mask)
                labels.array[11:13, 8:12, 6:9] = 1
                write_image(labels, mask)
            draw(images / f"{case}.nrrd", mask, folder / f"{name}.png", texts, {}, "z")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--docs"]:
        documented(Path(*sys.argv[2:3]))
        sys.exit()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("image", "mask", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("regions", nargs="+")
    parser.add_argument("--image", dest="others", nargs=2, action="append", default=[], metavar=("SEQUENCE", "PATH"))
    parser.add_argument("--axis", choices="zyx", default="", help="one plane each, across this axis of the array")
    given = parser.parse_args()
    others = {name: Path(path) for name, path in given.others}
    draw(given.image, given.mask, given.out, given.regions, others, given.axis)
