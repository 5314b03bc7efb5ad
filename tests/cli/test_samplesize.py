"""The command `samplesize`: of a study, of numbers alone, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from radfuse.cli.app import app
from radfuse.errors import InputError
from radfuse.phantom.table import TablePhantom, write_table_phantom


def said(*words: object) -> str:
    result = CliRunner().invoke(app, ["samplesize", *map(str, words)], catch_exceptions=False)
    return " ".join(result.output.split())


def test_numbers_alone() -> None:
    shown = said("--prevalence", 0.174, "--predictors", 24, "--r2", 0.288)
    assert "needed, by all 662 115 4.80" in shown
    assert "the study has" not in shown


def test_a_study_says_what_it_has(phantom_models: tuple[Path, Path]) -> None:
    shown = said(phantom_models[0])
    assert "candidate predictors, expected R²" in shown
    assert "the study has" in shown
    assert "(60 patients) does not meet: shrinkage of at most 10%" in shown
    assert "30 candidate predictors" in said(phantom_models[0], "--predictors", 30, "--auc", 0.8)


def test_numbers_of_a_value_and_of_survival_alone() -> None:
    shown = said("--mean", 1.9, "--sd", 0.6, "--predictors", 25, "--r2", 0.2)
    assert "needed, by all 918 36.72" in shown
    assert "events" not in shown
    shown = said("--rate", 0.065, "--follow-up", 2.07, "--time", 2, "--predictors", 25, "--r2", 0.051)
    assert "needed, by all 4,286 577 23.07" in shown


def test_a_time_of_nearly_nothing_and_a_mean_of_much_are_numbers() -> None:
    shown = said("--rate", 0.065, "--follow-up", 2.07, "--time", 1e-300, "--predictors", 3)
    assert "overall risk within 0.05 1 0" in shown
    assert "mean within 10% 5 " in said("--mean", 1e300, "--sd", 1, "--predictors", 3)


def test_what_the_study_says_is_told_from_what_was_given(phantom_models: tuple[Path, Path]) -> None:
    with pytest.raises(InputError, match="the study's prevalence and --mean and --sd are of different kinds"):
        said(phantom_models[0], "--mean", 1, "--sd", 1)


def test_studies_of_values_and_of_survival_say_what_they_have(tmp_path) -> None:
    value, times = (
        write_table_phantom(tmp_path / kind, TablePhantom(outcome=kind, patients=30, seed=2))
        for kind in ("continuous", "survival")
    )
    shown = said(value)
    assert "expected R² 0.150" in shown
    assert "units per predictor" in shown
    cohort = pd.read_csv(times.parent / "cohort.csv")
    events = int(cohort["replaced"].sum())
    each = f"{events / 212:.2f}"  # 4 clinical, 144 radiomic and 64 deep columns
    assert f"the study has {len(cohort)} {events} {each}" in said(times)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--prevalence", "0.2"], "how many candidate columns"),
        (["--predictors", "3"], "what share has the event"),
        (["--predictors", "3", "--prevalence", "0"], "between 0 and 1"),
        (["--predictors", "3", "--prevalence", "0.2", "--auc", "0.4"], "--auc lies between 0.5 and 1"),
        (["--predictors", "3", "--prevalence", "0.2", "--auc", "0.7", "--r2", "0.1"], "give one"),
        (["--predictors", "3", "--rate", "0.1"], "all three"),
        (["--predictors", "3", "--mean", "2"], "--mean and --sd, both"),
        (["--predictors", "3", "--mean", "2", "--sd", "1", "--auc", "0.7"], "--auc is of a binary outcome"),
        (["--predictors", "3", "--prevalence", "0.2", "--sd", "1"], "--prevalence and --sd|--sd and --prevalence"),
        (
            ["--predictors", "3", "--prevalence", "0.2", "--r2", "1e-20"],
            "expected lies between 1e-09 and 0.9, found 1e",
        ),
        (["--predictors", "3", "--prevalence", "1e-300"], "expected lies between 1e-09 and 0.9, found 0"),
        (["--predictors", "3", "--rate", "0", "--follow-up", "2", "--time", "2"], "above 0, found 0 and 2"),
        (["--predictors", "3", "--rate", "5", "--follow-up", "2", "--time", "2"], "10 events a person, who has one"),
        (["--predictors", "3", "--rate", "0.1", "--follow-up", "2", "--time", "nan"], "predicted for is above 0"),
        (["--predictors", "3", "--mean", "nan", "--sd", "1"], "found 1 and nan"),
        (["--predictors", "3", "--mean", "1e-9", "--sd", "1"], "nor a millionth of it; found 1 and 1e-09"),
        (["--predictors", "3", "--mean", "1", "--sd", "1", "--r2", "0.9999999999999999"], "between 1e-09 and 1"),
    ],
)
def test_what_is_missing_is_named(words: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        said(*words)
