"""Time studies from images to report: `radfuse demo`, and `configs/sarcoma.yaml` on real tumours.

    uv run python scripts/bench_images.py
    uv run python scripts/bench_images.py --sarcoma FOLDER     real tumours: FOLDER/*/t1.nii.gz and t1_mask.nii.gz

Prints the seconds of a first and of a second run, the memory of the largest process, and the out-of-fold Dice of each
label. The tumours come without an outcome; that a tumour is larger than the median one stands in for it, and no AUC is
printed.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from radfuse.volume.files import read_labels


def seconds(*arguments: object) -> float:
    """Return the wall time of a radfuse command."""
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "radfuse.cli", *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"radfuse {arguments[0]}: exit code {done.returncode}\n{done.stderr}")
    return time.perf_counter() - start


def write_cohort(tumours: Path, folder: Path) -> Path:
    """Write the cohort of the sarcoma study, and return its table."""
    cases = sorted(case for case in tumours.iterdir() if (case / "t1_mask.nii.gz").is_file())
    voxels = [int(np.count_nonzero(read_labels(case / "t1_mask.nii.gz").array)) for case in cases]
    rows = {
        "case_id": [case.name for case in cases],
        "t1": [case / "t1.nii.gz" for case in cases],
        "mask": [case / "t1_mask.nii.gz" for case in cases],
        "age": [50 + number for number in range(len(cases))],
        "event": [int(count > np.median(voxels)) for count in voxels],
    }
    pd.DataFrame(rows).to_csv(folder / "cohort.csv", index=False)
    return folder / "cohort.csv"


def main() -> None:
    """Run, and print two Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sarcoma", type=Path, help="folder of the tumours")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if arguments.sarcoma:
            table = write_cohort(arguments.sarcoma.resolve(), folder)
            seconds("configs", "sarcoma", "--out", folder / "study.yaml")
            name, run = "configs/sarcoma.yaml", folder / "run"
            command: tuple[object, ...] = ("run", folder / "study.yaml", "--out", run, "--set", f"cohort.table={table}")
        else:
            name, run = "radfuse demo", folder / "demo/run"
            command = ("demo", "--out", folder / "demo")
        first = seconds(*command)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print("| study | seconds | again | peak MiB |\n|---|---|---|---|")
        print(f"| {name} | {first:.0f} | {seconds(*command):.1f} | {peak:.0f} |\n")
        print("| label | cases | Dice, median | quartiles | range |\n|---|---|---|---|---|")
        cases = pd.read_csv(run / "report/tables/segmentation_cases.csv")
        for label, dice in cases.groupby("label", sort=False)["dice"]:
            low, q1, middle, q3, high = dice.quantile([0, 0.25, 0.5, 0.75, 1])
            print(f"| {label} | {len(dice)} | {middle:.3f} | {q1:.3f}–{q3:.3f} | {low:.3f}–{high:.3f} |")


if __name__ == "__main__":
    main()
