"""Time what a person waits for: `radfuse --help`, a finished study again, a bundle's prediction.

    uv run python scripts/bench_startup.py

Prints the median of five runs of each, as separate processes on a table phantom of 300 patients.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def seconds(*arguments: object, repeats: int = 5) -> float:
    """Return the median wall time of a radfuse command."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "radfuse.cli", *map(str, arguments)], check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    """Print a Markdown table."""
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    print("| command | seconds |\n|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        print(f"| radfuse --help | {seconds('--help'):.2f} |")
        seconds("phantom", "table", "--out", place / "T", repeats=1)
        run = ("run", place / "T/study.yaml", "--out", place / "R")
        print(f"| radfuse run, six families, nested 5 x 5, 536 units | {seconds(*run, repeats=1):.1f} |")
        print(f"| radfuse run, again | {seconds(*run):.2f} |")
        features = [
            part for block in ("radiomic", "deep") for part in ("--features", f"{block}={place / 'T' / block}.csv")
        ]
        predict = ("predict", place / "R/bundle", place / "T/cohort.csv", *features, "--out", place / "P")
        print(f"| radfuse predict, six families, 536 units | {seconds(*predict):.2f} |")


if __name__ == "__main__":
    main()
