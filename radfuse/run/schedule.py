"""Who gets which job when: a bounded number is under way, and what a dying process took along is begun again.

The same code hands jobs to the processes of this machine, to a cluster, and to the simulated workers of
`scripts/simulate_cohort.py`: they differ in their `Hands`.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, Literal, Protocol, TypeVar

from radfuse.errors import MachineError

Job = TypeVar("Job")
CrewName = Literal["one", "running", "cores", "network", "gpu"]
"""Who does a stage's jobs; see `Crew.each`, and `Crew.now` for "running"."""
RETRIES = 2
"""Times that a job is begun again after its process died."""
_MOMENT = 0.05
"""Seconds to wait for one kind of work before another is looked at."""
_MEANWHILE = 0.5
"""Seconds after which somebody is told that work still goes on."""


@dataclass(frozen=True)
class Died:
    """A process died before its job was through.

    Attributes:
        why: what is known of it; may be empty.
    """

    why: str = ""


class Hands(Protocol):
    """Those who do one kind of work.

    Attributes:
        most: jobs that may be under way at a time, those among them that wait for a free process.
    """

    most: int

    def begin(self, number: int, job: Any) -> None:
        """Hand a job over, under a number of its own; does not wait for it."""

    def wait(self, seconds: float | None = None) -> Sequence[tuple[int, Any]]:
        """Wait until jobs are through, and return numbers with results, or with `Died`.

        Args:
            seconds: to wait at most, after which nothing is returned; None: as long as it takes.

        Raises:
            RunError: the machine stopped the work.
        """

    def drop(self) -> None:
        """Forget what is under way: nobody asks for it any more."""


@dataclass
class Lane(Generic[Job]):
    """One kind of work.

    Attributes:
        hands: that do it.
        take: returns the next job; None where there is none, or none yet.
    """

    hands: Hands
    take: Callable[[], Job | None]
    _begun: int = 0
    _under_way: dict[int, Job] = field(default_factory=dict)
    _again: deque[tuple[int, Job]] = field(default_factory=deque)
    _deaths: Counter[int] = field(default_factory=Counter)

    @property
    def busy(self) -> bool:
        """Whether a job is under way."""
        return bool(self._under_way)

    def fill(self) -> None:
        """Begin as many jobs as may be under way."""
        while len(self._under_way) < self.hands.most:
            if self._again:
                number, job = self._again.popleft()
            elif (new := self.take()) is not None:
                number, job = self._begun, new
                self._begun += 1
            else:
                return
            self._under_way[number] = job
            self.hands.begin(number, job)

    def through(self, seconds: float | None) -> Iterator[tuple[Job, Any]]:
        """Wait, so long at most, and yield jobs that are through; those that a death took along are begun again."""
        for number, result in self.hands.wait(seconds):
            job = self._under_way.pop(number)
            died = isinstance(result, Died)
            self._deaths[number] += died
            if died and self._deaths[number] <= RETRIES:
                self._again.append((number, job))
            else:
                yield job, _dead(job, result) if died else result


def scheduled(
    hands: Hands,
    jobs: Sequence[Job],
    take: Callable[[], Job | None] | None = None,
    meanwhile: Callable[[], None] | None = None,
) -> Iterator[list[tuple[Job, Any]]]:
    """Yield jobs with their results, those together that were through at a time, in the order they finish.

    Whoever is through gets the next job before results are yielded, as recording them may take a while. Jobs that were
    not begun never are where nobody asks any more.

    Args:
        hands: that do them.
        jobs: all of them.
        take: returns which is next; None: they are done in order.
        meanwhile: called now and then while work goes on.
    """
    with closing(side_by_side([Lane(hands, take or partial(next, iter(jobs), None))], meanwhile)) as found:
        for _, through in found:
            yield through


def side_by_side(
    lanes: Sequence[Lane[Any]], meanwhile: Callable[[], None] | None = None
) -> Generator[tuple[int, list[tuple[Any, Any]]]]:
    """Yield what is through of several kinds of work, each with the number of its lane; see `scheduled`.

    A lane may wait for what another one's results bring: it is asked for jobs as long as one of them is busy.
    """
    through: list[tuple[int, list[tuple[Any, Any]]]] = []
    try:
        while True:
            for lane in lanes:
                lane.fill()
            if through:
                yield from through
                through = []
                continue
            busy = [number for number, lane in enumerate(lanes) if lane.busy]
            if not busy:
                return
            if meanwhile is not None:
                meanwhile()
            alone = None if meanwhile is None else _MEANWHILE
            for number in busy:
                seconds = alone if len(busy) == 1 else 0.0 if through else _MOMENT
                if found := list(lanes[number].through(seconds)):
                    through.append((number, found))
    finally:
        for lane in lanes:
            lane.hands.drop()


def _dead(job: object, last: Died) -> MachineError:
    why = f" ({last.why})" if last.why else ""
    return MachineError(str(job), f"its process died {RETRIES + 1} times{why}; the machine may be out of memory")
