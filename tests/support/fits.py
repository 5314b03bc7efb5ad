"""Families on a table of three blocks: what tests of one outcome's fits and of another's have alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from radfuse.cohort.splits import Fold
from radfuse.fusion.config import FusionConfig
from radfuse.fusion.design import Design
from radfuse.fusion.explain.explainer import Explainer, explainer_of
from radfuse.fusion.explain.shapley import contributions
from radfuse.fusion.validate import Fit, fit_fold
from radfuse.results import Explanation, FittedFamily
from radfuse.statistics.links import LinkName, probability_of

BLOCKS = {"clinical": range(4), "radiomic": range(4, 16), "deep": range(16, 24)}
NAMES = [f"c{i}" for i in range(24)]
TELLING = {"c0", "c6", "c17"}
"""One column of each block, by which outcomes are planted."""

every_strategy = pytest.mark.parametrize("kind", ["average", "early", "mean", "penalty", "priority", "score", "stack"])
every_selection = pytest.mark.parametrize(
    "step",
    [
        {"kind": "variance"},
        {"kind": "univariate", "fdr": True},
        {"kind": "correlation"},
        {"kind": "clusters"},
        {"kind": "mrmr", "k": 2},
        {"kind": "lasso"},
        {"kind": "lasso", "rule": "one_se", "own_folds": 3, "strengths": [0.5, 0.3]},
        {"kind": "elastic_net"},
        {"kind": "stability_selection", "halves": 10},
        {"kind": "multivariable"},
        {"kind": "multivariable", "rule": "aic"},
    ],
    ids=lambda step: " ".join(map(str, step.values())),
)


def design_of(x: np.ndarray, units: pd.DataFrame) -> Design:
    """Return a design of the three blocks; `units` has a row per row of `x`."""
    frame = pd.DataFrame(x, columns=NAMES)
    return Design(units, {block: frame.iloc[:, list(where)] for block, where in BLOCKS.items()})


def keeps_what_tells(found: Fit, step: dict[str, Any]) -> None:
    """Hold the columns in use against those that the outcome was planted by."""
    kept = {column.name for column in found.fitted.explain("s").columns}
    assert kept >= TELLING
    if step["kind"] not in ("variance", "correlation", "clusters"):
        assert len(kept) < 12


def stays_when_tests_are_spoiled(
    outcome: Any, config: FusionConfig, x: np.ndarray, units: pd.DataFrame, turned: pd.DataFrame
) -> tuple[FittedFamily, FittedFamily]:
    """Fit on all rows but the last 30, once with these as noise and turned outcomes; return both fits, files alike."""
    train, test = np.arange(len(x) - 30), np.arange(len(x) - 30, len(x))
    spoiled = x.copy()
    spoiled[test] = 1e6 * np.random.default_rng(0).standard_normal((len(test), x.shape[1]))
    (honest, first), (other, second) = (
        fit_fold(design_of(*each), "-".join(BLOCKS), Fold("1", train, test), "patient", outcome, config, 7)
        for each in ((x, units), (spoiled, turned))
    )
    assert first.fitted.to_onnx("a", first.threshold) == second.fitted.to_onnx("a", second.threshold)
    assert honest.tuned == other.tuned
    return honest, other


def with_gaps(x: np.ndarray) -> np.ndarray:
    """Return the table, some rows of which lack a block or two."""
    found = x.copy()
    for start, lacking in enumerate((["clinical"], ["radiomic"], ["deep"], ["clinical", "deep"])):
        for block in lacking:
            found[start * 5 : start * 5 + 5, list(BLOCKS[block])] = np.nan
    return found


def is_explained(fitted: Any, x: np.ndarray, link: LinkName, unit: float = 1.0) -> None:
    """Hold the sum of contributions, of the model and of what a file brings back, against the prediction.

    `unit`: of the outcome, of which a millionth is nothing.
    """
    again = Explainer.from_bytes(explainer_of(fitted, x, NAMES, link).to_bytes())
    assert again.link == link
    rows = with_gaps(x)[:8]
    own = contributions(again, rows, x[:4])
    whole = own.base + own.absence + own.values.sum(axis=1)
    np.testing.assert_allclose(probability_of(whole, link), fitted.predict(rows), rtol=0, atol=1e-6 * unit)


class InOnePiece:
    """A user's own part: a prediction, and a file of it."""

    def __init__(self, fitted: Any) -> None:
        self.fitted = fitted

    def predict(self, values: np.ndarray) -> np.ndarray:
        return np.asarray(self.fitted.predict(values))

    def to_onnx(self, family: str, threshold: float) -> bytes:
        return bytes(self.fitted.to_onnx(family, threshold))

    def explain(self, score: str) -> Explanation:
        return self.fitted.explain(score)
