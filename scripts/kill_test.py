"""Kill radfuse at random moments, again and again, and show that nothing is lost, made twice, or left half-written.

    uv run python scripts/kill_test.py --kills 100 --work /tmp/kills
    uv run python scripts/kill_test.py --only cases --cases 300 --kills 100      one cohort of many cases

Every scenario is a few commands in a row: features of many cases, features beside the making of masks, a study from
tables, one from images with networks, the same by jobs of an array, stability, prediction, evaluation. Each runs once
undisturbed; then its commands are started and the whole process group is killed (SIGKILL) after a random part of the
time they took, until the kills are spent; then they run to the end. Checked after each kill: every result that was
finished has the record it had; no file of 0 bytes. At the end: the same files as the undisturbed run's, byte by byte.
Fails where anything differs.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from radfuse.config import apply_overrides, read_yaml, to_yaml
from radfuse.phantom.table import TablePhantom, write_table_phantom

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from boxes import tumour_cohort

IMAGES = """
name: boxes
cohort:
  table: cohort.csv
  images: {t1: t1}
  mask: mask
  clinical: [age]
  outcome: {column: event}
  split: {kind: grouped, folds: 2}
segmentation: {backend: unet, labels: {tumour: 1}, steps: 60, channels: [8, 16, 16], learning_rate: 0.01,
  patch_voxels: 5000}
regions: [{kind: label, name: tumour, label: tumour}]
radiomics: {classes: [shape, firstorder, glcm], min_voxels: 1}
deep: {}
stability: {copies: 2, contour: false}
fusion: {inner_folds: 2, selection: [{kind: mrmr, k: 4}], classifier: {kind: logistic, c: [0.1]}}
"""
CASES = """
name: cases
cohort:
  table: cohort.csv
  images: {t1: t1}
  mask: mask
  clinical: [age]
  outcome: {column: event}
  split: {kind: grouped, folds: 2}
segmentation: {backend: manual, labels: {tumour: 1}}
regions: [{kind: label, name: tumour, label: tumour}]
radiomics: {filters: [original, wavelet], min_voxels: 1}
"""
STREAMED = """
name: streamed
cohort:
  table: cohort.csv
  images: {t1: t1}
  readers: {anna: mask}
