"""Time the bookkeeping of a large cohort: making its records, starting again when all is finished, its status, joining.

    uv run python scripts/bench_ledger.py --cases 60000 --columns 2000 --joined 6000 --work /tmp/ledger
    uv run python scripts/bench_ledger.py --cases 1000 --slices 160      images are DICOM folders of so many files

The images are files of a few bytes that nobody opens as images: `extract` is given features at random, everything else
is what a study does. Each step is a process of its own; printed are its seconds, those of the processor, the highest
resident memory, and what the index of digests takes on the disk.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from radfuse.pipeline import run_study
from radfuse.results import CaseFeatures
from radfuse.stages import extract

STUDY = """
name: ledger
cohort:
  table: cohort.csv
  images: {dess: image}
  mask: mask
  unit: [patient_id, side]
  clinical: [age]
  outcome: {column: event}
  split: {kind: grouped, folds: 5}
segmentation: {backend: manual, labels: {femur: 1, femoral_cartilage: 2, tibia: 3, tibial_cartilage: 4}}
regions:
  - {kind: label, name: femoral_cartilage, label: femoral_cartilage}
  - {kind: label, name: tibial_cartilage, label: tibial_cartilage}
  - {kind: ring, name: around, around: tibia, margin_mm: 4}
radiomics: {filters: [original, log, wavelet]}
fusion: {families: [clinical]}
"""


def main() -> None:
    """Run the steps and print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=60_000)
    parser.add_argument("--columns", type=int, default=20, help="features of each case where only records count")
    parser.add_argument("--joined", type=int, default=0, help="cases that are joined into one table; 0: none")
    parser.add_argument("--slices", type=int, default=0, help="files of an image, which is a folder then; 0: a file")
    parser.add_argument("--work", type=Path, help="folder to work in and keep; a temporary one by default")
    parser.add_argument("--step", choices=("play", "again", "status", "tables", "prepare"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        step(arguments.step, arguments.work, arguments.columns)
        return
    with tempfile.TemporaryDirectory() as temporary:
        work = arguments.work or Path(temporary)
        heads = ["step", "cases", "features", "seconds", "processor, s", "memory, MiB", "index, MiB"]
        print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
        plan = [(name, arguments.cases, 20) for name in ("play", "again", "status")]
        if arguments.joined:
            plan += [(name, arguments.joined, arguments.columns) for name in ("play", "tables", "prepare")]
        for name, cases, columns in plan:
            folder = work / f"{cases}x{columns}"
            write_cohort(folder, cases, arguments.slices)
            own = [sys.executable, __file__, "--step", name, "--work", str(folder), "--columns", str(columns)]
            began = time.monotonic()
            done = subprocess.run(own, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            seconds, (processor, memory) = time.monotonic() - began, map(float, done.stdout.split()[-2:])
            index = (folder / "run" / "index.sqlite").stat().st_size / 2**20
            figures = f"{seconds:.1f} | {processor:.1f} | {memory / 1024:.0f} | {index:.1f}"
            print(f"| {name} | {cases} | {columns} | {figures} |", flush=True)


def write_cohort(folder: Path, cases: int, slices: int) -> None:
    """Write a study with so many cases, two knees a person, unless it is there."""
    if (folder / "study.yaml").is_file():
        return
    chance = np.random.default_rng(0)
    (folder / "files").mkdir(parents=True)
    rows = ["case_id,patient_id,side,image,mask,age,event"]
    for number in range(cases):
        for kind in ("image", "mask"):
            place = folder / "files" / f"{number}.{kind}.nrrd"
            if slices and kind == "image":
                place.mkdir()
                for each in range(1, slices + 1):
                    (place / f"{each:03}").write_text(f"{kind} {number} {each}")
            else:
                place.write_text(f"{kind} {number}")
        age, event = chance.normal(60, 8), chance.integers(2)
        side = "left" if number % 2 else "right"
        files = f"files/{number}.image.nrrd,files/{number}.mask.nrrd"
        rows.append(f"c{number},p{number // 2},{side},{files},{age:.2f},{event}")
    (folder / "cohort.csv").write_text("\n".join(rows) + "\n")
    (folder / "study.yaml").write_text(STUDY)


def play_extraction(columns: int) -> None:
    """Have `extract` draw so many features of each case here, and nobody wait for the disk."""
    os.fsync = lambda fd: None  # noqa: ARG005  # nobody pulls the plug here
    names = [f"dess/region/filter_class_Feature{column}" for column in range(columns)]

    def play(job: extract.ExtractJob) -> CaseFeatures:
        values = np.random.default_rng(int(job.about.case[1:])).normal(size=columns)
        return CaseFeatures(mask_source="manual", features=dict(zip(names, values.tolist(), strict=True)), voxels={})

    extract.STAGE = dataclasses.replace(extract.STAGE, work=play, crew="one", ready=None)


def step(name: str, folder: Path, columns: int) -> None:
    """Do one step, and print seconds of the processor and the highest resident memory in KiB."""
    import resource

    if name == "play":
        play_extraction(columns)
    if name == "status":
        from radfuse.run.ledger import read_ledger

        read_ledger(folder / "run")
    else:
        run_study(folder / "study.yaml", folder / "run", until=name if name in ("tables", "prepare") else "extract")
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(used.ru_utime + used.ru_stime, used.ru_maxrss)


if __name__ == "__main__":
    main()
