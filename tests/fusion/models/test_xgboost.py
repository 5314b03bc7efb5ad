"""XGBoost: the linear booster's own numbers, the share of events as a start, and a machine without it."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from radfuse.fusion.models.canonical import canonical
from radfuse.fusion.models.penalised import FittedLogistic
from radfuse.fusion.models.xgboost import XGBoost


def table() -> tuple[np.ndarray, np.ndarray]:
    """One unit in five has the event."""
    x = np.random.default_rng(0).standard_normal((100, 3))
    return x, (x[:, 0] > np.quantile(x[:, 0], 0.8)).astype(float)


def test_a_machine_without_it_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "xgboost", None)
    with pytest.raises(ValueError, match=r"xgboost: XGBoost cannot be loaded .*pip install 'radfuse\[xgboost\]'"):
        XGBoost().fit(*table(), XGBoost().candidates()[0], 0)


def test_the_linear_booster_equals_xgboost():
    from xgboost import XGBClassifier

    x, y = table()
    model = XGBoost(booster="linear", trees=(30,), penalty=(0.1,), learning_rate=0.1)
    found = model.fit(x, y, model.candidates()[0], 1)
    data = canonical(x, y)
    peer = XGBClassifier(
        booster="gblinear",
        updater="coord_descent",
        n_estimators=30,
        learning_rate=0.1,
        reg_lambda=0.1,
        base_score=0.2,
        n_jobs=1,
    )
    peer.fit(data.x.astype(np.float32), data.y)
    rows = np.random.default_rng(1).standard_normal((500, 3))
    assert isinstance(found, FittedLogistic)
    np.testing.assert_allclose(found.predict(rows), peer.predict_proba(rows[:, data.columns])[:, 1], rtol=0, atol=1e-6)


@pytest.mark.parametrize("booster", ["tree", "linear"])
def test_the_first_round_starts_at_the_share_of_events(booster: str):
    """A penalty beyond all bounds leaves 0.2 to everyone."""
    model = XGBoost(booster=booster, penalty=(1e9,), trees=(3,))
    x, y = table()
    assert model.fit(x, y, model.candidates()[0], 0).predict(x) == pytest.approx(np.full(100, 0.2), abs=1e-5)