segmentation: {backend: vote, min_readers: 1, labels: {tumour: 1}}
regions: [{kind: label, name: tumour, label: tumour}]
radiomics: {filters: [original, wavelet], min_voxels: 1}
"""
"""Masks are made without a network, and in its turn."""
BESIDE = """
import runpy
from radfuse import machine
machine.has_gpu, machine.cores = lambda: True, lambda: 3
runpy.run_module("radfuse.cli", run_name="__main__", alter_sys=True)
"""
"""The command line as on a machine with a GPU, beside which cores are free."""
FAST = ["fusion.inner_folds=2", "cohort.split.folds=2", "fusion.classifier.c=[0.1]"]
OWN = ("index*.sqlite", "log*.jsonl", "run.lock")
"""Files of a run folder that are no results."""


@dataclass
class Scenario:
    """Commands in a row that write into one folder.

    Attributes:
        name: for the table.
        commands: arguments, `OUT` stands for the folder; after `BESIDE` as on a machine with a GPU.
        start: what the folder holds before.
        kills: so many hit it.
        twice: finished results that were made again.
        empty: files of 0 bytes that were seen, and are more in the undisturbed run.
        unequal: files that differ from the undisturbed run's at the end.
    """

    name: str
    commands: list[list[str]]
    start: Callable[[Path], None] = lambda _: None
    kills: int = 0
    twice: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    unequal: list[str] = field(default_factory=list)


def main() -> None:
    """Run all scenarios and print what became of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cases", type=int, default=300, help="of the scenario that has many")
    parser.add_argument("--only", default="", help="scenarios whose name holds this text")
    parser.add_argument("--work", type=Path, help="folder to work in and keep; a temporary one by default")
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)
    with contextlib.ExitStack() as stack:
        work = arguments.work or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        work.mkdir(parents=True, exist_ok=True)
        scenarios = [each for each in make_scenarios(work, arguments.cases) if arguments.only in each.name]
        share = -(-arguments.kills // len(scenarios))
        print("| scenario | kills | finished results made again | files of 0 bytes | files unequal at the end |")
        print("|---|---|---|---|---|", flush=True)
        for scenario in scenarios:
            spend(scenario, share, work, chance)
            counts = (len(scenario.twice), len(scenario.empty), len(scenario.unequal))
            print(f"| {scenario.name} | {scenario.kills} | {' | '.join(map(str, counts))} |", flush=True)
    lost = [f"{s.name}: {what}" for s in scenarios for what in (*s.twice, *s.empty, *s.unequal)]
    print("\n".join(lost))
    total = sum(scenario.kills for scenario in scenarios)
    twice, empty, unequal = (sum(len(getattr(s, name)) for s in scenarios) for name in ("twice", "empty", "unequal"))
    print(f"{total} kills: {twice} finished results made again, {empty} files of 0 bytes, {unequal} files unequal")
    assert total >= arguments.kills
    assert not lost


def make_scenarios(work: Path, cases: int) -> list[Scenario]:
    """Write the inputs, and return what is to be killed; studies that it starts from are run when first needed."""
    table, images, many, beside = (work / name / "study.yaml" for name in ("table", "images", "many", "beside"))
    if not table.is_file():
        write_table_phantom(table.parent, TablePhantom(patients=60, seed=3))
        table.write_text(to_yaml(apply_overrides(read_yaml(table), FAST)))
    for study, count, text in ((images, 10, IMAGES), (many, cases, CASES), (beside, cases, STREAMED)):
        if not study.is_file():
            study.parent.mkdir(parents=True)
            tumour_cohort(study.parent, count, masks=study is not images)
            study.write_text(text)

    def finished(study: Path) -> Path:
        out = work / "finished" / study.parent.name
        if not (out / "report").is_dir():
            run(["run", str(study), "--out", str(out)])
        return out

    def half(out: Path) -> None:
        shutil.copytree(finished(images), out)

    cohort = [str(table.parent / "cohort.csv")]
    cohort += [part for name in ("radiomic", "deep") for part in ("--features", f"{name}={table.parent / name}.csv")]
    drawn = [str(images.parent / "cohort.csv")]
    bundles = {study: str(work / "finished" / study.parent.name / "bundle") for study in (table, images)}
    array = [
        ["train"],
        ["segment", "--shard", "1/2"],
        ["extract", "--shard", "2/2"],
        ["deep", "--shard", "1/2"],
        ["run"],
    ]

    def of_tables(_: Path) -> None:
        finished(table)

    def of_images(_: Path) -> None:
        finished(images)

    return [
        Scenario("many cases: extract", [["extract", str(many), "--out", "OUT"]]),
        Scenario("many cases: extract beside segment", [[BESIDE, "extract", str(beside), "--out", "OUT"]]),
        Scenario("tables: run", [["run", str(table), "--out", "OUT"]]),
        Scenario("images: run", [["run", str(images), "--out", "OUT"]]),
        Scenario("images: jobs of an array", [[step[0], str(images), "--out", "OUT", *step[1:]] for step in array]),
        Scenario("images: stability", [["stability", str(images), "--out", "OUT"]], half),
        Scenario("images: report", [["report", str(images), "--out", "OUT", "--set", "title=Another"]], half),
        Scenario("tables: predict", [["predict", bundles[table], *cohort, "--out", "OUT"]], of_tables),
        Scenario("images: predict", [["predict", bundles[images], *drawn, "--out", "OUT"]], of_images),
        Scenario("tables: evaluate", [["evaluate", bundles[table], *cohort, "--out", "OUT"]], of_tables),
    ]


def spend(scenario: Scenario, kills: int, work: Path, chance: random.Random) -> None:
    """Kill a scenario so many times, let it end, and compare."""
    whole, killed = (
        work / f"{scenario.name.replace(': ', '-').replace(' ', '-')}-{kind}" for kind in ("whole", "killed")
    )
    for folder in (whole, killed):
        shutil.rmtree(folder, ignore_errors=True)
        scenario.start(folder)
    durations = []
    for command in scenario.commands:
        began = time.monotonic()
        run([part.replace("OUT", str(whole)) for part in command])
        durations.append(time.monotonic() - began)
    commands = [[part.replace("OUT", str(killed)) for part in command] for command in scenario.commands]
    wanted = {name: key_of(content) for name, content in records(whole).items()}
    hollow = {path.relative_to(whole) for path in files_of(whole) if not path.stat().st_size}
    while scenario.kills < kills:
        for number, command in enumerate(commands):
            share = max(round(kills * durations[number] / sum(durations)), 1)
            for _ in range(share):
                if scenario.kills >= kills:
                    break
                before = records(killed)
                lasted = kill(command, chance.uniform(0.1, 1.0) * durations[number])
                if lasted is not None:  # it ended before: what is beside it on the machine has become less
                    durations[number] = min(durations[number], lasted)
                    break
                scenario.kills += 1
                scenario.twice += made_again(before, records(killed), wanted)
                empty = [path for path in files_of(killed) if not path.stat().st_size]
                scenario.empty += [str(path) for path in empty if path.relative_to(killed) not in hollow]
            before = records(killed)
            run(command)
            scenario.twice += made_again(before, records(killed), wanted)
        scenario.unequal += differences(whole, killed)
        if scenario.kills < kills:
            shutil.rmtree(killed)
            scenario.start(killed)


def run(arguments: list[str]) -> None:
    """Run a command to its end."""
    done = subprocess.run(program(arguments), capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"


def program(arguments: list[str]) -> list[str]:
    """Return the command line with its arguments."""
    if arguments[0] == BESIDE:
        return [sys.executable, "-c", *arguments]
    return [sys.executable, "-m", "radfuse.cli", *arguments]


def kill(arguments: list[str], after: float) -> float | None:
    """Start a command, kill its process group after some seconds, and return how long it lasted if it ended before."""
    began = time.monotonic()
    process = subprocess.Popen(
        program(arguments), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        process.wait(after)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return None
    assert process.returncode == 0, f"{' '.join(arguments)} ended with {process.returncode}"
    return time.monotonic() - began


def records(folder: Path) -> dict[str, bytes]:
    """Return the records of finished results."""
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.record.json")}
    return {name: content for name, content in found.items() if b'"status": "done"' in content}


def made_again(before: dict[str, bytes], after: dict[str, bytes], wanted: dict[str, str]) -> list[str]:
    """Return the results that were finished as wanted, and have another record now, or none.

    Args:
        before: place -> record, before a kill.
        after: and after it.
        wanted: place -> key of the undisturbed run's; one with another key was made with other settings.
    """
    finished = [name for name, content in before.items() if key_of(content) == wanted.get(name)]
    return [name for name in finished if after.get(name) != before[name]]


def key_of(record: bytes) -> str:
    """Return the key of everything that a result depends on."""
    return str(json.loads(record)["key"])


def files_of(folder: Path) -> list[Path]:
    """Return the files that people see: no temporary ones, no index, no lock."""
    found = [path for path in folder.rglob("*") if path.is_file()]
    return [
        path
        for path in found
        if not any(map(path.match, OWN)) and not any(part[0] == "." for part in path.relative_to(folder).parts)
    ]


def differences(whole: Path, killed: Path) -> list[str]:
    """Return files that only one has, or that differ; records hold seconds, pages and settings nothing of the place."""
    left, right = ({str(path.relative_to(folder)): path for path in files_of(folder)} for folder in (whole, killed))
    left, right = ({n: p for n, p in side.items() if not n.endswith(".record.json")} for side in (left, right))
    apart = [f"only once: {name}" for name in left.keys() ^ right.keys()]
    return apart + [name for name in left.keys() & right.keys() if _lasting(left[name]) != _lasting(right[name])]


def _lasting(path: Path) -> bytes:
    """Return a file's content, less what a page says of the seconds that its run took."""
    content = path.read_bytes()
    return re.sub(rb'(?s)<h2 id="throughput">.*?(?=<h2)', b"", content) if path.suffix == ".html" else content


if __name__ == "__main__":
    main()
