"""The command `samplesize`: of a study, of numbers alone, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from radfuse.cli.app import app
from radfuse.errors import InputError


def said(*words: object) -> str:
    result = CliRunner().invoke(app, ["samplesize", *map(str, words)], catch_exceptions=False)
    return " ".join(result.output.split())


def test_numbers_alone() -> None:
    shown = said("--prevalence", 0.174, "--predictors", 24, "--r2", 0.288)
    assert "needed, by all 662 115 4.80" in shown
    assert "the study has" not in shown


def test_a_study_says_what_it_has(phantom_run: tuple[Path, Path]) -> None:
    shown = said(phantom_run[0])
    assert "candidate predictors, expected R²" in shown
    assert "the study has" in shown
    assert "(60 patients) does not meet: shrinkage of at most 10%" in shown
    assert "30 candidate predictors" in said(phantom_run[0], "--predictors", 30, "--auc", 0.8)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--prevalence", "0.2"], "how many candidate columns"),
        (["--predictors", "3"], "what share has the event"),
        (["--predictors", "3", "--prevalence", "0"], "between 0 and 1"),
        (["--predictors", "3", "--prevalence", "0.2", "--auc", "0.4"], "--auc lies between 0.5 and 1"),
        (["--predictors", "3", "--prevalence", "0.2", "--auc", "0.7", "--r2", "0.1"], "give one"),
        (["--predictors", "3", "--rate", "0.1"], "all four"),
    ],
)
def test_what_is_missing_is_named(words: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        said(*words)
