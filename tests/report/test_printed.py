"""Numbers and intervals as journals print them."""

from __future__ import annotations

import pytest

from radfuse.report.printed import interval, number, p_value, percent, sentence, without_folders
from radfuse.results import Interval
from radfuse.results.numbers import decimals


@pytest.mark.parametrize(
    ("value", "text"), [(0.12345, "0.123"), (-0.0001, "0.000"), (-1.5, "−1.500"), (None, "–"), (float("nan"), "–")]
)
def test_numbers_read_as_in_print(value: float | None, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        *((0.5375, 3, "0.538"), (0.5375 - 1e-16, 3, "0.538"), (0.625, 2, "0.63"), (-0.625, 2, "−0.63")),
        *((1e-9, 10, "0.0000000010"), (1e300, 0, f"{1e300:.0f}"), (float("inf"), 2, "inf")),
    ],
)
def test_halves_go_one_way_whatever_their_last_bit(value: float, digits: int, text: str) -> None:
    assert number(value, digits) == text


def test_shares_and_p_values_are_rounded_as_numbers_are() -> None:
    """An eighth is 12.5 percent, which Python's own format rounds to the even digit, and 0.0125 lies below its half."""
    assert [percent(1 / 8), percent(1 / 8, 1), percent(0.0125, 1), percent(None), percent(float("nan"))] == [
        *("13%", "12.5%", "1.3%", "–", "–"),
    ]
    assert [p_value(0.5375), p_value(0.0625), p_value(0.0009999)] == ["0.538", "0.063", "<0.001"]


def test_intervals_use_a_dash_only_between_positive_ends() -> None:
    assert interval(Interval(value=0.8, low=0.7, high=0.9), 2) == "0.80 (0.70–0.90)"
    assert interval(Interval(value=0.1, low=-0.2, high=0.4), 2) == "0.10 (−0.20 to 0.40)"
    assert interval(Interval(value=0.1), 2) == "0.10"
    assert interval(Interval(value=1.0, low=1.0, high=1.0), 2) == "1.00"  # eight of eight events: no width is known


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0000147, "0.0000147"), (0.0523, "0.0523"), (0.523, "0.523"), (14.71, "14.710"), (147105.0, "147105.0")],
)
def test_values_in_a_unit_of_their_own_keep_digits_that_tell_them(value: float, text: str) -> None:
    assert number(value, decimals(value)) == text


def test_values_that_have_no_size_have_the_usual_digits() -> None:
    assert [decimals(value, 2) for value in (0.0, None, float("inf"), float("nan"))] == [2, 2, 2, 2]
    assert decimals(1e-300) == 15
    assert decimals(1e300) == 0


def test_sentences_begin_large_and_end() -> None:
    assert sentence("no unit has it") == "No unit has it."
    assert sentence("Done!") == "Done!"
    assert sentence("") == "."
    assert sentence("extra_trees are no sum of terms") == "extra_trees are no sum of terms."
    assert sentence("t1/tumour/x says it all") == "t1/tumour/x says it all."


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/ann/study 1/cohort.csv, row 3", "cohort.csv, row 3"),
        ("/home/ann/study 1/images/c1.nii.gz: cut", "images/c1.nii.gz: cut"),
        ("cannot read /data/site_b/c7.nii.gz: no such file", "cannot read c7.nii.gz: no such file"),
        ("table: '/srv/radiomic.csv'", "table: 'radiomic.csv'"),
        ("C:\\Users\\ann\\cohort.csv", "cohort.csv"),
        ("t1/tumour/original_glcm_Contrast and 3/4", "t1/tumour/original_glcm_Contrast and 3/4"),
        ("see https://example.org/a/b.html", "see https://example.org/a/b.html"),
    ],
)
def test_paths_are_shown_without_this_machines_folders(text: str, shown: str) -> None:
    assert without_folders(text, "/home/ann/study 1") == shown
