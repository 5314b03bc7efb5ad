"""Models that are a sum of terms store themselves as one that says the same; of others settings tell beforehand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from radfuse.fusion.additive import SAME, score_of, why_no_terms
from radfuse.fusion.config import FusionConfig
from radfuse.fusion.harmonise import Combat
from radfuse.fusion.validate import fit_family
from radfuse.outcomes.binary import BinaryOutcome
from radfuse.results import Score
from radfuse.results.score import Beta, Cloglog, Knots, Logistic, Reading, ScoreColumn, Terms, Total, Weighed

NAMES = ["age", "sex", *(f"radiomic {i}" for i in range(6)), "deep 0", "deep 1", "deep 2"]
BLOCKS = {"clinical": [0, 1], "radiomic": list(range(2, 8)), "deep": [8, 9, 10]}


def fitted(blocks: tuple[str, ...], **settings: Any) -> tuple[Any, np.ndarray, str]:
    """Return a family of a small table, its table, and what settings say of it."""
    generator = np.random.default_rng(5)
    x = generator.standard_normal((60, 11)) * 4 + 30
    x[:, 1] = x[:, 1] > 30
    y = (x[:, 0] + x[:, 2] + x[:, 8] + 6 * generator.standard_normal(60) > 90).astype(int)
    x[generator.random(x.shape) < 0.03] = np.nan
    config = FusionConfig(**{"classifier": {"kind": "ridge", "spreads": (0.3,)}, "inner_folds": 3, **settings})
    own = {name: BLOCKS[name] for name in blocks}
    people = np.arange(60)
    found = fit_family(x, y, y, people, own, NAMES, BinaryOutcome(column="event"), config, 1)
    return found.fitted, x, why_no_terms(config, blocks)


ALL = ("clinical", "radiomic", "deep")
LINEAR: list[dict[str, Any]] = [
    *({"strategy": {"kind": kind}} for kind in ("early", "mean", "penalty", "priority", "score", "stack", "average")),
    {"classifier": {"kind": "svm", "kernel": "linear", "c": (0.1,)}, "strategy": {"kind": "early"}},
    {"classifier": {"kind": "lda"}, "strategy": {"kind": "stack"}},
    {"classifier": {"kind": "logistic", "c": (0.1,)}, "selection": [{"kind": "lasso"}], "strategy": {"kind": "early"}},
    {"classifier": {"kind": "logistic", "c": (0.1,)}, "selection": [{"kind": "pca"}], "strategy": {"kind": "mean"}},
    *({"strategy": {"kind": "score"}, "recalibrate": {"kind": kind}} for kind in ("platt", "beta", "isotonic")),
    {"classifier": {"kind": "knn", "k": (5,)}, "strategy": {"kind": "priority"}},
    {"classifier": {"kind": "knn", "k": (5,)}, "strategy": {"kind": "penalty"}},
]


@pytest.mark.parametrize("settings", LINEAR, ids=str)
def test_a_sum_of_terms_says_what_the_model_says_whatever_is_missing(settings: dict[str, Any]) -> None:
    model, x, reason = fitted(ALL, **settings)
    assert reason == ""
    score = score_of(model, NAMES, x)
    assert score is not None
    again = Score.model_validate_json(score.model_dump_json())
    assert again == score
    places = [NAMES.index(column.name) for column in score.columns]
    rows = x.copy()
    for i, lacking in enumerate([["clinical"], ["radiomic"], ["deep"], ["clinical", "deep"], list(BLOCKS)]):
        rows[i * 10 : i * 10 + 9, [column for block in lacking for column in BLOCKS[block]]] = np.nan
    rows[:, [i for i in range(11) if i not in places]] = np.nan
    np.testing.assert_allclose(again.predict(rows[:, places]), model.predict(rows), rtol=0, atol=SAME)


def test_steps_that_name_the_first_block_choose_its_columns_beside_the_scores() -> None:
    """The outcome hangs on age and not on sex; a step of all blocks is for the scores alone."""
    chosen: dict[str, set[str]] = {}
    for name, blocks in (("clinical", ["clinical"]), ("others", ["radiomic"])):
        step = {"kind": "multivariable", "blocks": blocks, "alpha_alone": 0.05}
        model, x, _ = fitted(("clinical", "radiomic"), strategy={"kind": "score"}, selection=[step])
        score = score_of(model, NAMES, x)
        assert score is not None
        chosen[name] = {column.name for column in score.columns if column.block == "clinical"}
    assert chosen == {"clinical": {"age"}, "others": {"age", "sex"}}


@pytest.mark.parametrize("seed", range(4))
def test_no_score_of_a_block_is_turned_round(seed: int) -> None:
    """Nearest neighbours of nearly all units answer with the share of the other folds, which leans against theirs."""
    generator = np.random.default_rng(seed)
    x, y = generator.standard_normal((60, 11)), np.arange(60) % 2
    parts: Any = {"classifier": {"kind": "knn", "k": (45,)}, "strategy": {"kind": "score"}}
    config = FusionConfig(**parts, inner_folds=4)
    own = {name: BLOCKS[name] for name in ("clinical", "radiomic")}
    outcome = BinaryOutcome(column="event")
    assert fit_family(x, y, y, np.arange(60), own, NAMES, outcome, config, 1).settings["weight.radiomic"] >= 0


BENT: list[tuple[tuple[str, ...], dict[str, Any], str]] = [
    (ALL, {"classifier": {"kind": "knn", "k": (5,)}, "strategy": {"kind": "early"}}, "knn is no sum of terms"),
    (("radiomic",), {"classifier": {"kind": "knn", "k": (5,)}, "strategy": {"kind": "priority"}}, "knn is no sum"),
    (ALL[1:], {"classifier": {"kind": "naive_bayes"}, "strategy": {"kind": "score"}}, "naive_bayes is no sum"),
    (
        ALL,
        {
            "classifier": {"kind": "mean", "members": [{"kind": "ridge"}, {"kind": "extra_trees", "trees": 10}]},
            "strategy": {"kind": "average", "of": [{"kind": "priority"}, {"kind": "stack"}]},
        },
        "extra_trees is no sum",
    ),
    (
        ALL,
        {"classifier": {"kind": "lightgbm", "trees": (5,)}, "strategy": {"kind": "priority"}},
        "lightgbm is no sum of terms",
    ),
]


@pytest.mark.parametrize(("blocks", "settings", "said"), BENT, ids=lambda value: str(value)[:60])
def test_of_other_models_settings_say_why_and_what_to_choose(
    blocks: tuple[str, ...], settings: dict[str, Any], said: str
) -> None:
    model, x, reason = fitted(blocks, **settings)
    assert said in reason
    assert "logistic, ridge, lda, svm with kernel: linear, or xgboost with booster: linear, and" in reason
    assert score_of(model, NAMES, x) is None


def test_harmonised_values_have_no_axes_of_their_own() -> None:
    config = FusionConfig(classifier={"kind": "ridge"}, harmonise=Combat())  # type: ignore[arg-type]
    assert "leave fusion.harmonise out" in why_no_terms(config, ("radiomic",))


# the score itself, by hand


def column(name: str, block: str, missing: float = 0.0) -> ScoreColumn:
    return ScoreColumn(name=name, block=block, missing=missing, mean=1.0, scale=2.0, low=-3.0, high=5.0, whole=False)


def test_an_absent_part_is_replaced_or_leaves_its_weight() -> None:
    """With a = 5 and b = 3 the parts are 2 and 10 + 1; absent ones give -4, or what the other part gives twice."""
    of_a, of_b = (Terms(intercept=i, columns=(c,), coefficients=(1.0,)) for i, c in ((0.0, 0), (10.0, 1)))
    columns = (column("a", "first"), column("b", "second"))

    def score(*absent: float | None) -> Score:
        parts = zip((0.5, 0.5), ("first", "second"), absent, (of_a, of_b), strict=True)
        weighed = tuple(Weighed(weight=w, blocks=(b,), absent=gone, score=own) for w, b, gone, own in parts)
        return Score(columns=columns, sum=Total(intercept=1.0, parts=weighed))

    rows = np.array([[5.0, 3.0], [np.nan, 3.0], [5.0, np.nan], [np.nan, np.nan]])
    np.testing.assert_allclose(score(None, None).predictor(rows), [7.5, 12.0, 3.0, 1 + 0.5 * (-0.5 + 9.5)])
    np.testing.assert_allclose(score(-4.0, -4.0).predictor(rows), [7.5, 4.5, 0.0, -3.0])
    assert score(None, None).own_terms("second") == (0.5, of_b)
    np.testing.assert_allclose(score(None, None).coefficients(), [0.5, 0.5])
    assert score(None, None).intercept() == 6.0


def test_links_by_hand() -> None:
    at = np.array([-2.0, 0.0, 1.0])
    np.testing.assert_allclose(Logistic().of(at), 1 / (1 + np.exp(-at)))
    np.testing.assert_allclose(Beta(intercept=0.0, a=1.0, b=1.0).of(at), 1 / (1 + np.exp(-at)))
    np.testing.assert_allclose(Knots(scores=(-1, 1), probabilities=(0.2, 0.6)).of(at), [0.2, 0.4, 0.6])
    np.testing.assert_allclose(Cloglog(hazard=0.1).of(at), 1 - np.exp(-0.1 * np.exp(at)))
    assert Reading.model_validate({"label": "at 2 years", "link": {"kind": "cloglog", "hazard": 0.1}}).link.of(
        np.array([0.0])
    )[0] == pytest.approx(1 - np.exp(-0.1))


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"kind": "terms", "intercept": 0, "columns": [7], "coefficients": [1]}, "a column that is not listed"),
        ({"kind": "terms", "intercept": 0, "columns": [0], "coefficients": []}, "1 columns have 0 coefficients"),
        (
            {
                "kind": "total",
                "intercept": 0,
                "parts": [
                    {
                        "weight": 1,
                        "blocks": ["foreign"],
                        "score": {"kind": "terms", "intercept": 0, "columns": [0], "coefficients": [1]},
                    }
                ],
            },
            "a block that has no column",
        ),
    ],
)
def test_a_score_that_cannot_be_computed_is_refused(broken: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Score.model_validate({"columns": [column("a", "first").model_dump()], "sum": broken})
