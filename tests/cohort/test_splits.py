"""Splits: no patient on both sides, every unit tested once, and what makes a split impossible."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from radfuse.cohort.splits import (
    ByColumn,
    Fold,
    Grouped,
    Holdout,
    LeaveSiteOut,
    Split,
    Temporal,
    inner_folds,
    make_folds,
    positions_of,
)
from radfuse.errors import InputError
from radfuse.outcomes.binary import BinaryOutcome

EVENT = BinaryOutcome(column="event")


def table(text: str) -> pd.DataFrame:
    """Units written as words: "p1 0 north" is patient, outcome and, if need be, a third column `where`."""
    rows = [line.split() for line in text.strip().splitlines()]
    frame = pd.DataFrame([(row[0], float(row[1])) for row in rows], columns=["patient", "event"])
    if len(rows[0]) > 2:
        frame["where"] = pd.Series([row[2] for row in rows], dtype=object)
    return frame


def folds(split: Split, units: pd.DataFrame, seed: int = 7) -> list[Fold]:
    return make_folds(split, units, "patient", EVENT, seed, np.arange(len(units)))


def held_out(found: Sequence[Fold]) -> dict[str, list[int]]:
    return {fold.name: positions_of(fold.test) for fold in found}


EIGHT = table("""
    p1 0 north
    p1 0 north
    p2 1 north
    p3 0 south
    p4 1 south
    p4 0 south
    p5 1 west
    p6 0 west
