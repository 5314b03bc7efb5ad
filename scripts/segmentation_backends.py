"""Compare backends on real tumours: the same folds, as many minutes a network, on one machine, in one run.

    uv run python scripts/segmentation_backends.py --sarcoma FOLDER --minutes 14        2 cores: five hours
    uv run python scripts/segmentation_backends.py --sarcoma FOLDER --minutes 2 --jobs 5 --cores 3         beside a GPU
    uv run python scripts/segmentation_backends.py --sarcoma FOLDER --quick                   that it runs, on a CPU

FOLDER/*/t1.nii.gz and t1_mask.nii.gz are the tumours. `nnunet` trains as nnU-Net plans, `unet` as
configs/sarcoma.yaml says, its steps by the time; `unet, finer` with more channels on a finer grid. nnU-Net's minutes
are of its epochs, planning aside; compiling would take a minute of them, and is left out. Each tumour is segmented by a
network that has not seen it. Prints a line a case, a Markdown table, and differences with intervals of the paired
bootstrap over tumours.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from segmentation_quality import STUDY, Fold, Found, measure, prepare, tumours_in

from radfuse import machine
from radfuse.run.workers import take_place
from radfuse.seg.nnunet.backend import NnunetSegmentation
from radfuse.seg.unet.backend import UnetSegmentation
from radfuse.study import load_study
from radfuse.volume.files import read_grid

FINER = {"spacing_zyx_mm": (4.0, 2.0, 2.0), "patch_voxels": 300_000, "channels": (24, 48, 96, 192)}
FIRST = "nnunet"
BOOTSTRAPS = 10_000


def arms(minutes: float, cores: int, quick: bool) -> dict[str, UnetSegmentation | NnunetSegmentation]:
    """Return the settings compared, by their names."""
    shipped = load_study(STUDY, [f"segmentation.budget={{minutes: {minutes}}}"]).segmentation
    assert isinstance(shipped, UnetSegmentation)
    own = shipped.model_copy(update={"workers": cores if machine.torch_has_gpu() else None, "runtime": "auto"})
    nnunet = NnunetSegmentation(
        labels=shipped.labels,
        minutes=minutes,
        iterations=2 if quick else 50,
        loaders=cores,
        compiled=False,
        mirror=not quick,
        memory_gib=1 if quick else None,
        runtime="auto",
    )
    return {FIRST: nnunet, "unet": own, "unet, finer": own.model_copy(update=FINER)}


def out_of_fold(
    name: str,
    config: UnetSegmentation | NnunetSegmentation,
    cases: Sequence[Path],
    fresh: Path,
    arguments: argparse.Namespace,
) -> tuple[list[Found], float]:
    """Return how networks of one arm segment tumours that they have not seen, and the seconds of all."""
    print(f"## {name}", flush=True)
    start, work = time.perf_counter(), fresh / name.replace(", ", "-")
    work.mkdir(parents=True)
    plan = config.plan([read_grid(case / "t1.nii.gz") for case in cases])
    prepared = prepare(cases, plan, config, work)
    order = np.random.default_rng(7).permutation(len(cases))
    folds = []
    for number in range(arguments.folds):
        test = tuple(cases[place] for place in order[number :: arguments.folds])
        learned = tuple(prepared[case] for case in cases if case not in test)
        folds.append(Fold(number, config, plan, 7 + number, learned, test, work))
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(arguments.jobs, spawn, initializer=take_place) as crew:
        found = [item for items in crew.map(partial(measured, arguments.cores), folds) for item in items]
    minutes = [float(place.read_text()) for place in work.glob("*.minutes")]
    print(f"steps of each network: {', '.join(map(str, steps_in(work)))}; minutes of each: {np.mean(minutes):.2f}")
    return sorted(found, key=lambda item: item.case), time.perf_counter() - start


def steps_in(work: Path) -> list[int]:
    """Return the steps of each network's training, which the time chose."""
    own = [json.loads(place.read_text())["steps"] for place in sorted(work.glob("desk-*/settled.json"))]
    epochs = [int(place.read_text()) for place in sorted(work.glob("desk-*/results/*/*/fold_all/epochs"))]
    job = next(work.glob("desk-*/job.json"), None)
    return own or [number * json.loads(job.read_text())["iterations"] for number in epochs if job is not None]


def measured(cores: int, fold: Fold) -> list[Found]:
    """Train and segment with so many cores."""
    with machine.given_threads(cores):
        return measure(fold)


def table(found: dict[str, list[Found]], seconds: dict[str, float]) -> list[str]:
    """Return a row an arm, and each arm's differences to the first."""
    rows = ["| backend | Dice, median | mean | quartiles | worst | HD95 mm | surface Dice | mean against nnunet | s |"]
    rows.append(f"|{'---|' * 9}")
    reference = np.array([item.agreement.dice for item in found[FIRST]])
    for name, items in found.items():
        dice = np.array([item.agreement.dice for item in items])
        low, median, high = np.quantile(dice, (0.25, 0.5, 0.75))
        chosen = np.random.default_rng(0).integers(0, len(dice), (BOOTSTRAPS, len(dice)))
        least, most = np.quantile((dice - reference)[chosen].mean(axis=1), (0.025, 0.975))
        apart = "" if name == FIRST else f"{(dice - reference).mean():+.3f} ({least:+.3f} to {most:+.3f})"
        hd95 = np.median([item.agreement.hd95_mm for item in items])
        surface = np.median([item.agreement.surface_dice for item in items])
        cells = [name, f"{median:.2f}", f"{dice.mean():.2f}", f"{low:.2f} to {high:.2f}", f"{dice.min():.2f}"]
        rows.append(f"| {' | '.join([*cells, f'{hd95:.0f}', f'{surface:.2f}', apart, f'{seconds[name]:.0f}'])} |")
    return rows


def main() -> None:
    """Compare, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sarcoma", type=Path, required=True, help="folder of the tumours")
    parser.add_argument("--minutes", type=float, default=14.0, help="of each network's training")
    parser.add_argument("--folds", type=int, default=5, help="of the tumours")
    parser.add_argument("--jobs", type=int, default=1, help="folds at a time")
    parser.add_argument("--cores", type=int, default=machine.cores(), help="of each")
    parser.add_argument("--arms", nargs="+", help="these alone; nnunet is what others are compared with")
    parser.add_argument("--quick", action="store_true", help="four tumours, two folds, nobody mirrored")
    arguments = parser.parse_args()
    machine.mend_limits()
    cases = tumours_in(arguments.sarcoma.resolve(), "all")
    if arguments.quick:
        cases, arguments.folds = cases[:4], 2
    found, seconds = {}, {}
    with tempfile.TemporaryDirectory() as fresh:
        for name, config in arms(arguments.minutes, arguments.cores, arguments.quick).items():
            if not arguments.arms or name in arguments.arms:
                found[name], seconds[name] = out_of_fold(name, config, cases, Path(fresh), arguments)
                if FIRST in found:
                    print("\n".join(table(found, seconds)), flush=True)


if __name__ == "__main__":
    main()
