"""Show that neither a driver's memory nor a worker's grows with the number of cases.

    uv run python scripts/memory_flat.py --cases 500
    uv run python scripts/memory_flat.py --cases 2000 --given --cores 2      # the driver's, in minutes

A network is trained on a few small images; then segment, extract and deep work on all cases. With `--given` all masks
are drawn, nothing is trained, and features are extracted alone: what a driver keeps of a case does not depend on how
long that takes. On one core all is one process; on more the driver has workers, which are told apart. After every case
the resident memory is read; the growth is the highest after the last case less the highest after the first 20. Fails
where the driver grows by 50 MiB or more, or it and its workers together by 30 MiB or more a worker.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from boxes import tumour_cohort

COHORT = """
name: flat
cohort:
  table: cohort.csv
  images: {t1: t1}
  mask: mask
  clinical: [age]
  outcome: {column: event}
  split: {kind: grouped, folds: 2}
"""
STUDY = """
segmentation: {backend: unet, labels: {tumour: 1}, steps: 150, channels: [8, 16, 16], learning_rate: 0.01,
  patch_voxels: 8000}
regions:
  - {kind: label, name: tumour, label: tumour}
  - {kind: ring, name: ring, around: tumour, margin_mm: 4}
radiomics: {filters: [original, log, wavelet], min_voxels: 1}
deep: {}
"""
MASKS_GIVEN = """
segmentation: {backend: manual, labels: {tumour: 1}}
regions: [{kind: label, name: tumour, label: tumour}]
radiomics: {filters: [original], min_voxels: 1}
"""
STAGES = {
    "segment": "labels/*/labels.nrrd",
    "extract": "features/cases/*[0-9].json",
    "deep": "features/deep/all/*[0-9].json",
}
"""Stage -> its results, one a case."""
FIRST, MOST_MIB, MOST_DRIVER_MIB = 20, 30, 50


def main() -> None:
    """Measure each stage and print a row of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=500)
    parser.add_argument("--given", action="store_true", help="masks are drawn; extract alone")
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--work", type=Path, help="folder to work in and keep; a temporary one by default")
    arguments = parser.parse_args()
    given = arguments.given
    with tempfile.TemporaryDirectory() as temporary:
        work = arguments.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        tumour_cohort(work, arguments.cases, masks=given, differ=16)
        (work / "study.yaml").write_text(COHORT + (MASKS_GIVEN if given else STUDY))
        if not given:
            subprocess.run(command("train", work), check=True, stdout=subprocess.DEVNULL)
        print("| stage | cases | driver, MiB after 20 cases | after all | growth | growth with workers |")
        print("|---|---|---|---|---|---|", flush=True)
        grown = {}
        for stage, results in {"extract": STAGES["extract"]}.items() if given else STAGES.items():
            seen = watch(command(stage, work), work / "run", results, arguments.cores)
            done = len(list((work / "run").glob(results)))
            assert done > 0.9 * arguments.cases, f"{stage}: only {done} cases could be used"
            first = np.max([memory for done, *memory in seen if done <= FIRST], axis=0)
            last = np.max([memory for _, *memory in seen], axis=0)
            grown[stage] = alone, together = last - first
            print(f"| {stage} | {done} | {first[0]:.0f} | {last[0]:.0f} | {alone:.1f} | {together:.1f} |", flush=True)
    worker = MOST_MIB * arguments.cores
    assert all(alone < MOST_DRIVER_MIB and together < worker for alone, together in grown.values()), grown


def command(stage: str, work: Path) -> list[str]:
    """Return the command line of a stage."""
    return [sys.executable, "-m", "radfuse.cli", stage, str(work / "study.yaml"), "--out", str(work / "run")]


def watch(words: list[str], run: Path, results: str, cores: int) -> list[tuple[int, float, float]]:
    """Run a command on some cores; return how many cases were done, and its MiB and with its workers', ever again."""
    those = sorted(os.sched_getaffinity(0))[:cores]
    process = subprocess.Popen(
        words, stdout=subprocess.DEVNULL, preexec_fn=lambda: os.sched_setaffinity(0, those), env=os.environ
    )
    seen = [(0, 0.0, 0.0)]
    while process.poll() is None:
        done = len(list(run.glob(results)))
        seen.append((done, *resident_mib(process.pid)))
        time.sleep(max(0.05, done / 5000))  # looking must not cost more than working
    assert process.returncode in (0, 1), f"{words} ended with {process.returncode}"
    return seen


def resident_mib(process: int) -> tuple[float, float]:
    """Return the memory that a process has of its own, files it shares left out, and with its children."""
    try:
        lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
        own = sum(int(line.split()[1]) for line in lines if line.startswith(("RssAnon", "RssShmem"))) / 1024
        tasks = list(Path(f"/proc/{process}/task").iterdir())
        children = [word for task in tasks for word in (task / "children").read_text(encoding="ascii").split()]
    except (FileNotFoundError, ProcessLookupError):
        return 0.0, 0.0
    return own, own + sum(resident_mib(int(child))[1] for child in children)


if __name__ == "__main__":
    main()
