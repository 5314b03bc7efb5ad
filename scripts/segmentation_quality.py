"""Measure the sarcoma study's U-Net out of fold on real tumours, its settings overridable: one cause at a time.

    uv run python scripts/segmentation_quality.py --sarcoma FOLDER      real tumours: FOLDER/*/t1.nii.gz, t1_mask.nii.gz
    uv run python scripts/segmentation_quality.py --sarcoma FOLDER --half first --folds 3 augmentation=full steps=350

Tune on `--half first`, every other tumour, and keep the second half for one last figure: without `--half` networks
learn from all, and the second half has a row of its own. Trains a network a fold, as `configs/sarcoma.yaml` says, in a
fresh folder or in `--work`, from where it goes on and takes networks that are there, so that what prediction alone
depends on is measured in seconds. Prints a line a case, and Markdown tables.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from radfuse import machine
from radfuse.results import MaskAgreement
from radfuse.run.workers import take_place
from radfuse.seg.metrics import agreement_per_label
from radfuse.seg.nnunet.backend import NnunetSegmentation
from radfuse.seg.plan import SegPlan
from radfuse.seg.predict import OnnxSegmenter
from radfuse.seg.runtimes.runtime import chosen
from radfuse.seg.unet.backend import UnetSegmentation
from radfuse.study import load_study
from radfuse.volume.files import read_grid, read_labels, read_volume

PREDICTION = ("mirror_axes", "overlap")
"""Of the plan: what networks are not trained again for."""
STUDY = Path(__file__).parent.parent / "configs" / "sarcoma.yaml"
HEAD = "| settings | tumours | Dice, median | quartiles | worst | HD95 mm | surface Dice | minutes | s/case |"


@dataclass(frozen=True)
class Found:
    """One tumour's agreement, and the seconds its segmentation took."""

    case: str
    agreement: MaskAgreement
    seconds: float


def tumours_in(folder: Path, half: str) -> list[Path]:
    """Return the tumours, all or every other one."""
    cases = sorted(case for case in folder.iterdir() if (case / "t1_mask.nii.gz").is_file())
    return {"all": cases, "first": cases[::2], "second": cases[1::2]}[half]


def prepare(
    cases: Sequence[Path], plan: str, config: UnetSegmentation | NnunetSegmentation, work: Path
) -> dict[Path, Path]:
    """Return where each case is prepared for training."""
    preparation, places = config.preparation(plan), {}
    for case in cases:
        places[case] = work / "cases" / case.name
        places[case].mkdir(parents=True, exist_ok=True)
        labels = read_labels(case / "t1_mask.nii.gz", config.names)
        for name, array in preparation.prepare(read_volume(case / "t1.nii.gz"), labels).items():
            np.save(places[case] / f"{name}.npy", array)
    return places


@dataclass(frozen=True)
class Fold:
    """One network, and the tumours that it has not seen."""

    number: int
    config: UnetSegmentation | NnunetSegmentation
    plan: str
    seed: int
    learned: tuple[Path, ...]
    test: tuple[Path, ...]
    work: Path


def folds_of(arguments: argparse.Namespace, work: Path) -> list[Fold]:
    """Return the folds, their tumours prepared."""
    study = load_study(STUDY, [f"segmentation.{override}" for override in arguments.settings])
    config = study.segmentation
    assert isinstance(config, UnetSegmentation)
    cases = tumours_in(arguments.sarcoma, arguments.half)
    plan = config.plan([read_grid(case / "t1.nii.gz") for case in cases])
    prepared = prepare(cases, plan, config, work)
    order = np.random.default_rng(study.seed).permutation(len(cases))
    folds = []
    for number in range(arguments.folds):
        test = tuple(cases[place] for place in order[number :: arguments.folds])
        learned = tuple(prepared[case] for case in cases if case not in test)
        folds.append(Fold(number, config, plan, study.seed + number, learned, test, work))
    return folds


def measure(fold: Fold) -> list[Found]:
    """Train a network where it is not there yet, and return how it segments the tumours that it has not seen."""
    place = fold.work / f"{fold.number}.onnx"
    if not place.is_file():
        folder = fold.work / f"desk-{fold.number}"
        folder.mkdir(exist_ok=True)
        start = time.perf_counter()
        content = fold.config.train(fold.learned, fold.plan, fold.seed, folder, lambda *_: None)
        place.with_suffix(".minutes").write_text(f"{(time.perf_counter() - start) / 60:.3f}")
        place.write_bytes(content)
    network = OnnxSegmenter(place, chosen(fold.config.runtime))
    if isinstance(fold.config, UnetSegmentation):
        plan = SegPlan.model_validate_json(fold.plan)
        network.plan = network.plan.model_copy(update={name: getattr(plan, name) for name in PREDICTION})
    found = []
    for case in fold.test:
        volume = read_volume(case / "t1.nii.gz")
        start = time.perf_counter()
        labels = network(volume)
        seconds = time.perf_counter() - start
        truth = read_labels(case / "t1_mask.nii.gz", fold.config.names)
        agreement = agreement_per_label(truth, labels, fold.config.labels)["tumour"]
        found.append(Found(case.name, agreement, seconds))
        print(f"{case.name} {agreement.dice:.3f} {seconds:.2f} s", flush=True)
    return found


def row(found: Sequence[Found], which: str, settings: Sequence[str], minutes: float) -> str:
    """Return the table's row."""
    dice = np.array([item.agreement.dice for item in found])
    low, median, high = np.quantile(dice, (0.25, 0.5, 0.75))
    hd95 = np.median([item.agreement.hd95_mm for item in found])
    surface = np.median([item.agreement.surface_dice for item in found])
    seconds = np.median([item.seconds for item in found])
    cells = [
        " ".join(f"`{setting}`" for setting in settings) or "as shipped",
        f"{which} ({len(found)})",
        f"{median:.2f}",
        f"{low:.2f} to {high:.2f}",
        f"{dice.min():.2f}",
        f"{hd95:.0f}",
        f"{surface:.2f}",
        f"{minutes:.0f}",
        f"{seconds:.1f}",
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Measure, and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sarcoma", type=Path, required=True, help="folder of the tumours")
    parser.add_argument("--half", choices=["all", "first", "second"], default="all", help="which tumours")
    parser.add_argument("--folds", type=int, default=5, help="of them")
    parser.add_argument("--jobs", type=int, default=1, help="folds at a time, each by one thread; 1: all cores a fold")
    parser.add_argument("--work", type=Path, help="folder that keeps the networks; fresh without")
    parser.add_argument("settings", nargs="*", help="NAME=VALUE of segmentation, in the place of the study's")
    arguments = parser.parse_args()
    arguments.sarcoma = arguments.sarcoma.resolve()
    machine.mend_limits()
    with tempfile.TemporaryDirectory() as fresh:
        work = (arguments.work or Path(fresh)).resolve()
        work.mkdir(parents=True, exist_ok=True)
        folds = folds_of(arguments, work)
        if arguments.jobs == 1:
            each = [measure(fold) for fold in folds]
        else:
            spawn = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(arguments.jobs, spawn, initializer=take_place) as crew:
                each = list(crew.map(measure, folds))
        found = [item for items in each for item in items]
        minutes = sum(float(place.read_text()) for place in work.glob("*.minutes"))
    print(f"{HEAD}\n|{'---|' * 9}")
    print(row(found, arguments.half, arguments.settings, minutes))
    if arguments.half == "all":
        second = {case.name for case in tumours_in(arguments.sarcoma, "second")}
        print(row([item for item in found if item.case in second], "second half", arguments.settings, minutes))


if __name__ == "__main__":
    main()
