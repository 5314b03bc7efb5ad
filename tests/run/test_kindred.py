"""Which job a process gets next."""

from __future__ import annotations

from radfuse.run.kindred import Kindred

JOBS = [(fold, family) for fold in "AB" for family in "123"]


def left() -> Kindred[tuple[str, str]]:
    return Kindred(JOBS, lambda job: job[0])


def test_a_process_goes_on_with_what_it_has_begun() -> None:
    jobs = left()
    assert jobs.take([], set()) == ("A", "1")
    assert jobs.take([], {"A"}) == ("B", "1")  # nobody is at B yet
    assert jobs.take(["B"], {"A"}) == ("B", "2")
    assert jobs.take(["A"], {"B"}) == ("A", "2")


def test_nobody_waits_and_who_helps_begins_at_the_other_end() -> None:
    jobs = left()
    for _ in range(3):
        jobs.take(["A"], set())
    assert jobs.take(["A"], {"B"}) == ("B", "3")
    assert jobs.take(["A"], {"B"}) == ("B", "2")
    assert jobs.take(["B"], set()) == ("B", "1")
    assert jobs.take(["B"], set()) is None


def test_every_job_is_done_once_whoever_asks() -> None:
    jobs = left()
    found = [jobs.take(["A", "C"][: number % 3], {"B"} if number % 2 else set()) for number in range(len(JOBS))]
    assert sorted(found) == JOBS
    assert jobs.take(["A"], {"B"}) is None
