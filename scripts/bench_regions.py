"""Time all knee regions on one label map, and habitats of a tumour: seconds and peak memory.

    uv run python scripts/bench_regions.py [MASK --labels femur=1,femoral_cartilage=2,tibia=3,tibial_cartilage=4]

Without a mask, a phantom knee of 160 x 384 x 384 voxels is drawn. Every kind of knee region is made once on a scene of
its own, and then all of them on one scene, which share the knee's frame, its surfaces and its depths. Habitats are
fitted on 1,000 voxels of each of 40 cases, the best of 2 to 5 clusters, and one tumour of 10 cm is cut by them.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from radfuse.phantom.knee_shapes import LABELS, KneeShape, frame, labels_of, surfaces
from radfuse.regions.config import RegionConfig, Regions
from radfuse.regions.habitats import HabitatsRegion
from radfuse.regions.make import make_regions
from radfuse.regions.scene import Scene
from radfuse.volume.files import read_labels
from radfuse.volume.grid import Grid
from radfuse.volume.image import LabelMap, Volume
from radfuse.volume.resample import resample_labels

HALVES = ("medial", "lateral")
BONES = (("femur", "femoral_cartilage"), ("tibia", "tibial_cartilage"))
BANDS_MM = ((0, 3), (3, 6), (6, 10))


def knee_regions(meniscus: str | None) -> dict[str, tuple[RegionConfig, ...]]:
    """Return every kind of knee region with what a study would ask of it."""
    tissues = [tissue for pair in BONES for tissue in pair] + ([meniscus] if meniscus else [])
    kinds: dict[str, list[dict[str, Any]]] = {
        "preset cartimorph20": [{"preset": "cartimorph20"}],
        "preset load_bearing": [{"preset": "load_bearing", "meniscus": meniscus}],
        "compartment": [{"kind": "compartment", "of": tissue, "half": half} for tissue in tissues for half in HALVES],
        "compartment, parts": [
            {"kind": "compartment", "of": tissue, "half": half, "part": part}
            for tissue in tissues
            for half in HALVES
            for part in ("anterior", "central", "posterior")
        ],
        "subchondral, three bands": [
            {
                "kind": "subchondral",
                "bone": bone,
                "cartilage": cartilage,
                "half": half,
                "from_mm": low,
                "depth_mm": high,
            }
            | {"below": "once_covered"}
            for bone, cartilage in BONES
            for half in HALVES
            for low, high in BANDS_MM
        ],
        "margin": [
            {"kind": "margin", "bone": bone, "cartilage": cartilage, "half": half}
            for bone, cartilage in BONES
            for half in HALVES
        ],
    }
    read = TypeAdapter(Regions).validate_python
    return {kind: read([{"name": f"{kind} {n}", **each} if "kind" in each else each for n, each in enumerate(regions)])
            for kind, regions in kinds.items()}  # fmt: skip


def phantom() -> LabelMap:
    """Return a right phantom knee of the size of an OAI DESS series, drawn coarser: drawing takes much memory."""
    size, spacing = (160, 384, 384), (0.7, 0.365, 0.365)
    coarse, wide = (80, 192, 192), (1.4, 0.73, 0.73)
    array = labels_of(surfaces(KneeShape(), frame(KneeShape(), coarse, wide)))
    direction = (0, 0, 1, 1, 0, 0, 0, -1, 0)
    drawn = LabelMap(array, Grid(coarse, wide, (-145.65, -69.8, 69.8), direction))
    return resample_labels(drawn, Grid(size, spacing, (-146.0, -70.0, 70.0), direction))


def timed(labels: LabelMap, numbers: dict[str, int], side: str, regions: Sequence[RegionConfig]) -> tuple[float, float]:
    """Return the wall and the processor seconds that the regions of a new scene take."""
    scene = Scene(labels, numbers, side, case=labels.name)
    wall, processor = time.perf_counter(), time.process_time()
    make_regions(scene, regions)
    return time.perf_counter() - wall, time.process_time() - processor


def habitat_lines() -> list[str]:
    """Return rows of the table: clusters fitted by either method, and a tumour cut by them."""
    size, generator = (40, 100, 100), np.random.default_rng(7)
    places = np.indices(size).transpose(1, 2, 3, 0) - np.array(size) / 2
    inside = np.sqrt((places**2 * np.array([2.5, 1.0, 1.0]) ** 2).sum(axis=-1)) < 49
    parts = np.where(inside, 1 + (places[..., 2] > -12) + (places[..., 2] > 12), 0)
    grid = Grid(size, (2.5, 1.0, 1.0))
    images = {
        name: Volume((np.array(values)[parts] + generator.normal(0, 1, size)).astype(np.float32), grid, name)
        for name, values in {"pet": (0.0, 0.0, 3.0, 9.0), "ct": (0.0, 4.0, 0.0, 4.0)}.items()
    }
    lines = []
    for method in ("kmeans", "mixture"):
        region = HabitatsRegion(name="h", of="tumour", sequences=("pet", "ct"), clusters="auto", method=method)
        scene = Scene(LabelMap(inside.astype(np.uint8), grid), {"tumour": 1}, images=images, measured="pet")
        samples = [region.sampled(scene, seed) for seed in range(40)]
        wall, processor = time.perf_counter(), time.process_time()
        model = region.learned(samples, 7, "1")
        fit = (time.perf_counter() - wall, time.process_time() - processor)
        known, wall, processor = region.model_copy(update={"model": model}), time.perf_counter(), time.process_time()
        known.parts(scene)
        cut = (time.perf_counter() - wall, time.process_time() - processor)
        for what, (seconds, own) in ((f"habitats, {method} fitted", fit), (f"habitats, {method} cut", cut)):
            lines.append(f"| {what} | {len(model.centres)} | {seconds:.2f} | {own:.2f} |")
    return lines


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("mask", type=Path, nargs="?")
    parser.add_argument("--labels", default=",".join(f"{name}={number}" for name, number in LABELS.items()))
    parser.add_argument("--side", default="right")
    options = parser.parse_args()
    numbers = {name: int(number) for name, number in (each.split("=") for each in options.labels.split(","))}
    labels = phantom() if options.mask is None else read_labels(options.mask)
    kinds = knee_regions("meniscus" if "meniscus" in numbers and numbers["meniscus"] in labels.present() else None)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    every = tuple(region for regions in kinds.values() for region in regions)
    lines = [
        f"| all on one scene | {len(every)} | {{:.2f}} | {{:.2f}} |".format(
            *timed(labels, numbers, options.side, every)
        )
    ]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    for kind, regions in kinds.items():
        wall, processor = timed(labels, numbers, options.side, regions)
        lines.append(f"| {kind} | {len(regions)} | {wall:.2f} | {processor:.2f} |")
    lines += habitat_lines()
    voxels, spacing = (" x ".join(f"{value:.3g}" for value in of) for of in (labels.grid.shape, labels.spacing_zyx_mm))
    print(f"{labels.name}: {voxels} voxels of {spacing} mm, {labels.array.dtype}\n")
    print("| regions | number | seconds | of one processor |\n|---|---|---|---|")
    print("\n".join(lines))
    print(f"\nPeak memory {peak:.0f} MB, of which {before:.0f} MB before the regions were made")


if __name__ == "__main__":
    main()
