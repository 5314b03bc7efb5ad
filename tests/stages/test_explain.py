"""The stage that explains: what it explains by itself, what is asked of it, and what depends on it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from studies import finished

from radfuse.errors import InputError
from radfuse.pipeline import run_study
from radfuse.stages import explain
from radfuse.study import load_study

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("undrawn")]


@pytest.fixture(scope="module")
def explained(phantom_models: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Its study file and a run folder as far as what it explains by itself; change neither."""
    study, models = phantom_models
    folder = shutil.copytree(models, tmp_path_factory.mktemp("explained") / "R")
    return study, finished(study, folder, until="explain")


def test_the_best_family_is_explained_on_units_held_out_of_each_fold(explained: tuple[Path, Path]) -> None:
    run = explained[1]
    folders = sorted(item.name for item in (run / "explanation").iterdir())
    predictions = pd.read_parquet(run / "models/comparison/predictions.parquet")
    best = pd.read_json(run / "models/comparison/results.json", typ="series")["performance"]
    assert folders == [max(best, key=lambda item: item["auc"]["value"])["family"]]
    own = predictions[predictions["family"] == folders[0]]
    for path in (run / "explanation" / folders[0]).glob("*.npz"):
        found = explain.read(path)
        held_out = own[own["fold"].astype(str) == path.stem.removeprefix("fold-")]
        assert len(found.tested) == len(held_out)
        probability = 1 / (1 + np.exp(-found.tested_score))
        assert probability == pytest.approx(held_out["probability"].to_numpy(), abs=1e-9)
        total = float(found.base) + found.absence + found.contributions.sum(axis=1)
        assert total == pytest.approx(found.score, abs=1e-5)


def test_asking_for_another_family_fits_nothing_anew(explained: tuple[Path, Path], tmp_path: Path) -> None:
    study, run = explained
    folder = Path(shutil.copytree(run, tmp_path / "R"))
    asked = load_study(study, ["fusion.explain={families: [clinical], rows: 30}"])
    assert run_study(asked, folder, until="explain").computed == 3  # folds
    run_study(asked, folder)
    found = [explain.read(path) for path in (folder / "explanation/clinical").glob("*.npz")]
    assert 30 <= sum(len(each.units) for each in found) <= 33
    tables = folder / "report/tables"
    assert "age" in set(pd.read_csv(tables / "explanation_clinical_columns.csv")["column"])
    page = (folder / "report/index.html").read_text()
    assert '<h2 id="explanation">' in page
    nothing = run_study(load_study(study, ["fusion.explain.rows=0"]), folder)
    assert nothing.computed == 1
    assert '<h2 id="explanation">' not in (folder / "report/index.html").read_text()


def test_a_family_that_is_not_compared_cannot_be_explained(phantom_models: tuple[Path, Path]) -> None:
    with pytest.raises(InputError, match=r"fusion\.explain\.families: no family 'clinic'; did you mean 'clinical'"):
        load_study(phantom_models[0], ["fusion.explain.families=[clinic]"])