""")


def test_sites_are_left_out_in_the_order_of_their_names() -> None:
    found = folds(LeaveSiteOut(column="where"), EIGHT)
    assert held_out(found) == {"north": [0, 1, 2], "south": [3, 4, 5], "west": [6, 7]}
    assert positions_of(found[0].train) == [3, 4, 5, 6, 7]


def test_each_value_of_a_fold_column_is_a_test_fold() -> None:
    units = table("p1 0 2\np2 1 1\np3 0 1\np4 1 2\np5 1 3\np6 0 3")
    assert held_out(folds(ByColumn(column="where"), units)) == {"1": [1, 2], "2": [0, 3], "3": [4, 5]}


def test_train_and_test_in_a_column_are_one_fold() -> None:
    units = table("p1 0 train\np2 1 train\np3 0 test\np4 1 test")
    (fold,) = folds(ByColumn(column="where"), units)
    assert (fold.name, positions_of(fold.train), positions_of(fold.test)) == ("test", [0, 1], [2, 3])


def test_later_patients_are_tested_from_a_date_on() -> None:
    units = table("p1 0 2018-12-31\np2 1 2018-06-01\np3 0 2019-01-01\np4 1 2020-02-29")
    (fold,) = folds(Temporal(column="where", test_from="2019-01-01"), units)
    assert (fold.name, positions_of(fold.train), positions_of(fold.test)) == ("later", [0, 1], [2, 3])


@pytest.mark.parametrize("start", ["2019", "2019-01", "2019-01-01", "2019-01-01T00:00"])
def test_a_start_may_be_a_year_or_a_month_of_dates(start: str) -> None:
    units = table("p1 0 2018-12-31\np2 1 2018-06-01\np3 0 2019-01-01\np4 1 2020-02-29")
    split = Temporal(column="where", test_from=start)
    assert list(split.check(units, "patient", EVENT)) == []
    assert positions_of(folds(split, units)[0].test) == [2, 3]


def test_a_patient_seen_on_both_sides_of_the_date_counts_at_the_first() -> None:
    units = table("p1 0 2018\np2 1 2018\np1 0 2020\np3 0 2020\np3 1 2021")
    assert positions_of(folds(Temporal(column="where", test_from="2019"), units)[0].test) == [3, 4]


@pytest.mark.parametrize(("fraction", "test"), [(0.3, [8, 9]), (0.2, [8, 9]), (0.5, [5, 6, 7, 8, 9])])
def test_without_a_date_about_the_latest_fraction_is_tested(fraction: float, test: list[int]) -> None:
    units = table("\n".join(f"p{year} {year % 2} {2000 + year}" for year in range(10)))
    found = positions_of(folds(Temporal(column="where", test_fraction=fraction), units)[0].test)
    assert found == list(range(found[0], 10))  # the latest, without a gap
    assert abs(len(found) - 10 * fraction) <= 1
    assert set(test) <= set(found)


def test_dates_of_one_day_are_in_the_order_of_their_hours() -> None:
    units = table("p1 0 2019-05-31T08:00\np2 1 2019-05-31T09:00\np3 1 2019-05-31T10:00")
    split = Temporal(column="where", test_from="2019-05-31T09:30")
    assert positions_of(folds(split, units)[0].test) == [2]


def test_dates_all_alike_leave_nothing_to_train_on() -> None:
    with pytest.raises(InputError, match=r"without fold 'later' the training set holds one outcome only \(0 units\)"):
        folds(Temporal(column="where"), table("p1 0 2019\np2 1 2019\np3 0 2019\np4 1 2019"))


def test_holdout_takes_its_fraction_of_each_class() -> None:
    units = table("\n".join(f"p{i} {int(i < 8)}" for i in range(40)))
    (fold,) = folds(Holdout(test_fraction=0.25), units)
    assert fold.name == "holdout"
    assert (units["event"].iloc[fold.test] == 1).sum() == 2  # of 8
    assert (units["event"].iloc[fold.test] == 0).sum() == 8  # of 32


@pytest.mark.parametrize("fraction", [0.01, 0.99])
def test_holdout_leaves_a_patient_of_each_class_on_both_sides(fraction: float) -> None:
    units = table("p1 0\np2 1\np3 0\np4 1\np5 0")
    (fold,) = folds(Holdout(test_fraction=fraction), units)
    assert set(units["event"].iloc[fold.train]) == set(units["event"].iloc[fold.test]) == {0.0, 1.0}


@pytest.mark.parametrize("split", [Grouped(folds=3), Holdout(test_fraction=0.4, repeats=3)])
def test_which_of_two_outcomes_is_the_event_moves_nobody(split: Split) -> None:
    """Among them patients with a unit of either, and as many units of one outcome as of the other."""
    rows = [(f"p{i // 2}", float(i % 7 < 2 or i % 5 == 0)) for i in range(40)]
    for count in (40, 34):
        units = pd.DataFrame(rows[:count], columns=["patient", "event"])
        turned = units.assign(event=1 - units["event"])
        once, again = (folds(split, each) for each in (units, turned))
        assert [positions_of(fold.test) for fold in once] == [positions_of(fold.test) for fold in again]


def test_grouped_folds_are_named_by_number_and_hold_like_shares_of_the_outcome() -> None:
    units = table("\n".join(f"p{i} {int(i < 10)}" for i in range(30)))
    found = folds(Grouped(folds=5), units)
    assert [fold.name for fold in found] == ["1", "2", "3", "4", "5"]
    assert [units["event"].iloc[fold.test].sum() for fold in found] == [2.0] * 5


@pytest.mark.parametrize("split", [Grouped(folds=3), Grouped(folds=3, stratified=False), Holdout(test_fraction=0.4)])
def test_the_seed_decides_the_folds(split: Split) -> None:
    units = table("\n".join(f"p{i} {i % 2}" for i in range(24)))
    assert held_out(folds(split, units, seed=1)) == held_out(folds(split, units, seed=1))
    assert held_out(folds(split, units, seed=1)) != held_out(folds(split, units, seed=2))


def test_a_training_side_of_one_outcome_is_refused() -> None:
    units = table("p1 0 north\np2 0 north\np3 1 south\np4 0 south")
    with pytest.raises(
        InputError, match=r"without fold 'south' .* one outcome only \(2 units\); choose another cohort.spl"
    ):
        folds(LeaveSiteOut(column="where"), units)


def test_a_patient_on_both_sides_is_refused() -> None:
    units = table("p1 0 a\np1 0 b\np2 1 a\np3 1 b\np4 0 a\np5 0 b")
    with pytest.raises(InputError, match="fold 'a' would hold patient 'p1' on both sides"):
        folds(ByColumn(column="where"), units)


@pytest.mark.parametrize(
    ("split", "columns"),
    [
        (Grouped(), ()),
        (Holdout(), ()),
        (Temporal(column="date"), ("date",)),
        (LeaveSiteOut(), ("site",)),
        (ByColumn(), ("fold",)),
    ],
)
def test_a_split_names_the_columns_it_reads(split: Split, columns: tuple[str, ...]) -> None:
    assert split.columns == columns


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("grouped", Grouped), ("holdout", Holdout), ("leave_site_out", LeaveSiteOut), ("column", ByColumn)],
)
def test_the_kind_chooses_the_split(kind: str, expected: type) -> None:
    assert isinstance(TypeAdapter(Split).validate_python({"kind": kind}), expected)


# findings


def test_events_fewer_than_folds_are_found_with_their_mend() -> None:
    units = table("\n".join(f"p{i} {int(i < 3)}" for i in range(20)))
    (found,) = Grouped(folds=5).check(units, "patient", EVENT)
    assert found.message == (
        "3 patients have an event, fewer than the 5 folds, so some fold would hold one class only; "
        "set cohort.split.folds: 3"
    )
    assert (found.label, found.column) == (None, "event")


def test_two_events_of_one_patient_count_once() -> None:
    units = table("p1 1\np1 1\np2 1\np3 0\np4 0\np5 0")
    assert next(Grouped(folds=3).check(units, "patient", EVENT)).message.startswith("2 patients have an event")
    assert list(Grouped(folds=2).check(units, "patient", EVENT)) == []


def test_no_outcome_leaves_only_the_patients_to_count() -> None:
    units = table("p1 0\np2 0\np3 0")
    assert list(Grouped(folds=3).check(units, "patient", None)) == []
    assert [found.message for found in Grouped(folds=4).check(units, "patient", None)] == [
        "3 patients cannot fill 4 folds (cohort.split.folds); set it to 3 or less"
    ]


def test_a_patient_in_two_splits_is_found_at_each_deviating_row() -> None:
    frame = pd.DataFrame({"patient": ["p1", "p2", "p1", "p1"], "fold": ["a", "b", "b", "c"]}, index=[0, 1, 5, 6])
    found = list(ByColumn().check(frame, "patient", None))
    assert [(finding.label, finding.column) for finding in found] == [(5, "fold"), (6, "fold")]
    assert found[0].message == "patient 'p1' is in split 'a' (row 2) and in 'b'; a patient belongs to one"


def test_an_absent_column_is_left_to_the_reader_of_the_table() -> None:
    frame = pd.DataFrame({"patient": ["p1", "p2"]})
    for split in (Temporal(column="date"), LeaveSiteOut(), ByColumn()):
        assert list(split.check(frame, "patient", None)) == []


# inner folds


def test_inner_folds_hold_both_outcomes_and_no_patient_twice() -> None:
    patients = np.array([f"p{i // 2}" for i in range(40)])
    outcome = np.array([int(i % 8 < 4) for i in range(40)])
    found = inner_folds(patients, outcome, 5, seed=1)
    assert len(found) == 5
    assert sorted(np.concatenate([fold.test for fold in found])) == list(range(40))
    for fold in found:
        assert set(outcome[fold.test]) == set(outcome[fold.train]) == {0, 1}
        assert not set(patients[fold.train]) & set(patients[fold.test])


# properties


@st.composite
def people(draw: st.DrawFn, folds: int = 4) -> pd.DataFrame:
    """Patients with one to three units each, in any order; at least `folds` patients of each outcome."""
    outcomes = [0.0] * folds + [1.0] * folds + draw(st.lists(st.sampled_from([0.0, 1.0]), max_size=6))
    sizes = draw(st.lists(st.integers(1, 3), min_size=len(outcomes), max_size=len(outcomes)))
    groups = draw(st.lists(st.sampled_from("abc"), min_size=len(outcomes) - 2, max_size=len(outcomes) - 2))
    rows = [
        (f"p{number}", outcome, group, f"{2000 + ord(group) + number}")
        for number, (outcome, size, group) in enumerate(zip(outcomes, sizes, [*"ab", *groups], strict=True))
        for _ in range(size)
    ]
    ordered = draw(st.permutations(rows))
    return pd.DataFrame(ordered, columns=["patient", "event", "where", "date"]).astype(
        {"where": object, "date": object}
    )


def assert_apart(found: Sequence[Fold], units: pd.DataFrame) -> None:
    for fold in found:
        assert sorted([*fold.train, *fold.test]) == list(range(len(units)))
        assert not set(units["patient"].iloc[fold.train]) & set(units["patient"].iloc[fold.test])
        assert len(fold.train)
        assert len(fold.test)


@pytest.mark.parametrize(
    "split",
    [
        Grouped(folds=2),
        Grouped(folds=4),
        Grouped(folds=3, stratified=False),
        LeaveSiteOut(column="where"),
        ByColumn(column="where"),
    ],
)
@given(units=people(), seed=st.integers(0, 5))
@settings(max_examples=25, deadline=None)
def test_folds_test_each_unit_exactly_once_and_share_no_patient(split: Split, units: pd.DataFrame, seed: int) -> None:
    found = split.folds_of(units, "patient", EVENT, seed)
    assert_apart(found, units)
    assert sorted(np.concatenate([fold.test for fold in found])) == list(range(len(units)))


@pytest.mark.parametrize(
    ("once", "again"), [(Grouped(folds=3), Grouped(folds=3, repeats=4)), (Holdout(), Holdout(repeats=3))]
)
@given(units=people(), seed=st.integers(0, 5))
@settings(max_examples=25, deadline=None)
def test_repeats_deal_the_patients_anew_and_the_first_deal_is_that_of_none(
    once: Grouped | Holdout, again: Grouped | Holdout, units: pd.DataFrame, seed: int
) -> None:
    first, found = once.folds_of(units, "patient", EVENT, seed), again.folds_of(units, "patient", EVENT, seed)
    assert_apart(found, units)
    assert len(found) == len(first) * again.repeats
    assert len({fold.name for fold in found}) == len(found)
    assert [fold.repeat for fold in found] == [deal for deal in range(1, again.repeats + 1) for _ in first]
    assert [list(fold.test) for fold in found[: len(first)]] == [list(fold.test) for fold in first]


def test_deals_differ() -> None:
    units = pd.DataFrame({"patient": [f"p{i}" for i in range(40)], "event": [0.0, 1.0] * 20})
    found = Grouped(folds=4, repeats=5).folds_of(units, "patient", EVENT, 7)
    assert len({tuple(fold.test) for fold in found}) == 20
    assert found[5].name == "2.2"


@pytest.mark.parametrize("split", [Holdout(), Holdout(test_fraction=0.6), Temporal(column="date")])
@given(units=people(), seed=st.integers(0, 5))
@settings(max_examples=25, deadline=None)
def test_a_single_split_divides_all_units_and_shares_no_patient(split: Split, units: pd.DataFrame, seed: int) -> None:
    found = split.folds_of(units, "patient", EVENT, seed)
    assert len(found) == 1
    assert_apart(found, units)


@given(units=people(), folds=st.integers(2, 4), seed=st.integers(0, 5))
@settings(max_examples=40, deadline=None)
def test_stratified_folds_of_what_the_check_accepts_hold_both_outcomes(
    units: pd.DataFrame, folds: int, seed: int
) -> None:
    split = Grouped(folds=folds)
    assert list(split.check(units, "patient", EVENT)) == []
    for fold in split.folds_of(units, "patient", EVENT, seed):
        assert set(units["event"].iloc[fold.train]) == {0.0, 1.0}
        assert set(units["event"].iloc[fold.test]) == {0.0, 1.0}


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("where", ("training", "validation")),
        ("where", ("Derivation cohort", "External")),
        ("where", ("dev", "hold-out")),
        ("is_test", ("0", "1")),
        ("train", ("False", "True")),
    ],
)
def test_sides_of_a_split_that_are_not_called_train_and_test_are_refused(column: str, values: tuple[str, str]) -> None:
    units = pd.DataFrame({"patient": list("abcd"), column: pd.Series([*values, *values], dtype=object)})
    (found,) = ByColumn(column=column).check(units, "patient", EVENT)
    assert "write train and test alone, or number the folds" in found.message


@pytest.mark.parametrize("values", [("0", "1"), ("north", "intest"), ("contest", "validus")])
def test_other_values_are_folds(values: tuple[str, str]) -> None:
    units = pd.DataFrame({"patient": list("abcd"), "fold": pd.Series([*values, *values], dtype=object)})
    assert list(ByColumn().check(units, "patient", EVENT)) == []


@pytest.mark.parametrize("values", [("North", "north"), ("1", "1.0"), ("St John", "St  john")])
def test_one_site_in_two_spellings_is_told(values: tuple[str, str]) -> None:
    units = pd.DataFrame({"patient": list("abc"), "site": pd.Series([*values, "west"], dtype=object)})
    (found,) = LeaveSiteOut().check(units, "patient", EVENT)
    assert "differ in capitals, spaces or a .0 alone" in found.message


def test_dates_of_several_zones_count_by_the_clock_on_the_wall() -> None:
    units = table("""
        p1 0 2015-01-01
        p2 1 2015-01-02T10:00:00Z
        p3 0 2016-01-01T23:30:00+02:00
        p4 1 2016-01-01T23:00:00-0500
    """)
    split = Temporal(column="where", test_from="2016-01-01T23:15")
    assert list(split.check(units, "patient", EVENT)) == []
    assert held_out(folds(Temporal(column="where", test_from="2016-01-01"), units)) == {"later": [2, 3]}


def test_strata_of_one_unit_are_dealt_without_a_word() -> None:
    folds = inner_folds(np.arange(9), np.r_[0, np.ones(8, dtype=int)], 2, 7)
    assert sorted(np.concatenate([fold.test for fold in folds])) == list(range(9))
