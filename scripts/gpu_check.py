"""Measure everything that needs a GPU, in under 8 minutes, and write docs/gpu.md: from a checkout, with no data.

    uv run python scripts/gpu_check.py               needs a GPU that torch can use
    uv run python scripts/gpu_check.py --cpu --quick  the same steps on a CPU, to see that they run; writes no page

What is measured, on phantom knees and noise:
    kernel      instance normalisation with leaky ReLU, forward and back: ours and torch's, and how far they are apart
    step        a training step, data aside: of our U-Net as it trains, and of the same network by torch.compile
    training    steps a second of the U-Net, of nnU-Net's trainer, and of the U-Net on all GPUs where there are several
    inference   seconds a volume of 160 x 384 x 384 voxels, file to file: nnU-Net's predictor, and ours by each runtime
                that has the GPU, the same weights, nobody mirroring, with the Dice between masks and the GPU's memory
    knees       as many knees of that size as an hour has, from DICOM series to features
    study       a whole small study from images to report, twice
Each part is a process of its own, whose table is printed and written as soon as it is there; one that fails or takes
too long is named, and the others go on. `--only kernel step` measures these alone.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from gpu_training import SHAPE, SPACING, time_kernel, time_nnunet, time_step, time_unet

from radfuse import machine
from radfuse.phantom.knee import KneePhantom, write_knee_phantom
from radfuse.pipeline import run_study
from radfuse.run.workers import take_place
from radfuse.seg.metrics import dice
from radfuse.study import load_study
from radfuse.volume.files import read_grid, read_labels, read_volume, write_image
from radfuse.volume.grid import Grid
from radfuse.volume.image import Volume

PAGE = Path(__file__).parent.parent / "docs" / "gpu.md"
LIMIT_S, ALL_S = 240, 470
"""A part that takes longer is stopped, and all of them."""


def time_inference(folder: Path, quick: bool) -> list[dict[str, Any]]:
    """Segment one volume by nnU-Net's predictor and by each runtime; the second turn of each is timed."""
    import torch
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    from radfuse.errors import InputError
    from radfuse.seg.export import export_network
    from radfuse.seg.nnunet.results import first_layer, open_results
    from radfuse.seg.predict import OnnxSegmenter
    from radfuse.seg.runtimes import RUNTIMES
    from radfuse.seg.runtimes.runtime import runtime

    shape = (20, 40, 40) if quick else (160, 384, 384)
    array = np.random.default_rng(1).normal(0, 1, shape).astype(np.float32)
    image, network = folder / "large.nrrd", folder / "network.onnx"
    write_image(Volume(array, Grid(shape, SPACING)), image)
    found = open_results(folder / "nnunet" / "results" / "Dataset001_radfuse", mirror=False)
    export_network(found.networks, found.plan, network, first_layer(found.networks[0]))
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    predictor = nnUNetPredictor(use_mirroring=False, device=device, allow_tqdm=False)
    place = found.checkpoints[0].parent.parent
    predictor.initialize_from_trained_model_folder(str(place), ("all",), "checkpoint_final.pth")

    def theirs(out: Path) -> None:
        predictor.predict_from_files_sequential([[str(image)]], [str(out.with_suffix(""))])

    ways: dict[str, Callable[[Path], None]] = {"nnU-Net's predictor": theirs}
    for name in RUNTIMES:
        try:
            runtime(name)
            if device.type == "cuda" and name != "torch" and not machine.has_gpu():
                raise InputError(f"{name} has no GPU here")
        except InputError as error:
            print(f"without {name}: {error}", file=sys.stderr)
            continue
        opened = OnnxSegmenter(network, name)
        ways[name] = lambda out, opened=opened: write_image(opened(read_volume(image)), out)  # type: ignore[misc]
    rows: list[dict[str, Any]] = []
    reference: np.ndarray | None = None
    for name, way in ways.items():
        out = folder / f"{len(rows)}.nrrd"
        seconds = []
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        for _ in range(2):
            start = time.perf_counter()
            way(out)
            seconds.append(time.perf_counter() - start)
        mask = read_labels(out, empty=True).array
        reference = mask if reference is None else reference
        numbers = sorted({*np.unique(reference), *np.unique(mask)} - {0})
        each = [dice(reference == number, mask == number) for number in numbers] or [1.0]
        gib = torch.cuda.max_memory_allocated() / 2**30 if device.type == "cuda" else 0.0
        agreement = round(float(np.mean(each)), 4)
        rows.append({"who": name, "seconds": round(seconds[1], 2), "Dice with the first": agreement})
        rows[-1]["GiB of torch"] = round(gib, 2)
    return rows


