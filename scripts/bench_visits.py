"""Phantom knees that lie otherwise at their second visit: how far registration is off, and what it does to changes.

    uv run python scripts/bench_visits.py [--knees 8] [--motion 3] [--masks FOLDER]

Prints the error of each registration at points all over the knee, and of the load-bearing cartilage of the femur the
apparent change between visits in per cent, with follow-ups put where the baseline lies (`visits: {masks: own}`) and
without. The area of bone that cartilage covers does not change in truth.

With --masks it is real knees instead: masks PERSON_VISIT.nii.gz of femur 1, its cartilage 2, tibia 3, its cartilage 4,
lesions of these bones 7 and 8, two visits of each knee (`oai_masks` of the shared data). Printed is by how much two
visits of a knee differ, and by how much two knees do, over the four halves of cartilage: each half's difference in per
cent of its mean over all masks, and the mean of these.
"""

from __future__ import annotations

import argparse
import itertools
import json
import tempfile
from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd

from radfuse.morphometry.cartilage import CartilageMeasure
from radfuse.morphometry.measure import Subject
from radfuse.morphometry.take import take
from radfuse.phantom.knee import KneePhantom, write_knee_phantom
from radfuse.phantom.knee_shapes import KneeShape, image_position
from radfuse.pipeline import run_study
from radfuse.regions.knee.compartment import CompartmentRegion
from radfuse.regions.make import make_regions
from radfuse.regions.scene import Scene
from radfuse.study import load_study, shipped_study
from radfuse.volume.files import read_grid, read_labels
from radfuse.volume.image import Volume
from radfuse.volume.registration import RegistrationQuality
from radfuse.volume.sitk import read_transform

PLAIN = ["cohort.split.folds=2", "radiomics.classes=[firstorder]", "radiomics.features={firstorder: [Mean]}"]
MASK_LABELS = {
    "femur": 1,
    "femoral_cartilage": 2,
    "tibia": 3,
    "tibial_cartilage": 4,
    "femur_lesion": 7,
    "tibia_lesion": 8,
}
BONES = {"femoral_cartilage": "femur", "tibial_cartilage": "tibia"}
POINTS = list(itertools.product((-25.0, 0.0, 25.0), (-20.0, 5.0, 30.0), (-25.0, 0.0, 25.0)))
"""(u, v, w) in a knee's own frame, mm."""


def errors_of(folder: Path, run: Path, truth: pd.DataFrame, case: str) -> tuple[float, float, RegistrationQuality]:
    """Return by how much a registration misses at the points, the median and the most in mm, and its quality."""
    baseline = case.replace("_V01", "_V00")
    shapes = [KneeShape(**truth.loc[one, [f.name for f in fields(KneeShape)]]) for one in (baseline, case)]
    middle = read_grid(folder / f"images/{baseline}_dess.nii.gz").corners_mm().mean(axis=0)
    turn = np.array([-1 if baseline.split("_")[0].endswith("L") else 1, -1, 1])
    place = run / f"registration/{case}@baseline"
    way = read_transform(place / "transform.tfm")
    here, there = (np.array([middle + turn * image_position(shape, point) for point in POINTS]) for shape in shapes)
    off = [
        float(np.linalg.norm(np.array(way.TransformPoint(b.tolist())) - a)) for a, b in zip(here, there, strict=True)
    ]
    return (
        float(np.median(off)),
        max(off),
        RegistrationQuality.model_validate_json((place / "quality.json").read_bytes()),
    )


def changes_of(run: Path, cases: list[str]) -> pd.DataFrame:
    """Return the change of the load-bearing femoral cartilage in per cent, a row per case, a column per feature."""
    found = {}
    for case in cases:
        before, after = (
            json.loads((run / f"features/cases/{one}.json").read_text())["features"]
            for one in (case.replace("_V01", "_V00"), case)
        )
        names = [name for name in before if "femoral" in name and name.endswith(("InterfaceArea", "CartilageVolume"))]
        found[case] = {name.removeprefix("dess/"): 100 * (after[name] / before[name] - 1) for name in names}
    return pd.DataFrame.from_dict(found, orient="index")


