"""How fast stages went, and what held them up."""

from __future__ import annotations

from collections.abc import Sequence

from radfuse.config import Section

_BUSY = 0.7
"""Share of workers' time from which on they count as held up by it."""


class StagePace(Section):
    """What the jobs of one stage took, of those that were done or failed.

    Attributes:
        stage: its name.
        jobs: so many.
        wall_seconds: from its beginning to its last job; pauses between runs do not count, jobs of an array at the same
            time count once.
        seconds: of all jobs together.
        cpu_seconds: of the processor, user and system, all jobs together.
        bytes_read: of files, all jobs together; 0 where the system does not tell.
        workers: that were there for them.
        beside: stage that was at work at the same time, as its jobs wait for that one's results; empty: none.
    """

    stage: str
    jobs: int
    wall_seconds: float
    seconds: float
    cpu_seconds: float
    bytes_read: int = 0
    workers: int = 1
    beside: str = ""

    @property
    def per_hour(self) -> float | None:
        """Jobs an hour; None where it took no time that can be told."""
        return 3600 * self.jobs / self.wall_seconds if self.wall_seconds > 0 else None

    @property
    def computing(self) -> float:
        """Share of the jobs' time that a processor computed for them, at most 1."""
        return min(self.cpu_seconds / self.seconds, 1.0) if self.seconds > 0 else 0.0

    @property
    def working(self) -> float:
        """Share of the workers' time that they had a job, at most 1."""
        whole = self.wall_seconds * min(self.workers, max(self.jobs, 1))
        return min(self.seconds / whole, 1.0) if whole > 0 else 1.0


def bottleneck(paces: Sequence[StagePace]) -> str | None:
    """Return a sentence on what held a run up; None where no stage has several jobs.

    That is the stage of several jobs that took longest, or one of a single job that took more than all others.
    """
    others = {pace.stage: pace.wall_seconds for pace in paces}
    whole = sum(max(pace.wall_seconds - others.get(pace.beside, 0.0), 0.0) for pace in paces)
    waiting = [pace for pace in paces if pace.beside in others and pace.working < _BUSY]
    several = [pace for pace in paces if pace.jobs > 1 and pace not in waiting]
    if whole <= 0 or not several:
        return None
    slowest = max(paces, key=lambda pace: pace.wall_seconds)
    if slowest.jobs == 1 and slowest.wall_seconds > whole / 2:
        share = slowest.wall_seconds / whole
        return f"{slowest.stage} took {share:.0%} of the time, as one job: more cores would not help"
    slowest = max(several, key=lambda pace: pace.wall_seconds)
    if slowest.working < _BUSY and slowest.jobs > slowest.workers:
        idle = 1 - slowest.working
        why = f"its workers had no job {idle:.0%} of the time; starting them, or writing in the run folder, holds it up"
    elif slowest.computing >= _BUSY:
        why = f"a processor computed {slowest.computing:.0%} of its jobs' time; more cores would help"
    else:
        waited = 1 - slowest.computing
        on = "files, a graphics card, or others on the machine; more cores would not help"
        why = f"its jobs waited {waited:.0%} of their time, for {on}"
    return f"{slowest.stage} took {slowest.wall_seconds / whole:.0%} of the time: {why}"
