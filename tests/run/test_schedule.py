"""Who gets which job when, with hands that do what a test says."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import Any

from radfuse.errors import MachineError
from radfuse.run.schedule import Died, Lane, scheduled, side_by_side


@dataclass
class Played:
    """Hands that do one job at a time, in the order they were given; a job in `fatal` kills so many processes."""

    most: int
    fatal: dict[int, int] = field(default_factory=dict)
    queue: list[tuple[int, int]] = field(default_factory=list)
    longest: int = 0
    begun: list[int] = field(default_factory=list)
    dropped: list[int] = field(default_factory=list)

    def begin(self, number: int, job: int) -> None:
        self.queue.append((number, job))
        self.begun.append(job)
        self.longest = max(self.longest, len(self.queue))

    def wait(self, seconds: float | None = None) -> Sequence[tuple[int, Any]]:
        number, job = self.queue.pop(0)
        if self.fatal.get(job, 0) > 0:
            self.fatal[job] -= 1
            return [(number, Died("killed"))]
        return [(number, job * job)]

    def drop(self) -> None:
        self.dropped = [job for _, job in self.queue]


def test_no_more_than_allowed_is_under_way_and_all_come_back() -> None:
    hands = Played(most=3)
    assert list(scheduled(hands, range(10))) == [[(job, job * job)] for job in range(10)]
    assert hands.longest == 3
    assert hands.dropped == []


def test_the_next_job_is_begun_before_a_result_is_looked_at() -> None:
    hands = Played(most=2)
    results = scheduled(hands, [5, 6, 7, 8])
    assert next(results) == [(5, 25)]
    assert hands.begun == [5, 6, 7]


def test_a_job_is_begun_again_twice_after_its_process_died() -> None:
    twice = Played(most=2, fatal={1: 2})
    assert dict(chain.from_iterable(scheduled(twice, [0, 1, 2]))) == {0: 0, 1: 1, 2: 4}
    assert twice.begun.count(1) == 3
    thrice = Played(most=2, fatal={1: 3})
    found = dict(chain.from_iterable(scheduled(thrice, [0, 1, 2])))
    assert isinstance(found[1], MachineError)
    assert str(found[1]) == "1: its process died 3 times (killed); the machine may be out of memory"
    assert (found[0], found[2], thrice.begun.count(1)) == (0, 4, 3)


def test_a_lane_begins_what_results_of_another_bring() -> None:
    squares, roots = Played(most=2), Played(most=1)
    brought = deque[int]()
    lanes = [
        Lane(squares, partial(next, iter([1, 2, 3]), None)),
        Lane(roots, lambda: brought.popleft() if brought else None),
    ]
    found = []
    for lane, through in side_by_side(lanes):
        found += [(lane, *each) for each in through]
        brought.extend(result for _, result in through if lane == 0)
    assert [each[1:] for each in found if each[0] == 0] == [(1, 1), (2, 4), (3, 9)]
    assert [each[1:] for each in found if each[0] == 1] == [(1, 1), (4, 16), (9, 81)]
    assert found.index((1, 1, 1)) < found.index((0, 3, 9))


def test_what_is_under_way_is_forgotten_when_nobody_asks_any_more() -> None:
    hands = Played(most=3)
    results = scheduled(hands, range(100))
    next(results)
    results.close()
    assert hands.dropped == [1, 2, 3]
    assert hands.begun == [0, 1, 2, 3]


def test_no_job_no_hands() -> None:
    assert list(scheduled(Played(most=2), [])) == []
