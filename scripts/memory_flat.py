"""Show that a worker's memory does not grow with the number of cases.

    uv run python scripts/memory_flat.py --cases 500

A network is trained on a few small images; then segment, extract and deep work on all cases, each in one process on one
core. After every case the resident memory of the command and its worker is read; the growth is the highest after the
last case less the highest after the first 20. Fails where a stage grows by 30 MiB or more.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from boxes import tumour_cohort

STUDY = """
name: flat
cohort:
  table: cohort.csv
  images: {t1: t1}
  mask: mask
  clinical: [age]
  outcome: {column: event}
  split: {kind: grouped, folds: 2}
segmentation: {backend: unet, labels: {tumour: 1}, steps: 150, channels: [8, 16, 16], learning_rate: 0.01,
  patch_voxels: 8000}
regions:
  - {kind: label, name: tumour, label: tumour}
  - {kind: ring, name: ring, around: tumour, margin_mm: 4}
radiomics: {filters: [original, log, wavelet], min_voxels: 1}
deep: {}
"""
STAGES = {
    "segment": "labels/*/labels.nrrd",
    "extract": "features/cases/*[0-9].json",
    "deep": "features/deep/all/*[0-9].json",
}
"""Stage -> its results, one a case."""
FIRST, MOST_MIB = 20, 30


def main() -> None:
    """Measure each stage and print a row of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=500)
    parser.add_argument("--work", type=Path, help="folder to work in and keep; a temporary one by default")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = arguments.work or Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        tumour_cohort(work, arguments.cases, masks=False, differ=16)
        (work / "study.yaml").write_text(STUDY)
        subprocess.run(command("train", work), check=True, stdout=subprocess.DEVNULL)
        print("| stage | cases | MiB after 20 cases | after all | growth |")
        print("|---|---|---|---|---|", flush=True)
        grown = {}
        for stage, results in STAGES.items():
            seen = watch(command(stage, work), work / "run", results)
            done = len(list((work / "run").glob(results)))
            assert done > 0.9 * arguments.cases, f"{stage}: only {done} cases could be used"
            first = max(memory for done, memory in seen if done <= FIRST)
            last = max(memory for _, memory in seen)
            grown[stage] = last - first
            print(f"| {stage} | {done} | {first:.0f} | {last:.0f} | {grown[stage]:.1f} |", flush=True)
    assert max(grown.values()) < MOST_MIB, grown


def command(stage: str, work: Path) -> list[str]:
    """Return the command line of a stage."""
    return [sys.executable, "-m", "radfuse.cli", stage, str(work / "study.yaml"), "--out", str(work / "run")]


def watch(words: list[str], run: Path, results: str) -> list[tuple[int, float]]:
    """Run a command on one core, and return how many cases were done and the MiB it took then, again and again."""
    core = min(os.sched_getaffinity(0))
    process = subprocess.Popen(
        words, stdout=subprocess.DEVNULL, preexec_fn=lambda: os.sched_setaffinity(0, {core}), env=os.environ
    )
    seen = [(0, 0.0)]
    while process.poll() is None:
        seen.append((len(list(run.glob(results))), resident_mib(process.pid)))
        time.sleep(0.05)
    assert process.returncode in (0, 1), f"{words} ended with {process.returncode}"
    return seen


def resident_mib(process: int) -> float:
    """Return the memory that a process and its children have of their own, files they share left out."""
    try:
        lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
        own = sum(int(line.split()[1]) for line in lines if line.startswith(("RssAnon", "RssShmem"))) / 1024
        tasks = list(Path(f"/proc/{process}/task").iterdir())
        children = [word for task in tasks for word in (task / "children").read_text(encoding="ascii").split()]
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return own + sum(resident_mib(int(child)) for child in children)


if __name__ == "__main__":
    main()
