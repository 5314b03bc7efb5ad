"""The elastic net against another solver's."""

from __future__ import annotations

import numpy as np
import pytest
from columns import planted, standardised
from sklearn.linear_model import LogisticRegression

from radfuse.fusion.selectors.elastic_net import ElasticNet, coefficients
from radfuse.fusion.selectors.lasso import Lasso
from radfuse.outcomes.binary import BinaryOutcome

EVENT = BinaryOutcome(column="event")


@pytest.mark.parametrize("share", [0.3, 0.7, 1.0])
@pytest.mark.parametrize("strength", [0.5, 0.1])
def test_coefficients_are_those_of_saga(share: float, strength: float):
    generator = np.random.default_rng(0)
    x = standardised(generator.standard_normal((120, 15)))
    y = (generator.random(120) < 1 / (1 + np.exp(-(1.2 * x[:, 0] - x[:, 1] - 1)))).astype(int)
    penalty = strength * np.abs((y - y.mean()) @ x).max() / len(y) / share
    oracle = LogisticRegression(
        C=1 / (penalty * len(y)), l1_ratio=share, solver="saga", tol=1e-8, max_iter=20_000, random_state=0
    ).fit(x, y)
    np.testing.assert_allclose(coefficients(x, y, penalty, share), oracle.coef_[0], atol=1e-4)


def test_of_copies_it_keeps_both_where_lasso_needs_one():
    x, y = planted(1)
    x[:, 3] = x[:, 0]
    assert ElasticNet().choose(x, y, {"elastic_net_strength": 0.7}, EVENT)[[0, 3]].all()


def test_without_squares_it_keeps_what_lasso_keeps():
    x, y = planted(2)
    for strength in (0.7, 0.3):
        net = ElasticNet(l1_share=1).choose(x, y, {"elastic_net_strength": strength}, EVENT)
        np.testing.assert_array_equal(net, Lasso().choose(x, y, {"lasso_strength": strength}, EVENT))


def test_strengths_are_tuned_from_strong_to_weak():
    assert ElasticNet(strengths=(0.1, 0.4)).candidates() == (
        {"elastic_net_strength": 0.4},
        {"elastic_net_strength": 0.1},
    )
