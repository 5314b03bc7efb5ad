"""Bad inputs of every kind get one clear answer: no traceback, nothing silent, the right exit code, a mend."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet
from badinput import BadInput, all_inputs, good_input, in_process, meet
from templates import GOOD, Templates

INPUTS = all_inputs()
pytestmark = pytest.mark.usefixtures("undrawn")


_MARKS = ([pytest.mark.slow], [pytest.mark.long], [pytest.mark.long], [pytest.mark.long])
"""Three of four wait for a long run."""


def _marked(number: int, item: BadInput) -> ParameterSet:
    """Return an input as a parameter; the fast gate meets one of eight, and none with a process of its own."""
    return pytest.param(item, id=str(item), marks=_MARKS[number % 4] if number % 8 or item.environment else [])


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    """The good folders."""
    return Templates(tmp_path_factory.mktemp("templates"))


@pytest.mark.parametrize("item", [_marked(number, item) for number, item in enumerate(INPUTS) if not item.slow])
def test_a_bad_input_is_told_of(item: BadInput, templates: Templates, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        verdict, told = meet(item, templates[item.template], tmp_path / "here", in_process)
    assert not verdict, (
        f"{verdict}\n$ radfuse {' '.join(item.command)[:500]}\nexit code {told.code}\n{told.text[:3000]}"
    )


@pytest.mark.parametrize(("template", "line"), [(name, line) for name, lines in GOOD.items() for line in lines])
def test_what_is_spoiled_was_good(template: str, line: str, templates: Templates, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        verdict, told = meet(good_input(template, line), templates[template], tmp_path / "here", in_process)
    assert not verdict, f"{verdict}\n{told.text[:3000]}"


def test_there_are_many_and_they_differ() -> None:
    assert len(INPUTS) >= 300
    assert len({(item.template, item.command, item.steps, str(item.environment)) for item in INPUTS}) == len(INPUTS)
