"""Words of messages: how many of what, and why things failed."""

from __future__ import annotations

import pickle

import pytest

from radfuse.errors import InputError, Problem, asked, counted, listed, reasons, typed


def test_one_is_told_as_one() -> None:
    assert (counted(1, "patient"), counted(1_200, "patient")) == ("1 patient", "1,200 patients")
    assert (counted(1, "row was", "rows were"), counted(0, "row was", "rows were")) == ("1 row was", "0 rows were")


def test_a_long_list_says_how_many_more_there_are() -> None:
    assert listed([]) == "none"
    assert listed([1, ("a", 2)]) == "1, a/2"
    assert listed(range(2000), most=2) == "0, 1 and 1,998 more"


def test_a_reason_stands_once_behind_all_that_failed_for_it() -> None:
    failed = [("c1", "no mask."), ("c2", "no image"), ("c3", "no mask."), ("c4", "cut off"), ("c5", "odd")]
    assert reasons(failed, most=2) == "c1, c3: no mask; c2: no image; and 2 more"
    assert reasons(failed[:1]) == "c1: no mask"


def test_messages_name_what_the_caller_gives() -> None:
    with typed():
        assert (asked("--out"), asked("--set", "overrides")) == ("--out", "--set")
        with typed(False):
            assert asked("--retry", "retry_failed") == "retry_failed"
        assert asked("--shard I/N") == "--shard I/N"
    assert (asked("--out"), asked("--set", "overrides")) == ("`out`", "overrides")
    assert (asked("--shard 2/4"), asked("--on 'far away'")) == ("shard='2/4'", "on='far away'")
    assert (asked("--cases 40"), asked("--explain False")) == ("cases=40", "explain=False")


@pytest.mark.parametrize("problems", ["no file", [Problem("t.csv", "no id", 3, "case_id"), Problem("t.csv", "empty")]])
def test_an_error_crosses_process_boundaries_with_its_findings(problems: str | list[Problem]) -> None:
    error = InputError(problems)
    found = pickle.loads(pickle.dumps(error))
    assert (str(found), found.problems) == (str(error), error.problems)
