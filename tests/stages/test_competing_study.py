"""A survival study in which people may die first, from a landmark on: from its tables to the report and the bundle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from studies import finished, written

from radfuse.bundle.evaluate import evaluate
from radfuse.bundle.load import load_bundle
from radfuse.bundle.predict import predict, prediction_table
from radfuse.errors import InputError
from radfuse.phantom.table import TablePhantom, table_phantom
from radfuse.statistics.competing import aalen_johansen
from radfuse.study import load_study

SETTINGS = [
    "fusion.classifier={kind: cox, spreads: [0.1, 1]}",
    "fusion.families=[clinical]",
    "fusion.inner_folds=2",
    "fusion.explain={rows: 0}",
    "report.journal_figures=false",
    "cohort.split.folds=2",
    "cohort.outcome.landmark=6",
    "cohort.outcome.times=[24, 60]",
    "evaluation={subgroups: [sex]}",
]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the study file of a phantom of 100 patients; do not change it."""
    folder = tmp_path_factory.mktemp("competing")
    return written(folder, SETTINGS, outcome="survival", competing=True, patients=100)


@pytest.fixture(scope="module")
def run(study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return its finished run folder; do not change it."""
    return finished(study, tmp_path_factory.mktemp("run") / "R")


def at_risk(study: Path) -> pd.DataFrame:
    cohort = pd.read_csv(study.parent / "cohort.csv")
    return cohort[cohort["months"] > 6].assign(months=cohort["months"] - 6)


def test_who_is_at_risk_is_measured_beside_who_dies(study, run) -> None:
    rows, known = pd.read_csv(run / "models/comparison/predictions.csv"), at_risk(study)
    assert len(rows) == len(known) < len(pd.read_csv(study.parent / "cohort.csv"))
    assert rows["competing"].sum() == (known["replaced"] == 2).sum() > 20
    assert (rows["probability"] == rows["incidence@60"]).all()
    assert (rows["probability"] < rows["cause_specific"]).all()
    tables = run / "report/tables"
    groups = pd.read_csv(tables / "risk_groups.csv").set_index("risk")
    own = rows[rows["group"] == 2]
    curve = aalen_johansen(*(own[name].to_numpy(dtype=float) for name in ("time", "event", "competing")))
    assert float(groups.loc["high", "incidence by 60 months"].split()[0]) == pytest.approx(
        curve.estimate(60).value, abs=6e-3
    )
    assert groups["competing events"].sum() == rows["competing"].sum()
    ratio = pd.read_csv(tables / "calibration.csv")["observed / expected"][0]
    assert 0.8 < float(ratio) < 1.25
    assert (tables / "subgroups.csv").is_file()


def test_methods_and_checklists_say_what_competes_and_from_when_on(study, run) -> None:
    methods, page = (run / "report/methods.md").read_text(), (run / "report/index.html").read_text()
    for told in (
        "had a competing event (“2”)",
        "In a landmark analysis",
        "at 6 months took part",
        "Aalen and Johansen",
    ):
        assert told in methods
    assert "Kaplan-Meier)" not in methods.replace("(reverse Kaplan-Meier)", "")
    for told in ("Incidence by risk group", "observed (Aalen-Johansen)", "Events compete:", "take no part"):
        assert told in page
    assert "compared by Gray's test" in methods
    assert "Gray's test p " in page.replace("&#39;", "'")
    assert "log-rank" not in page + methods
    assert 'id="nomogram"' not in page
    clear = pd.read_csv(run / "report/checklists/clear.csv", dtype=str)["evidence"]
    assert clear.str.contains("competing: 2; landmark: 6", regex=False).any()
    assert clear.str.contains("of the event beside competing ones", regex=False).any()


def test_the_bundle_predicts_incidence_and_is_measured_by_it(study, run) -> None:
    bundle = load_bundle(run / "bundle")
    cohort = pd.read_csv(study.parent / "cohort.csv")
    found = prediction_table(bundle, predict(bundle, study.parent / "cohort.csv"))
    assert len(found) == len(cohort)  # whoever is predicted is taken to be at risk
    names = ["probability", "linear_predictor", "cause_specific", "incidence@24", "incidence@60", "risk_group"]
    assert list(found)[2:] == [f"clinical_{name}" for name in names]
    np.testing.assert_array_equal(found["clinical_probability"], found["clinical_incidence@60"])
    assert (found["clinical_incidence@24"] < found["clinical_incidence@60"]).all()
    alone = 1 - np.exp(-np.exp(found["clinical_linear_predictor"]))
    np.testing.assert_allclose(found["clinical_cause_specific"], alone, atol=1e-12)
    assert "Events compete" in (run / "bundle/MODEL_CARD.md").read_text()
    assert "no probability is read off a score alone" in bundle.schema.families["clinical"].no_score
    measured, _, long = evaluate(bundle, study.parent / "cohort.csv")
    assert len(long) == len(at_risk(study))
    assert measured.performance[0].rivals == long["competing"].sum()


def test_a_nomogram_beside_rivals_and_rivals_of_another_outcome_are_refused(study) -> None:
    with pytest.raises(InputError, match="one is drawn of binary outcomes and of survival without competing events"):
        load_study(study, ["nomogram=clinical"])
    with pytest.raises(ValueError, match="competing events are those of the outcome survival"):
        TablePhantom(competing=True)


def test_death_changes_no_feature_and_no_later_time() -> None:
    plain, lost = (
        table_phantom(TablePhantom(patients=60, seed=5, outcome="survival", competing=rival)) for rival in (False, True)
    )
    pd.testing.assert_frame_equal(plain["radiomic"], lost["radiomic"])
    died = lost["cohort"]["replaced"] == 2
    assert 0.1 < died.mean() < 0.7
    assert (lost["cohort"]["months"][died] < plain["cohort"]["months"][died]).all()
    pd.testing.assert_frame_equal(plain["cohort"][~died], lost["cohort"][~died], check_dtype=False)
