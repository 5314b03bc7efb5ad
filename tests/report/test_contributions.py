"""Figures of contributions: what they name and how they add up."""

from __future__ import annotations

import numpy as np
import pytest

from radfuse.report.contributions import Way, heat_map, steps_of, waterfall, wrapped


def way(absence: float = 0.0) -> Way:
    names, values = ["age", "t1/tumour/original_glcm_Contrast", "sex=male", "bmi"], [60.0, np.nan, 1.0, -2.5]
    return Way("P1", -0.5, names, values, [0.2, -0.7, 0.0, 0.1], absence)


def test_steps_come_by_size_and_what_is_left_comes_last() -> None:
    steps = steps_of(way(0.3), 2)
    assert steps == [
        ("t1/tumour/original_glcm_Contrast = missing", -0.7),
        ("age = 60", 0.2),
        ("which blocks are missing", 0.3),
        ("1 other column", pytest.approx(0.1)),
    ]
    assert sum(size for _, size in steps) == pytest.approx(0.2 - 0.7 + 0.1 + 0.3)


def test_a_level_is_told_by_yes_or_no_and_a_large_value_without_an_exponent() -> None:
    one = Way("P1", 0.0, ["sex=male", "sex=other", "volume", "age"], [1.0, 0.0, 58190.4, 1.0], [4, 3, 2, 1])
    assert [text for text, _ in steps_of(one, 4)] == ["sex=male: yes", "sex=other: no", "volume = 58190", "age = 1"]


@pytest.mark.parametrize("narrow", [False, True])
def test_a_waterfall_names_its_steps_and_where_it_goes(narrow: bool) -> None:
    svg = waterfall(way(), narrow=narrow)
    for text in ("age = 60", "bmi = −2.5", "+0.20", "−0.70", "P1: from −0.50 to −0.90"):
        assert f">{text}<" in svg


def test_a_heat_map_prints_its_numbers() -> None:
    svg = heat_map({("tumour", "t1"): 0.4, ("ring", "t1"): 0.12, ("tumour", "t2"): 1.5})
    for text in ("tumour", "ring", "t1", "t2", "0.40", "0.12", "1.50", "–"):
        assert f">{text}<" in svg


def test_contributions_to_an_outcome_of_a_small_or_large_unit_keep_digits_that_tell_them() -> None:
    """An outcome of micrometres in metres had 0.000 everywhere."""
    small = waterfall(Way("P1", 4e-5, ["age", "bmi"], [60.0, 2.0], [1.234e-5, -4e-6]))
    for text in ("+0.0000123", "−0.0000040", "P1: from 0.0000400 to 0.0000483"):
        assert f">{text}<" in small
    assert ">+123456<" in waterfall(Way("P1", 4e5, ["age"], [60.0], [123456.3]))
    assert ">0.000016<" in heat_map({("tumour", "t1"): 1.6e-5, ("ring", "t1"): 2e-6})


def test_long_names_break_where_their_parts_join() -> None:
    assert wrapped("dess/tibia/original_glcm_Contrast", 20).split("\n") == ["dess/tibia/original_", "glcm_Contrast"]
