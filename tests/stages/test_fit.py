"""What a fit depends on, and what it does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from radfuse.phantom.table import TablePhantom, write_table_phantom
from radfuse.pipeline import run_study
from radfuse.study import load_study

FAST = ["cohort.split.folds=2", "fusion.inner_folds=2", "report.journal_figures=false"]


def test_another_family_leaves_the_fits_that_are_there(tmp_path: Path) -> None:
    file = write_table_phantom(tmp_path / "T", TablePhantom(patients=40))
    first = run_study(load_study(file, [*FAST, "fusion.families=[clinical]"]), tmp_path / "run", until="fuse")
    assert first.computed == 1 + 2 + 1  # the design, two folds, the comparison
    both = load_study(file, [*FAST, "fusion.families=[radiomic, clinical]"])
    second = run_study(both, tmp_path / "run", until="fuse")
    assert (second.computed, second.reused) == (2 + 1, 1 + 2)


@pytest.mark.usefixtures("undrawn")
def test_patients_are_dealt_anew_and_each_unit_is_predicted_once_a_deal(tmp_path: Path) -> None:
    file = write_table_phantom(tmp_path / "T", TablePhantom(patients=40))
    settings = [*FAST, "fusion.families=[clinical, radiomic]", "fusion.classifier={kind: ridge}"]
    once = run_study(load_study(file, settings), tmp_path / "run", until="fuse")
    run = run_study(load_study(file, [*settings, "cohort.split.repeats=3"]), tmp_path / "again", until="report")
    assert once.results is not None
    assert run.results is not None
    assert (run.results.outer_folds, run.results.repeats) == (6, 3)
    predictions = pd.read_csv(tmp_path / "again" / "models" / "comparison" / "predictions.csv")
    each = predictions.groupby(["family", "patient_id", "side"])
    assert set(each["repeat"].nunique()) == {3}
    assert set(each.size()) == {3}
    first = predictions[predictions["repeat"] == 1]["probability"].to_numpy()
    alone = pd.read_csv(tmp_path / "run" / "models" / "comparison" / "predictions.csv")["probability"].to_numpy()
    assert np.array_equal(np.sort(first), np.sort(alone))
    for single, repeated in zip(once.results.performance, run.results.performance, strict=True):
        assert (single.units, single.events) == (repeated.units, repeated.events)
    assert "(3 times dealt anew)" in (tmp_path / "again" / "report" / "index.html").read_text()
