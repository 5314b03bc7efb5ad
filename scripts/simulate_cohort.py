"""Play a cohort of 67,000 knees through the real scheduler on 1 to 512 simulated workers, without voxels or waiting.

    uv run python scripts/simulate_cohort.py                                    measured times that are shipped here
    uv run python scripts/simulate_cohort.py --run runs/NAME --stages extract   times from a run's logs, drawn at random
    uv run python scripts/simulate_cohort.py --figure docs/images/scaling.svg
    uv run python scripts/simulate_cohort.py --gpus 1 4 --gpu-seconds 2   16 cores a GPU; extract beside segment, or not

Real is what decides: `carry_out`, which looks at every job, has unknown files read, stores and counts, and `scheduled`,
which hands jobs out, a bounded number at a time, and begins again what a dying process took along. Simulated are the
clock, the disk and the workers, each a process with one core. With GPUs, `segment` runs on them, a case at a time on
each, and the real scheduler has the cores extract meanwhile. The driver's own work takes time too: looking at a job,
handing it over, recording `CLERKS` results side by side. A simulated cluster has a queue of its own, as Ray has.

Efficiency is the work of all jobs, each done once, by what the workers could have done from the first look to the last
record. The script fails where 256 workers on a usual file system reach less than 90 %.
"""

from __future__ import annotations

import argparse
import heapq
import json
import math
import random
import sys
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from radfuse.errors import CaseError
from radfuse.run.carry import carry_out
from radfuse.run.folder import CLERKS, Record, RunFolder
from radfuse.run.ray import AHEAD
from radfuse.run.schedule import Died
from radfuse.run.stage import Follower, Stage
from radfuse.run.workers import Crew

MEASURED: dict[str, tuple[float, ...]] = {
    "segment": (118.0,),
    "extract": (7.7, 6.0, 4.2, 4.3, 3.8, 5.9),
}
"""Stage -> seconds of one core that a knee of 160 x 384 x 384 voxels took. `segment`: OpenVINO, 59 s on both of two
cores (docs/measured.md). `extract`: six regions, cartilage and the bone below, of six real OAI masks; original, LoG of
five widths and wavelet; beside other work, which makes it slower."""
MEGABYTES = 48.0
"""Of one knee: 160 x 384 x 384 voxels of 2 bytes, and its mask."""


@dataclass(frozen=True)
class World:
    """What a simulated machine room is like.

    Attributes:
        workers: processes with a core each.
        look: seconds the driver takes to look at a job, several side by side.
        hand: and to hand one over, and take its result.
        record: and to record up to `CLERKS` results side by side.
        read: MB a second that a worker reads and digests.
        fails: share of the jobs that end with an error.
        deaths: of a worker, in an hour of its work.
        restart: seconds until another one is there.
        gpus: that run networks; each takes a worker along.
        beside: the other workers do jobs of the next stage meanwhile.
    """

    workers: int = 1
    look: float = 0.0004
    hand: float = 0.001
    record: float = 0.020
    read: float = 200.0
    fails: float = 0.0
    deaths: float = 0.0
    restart: float = 10.0
    gpus: int = 0
    beside: bool = True


@dataclass
class Clock:
    """The driver's time, and what it saw.

    Attributes:
        now: seconds since the start.
        busy: seconds of it that the driver worked.
        lost: seconds of workers on jobs that a death took along.
        work: seconds of workers on jobs that came to an end.
        died: deaths.
        records: most results that waited for the driver at a time.
        queues: most jobs that waited for a worker.
    """

    now: float = 0.0
    busy: float = 0.0
    work: float = 0.0
    lost: float = 0.0
    died: int = 0
    records: int = 0
    queues: int = 0
    turn: threading.Lock = field(default_factory=threading.Lock)

    def spend(self, seconds: float) -> None:
        """Let the driver work."""
        with self.turn:
            self.now += seconds
            self.busy += seconds


@dataclass(frozen=True)
class Knee:
    """A job: files that no one opens, the second a result of the stage before."""

    name: str
    image: Path
    mask: Path | None
    seconds: float

    def __str__(self) -> str:
        return self.name


