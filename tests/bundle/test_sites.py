"""A study that harmonises goes from its file to a bundle that reads the site of new patients, and refuses or passes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from radfuse.bundle.evaluate import evaluate
from radfuse.bundle.load import load_bundle
from radfuse.bundle.predict import predict
from radfuse.config import apply_overrides, read_yaml, to_yaml
from radfuse.errors import InputError
from radfuse.fusion.validate import everyone, family_table, fit_fold
from radfuse.phantom.table import TablePhantom, write_table_phantom
from radfuse.pipeline import run_study
from radfuse.stages.prepare import read_design
from radfuse.study import load_study

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("undrawn")]

SETTINGS = [
    "cohort.split.folds=2",
    "fusion.inner_folds=2",
    "fusion.classifier={kind: ridge, spreads: [0.3]}",
    "fusion.strategy={kind: priority}",
    "report.journal_figures=false",
    "fusion.families=[clinical, radiomic, clinical-radiomic]",
    "fusion.selection=[{kind: mrmr, k: 5, blocks: [radiomic]}]",
]
FAMILIES = ["radiomic", "clinical-radiomic"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the tables T of a phantom whose sites differ, and its runs: error and pass, with covariates."""
    folder = tmp_path_factory.mktemp("sites")
    study = write_table_phantom(folder / "T", TablePhantom(patients=50, seed=3, site_shift=2.0))
    plain = read_yaml(study)
    for unseen, more in {"error": "", "pass": ", covariates: [age, sex]"}.items():
        settings = [*SETTINGS, f"fusion.harmonise={{kind: combat, unseen: {unseen}{more}}}"]
        study.write_text(to_yaml(apply_overrides(plain, settings)))
        run = run_study(study, folder / unseen, until="report" if unseen == "pass" else "export")
        assert run.failures == ()
        shutil.copy(study, folder / f"{unseen}.yaml")
    return folder


def features(made: Path) -> dict[str, Path]:
    return {"radiomic": made / "T" / "radiomic.csv"}


def changed(made: Path, folder: Path, **sites: str) -> Path:
    """Write the cohort with another site in the rows of some cases."""
    cohort = pd.read_csv(made / "T" / "cohort.csv", dtype=str)
    for case, site in sites.items():
        cohort.loc[cohort["case_id"] == case, "site"] = site
    cohort.to_csv(folder / "cohort.csv", index=False)
    return folder / "cohort.csv"


@pytest.mark.parametrize("unseen", ["error", "pass"])
def test_predictions_equal_the_family_they_were_made_from(made: Path, unseen: str) -> None:
    found = predict(made / unseen / "bundle", made / "T" / "cohort.csv", features(made)).probabilities
    study, prepared = load_study(made / f"{unseen}.yaml"), read_design(made / unseen / "features" / "design")
    assert study.cohort.outcome is not None
    for family in FAMILIES:
        about = ("patient_id", study.cohort.outcome, study.fusion, study.seed, "site")
        _, fit = fit_fold(prepared.design, family, everyone(prepared.everyone), *about)
        x = family_table(prepared.design, family, "all", study.fusion, "site").x
        np.testing.assert_allclose(found[family], fit.fitted.predict(x), atol=1e-12)


def test_the_bundle_lists_the_site_with_its_levels(made: Path) -> None:
    schema = load_bundle(made / "error" / "bundle").schema
    for family in FAMILIES:
        item = schema.families[family].inputs[-1]
        assert (item.name, item.block, item.used) == ("site", "site", True)
        assert schema.families[family].site.levels == ("north", "south", "west")
    assert schema.families["clinical"].site is None
    assert schema.families["radiomic"].formula.startswith("of values harmonised by site (radiomic)")
    schema = load_bundle(made / "pass" / "bundle").schema
    names = [(item.block, item.name) for item in schema.families["radiomic"].inputs[-3:]]
    assert names == [("site", "site"), ("clinical", "age"), ("clinical", "sex=male")]
    assert schema.families["clinical-radiomic"].inputs[-1].block == "site"
    card = (made / "pass" / "bundle" / "MODEL_CARD.md").read_text()
    assert "harmonised by the column `site` (ComBat, the effect of age, sex=male left in)" in card
    assert "Known sites: north, south, west. Units of other sites keep their values." in card


