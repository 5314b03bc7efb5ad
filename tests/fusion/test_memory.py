"""What was learned is not learned again, and nothing else is taken for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from columns import planted

from radfuse.cohort.splits import inner_folds
from radfuse.fusion.config import Mean, Member
from radfuse.fusion.harmonise import Combat
from radfuse.fusion.learn import learned
from radfuse.fusion.memory import forget, remembered, remembered_folds
from radfuse.fusion.models.extra_trees import ExtraTrees
from radfuse.fusion.models.logistic import Logistic
from radfuse.fusion.models.ridge import Ridge
from radfuse.fusion.parts import Training
from radfuse.fusion.selectors.lasso import Lasso
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
    remembered([training], lambda it: made.extend(it) or it)
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
        remembered([changed], lambda it: made.extend(it) or it)
    assert len(made) == 12
    remembered([training], lambda it: made.extend(it) or it)
    assert len(made) == 12


def test_columns_are_chosen_once_whatever_is_fitted_to_them(training: Training, monkeypatch: pytest.MonkeyPatch):
    """Another model, and log odds known before, do not change what LASSO sees; another outcome or row does."""
    calls: list[int] = []
    real = Lasso.choose_each
    monkeypatch.setattr(Lasso, "choose_each", lambda *given: calls.append(1) or real(*given))
    steps = (Lasso(strengths=(0.5, 0.3)),)
    once = len(training.folds) + 1
    learned(replace(training, selection=steps, model=Ridge()))
    assert len(calls) == once
    learned(replace(training, selection=steps))
    learned(replace(training, selection=steps, model=Ridge(), offset=np.linspace(-1, 1, 60)))
    learned(replace(training, selection=steps, model=Ridge(), seed=8))
    assert len(calls) == once
    moved = training.x.copy()
    moved[0, 0] += 1e-9
    for changed in (replace(training, y=1 - training.y), replace(training, x=moved), training.of(["a"])):
        learned(replace(changed, selection=steps, model=Ridge()))
        assert len(calls) == once + len(training.folds) + 1
        calls.clear()
        once = 0


def test_learners_fitted_together_are_what_each_is_alone(training: Training):
    models = (Ridge(), Logistic(), ExtraTrees(trees=7))
    members = (*(Member(model=model) for model in models), Member(model=Ridge(), selection=(Lasso(),)))
    together = learned(replace(training, model=Mean(members=members, shares="fixed")))
    forget()
    for term, member in zip(together.part.terms, members, strict=True):
        alone = learned(replace(training, model=member.model, selection=member.selection or ()))
        np.testing.assert_array_equal(term.part.score(training.x), alone.part.score(training.x))
        forget()


def test_inner_folds_are_dealt_once(monkeypatch: pytest.MonkeyPatch):
    """Names of people do not matter, who is who does, and labels, their number and the seed."""
    forget()
    calls: list[int] = []
    monkeypatch.setattr("radfuse.fusion.memory.inner_folds", lambda *given: calls.append(1) or inner_folds(*given))
    people, labels = np.repeat(np.arange(20), 2), np.tile([0, 0, 1, 1], 10)
    first = remembered_folds(people, labels, 3, 1)
    again = remembered_folds(np.array([f"P{number}" for number in people], dtype=object), labels, 3, 1)
    assert calls == [1]
    for one, other, dealt in zip(first, again, inner_folds(people, labels, 3, 1), strict=True):
        np.testing.assert_array_equal(one.test, other.test)
        np.testing.assert_array_equal(one.test, dealt.test)
    for changed in (
        (np.arange(40), labels, 3, 1),
        (people, 1 - labels, 3, 1),
        (people, None, 3, 1),
        (people, labels, 4, 1),
        (people, labels, 3, 2),
    ):
        remembered_folds(*changed)
    assert len(calls) == 6
