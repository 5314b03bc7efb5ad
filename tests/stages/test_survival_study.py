"""A survival study from its tables to report, bundle, prediction and evaluation."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from reachable import reachable_c
from studies import measured_on

from radfuse.bundle.evaluate import evaluate
from radfuse.bundle.load import load_bundle
from radfuse.bundle.predict import Prediction, predict, prediction_table
from radfuse.outcomes.survival import SurvivalOutcome
from radfuse.phantom.table import TablePhantom, table_phantom, write_table_phantom
from radfuse.report.nomogram import nomogram_of
from radfuse.results import SurvivalPerformance
from radfuse.study import Study, load_study

FAMILY = "clinical-radiomic-deep"


def read_results(run: Path) -> dict:
    return json.loads((run / "models/comparison/results.json").read_text())


def test_families_come_near_what_can_be_reached(survival_run) -> None:
    study, run = survival_run
    truth = pd.read_csv(study.parent / "truth.csv")
    found = {item["family"]: item for item in read_results(run)["performance"]}
    assert {item["kind"] for item in found.values()} == {"survival"}
    assert found[FAMILY]["c"]["value"] > 0.6
    for family, item in found.items():
        assert item["c"]["value"] < reachable_c(truth, family) + 0.05
        assert item["expected"] == pytest.approx(item["observed"]["value"], abs=0.1)
        assert item["calibration_slope"]["value"] > 0.5


def test_the_report_has_what_belongs_to_survival_and_nothing_else(survival_run) -> None:
    report = survival_run[1] / "report"
    page = (report / "index.html").read_text()
    named = {"scores", *SurvivalOutcome(time="t", event="e", horizon=1).sections()} - {"throughput"}  # hangs on seconds
    for part in sorted(named):
        shown = part not in ("scores", "segmentation", "review", "visits", "variants", "learning_curve")
        assert (f'id="{part}"' in page) == shown, part
    text = re.sub("<script.*?</script>", "", page, flags=re.DOTALL)
    text += "".join(path.read_text() for path in report.glob("checklists/*.csv"))
    for binary in ("ROC curve", "ensitivity", "Hosmer", "eclassification", "log odds", "logistic", "DeLong"):
        assert binary not in text, binary
    for told in (
        "Harrell",
        "log-rank",
        "at risk",
        "median follow-up (months)",
        "“replaced” by 60 months",
        "difference in C",
    ):
        assert told in page
    for told in ("drop in C", "log cumulative hazard", "difference in C", "C with shuffled", "median follow-up was"):
        assert told in page
    tables = {path.stem for path in (survival_run[1] / "report/tables").iterdir()}
    assert {"performance", "errors", "risk_groups", "calibration", "comparisons"} <= tables
    groups = pd.read_csv(survival_run[1] / "report/tables/risk_groups.csv")
    own = groups[groups["family"] == FAMILY].set_index("risk")
    assert own["events"]["high"] / own["units"]["high"] > own["events"]["low"] / own["units"]["low"]


def test_the_bundle_predicts_probability_linear_predictor_and_survival(survival_run, explained) -> None:
    run = survival_run[1]
    bundle = load_bundle(run / "bundle")
    found = prediction_table(bundle, explained)
    p, lp = found[f"{FAMILY}_probability"], found[f"{FAMILY}_linear_predictor"]
    np.testing.assert_allclose(p, 1 - np.exp(-np.exp(lp)), atol=1e-12)
    assert (found[f"{FAMILY}_survival@12"] > found[f"{FAMILY}_survival@36"]).all()
    assert set(found[f"{FAMILY}_risk_group"]) == {"low", "middle", "high"}
    assert f"{FAMILY}_positive" not in found
    family = bundle.schema.families[FAMILY]
    assert family.largest_difference < 1e-5
    assert family.survival.hazard[-1] > 1
    card = (run / "bundle/MODEL_CARD.md").read_text()
    assert "“replaced” by 60 months" in card
    assert "| family | C | pooled C | AUC at 60 | Brier | slope |" in card
    assert "ensitivity" not in card


def test_the_bundle_is_measured_on_other_patients(survival_run) -> None:
    study, run = survival_run
    rows = pd.read_csv(study.parent / "cohort.csv").iloc[:90]
    features = {block: study.parent / f"{block}.csv" for block in ("radiomic", "deep")}
    tables = {block: pd.read_csv(path).iloc[:90] for block, path in features.items()}
    found, page = measured_on(run, rows, tables)
    best = found.performance[-1]
    assert isinstance(best, SurvivalPerformance)
    assert best.c.value > 0.75  # these patients were trained on, and the remark says so
    assert any("trained on" in remark for remark in found.remarks)
    assert found.comparisons[0].difference.value is not None
    assert "C at training (nested)" in page
    whole = (run / "report/index.html").read_text(encoding="utf-8")
    assert "Predicting the event <b>“replaced” by 60 months</b> for each" in " ".join(whole.split())
    assert "log-rank" in page


@pytest.mark.parametrize(("days", "who"), [(1.0, slice(None)), (30.4, slice(None)), (30.4, "events")])
def test_times_in_another_unit_than_those_of_training_are_told(survival_run, days, who) -> None:
    study, run = survival_run
    rows = pd.read_csv(study.parent / "cohort.csv")
    rows = rows[rows["replaced"] == 1] if who == "events" else rows
    rows = rows.assign(months=days * rows["months"])
    found = [text for text in evaluate(run / "bundle", rows, families=["clinical"])[0].remarks if "the unit" in text]
    assert len(found) == int(days > 1)
    assert all("in the unit of the training (months)" in text for text in found)
    assert all(("median time of events" if who == "events" else "under observation") in text for text in found)


def test_patients_without_an_event_are_told_and_not_a_fault(survival_run) -> None:
    study, run = survival_run
    rows = pd.read_csv(study.parent / "cohort.csv").iloc[:30].assign(replaced=0)
    found, _, _ = evaluate(run / "bundle", rows[rows.columns], families=["clinical"])
    assert found.performance[0].c.value is None
    assert any(
        "C, AUC at 60, calibration slope cannot be computed, as no unit has the event" in r for r in found.remarks
    )


def test_patients_who_were_not_followed_to_the_horizon_have_no_numbers_of_it(survival_run) -> None:
    study, run = survival_run
    rows = pd.read_csv(study.parent / "cohort.csv").iloc[:40]
    rows = rows.assign(months=rows["months"].clip(upper=50))
    rows.loc[rows["months"] == 50, "replaced"] = 0
    found, page = measured_on(run, rows, {}, families=["clinical"])
    here = found.performance[0]
    assert isinstance(here, SurvivalPerformance)
    assert here.c.value is not None
    assert here.brier.value is here.brier_scaled is here.observed.value is here.auc_at_horizon.value is None
    assert "nobody was followed to 60 without the event, so that nothing can be told of it there" in found.remarks
    assert "what acting is worth cannot be told" in page


@pytest.fixture(scope="module")
def explained(survival_run) -> Prediction:
    study, run = survival_run
    features = {b: study.parent / f"{b}.csv" for b in ("radiomic", "deep")}
    return predict(load_bundle(run / "bundle"), study.parent / "cohort.csv", features, explain=True)


def test_nomograms_say_what_the_bundle_says_at_every_time(survival_run, explained) -> None:
    run, bundle = survival_run[1], load_bundle(survival_run[1] / "bundle")
    told = prediction_table(bundle, explained)
    for name, family in bundle.schema.families.items():
        labels = [f"survival at {time} months" for time in (12, 36, 60)]
        assert [one.label for one in family.score.readings] == ["probability of the event by 60 months", *labels]
        own = explained.explained[name]
        x = own.values[:, [own.names.index(column.name) for column in family.score.columns]]
        score = family.score.predictor(x)
        np.testing.assert_allclose(family.score.predict(x), told[f"{name}_probability"], rtol=0, atol=1e-9)
        for reading in family.score.readings[1:]:
            time, p = reading.label.split()[2], told[f"{name}_probability"]
            expected = 1 - p if time == "60" else told[f"{name}_survival@{time}"]
            np.testing.assert_allclose(reading.link.of(score), expected, rtol=0, atol=1e-9)
        drawn = nomogram_of(name, family.score, {"sex": ["female", "male"]})
        assert [scale.label for scale in drawn.scales[1:]] == labels
        for scale, reading in zip(drawn.scales, family.score.readings, strict=True):
            assert len(scale.ticks) > 2
            for tick in scale.ticks:
                reached = reading.link.of(np.array([drawn.base + drawn.unit * tick.points]))[0]
                assert reached == pytest.approx(tick.value, abs=1e-9)
    table = pd.read_csv(run / f"report/tables/nomogram_{FAMILY}.csv")
    totals = table[table["axis"] == "total points"]
    assert (totals["survival at 12 months"].diff().dropna() < 0).all()
    np.testing.assert_allclose(
        totals["survival at 60 months"], 1 - totals["probability of the event by 60 months"], atol=1e-9
    )
    assert (run / "report/calculators/clinical.html").is_file()


def test_predictions_are_explained_on_the_log_cumulative_hazard(explained) -> None:
    for family, own in explained.explained.items():
        whole = own.base + own.absence + own.contributions.sum(axis=1)
        np.testing.assert_allclose(1 - np.exp(-np.exp(whole)), explained.probabilities[family], rtol=0, atol=1e-9)


def test_refits_are_measured_by_c(survival_run) -> None:
    tables = survival_run[1] / "report/tables"
    optimism, shuffled = pd.read_csv(tables / "optimism.csv"), pd.read_csv(tables / "permutation.csv")
    assert list(optimism["measure"]) == ["C", "partial likelihood loss"] * 2
    own = optimism[(optimism["family"] == FAMILY) & (optimism["measure"] == "C")].iloc[0]
    assert own["corrected"] < own["apparent"]
    assert "C" in shuffled
    groups = pd.read_csv(tables / "subgroups.csv")
    assert list(groups.columns[2:6]) == ["group", "units", "events", "C"]


def test_a_study_that_names_no_learner_gets_the_usual_one_of_its_outcome(tmp_path) -> None:
    study = load_study(write_table_phantom(tmp_path, TablePhantom(outcome="survival", patients=20)))
    assert [model.kind for model in study.fusion.learners] == ["cox", "cox_trees"]
    again = Study.model_validate(study.model_dump(mode="json"))
    assert again.fusion == study.fusion


def test_the_phantom_of_survival_has_the_features_of_the_binary_one_and_its_own_truth() -> None:
    binary = table_phantom(TablePhantom(patients=200, seed=5))
    drawn = table_phantom(TablePhantom(patients=200, seed=5, outcome="survival", prevalence=0.5))
    pd.testing.assert_frame_equal(binary["radiomic"], drawn["radiomic"])
    truth, cohort = drawn["truth"], drawn["cohort"]
    assert truth["probability"].mean() == pytest.approx(0.5, abs=1e-6)
    seen = cohort[(cohort["months"] >= 60) | (cohort["replaced"] == 1)]
    by_then = ((seen["months"] <= 60) & (seen["replaced"] == 1)).mean()
    assert by_then == pytest.approx(0.5, abs=0.15)  # who left before is missing, so it is more than half
    assert 0.6 < reachable_c(truth, "radiomic") < reachable_c(truth, FAMILY) < 0.85