class PlayedHands:
    """Workers of a clock's time: whoever is free first takes what came first, as a cluster does."""

    def __init__(self, world: World, clock: Clock, chance: random.Random, free: list[float], most: int) -> None:
        self.most = most
        self._world, self._clock, self._chance = world, clock, chance
        self._free = free
        self._ends: list[tuple[float, int, Any]] = []
        self._starts: list[float] = []

    def begin(self, number: int, job: Any) -> None:
        """See `Hands`."""
        world, clock, chance = self._world, self._clock, self._chance
        clock.spend(world.hand)
        reads = isinstance(job, tuple)
        seconds = len(job) * MEGABYTES / world.read if reads else job.job.seconds
        start = max(heapq.heappop(self._free), clock.now)
        result: Any = job if reads else None
        dies = chance.expovariate(world.deaths / 3600) if world.deaths else math.inf
        if dies < seconds:
            clock.died += 1
            clock.lost += dies
            end, result = start + dies, Died("simulated")
            heapq.heappush(self._free, end + world.restart)
        else:
            clock.work += seconds
            end = start + seconds
            heapq.heappush(self._free, end)
            if world.fails and chance.random() < world.fails:
                result = CaseError(str(job), "simulated")
        heapq.heappush(self._ends, (end, number, result))
        heapq.heappush(self._starts, start)
        while self._starts and self._starts[0] <= clock.now:
            heapq.heappop(self._starts)
        clock.queues = max(clock.queues, len(self._starts))

    def wait(self, seconds: float | None = None) -> Sequence[tuple[int, Any]]:
        """See `Hands`."""
        first, now = self._ends[0][0], self._clock.now
        self._clock.now = max(now, first if seconds is None else min(first, now + seconds))
        through = []
        while self._ends and self._ends[0][0] <= self._clock.now:
            _, number, result = heapq.heappop(self._ends)
            through.append((number, result))
        self._clock.records = max(self._clock.records, len(through))
        return through

    def drop(self) -> None:
        """See `Hands`."""


class PlayedCrew(Crew):
    """A crew of simulated workers."""

    def __init__(self, world: World, clock: Clock, seed: int) -> None:
        super().__init__(world.workers)
        self._world, self._clock, self._chance = world, clock, random.Random(seed)

    def hands(self, work: Any, count: int, crew: Literal["one", "cores", "network"] = "cores") -> PlayedHands:
        """See `Crew.hands`."""
        several = self.at_once(crew)
        return self._hands(several, AHEAD * several)

    @property
    def beside(self) -> int:
        """See `Crew.beside`; as on a cluster."""
        return self.count - self._world.gpus if self._world.gpus and self._world.beside else 0

    def hands_beside(self, work: Any) -> PlayedHands:
        """See `Crew.hands_beside`."""
        return self._hands(self.beside, self.beside)

    def at_once(self, crew: Literal["one", "cores", "network"]) -> int:
        """See `Crew.at_once`."""
        return self._world.gpus if crew == "network" and self._world.gpus else self.count

    def _hands(self, several: int, most: int) -> PlayedHands:
        return PlayedHands(self._world, self._clock, self._chance, [self._clock.now] * several, most)


class PlayedFolder(RunFolder):
    """A run folder that takes time and keeps records alone, in memory."""

    def __init__(self, world: World, clock: Clock) -> None:
        super().__init__(Path("simulated"))
        self._world, self._clock = world, clock
        self._read: set[Path] = set()
        self._records: dict[str, Record] = {}

    def digest(self, path: Path) -> str:
        """See `RunFolder`; one worker reads files when they are looked at."""
        if self._world.workers == 1:
            self._clock.spend(self.unread(path) / 1e6 / self._world.read)
        self._read.add(path)
        return path.name

    def unread(self, path: Path) -> int:
        """See `RunFolder`."""
        return 0 if path in self._read or path.is_relative_to(self.path) else int(MEGABYTES * 1e6)

    def learn(self, found: Iterable[Path]) -> None:  # type: ignore[override]  # simulated workers read names alone
        """See `RunFolder`."""
        self._read.update(found)

    def record(self, name: str) -> Record | None:
        """See `RunFolder`; the time that it takes to look at a job is spent here."""
        self._clock.spend(self._world.look)
        return self._records.get(name)

    def holds(self, name: str, key: str, record: Record) -> bool:
        """See `RunFolder`."""
        return record.status == "done" and record.key == key

    def store(self, stage: str, through: Sequence[Any]) -> None:
        """See `RunFolder`."""
        self._clock.spend(self._world.record * math.ceil(len(through) / CLERKS))
        for name, key, result in through:
            status: Literal["done", "failed"] = "failed" if isinstance(result, CaseError) else "done"
            self._records[name] = Record(key=key, stage=stage, status=status)

    def log(self, event: str, **facts: Any) -> None:
        """See `RunFolder`."""


