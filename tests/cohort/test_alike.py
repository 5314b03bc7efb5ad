"""Ids that would be the same, were they written in one way."""

from __future__ import annotations

import pytest

from radfuse.cohort.alike import unlike


@pytest.mark.parametrize(
    ("wanted", "found", "what"),
    [
        (["c1", "c2"], ["C1", "C2"], "capitals, 2 would"),
        (["007"], ["7"], "zeros in front, one would"),
        (["1"], ["1.0"], "a .0 at the end"),
        (["e\u0301"], ["\u00e9"], "how letters with accents are stored"),
        (["a"], ["a.nii.gz"], "the ending of a file's name"),
        (["a.nii"], ["images/a.nii"], "the folder before a file's name"),
        (["P-1"], ["P_1"], "spaces, dashes and underscores"),
        ([("p1", "L")], [("P1", "l")], "capitals"),
    ],
)
def test_what_sets_ids_apart_is_named(wanted: list[object], found: list[object], what: str) -> None:
    assert f"But for {what}" in unlike(wanted, found)


def test_other_ids_are_others() -> None:
    assert unlike(["c1"], ["K1"]) == ""
    assert unlike([], []) == ""
