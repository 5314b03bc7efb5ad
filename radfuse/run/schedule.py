"""Who gets which job when: a bounded number is under way, and what a dying process took along is begun again.

The same code hands jobs to the processes of this machine, to a cluster, and to the simulated workers of
`scripts/simulate_cohort.py`: they differ in their `Hands`.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from radfuse.errors import MachineError

Job = TypeVar("Job")
RETRIES = 2
"""Times that a job is begun again after its process died."""


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

    def wait(self) -> Sequence[tuple[int, Any]]:
        """Wait until jobs are through, and return numbers with results, or with `Died`.

        Raises:
            RunError: the machine stopped the work.
        """

    def drop(self) -> None:
        """Forget what is under way: nobody asks for it any more."""


def scheduled(hands: Hands, jobs: Sequence[Job]) -> Iterator[list[tuple[Job, Any]]]:
    """Yield jobs with their results, those together that were through at a time, in the order they finish.

    Whoever is through gets the next job before results are yielded, as recording them may take a while. Jobs that were
    not begun never are where nobody asks any more.
    """
    left, again = iter(enumerate(jobs)), deque[tuple[int, Job]]()
    under_way: dict[int, Job] = {}
    through: list[tuple[Job, Any]] = []
    deaths: Counter[int] = Counter()
    try:
        while True:
            while len(under_way) < hands.most and (item := again.popleft() if again else next(left, None)):
                under_way[item[0]] = item[1]
                hands.begin(*item)
            if through:
                yield through
            if not under_way:
                return
            through = []
            for number, result in hands.wait():
                job = under_way.pop(number)
                died = isinstance(result, Died)
                deaths[number] += died
                if died and deaths[number] <= RETRIES:
                    again.append((number, job))
                else:
                    through.append((job, _dead(job, result) if died else result))
    finally:
        hands.drop()


def _dead(job: object, last: Died) -> MachineError:
    why = f" ({last.why})" if last.why else ""
    return MachineError(str(job), f"its process died {RETRIES + 1} times{why}; the machine may be out of memory")
