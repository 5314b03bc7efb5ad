"""The section: from which grade on, or down to which, a reader calls a unit."""

from __future__ import annotations

import pytest

from radfuse.report.palette import looks
from radfuse.report.sections.readers import agreement_table, beside_table, difference_plot, score_table
from radfuse.results import Interval, ReaderAgreement, ReaderBeside, ReaderScore


@pytest.mark.parametrize(("falling", "cut"), [((), "≥ 2"), (("r",), "≤ 2")])
def test_a_cut_says_which_grades_are_called(falling: tuple[str, ...], cut: str) -> None:
    share = Interval(value=0.5)
    score = ReaderScore(reader="r", units=4, events=2, auc=share, cut=2.0, sensitivity=share, specificity=share)
    assert score_table([score], falling)["cut"].tolist() == [cut]


def test_three_readers_are_a_series() -> None:
    kappa = Interval(value=0.5)
    assert agreement_table([ReaderAgreement(readers=("a", "b", "c"), units=4, kappa=kappa, icc=kappa)]).iloc[0, 0] == (
        "a, b and c"
    )


@pytest.mark.parametrize(("p", "called"), [(0.2, True), (None, False)])
def test_without_a_cut_there_are_no_calls_to_test(p: float | None, called: bool) -> None:
    auc = Interval(value=0.5)
    item = ReaderBeside(
        reader="r", family="f", units=4, family_auc=auc, reader_auc=auc, difference=auc, p=0.5, p_right=p
    )
    assert ("p right" in beside_table([item])) == called


@pytest.mark.parametrize("narrow", [True, False])
def test_differences_are_drawn_for_who_has_one(narrow: bool) -> None:
    auc = Interval(value=0.7)
    about = {"family": "f", "units": 4, "family_auc": auc, "reader_auc": auc, "p": 0.5}
    known, unsure, none = (
        ReaderBeside(reader=name, difference=difference, **about)
        for name, difference in (
            ("anna", Interval(value=0.125, low=-0.1, high=0.3)),
            ("ben", Interval(value=-0.25)),
            ("cleo", Interval(value=None)),
        )
    )
    text = difference_plot([known, unsure, none], looks(["f"]), narrow)
    assert all(told in text for told in ("anna", "ben", "0.13", "−0.25"))
    assert "cleo" not in text
