"""What a stage is: its jobs, how each is done and stored, and what a job may ask for."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from radfuse.run.schedule import CrewName

Job = TypeVar("Job")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Stage(Generic[Job, Result]):
    """One kind of work of a study.

    Attributes:
        name: that of its file: in records, in the log, `until`, and the command where it has one.
        version: raise it where the code changes what comes out; every study then makes it again.
        jobs: what is to be done, from the `Context` of `stages/`; a job is a frozen dataclass of settings, paths, texts
            and numbers, whose text names its case or part.
        work: makes the result; a function of a module that sees nothing but its job (and its desk, with `desk`).
        write: stores a result, a file or a folder, at a path.
        place: job -> name of the result in the run folder.
        what: it does, for the progress bar.
        needs: stages whose results it reads.
        spares: `Context` -> those of `needs` that it can do without this time.
        fails: a job that cannot be done drops its case from all that follows, stays the only one that failed, or stops
            the study.
        crew: its jobs are done one after another here, or by a process a core, or by those that run already, which
            suits jobs that take less time than a process that starts; a stage that runs a network has one process
            where there is a GPU, and a few threads there that read ahead and write behind. A function decides by the
            jobs that are left.
        desk: its work is given a private folder that outlives a kill, and tells how far it is.
        ready: called with the first job before any is done, and with somebody to tell.
        kin: of a job whose process remembers what others of its kin can use; None: they share nothing.
        early: `Context` -> whether its jobs are known before the stages that it needs are through, apart from those of
            cases that fail there, and name all that they wait for. Each is then begun while a network is at work on
            others, as soon as what it reads is there.
    """

    name: str
    version: int
    jobs: Callable[[Any], Iterable[Job]]
    work: Callable[..., Result]
    write: Callable[[Result, Path], None]
    place: Callable[[Job], str]
    what: str = ""
    needs: tuple[str, ...] = ()
    spares: Callable[[Any], tuple[str, ...]] = lambda _: ()
    fails: Literal["drops", "stays", "stops"] = "stops"
    crew: CrewName | Callable[[Sequence[Any]], CrewName] = "one"
    desk: bool = False
    ready: Callable[[Job, Callable[[str], None]], None] | None = None
    kin: Callable[[Any], Hashable] | None = None
    early: Callable[[Any], bool] = lambda _: False


@dataclass(frozen=True)
class Desk:
    """Where one job works.

    Attributes:
        folder: of its own, from which it goes on after a kill.
        tell: called with steps done and all steps.
        say: called with a few words on how it goes, shown beside the steps.
        result: where its result will lie.
    """

    folder: Path
    tell: Callable[[int, int], None]
    say: Callable[[str], None]
    result: Path


@dataclass(frozen=True)
class Follower(Generic[Job, Result]):
    """A stage that may begin while the one before it is at work; `early` says so.

    Its own turn comes all the same, and finds finished what was done by then: this changes nothing but when.

    Attributes:
        stage: whose work it is.
        jobs: returns its jobs.
    """

    stage: Stage[Job, Result]
    jobs: Callable[[], Sequence[Job]]
