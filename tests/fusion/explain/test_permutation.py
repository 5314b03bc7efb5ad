"""Scores after shuffling, against a table that was shuffled and predicted again."""

from __future__ import annotations

import numpy as np
import pytest

from radfuse.fusion.config import FusionConfig
from radfuse.fusion.explain.explainer import explainer_of
from radfuse.fusion.explain.fold import explain_fold
from radfuse.fusion.explain.permutation import permuted
from radfuse.fusion.validate import fit_family
from radfuse.outcomes.binary import BinaryOutcome

BLOCKS = {"clinical": range(2), "radiomic": range(2, 6)}
NAMES = tuple("abcdef")


@pytest.fixture(scope="module")
def made() -> tuple:
    generator = np.random.default_rng(1)
    x = generator.standard_normal((100, 6))
    y = (x[:, 0] + 2 * x[:, 2] + 0.5 * generator.standard_normal(100) > 0).astype(int)
    config = {
        "inner_folds": 2,
        "strategy": {"kind": "mean"},
        "classifier": {"kind": "mean", "members": [{"kind": "ridge"}, {"kind": "extra_trees", "trees": 10}]},
    }
    about = (np.arange(60), BLOCKS, NAMES, BinaryOutcome(column="y"), FusionConfig.model_validate(config), 7)
    fit = fit_family(x[:60], y[:60], y[:60], *about)
    return x, y, fit.fitted, explainer_of(fit.fitted, x[:60], NAMES)


def test_shuffled_scores_are_those_of_a_shuffled_table(made: tuple) -> None:
    x, _, fitted, explainer = made
    rows = x[60:]
    found = permuted(explainer, rows, BLOCKS, np.array([2, 0, 5]), 2, 3)
    assert found.score == pytest.approx(fitted.score(rows))
    generator = np.random.default_rng(3)
    orders = [generator.permutation(40) for _ in range(2)]
    for place, column in enumerate((2, 0, 5)):
        for repeat, order in enumerate(orders):
            shuffled = rows.copy()
            shuffled[:, column] = rows[order, column]
            assert found.columns[place, repeat] == pytest.approx(fitted.score(shuffled))
    shuffled = rows.copy()
    shuffled[:, 2:] = rows[orders[1]][:, 2:]
    assert found.blocks["radiomic"][1] == pytest.approx(fitted.score(shuffled))


def test_a_fold_is_explained_on_units_that_it_holds_out(made: tuple) -> None:
    x, _, fitted, explainer = made
    train, test = np.arange(60), np.arange(60, 100)
    asked = {"rows": 15, "background": 20, "permutations": 2, "seed": 5}
    found = explain_fold(explainer, x, BLOCKS, train, test, **asked)
    assert len(found.units) == 15
    assert set(found.units) <= set(test)
    assert int(found.background) == 20
    assert float(found.base) + found.contributions.sum(axis=1) == pytest.approx(fitted.score(x[found.units]))
    assert found.names[found.shuffled_columns[0]] == "c"  # what the outcome is made of
    assert found.by_column.shape == (6, 2, 40)
    stored = type(found).from_bytes(found.to_bytes())
    assert list(stored.names) == list(NAMES)
    assert stored.contributions == pytest.approx(found.contributions, rel=1e-6)
