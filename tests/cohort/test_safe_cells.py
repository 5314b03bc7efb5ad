"""Texts that a spreadsheet would take for formulas are made texts; nothing else is touched."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radfuse.cohort.spreadsheet import safe_cells

FORMULAS = ["=1+1", "=cmd|' /C calc'!A0", "+A1", "-A1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "--1", "+-1"]
FORMULAS += ["-1+2", "-", "=", "- 5", "+49 89 1", "-inf"]
PLAIN = ["", "c1", "-5", "+5", "-0.5", "-.5", "+1e-3", " -5 ", "1=1", "a@b", "a-b", "'=1", "5-6", "é"]


@pytest.mark.parametrize("cell", FORMULAS)
def test_a_formula_becomes_a_text(cell: str) -> None:
    frame = pd.DataFrame({"id": [cell, "c1"], "x": [-1.5, 2.0]})
    safe = safe_cells(frame)
    assert list(safe["id"]) == [f"'{cell}", "c1"]
    assert list(safe["x"]) == [-1.5, 2.0]
    assert list(frame["id"]) == [cell, "c1"]


@pytest.mark.parametrize("cell", PLAIN)
def test_other_texts_stay(cell: str) -> None:
    assert list(safe_cells(pd.DataFrame({"id": [cell]}))["id"]) == [cell]


def test_names_of_columns_are_texts_too() -> None:
    assert list(safe_cells(pd.DataFrame([[1, 2, 3]], columns=["=a", "b", "-c"]))) == ["'=a", "b", "'-c"]


def test_numbers_missing_cells_types_and_the_index_stay() -> None:
    frame = pd.DataFrame(
        {
            "whole": [-1, 2],
            "share": [np.nan, -0.5],
            "id": [None, "=x"],
            "truth": [True, False],
            "kind": pd.Categorical(["=a", "b"]),
            "text": pd.array(["@a", pd.NA], dtype="string"),
        },
        index=[5, 3],
    )
    safe = safe_cells(frame)
    pd.testing.assert_frame_equal(safe[["whole", "share", "truth"]], frame[["whole", "share", "truth"]])
    assert list(safe.index) == [5, 3]
    assert pd.isna(safe["id"].iloc[0])
    assert safe["id"].iloc[1] == "'=x"
    assert list(safe["kind"]) == ["'=a", "b"]
    assert safe["text"].iloc[0] == "'@a"
    assert pd.isna(safe["text"].iloc[1])


def test_columns_of_one_name_and_no_columns_are_fine() -> None:
    assert safe_cells(pd.DataFrame([["=a", "=b"]], columns=["x", "x"])).to_numpy().tolist() == [["'=a", "'=b"]]
    assert safe_cells(pd.DataFrame(index=[1, 2])).shape == (2, 0)
    assert safe_cells(pd.DataFrame(columns=["=a"])).shape == (0, 1)
