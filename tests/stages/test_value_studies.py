"""Studies of a continuous and of an ordinal outcome, from their tables to report, bundle, prediction and evaluation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from radfuse.bundle.evaluate import evaluate
from radfuse.bundle.load import load_bundle
from radfuse.bundle.predict import predict, prediction_table
from radfuse.check.sample_size import had
from radfuse.config import apply_overrides, read_yaml, to_yaml
from radfuse.errors import InputError
from radfuse.phantom.table import TablePhantom, reachable_concordance, table_phantom, write_table_phantom
from radfuse.pipeline import run_study
from radfuse.report.evaluation import EvaluationReport
from radfuse.report.page import evaluation_report
from radfuse.report.study import Made
from radfuse.study import load_study

SETTINGS = [
    "fusion.classifier={kind: linear, spreads: [0.3, 3]}",
    "fusion.strategy={kind: priority}",
    "fusion.families=[clinical, clinical-deep]",
    "fusion.inner_folds=3",
    "report.journal_figures=false",
    "cohort.split.folds=3",
]
FAMILY = "clinical-deep"
TOLD = {
    "continuous": ("loss", ("RMSE (mm)", "jackknife", "limit of agreement", "Above median", "gain in squared error")),
    "ordinal": ("grade", ("weighted kappa", "predicted grade", "at least 3", "ranked probability score")),
}


@pytest.fixture(scope="module", params=["continuous", "ordinal"])
def value_run(request, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path, Path]:
    """Return the kind, the study file of a phantom of 90 patients and its finished run folder; change neither."""
    folder = tmp_path_factory.mktemp(f"{request.param}_run")
    config = TablePhantom(outcome=request.param, patients=90, seed=3, site_shift=0)
    study = write_table_phantom(folder / "T", config)
    study.write_text(to_yaml(apply_overrides(read_yaml(study), SETTINGS)), encoding="utf-8")
    run = run_study(study, folder / "R")
    assert run.failures == ()
    return request.param, study, run.path


def features_of(study: Path) -> dict[str, Path]:
    return {"deep": study.parent / "deep.csv"}


def test_families_come_near_what_can_be_reached(value_run) -> None:
    kind, study, run = value_run
    truth, cohort = pd.read_csv(study.parent / "truth.csv"), pd.read_csv(study.parent / "cohort.csv")
    results = json.loads((run / "models/comparison/results.json").read_text())
    outcome = cohort[TOLD[kind][0]].to_numpy()
    for item in results["performance"]:
        assert item["kind"] == kind
        assert 0.55 < item["c"]["value"] < reachable_concordance(truth, item["family"], outcome) + 0.03
        assert "events" not in item
    assert results["performance"][1]["c"]["value"] > results["performance"][0]["c"]["value"]
    assert (results["comparisons"][0]["loss"]["value"] > 0) == (results["comparisons"][0]["difference"]["value"] < 0)


def test_the_report_has_what_belongs_to_the_outcome_and_nothing_else(value_run) -> None:
    kind, _, run = value_run
    page = (run / "report/index.html").read_text()
    for part in ("cohort", kind, "comparison", f"{kind}_calibration", "features", "findings", "settings"):
        assert f'id="{part}"' in page
    for other in ("ROC curves", "sensitivity and specificity", "Harrell", "log odds per", "(event:", "With event"):
        assert other not in page
    for told in TOLD[kind][1]:
        assert told in page
    tables = {path.stem for path in (run / "report/tables").iterdir()}
    assert {"performance", "calibration", "comparisons"} <= tables


def test_the_bundle_predicts_and_its_card_says_what(value_run) -> None:
    kind, study, run = value_run
    bundle = load_bundle(run / "bundle")
    found = prediction_table(bundle, predict(bundle, study.parent / "cohort.csv", features_of(study)))
    assert f"{FAMILY}_positive" not in found
    assert f"{FAMILY}_probability" not in found
    family, card = bundle.schema.families[FAMILY], (run / "bundle/MODEL_CARD.md").read_text()
    assert family.largest_difference < 1e-5
    assert bundle.schema.trained_on.events is None
    assert "ensitivity" not in card
    assert "threshold" not in card
    assert "the prediction = score" in card
    if kind == "continuous":
        assert found[f"{FAMILY}_prediction"].between(-0.5, 1.5).all()
        assert family.ordinal is None
        return
    each = found[[f"{FAMILY}_probability@{level}" for level in "01234"]].to_numpy()
    np.testing.assert_allclose(each.sum(axis=1), 1)
    np.testing.assert_allclose(each @ np.arange(5), found[f"{FAMILY}_expected"])
    assert set(found[f"{FAMILY}_grade"]) <= set("01234")
    assert len(family.ordinal.cuts) == 4


def test_the_bundle_is_measured_on_other_patients(value_run) -> None:
    _, study, run = value_run
    rows = pd.read_csv(study.parent / "cohort.csv").iloc[:80]
    tables = {block: pd.read_csv(path).iloc[:80] for block, path in features_of(study).items()}
    found, _, long = evaluate(run / "bundle", rows, tables)
    assert found.performance[-1].c.value > 0.7  # these patients were trained on, and the remark says so
    assert any("trained on" in remark for remark in found.remarks)
    schema = load_bundle(run / "bundle").schema
    report = EvaluationReport(
        title="t",
        table="cohort.csv",
        performance=found.performance,
        comparisons=found.comparisons,
        before={name: item.performance for name, item in schema.families.items()},
        trained_units=schema.trained_on.units,
        predictions=long,
        versions=schema.versions,
        sections=schema.opened_outcome().evaluation_sections(),
        made=Made("2026-11-26", "0", "radfuse evaluate"),
        remarks=found.remarks,
    )
    page = evaluation_report(report)["index.html"]
    assert "C at training (nested)" in page
    assert "<span>events</span>" not in page
    with pytest.raises(InputError, match=r"none of (continuous|ordinal) outcomes"):
        evaluate(run / "bundle", rows, tables, recalibrate=True)


def test_patients_of_one_outcome_are_told_and_not_a_fault(value_run) -> None:
    kind, study, run = value_run
    rows = pd.read_csv(study.parent / "cohort.csv").iloc[:30].assign(**{TOLD[kind][0]: 1})
    found, _, _ = evaluate(run / "bundle", rows, families=["clinical"])
    assert found.performance[0].c.value is None
    assert any("cannot be computed: too few units, or all of one outcome" in remark for remark in found.remarks)


def test_a_study_that_names_no_learner_gets_the_usual_ones(tmp_path) -> None:
    study = load_study(write_table_phantom(tmp_path, TablePhantom(outcome="ordinal", patients=20)))
    assert [model.kind for model in study.fusion.learners] == ["linear", "regression_forest", "regression_trees"]


@pytest.mark.parametrize("setting", ["subgroups=[site]", "optimism=5", "permutations=5", "readers={a: pain}"])
def test_what_no_section_shows_is_refused(tmp_path, setting) -> None:
    study = write_table_phantom(tmp_path, TablePhantom(outcome="continuous", patients=20))
    said: Any = apply_overrides(read_yaml(study), [f"evaluation.{setting}"])
    study.write_text(to_yaml(said), encoding="utf-8")
    with pytest.raises(InputError, match=r"evaluation\.\w+.*binary"):
        load_study(study)


def test_the_phantoms_have_the_features_of_the_binary_one() -> None:
    binary = table_phantom(TablePhantom(patients=100, seed=5))
    for kind in ("continuous", "ordinal"):
        drawn = table_phantom(TablePhantom(patients=100, seed=5, outcome=kind))
        pd.testing.assert_frame_equal(binary["radiomic"], drawn["radiomic"])
        outcome = drawn["cohort"][TOLD[kind][0]].to_numpy()
        reached = [
            reachable_concordance(drawn["truth"], family, outcome) for family in ("radiomic", "clinical-radiomic-deep")
        ]
        assert 0.6 < reached[0] < reached[1] < 0.9
    assert set(outcome) == {0, 1, 2, 3, 4}


def test_nomograms_and_sample_sizes_are_of_other_outcomes(tmp_path) -> None:
    study = write_table_phantom(tmp_path, TablePhantom(outcome="continuous", patients=20))
    with pytest.raises(InputError, match="nomogram: one is drawn of a binary outcome alone"):
        load_study(study, ["nomogram=clinical", "fusion.classifier={kind: linear}"])
    with pytest.raises(InputError, match="binary and survival outcomes, and that of the study is continuous"):
        had(load_study(study), tmp_path / "none")
