"""LightGBM from a study to its bundle and report, and where it cannot be loaded."""

from __future__ import annotations

import sys
from pathlib import Path

import lightgbm
import numpy as np
import pytest
from columns import planted
from exported import run_nodes
from hypothesis import given, settings
from hypothesis import strategies as st

from radfuse.bundle.load import load_bundle
from radfuse.bundle.predict import predict
from radfuse.fusion.models.canonical import canonical
from radfuse.fusion.models.lightgbm import LightGBM, by_column
from radfuse.phantom.table import TablePhantom, write_table_phantom
from radfuse.pipeline import run_study
from radfuse.results import FittedFamily
from radfuse.statistics.auc import auc
from radfuse.study import load_study


def test_a_machine_without_openmp_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch):
    def find_spec(name: str, path: object, target: object = None) -> None:
        if name == "lightgbm":
            raise OSError("libgomp.so.1: cannot open shared object file")

    monkeypatch.delitem(sys.modules, "lightgbm", raising=False)
    finder = type("Finder", (), {"find_spec": staticmethod(find_spec)})
    monkeypatch.setattr(sys, "meta_path", [finder, *sys.meta_path])
    with pytest.raises(ValueError, match=r"lightgbm: LightGBM cannot be loaded \(libgomp.*install libgomp1"):
        LightGBM().fit(np.eye(4), np.array([0, 1, 0, 1]), LightGBM().candidates()[0], 0)


def test_few_trees_are_the_first_of_many():
    x, y = planted(3)
    model = LightGBM(trees=(3, 11), leaves=(3, 4))
    path = model.path(x, y, model.candidates(), 5)
    for fitted, own in zip(path, model.candidates(), strict=True):
        alone = model.fit(x, y, own, 5)
        np.testing.assert_array_equal(fitted.predict(x), alone.predict(x))
        np.testing.assert_array_equal(fitted.importance, alone.importance)


def test_trees_add_to_log_odds_known_before():
    """As LightGBM adds to an init_score: what is known of an outcome leaves nothing to grow, what is not is found."""
    x, y = planted(3, units=300)
    chosen = {"lightgbm_leaves": 4, "lightgbm_trees": 40, "lightgbm_rate": 0.1}
    model = LightGBM(column_share=1.0)
    known = np.where(y == 1, 9.0, -9.0)
    assert np.abs(model.fit(x, y, chosen, 0, offset=known).score(x)).max() < 0.05
    wrong = np.full(300, 2.0)
    added = model.fit(x, y, chosen, 0, offset=wrong)
    odds = added.score(x) + wrong
    assert (1 / (1 + np.exp(-odds))).mean() == pytest.approx(y.mean(), abs=0.02)
    assert auc(y, odds) > 0.85
    np.testing.assert_allclose(run_nodes(added, x, "score"), added.score(x), atol=1e-9)
    parameters = {"objective": "binary", **model.parameters(chosen, 0, 40), "feature_fraction": 1.0}
    data = canonical(x, y)
    rows = lightgbm.Dataset(data.x.astype(np.float32), data.y, init_score=wrong)
    peer = lightgbm.train(parameters, rows, 40)
    np.testing.assert_allclose(added.score(x), peer.predict(x[:, data.columns], raw_score=True), atol=1e-9)


@given(st.integers(0, 2**32), st.integers(6, 120), st.integers(1, 40), st.sampled_from([1, 3, 1000]))
@settings(max_examples=15, deadline=None)
def test_a_table_by_column_grows_the_trees_of_a_plain_one(seed: int, units: int, columns: int, steps: int):
    """Few whole numbers, many of them 0, or about as many values as there are bins."""
    generator = np.random.default_rng(seed)
    values = np.round(steps * generator.standard_normal((units, columns))).astype(np.float32)
    y = (generator.random(units) < 0.5).astype(int)
    model = LightGBM(min_data_in_leaf=2)
    parameters = {"objective": "binary", **model.parameters(model.candidates()[0], 0, columns)}
    grown = [lightgbm.train(parameters, lightgbm.Dataset(each, y), 8) for each in (values, by_column(values))]
    plain, ours = (booster.dump_model()["tree_info"] for booster in grown)
    assert ours == plain


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn")
def test_trees_go_from_a_study_to_its_bundle_and_report(tmp_path: Path):
    study = write_table_phantom(tmp_path / "T", TablePhantom(patients=60, seed=3))
    chosen = (
        "fusion.inner_folds=2",
        "cohort.split.folds=2",
        "fusion.families=[clinical-radiomic]",
        "fusion.selection=[{kind: mrmr, k: 4}]",
        "fusion.classifier={kind: lightgbm, trees: [20, 40]}",
        "fusion.strategy.kind=early",
        "fusion.explain={rows: 24, background: 16, permutations: 1}",
        "report.journal_figures=false",
    )
    run = run_study(load_study(study, chosen), tmp_path / "R")
    assert run.failures == ()
    found = FittedFamily.model_validate_json((run.path / "models/clinical-radiomic/all/fitted.json").read_bytes())
    assert found.tuned["lightgbm_trees"] in (20, 40)
    assert sum(column.importance for column in found.explanation.columns) == pytest.approx(1)
    assert "share of the gain in likelihood, refitted on all units" in run.report.read_text(encoding="utf-8")
    bundle = load_bundle(run.path / "bundle")
    assert list(bundle.schema.outputs) == ["probability"]
    said = predict(bundle, study.parent / "cohort.csv", {"radiomic": study.parent / "radiomic.csv"})
    assert said.probabilities["clinical-radiomic"].nunique() > 20
