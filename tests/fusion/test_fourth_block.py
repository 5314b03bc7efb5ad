"""A block that radfuse has no word for goes the whole way by its name in the study file alone."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typed import typed

from radfuse.config import apply_overrides, read_yaml, to_yaml
from radfuse.phantom.table import TablePhantom, write_table_phantom
from radfuse.pipeline import run_study
from radfuse.report.palette import looks

FAMILIES = ["clinical", "laboratory", "clinical-radiomic-deep-laboratory"]
SETTINGS = [
    "report.journal_figures=false",
    "features.laboratory=laboratory.csv",
    f"fusion.families=[{', '.join(FAMILIES)}]",
    "fusion.selection=[{kind: mrmr, k: 30}, {kind: lasso}]",
    "fusion.classifier={kind: logistic}",
    "fusion.strategy={kind: early}",
    "fusion.inner_folds=2",
    "cohort.split.folds=2",
]


@pytest.mark.slow
def test_a_laboratory_block_is_fused_exported_reported_and_predicted(tmp_path: Path) -> None:
    study = write_table_phantom(tmp_path / "T", TablePhantom(patients=60, seed=3))
    cohort = pd.read_csv(tmp_path / "T/cohort.csv")
    generator = np.random.default_rng(0)
    crp = 2.0 * cohort["progressed"] + generator.standard_normal(len(cohort))
    laboratory = pd.DataFrame({"case_id": cohort["case_id"], "crp": crp, "iron": generator.random(len(cohort))})
    laboratory.to_csv(tmp_path / "T/laboratory.csv", index=False)
    study.write_text(to_yaml(apply_overrides(read_yaml(study), SETTINGS)), encoding="utf-8")

    run = run_study(study, tmp_path / "R")
    assert run.failures == ()
    assert run.results is not None
    assert [item.family for item in run.results.performance] == FAMILIES
    aucs = {item.family: item.auc.value for item in run.results.performance}
    assert aucs["laboratory"] > 0.85

    page = run.report.read_text(encoding="utf-8")
    assert "clinical + radiomic + deep + laboratory columns" in page
    assert "laboratory score = " in page
    colours = looks(["clinical", "radiomic", "deep", "laboratory"])
    drawn = (tmp_path / "R/report/figures" / f"features_{FAMILIES[2]}.svg").read_text(encoding="utf-8")
    assert colours["laboratory"].colour.lower() in drawn
    assert set(re.findall(r"<text [^>]*>(clinical|radiomic|deep|laboratory)</text>", drawn)) >= {"laboratory"}

    schema = json.loads((tmp_path / "R/bundle/bundle.json").read_text(encoding="utf-8"))
    blocks = [item["block"] for item in schema["families"][FAMILIES[2]]["inputs"]]
    assert list(dict.fromkeys(blocks)) == ["clinical", "radiomic", "deep", "laboratory"]

    command: list[object] = ["predict", tmp_path / "R/bundle", tmp_path / "T/cohort.csv"]
    for block in ("radiomic", "deep", "laboratory"):
        command += ["--features", f"{block}={tmp_path / 'T' / block}.csv"]
    assert typed(*command, "--out", tmp_path / "P").returncode == 0
    predicted = pd.read_csv(tmp_path / "P/predictions.csv")
    assert [f"{family}_probability" in predicted for family in FAMILIES] == [True] * 3
    assert np.corrcoef(predicted["laboratory_probability"], crp)[0, 1] > 0.9