KNEES = """
name: knees
cohort:
  table: cohort.csv
  patient: patient_id
  images: {dess: image}
  mask: mask
  outcome: {column: progressed}
  split: {kind: grouped, folds: 2}
segmentation:
  backend: onnx
  model: network.onnx
  labels: {femur: 1, femoral_cartilage: 2, tibia: 3, tibial_cartilage: 4, patella: 5, meniscus: 6}
  runtime: auto
regions:
  - {kind: subchondral, name: subchondral_tibia, bone: tibia, cartilage: tibial_cartilage, depth_mm: 6}
  - {kind: label, name: tibial_cartilage, label: tibial_cartilage}
  - {kind: label, name: femoral_cartilage, label: femoral_cartilage}
  - {kind: label, name: femur, label: femur}
  - {kind: subchondral, name: subchondral_femur, bone: femur, cartilage: femoral_cartilage, depth_mm: 6}
  - {kind: label, name: tibia, label: tibia}
radiomics: {bin_width: 25, filters: [original]}
"""


def drawn_knee(job: tuple[Path, int, KneePhantom, tuple[float, float, float]]) -> None:
    """Draw one knee of the cohort: a DICOM series, and its mask."""
    from radfuse.phantom.knee import draw_case, knee_tables
    from radfuse.phantom.oai import write_series
    from radfuse.volume.grid import with_spacing
    from radfuse.volume.resample import resample, resample_labels

    folder, row, phantom, spacing = job
    tables = knee_tables(phantom)
    image, labels = draw_case(phantom, tables, row)
    fine = with_spacing(image.grid, spacing)  # drawing so many voxels takes half a minute
    image, labels = resample(image, fine), resample_labels(labels, fine)
    side = str(tables["cohort"]["side"].iloc[row])
    write_series(folder / str(1000 + row), image, side, "SAG_3D_DESS", {"PatientID": "9000000"})
    write_image(labels, folder / f"{1000 + row}.nrrd")


def time_knees(folder: Path, quick: bool) -> list[dict[str, Any]]:
    """Segment knees of the Osteoarthritis Initiative's size from DICOM series, and take features of six regions.

    The network has learned from the same knees: what counts is the time, and that masks look like masks.
    """
    from radfuse.seg.export import export_network
    from radfuse.seg.unet.backend import UnetSegmentation
    from radfuse.seg.unet.plan import make_plan
    from radfuse.seg.unet.train import train

    drawn, copies = (2, 2) if quick else (4, 4)
    coarse = (4.2, 2.0, 2.0) if quick else (1.4, 0.73, 0.73)
    spacing = (2.1, 1.0, 1.0) if quick else SPACING
    phantom = KneePhantom(cases=8, sites=1, voxels_zyx=(20, 56, 56) if quick else SHAPE, spacing_zyx_mm=coarse)
    folder = folder / "knees"
    with ProcessPoolExecutor(drawn, initializer=take_place) as pool:
        list(pool.map(drawn_knee, [(folder, row, phantom, spacing) for row in range(drawn)]))
    rows = []
    for number in range(drawn * copies):
        series = folder / "images" / f"K{number:03d}"
        series.mkdir(parents=True)
        for file in (folder / str(1000 + number % drawn)).iterdir():
            (series / file.name).write_bytes(file.read_bytes().replace(b"9000000", f"{9_000_001 + number}".encode()))
        rows.append(
            {"case_id": series.name, "patient_id": series.name, "image": series, "mask": "", "progressed": number % 2}
        )
    pd.DataFrame(rows).to_csv(folder / "cohort.csv", index=False)
    (folder / "study.yaml").write_text(KNEES)
    labels = load_study(folder / "study.yaml").segmentation.labels  # type: ignore[union-attr]
    config = UnetSegmentation(
        labels=labels,
        channels=(8, 16, 16) if quick else (32, 64, 128, 256),
        steps=80 if quick else 400,
        patch_voxels=60_000 if quick else 2_500_000,
        learning_rate=0.01,
    )
    plan = make_plan(config, [read_grid(folder / "images" / "K000")])
    cases = []
    for row in range(drawn):
        cases.append(folder / "cases" / str(row))
        cases[-1].mkdir(parents=True)
        image, mask = read_volume(folder / str(1000 + row)), read_labels(folder / f"{1000 + row}.nrrd")
        for name, array in config.preparation(plan.model_dump_json()).prepare(image, mask).items():
            np.save(cases[-1] / f"{name}.npy", array)
    network = train(cases, plan, config, folder / "training", 0)
    export_network(network, plan, folder / "network.onnx")
    study = load_study(folder / "study.yaml")
    seconds = []
    for stage in ("segment", "extract"):
        start = time.perf_counter()
        run_study(study, folder / "run", until=stage)
        seconds.append(time.perf_counter() - start)
    done = len(list((folder / "run").glob("features/cases/K???.json")))
    return [
        {"stage": stage, "knees": done, "seconds": round(each, 1), "knees an hour": round(3600 * done / each)}
        for stage, each in zip(("segment", "extract", "both"), [*seconds, sum(seconds)], strict=True)
    ]


