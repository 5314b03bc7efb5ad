"""What refits on shuffled patients are said to be, by the split."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from papers import report_of, shipped

from radfuse.report.sections import internal
from radfuse.results import Shuffled


@pytest.mark.parametrize(
    ("split", "dealt", "averaged"),
    [
        ("{folds: 2}", True, "is averaged over the folds. "),
        ("{folds: 2, repeats: 3}", True, "is averaged over the folds of the first deal. "),
        ("{kind: holdout}", True, ""),
        ("{kind: holdout, repeats: 3}", True, "is that of the first deal. "),
        ("{kind: temporal, column: date}", False, ""),
    ],
)
def test_of_shuffled_outcomes_only_what_was_done_is_said(
    split: str, dealt: bool, averaged: str, tmp_path: Path
) -> None:
    study = shipped("tables", tmp_path, [f"cohort.split={split}", "fusion.families=[clinical]"])
    plain = report_of(study)
    tested = plain.performance[0].model_copy(update={"fold_aucs": {"1": 0.7}})
    report = report_of(
        study,
        shuffled={"clinical": [Shuffled(family="clinical", draw=1, value=0.5)]},
        predictions=pd.DataFrame({"repeat": [1], "fold": ["1"]}),
        results=plain.results.model_copy(update={"performance": (tested,)}),
    )
    html = internal.study(report).html
    assert ("folds are dealt and families" in html) == dealt
    assert (averaged in html) if averaged else ("averaged over" not in html and "first deal" not in html)
    assert "nested" not in html
