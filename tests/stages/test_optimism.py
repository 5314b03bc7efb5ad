"""A draw that cannot be fitted says what becomes of it, and how to do without."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from radfuse.cohort.splits import Fold
from radfuse.errors import CaseError
from radfuse.fusion import validate
from radfuse.outcomes.binary import BinaryOutcome
from radfuse.stages import optimism, permute, prepare


@pytest.mark.parametrize(("stage", "setting"), [(optimism, "optimism"), (permute, "permutations")])
def test_a_draw_without_a_fit_has_a_mend(stage: ModuleType, setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    units = pd.DataFrame({"patient_id": ["a", "b", "c"], "event": [0, 1, 0]})
    rows = np.arange(3)

    def fails(*_: Any) -> None:
        raise CaseError("clinical, fold 1", "1 patient has the event")

    design = SimpleNamespace(units=units)
    stored = SimpleNamespace(design=design, everyone=rows, folds=[Fold("1", rows[:2], rows[2:])])
    monkeypatch.setattr(validate, "fit_fold", fails)
    monkeypatch.setattr(prepare, "read_design", lambda _: stored)
    monkeypatch.setattr(permute, "replace", lambda kept, **_: kept)
    outcome = BinaryOutcome(column="event")
    job = SimpleNamespace(
        design=None,
        patient="patient_id",
        outcome=outcome,
        fusion=None,
        seed=1,
        site=None,
        family="f",
        draw=1,
        split=None,
    )
    with pytest.raises(
        CaseError, match=rf"1 patient has the event; the other .* set evaluation\.{setting}: 0"
    ) as caught:
        stage.work(job)
    assert caught.value.item == "clinical, fold 1"
