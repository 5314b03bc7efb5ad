"""A study with readers, subgroups, optimism and shuffled outcomes: what is stored, resumed and shown."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from radfuse.config import apply_overrides, read_yaml, to_yaml
from radfuse.errors import InputError
from radfuse.phantom.table import TablePhantom, write_table_phantom
from radfuse.pipeline import run_study
from radfuse.stages.optimism import drawn
from radfuse.stages.permute import shuffled
from radfuse.stages.readers import positions_in

SMALL = [
    "fusion.classifier={kind: logistic, c: [1.0]}",
    "fusion.strategy={kind: early}",
    "fusion.inner_folds=3",
    "report.journal_figures=false",
    "fusion.threshold={sensitivity: 0.8}",
    "cohort.split.folds=3",
    "evaluation.readers={first: {column: grade, cut: 3}, second: {column: other}}",
    "evaluation.subgroups=[sex, site]",
    "evaluation.optimism=2",
    "evaluation.permutations=2",
]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, undrawn: None) -> Path:
    """The study file of 90 patients with clinical columns alone, run to its report in `R` beside it."""
    folder = tmp_path_factory.mktemp("evaluation")
    path = write_table_phantom(folder, TablePhantom(patients=90, seed=4))
    table = pd.read_csv(folder / "cohort.csv")
    logit = pd.read_csv(folder / "truth.csv").filter(like="_part").sum(axis=1)
    generator = np.random.default_rng(0)
    for name in ("grade", "other"):
        table[name] = np.digitize(logit + generator.normal(size=len(table)), [-1, 0, 1]) + 1.0
    table.loc[::7, "other"] = np.nan
    table.to_csv(folder / "cohort.csv", index=False)
    settings = read_yaml(path)
    settings.pop("features")
    path.write_text(to_yaml(apply_overrides(settings, SMALL)), encoding="utf-8")
    run = run_study(path, folder / "R")
    assert run.failures == ()
    return path


def test_a_second_run_makes_nothing_and_more_draws_make_those_alone(study: Path, tmp_path: Path) -> None:
    again = run_study(study, study.parent / "R")
    assert again.computed == 0
    settings = apply_overrides(read_yaml(study), ["evaluation.optimism=3", "evaluation.subgroups=[sex]"])
    settings["cohort"]["table"] = str(study.parent / "cohort.csv")
    more = run_study(settings, shutil.copytree(study.parent / "R", tmp_path / "R"))
    assert more.computed == 3  # one sample, the subgroups, the report: no family is fitted again


def test_thresholds_of_all_rules_are_stored_and_shown(study: Path) -> None:
    fitted = json.loads((study.parent / "R/models/clinical/fold-1.json").read_text())
    assert list(fitted["thresholds"]) == [
        *("Youden index", "sensitivity 0.9", "specificity 0.9", "cost 4", "probability 0.5")
    ]
    assert fitted["thresholds"]["sensitivity 0.9"] <= fitted["threshold"] <= fitted["thresholds"]["specificity 0.9"]
    shown = pd.read_csv(study.parent / "R/report/tables/calls_by_rule.csv")
    assert list(shown["rule"]) == list(fitted["thresholds"])
    sensitivity = shown.set_index("rule")["sensitivity"].str.split().str[0].astype(float)
    assert sensitivity["sensitivity 0.9"] > sensitivity["specificity 0.9"]


def test_readers_are_compared_on_what_they_read(study: Path) -> None:
    shown = pd.read_csv(study.parent / "R/report/tables/readers.csv")
    units = len(pd.read_csv(study.parent / "cohort.csv"))
    assert shown["units read"].tolist() == [units, units - len(range(0, units, 7))]
    page = (study.parent / "R/report/index.html").read_text()
    assert f"Second read {units - len(range(0, units, 7))} of {units} units" in page
    assert 'id="readers"' in page


def test_subgroups_have_all_units_among_them(study: Path) -> None:
    shown = pd.read_csv(study.parent / "R/report/tables/subgroups.csv")
    units = len(pd.read_csv(study.parent / "cohort.csv"))
    assert shown.groupby("column")["units"].sum().tolist() == [units, units]
    assert "missing" in set(shown["group"])
    assert (study.parent / "R/report/figures/subgroups.svg").is_file()


def test_the_apparent_performance_is_that_of_the_model_that_ships(study: Path) -> None:
    """The sample of number 0 is all units: its model is the refitted one."""
    from radfuse.statistics.auc import auc

    whole = json.loads((study.parent / "R/models/clinical/optimism/0000.json").read_text())
    assert whole["sample"] == pytest.approx(whole["everyone"])
    predicted = run_bundle(study)
    assert whole["everyone"]["AUC"] == pytest.approx(auc(predicted["outcome"], predicted["probability"]), abs=1e-4)
    sample = json.loads((study.parent / "R/models/clinical/optimism/0001.json").read_text())
    assert sample["sample"]["AUC"] != sample["everyone"]["AUC"]


def run_bundle(study: Path) -> pd.DataFrame:
    import radfuse as rf

    prediction = rf.predict(study.parent / "R/bundle", study.parent / "cohort.csv")
    table = pd.read_csv(study.parent / "cohort.csv")
    return pd.DataFrame(
        {"outcome": table["progressed"], "probability": prediction.probabilities["clinical"].to_numpy()}
    )


def test_shuffled_outcomes_are_stored_by_draw(study: Path) -> None:
    values = [
        json.loads((study.parent / f"R/models/clinical/shuffled/{draw:04d}.json").read_text())["value"]
        for draw in (1, 2)
    ]
    assert values[0] != values[1]
    shown = pd.read_csv(study.parent / "R/report/tables/permutation.csv")
    assert shown["shuffles"].tolist() == [2]


def test_a_patient_takes_all_outcomes_of_another() -> None:
    patients = np.array(["a", "a", "b", "c", "c", "d", "e", "e", "e"])
    outcome = np.array([1, 0, 1, 0, 0, 0, 1, 1, 0])
    seen = set()
    for draw in range(1, 30):
        source = shuffled(patients, 7, draw)
        assert sorted(source) == list(range(9))
        assert source[6:].tolist() == [6, 7, 8]  # nobody else has three units
        assert tuple(outcome[source[:2]]) in {(1, 0), (0, 0)}
        seen.add(tuple(source))
    assert len(seen) == 4  # two pairs of two, two of one
    assert shuffled(patients, 7, 1).tolist() == shuffled(patients, 7, 1).tolist()


def test_a_sample_holds_patients_whole() -> None:
    patients = np.array(["a", "a", "b", "c", "c"])
    assert drawn(patients, 1, 0).tolist() == [0, 1, 2, 3, 4]
    rows = drawn(patients, 1, 5)
    counts = pd.Series(rows).value_counts()
    assert counts.get(0, 0) == counts.get(1, 0)
    assert counts.get(3, 0) == counts.get(4, 0)


def test_predictions_find_their_units() -> None:
    units = pd.DataFrame({"patient_id": ["a", "a", "b"], "side": ["l", "r", "l"]})
    assert positions_in(units, units.iloc[[2, 0, 0]], ("patient_id", "side")).tolist() == [2, 0, 0]


def test_a_reader_that_is_not_there_is_told_before_anything_is_computed(study: Path, tmp_path: Path) -> None:
    settings = apply_overrides(read_yaml(study), ["evaluation.readers={x: grad}", "evaluation.subgroups=[sexx]"])
    settings["cohort"]["table"] = str(study.parent / "cohort.csv")
    from radfuse.check.study import check_study

    with pytest.raises(InputError) as told:
        check_study(settings)
    assert "no column 'grad' (evaluation.readers.x); did you mean 'grade'" in str(told.value)
    assert "no column 'sexx' (evaluation.subgroups); did you mean 'sex'" in str(told.value)
