"""Thresholds by rule, on ten units that can be counted."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from radfuse.evaluation.thresholds import (
    USUAL,
    AtCost,
    AtSensitivity,
    AtSpecificity,
    Rule,
    name_of,
    threshold_of,
)

P = np.arange(0.05, 1, 0.1)
Y = np.array([0, 0, 1, 0, 0, 1, 0, 1, 1, 1])
RULES: TypeAdapter[Rule] = TypeAdapter(Rule)


@pytest.mark.parametrize(
    ("rule", "threshold"),
    [
        (AtSensitivity(sensitivity=0.8), 0.5),  # misses the event at 0.25
        (AtSensitivity(sensitivity=1.0), 0.2),
        (AtSpecificity(specificity=0.8), 0.5),  # calls the other at 0.65
        (AtSpecificity(specificity=1.0), 0.7),
        (AtCost(cost=1), 0.5),  # 1 missed, 1 false alarm; 0.7 has 2 missed
        (AtCost(cost=3), 0.2),  # three false alarms cost 3, one event and one alarm 4
        (AtCost(cost=0.1), 0.7),
        ("half", 0.5),
        (0.35, 0.35),
    ],
)
def test_a_rule_chooses_by_hand(rule: Rule, threshold: float) -> None:
    assert threshold_of(Y, P, rule) == pytest.approx(threshold)


def test_a_sensitivity_that_only_all_calls_reach_calls_all() -> None:
    assert threshold_of([0, 1, 0, 1], [0.5, 0.5, 0.5, 0.5], AtSensitivity(sensitivity=0.9)) == 0
    assert threshold_of([0, 1, 0, 1], [0.5, 0.5, 0.5, 0.5], AtSpecificity(specificity=0.9)) == 0.75


def test_without_events_there_is_nothing_to_choose_by() -> None:
    assert threshold_of([0, 0], [0.1, 0.2], AtCost(cost=4)) == 0.5


@pytest.mark.parametrize("said", ["youden", "half", 0.3, {"sensitivity": 0.9}, {"specificity": 1}, {"cost": 4}])
def test_a_rule_is_read_and_written_alike(said: object) -> None:
    rule = RULES.validate_python(said)
    assert RULES.validate_python(RULES.dump_python(rule, mode="json")) == rule


@pytest.mark.parametrize("said", ["best", 0, 1.0, True, {"sensitivity": 1.2}, {"cost": 0}, {"cost": 1, "x": 2}, None])
def test_what_is_no_rule_is_told_once(said: object) -> None:
    with pytest.raises(ValidationError, match="a rule is youden, half") as told:
        RULES.validate_python(said)
    assert told.value.error_count() == 1


def test_names_differ() -> None:
    assert [name_of(rule) for rule in USUAL] == [
        "Youden index",
        "sensitivity 0.9",
        "specificity 0.9",
        "cost 4",
        "probability 0.5",
    ]
    assert name_of(0.25) == "probability 0.25"
