"""What is done where a study says nothing of fusion goes the whole way, and its report says what it did."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from radfuse.bundle.load import load_bundle
from radfuse.bundle.predict import predict
from radfuse.config import apply_overrides, read_yaml, to_yaml
from radfuse.phantom.table import TablePhantom, write_table_phantom
from radfuse.pipeline import run_study
from radfuse.results import FittedFamily

SETTINGS = ["cohort.split.folds=2", "fusion.inner_folds=2", "fusion.families=[clinical, clinical-deep]"]
SETTINGS += ["report.journal_figures=false", "fusion.explain.rows=0"]


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn")
def test_three_learners_and_three_strategies_from_a_study_to_its_predictions(tmp_path: Path) -> None:
    study = write_table_phantom(tmp_path / "T", TablePhantom(patients=70, seed=5))
    study.write_text(to_yaml(apply_overrides(read_yaml(study), SETTINGS)), encoding="utf-8")
    run = run_study(study, tmp_path / "R")
    assert run.failures == ()
    fitted = {
        name: FittedFamily.model_validate_json((run.path / f"models/{name}/all/fitted.json").read_bytes())
        for name in ("clinical", "clinical-deep")
    }
    assert {name.partition(".")[0] for name in fitted["clinical"].tuned} == {
        "ridge",
        "ridge 2",
        "extra_trees",
        "lightgbm",
        "share",
    }
    assert {name.partition(".")[0] for name in fitted["clinical-deep"].tuned} == {
        "priority",
        "penalty",
        "stack",
        "share",
    }
    for each in fitted.values():
        shares = [column.importance for column in each.explanation.columns]
        assert each.explanation.measure == "share"
        assert sum(shares) == pytest.approx(1)
    page = run.report.read_text(encoding="utf-8")
    assert "deep beside clinical" in page
    assert "share of the model" in page

    bundle = load_bundle(run.path / "bundle")
    said = predict(bundle, study.parent / "cohort.csv", {"deep": study.parent / "deep.csv"})
    assert said.probabilities["clinical-deep"].between(0.01, 0.99).all()
    assert said.probabilities["clinical-deep"].nunique() > 80
    lacking = pd.read_csv(study.parent / "deep.csv")
    lacking.iloc[0, 1:] = np.nan
    lacking.to_csv(tmp_path / "lacking.csv", index=False)
    again = predict(bundle, study.parent / "cohort.csv", {"deep": tmp_path / "lacking.csv"})
    changed = (again.probabilities["clinical-deep"] != said.probabilities["clinical-deep"]).to_numpy()
    assert changed.tolist() == [True, *[False] * (len(changed) - 1)]
