"""The shipped studies of published protocols run on their phantom cohorts, from the table to compared models."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from radfuse.phantom.recipes import FROM_IMAGES, FROM_KNEES, FROM_TABLES, write_recipe_phantom
from radfuse.pipeline import Run, run_study
from radfuse.study import load_study, shipped_study

pytestmark = pytest.mark.usefixtures("undrawn")
QUICK = ["fusion.inner_folds=2", "fusion.explain.rows=0", "report.journal_figures=false"]
FROM_IMAGES_QUICK = [*QUICK, "radiomics.filters=[original]", "radiomics.classes=[firstorder]"]
PLAIN = ["fusion.classifier={kind: ridge}", "fusion.selection=[]", "fusion.strategy={kind: early}"]
OWN = {
    "knee_load_bearing": [*PLAIN, "cohort.split.folds=2"],
    "knee_oa_incidence": [
        *("fusion.families=[deep, clinical-radiomic-deep]", "fusion.classifier={kind: ridge}"),
        *("fusion.explain.rows=8", "fusion.explain.permutations=1"),
    ],
    "knee_oa_progression": [*PLAIN, "cohort.split.folds=2"],
    "osteosarcoma_response": ["cohort.split.folds=2", "variants={}"],
    "paraspinal_fasciitis": ["variants={classifiers: [knn]}"],
    "rectal_pcr": [],
    "sarcoma_habitats": [*PLAIN, "cohort.split.folds=2"],
    "sarcoma_pet_ct": [*PLAIN, "cohort.split.folds=2"],
}


def run(name: str, folder: Path) -> Run:
    patients = 70 if name in FROM_TABLES else 16
    study = write_recipe_phantom(folder, name, shipped_study(name), patients)
    return run_study(load_study(study, settings(name)), folder / "run", until="report")


def settings(name: str) -> list[str]:
    """Return what makes a study quick."""
    return [*(QUICK if name in FROM_TABLES else FROM_IMAGES_QUICK), *OWN.get(name, ["cohort.split.folds=2"])]


IN_HALF_A_MINUTE = {"paraspinal_fasciitis", "osteosarcoma_response"}


def _marked(name: str) -> object:
    return pytest.param(name, marks=pytest.mark.slow if name in IN_HALF_A_MINUTE else pytest.mark.long)


@pytest.mark.parametrize("name", [_marked(name) for name in sorted({**FROM_IMAGES, **FROM_KNEES})])
def test_a_protocol_runs_from_images_as_it_is_shipped(name: str, tmp_path: Path) -> None:
    done = run(name, tmp_path)
    assert done.failures == ()
    assert done.results is not None
    assert [item.family for item in done.results.performance] == ["clinical", "radiomic", "clinical-radiomic"]
    design = pd.read_parquet(tmp_path / "run/features/design/radiomic.parquet")
    columns = [str(column) for column in design.columns]
    study = load_study(tmp_path / "study.yaml")
    assert {column.split("/")[1] for column in columns if "/" in column} == {region.name for region in study.regions}
    for measure in study.morphometry:
        for region in measure.regions:
            assert any(f"/{region}/morphometry_" in column for column in columns), region
    assert (tmp_path / "run/report/index.html").is_file()
    CHECKS.get(name, lambda *_: None)(design, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(FROM_TABLES))
def test_a_protocol_runs_from_tables_as_it_is_shipped(name: str, tmp_path: Path) -> None:
    done = run(name, tmp_path)
    assert done.failures == ()
    assert done.results is not None
    assert [item.family for item in done.results.performance] == list(
        load_study(tmp_path / "study.yaml", settings(name)).families
    )
    ON_TABLES[name](tmp_path / "run")


def table(run_folder: Path, name: str) -> pd.DataFrame:
    """Return a table of the report."""
    return pd.read_csv(run_folder / "report/tables" / f"{name}.csv")


def _progression(design: pd.DataFrame, folder: Path) -> None:
    """Phantom cartilage gets thinner between the visits where the disease progresses, and never thicker on average."""
    assert list(table(folder / "run", "visits")["units"]) == [16, 16]
    assert {"ThicknessMean", "JointSpaceMin"} < set(table(folder / "run", "visits_change")["feature"])
    assert len(list((folder / "run/registration").glob("*_V01@baseline/quality.json"))) == 16
    change = design["dess@change/medial_tibial_cartilage/morphometry_ThicknessMean"]
    assert change.mean() < 0
    assert not any("@V01/" in str(column) for column in design.columns)


def _fasciitis(design: pd.DataFrame, folder: Path) -> None:
    """Fat of the multifidus is what was planted; the nomogram has the clinical columns that are left."""
    truth = pd.read_csv(folder / "truth.csv")["radiomic_part"].to_numpy()
    share = design["t2/multifidus/morphometry_FatFraction"].to_numpy()
    assert np.corrcoef(share, truth)[0, 1] > 0.8
    axes = set(table(folder / "run", "nomogram_clinical-radiomic")["axis"])
    assert "total points" in axes  # 11 training patients are too few to be sure of a radscore with a weight
    assert len(axes & {"age", "sex", "bmi", "pain_vas", "pain_months"}) < 5
    assert "knn" in set(table(folder / "run", "variants")["variant"])
    assert "resampled to unchanged × 1 × 1 mm" in (folder / "run/report/methods.md").read_text()


def _readers(design: pd.DataFrame, folder: Path) -> None:
    """Three readers stand beside the models on the later patients; the last two were not read by one of them."""
    readers = table(folder / "run", "readers")
    assert dict(zip(readers["reader"], readers["units read"], strict=True)) == {
        "reader_1": 5,
        "reader_2": 5,
        "reader_3": 3,
    }
    assert "readers_together" not in {item.stem for item in (folder / "run/report/tables").iterdir()}  # one test set
    assert {str(column).split("/")[0] for column in design.columns if "/" in str(column)} == {"t2", "adc"}


def _response(design: pd.DataFrame, folder: Path) -> None:
    """Columns are of before treatment and of what changed, in units and in percent; never of afterwards alone."""
    when = {str(column).split("/")[0].partition("@")[2] for column in design.columns if "/" in str(column)}
    assert when == {"pre", "change", "percent"}
    assert (folder / "run/report/figures/nomogram_clinical-radiomic.svg").is_file()


def _three_sequences(design: pd.DataFrame, _: Path) -> None:
    for sequence in ("ct", "pet"):
        own = design[[column for column in design.columns if str(column).startswith(f"{sequence}/")]]
        assert int(own.isna().all(axis=1).sum()) == len(design) // 6  # who lacks both
    hot = design["pet/hot/original_firstorder_Minimum"] / design["pet/tumour/original_firstorder_Maximum"]
    assert (hot.dropna() >= 0.41).all()


def _habitats(design: pd.DataFrame, folder: Path) -> None:
    """Each fold finds the three tissues by itself, the hot one last; its share is what was planted."""
    for place in (folder / "run/features/learned").glob("*.json"):
        if not place.name.endswith(".record.json"):
            assert len(json.loads(place.read_text())["habitats"]["habitats"]["centres"]) == 3
    shares = design[[f"pet/habitats/habitats_Fraction{number}" for number in (1, 2, 3, 4)]]
    assert (shares.iloc[:, 3] == 0).all()
    truth = pd.read_csv(folder / "truth.csv")["hot_share"].to_numpy()
    np.testing.assert_allclose(shares.iloc[:, 2], truth, atol=0.01)


CHECKS: dict[str, Callable[[pd.DataFrame, Path], None]] = {
    "knee_oa_progression": _progression,
    "osteosarcoma_response": _response,
    "paraspinal_fasciitis": _fasciitis,
    "rectal_pcr": _readers,
    "sarcoma_habitats": _habitats,
    "sarcoma_pet_ct": _three_sequences,
}


def _survival(folder: Path) -> None:
    """The nomogram reads survival at each stated time off one total, and it falls with time."""
    points = table(folder, "nomogram_clinical-radiomic")
    totals = points[points["axis"] == "total points"] if "total points" in set(points["axis"]) else points
    early, late = (
        totals[next(name for name in totals if "survival" in name and f" {months} " in name)].dropna()
        for months in (12, 60)
    )
    assert len(early)
    assert (early >= late).all()
    assert "Harrell's C" in table(folder, "performance").columns
    methods = (folder / "report/methods.md").read_text()
    assert "log-rank test" in methods
    assert "ridge Cox regression" in methods
    assert "DeLong" not in methods


def _incidence(folder: Path) -> None:
    """Each site is tested by models that never saw it; the fused family is explained by region and block."""
    fold = pd.read_csv(folder / "models/comparison/predictions.csv")
    cohort = pd.read_csv(folder.parent / "cohort.csv")
    both = fold.merge(cohort[["patient_id", "side", "site"]], on=["patient_id", "side"])
    assert (both.groupby("fold")["site"].nunique() == 1).all()
    assert both["site"].nunique() == 4
    groups = table(folder, "subgroups").query("family == 'deep'")
    assert groups.loc[groups["column"] == "site", "group"].tolist() == sorted(cohort["site"].unique())
    assert set(table(folder, "explanation_clinical-radiomic-deep_blocks")["block"]) == {"clinical", "radiomic", "deep"}


def _pain(folder: Path) -> None:
    """Points of the radiograph's score stand in the nomogram; grades are measured alone."""
    assert "radiomic score" in set(table(folder, "nomogram_clinical-radiomic")["axis"])
    assert {"sex", "kl_grade"} <= set(table(folder, "subgroups")["column"])


def _cascade(folder: Path) -> None:
    """Where no marker was measured, the second step leaves the first as it is."""
    fitted = json.loads((folder / "models/radiomic-markers/all/fitted.json").read_text())
    parts = {tuple(part["blocks"]): part for part in fitted["score"]["sum"]["parts"]}
    assert parts[("markers",)]["absent"] == 0.0
    assert parts[("radiomic",)]["weight"] == 1.0


ON_TABLES: dict[str, Callable[[Path], None]] = {
    "knee_oa_incidence": _incidence,
    "knee_pain_nomogram": _pain,
    "markers_cascade": _cascade,
    "osteosarcoma_survival": _survival,
}
