"""Outcome recipes on courses that are read by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radfuse.errors import InputError
from radfuse.oai.layout import MONTHS
from radfuse.oai.outcomes import RECIPES, outcome_of, recipe_of
from radfuse.oai.tables import OaiTables

NAN = float("nan")


def course(*, kl: dict[str, float], jsm: dict[str, float] | None = None) -> OaiTables:
    """One right knee's grades by visit."""
    jsm = jsm or {}
    rows = [
        {
            "person": "9000001",
            "side": "right",
            "visit": visit,
            "months": MONTHS[int(visit[1:])],
            "kl": kl.get(visit, NAN),
            "jsn_medial": jsm.get(visit, NAN),
            "jsn_lateral": NAN,
        }
        for visit in sorted({*kl, *jsm})
    ]
    people = pd.DataFrame(columns=["sex", "cohort", "site", "last_contact"])
    empty = pd.DataFrame(columns=["person", "side", "kind", "days", "before", "confirmed"])
    return OaiTables(readings=pd.DataFrame(rows), people=people, replacements=empty)


@pytest.mark.parametrize(
    ("kl", "expected", "why"),
    [
        ({"V00": 1, "V03": 1, "V06": 2}, 1.0, ""),
        ({"V00": 0, "V03": 2, "V06": 3}, 1.0, ""),
        ({"V00": 0, "V06": 1}, 0.0, ""),
        ({"V00": 0, "V08": 1}, 0.0, ""),  # free later, so free then
        ({"V00": 1, "V05": 1, "V08": 2}, NAN, "no radiograph shows"),  # between 36 and 72 months, nobody knows when
        ({"V00": 0, "V05": 1}, NAN, "no radiograph shows"),
        ({"V00": 0, "V03": 1, "V06": NAN, "V08": NAN}, NAN, "no radiograph shows"),
        ({"V00": 2, "V06": 3}, NAN, "osteoarthritis at the first visit"),
        ({"V00": NAN, "V06": 3}, NAN, "no KL grade at the first visit"),
        ({"V03": 0, "V06": 3}, NAN, "no KL grade at the first visit"),  # no row of the table at all
    ],
)
def test_incident_osteoarthritis_within_48_months(kl: dict[str, float], expected: float, why: str) -> None:
    found = outcome_of(course(kl=kl), recipe_of("incident_oa:48")).iloc[0]
    assert found["incident_oa_48m"] == pytest.approx(expected, nan_ok=True)
    assert found["why"].startswith(why)
    assert (found["why"] == "") == (why == "")


@pytest.mark.parametrize(
    ("name", "kl", "jsm", "expected"),
    [
        ("progression", {"V00": 2, "V06": 3}, {}, 1.0),
        ("progression", {"V00": 2, "V06": 2}, {"V00": 1, "V06": 2}, 1.0),
        ("progression", {"V00": 2, "V06": 2}, {"V00": 1, "V06": 1.6}, 0.0),  # within a grade
        ("progression_jsn", {"V00": 2, "V06": 2}, {"V00": 0.4, "V06": 1.4}, 1.0),  # less than 1 in float64
        ("progression_kl", {"V00": 2, "V06": 2}, {"V00": 1, "V06": 2}, 0.0),
        ("progression_jsn", {"V00": 2, "V06": 3}, {"V00": 1, "V06": 1}, 0.0),
        ("progression_jsn", {"V00": 2, "V06": 3}, {"V06": 1}, NAN),
        ("progression", {"V00": 4, "V06": 4}, {}, NAN),
    ],
)
def test_progression(name: str, kl: dict[str, float], jsm: dict[str, float], expected: float) -> None:
    found = outcome_of(course(kl=kl, jsm=jsm), recipe_of(f"{name}:48")).iloc[0]
    assert found[f"{name}_48m"] == pytest.approx(expected, nan_ok=True)


def test_the_first_visit_may_be_a_later_one() -> None:
    told = course(kl={"V00": 0, "V03": 1, "V06": 1, "V08": 2})
    assert outcome_of(told, recipe_of("incident_oa:48", "V03"))["incident_oa_48m"].tolist() == [1.0]
    assert outcome_of(told, recipe_of("incident_oa:24", "V03"))["incident_oa_24m"].tolist() == [0.0]


@pytest.mark.parametrize(
    ("row", "contact", "expected"),
    [
        ({"kind": 1, "days": 730.5}, 96, (1, 2, 1)),
        ({"kind": 2, "days": 730.5, "confirmed": 3}, 96, (1, 2, 1)),
        ({"kind": 1, "days": 730.5, "confirmed": 1}, 96, (0, 5, 0)),  # reported, not adjudicated
        ({"kind": 1, "days": 2922.0}, 96, (0, 5, 0)),  # after eight years
        ({}, 96, (0, 5, 0)),
        ({}, 36, (NAN, 3, 0)),  # lost after three years: censored
        ({}, NAN, (NAN, NAN, NAN)),
        ({"kind": 1}, 96, (NAN, NAN, NAN)),  # nobody says when
        ({"before": 1}, 96, (NAN, NAN, NAN)),
        ({"kind": 1, "days": -30.0}, 96, (NAN, NAN, NAN)),
    ],
)
def test_replacement_within_five_years(row: dict[str, float], contact: float, expected: tuple[float, ...]) -> None:
    told = course(kl={"V00": 3})
    told.readings["kl"] = NAN
    columns = ["person", "side", "kind", "days", "before", "confirmed"]
    told.replacements = pd.DataFrame([{"person": "9000001", "side": "right", **row}], columns=columns).astype(
        dict.fromkeys(columns[2:], "float64")
    )
    told.people = pd.DataFrame({"last_contact": [contact]}, index=["9000001"])
    found = outcome_of(told, recipe_of("replacement:5")).iloc[0]
    numbers = [found[name] for name in ("replacement_5y", "replacement_5y_time", "replacement_5y_event")]
    assert np.array_equal(np.array(numbers, dtype=float), np.array(expected, dtype=float), equal_nan=True)
    assert (found["why"] == "") == (not np.isnan(expected[1]))  # a censored knee stays


def test_replacement_needs_a_table_that_tells_of_it() -> None:
    with pytest.raises(InputError, match=r"which knees were replaced \(V99ERKTLPR, V99ELKTLPR\); add Outcomes99.txt"):
        outcome_of(course(kl={"V00": 3}), recipe_of("replacement:5"))


@pytest.mark.parametrize("text", ["incident_oa", "incident_oa:", "incident_oa:-3", "incident_oa:nan", "replacement:0"])
def test_a_recipe_says_its_horizon(text: str) -> None:
    with pytest.raises(InputError, match=r"write \w+:N, N being"):
        recipe_of(text)


def test_an_unknown_recipe_is_told_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'incident_oa'"):
        recipe_of("incident_o:48")


def test_each_recipe_is_defined_in_the_docs() -> None:
    from pathlib import Path

    text = (Path(__file__).parents[2] / "docs" / "oai.md").read_text(encoding="utf-8")
    assert all(f"`{name}:N`" in text for name in RECIPES)
