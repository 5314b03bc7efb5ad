"""Calls: a fourfold table counted by hand, published formulas of its intervals, patients with two units."""

from __future__ import annotations

import math

import numpy as np
import pytest

from radfuse.statistics.calls import MEASURES, calls

TP, FN, FP, TN = 90, 10, 40, 160


def table(tp: int, fn: int, fp: int, tn: int) -> tuple[np.ndarray, np.ndarray]:
    y = np.repeat([1, 1, 0, 0], [tp, fn, fp, tn])
    called = np.repeat([True, False, True, False], [tp, fn, fp, tn])
    return y, called


def test_every_measure_by_hand() -> None:
    y, called = table(TP, FN, FP, TN)
    found = calls(y, called, np.arange(300))
    assert found.cells == (TP, FN, FP, TN)
    by_hand = {
        "sensitivity": 0.9,
        "specificity": 0.8,
        "PPV": 90 / 130,
        "NPV": 160 / 170,
        "accuracy": 250 / 300,
        "balanced accuracy": 0.85,
        "F1": 180 / 230,
        "MCC": (90 * 160 - 40 * 10) / math.sqrt(130 * 100 * 200 * 170),
        "LR+": 4.5,
        "LR-": 0.125,
        "DOR": 36.0,
    }
    assert tuple(found.measures) == MEASURES
    assert {name: item.value for name, item in found.measures.items()} == pytest.approx(by_hand)


def test_the_log_intervals_are_the_published_ones() -> None:
    """Simel 1991: var log LR+ = 1/tp - 1/(tp+fn) + 1/fp - 1/(fp+tn); Glas 2003: var log DOR = sum of 1/cell."""
    y, called = table(TP, FN, FP, TN)
    found = calls(y, called, np.arange(300)).measures
    grown = 300 / 299  # patients are counted as a sample of patients
    plus = math.sqrt(grown * (1 / 90 - 1 / 100 + 1 / 40 - 1 / 200))
    minus = math.sqrt(grown * (1 / 10 - 1 / 100 + 1 / 160 - 1 / 200))
    odds = math.sqrt(grown * (1 / 90 + 1 / 10 + 1 / 40 + 1 / 160))
    for name, value, error in (("LR+", 4.5, plus), ("LR-", 0.125, minus), ("DOR", 36, odds)):
        assert found[name].low == pytest.approx(value * math.exp(-1.959964 * error), rel=1e-5)
        assert found[name].high == pytest.approx(value * math.exp(1.959964 * error), rel=1e-5)


def test_the_interval_of_balanced_accuracy_adds_both_variances() -> None:
    y, called = table(TP, FN, FP, TN)
    found = calls(y, called, np.arange(300)).measures["balanced accuracy"]
    error = math.sqrt(300 / 299 * (0.9 * 0.1 / 100 + 0.8 * 0.2 / 200) / 4) / (0.85 * 0.15)
    centre = math.log(0.85 / 0.15)
    assert found.low == pytest.approx(1 / (1 + math.exp(-(centre - 1.959964 * error))), rel=1e-5)


def test_units_of_one_patient_that_are_alike_widen_every_interval() -> None:
    y, called = table(TP, FN, FP, TN)
    alone = calls(y, called, np.arange(300)).measures
    twice = calls(np.repeat(y, 2), np.repeat(called, 2), np.repeat(np.arange(300), 2)).measures
    for name in MEASURES:
        assert twice[name].value == pytest.approx(alone[name].value)
        assert twice[name].high - twice[name].low == pytest.approx(alone[name].high - alone[name].low, rel=0.02)


def test_an_empty_cell_leaves_ratios_without_interval() -> None:
    found = calls(*table(5, 0, 0, 5), np.arange(10)).measures
    assert math.isinf(found["LR+"].value)
    assert math.isnan(found["LR+"].low)
    assert (found["LR-"].value, found["MCC"].value, found["F1"].value) == (0, 1, 1)


def test_nobody_called_has_no_positive_predictive_value() -> None:
    found = calls(*table(0, 5, 0, 5), np.arange(10)).measures
    assert math.isnan(found["PPV"].value)
    assert math.isnan(found["MCC"].value)
    assert found["specificity"].value == 1
