"""What was learned is not learned again, and nothing else is taken for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from columns import planted

from radfuse.cohort.splits import inner_folds
from radfuse.fusion.harmonise import Combat
from radfuse.fusion.learn import learned
from radfuse.fusion.memory import forget, remembered
from radfuse.fusion.models.logistic import Logistic
from radfuse.fusion.parts import Training
from radfuse.fusion.selectors.mrmr import Mrmr
from radfuse.fusion.sites import Sites
from radfuse.outcomes.binary import BinaryOutcome


@pytest.fixture
def training() -> Training:
    """Two blocks of 20 columns."""
    forget()
    x, y = planted(4, units=60)
    folds = inner_folds(np.arange(60), y, 3, 1)
    names = [f"column {i}" for i in range(40)]
    outcome = BinaryOutcome(column="event")
    return Training(x, y, {"a": range(20), "b": range(20, 40)}, names, folds, (), Logistic(), outcome, 7)


def test_a_block_is_learned_once_wherever_it_stands(training: Training, monkeypatch: pytest.MonkeyPatch):
    first = learned(training.of(["b"]))
    calls = []
    fit = Logistic.fit
    monkeypatch.setattr(Logistic, "fit", lambda *given, **more: calls.append(1) or fit(*given, **more))
    turned = np.hstack([training.x[:, 20:], training.x[:, :20]])
    names = [*training.names[20:], *training.names[:20]]
    again = learned(replace(training, x=turned, names=names, blocks={"b": range(20)}))
    assert calls == []
    np.testing.assert_array_equal(first.part.predict(training.x), again.part.predict(turned))
    assert again.part.names == tuple(names)


def test_whatever_differs_is_learned_anew(training: Training):
    made = []
    remembered(training, lambda it: made.append(it))
    other = training.x.copy()
    other[3, 5] += 1e-9
    for changed in (
        replace(training, x=other),
        replace(training, y=1 - training.y),
        replace(training, seed=8),
        replace(training, names=[*training.names[:-1], "another"]),
        replace(training, folds=training.folds[::-1]),
        replace(training, model=Logistic(c=(0.5,))),
        replace(training, selection=(Mrmr(),)),
        replace(training, offset=np.zeros(60)),
        training.of(["a"]),
        replace(training, sites=Sites(Combat(), ("x", "y"), 39)),
        replace(training, sites=Sites(Combat(unseen="pass"), ("x", "y"), 39)),
    ):
        remembered(changed, lambda it: made.append(it))
    assert len(made) == 12
    remembered(training, lambda it: made.append(it))
    assert len(made) == 12
