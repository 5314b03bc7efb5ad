"""Draw the knee regions of docs/regions.md, one picture a kind, on a phantom knee.

    uv run python scripts/draw_regions.py [--out docs/images]
    uv run python scripts/draw_regions.py --mask MASK --labels femur=1,femoral_cartilage=2,... --out DIR

Four views each: a sagittal slice through the medial plate, a coronal one through both, the tibia from above and the
femur from below. Grey is what the mask holds. The same mask gives the same picture.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Patch
from pydantic import TypeAdapter

from radfuse.phantom.knee_shapes import LABELS, KneeShape, frame, labels_of, surfaces
from radfuse.regions.config import Regions
from radfuse.regions.make import make_regions
from radfuse.regions.scene import Scene
from radfuse.volume.files import read_labels
from radfuse.volume.grid import Grid, oriented
from radfuse.volume.image import LabelMap
from radfuse.volume.resample import resample_labels

HALVES = ("medial", "lateral")
TIBIA = {"bone": "tibia", "cartilage": "tibial_cartilage"}
FEMUR = {"bone": "femur", "cartilage": "femoral_cartilage"}
GREYS = {
    "femur": 0.72,
    "femoral_cartilage": 0.9,
    "tibia": 0.72,
    "tibial_cartilage": 0.9,
    "patella": 0.72,
    "meniscus": 0.5,
}


COLOURS = [mpl.colormaps["tab20"](n)[:3] for n in range(20) if n not in (14, 15)]  # grey is what is no region
COLOURS += [mpl.colormaps["tab20b"](n)[:3] for n in (0,)] + [(1.0, 0.95, 0.2)]


def pictures(meniscus: bool) -> dict[str, list[dict[str, Any]]]:
    """Return picture -> regions, each with the name that the legend shows."""
    tissues = ["femoral_cartilage", "tibial_cartilage", "femur", "tibia"] + ["meniscus"] * meniscus
    both = [(half, of) for half in HALVES for of in tissues]
    parts = ("anterior", "central", "posterior")
    return {
        "compartment": [{"kind": "compartment", "name": f"{half} {of}", "of": of, "half": half} for half, of in both],
        "compartment_parts": [
            {"kind": "compartment", "name": f"{half} {part}", "of": tissues, "half": half, "part": part}
            for half in HALVES
            for part in parts
        ],
        "load_bearing": [
            {"kind": "load_bearing", "name": f"{half} {of}", "tissue": of, "half": half}
            for half, of in both
            if of != "meniscus"
        ],
        "central_tibia": [
            {"kind": "central_tibia", "name": f"{half} {part}", "half": half, "part": part}
            for half in HALVES
            for part in ("central", "anterior", "external", "posterior", "internal")
        ],
        "condyle": [
            {"kind": "condyle", "name": f"{half} {part}", "half": half, "part": part}
            for half in HALVES
            for part in ("trochlea", "external", "central", "internal", "posterior")
        ],
        "subchondral": [
            {"kind": "subchondral", "name": f"{half} {bone['bone']} {low}-{high} mm", "half": half, **bone}
            | {"from_mm": low, "depth_mm": high, "below": "once_covered"}
            for half in HALVES
            for bone in (FEMUR, TIBIA)
            for low, high in ((0, 3), (3, 6), (6, 10))
        ],
        "margin": [
            {"kind": "margin", "name": f"{half} {bone['bone']}", "half": half, **bone}
            for half in HALVES
            for bone in (FEMUR, TIBIA)
        ],
        "cartimorph20": [{"preset": "cartimorph20"}],
    }


def phantom() -> LabelMap:
    """Return a right phantom knee on voxels of 0.8 mm."""
    size, spacing = (112, 140, 140), (0.8, 0.8, 0.8)
    array = labels_of(surfaces(KneeShape(), frame(KneeShape(), size, spacing)))
    return LabelMap(array, Grid(size, spacing, (-134.0, -55.0, 55.0), (0, 0, 1, 1, 0, 0, 0, -1, 0)), name="phantom")


def upright(labels: LabelMap) -> LabelMap:
    """Return a label map on cubic voxels of 0.8 mm, array axes superior, posterior and left."""
    grid = oriented(labels.grid, "LPS")
    z, y, x = (round(count * step / 0.8) for count, step in zip(grid.shape, grid.spacing_zyx_mm, strict=True))
    return resample_labels(labels, Grid((z, y, x), (0.8, 0.8, 0.8), grid.origin, grid.direction))


def painted(labels: LabelMap, numbers: Mapping[str, int], masks: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return RGB of each voxel, and whether it belongs to a region."""
    rgb = np.ones((*labels.array.shape, 3), dtype=np.float32)
    for name, number in numbers.items():
        rgb[labels.array == number] = GREYS.get(name, 0.72)
    inside = np.zeros(labels.array.shape, dtype=bool)
    for mask, colour in zip(masks, COLOURS[: len(masks)], strict=True):
        rgb[mask] = colour
        inside |= mask
    return rgb, inside


