"""The pictures of docs/regions.md: one for every kind of knee region, small, and linked."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import numpy as np
from bench_regions import knee_regions
from draw_habitats import tumour
from draw_regions import pictures, seen
from draw_regions_tumour import SPINE, TUMOUR
from pydantic import TypeAdapter

from radfuse.regions.config import RegionConfig, Regions
from radfuse.regions.habitats import HabitatsRegion

DOCS = Path(__file__).parents[2] / "docs"
KINDS = {"compartment", "load_bearing", "central_tibia", "condyle", "subchondral", "margin"}


def test_every_kind_of_knee_region_has_a_small_picture_that_is_linked() -> None:
    drawn = pictures(meniscus=True)
    regions = [region for each in drawn.values() for region in TypeAdapter(Regions).validate_python(each)]
    assert {region.kind for region in regions} == KINDS
    linked = re.findall(r"\]\(images/(\S+)\)", (DOCS / "regions.md").read_text())
    assert sorted(linked) == sorted(
        ["habitats.png", "spine.png", "tumour.png", *(f"knee_{name}.png" for name in drawn)]
    )
    assert all((DOCS / "images" / name).stat().st_size < 100_000 for name in linked)


def test_every_kind_is_in_the_table_and_in_a_picture() -> None:
    kinds = {str(kind.model_fields["kind"].default) for kind in get_args(get_args(RegionConfig)[0])}
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", (DOCS / "regions.md").read_text(), re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"\w+", row)} == kinds
    drawn = {re.findall(r"kind: (\w+)", text)[0] for text in (*TUMOUR, *SPINE)}
    assert drawn | KINDS | {"habitats"} == kinds


def test_the_picture_of_habitats_shows_what_was_drawn() -> None:
    scene, truth = tumour()
    region = HabitatsRegion(name="habitats", of="tumour", sequences=("t1", "adc"))
    model = region.learned([region.sampled(scene, 7)], 7, "all")
    parts = region.model_copy(update={"model": model}).parts(scene).values()
    for part, true in zip(parts, (1, 3, 2), strict=True):  # by T1, the darkest first
        assert (part & (truth == true)).sum() > 0.85 * part.sum()


def test_the_benchmark_times_every_kind() -> None:
    timed = [region for regions in knee_regions("meniscus").values() for region in regions]
    assert {region.kind for region in timed} == KINDS
    assert len({region.name for region in timed}) == len(timed)


def test_a_region_near_the_surface_is_seen_and_a_deep_one_is_not() -> None:
    solid = np.ones((30, 1, 2), dtype=bool)
    inside = np.zeros_like(solid)
    inside[5, 0, 0] = inside[20, 0, 1] = True
    rgb = np.where(inside[..., None], [1.0, 0.0, 0.0], 0.5)
    assert seen(rgb, inside, solid, from_top=False)[0].tolist() == [[1, 0, 0], [0.5, 0.5, 0.5]]
