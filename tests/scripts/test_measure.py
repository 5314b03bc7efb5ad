"""What measure.py takes from a script's output, and that the page has a place for every part."""

from __future__ import annotations

import re

import pytest
from measure import PAGE, PARTS, SCRIPTS, processor, tables_in, words_of
from page import part


def test_only_tables_are_taken() -> None:
    printed = "AMD, 2 cores\n\n| a | b |\n|---|---|\n| 1 | 2 |\nseed 1 done\n\n| c |\n|---|\n| 3 |\n"
    assert tables_in(printed) == "| a | b |\n|---|---|\n| 1 | 2 |\n\n| c |\n|---|\n| 3 |"
    assert tables_in("nothing to see\n") == ""


def test_the_processor_is_named() -> None:
    assert processor(["processor\t: 0\n", "model name\t: Some CPU @ 2 GHz: fast\n"]) == "Some CPU @ 2 GHz: fast"
    assert processor([]) != ""


def test_seeds_are_words_and_a_folder_is_one() -> None:
    places = {"seeds": "1 2", "data": "/a folder"}
    assert list(words_of("x.py --data {data}/tables --seeds {seeds}", places)) == [
        *("x.py", "--data", "/a folder/tables", "--seeds", "1", "2")
    ]


@pytest.mark.parametrize("name", PARTS)
def test_every_part_has_a_script_and_a_place_in_the_page(name: str) -> None:
    assert all((SCRIPTS / command.split()[0]).is_file() for command in PARTS[name])
    assert part(PAGE, name).startswith("Measured ")


def test_the_page_has_no_part_that_nobody_measures() -> None:
    assert re.findall(r"<!-- (\w+) -->", PAGE.read_text(encoding="utf-8")) == list(PARTS)