@dataclass(frozen=True)
class Played:
    """What a simulation came to.

    Attributes:
        world: it was played in.
        clock: at its end.
        ideal: seconds of workers that all jobs take, each done once.
        failed: jobs that ended with an error.
    """

    world: World
    clock: Clock
    ideal: float
    failed: int

    @property
    def efficiency(self) -> float:
        """Work by what the workers could have done."""
        return self.ideal / (self.world.workers * self.clock.now)

    def row(self, name: str) -> str:
        """Return a row of the table."""
        clock = self.clock
        cells = [name, self.world.workers, f"{clock.now / 3600:.2f}", f"{self.efficiency:.1%}"]
        cells += [f"{clock.busy / clock.now:.0%}", clock.queues, clock.records, clock.died, self.failed]
        cells.append(f"{clock.lost / 3600:.1f}")
        return f"| {' | '.join(map(str, cells))} |"


HEAD = """| scenario | workers | hours | efficiency | driver busy | most jobs waiting | most results waiting \
| deaths | failed | core-hours lost |
|---|---|---|---|---|---|---|---|---|---|"""


def play(world: World, times: dict[str, list[float]], seed: int) -> Played:
    """Play all stages on the same knees, one after another unless cores are free beside GPUs."""
    clock = Clock()
    folder, crew = PlayedFolder(world, clock), PlayedCrew(world, clock, seed)
    stages = [played_stage(name) for name in times]
    knees: list[list[Knee]] = []
    for seconds in times.values():
        before = folder.path / stages[len(knees) - 1].name if knees else None
        several = [(f"k{number}", took) for number, took in enumerate(seconds)]
        knees.append([Knee(name, Path(name), before and before / name, took) for name, took in several])
    failed = set[str]()
    for number, stage in enumerate(stages):
        then = (
            Follower(stages[number + 1], partial(knees.__getitem__, number + 1)) if number + 1 < len(stages) else None
        )
        jobs = [knee for knee in knees[number] if knee.name not in failed]
        done = carry_out(stage, jobs, folder, crew, lambda *_: None, then=then)
        assert len(done.keys) + len(done.failed) == len(jobs), "the scheduler lost jobs"
        failed |= {str(job) for job, _ in done.failed}
    ideal = len(knees[0]) * MEGABYTES / world.read + sum(map(sum, times.values()))
    return Played(world, clock, ideal, len(failed))


def played_stage(name: str) -> Stage[Knee, None]:
    """Return a stage of which nothing is real but its place in the order."""
    about: Any = {"fails": "drops", "crew": "network" if name == "segment" else "cores"}
    return Stage(name, 1, lambda _: (), _nothing, _nothing, lambda job: f"{name}/{job.name}", **about)


def _nothing(*_: Any) -> None:
    """Do what is only simulated."""


def drawn(run: Path | None, stages: Sequence[str], knees: int, seed: int) -> dict[str, list[float]]:
    """Return stage -> seconds of each knee, drawn from what a run's logs or the shipped table say."""
    measured: dict[str, list[float]] = {stage: [] for stage in stages}
    for log in sorted(run.glob("log*.jsonl")) if run else ():
        for event in map(json.loads, log.read_text().splitlines()):
            if event["event"] == "done" and event["stage"] in measured:
                measured[event["stage"]].append(event["seconds"])
    lacking = [stage for stage, seconds in measured.items() if not seconds and (run or stage not in MEASURED)]
    if lacking:
        sys.exit(f"{run or 'the shipped table'} has no times of {', '.join(lacking)}; choose others with --stages")
    chance = random.Random(seed)
    return {stage: chance.choices(seconds or MEASURED[stage], k=knees) for stage, seconds in measured.items()}


COUNTS = (1, 4, 16, 32, 64, 128, 256, 512)
SLOW: dict[str, Any] = {"look": 0.005, "record": 0.1, "read": 50.0}
"""A file system that takes 12 ms for whatever is asked of it, of which a record is eight things."""
FAULTS: dict[str, Any] = {"fails": 0.02, "deaths": 0.1}
LEAST, AT = 0.9, 256
TOLD = ("look", "hand", "record", "read", "fails", "deaths", "restart")
CORES = 16
"""Beside each GPU."""


