"""Settings of regions, measures and steps that measure nothing, labels of one side, images that lie elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from badinput import Group
from spoil import Step, add, change, column, nrrd_bytes, sub, write
from templates import mask

S, E = "study.yaml", "extract study.yaml --out run"
TUMOUR = "  - {kind: label, name: tumour, label: tumour}\n"
SEED = "seed: [x, y, z], labels: {tumour: 1}"
TEMPLATE = "backend: atlas, labels: {tumour: 1}, template: c0.nrrd, template_labels: m0.nrrd"

regions = Group("regions that hold nothing", "images", E)
for text, said in {
    "kind: threshold, of: tumour, at_least: 41, relative: true": ("41", "0.41"),
    "kind: threshold, of: tumour, between: [40, 100], relative: true": ("40", "0.41"),
    "kind: ring, around: tumour, within: []": ("within", "leave it out"),
    "kind: subchondral, bone: 1, cartilage: tumour": ("tumour", "bone and cartilage", "one part"),
}.items():
    regions.bad(text, sub(S, TUMOUR, f"{TUMOUR}  - {{name: r, {text}}}\n"), says=said)

measures = Group("measures that say nothing", "images", E)
for text, said in {
    "kind: cartilage, cartilage: tumour, bone: tumour": ("morphometry.0", "bone and cartilage"),
    "kind: joint_space, lower: tumour, upper: [1]": ("morphometry.0", "lower and upper"),
    "kind: meniscus, tibia: tumour, cartilage: tumour": ("morphometry.0", "tibia and cartilage"),
}.items():
    measures.bad(text, add(S, f"morphometry: [{{regions: [tumour], {text}}}]\n"), says=said)

measures.bad("copies that nothing disturbs", add(S, "stability: {contour: false, rotation_degrees: 0, noise: 0,"
    " translation_voxels: 0, growth: 0}\n"), command="check study.yaml", says=("stability", "disturbed"))  # fmt: skip

steps = Group("steps that leave nothing", "images", E)
bad = steps.bad
WINDOW = "sequences: {t1: {normalise: [{kind: window, low: LOW, high: HIGH}]}}\n"
for low, high in (("100000", "200000"), ("-5000", "-10")):
    line = WINDOW.replace("LOW", low).replace("HIGH", high)
    bad(f"a window from {low}", add(S, line), code=1, says=("window", low, "units of the image"))


def made(text: str, landmarks: str = "") -> Step:
    """Let masks be made by a backend, from a seed in the middle of the image."""

    def step(folder: Path) -> None:
        for name, place in (("x", "17.0"), ("y", "17.0"), ("z", "20.0")):
            column("cohort.csv", name, lambda _, place=place: place)(folder)
        sub(S, "segmentation: {backend: manual, labels: {tumour: 1}}", f"segmentation: {{{text}}}")(folder)
        sub(S, "  clinical: [age]", f"  clinical: [age]{landmarks}")(folder)

    return step


PLACES = "\n  landmarks: {x: x, y: y, z: z}"
grown = Group("masks made without training", "images", E)
bad = grown.bad
for text in ("smoothing_mm: 1000000", "iterations: 10000000000", "radius_voxels: 1000"):
    bad(text, made(f"backend: grow, {SEED}, {text}", PLACES), says=(text.split(":")[0], "less than"))
bad("a template of one side where no case says its own", made(f"{TEMPLATE}, template_side: left"),
    command="check study.yaml", says=("template_side", "cohort.unit"))  # fmt: skip

numbers = Group("labels of one side", "masks", "compare-masks A B --out O")
bad = numbers.bad


def stored(folder: str, high: int) -> list[Step]:
    """Store the masks of a folder with another number."""
    return [write(f"{folder}/c{number}.nrrd", nrrd_bytes(mask() * np.uint8(high))) for number in range(3)]


bad("255 on both", *stored("A", 255), *stored("B", 255), command="compare-masks A B --out O --labels tumour=1", code=0,
    says=("no mask holds tumour=1", "A hold 255", "B 255"))  # fmt: skip
bad("255 on one", *stored("A", 1), *stored("B", 255), code=0, says=("no mask of B holds 1", "no mask of A holds 255"))

places = Group("images that lie elsewhere", "images", "check study.yaml")
bad = places.bad
SECOND = "{t1: t1, t2: t2}"


def second(reach: str) -> tuple[Step, ...]:
    """Give each case a second image, a copy; that of the third case lies half a metre away."""
    away = change("d2.nrrd", lambda content: content.replace(b"space origin: (0,0,0)", b"space origin: (500,0,0)"))

    def copies(folder: Path) -> None:
        for number in range(8):
            content = (folder / f"c{number}.nrrd").read_bytes()
            (folder / f"d{number}.nrrd").write_bytes(content)

    return (
        copies,
        away,
        column("cohort.csv", "t2", lambda row: f"d{row - 2}.nrrd"),
        sub(S, "{t1: t1}", SECOND),
        add(S, f"sequences: {{t2: {{masks: {reach}}}}}\n"),
    )


bad("a mask that falls beside", *second("resample"), says=("m2.nrrd", "d2.nrrd", "register"))
bad("a registration of what does not overlap", *second("register"), says=("d2.nrrd", "c2.nrrd", "start: centres"))

INPUTS = [
    item
    for group in (regions, measures, steps, grown, numbers, places)
    for item in group.inputs
]  # fmt: skip
