"""The small network equals scikit-learn's."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from tables import learnt, unseen

from radfuse.fusion.models.canonical import canonical
from radfuse.fusion.models.mlp import Mlp


def test_equals_scikit_learn_after_as_many_steps():
    x, y = learnt()
    data = canonical(x, y)
    peer = MLPClassifier((5,), activation="tanh", solver="lbfgs", alpha=2.0, max_iter=20, random_state=4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        peer.fit(data.x, data.y)
    found = Mlp(hidden=5, steps=20).fit(x, y, {"mlp_decay": 2.0}, 4)
    rows = unseen()
    np.testing.assert_allclose(found.predict(rows), peer.predict_proba(rows[:, data.columns])[:, 1], rtol=0, atol=1e-10)


def test_a_decay_beyond_all_bounds_leaves_the_share():
    x, y = learnt()
    found = Mlp().fit(x, y, {"mlp_decay": 1e6}, 0).predict(x)
    np.testing.assert_allclose(found, y.mean(), atol=1e-3)