def views(labels: LabelMap, numbers: Mapping[str, int], rgb: np.ndarray, inside: np.ndarray) -> dict[str, np.ndarray]:
    """Return name of view -> picture, shape (height, width, 3)."""
    plates = np.argwhere(labels.array == numbers["tibial_cartilage"])
    middle = plates.mean(axis=0)
    medial = plates[plates[:, 2] > middle[2]].mean(axis=0)  # of a right knee
    menisci = labels.array == numbers.get("meniscus", -1)
    tibia = np.isin(labels.array, [numbers[name] for name in ("tibia", "tibial_cartilage")]) | (menisci & inside)
    femur = np.isin(labels.array, [numbers[name] for name in ("femur", "femoral_cartilage")])
    return {
        "sagittal, anterior left": rgb[::-1, :, round(medial[2])],
        "coronal, medial right": rgb[::-1, round(middle[1])],
        "tibia from above": seen(rgb, inside & tibia, tibia, from_top=True),
        "femur from below": seen(rgb, inside & femur, femur, from_top=False),
    }


def seen(rgb: np.ndarray, inside: np.ndarray, solid: np.ndarray, *, from_top: bool) -> np.ndarray:
    """Return what is seen along the superior axis, anterior up: a region up to 8 mm below the surface, else that."""
    if from_top:
        rgb, inside, solid = rgb[::-1], inside[::-1], solid[::-1]
    surface, region = solid.argmax(axis=0), inside.argmax(axis=0)
    shown = inside.any(axis=0) & (region - surface <= 10)
    first = np.where(shown, region, surface)
    found = np.take_along_axis(rgb, first[None, :, :, None], axis=0)[0]
    found[~solid.any(axis=0)] = 1
    return found


def draw(labels: LabelMap, numbers: Mapping[str, int], regions: list[dict[str, Any]], path: Path) -> None:
    """Draw the regions of a right knee as PNG."""
    configs = TypeAdapter(Regions).validate_python(regions)
    made = make_regions(Scene(labels, numbers, "right", case=labels.name), configs)
    rgb, inside = painted(labels, numbers, [region.mask for region in made])
    figure, axes = plt.subplots(1, 4, figsize=(11, 3.3), layout="constrained")
    for axis, (title, picture) in zip(axes, views(labels, numbers, rgb, inside).items(), strict=True):
        axis.imshow(picture, interpolation="nearest")
        axis.set_title(title, fontsize=8)
        axis.axis("off")
    patches = [Patch(color=COLOURS[n], label=region.name) for n, region in enumerate(made)]
    figure.legend(handles=patches, loc="outside lower center", ncols=5, fontsize=7, frameon=False)
    figure.savefig(path, dpi=100, metadata={"Software": None}, pil_kwargs={"optimize": True})
    plt.close(figure)


def main() -> None:
    """Write one picture a kind."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--mask", type=Path, help="of a right knee; default: a phantom")
    parser.add_argument("--labels", default=",".join(f"{name}={number}" for name, number in LABELS.items()))
    parser.add_argument("--out", type=Path, default=Path(__file__).parent.parent / "docs" / "images")
    options = parser.parse_args()
    numbers = {name: int(number) for name, number in (each.split("=") for each in options.labels.split(","))}
    labels = upright(phantom() if options.mask is None else read_labels(options.mask))
    options.out.mkdir(parents=True, exist_ok=True)
    for name, regions in pictures("meniscus" in numbers).items():
        path = options.out / f"knee_{name}.png"
        draw(labels, numbers, regions, path)
        print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