def halves_of(mask: Path) -> dict[str, float]:
    """Return "half/morphometry_NAME" -> value of the cartilage of a real knee."""
    labels = read_labels(mask)
    halves = {
        cartilage: [
            CompartmentRegion(name=f"{half}_{cartilage}", of=(cartilage,), half=half) for half in ("medial", "lateral")
        ]
        for cartilage in BONES
    }
    scene = Scene(labels, MASK_LABELS, case=mask.name)
    regions = {one.name: one for one in make_regions(scene, [each for both in halves.values() for each in both], 100)}
    measures = [
        CartilageMeasure(
            cartilage=cartilage,
            bone=(BONES[cartilage], f"{BONES[cartilage]}_lesion"),
            regions=tuple(half.name for half in both),
        )
        for cartilage, both in halves.items()
    ]
    return take(Subject(scene, regions, Volume(np.zeros(labels.grid.shape, np.float32), labels.grid)), measures).values


def compare_masks(folder: Path) -> None:
    """Print a Markdown table of the differences between visits of real knees, and between knees."""
    table = pd.DataFrame({mask.name.split(".")[0]: halves_of(mask) for mask in sorted(folder.glob("*.nii.gz"))}).T
    knees = table.index.str.split("_").str[0]
    print("| feature | visits of a knee, mean | least to most | two knees, mean | least to most | halves nearer |")
    print("|---|---|---|---|---|---|")
    for feature in ("ThicknessMean", "InterfaceArea", "CartilageVolume"):
        values = table.filter(like=f"morphometry_{feature}")
        scaled = (100 * values / values.mean()).to_numpy()
        pairs = [
            (knees[i] == knees[j], np.abs(scaled[i] - scaled[j]))
            for i, j in itertools.combinations(range(len(scaled)), 2)
        ]
        same, other = (np.array([off for is_same, off in pairs if is_same == asked]) for asked in (True, False))
        nearer = int((same.mean(axis=0) < other.mean(axis=0)).sum())
        told = " | ".join(
            f"{off.mean():.1f} % | {off.mean(axis=1).min():.1f} to {off.mean(axis=1).max():.1f}"
            for off in (same, other)
        )
        print(f"| {feature} | {told} | {nearer} of {values.shape[1]} |")
    thickness = table.filter(like="morphometry_ThicknessMean").to_numpy()
    least, most = thickness.min(), thickness.max()
    print(f"\n{len(table)} masks of {len(set(knees))} knees; thickness of halves {least:.2f} to {most:.2f} mm")


def main() -> None:
    """Print Markdown tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--knees", type=int, default=8)
    parser.add_argument("--motion", type=float, default=3.0)
    parser.add_argument("--masks", type=Path)
    options = parser.parse_args()
    if options.masks is not None:
        compare_masks(options.masks)
        return
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        size = {"voxels_zyx": (60, 170, 170), "spacing_zyx_mm": (1.4, 0.7, 0.7)}
        several = {"cases": options.knees, "visits": 2, "sites": 1, "manual_share": 1, "seed": 11}
        write_knee_phantom(folder, KneePhantom(**several, **size, motion=options.motion))
        (folder / "study.yaml").write_text(shipped_study("knee_oa_progression"))
        truth = pd.read_csv(folder / "truth.csv").set_index("case_id")
        cases = [case for case in truth.index if case.endswith("_V01")]
        runs = {
            name: run_study(load_study(folder / "study.yaml", [*PLAIN, visits]), folder / name, until="extract").path
            for name, visits in (("registered", "visits={masks: own}"), ("as they lie", "visits=null"))
        }
        print("| knee | displaced, mm | off, median | off, most | flags |\n|---|---|---|---|---|")
        for case in cases:
            median, most, quality = errors_of(folder, runs["registered"], truth, case)
            flags = "; ".join(quality.flags) or "none"
            print(f"| {case} | {quality.moved_mm:.1f} | {median:.2f} | {most:.2f} | {flags} |")
        print("\n| feature | visits | mean change, % | standard deviation |\n|---|---|---|---|")
        for name, run in runs.items():
            for feature, column in changes_of(run, cases).items():
                print(f"| {feature} | {name} | {column.mean():.1f} | {column.std():.1f} |")
        thinner = 100 * (truth["femoral_thickness"].iloc[1::2].to_numpy() / truth["femoral_thickness"].iloc[::2] - 1)
        print(f"\nTrue change of the thickness: {thinner.mean():.1f} %, of the area none")


if __name__ == "__main__":
    main()
