"""Measure the sarcoma study's U-Net out of fold on real tumours, its settings overridable: one cause at a time.

    uv run python scripts/segmentation_quality.py --sarcoma FOLDER      real tumours: FOLDER/*/t1.nii.gz, t1_mask.nii.gz
    uv run python scripts/segmentation_quality.py --sarcoma FOLDER --half first --folds 3 augmentation=full steps=350

Tune on `--half first`, every other tumour, and keep `--half second` for one last figure. Trains a network a fold, as
`configs/sarcoma.yaml` says, in a fresh folder or in `--work`, from where it goes on; prints a line a case and a row of
a Markdown table. `--seeds 2` trains two networks a fold, whose probabilities are averaged.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from radfuse import machine
from radfuse.results import MaskAgreement
from radfuse.seg.metrics import agreement_per_label
from radfuse.seg.plan import SegPlan
from radfuse.seg.predict import OnnxSegmenter
from radfuse.seg.unet.backend import UnetSegmentation
from radfuse.seg.window import softmax
from radfuse.study import load_study
from radfuse.volume.files import read_grid, read_labels, read_volume
from radfuse.volume.image import LabelMap, Volume

STUDY = Path(__file__).parent.parent / "configs" / "sarcoma.yaml"
HEAD = (
    "| settings | tumours | networks | Dice, median | quartiles | worst | HD95 mm | surface Dice | minutes | s/case |"
)


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


def prepare(cases: Sequence[Path], plan: str, config: UnetSegmentation, work: Path) -> dict[Path, Path]:
    """Return where each case is prepared for training."""
    preparation, places = config.preparation(plan), {}
    for case in cases:
        places[case] = work / "cases" / case.name
        places[case].mkdir(parents=True, exist_ok=True)
        labels = read_labels(case / "t1_mask.nii.gz", config.names)
        for name, array in preparation.prepare(read_volume(case / "t1.nii.gz"), labels).items():
            np.save(places[case] / f"{name}.npy", array)
    return places


def segmented(networks: Sequence[OnnxSegmenter], volume: Volume) -> LabelMap:
    """Return the labels by one network, or by the mean of several's probabilities."""
    if len(networks) == 1:
        return networks[0](volume)
    frame = networks[0].plan.frame(volume)
    said = [np.concatenate([part for _, part in network._said(frame.array)], axis=1) for network in networks]
    whole = np.mean(said, axis=0) if networks[0].plan.window.averages == "probabilities" else softmax(np.mean(said, 0))
    return frame.labels(iter([(slice(0, whole.shape[1]), whole)]))


def measure(arguments: argparse.Namespace, work: Path) -> list[Found]:
    """Train a network a fold, and return how it segments the tumours that it has not seen."""
    study = load_study(STUDY, [f"segmentation.{override}" for override in arguments.settings])
    config = study.segmentation
    assert isinstance(config, UnetSegmentation)
    cases = tumours_in(arguments.sarcoma, arguments.half)
    plan = config.plan([read_grid(case / "t1.nii.gz") for case in cases])
    print(SegPlan.model_validate_json(plan).patch_zyx, flush=True)
    prepared = prepare(cases, plan, config, work)
    order = np.random.default_rng(study.seed).permutation(len(cases))
    found = []
    for fold in range(arguments.folds):
        test = [cases[number] for number in order[fold :: arguments.folds]]
        learned = [prepared[case] for case in cases if case not in test]
        networks = []
        for seed in range(arguments.seeds):
            place = work / f"{fold}-{seed}.onnx"
            if not place.is_file():
                folder = work / f"desk-{fold}-{seed}"
                folder.mkdir(exist_ok=True)
                start = time.perf_counter()
                content = config.train(learned, plan, study.seed + fold + 100 * seed, folder, lambda *_: None)
                place.write_bytes(content)
                place.with_suffix(".minutes").write_text(f"{(time.perf_counter() - start) / 60:.3f}")
            networks.append(OnnxSegmenter(place))
        for case in test:
            volume = read_volume(case / "t1.nii.gz")
            start = time.perf_counter()
            labels = segmented(networks, volume)
            seconds = time.perf_counter() - start
            truth = read_labels(case / "t1_mask.nii.gz", config.names)
            found.append(Found(case.name, agreement_per_label(truth, labels, config.labels)["tumour"], seconds))
            print(f"{case.name} {found[-1].agreement.dice:.3f} {seconds:.2f} s", flush=True)
    return found


def row(found: Sequence[Found], settings: Sequence[str], networks: int, minutes: float) -> str:
    """Return the table's row."""
    dice = np.array([item.agreement.dice for item in found])
    low, median, high = np.quantile(dice, (0.25, 0.5, 0.75))
    hd95 = np.median([item.agreement.hd95_mm if item.agreement.hd95_mm is not None else np.inf for item in found])
    surface = np.median([item.agreement.surface_dice for item in found])
    seconds = np.median([item.seconds for item in found])
    cells = [
        " ".join(f"`{setting}`" for setting in settings) or "as shipped",
        str(len(found)),
        str(networks),
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
    parser.add_argument("--seeds", type=int, default=1, help="networks a fold, whose probabilities are averaged")
    parser.add_argument("--work", type=Path, help="folder that keeps the networks; fresh without")
    parser.add_argument("settings", nargs="*", help="NAME=VALUE of segmentation, in the place of the study's")
    arguments = parser.parse_args()
    arguments.sarcoma = arguments.sarcoma.resolve()
    machine.mend_limits()
    with tempfile.TemporaryDirectory() as fresh:
        work = (arguments.work or Path(fresh)).resolve()
        work.mkdir(parents=True, exist_ok=True)
        found = measure(arguments, work)
        minutes = sum(float(place.read_text()) for place in work.glob("*.minutes"))
    print(f"{HEAD}\n|{'---|' * 10}")
    print(row(found, arguments.settings, arguments.folds * arguments.seeds, minutes))


if __name__ == "__main__":
    main()