def time_study(folder: Path, quick: bool) -> dict[str, Any]:
    """Run a small study from images to report, and again."""
    path = write_knee_phantom(folder / "phantom", KneePhantom(cases=8 if quick else 16))
    steps = [f"segmentation.steps={20 if quick else 150}"]
    study = load_study(path, [*steps, "segmentation.runtime=auto"])
    seconds = []
    for _ in range(2):
        start = time.perf_counter()
        run_study(study, folder / "run", until="segment" if quick else "report")
        seconds.append(round(time.perf_counter() - start, 1))
    return {"what": f"{8 if quick else 16} phantom knees", "seconds": seconds[0], "again": seconds[1]}


PARTS: dict[str, Callable[[Path, bool], Any]] = {
    "kernel": time_kernel,
    "step": time_step,
    "training": time_nnunet,
    "training, the same work": time_unet,
    "inference": time_inference,
    "knees from DICOM to features": time_knees,
    "study": time_study,
}


ON_GPU = ("kernel", "step")
"""Parts that need one."""


def measured(part: str, folder: Path, quick: bool, limit_s: float) -> list[dict[str, Any]]:
    """Return what a part measures in a process of its own; what went wrong is a row too."""
    print(f"measuring: {part}", file=sys.stderr, flush=True)
    command = [sys.executable, __file__, "--folder", str(folder), "--part", part, *(["--quick"] if quick else [])]
    out = folder / "found.json"
    out.unlink(missing_ok=True)
    try:
        done = subprocess.run(command, timeout=limit_s, capture_output=True, text=True, check=False)
    except subprocess.TimeoutExpired:
        return [{"failed": f"took more than {limit_s:.0f} s"}]
    if not out.is_file():
        lines = done.stderr.strip().splitlines()
        return [{"failed": lines[-1][:300] if lines else f"ended with code {done.returncode}"}]
    found = json.loads(out.read_text())
    return found if isinstance(found, list) else [found]


def table(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Return rows as Markdown."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [f"| {' | '.join(names)} |", "|" + "---|" * len(names)]
    return lines + [f"| {' | '.join(str(row.get(name, '')) for name in names)} |" for row in rows]


def main() -> int:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cpu", action="store_true", help="go on without a GPU, and write no page")
    parser.add_argument("--quick", action="store_true", help="small images and few steps")
    parser.add_argument("--only", nargs="+", choices=list(PARTS), help="these parts; writes no page")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--part", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part:
        found = PARTS[arguments.part](arguments.folder, arguments.quick)
        (arguments.folder / "found.json").write_text(json.dumps(found))
        return 0
    import torch

    if not torch.cuda.is_available() and not arguments.cpu:
        print("torch finds no GPU here; --cpu --quick goes through the same steps without", file=sys.stderr)
        return 2
    gpu = torch.cuda.is_available()
    device = torch.cuda.get_device_name() if gpu else f"no GPU, {platform.machine()}"
    start = time.perf_counter()
    lines = ["# On a GPU", "", f"`scripts/gpu_check.py` on {device}, torch {torch.__version__}, {time.strftime('%F')}."]
    print(lines[-1], flush=True)
    failed = False
    with tempfile.TemporaryDirectory() as temporary:
        for part in arguments.only or PARTS:
            if part in ON_GPU and not gpu:
                continue
            rows = measured(
                part, Path(temporary), arguments.quick, max(min(LIMIT_S, ALL_S + start - time.perf_counter()), 1)
            )
            failed |= any("failed" in row for row in rows)
            lines += ["", f"## {part[0].upper()}{part[1:]}", "", *table(rows)]
            print("\n".join(["", *lines[-len(rows) - 4 :]]), flush=True)
            if gpu and not arguments.quick and not arguments.only:
                PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"\nMeasured in {time.perf_counter() - start:.0f} s.")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
