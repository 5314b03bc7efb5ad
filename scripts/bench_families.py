"""Time all families of a study from its tables to the comparison, and the memory of its largest process.

    uv run python scripts/bench_families.py --units 900 --columns 8 2264 128
    uv run python scripts/bench_families.py --units 5000 --columns 8 3864 128

Draws an outcome and a clinical, a radiomic and a deep block of so many columns, which come in groups that correlate as
features of one region do; a tenth of the groups tell something of the outcome. Runs `radfuse fuse` on them by default
settings: six families, nested five times five.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

BLOCKS = ("clinical", "radiomic", "deep")
GROUP = 12
"""Columns that share what they measure."""
STRENGTH = 0.8
"""Standard deviation of each block's part of the log odds."""


def main() -> None:
    """Print the row of one run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--units", type=int, default=900)
    parser.add_argument("--columns", type=int, nargs=3, default=(8, 2264, 128), metavar=BLOCKS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, help="folder to work in and keep; a temporary one by default")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.work or Path(temporary)
        study = write(folder, arguments.units, dict(zip(BLOCKS, arguments.columns, strict=True)), arguments.seed)
        began = time.monotonic()
        command = [sys.executable, "-m", "radfuse.cli", "fuse", str(study), "--out", str(folder / "run")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        seconds = time.monotonic() - began
        if done.returncode:
            sys.exit(done.stdout + done.stderr)
        results = json.loads((folder / "run" / "models" / "comparison" / "results.json").read_text(encoding="utf-8"))
        families = [f"{row['family']} {row['auc']['value']:.3f}" for row in results["performance"]]
        memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print("| units | columns | families | seconds | largest process, MiB | AUC |\n|---|---|---|---|---|---|")
    columns = " + ".join(map(str, arguments.columns))
    print(f"| {arguments.units} | {columns} | {len(families)} | {seconds:.0f} | {memory:.0f} | {', '.join(families)} |")


def block(rng: np.random.Generator, units: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a block of correlating columns, and what it says of the outcome."""
    groups = -(-columns // GROUP)
    shared = rng.normal(size=(units, groups))
    values = np.repeat(shared, GROUP, axis=1)[:, :columns] + rng.normal(scale=0.6, size=(units, columns))
    part = shared[:, : max(1, groups // 10)].sum(axis=1)
    return values, STRENGTH * part / part.std()


def write(folder: Path, units: int, columns: dict[str, int], seed: int) -> Path:
    """Write the tables, and the study of them; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    ids = [f"P{number:05d}" for number in range(units)]
    frames, score = {}, np.full(units, -0.6)
    for name, count in columns.items():
        values, part = block(rng, units, count)
        score += part
        frames[name] = pd.DataFrame(values, columns=[f"{name}_{number}" for number in range(count)])
    cohort = frames.pop("clinical")
    clinical = list(cohort)
    cohort.insert(0, "event", rng.binomial(1, 1 / (1 + np.exp(-score))))
    for name, frame in {"cohort": cohort, **frames}.items():
        frame.insert(0, "case_id", ids)
        frame.to_parquet(folder / f"{name}.parquet")
    features = "".join(f"  {name}: {name}.parquet\n" for name in frames)
    (folder / "study.yaml").write_text(
        f"name: families\ncohort:\n  table: cohort.parquet\n  case: case_id\n  patient: case_id\n"
        f"  clinical: [{', '.join(clinical)}]\n  outcome: {{column: event}}\nfeatures:\n{features}",
        encoding="utf-8",
    )
    return folder / "study.yaml"


if __name__ == "__main__":
    main()
