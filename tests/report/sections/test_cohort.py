"""The cohort table of four units, and the sources of masks, by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd

from radfuse.report.sections.cohort import _units_of, mask_table, table_of_classes, table_one


def test_table_one_of_four_units_by_hand() -> None:
    units = pd.DataFrame({"patient": ["a", "a", "b", "c"], "y": [1.0, 0.0, 0.0, 1.0], "site": ["n", "n", "s", "s"]})
    clinical = pd.DataFrame({"age": [50.0, 60.0, np.nan, 70.0], "sex=male": [1.0, 1.0, 0.0, 0.0]})
    table = table_one(units, clinical, units["y"].to_numpy(), "patient", "site").set_index("characteristic")
    assert table.loc["Units", ["all", "without", "with"]].tolist() == ["4", "2", "2"]
    assert table.loc["Patients", ["all", "without", "with"]].tolist() == ["3", "2", "2"]
    assert table.loc["age, mean (SD)", ["all", "with", "missing"]].tolist() == [
        "60.0 (10.0)",
        "60.0 (14.1)",
        "1 (25.0%)",
    ]
    assert table.loc["sex: male, n (%)", ["all", "with", "smd"]].tolist() == ["2 (50.0%)", "1 (50.0%)", "0.00"]
    assert table.loc["site: s, n (%)", "all"] == "2 (50.0%)"


def test_means_of_small_numbers_keep_their_digits() -> None:
    """Diffusion in mm2/s, and in m2/s."""
    units = pd.DataFrame({"patient": list("abcd"), "y": [1.0, 0.0, 0.0, 1.0]})
    adc = np.array([0.0011, 0.0013, 0.0009, 0.0015])
    clinical = pd.DataFrame({"adc": adc, "si": 1e-6 * adc})
    table = table_one(units, clinical, units["y"].to_numpy(), "patient", None).set_index("characteristic")
    assert table.loc["adc, mean (SD)", ["all", "with"]].tolist() == ["0.00120 (0.00026)", "0.00130 (0.00028)"]
    assert table.loc["si, mean (SD)", "all"] == "1.20e-09 (2.58e-10)"


def test_halves_of_the_last_digit_go_up() -> None:
    """One of sixteen is 6.25 percent, which Python's own format rounds down to the even digit, as it does 0.25."""
    units = pd.DataFrame({"patient": [f"p{i}" for i in range(16)], "y": [1.0, 0.0] * 8})
    clinical = pd.DataFrame({"a": [np.nan, *[0.25] * 15], "b": [1.0, *[0.0] * 15]})
    table = table_one(units, clinical, units["y"].to_numpy(), "patient", None).set_index("characteristic")
    assert table.loc["a, mean (SD)", ["all", "missing"]].tolist() == ["0.3 (0.0)", "1 (6.3%)"]
    assert table.loc["b, n (%)", "all"] == "1 (6.3%)"


def test_a_table_by_class_of_six_units_by_hand() -> None:
    units = pd.DataFrame({"patient": list("aabcde"), "site": ["n", "n", "s", "s", "s", "n"]})
    classes = pd.Series(["with", "missing", "with", "x", "x", "missing"])
    clinical = pd.DataFrame({"age": [50.0, 61, 52, 70, 72, np.nan]})
    table = table_of_classes(units, clinical, classes, ("missing", "with", "x"), "patient", "site")
    assert list(table) == ["characteristic", "all", "class missing", "with", "x", "missing", "smd"]
    rows = table.set_index("characteristic")
    assert rows.loc["Units"].tolist()[:4] == ["6", "2", "2", "2"]
    assert rows.loc["Patients"].tolist()[:4] == ["5", "2", "2", "2"]
    assert rows.loc["age, mean (SD)", ["with", "x", "missing"]].tolist() == ["51.0 (1.4)", "71.0 (1.4)", "1 (16.7%)"]
    assert rows.loc["age, mean (SD)", "smd"] == f"{20 / np.sqrt(2):.2f}"
    assert rows.loc["site: s, n (%)", ["all", "x"]].tolist() == ["3 (50.0%)", "2 (100.0%)"]


def test_masks_are_counted_by_source_in_one_order() -> None:
    table = mask_table({"external": 1, "manual": 3})
    assert table[["masks", "cases", "share"]].to_numpy().tolist() == [["manual", "3", "75%"], ["external", "1", "25%"]]
    assert table["how"][0] == "drawn by hand, as the cohort table names them"


def test_classes_are_counted_over_all_units_not_the_tested_ones() -> None:
    assert _units_of(("a", "b"), pd.Series(["a", "b", "a"])) == {"units of a, b": "2 + 1"}
    assert _units_of((), pd.Series([1.0])) == {}
