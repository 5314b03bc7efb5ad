"""Studies of a continuous and of an ordinal outcome, from their tables to report, bundle, prediction and evaluation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from reachable import reachable_concordance
from studies import finished, measured_on, written

from radfuse.agreement import what_is_measured_beside_is_shown
from radfuse.bundle.evaluate import _never_predicted, evaluate
from radfuse.bundle.load import load_bundle
from radfuse.bundle.predict import predict, prediction_table
from radfuse.check.sample_size import had
from radfuse.config import apply_overrides, read_yaml, to_yaml
from radfuse.errors import InputError
from radfuse.outcomes.continuous import ContinuousOutcome
from radfuse.outcomes.ordinal import OrdinalOutcome
from radfuse.phantom.table import TablePhantom, table_phantom, write_table_phantom
from radfuse.results import OrdinalFit
from radfuse.results.explained import FoldExplanation
from radfuse.study import load_study

SETTINGS = [
    "fusion.classifier={kind: linear, spreads: [0.3, 3]}",
    "fusion.strategy={kind: priority}",
    "fusion.families=[clinical, clinical-deep]",
    "fusion.inner_folds=3",
    "report.journal_figures=false",
    "cohort.split.folds=3",
    "fusion.explain={rows: 30, background: 20}",
    "evaluation={subgroups: [sex], optimism: 2, permutations: 2, learning_curve: {repeats: 1, shares: [0.6, 1.0]}}",
]
FAMILY = "clinical-deep"
EVERY = (
    *("cohort", "comparison", "subgroups", "internal", "learning_curve", "features", "explanation", "audit"),
    *("findings", "methods", "checklists", "settings"),
)
"""Sections that all kinds of outcome share."""
TOLD = {
    "continuous": ("loss", ("RMSE (mm)", "jackknife", "limit of agreement", "Above median", "gain in squared error")),
    "ordinal": ("grade", ("weighted kappa", "predicted grade", "at least 3", "ranked probability score")),
}


@pytest.fixture(scope="module", params=["continuous", "ordinal"])
def value_run(request, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path, Path]:
    """Return the kind, the study file of a phantom of 90 patients and its finished run folder; change neither."""
    folder = tmp_path_factory.mktemp(f"{request.param}_run")
    study = written(folder / "T", SETTINGS, outcome=request.param, patients=90)
    return request.param, study, finished(study, folder / "R")


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
    for part in (f"{kind}_overview", kind, f"{kind}_calibration", *EVERY):
        assert f'id="{part}"' in page
    for other in ("sensitivity and specificity", "Harrell's", "log odds per", "(event:", "With event", "AUC is"):
        assert other not in page
    for told in TOLD[kind][1]:
        assert told in page
    tables = {path.stem for path in (run / "report/tables").iterdir()}
    assert {"performance", "calibration", "comparisons", "optimism", "permutation", "learning_curve"} <= tables
    assert "subgroupsn" in page  # the forest of a narrow page
    assert (run / "report/figures/overview.svg").is_file()
    assert {path.stem for path in (run / "report/checklists").iterdir()} == {"metrics", "clear", "tripod_ai"}


def test_methods_and_checklists_speak_of_values_and_grades(value_run) -> None:
    kind, study, run = value_run
    report, outcome = run / "report", pd.read_csv(study.parent / "cohort.csv")[TOLD[kind][0]]
    text = (report / "methods.md").read_text()
    said = f"its mean was {outcome.mean():.3g} " if kind == "continuous" else f"each grade: 0: {(outcome == 0).sum()}, "
    for told in (said, "ridge linear regression", "smallest squared error", "concordance (C)", "Cs were compared by"):
        assert told in text
    assert ("cut-points of proportional odds" in text) == (kind == "ordinal")
    assert ("where an R² of 0.15 is expected" in text) == (kind == "continuous")
    for other in ("log odds", "AUC", "DeLong", "threshold", "event", *(["Riley"] if kind == "ordinal" else [])):
        assert other not in text
    clear = pd.read_csv(report / "checklists/clear.csv", dtype=str).set_index("item")
    assert ("RMSE" if kind == "continuous" else "weighted kappa") in clear.loc["39", "evidence"]
    assert clear.loc["30", "answer"] == ("not applicable" if kind == "continuous" else "yes")
    assert "Wald's test" in clear.loc["41", "evidence"]


def test_contributions_add_up_to_predictions_and_shuffling_costs_what_the_outcome_loses(value_run) -> None:
    kind, study, run = value_run
    parts = [FoldExplanation.from_bytes(path.read_bytes()) for path in sorted(run.glob("explanation/*/*.npz"))]
    assert len(parts) == 3
    outcome = load_study(study).cohort.outcome
    for number, part in enumerate(parts, start=1):
        whole = part.base + part.absence + part.contributions.sum(axis=1)
        np.testing.assert_allclose(whole, part.score, atol=1e-6)
        fold = json.loads((run / f"models/{FAMILY}/fold-{number}.json").read_text())
        np.testing.assert_array_equal(part.tested, fold["test"])
        np.testing.assert_allclose(part.tested_score, fold["probability"], atol=1e-9)
    blocks = pd.read_csv(run / f"report/tables/explanation_{FAMILY}_blocks.csv").set_index("block")
    y = pd.read_csv(study.parent / "cohort.csv")[TOLD[kind][0]].to_numpy(dtype=float)
    rises = []
    for part in parts:
        deep = part.by_block[list(part.shuffled_blocks).index("deep")]
        usual = outcome.loss(y[part.tested], part.tested_score)
        rises.append((np.mean([outcome.loss(y[part.tested], row) for row in deep]) - usual, len(part.tested)))
    rise = np.average([one for one, _ in rises], weights=[count for _, count in rises])
    assert float(blocks.loc["deep", "rise in loss"].split()[0]) == pytest.approx(rise, abs=6e-4)
    assert rise > 0


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
    found, page = measured_on(run, rows, tables)
    assert found.performance[-1].c.value > 0.7  # these patients were trained on, and the remark says so
    assert any("trained on" in remark for remark in found.remarks)
    assert "C at training (nested)" in page
    assert "<span>events</span>" not in page


def test_values_in_another_unit_than_those_of_training_are_told(value_run) -> None:
    kind, study, run = value_run
    if kind != "continuous":
        return
    rows = pd.read_csv(study.parent / "cohort.csv")
    for unit in (1.0, 1000.0):
        rows[TOLD[kind][0]] *= unit
        remarks = evaluate(run / "bundle", rows, families=["clinical"])[0].remarks
        assert any("standard deviation of the outcome" in text for text in remarks) == (unit > 1)


def test_patients_of_one_outcome_are_told_and_not_a_fault(value_run) -> None:
    kind, study, run = value_run
    rows = pd.read_csv(study.parent / "cohort.csv").iloc[:30].assign(**{TOLD[kind][0]: 1})
    found, _, _ = evaluate(run / "bundle", rows, families=["clinical"])
    assert found.performance[0].c.value is None
    assert any("cannot be computed: too few units, or all of one outcome" in remark for remark in found.remarks)


def test_a_grade_that_never_occurred_in_the_training_is_told() -> None:
    rows = pd.DataFrame({"outcome": [0, 2, 2], "probability@0": 0.6, "probability@1": 0.4, "probability@2": 1e-18})
    outcome = OrdinalOutcome(column="kl", levels=("0", "1", "2"))
    fit = OrdinalFit(slope=1.0, cuts=(0.0, 40.0))
    known = rows.assign(family="f", fold="external", repeat=1, position=range(3), patient=range(3), probability=0.1)
    here = outcome.measure(known.assign(**outcome.predicted(fit, np.array([0.0, 1.0, 2.0]))))
    (text,) = _never_predicted(here, rows)
    assert text == "2 units have the grade 2, which no training unit had: its probability is 0 for everyone"
    assert not list(_never_predicted(here, rows.assign(**{"probability@2": 0.1})))


def test_a_study_that_names_no_learner_gets_the_usual_ones(tmp_path) -> None:
    study = load_study(write_table_phantom(tmp_path, TablePhantom(outcome="ordinal", patients=20)))
    assert [model.kind for model in study.fusion.learners] == ["linear", "regression_forest", "regression_trees"]


def test_readers_of_a_value_are_refused(tmp_path) -> None:
    study = write_table_phantom(tmp_path, TablePhantom(outcome="continuous", patients=20))
    said: Any = apply_overrides(read_yaml(study), ["evaluation.readers={a: pain}"])
    study.write_text(to_yaml(said), encoding="utf-8")
    with pytest.raises(InputError, match=r"evaluation\.readers.*binary"):
        load_study(study)


@pytest.mark.parametrize("setting", ["subgroups=[site]", "optimism=5", "permutations=5", "learning_curve={}"])
def test_what_no_section_shows_is_refused(tmp_path, setting) -> None:
    class Bare(ContinuousOutcome):
        """Shows little."""

        def sections(self) -> tuple[str, ...]:
            return ("cohort", "continuous")

    study = write_table_phantom(tmp_path, TablePhantom(outcome="continuous", patients=20))
    bare = load_study(study, [f"evaluation.{setting}"]).model_copy(
        update={"cohort": load_study(study).cohort.model_copy(update={"outcome": Bare(column="loss")})}
    )
    with pytest.raises(ValueError, match=rf"evaluation\.{setting.partition('=')[0]}: .* no section"):
        what_is_measured_beside_is_shown(bare)


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


def test_nomograms_are_of_other_outcomes_and_sample_sizes_of_values_not_grades(tmp_path) -> None:
    study = write_table_phantom(tmp_path, TablePhantom(outcome="continuous", patients=20))
    with pytest.raises(InputError, match="one is drawn of binary outcomes and of survival without competing events"):
        load_study(study, ["nomogram=clinical", "fusion.classifier={kind: linear}"])
    found = had(load_study(study), tmp_path / "none")
    loss = pd.read_csv(tmp_path / "cohort.csv")["loss"]
    assert (found.events, found.asked) == (None, pytest.approx({"mean": loss.mean(), "sd": loss.std()}))
    grades = write_table_phantom(tmp_path / "grades", TablePhantom(outcome="ordinal", patients=60))
    with pytest.raises(InputError, match="binary, continuous and survival outcomes; that of the study is ordinal"):
        had(load_study(grades), tmp_path / "none")
