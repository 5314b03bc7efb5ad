"""Learners of survival: reference fits, the score and its ONNX file, what was known before, and bad input."""

from __future__ import annotations

import numpy as np
import pytest
from exported import run_nodes
from rossi import rossi

from radfuse.errors import InputError
from radfuse.fusion.models.cox import Cox
from radfuse.fusion.models.cox_fit import FittedCox, Survival, cox_net, cox_ridge, most_penalty, slopes
from radfuse.fusion.models.cox_mlp import CoxMlp
from radfuse.fusion.models.cox_trees import CoxTrees
from radfuse.fusion.parts import Column
from radfuse.statistics.concordance import harrell
from radfuse.statistics.cox import by_score
from radfuse.statistics.survival import kaplan_meier

LEARNERS = {"cox": Cox(spreads=(1.0,)), "cox_trees": CoxTrees(trees=(40,)), "cox_mlp": CoxMlp(decay=(10.0,))}
every = pytest.mark.parametrize("name", LEARNERS)


def planted(units: int, seed: int, columns: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Return a table whose first two columns hasten the event, and times and events; 1 is a usual time."""
    generator = np.random.default_rng(seed)
    x = generator.standard_normal((units, columns))
    x[:, 3] = np.round(x[:, 3])
    time = generator.exponential(size=units) / np.exp(x[:, 0] + 0.7 * x[:, 1])
    last = generator.uniform(0.2, 4, units)
    return (x - x.mean(axis=0)) / x.std(axis=0), np.column_stack([np.minimum(time, last), time <= last]).astype(float)


def fitted(name: str, x: np.ndarray, y: np.ndarray, offset: np.ndarray | None = None, seed: int = 7):
    model = LEARNERS[name]
    return model.fit(x, y, model.candidates()[0], seed, offset, horizon=1.0)


def c(y: np.ndarray, score: np.ndarray) -> float:
    return float(harrell(y[:, 0], y[:, 1], score[:, None], np.arange(len(y))).values[0])


def test_all_seven_coefficients_of_rossi() -> None:
    x, time, event = rossi()
    centre, scale = x.mean(axis=0), x.std(axis=0)
    y = np.column_stack([time, event])
    (found,) = cox_ridge((x - centre) / scale, Survival(y, 52.0, np.zeros(len(x))), [1e-8])
    published = (-0.37942, -0.05744, 0.31390, -0.14980, -0.43370, -0.08487, 0.09150)
    np.testing.assert_allclose(found.coefficients / scale, published, atol=1e-4)
    share = 1 - kaplan_meier(time, event).at(np.array(52.0))
    assert found.predict((x - centre) / scale).mean() == pytest.approx(share, abs=0.01)


def test_ridge_is_the_minimum_of_its_penalised_loss() -> None:
    x, y = planted(80, 0, columns=120)
    known = Survival(y, 1.0, np.zeros(80))
    for penalty, found in zip((50.0, 5.0), cox_ridge(x, known, [50.0, 5.0]), strict=True):
        slope = by_score(known.units, x @ found.coefficients)[1]
        assert np.abs(slope @ x + penalty * found.coefficients).max() < 1e-4


def test_an_elastic_net_meets_the_conditions_of_its_minimum() -> None:
    x, y = planted(120, 1, columns=30)
    known = Survival(y, 1.0, np.zeros(120))
    most = most_penalty(x, known)
    assert not cox_net(x, known, most * 1.001, 1.0, np.zeros(30)).any()
    penalty, share = 0.3 * most, 0.8
    beta = cox_net(x, known, penalty, share, np.zeros(30))
    slope = by_score(known.units, x @ beta)[1] @ x / 120 + penalty * (1 - share) * beta
    assert 1 < (beta != 0).sum() < 30
    np.testing.assert_allclose(slope[beta != 0], -penalty * share * np.sign(beta[beta != 0]), atol=2e-4)
    assert np.abs(slope[beta == 0]).max() <= penalty * share + 2e-4
    np.testing.assert_allclose(slopes(x, known).max() / 120, most)


def test_lasso_names_only_the_columns_it_keeps() -> None:
    x, y = planted(120, 1, columns=30)
    model = Cox(l1_share=1.0, strengths=(0.5,))
    found = model.fit(x, y, {"cox_strength": 0.5}, 0, horizon=1.0)
    columns = [Column(f"c{i}", "radiomic", 0.0, 0.0, 1.0) for i in range(30)]
    said = found.explain(columns, "s")
    assert {column.name for column in said.columns} == {f"c{i}" for i in np.flatnonzero(found.coefficients)}
    assert said.unit == "log hazard ratio per standard deviation"
    with pytest.raises(InputError, match="between 0 and 1"):
        Cox(strengths=(0.5, 1.0))


@every
def test_events_are_ranked_and_probabilities_are_about_as_frequent_as_events(name) -> None:
    x, y = planted(250, 2)
    new_x, new_y = planted(500, 3)
    found = fitted(name, x, y)
    assert c(new_y, found.predict(new_x)) > 0.7
    share = 1 - kaplan_meier(y[:, 0], y[:, 1]).at(np.array(1.0))
    assert found.predict(new_x).mean() == pytest.approx(share, abs=0.06)


@every
def test_the_onnx_file_says_the_same_on_a_thousand_rows(name) -> None:
    found = fitted(name, *planted(120, 4))
    rows = 2 * np.random.default_rng(1).standard_normal((1000, 6))
    np.testing.assert_allclose(run_nodes(found, rows, "probability"), found.predict(rows), atol=1e-9)
    np.testing.assert_allclose(run_nodes(found, rows, "score"), found.score(rows), atol=1e-6)
    np.testing.assert_allclose(found.predict(rows), 1 - np.exp(-np.exp(found.score(rows))), atol=1e-12)


@every
def test_what_is_known_before_is_added_to_and_not_learned_again(name) -> None:
    x, y = planted(250, 5)
    truth = x[:, 0] + 0.7 * x[:, 1]
    added = fitted(name, x, y, offset=truth)
    assert np.std(added.score(x)) < 0.5 * np.std(fitted(name, x, y).score(x))
    p = 1 - np.exp(-np.exp(added.score(x) + truth))
    assert p.mean() == pytest.approx(1 - kaplan_meier(y[:, 0], y[:, 1]).at(np.array(1.0)), abs=0.05)


@every
def test_the_order_of_rows_and_columns_changes_nothing(name) -> None:
    x, y = planted(100, 6)
    generator = np.random.default_rng(0)
    rows, columns = generator.permutation(100), generator.permutation(6)
    moved = fitted(name, x[np.ix_(rows, columns)], y[rows])
    np.testing.assert_allclose(moved.predict(x[:, columns]), fitted(name, x, y).predict(x), atol=1e-6)


@every
def test_noise_is_near_one_half(name) -> None:
    y = planted(200, 7)[1]
    new = planted(400, 8)[1]
    noise = np.random.default_rng(9).standard_normal((600, 6))
    found = harrell(new[:, 0], new[:, 1], fitted(name, noise[:200], y).predict(noise[200:])[:, None], np.arange(400))
    assert abs(found.values[0] - 0.5) < 3 * np.sqrt(found.covariance[0, 0])


@every
def test_a_training_set_without_an_event_is_refused(name) -> None:
    x, y = planted(30, 10)
    with pytest.raises(ValueError, match="none of 30 units has the event"):
        fitted(name, x, y * [1, 0])


def test_a_horizon_before_the_first_event_counts_half_an_event() -> None:
    x, y = planted(60, 11)
    early = cox_ridge(x, Survival(y, y[:, 0].min() / 2, np.zeros(60)), [1e9])[0]
    assert isinstance(early, FittedCox)
    event_first = (y[:, 0] < y[y[:, 1] == 1, 0].min()).sum()
    assert early.intercept == pytest.approx(np.log(0.5 / (60 - event_first)), abs=1e-3)
