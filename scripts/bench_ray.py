"""Compare Ray on this machine with local processes, and kill a worker and the driver of each.

    uv run --extra ray python scripts/bench_ray.py --cases 200
    uv run --extra ray python scripts/bench_ray.py --cases 200 --rounds 2 --sigmas 60 --no-kills     of longer cases
    uv run --extra ray python scripts/bench_ray.py --empty 1000      what handing a job over and back takes

The features of small images are extracted by the command line, local and on Ray in turns. `seconds` are those of the
command, `stage` those from the first job handed out to the last recorded, which leaves out what starting takes.
`processor` counts all processes of the command, as far as they were seen alive, `jobs` the work itself: both say more
than seconds where other work runs beside. Then a worker is killed (SIGKILL) in the middle of a run, and in another the
driver with all that it started; it is started again. Checked each time: all features are those of the undisturbed local
run, byte by byte, and none that was finished is made again.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from radfuse import machine
from radfuse.run.ledger import paces_of
from radfuse.run.ray import crew_on

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from boxes import tumour_cohort

STUDY = """
name: boxes
cohort:
  table: cohort.csv
  images: {t1: t1}
  mask: mask
  outcome: {column: event}
  split: {kind: grouped, folds: 2}
segmentation: {backend: manual, labels: {tumour: 1}}
regions: [{kind: label, name: tumour, label: tumour}]
radiomics: {filters: [original, log, wavelet, square, gradient], log_sigma_mm: SIGMAS, min_voxels: 1}
"""


def main() -> None:
    """Print a row for each run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--sigmas", type=int, default=5, help="widths of LoG: how long a case takes")
    parser.add_argument("--kills", action=argparse.BooleanOptionalAction, default=True, help="also kill some")
    parser.add_argument("--empty", type=int, default=0, help="jobs that do nothing, and no cases")
    arguments = parser.parse_args()
    if arguments.empty:
        empty(arguments.empty)
        return
    plan = [(where, "") for _ in range(arguments.rounds) for where in ("local", "ray")]
    if arguments.kills:
        plan += [("local", "a worker is killed")] if machine.cores() > 1 else []
        plan += [("ray", "a worker is killed"), ("local", "the driver is killed"), ("ray", "the driver is killed")]
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        tumour_cohort(work, arguments.cases, differ=16)
        widths = [round(1 + 4 * number / max(arguments.sigmas - 1, 1), 3) for number in range(arguments.sigmas)]
        (work / "study.yaml").write_text(STUDY.replace("SIGMAS", str(widths)))
        watch(work, "local", "warm", "")  # kernels are compiled
        whole = features(work / "warm")
        print("| who | what | seconds | stage | processor | jobs | features | made again |")
        print("|---|---|---|---|---|---|---|---|", flush=True)
        for number, (where, what) in enumerate(plan):
            began, out = time.monotonic(), f"run{number}"
            spent = watch(work, where, out, what)
            before = stamps(work / out)
            if "driver" in what:
                assert 0 < len(before) < arguments.cases, f"killed when {len(before)} were done"
                spent += watch(work, where, out, "")
            assert features(work / out) == whole, f"{where} {what}: features differ"
            after = stamps(work / out)
            again = sum(after[name] != stamp for name, stamp in before.items())
            (pace,) = paces_of(work / out)
            figures = (time.monotonic() - began, pace.wall_seconds, spent, pace.cpu_seconds)
            cells = [where, what, *(f"{each:.1f}" for each in figures), str(len(whole)), str(again)]
            print(f"| {' | '.join(cells)} |", flush=True)
            assert not again


def empty(count: int) -> None:
    """Print what it takes to hand a job over and have its result, once all processes are there."""
    with crew_on("ray") as crew:
        for jobs in (8 * crew.count, count):
            others = descendants(os.getpid())
            began, own, spent = time.monotonic(), time.process_time(), sum(map(processor, others))
            assert len(list(crew.each(abs, range(jobs)))) == jobs
            seconds, own = time.monotonic() - began, time.process_time() - own
            spent = sum(map(processor, others)) - spent
        each = [f"{1000 * part / count:.2f} ms" for part in (seconds, own, spent)]
        print(f"{count} empty jobs on {crew.count} cores: {each[0]} each; processor of the driver {each[1]}, ", end="")
        print(f"of scheduler and workers {each[2]}")


def watch(work: Path, where: str, out: str, what: str) -> float:
    """Run the command, kill what is to be killed once a third of the cases is done, and return processor seconds."""
    words = [sys.executable, "-m", "radfuse.cli", "extract", str(work / "study.yaml"), "--out", str(work / out)]
    process = subprocess.Popen([*words, "--on", where], stdout=subprocess.DEVNULL, start_new_session=True)
    third, spent, kills = len(list(work.glob("c*.nrrd"))) // 3, dict[int, float](), bool(what)
    while process.poll() is None:
        time.sleep(0.1 if kills else 1.0)  # looking at the threads of all that Ray starts is work beside the work
        below = descendants(process.pid)
        spent |= {each: seconds for each in (process.pid, *below) if (seconds := processor(each))}
        if kills and len(stamps(work / out)) >= third:
            for each in [worker(below)] if "worker" in what else [process.pid, *below]:
                os.kill(each, signal.SIGKILL)
            kills = False
    assert not kills, "it was through before anything was killed"
    assert process.returncode == (-signal.SIGKILL if "driver" in what else 0), f"{where} {what}: {process.returncode}"
    return sum(spent.values())


def worker(processes: list[int]) -> int:
    """Return one that does jobs: Ray names its own; a local one is a process that multiprocessing spawned."""
    for each in processes:
        words = Path(f"/proc/{each}/cmdline").read_bytes()
        if words.startswith(b"ray::_there") or b"spawn_main" in words:
            return each
    raise AssertionError("no worker was found")


def descendants(process: int) -> list[int]:
    """Return the processes that a process started, and they in turn."""
    found = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{process}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                found += [child, *descendants(child)]
    return found


def processor(process: int) -> float:
    """Return the processor seconds of a process, user and system; 0 where it is gone."""
    with contextlib.suppress(OSError, IndexError):
        user, system = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
    return 0.0


def features(run: Path) -> dict[str, bytes]:
    """Return what was extracted of each case."""
    return {path.name: path.read_bytes() for path in (run / "features" / "cases").glob("c*[0-9].json")}


def stamps(run: Path) -> dict[str, int]:
    """Return when each record of a finished result was written."""
    return {path.name: path.stat().st_mtime_ns for path in run.glob("features/cases/*.record.json")}


if __name__ == "__main__":
    main()
