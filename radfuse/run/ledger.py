"""What a run's logs tell of it, while it runs and after: what is done, failed and left, how fast, and on which machine.

A stage writes a line when it begins, with the number of its jobs and of those finished before, and a line for each job
that it does. Results are looked for by their records, never here; a line lost to a kill makes up for itself when the
stage begins again.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from radfuse.errors import InputError, listed
from radfuse.results.pace import StagePace
from radfuse.run.folder import LOCK, LOG
from radfuse.run.lock import holder_of

READING = "read"
"""Stage, as it were, of the cases whose files are gone or closed before anything is computed; shown where some are."""
_RECENT = 1000
"""Jobs by which it is told how fast a stage goes."""


@dataclass(frozen=True)
class StageStatus:
    """One stage of a run.

    Attributes:
        stage: its name.
        done: jobs with a result, those found finished among them.
        failed: jobs without one.
        left: jobs to come; None where the log does not say how many there are.
        per_hour: lately; None where too few were done to tell.
        seconds_left: until it is through, at this pace; None where nobody works, or too few were done to tell.
        machines: that did jobs in this pass, with their number.
        parts: jobs of an array that began it, and all of them; None for one that works alone.
    """

    stage: str
    done: int
    failed: int
    left: int | None
    per_hour: float | None
    seconds_left: float | None
    machines: dict[str, int]
    parts: tuple[int, int] | None = None


@dataclass(frozen=True)
class Ledger:
    """One run folder.

    Attributes:
        stages: in the order in which they began.
        holder: who works there now, as far as the file system tells; None: nobody.
        last: when something was written down last.
        failures: what failed when it was tried last, and why; the latest first.
    """

    stages: tuple[StageStatus, ...]
    holder: str | None
    last: datetime | None
    failures: tuple[tuple[str, str], ...]


@dataclass
class _Pass:
    """One time that a process went through a stage; what it did, item -> (when, error or None), and could not read."""

    stage: str
    begun: datetime
    jobs: int | None = None
    finished: int = 0
    failed: int = 0
    workers: int = 1
    beside: str = ""
    part: tuple[int, int] | None = None
    did: dict[str, tuple[datetime, str | None]] = field(default_factory=dict)
    lost: dict[str, tuple[datetime, str]] = field(default_factory=dict)
    machines: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    bytes_read: int = 0

    def note(self, event: dict[str, Any]) -> None:
        """Take down a job."""
        self.did[event["item"]] = (_time(event), event.get("error"))
        self.machines[event.get("machine", "")] += 1
        self.seconds += event.get("seconds", 0.0)
        self.cpu_seconds += event.get("cpu_seconds", 0.0)
        self.bytes_read += event.get("bytes_read", 0)

    @property
    def ended(self) -> datetime:
        return next(reversed(self.did.values()))[0] if self.did else self.begun


def read_ledger(folder: Path, holder: str | None = None) -> Ledger:
    """Return what the logs of a run folder tell.

    Args:
        folder: of the run.
        holder: who works there, where somebody else knows; None: as its lock tells.

    Raises:
        InputError: the folder has none, or none with a line that a run writes.
    """
    passes = list(_passes(folder))
    if not passes and not any(_logs(folder)):
        raise InputError(f"{folder} is no run folder: it has no {LOG}; give the folder that `radfuse run` wrote")
    if not passes and (filled := [log.name for log in _logs(folder) if log.stat().st_size]):
        raise InputError(
            f"{folder}: {listed(filled)} holds no line that a run writes, so that nothing is known of how far it is; "
            "results count by their records: `radfuse run` goes on from those that are there"
        )
    holder = holder or holder_of(folder / LOCK)
    stages = {each.stage: None for each in sorted(passes, key=lambda each: each.begun)}
    current = {stage: _current([each for each in passes if each.stage == stage]) for stage in stages}
    last = max((each.ended for each in passes), default=None)
    told: dict[str, tuple[datetime, str | None]] = {}
    for each in passes:
        told |= {item: found for item, found in each.did.items() if item not in told or told[item][0] < found[0]}
    told |= {item: found for each in current.get(READING, ()) for item, found in each.lost.items()}
    failures = sorted(((when, item, error) for item, (when, error) in told.items() if error is not None), reverse=True)
    now = datetime.now(UTC) if holder is not None else None
    statuses = tuple(
        _status(stage, found, now)
        for stage, found in current.items()
        if stage != READING or any(each.failed for each in found)
    )
    return Ledger(statuses, holder, last, tuple((item, error) for _, item, error in failures))


def paces_of(folder: Path, since: datetime | None = None) -> tuple[StagePace, ...]:
    """Return how fast each stage went that did something, in the order of beginning.

    Args:
        folder: of the run.
        since: passes begun before are left out; None: all.
    """
    found: dict[str, list[_Pass]] = {}
    for each in sorted(_passes(folder), key=lambda each: each.begun):
        if each.did and each.jobs is not None and (since is None or each.begun >= since):
            found.setdefault(each.stage, []).append(each)
    return tuple(
        StagePace(
            stage=stage,
            jobs=sum(len(each.did) for each in passes),
            wall_seconds=_covered((each.begun, each.ended) for each in passes),
            seconds=sum(each.seconds for each in passes),
            cpu_seconds=sum(each.cpu_seconds for each in passes),
            bytes_read=sum(each.bytes_read for each in passes),
            workers=max(each.workers for each in passes) * len({each.part for each in passes}),
            beside=next((each.beside for each in passes if each.beside), ""),
        )
        for stage, passes in found.items()
    )


def _current(passes: list[_Pass]) -> list[_Pass]:
    """Return the passes of a stage that count now: the last one, or the last of each job of one array."""
    last = max(passes, key=lambda each: each.begun)
    if last.part is None:
        return [last]
    alone = max((each.begun for each in passes if each.part is None), default=None)
    of_array = [each for each in passes if each.part and each.part[1] == last.part[1]]
    newest = {each.part: each for each in sorted(of_array, key=lambda each: each.begun)}
    return [each for each in newest.values() if alone is None or each.begun >= alone]


def _status(stage: str, passes: list[_Pass], now: datetime | None) -> StageStatus:
    failed_now = sum(error is not None for each in passes for _, error in each.did.values())
    done = sum(each.finished + len(each.did) for each in passes) - failed_now
    failed = failed_now + sum(each.failed for each in passes)
    known = [each.jobs for each in passes if each.jobs is not None]
    left = max(sum(known) - done - failed, 0) if len(known) == len(passes) else None
    per_hour = _pace(passes, now if left else None)
    seconds = 3600 * left / per_hour if left is not None and per_hour and (now is not None or not left) else None
    machines: Counter[str] = sum((each.machines for each in passes), Counter())
    parts = (len(passes), passes[0].part[1]) if passes[0].part else None
    return StageStatus(stage, done, failed, left, per_hour, seconds, dict(machines), parts)


def _pace(passes: list[_Pass], now: datetime | None) -> float | None:
    """Return jobs an hour of the last ones; `now` where they go on."""
    times = sorted(when for each in passes for when, _ in each.did.values())
    if not times:
        return None
    recent = times[-_RECENT:]
    begun = times[-_RECENT - 1] if len(times) > _RECENT else min(each.begun for each in passes)
    seconds = ((now or recent[-1]) - begun).total_seconds()
    return 3600 * len(recent) / seconds if seconds > 0 else None


def _covered(spans: Iterable[tuple[datetime, datetime]]) -> float:
    """Return the seconds that spans cover, what several cover once."""
    seconds, until = 0.0, None
    for start, end in sorted(spans):
        start = start if until is None else max(start, until)
        seconds += max((end - start).total_seconds(), 0.0)
        until = end if until is None else max(end, until)
    return seconds


def _logs(folder: Path) -> list[Path]:
    return sorted(folder.glob("log*.jsonl"))


def _passes(folder: Path) -> Iterator[_Pass]:
    """Yield the passes in each log; a line that is no event, as of a process that was killed, is passed over."""
    for log in _logs(folder):
        part = _part(log.name)
        here: dict[str, _Pass] = {}
        for event in _events(log):
            with suppress(KeyError, TypeError, ValueError):  # damaged, or of another version
                stage = event["stage"]
                if event["event"] == "begins":
                    jobs, finished, failed = (int(event[name]) for name in ("jobs", "finished", "failed"))
                    how = (int(event["workers"]), event.get("beside", ""), part)
                    begun = _Pass(stage, _time(event), jobs, finished, failed, *how)
                    if stage in here:
                        yield here[stage]
                    here[stage] = begun
                elif event["event"] == "lost":
                    here[stage].lost[event["item"]] = (_time(event), event["error"])
                else:
                    if stage not in here:
                        here[stage] = _Pass(stage, _time(event), part=part)
                    here[stage].note(event)
        yield from here.values()


def _events(log: Path) -> Iterator[dict[str, Any]]:
    try:
        with log.open("rb") as stream:
            for line in stream:
                with suppress(ValueError):
                    yield json.loads(line)
    except OSError as error:
        raise InputError(f"{log} cannot be read: {error.strerror}") from error


def _part(name: str) -> tuple[int, int] | None:
    """Return which job of how many wrote a log: "log.2-of-4.jsonl" is (2, 4); None of one that worked alone."""
    numbers = name.removeprefix("log.").removesuffix(".jsonl").split("-of-")
    return (int(numbers[0]), int(numbers[1])) if len(numbers) == 2 and all(map(str.isdigit, numbers)) else None


def _time(event: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(event["time"])
