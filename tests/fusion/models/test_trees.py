"""Trees as arrays: sums by hand, and the libraries' own predictions exactly where rows meet thresholds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from exported import run_nodes
from tables import learnt

from radfuse.fusion.models.canonical import canonical
from radfuse.fusion.models.extra_trees import ExtraTrees
from radfuse.fusion.models.lightgbm import LightGBM
from radfuse.fusion.models.random_forest import RandomForest
from radfuse.fusion.models.regression_forest import RegressionForest
from radfuse.fusion.models.trees import FittedTrees, Tree, leaf_sums, shares
from radfuse.fusion.models.xgboost import XGBoost

Library = Callable[[np.ndarray], np.ndarray]
SEED = 5


def leaf(value: float) -> Tree:
    return Tree(np.array([0]), np.array([0.0]), np.array([-1]), np.array([-1]), np.array([value]))


def stump(column: int, threshold: float, below: float, above: float) -> Tree:
    return Tree(
        feature=np.array([column, 0, 0]),
        threshold=np.array([threshold, 0.0, 0.0]),
        left=np.array([1, -1, -1]),
        right=np.array([2, -1, -1]),
        value=np.array([0.0, below, above]),
    )


def test_a_sum_by_hand():
    """0.5 at the left of the first stump's 1, 0.25 at the left of the second's -1, and 0.125 always."""
    trees = (stump(0, 1.0, 0.5, 0.0), stump(1, -1.0, 0.25, 0.0), leaf(0.125))
    x = np.array([[1.0, -1.0], [1.1, -1.0], [1.0, 0.0], [9.0, 9.0]])
    expected = [0.875, 0.375, 0.625, 0.125]
    assert leaf_sums(trees, x).tolist() == expected
    model = FittedTrees(trees, np.array([0.5, 0.5]), "share")
    assert model.predict(x).tolist() == expected
    assert run_nodes(model, x).tolist() == expected
    odds = FittedTrees(trees, np.array([0.5, 0.5]), "share", base=-0.625, log_odds=True)
    assert run_nodes(odds, x)[2] == 0.5
    assert odds.predict(x)[2] == 0.5


def test_a_value_is_rounded_to_float32_before_it_is_compared():
    """0.1 is 0.100000001490116 as a float32; 1e300 and infinity lie above, and give no warning."""
    x = np.array([[0.1], [np.nextafter(0.1, 1)], [np.nextafter(np.float32(0.1), np.float32(1))], [1e300], [-1e300]])
    for threshold, expected in ((0.1, [0, 0, 0, 0, 1]), (float(np.float32(0.1)), [1, 1, 0, 0, 1])):
        model = FittedTrees((stump(0, threshold, 1.0, 0.0),), np.ones(1), "share")
        assert model.predict(x).tolist() == expected
        assert run_nodes(model, x).tolist() == expected


@pytest.mark.parametrize("size", [0.0, 1e-30, 1e-3, 1.0, 1e4])
def test_onnxruntime_adds_up_leaves_of_any_size_in_float64(size: float):
    generator = np.random.default_rng(0)
    trees = tuple(stump(0, t, size * a, size * b) for t, a, b in generator.standard_normal((300, 3)))
    x = generator.standard_normal((200, 1))
    model = FittedTrees(trees, np.ones(1), "share", base=0.5)
    nodes, constants = model.to_onnx("features")
    raw = FittedTrees(trees, np.ones(1), "share", base=0.5, log_odds=True)
    np.testing.assert_allclose(run_nodes(raw, x), raw.predict(x), rtol=0, atol=1e-9)
    assert (len(nodes), constants["tree_base"]) == (7, 0.5)


def test_what_rounding_adds_to_one_is_cut():
    model = FittedTrees((leaf(0.5), leaf(np.nextafter(0.5, 1) + 1e-15)), np.zeros(1), "share")
    assert model.predict(np.zeros((1, 1))).tolist() == [1.0]
    assert run_nodes(model, np.zeros((1, 1))).tolist() == [1.0]


def test_more_rows_than_are_predicted_at_a_time():
    x = np.random.default_rng(0).standard_normal((2500, 1))
    assert leaf_sums((stump(0, 0.3, 1.0, 2.0),), x).tolist() == np.where(x[:, 0] <= np.float32(0.3), 1.0, 2.0).tolist()


def test_shares_of_nothing_are_nought():
    assert shares(np.array([1.0, 3.0])).tolist() == [0.25, 0.75]
    assert shares(np.zeros(2)).tolist() == [0, 0]


def table() -> tuple[np.ndarray, np.ndarray]:
    """The last column has few values."""
    x, y = learnt()
    x[:, 3] = np.round(x[:, 3])
    return x, y


def forest(kind: type) -> tuple[FittedTrees, Library]:
    from sklearn import ensemble

    model = kind(trees=30, min_samples_leaf=(2,), class_weight="balanced")
    x, y = table()
    data = canonical(x, y)
    peer = getattr(ensemble, f"{kind.__name__}Classifier")(
        30, min_samples_leaf=2, max_features="sqrt", class_weight="balanced", random_state=SEED
    )
    peer.fit(data.x, data.y)
    return model.fit(x, y, model.candidates()[0], SEED), lambda rows: peer.predict_proba(rows[:, data.columns])[:, 1]


def lightgbm() -> tuple[FittedTrees, Library]:
    import lightgbm

    model = LightGBM(trees=(50,), column_share=0.6)
    x, y = table()
    data = canonical(x, y)
    settings = {
        "objective": "binary",
        "num_leaves": 4,
        "learning_rate": 0.05,
        "min_child_samples": 5,
        "colsample_bytree": 0.6,
        "reg_lambda": 1.0,
        "feature_pre_filter": False,
        "random_state": SEED,
        "n_jobs": 1,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    peer = lightgbm.train(settings, lightgbm.Dataset(data.x.astype(np.float32), data.y), 50)

    def predict(rows: np.ndarray) -> np.ndarray:
        return peer.predict(rows[:, data.columns].astype(np.float32))

    return model.fit(x, y, model.candidates()[0], SEED), predict


def xgboost() -> tuple[FittedTrees, Library]:
    from xgboost import XGBClassifier

    model = XGBoost(trees=(50,), depth=(3,), column_share=0.6, learning_rate=0.1)
    x, y = table()
    data = canonical(x, y)
    peer = XGBClassifier(
        n_estimators=50,
        max_depth=3,
        learning_rate=0.1,
        colsample_bytree=0.6,
        tree_method="exact",
        base_score=float(y.mean()),
        random_state=SEED,
        n_jobs=1,
    )
    peer.fit(data.x.astype(np.float32), data.y)

    def predict(rows: np.ndarray) -> np.ndarray:
        return peer.predict_proba(rows[:, data.columns].astype(np.float32))[:, 1]

    return model.fit(x, y, model.candidates()[0], SEED), predict


GROWN: dict[str, tuple[Callable[[], tuple[FittedTrees, Library]], float]] = {
    "extra_trees": (lambda: forest(ExtraTrees), 1e-12),
    "random_forest": (lambda: forest(RandomForest), 1e-12),
    "lightgbm": (lightgbm, 1e-12),
    "xgboost": (xgboost, 1e-6),  # which adds in float32
}


def rows_at(trees: tuple[Tree, ...], x: np.ndarray) -> Iterator[np.ndarray]:
    """Yield a row at each threshold, at its neighbours among the float32 and among the float64, on either side."""
    generator = np.random.default_rng(0)
    for tree in trees:
        for node in np.flatnonzero(tree.left >= 0):
            at, small = tree.threshold[node], np.float32(tree.threshold[node])
            beside = [np.nextafter(small, np.float32(far)) for far in (-np.inf, np.inf)]
            for value in (at, small, *beside, np.nextafter(at, -np.inf), np.nextafter(at, np.inf)):
                row = x[generator.integers(len(x))].copy()
                row[tree.feature[node]] = value
                yield row


@pytest.mark.parametrize("name", GROWN)
def test_equals_the_library_that_grew_them_and_its_file_at_every_threshold(name: str):
    make, allowed = GROWN[name]
    model, library = make()
    x, _ = table()
    rows = np.vstack([x, 2 * np.random.default_rng(1).standard_normal((1000, 4)), *rows_at(model.trees, x)])
    assert len(rows) > 1500
    found = model.predict(rows)
    np.testing.assert_allclose(found, library(rows), rtol=0, atol=allowed)
    np.testing.assert_allclose(run_nodes(model, rows), found, rtol=0, atol=1e-9)


def test_a_tree_that_cannot_split_is_its_leaf():
    """Fewer units than a leaf must hold: the share of events is all that is left."""
    x, y = table()
    for model in (
        LightGBM(min_data_in_leaf=60),
        ExtraTrees(trees=5, min_samples_leaf=(60,)),
        XGBoost(min_child_weight=99),
    ):
        found = model.fit(x, y, model.candidates()[0], SEED)
        assert found.predict(x) == pytest.approx(np.full(80, y.mean()), abs=1e-6)
        assert found.importance.tolist() == [0, 0, 0, 0]
        np.testing.assert_allclose(run_nodes(found, x), found.predict(x), atol=1e-9)


@pytest.mark.parametrize("model", [ExtraTrees(trees=5, min_samples_leaf=(2,)), RegressionForest(trees=5)])
def test_columns_whose_splits_gain_nothing_have_no_importance(model: Any):
    """Half of the units have the event on either side of the only threshold; sklearn divides 0 by 0."""
    x, y = np.repeat([[0.0], [1.0]], 4, axis=0), np.tile([0.0, 1.0], 4)
    found = model.fit(x, y, model.candidates()[0], SEED)
    assert len(found.trees[0].feature) == 3
    assert found.importance.tolist() == [0]
    assert found.predict(x) == pytest.approx(np.full(8, 0.5))
