"""Scores unit by unit: held-out log odds from the threshold on, the bars of a waterfall, and whether classes differ."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from radfuse.report.sections.scores import corner, heights, held_out
from radfuse.statistics.scores import to_logit


def test_a_score_is_the_log_odds_from_the_folds_threshold_on_averaged_over_repeats() -> None:
    rows = pd.DataFrame(
        {
            "family": ["a", "a", "a", "a", "b"],
            "patient_id": ["p", "p", "q", "q", "p"],
            "patient": ["p", "p", "q", "q", "p"],
            "outcome": [1, 1, 0, 0, 1],
            "repeat": [1, 2, 1, 2, 1],
            "probability": [0.6, 0.8, 0.0, 0.2, 0.9],
            "threshold": [0.4, 0.8, 0.5, 0.3, 0.5],
        }
    )
    found = held_out(rows, "a", ["patient_id"])
    first = (to_logit(0.6) - to_logit(0.4) + 0.0) / 2
    second = (to_logit(0.001) + to_logit(0.2) - to_logit(0.3)) / 2  # a probability of 0 is doubted
    np.testing.assert_allclose(found.loc[["p", "q"], "score"], [first, second])
    assert found["outcome"].to_dict() == {"p": 1, "q": 0}


@pytest.mark.parametrize(("lowest", "place"), [(-3.0, "lower right"), (-2.0, "upper left"), (1.0, "upper left")])
def test_the_legend_stands_where_no_bar_does(lowest: float, place: str) -> None:
    assert corner(np.array([lowest, 1.5, 2.0])) == place


@pytest.mark.parametrize("units", [7, 2000])
def test_bars_rise_and_hold_every_unit_and_event(units: int) -> None:
    generator = np.random.default_rng(3)
    rows = pd.DataFrame({"score": generator.standard_normal(units), "outcome": generator.integers(0, 2, units)})
    high, share = heights(rows, most=100)
    assert len(high) == min(units, 100)
    assert (np.diff(high) > 0).all()
    assert high.mean() == pytest.approx(rows["score"].mean())
    assert share.mean() == pytest.approx(rows["outcome"].mean())
    if units == 7:
        np.testing.assert_array_equal(share, rows.sort_values("score")["outcome"])
