"""Near-duplicate rows under two ids: what is caught, and what honest tables do not raise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from audited import coins, noise, subject, the_finding
from realdata import real_file

from radfuse.audit import twins
from radfuse.audit.twins import multiples, nearest_pairs


def factors(units: int, columns: int, directions: int = 6, seed: int = 0) -> np.ndarray:
    """Columns as radiomics has them: a few directions, and a part of their own."""
    return noise(units, directions, seed) @ noise(directions, columns, seed + 1) + 0.4 * noise(units, columns, seed + 2)


def with_copy(values: np.ndarray, copy: np.ndarray) -> np.ndarray:
    return np.vstack([values, copy])


@pytest.mark.parametrize("digits", [6, 3])
def test_the_same_values_rounded_are_an_error_that_names_both(digits: int) -> None:
    values = factors(90, 60)
    study = subject(with_copy(values, values[7].round(digits)), coins(91))
    finding = the_finding(twins.look(study))
    assert finding.severity == "error"
    assert "two rows of different patients hold the same values but for rounding: c7 and c90" in finding.found
    assert "cohort.exclude: {c90: same scan as c7}" in finding.mend


def test_a_row_times_a_factor_is_an_error() -> None:
    values = factors(90, 60) + 3
    finding = the_finding(twins.look(subject(with_copy(values, 1.25 * values[7]), coins(91))))
    assert finding.severity == "error"
    assert "hold the same values but for one factor: c7 times 1.25 is c90" in finding.found
    apart = 1.25 * values[7] * (1 + 1e-3 * noise(1, 60, 4)[0])
    assert multiples(subject(with_copy(values, apart), coins(91)), "radiomic") == {}


def test_rows_of_columns_that_all_say_one_thing_are_no_copies() -> None:
    volume = np.exp(noise(60, 1))
    assert twins.look(subject(volume * np.linspace(1, 9, 40), coins(60))).findings == ()


def test_what_is_to_be_left_out_are_cases_where_units_have_other_names() -> None:
    values = factors(90, 60)
    study = subject(with_copy(values, values[7].round(6)), coins(91), unit=["patient_id"])
    finding = the_finding(twins.look(study))
    assert "but for rounding: p7x and p90x" in finding.found
    assert "cohort.exclude: {c90: same scan as c7}" in finding.mend


def test_one_scan_measured_twice_is_a_warning() -> None:
    values = factors(90, 200)
    again = values[7] + 0.05 * values.std(axis=0) * noise(1, 200, seed=9)[0]
    finding = the_finding(twins.look(subject(with_copy(values, again), coins(91))))
    assert finding.severity == "warning"
    assert "two rows of different patients are much nearer to each other than any others: c7 and c90" in finding.found


def test_small_numbers_that_rounding_wipes_out_do_not_hide_a_copy() -> None:
    values = factors(90, 60)
    values[:, :8] *= 1e-7
    study = subject(with_copy(values, values[7].round(6)), coins(91))
    assert the_finding(twins.look(study)).severity == "error"


def test_two_copies_of_many_rows_are_all_found() -> None:
    values = factors(60, 40)
    study = subject(with_copy(values, values[:20].round(5)), coins(80))
    assert sum(pair.near and pair.rounded for pair in nearest_pairs(study, "radiomic")) == 20


def test_two_knees_of_one_patient_are_not_held_against_it() -> None:
    values = factors(90, 60)
    patients = [f"p{i}x" for i in range(90)]
    both = subject(with_copy(values, values[7] + 1e-7), coins(91), patients=[*patients, "p7x"])
    assert twins.look(both).findings == ()


@pytest.mark.parametrize("columns", [3, 5, 8, 10, 15])
def test_few_columns_raise_no_alarm(columns: int) -> None:
    for seed in range(4):
        study = subject(factors(120, columns, min(columns, 3), seed=10 * seed), coins(120))
        assert twins.look(study).findings == ()


def test_families_of_similar_rows_raise_no_alarm() -> None:
    families = np.repeat(np.arange(40), 3)
    values = np.sqrt(0.9) * factors(40, 100)[families] + np.sqrt(0.1) * noise(120, 100, seed=5)
    assert twins.look(subject(values, coins(120))).findings == ()


def test_rows_alike_in_values_that_many_share_raise_no_alarm() -> None:
    values = factors(120, 12)
    values[:30] = np.where(np.arange(12) < 11, 0.0, values[:30])  # regions of a few voxels
    assert twins.look(subject(values, coins(120))).findings == ()


def test_words_and_whole_numbers_are_not_looked_at() -> None:
    values = noise(80, 12).round(0)
    check = twins.look(subject(values, coins(80)))
    assert check.skipped == "no table has 10 columns of many values and as many units"
    assert twins.look(subject(values, coins(80), block="clinical")).skipped


@pytest.mark.parametrize("name", ["WORC-Lipo.csv.gz", "WORC-Desmoid.csv.gz"])
def test_real_tables_hold_no_twins_and_a_planted_one_is_found(name: str) -> None:
    table = pd.read_csv(real_file(f"tables/{name}"))
    target, values = table["Target"].to_numpy(dtype=float), table.drop(columns=["ID", "Target"]).to_numpy(dtype=float)
    assert twins.look(subject(values, target)).findings == ()
    planted = subject(with_copy(values, values[11].round(6)), [*target, 1.0])
    assert "c11 and c" in the_finding(twins.look(planted)).found


def test_a_real_scan_that_stands_twice_is_found_rounded_or_not() -> None:
    table = pd.read_csv(real_file("tables/prostate_fae.csv"), index_col=0)
    target = table.pop("label").to_numpy(dtype=float)
    first, second = (list(table.index).index(name) for name in ("N26", "N27"))
    finding = the_finding(twins.look(subject(table, target)))
    assert {f"c{first}", f"c{second}"} <= set(finding.found.replace(",", " ").split())
    rest = table.drop(index="N27")
    assert twins.look(subject(rest, np.delete(target, second))).findings == ()
