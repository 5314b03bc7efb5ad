"""Which job a process gets next where jobs of one kin share what a process remembers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Hashable, Iterable
from typing import Generic, TypeVar

Job = TypeVar("Job")
Kin = Callable[[Job], Hashable]


class Kindred(Generic[Job]):
    """Jobs that are left, by kin: a process goes on with the kin it has begun, and no process waits for that.

    Args:
        jobs: in order; of one kin each after those that it can learn from.
        kin: of a job.
    """

    def __init__(self, jobs: Iterable[Job], kin: Kin[Job]) -> None:
        self._left: dict[Hashable, deque[Job]] = {}
        for job in jobs:
            self._left.setdefault(kin(job), deque()).append(job)

    def take(self, free: Iterable[Hashable], at_work: Collection[Hashable]) -> Job | None:
        """Return the next job: of a kin that a free process knows, else of one that nobody is at, else of the largest.

        Args:
            free: kin of what each free process did last.
            at_work: kin that others are at.

        Returns:
            The first of its kin, or the last where its first ones are another process's; None: no job is left.
        """
        if not self._left:
            return None
        known = next((kin for kin in free if kin in self._left), None)
        new = next((kin for kin in self._left if kin not in at_work), None)
        chosen = known if known is not None else new
        if chosen is not None:
            job = self._left[chosen].popleft()
        else:
            chosen = max(self._left, key=lambda kin: len(self._left[kin]))
            job = self._left[chosen].pop()
        if not self._left[chosen]:
            del self._left[chosen]
        return job