def test_an_unknown_site_is_refused_with_its_case_and_those_known(made: Path, tmp_path: Path) -> None:
    table = changed(made, tmp_path, K00001R="east", K00002R="soth")
    with pytest.raises(InputError) as caught:
        predict(made / "error" / "bundle", table, features(made))
    east, soth = caught.value.problems
    assert str(east).startswith("cohort.csv, column 'site': the site 'east' of K00001R was not learned")
    assert "which knows north, south, west; correct it, leave these cases out" in east.message
    assert "K00002R" in soth.message
    assert "did you mean 'south'?" in soth.message
    assert predict(made / "error" / "bundle", table, families=["clinical"]).probabilities.shape[1] == 1
    command = ["predict", made / "error" / "bundle", table, "--features", f"radiomic={features(made)['radiomic']}"]
    told = [sys.executable, "-m", "radfuse.cli", *map(str, command), "--out", str(tmp_path / "P")]
    result = subprocess.run(told, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "the site 'east' of K00001R" in " ".join(result.stderr.split())
    assert not (tmp_path / "P").exists()


def test_an_unknown_site_passes_where_that_was_asked_for_and_others_are_what_they_were(
    made: Path, tmp_path: Path
) -> None:
    bundle = made / "pass" / "bundle"
    before = predict(bundle, made / "T" / "cohort.csv", features(made))
    after = predict(bundle, changed(made, tmp_path, K00001R="east", K00002R=""), features(made))
    told = [problem.message for problem in after.warnings if "harmonisation" in problem.message]
    known = "not learned by harmonisation, which knows north, south, west: values stay as they are"
    assert sorted(told) == [f"no site of K00002R was {known}", f"the site 'east' of K00001R was {known}"]
    moved = np.abs(after.probabilities - before.probabilities).to_numpy()[:, 1:].max(axis=1) > 1e-12
    assert before.units["patient_id"].to_numpy()[moved].tolist() == ["P00001", "P00002"]
    measured, _, _ = evaluate(bundle, tmp_path / "cohort.csv", features(made))
    assert [item.family for item in measured.performance] == ["clinical", *FAMILIES]


def test_a_cohort_without_the_column_of_sites_leaves_the_families_out_that_need_it(made: Path, tmp_path: Path) -> None:
    cohort = pd.read_csv(made / "T" / "cohort.csv", dtype=str).drop(columns="site")
    cohort.to_csv(tmp_path / "cohort.csv", index=False)
    found = predict(made / "error" / "bundle", tmp_path / "cohort.csv", features(made))
    assert list(found.probabilities) == ["clinical"]
    assert "1 column is missing from cohort.csv: site" in found.failures[0].error


def test_a_bundle_whose_inputs_and_sites_disagree_is_refused(made: Path, tmp_path: Path) -> None:
    schema = load_bundle(made / "error" / "bundle").schema
    for change in ({"site": None}, {"site": {**schema.families["radiomic"].site.model_dump(), "column": "other"}}):
        content = json.loads(schema.model_dump_json())
        content["families"]["radiomic"] |= change
        with pytest.raises(ValueError, match="the inputs of block 'site' are site, and `site` tells of another"):
            type(schema).model_validate(content)
    content["families"]["clinical"]["inputs"][0]["block"] = "radiomic"
    with pytest.raises(ValueError, match="which it does not join"):
        type(schema).model_validate(content | {"families": {"clinical": content["families"]["clinical"]}})


def test_the_report_shows_the_formula_with_what_it_is_of(made: Path) -> None:
    page = (made / "pass" / "report" / "index.html").read_text()
    assert "of values harmonised by site (radiomic)" in page
