"""Words of messages: how many of what, and why things failed."""

from __future__ import annotations

from radfuse.errors import counted, reasons


def test_one_is_told_as_one() -> None:
    assert (counted(1, "patient"), counted(1_200, "patient")) == ("1 patient", "1,200 patients")
    assert (counted(1, "row was", "rows were"), counted(0, "row was", "rows were")) == ("1 row was", "0 rows were")


def test_a_reason_stands_once_behind_all_that_failed_for_it() -> None:
    failed = [("c1", "no mask."), ("c2", "no image"), ("c3", "no mask."), ("c4", "cut off"), ("c5", "odd")]
    assert reasons(failed, most=2) == "c1, c3: no mask; c2: no image; and 2 more"
    assert reasons(failed[:1]) == "c1: no mask"
