"""Measure, and write what came out into docs/measured.md.

    uv run python scripts/measure.py --list
    uv run python scripts/measure.py --only startup radiomics
    uv run python scripts/measure.py --data ../shared/data           everything; hours

Each part of the page is written by one script, or by one script with several arguments; its Markdown tables go between
the part's markers, below the machine, the date and the command. A part whose script fails keeps what it says, and the
exit code is 1.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from page import fill

SCRIPTS = Path(__file__).parent
PAGE = SCRIPTS.parent / "docs" / "measured.md"
PARTS = {
    "startup": ["bench_startup.py"],
    "tables": ["real_tables.py --data {data}/tables --out {fresh} --seeds {seeds}"],
    "fusion": [
        "bench_fusion.py --tables {data}/tables",
        "small_samples.py",
        "interval_coverage.py",
        "interval_coverage.py --shuffled",
    ],
    "reachable": ["reachable_auc.py"],
    "shuffled": ["shuffled_outcomes.py"],
    "knee_masks": ["knee_quality.py"],
    "images": ["bench_images.py", "bench_images.py --sarcoma {data}/sarcoma"],
    "segmentation": [
        "bench_segmentation.py --nnunet --sarcoma {data}/sarcoma --steps 90",
        "bench_segmentation.py --sarcoma {data}/sarcoma",
        "bench_segmentation.py --large --rounds 1 --only onnxruntime openvino",
    ],
    "knees": ["reachable_knees.py --work {work}/knees"],
    "radiomics": [
        "bench_radiomics.py",
        "bench_radiomics.py --sarcoma {data}/sarcoma",
        "bench_radiomics.py --small {data}/pyradiomics/breast1_image.nrrd {data}/pyradiomics/breast1_label.nrrd",
    ],
}
"""Part of the page -> the scripts that make it; in braces what is put in, `fresh` being an empty folder."""


def tables_in(printed: str) -> str:
    """Return the Markdown tables of what a script printed, a blank line between two."""
    tables: list[list[str]] = []
    before = ""
    for line in printed.splitlines():
        if line.startswith("|"):
            if not before.startswith("|"):
                tables.append([])
            tables[-1].append(line)
        before = line
    return "\n\n".join("\n".join(table) for table in tables)


def processor(lines: Iterable[str]) -> str:
    """Return the processor's name from the lines of /proc/cpuinfo; the machine's kind where it says none."""
    found = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(found, platform.machine())


def machine() -> str:
    """Return where and when, and how busy it was, in a line."""
    info = Path("/proc/cpuinfo")
    name = processor(info.read_text().splitlines() if info.is_file() else ())
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    version = tomllib.loads((SCRIPTS.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    now = f"{datetime.now(tz=UTC):%Y-%m-%d}, load before {os.getloadavg()[0]:.1f}"
    return f"{name}, {cores} cores, Python {platform.python_version()}, radfuse {version}, {now}"


def words_of(command: str, places: Mapping[str, object]) -> Iterator[str]:
    """Yield the words of a script's command; seeds are several, a folder is one."""
    for word in command.split():
        if word == "{seeds}":
            yield from str(places["seeds"]).split()
        else:
            yield word.format(**places)


def measured(command: str, places: Mapping[str, object]) -> str:
    """Run a script, and return its tables below the command.

    Raises:
        subprocess.CalledProcessError: it failed.
        ValueError: it printed no table.
    """
    with tempfile.TemporaryDirectory() as fresh:
        script, *words = words_of(command, {**places, "fresh": fresh})
        done = subprocess.run([sys.executable, SCRIPTS / script, *words], check=True, stdout=subprocess.PIPE, text=True)
    tables = tables_in(done.stdout)
    if not tables:
        raise ValueError(f"{command} printed no table")
    shown = command.format(**{**places, "data": "DATA", "work": "WORK", "fresh": "OUT"})
    return f"`scripts/{shown}`:\n\n{tables}"


def main() -> None:
    """Measure the parts asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="name the parts and their scripts, and stop")
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS), help="these parts")
    parser.add_argument("--data", type=Path, default=SCRIPTS.parent.parent / "shared" / "data", help="real data")
    parser.add_argument("--work", type=Path, default=Path("runs/measure"), help="folder for runs, kept")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="of the part `tables`")
    arguments = parser.parse_args()
    places = {"data": arguments.data.resolve(), "work": arguments.work, "seeds": " ".join(map(str, arguments.seeds))}
    failed = []
    for part in arguments.only:
        for command in PARTS[part] if arguments.list else ():
            print(f"{part}: {command}")
        if arguments.list:
            continue
        print(f"measuring {part}", file=sys.stderr, flush=True)
        where = machine()
        try:
            found = [measured(command, places) for command in PARTS[part]]
        except (subprocess.CalledProcessError, ValueError) as error:
            print(f"{part}: {error}; its part of {PAGE.name} stays as it was", file=sys.stderr)
            failed.append(part)
        else:
            fill(PAGE, part, "\n\n".join([f"Measured on {where}.", *found]))
    if failed:
        sys.exit(1)


if __name__ == "__main__":
    main()