def main() -> None:
    """Play each scenario, print a row of each, and draw the curves."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--knees", type=int, default=67_000)
    parser.add_argument("--workers", type=int, nargs="+", default=COUNTS)
    parser.add_argument("--run", type=Path, help="run folder whose logs say how long stages take")
    parser.add_argument("--stages", nargs="+", default=list(MEASURED))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--figure", type=Path, help="SVG or PNG to draw")
    parser.add_argument("--gpus", type=int, nargs="+", help="play GPUs with 16 cores each, and nothing else")
    parser.add_argument("--gpu-seconds", type=float, nargs="+", default=[1, 2, 4], help="that a knee takes on a GPU")
    for name in TOLD:
        parser.add_argument(
            f"--{name}", type=float, default=getattr(World, name), help=f"see World; {getattr(World, name)}"
        )
    arguments = parser.parse_args()
    usual = World(**{name: getattr(arguments, name) for name in TOLD})
    times = drawn(arguments.run, arguments.stages, arguments.knees, arguments.seed)
    if arguments.gpus:
        show_gpus(usual, times, arguments.gpus, arguments.gpu_seconds, arguments.seed)
        return
    last = {list(times)[-1]: times[list(times)[-1]]}
    scenarios = {
        " + ".join(times): (usual, times),
        "2 % fail, workers die": (replace(usual, **FAULTS), times),
        "slow file system": (replace(usual, **SLOW), times),
        f"{next(iter(last))} alone": (usual, last),
        f"{next(iter(last))} alone, slow file system": (replace(usual, **SLOW), last),
    }
    print(f"{arguments.knees} knees; seconds a knee from {arguments.run or 'the table shipped here'}")
    print(HEAD, flush=True)
    played: dict[str, list[Played]] = {}
    for name, (world, each) in scenarios.items():
        for workers in arguments.workers:
            found = play(replace(world, workers=workers), each, arguments.seed)
            played.setdefault(name, []).append(found)
            print(found.row(name), flush=True)
    if arguments.figure:
        draw(played, arguments.figure)
    reached = [each.efficiency for each in next(iter(played.values())) if each.world.workers == AT]
    assert all(efficiency >= LEAST for efficiency in reached), f"{AT} workers reach {reached[0]:.1%}"


def show_gpus(
    usual: World, times: dict[str, list[float]], gpus: Sequence[int], seconds: Sequence[float], seed: int
) -> None:
    """Print what it brings that cores extract while GPUs segment."""
    knees = len(times["segment"])
    print(f"{knees} knees, {CORES} cores a GPU; the least is what GPUs or cores take that never wait")
    heads = ["GPUs", "s a knee", "hours, in turns", "hours, side by side", "the least", "driver busy"]
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    for count in gpus:
        world = replace(usual, workers=CORES * count, gpus=count)
        for each in seconds:
            on_gpus = {**times, "segment": [each] * knees}
            turns, side = (play(replace(world, beside=way), on_gpus, seed).clock for way in (False, True))
            least = max(each / count, sum(map(sum, list(times.values())[1:])) / knees / (world.workers - count)) * knees
            cells = [count, each, *(f"{hours / 3600:.2f}" for hours in (turns.now, side.now, least))]
            print(f"| {' | '.join(map(str, cells))} | {side.busy / side.now:.0%} |", flush=True)


def draw(played: dict[str, list[Played]], path: Path) -> None:
    """Draw efficiency, and how busy the driver is, by the number of workers."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    from radfuse.report.palette import looks

    mpl.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "radfuse", "font.size": 9, "axes.spines.top": False}
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.6, 3.6), layout="constrained")
    counts = sorted({each.world.workers for found in played.values() for each in found})
    for (name, found), look in zip(played.items(), looks(played).values(), strict=True):
        style: Any = {"color": look.colour, "linestyle": look.dash, "marker": "o", "markersize": 3, "label": name}
        workers = [each.world.workers for each in found]
        left.plot(workers, [100 * each.efficiency for each in found], **style)
        right.plot(workers, [100 * each.clock.busy / each.clock.now for each in found], **style)
    left.axhline(100 * LEAST, color="0.7", linewidth=0.8, zorder=0)
    left.set(ylabel="efficiency, %", ylim=(0, 103))
    right.set(ylabel="time that the driver is busy, %", ylim=(0, 103))
    for axis in (left, right):
        axis.set_xscale("log", base=2)
        axis.set_xticks(counts, map(str, counts))
        axis.set_xlabel("workers, one core each")
        axis.spines["right"].set_visible(False)
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    plt.close(figure)


if __name__ == "__main__":
    main()
