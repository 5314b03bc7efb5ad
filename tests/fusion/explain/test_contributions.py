"""Contributions against Shapley's definition, and what they must be of any model: complete, fair, repeatable."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapley import by_definition

from radfuse.fusion.config import FusionConfig
from radfuse.fusion.explain.atoms import LinearAtom, Prepared, TreeAtom
from radfuse.fusion.explain.explainer import Explainer, Share, Sum, explainer_of, group_background, scorer_of
from radfuse.fusion.explain.kernels import CLIPPED, LOGIT, NO_LINK
from radfuse.fusion.explain.shapley import contributions
from radfuse.fusion.validate import Fit, fit_family
from radfuse.outcomes.binary import BinaryOutcome

NAMES = tuple("abcdefgh")
BLOCKS = {"clinical": range(2), "radiomic": range(2, 5), "deep": range(5, 8)}


def table(units: int = 120) -> tuple[np.ndarray, np.ndarray]:
    """Return eight columns with gaps, of which 15 units lack the last block, and an event that three tell."""
    generator = np.random.default_rng(0)
    x = generator.standard_normal((units, 8))
    y = (x[:, 0] + x[:, 2] * x[:, 3] + x[:, 6] + 0.7 * generator.standard_normal(units) > 0.2).astype(int)
    x[generator.random(x.shape) < 0.05] = np.nan
    x[:15, 5:] = np.nan
    return x, y


def fitted(**config: Any) -> Fit:
    x, y = table()
    about = (np.arange(len(y)), BLOCKS, NAMES, BinaryOutcome(column="y"))
    return fit_family(x, y, y, *about, FusionConfig.model_validate({"inner_folds": 2, **config}), 7)


def _few_gaps(x: np.ndarray) -> np.ndarray:
    """Return which rows have gaps so few that no mixture of two of them lacks a whole block."""
    gaps = np.isnan(x)
    return ~gaps[:, :2].any(axis=1) & (gaps[:, 2:5].sum(axis=1) < 2) & (gaps[:, 5:].sum(axis=1) < 2)


def all_columns(found: Any) -> np.ndarray:
    whole = np.zeros((len(found.values), len(NAMES)))
    whole[:, found.columns] = found.values
    return whole


def seen(columns: int) -> Prepared:
    return Prepared(np.arange(columns), np.zeros(columns), np.zeros(columns), np.ones(columns))


def stump(column: int, low: float, high: float, *, columns: int = 3, link: int = NO_LINK) -> Explainer:
    """Return one tree of one split at 0."""
    feature, side = np.array([column, 0, 0]), np.array([1, -1, -1])
    value = np.array([0.0, low, high])
    tree = (feature, np.zeros(3), side, np.array([2, -1, -1]), value, np.array([0]))
    atom = TreeAtom(seen(columns), *tree, np.array(0.0), np.array(link), np.array([0.01, 0.99]))
    return Explainer(NAMES[:columns], 0, (atom,))


KINDS: dict[str, tuple[dict[str, Any], float]] = {
    "default": ({}, 2e-3),
    "recalibrated": ({"recalibrate": {"kind": "beta"}, "classifier": {"kind": "ridge"}}, 1e-9),
    "linear": ({"classifier": {"kind": "ridge"}, "strategy": {"kind": "mean"}}, 1e-9),
    "boosted": ({"classifier": {"kind": "lightgbm", "trees": [20]}, "strategy": {"kind": "early"}}, 1e-9),
    "forest": ({"classifier": {"kind": "extra_trees", "trees": 30}, "strategy": {"kind": "early"}}, 0.03),
    "components": (
        {
            "selection": [{"kind": "pca"}],
            "classifier": {"kind": "extra_trees", "trees": 10},
            "strategy": {"kind": "early"},
        },
        0.1,
    ),
    "kernel": ({"classifier": {"kind": "svm"}, "strategy": {"kind": "early"}}, 0.1),
}
"""Family -> settings, and how far contributions may be from the definition, as a share of the largest."""


@pytest.mark.parametrize("kind", KINDS)
def test_contributions_are_shapley_values(kind: str) -> None:
    config, near = KINDS[kind]
    fit = fitted(**config)
    x, _ = table()
    explainer = Explainer.from_text(explainer_of(fit.fitted, x, NAMES).to_text())
    whole = x[_few_gaps(x)]
    rows, background = whole[:6], whole[20:60]
    assert np.isnan(rows).any()
    assert np.isnan(background).any()
    score = scorer_of(fit.fitted)
    found = contributions(explainer, rows, background)
    truth = by_definition(score, rows, background)
    assert np.abs(all_columns(found) - truth).max() <= near * np.abs(truth).max()
    assert found.score == pytest.approx(score(rows), abs=1e-9)
    assert found.base == pytest.approx(score(background).mean(), abs=1e-9)
    assert found.base + found.absence + found.values.sum(axis=1) == pytest.approx(found.score, abs=1e-9)


def test_a_missing_block_is_told_apart_from_its_columns() -> None:
    fit, (x, _) = fitted(), table()
    explainer = explainer_of(fit.fitted, x, NAMES)
    found = contributions(explainer, x[:4], x[60:100])
    assert found.base + found.absence + found.values.sum(axis=1) == pytest.approx(scorer_of(fit.fitted)(x[:4]))
    assert (np.abs(found.absence) > 1e-6).all()
    priority_and_stack_stand_in = all_columns(found)[:, :5]
    assert (np.abs(priority_and_stack_stand_in).sum(axis=1) > 0).all()


def test_a_line_by_hand() -> None:
    atom = LinearAtom(seen(2), np.array([2.0, -1.0]), np.array(0.5))
    found = contributions(Explainer(("a", "b"), 0, (atom,)), np.array([[3.0, 1.0]]), np.array([[1.0, 0.0], [1.0, 2.0]]))
    assert found.values.tolist() == [[4.0, 0.0]]
    assert (found.base, found.score.tolist()) == (1.5, [5.5])


def test_two_stumps_that_multiply_share_alike() -> None:
    # leaf 1 only where both columns are above 0: from (-1, -1) to (1, 1) each moves it by a half
    tree = (np.array([0, 0, 1, 0, 0]), np.zeros(5), np.array([1, -1, 3, -1, -1]), np.array([2, -1, 4, -1, -1]))
    value = np.array([0.0, 0.0, 0.0, 0.0, 1.0])
    atom = TreeAtom(seen(2), *tree, value, np.array([0]), np.array(0.0), np.array(NO_LINK), np.zeros(2))
    found = contributions(Explainer(("a", "b"), 0, (atom,)), np.ones((1, 2)), -np.ones((1, 2)))
    assert found.values.tolist() == [[0.5, 0.5]]


def test_a_clipped_sum_stops_where_it_is_clipped() -> None:
    stumps = stump(0, -3.0, 3.0, link=CLIPPED)
    found = contributions(stumps, np.array([[1.0, 0, 0]]), np.array([[-1.0, 0, 0]]))
    assert found.values.tolist() == [[pytest.approx(0.99 - 0.01)]]


@given(seed=st.integers(0, 10_000), link=st.sampled_from([NO_LINK, LOGIT, CLIPPED]))
@settings(max_examples=15)
def test_trees_are_complete_fair_and_leave_dummies_alone(seed: int, link: int) -> None:
    generator = np.random.default_rng(seed)
    trees, columns = 6, 5
    feature, threshold, value, left, right, roots = [], [], [], [], [], []
    for number in range(trees):  # full trees of depth 2 on columns 0 to 3; column 4 is never asked for
        roots.append(7 * number)
        feature += [*generator.integers(0, 4, 3), 0, 0, 0, 0]
        threshold += [*generator.standard_normal(3), 0, 0, 0, 0]
        value += [0, 0, 0, *generator.uniform(0, 1 / trees, 4)]
        left += [7 * number + k if k >= 0 else -1 for k in (1, 3, 5, -1, -1, -1, -1)]
        right += [7 * number + k if k >= 0 else -1 for k in (2, 4, 6, -1, -1, -1, -1)]
    nodes = (np.array(feature), np.array(threshold), np.array(left), np.array(right), np.array(value, dtype=float))
    ends = np.array([0.01, 0.99]) if link == LOGIT else np.array([0.3, 0.6])
    atom = TreeAtom(seen(columns), *nodes, np.array(roots), np.array(0.0), np.array(link), ends)
    explainer = Explainer(NAMES[:columns], 0, (atom,))
    rows, background = generator.standard_normal((4, columns)), generator.standard_normal((6, columns))
    found = contributions(explainer, rows, background)
    assert 4 not in found.columns
    assert found.base + found.values.sum(axis=1) == pytest.approx(explainer.score(rows), abs=1e-9)
    again = contributions(explainer, rows, background)
    assert np.array_equal(found.values, again.values)
    if link == NO_LINK:
        renamed = replace(atom, feature=np.array([1, 0, 2, 3, 4])[nodes[0]])
        swapped = contributions(
            Explainer(NAMES[:columns], 0, (renamed,)), rows[:, [1, 0, 2, 3, 4]], background[:, [1, 0, 2, 3, 4]]
        )
        one, other = (dict(zip(each.columns, each.values.T, strict=True)) for each in (found, swapped))
        for column, twin in ((0, 1), (1, 0), (2, 2), (3, 3)):
            assert (column in one) == (twin in other)
            if column in one:
                assert one[column] == pytest.approx(other[twin], abs=1e-12)


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_trees_equal_the_shap_library() -> None:
    import shap
    from sklearn.ensemble import ExtraTreesClassifier

    from radfuse.fusion.explain.explainer import _tree_atom
    from radfuse.fusion.models.canonical import canonical
    from radfuse.fusion.models.forest import fit_forest

    generator = np.random.default_rng(1)
    x = generator.standard_normal((150, 8)).astype(np.float32).astype(float)
    y = (x[:, 0] + x[:, 1] * x[:, 2] > 0).astype(int)
    forest = ExtraTreesClassifier(20, min_samples_leaf=3, random_state=0)
    trees = _tree_atom(seen(8), fit_forest(forest, x, y))
    plain = replace(trees, link=np.array(NO_LINK))
    columns = canonical(x, y).columns  # in whose order the forest has grown
    theirs = shap.TreeExplainer(forest, x[:50, columns]).shap_values(x[100:110, columns])[..., 1]
    ours = contributions(Explainer(NAMES, 0, (plain,)), x[100:110], x[:50]).values
    assert ours[:, columns] == pytest.approx(theirs, abs=1e-6)


def test_rows_to_compare_with_have_each_columns_values_and_are_nobodys() -> None:
    x, _ = table()
    found = group_background(x, 40, 0)
    assert found.shape == (40, 8)
    for column in range(8):
        known = found[:, column][~np.isnan(found[:, column])]
        assert np.isin(known, x[:, column]).all()
        assert np.median(known) == pytest.approx(np.nanmedian(x[:, column]), abs=0.15)
    rows = {tuple(row) for row in np.nan_to_num(x).tolist()}
    assert not any(tuple(row) in rows for row in np.nan_to_num(found).tolist())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"left": np.array([7, -1, -1])}, "do not fit together"),
        ({"feature": np.array([9, 0, 0])}, "do not fit together"),
        ({"left": np.array([0, -1, -1])}, "do not fit together"),  # a circle
        ({"roots": np.array([2])}, "do not fit together"),
        ({"value": np.zeros(2)}, "do not fit together"),
    ],
)
def test_a_file_whose_trees_lead_astray_is_refused(change: dict[str, np.ndarray], words: str) -> None:
    sound = stump(0, -1.0, 1.0)
    (atom,) = sound.atoms
    assert isinstance(atom, TreeAtom)
    spoilt = replace(atom, **change)
    with pytest.raises(ValueError, match=words):
        Explainer.from_bytes(Explainer(sound.names, 0, (spoilt,)).to_bytes())


def test_other_files_are_refused() -> None:
    with pytest.raises(ValueError, match="export the bundle again"):
        Explainer.from_bytes(b"PK no zip")
    lost = Explainer(("a", "b", "c"), Sum(0.0, (Share(3, 1.0, np.array([0])),)), stump(0, 0.0, 1.0).atoms)
    with pytest.raises(ValueError, match="there is no part 3"):
        Explainer.from_bytes(lost.to_bytes())
