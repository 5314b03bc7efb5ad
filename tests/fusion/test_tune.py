"""Candidates share what they can: the work of a fold is done once, and a kept column is the column it came from."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from columns import planted

from radfuse.cohort.splits import inner_folds
from radfuse.fusion.models.logistic import Logistic
from radfuse.fusion.parts import Training
from radfuse.fusion.selectors.correlation import Correlation
from radfuse.fusion.selectors.lasso import Lasso
from radfuse.fusion.selectors.mrmr import Mrmr
from radfuse.fusion.tune import fit_chain, inner_predictions
from radfuse.outcomes.binary import BinaryOutcome


@pytest.fixture
def training() -> Training:
    """40 columns in two blocks, one of them constant; 150 people."""
    x, y = planted(8)
    x[:, 5] = 1.0
    return Training(
        x=x,
        y=y,
        blocks={"radiomic": range(10, 40), "clinical": range(10)},
        names=[f"column {i}" for i in range(40)],
        folds=inner_folds(np.arange(150), y, 3, 7),
        selection=(Correlation(), Mrmr(k=5), Lasso(strengths=(0.6, 0.3))),
        model=Logistic(c=(0.1, 1.0)),
        outcome=BinaryOutcome(column="event"),
        seed=7,
    )


def test_every_candidate_is_predicted_and_what_they_share_is_done_once_a_fold(
    training: Training, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: Counter[str] = Counter()
    for kind, method in ((Correlation, "choose"), (Mrmr, "choose"), (Lasso, "choose"), (Logistic, "fit")):
        done = getattr(kind, method)

        def counted(self, *arguments, real=done, name=kind.__name__):
            calls[name] += 1
            return real(self, *arguments)

        monkeypatch.setattr(kind, method, counted)
    tried, inner = inner_predictions(training)
    assert tried == [{"c": c, "lasso_strength": strength} for strength in (0.6, 0.3) for c in (0.1, 1.0)]
    assert inner.shape == (4, 150)
    assert ((inner > 0) & (inner < 1)).all()
    folds, blocks, strengths, penalties = 3, 2, 2, 2
    assert calls == {
        "Correlation": folds * blocks,
        "Mrmr": folds * blocks,
        "Lasso": folds * strengths,
        "Logistic": folds * strengths * penalties,
    }


def test_kept_columns_are_those_of_the_table(training: Training) -> None:
    chain = fit_chain(training, {"c": 1.0, "lasso_strength": 0.3})
    assert [column.name for column in chain.columns] == [f"column {i}" for i in chain.kept]
    assert [column.block for column in chain.columns] == ["clinical" if i < 10 else "radiomic" for i in chain.kept]
    assert 0 in chain.kept
    assert 5 not in chain.kept
    assert Counter(column.block for column in chain.columns).most_common(1)[0][1] <= 5
    by_hand = training.x[:, chain.kept]
    np.testing.assert_allclose(chain.prepare(training.x), (by_hand - by_hand.mean(axis=0)) / by_hand.std(axis=0))
