"""A drawn curve is the AUC it stands for."""

from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from radfuse.report.render import environment
from radfuse.report.sections.discrimination import GRID, forest, headline, mean_roc
from radfuse.results import Interval
from radfuse.statistics.auc import auc


def test_the_drawn_curve_has_the_area_of_the_auc() -> None:
    generator = np.random.default_rng(1)
    y = generator.integers(0, 2, 400)
    p = generator.random(400) * 0.6 + 0.4 * y * generator.random(400)
    rows = pd.DataFrame({"fold": "1", "outcome": y, "probability": p})
    assert np.trapezoid(mean_roc(rows), GRID) == pytest.approx(auc(y, p), abs=1e-3)


def test_steps_of_one_small_test_set_stand_upright() -> None:
    """Three of six others stand above the second event: its step has the width of a pixel, not of a hundredth."""
    rows = pd.DataFrame({"fold": "1", "outcome": [1, 0, 0, 0, 1, 0, 0, 0], "probability": np.linspace(0.9, 0.1, 8)})
    curve = mean_roc(rows)
    assert set(np.round(curve, 9)) == {0.5, 1.0}
    (step,) = np.flatnonzero(np.diff(curve))
    assert GRID[step + 1] == pytest.approx(0.5)
    assert GRID[step + 1] - GRID[step] < 0.002


def test_a_mark_at_an_auc_of_one_is_whole() -> None:
    performance = [
        SimpleNamespace(
            family="a",
            measure="AUC",
            headline=Interval(value=1.0, low=0.6, high=1.0),
            fold_values={"1": 1.0, "2": 1.0},
        )
    ]
    drawn = forest(performance, {"a": SimpleNamespace(colour="#d55e00")})
    clip = re.search(r'<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', drawn)
    assert clip is not None
    marks = [float(x) for x in re.findall(r'<use xlink:href="#\w+" x="([\d.]+)"[^>]*fill: #d55e00', drawn)]
    assert max(marks) + 3 < float(clip[1]) + float(clip[2])


def test_the_head_of_the_page_is_the_primary_family_or_the_best_less_the_luck_of_the_pick() -> None:
    def family(name: str, *aucs: float) -> SimpleNamespace:
        mean = sum(aucs) / len(aucs)
        return SimpleNamespace(
            family=name, measure="AUC", headline=Interval(value=mean), fold_values=dict(enumerate(aucs))
        )

    both = [family("clinical", 0.8, 0.6), family("deep", 0.5, 0.7)]
    picked = headline(SimpleNamespace(performance=both, primary=None))
    what = "best AUC of 2 families, picked after the fact: clinical; about 0.65 without the luck of the pick"
    assert picked == {what: "0.70"}
    named = headline(SimpleNamespace(performance=both, primary="deep"))
    assert named == {"AUC of the primary family: deep": "0.60"}
    assert headline(SimpleNamespace(performance=both[:1], primary=None)) == {"AUC: clinical": "0.70"}


def test_only_a_family_picked_afterwards_is_said_to_be_picked() -> None:
    picked = environment().get_template("tables.html").module.picked  # type: ignore[attr-defined]
    for count, primary, said in ((1, None, False), (3, None, True), (3, "deep", False)):
        found = str(picked(SimpleNamespace(performance=[None] * count, primary=primary)))
        assert ("picked as the best of 3" in found) is said
