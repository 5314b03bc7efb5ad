"""What an audit says of values and grades: columns that tell them by themselves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from audited import noise, subject, the_finding

from radfuse.audit import telling
from radfuse.audit.subject import Subject
from radfuse.cohort.config import CohortConfig

GRADES = {"column": "event", "kind": "ordinal", "levels": ("0", "1", "2", "3")}
Y = np.random.default_rng(5).standard_normal(60)


def study(values: pd.DataFrame, y: np.ndarray, kind: str) -> Subject:
    """Return a study of a value, or of the grade that it rounds to."""
    made = subject(values, y, kind="continuous")
    if kind == "continuous":
        return made
    config = CohortConfig.model_validate({**made.config.model_dump(), "outcome": GRADES})
    units = made.design.units.assign(event=np.clip(np.round(y) + 1, 0, 3))
    return replace(made, cohort=replace(made.cohort, config=config), design=replace(made.design, units=units))


@pytest.mark.parametrize("kind", ["continuous", "ordinal"])
def test_a_column_that_is_the_outcome_but_for_little_is_named(kind: str) -> None:
    columns = {"noise": noise(60, 1)[:, 0], "turned": 7 - 2 * Y + 1e-3 * noise(60, 1, 3)[:, 0]}
    finding = the_finding(telling.look(study(pd.DataFrame(columns), Y, kind)))
    assert (finding.severity, finding.column) == ("warning", "turned")
    assert finding.found.startswith("tells the outcome by itself: turned (C ")


@pytest.mark.parametrize("kind", ["continuous", "ordinal"])
def test_noise_and_half_missing_columns_are_no_news(kind: str) -> None:
    values = pd.DataFrame(noise(60, 200))
    values[7] = np.where(np.arange(60) < 40, np.nan, Y)
    values[8] = 3.0
    check = telling.look(study(values, Y, kind))
    assert check.findings == ()
    assert check.told.startswith("the most telling column is")


@pytest.mark.parametrize(
    ("kind", "missing", "what"),
    [
        ("continuous", Y > 0.3, "the outcome"),
        ("ordinal", np.clip(np.round(Y) + 1, 0, 3) >= 2, "the outcome"),
        ("ordinal", np.clip(np.round(Y) + 1, 0, 3) == 1, "the grade '1'"),
        ("ordinal", np.clip(np.round(Y) + 1, 0, 3) == 0, "the grade '0'"),
    ],
)
def test_a_column_that_is_missing_by_outcome_is_named_once(kind: str, missing: np.ndarray, what: str) -> None:
    values = pd.DataFrame(noise(60, 3), columns=["a", "b", "c"])
    values.loc[missing, "b"] = np.nan
    finding = the_finding(telling.look(study(values, Y, kind)))
    assert (finding.severity, finding.column) == ("warning", "b")
    assert finding.found == f"whether a value is missing tells {what} (AUC 1.000): b"


@pytest.mark.parametrize("kind", ["continuous", "ordinal"])
def test_gaps_at_random_and_few_are_no_news(kind: str) -> None:
    values = pd.DataFrame(noise(60, 200)).mask(np.random.default_rng(1).random((60, 200)) < 0.05)
    values.loc[Y.argmax(), 3] = np.nan
    assert telling.look(study(values, Y, kind)).findings == ()


def test_five_units_are_too_few_to_be_sure() -> None:
    values = pd.DataFrame(noise(5, 30)).assign(same=Y[:5])
    assert {finding.column for finding in telling.look(study(values, Y[:5], "continuous")).findings} <= {"same"}
