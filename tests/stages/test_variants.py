"""Variants of a study: run beside it, with what they do not change taken over, compared on the same folds."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from radfuse.check.study import check_study
from radfuse.config import apply_overrides, read_yaml, to_yaml
from radfuse.errors import InputError
from radfuse.phantom.table import TablePhantom, write_table_phantom
from radfuse.pipeline import run_study
from radfuse.report.sections.learning_curve import remarks
from radfuse.results import LearningPoint, VariantFamily, VariantResults
from radfuse.stages import variants
from radfuse.stages.learning_curve import share_of
from radfuse.statistics.auc import auc
from radfuse.statistics.multiple import holm
from radfuse.study import load_study

SMALL = [
    "fusion.classifier={kind: logistic, c: [1.0]}",
    "fusion.strategy={kind: early}",
    "fusion.inner_folds=3",
    "fusion.selection=[{kind: mrmr, k: 6}]",
    "fusion.families=[few, few-more]",
    "cohort.split.folds=3",
    "cohort.clinical=[]",
    "features={few: few.csv, more: more.csv}",
    "report.journal_figures=false",
    "evaluation.learning_curve={shares: [0.5, 1.0], repeats: 2}",
    "variants={classifiers: [lda], k_2: {fusion.selection.0.k: 2}, lacking: {features.few: lacking.csv}}",
    "variants.seed={seed: 8}",
    "variants.noisy={features.few: noisy.csv}",
    "variants.behind={features: {more: noisy_more.csv}}",
]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The study file of 80 patients with two small tables, and others to take their place."""
    folder = tmp_path_factory.mktemp("variants")
    path = write_table_phantom(folder, TablePhantom(patients=80, seed=4))
    whole = pd.read_csv(folder / "radiomic.csv")
    generator = np.random.default_rng(0)
    for name, columns in (("few", [0, *range(1, 10)]), ("more", [0, *range(20, 26)])):
        table = whole.iloc[:, columns]
        table.to_csv(folder / f"{name}.csv", index=False)
        noisy = table.copy()
        noisy.iloc[:, 1:] += generator.normal(size=(len(table), len(columns) - 1)) * table.iloc[:, 1:].std().to_numpy()
        noisy.to_csv(folder / ("noisy.csv" if name == "few" else "noisy_more.csv"), index=False)
    whole.iloc[3:, :10].to_csv(folder / "lacking.csv", index=False)
    settings = {key: value for key, value in read_yaml(path).items() if key not in ("features", "fusion")}
    path.write_text(to_yaml(apply_overrides(settings, SMALL)), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def run(study: Path) -> Path:
    """Its run folder, report and all."""
    found = run_study(study, study.parent / "R")
    assert [failure.item for failure in found.failures] == ["variant lacking"]
    assert "the table lacks 3 of" in found.failures[0].error
    return found.path


def results(run: Path) -> dict[tuple[str, str], VariantFamily]:
    found = VariantResults.model_validate_json((run / variants.PLACE).read_bytes())
    return {(row.variant, row.family): row for row in found.families}


def made(run: Path, variant: str) -> set[str]:
    """Return the stages that made something for a variant."""
    lines = (run / "variants" / variant / "log.jsonl").read_text().splitlines()
    return {entry["stage"] for entry in map(json.loads, lines) if entry["event"] == "done"}


def test_what_a_variant_does_not_change_is_taken_over(run: Path) -> None:
    assert made(run, "lda") == made(run, "k_2") == {"fit", "fuse"}
    assert made(run, "noisy") == {"prepare", "fit", "fuse"}
    both = [run / name / "features/design/few.parquet" for name in ("", "variants/lda")]
    assert both[0].samefile(both[1])
    assert not (run / "variants/lda/bundle").exists()


def test_a_failed_variant_is_named_and_the_others_go_on(run: Path) -> None:
    assert {name for name, _ in results(run)} == {"lda", "k_2", "seed", "noisy", "behind"}
    page = (run / "report/index.html").read_text()
    assert "<b>lacking</b> could not be run" in page
    assert "variant lacking" in page


def test_the_difference_is_that_of_the_aucs_on_the_same_folds(run: Path) -> None:
    aucs = {}
    for name, folder in (("study", run), ("noisy", run / "variants/noisy")):
        rows = pd.read_parquet(folder / "models/comparison/predictions.parquet")
        rows = rows[rows["family"] == "few"]
        aucs[name] = np.mean([auc(fold["outcome"], fold["probability"]) for _, fold in rows.groupby("fold")])
        units = rows.sort_values(["patient_id", "side"])[["patient_id", "side", "fold"]].reset_index(drop=True)
        aucs[f"{name} folds"] = units
    pd.testing.assert_frame_equal(aucs["study folds"], aucs["noisy folds"])
    row = results(run)["noisy", "few"]
    assert row.value.value == pytest.approx(aucs["noisy"])
    assert row.difference.value == pytest.approx(aucs["noisy"] - aucs["study"])
    assert row.difference.low < row.difference.value < row.difference.high  # type: ignore[operator]
    assert row.units == len(units)


def test_p_is_adjusted_over_the_variants_of_a_family(run: Path) -> None:
    rows = [row for row in results(run).values() if row.family == "few" and row.p is not None]
    assert [row.variant for row in rows] == ["lda", "k_2", "noisy"]
    assert [row.p_holm for row in rows] == pytest.approx(holm([row.p for row in rows]))


def test_a_family_that_a_variant_does_not_touch_is_not_tested(run: Path) -> None:
    row = results(run)["behind", "few"]
    assert row.same
    assert row.p is None
    assert not results(run)["behind", "few-more"].same
    table = pd.read_csv(run / "report/tables/variants.csv").set_index(["family", "variant"])
    assert table.loc[("few", "behind"), "difference"] == "unchanged"


def test_other_folds_are_not_compared_unit_by_unit(run: Path) -> None:
    row = results(run)["seed", "few"]
    assert row.value.value is not None
    assert row.difference.value is None
    assert "its test folds are others" in (run / "report/index.html").read_text()


@pytest.mark.parametrize(
    ("split", "variant", "told"),
    [
        ("{kind: holdout}", "{seed: 9}", "its test folds are others"),
        ("{kind: leave_site_out}", "{seed: 9}", None),
        ("{kind: holdout}", "{cohort.split.test_fraction: 0.4}", "its test folds are others"),
        ("{kind: holdout}", "{fusion.inner_folds: 2}", None),
    ],
)
def test_test_sets_drawn_anew_are_others_though_they_share_units(
    split: str, variant: str, told: str | None, study: Path
) -> None:
    loaded = load_study(study, [f"cohort.split={split}", f"variants={{it: {variant}}}"])
    context = SimpleNamespace(study=loaded, variants={"it": study}, path=lambda _: study)
    (job,) = variants.jobs(context)  # type: ignore[arg-type]
    assert job.apart.get("it") == told


def test_the_report_shows_study_and_variants(run: Path) -> None:
    table = pd.read_csv(run / "report/tables/variants.csv")
    assert list(table["variant"][:3]) == ["as planned", "lda", "k_2"]
    assert len(table) == 2 * (1 + 5)
    page = (run / "report/index.html").read_text()
    assert "picked because it came out best, is optimistic" in page
    assert "features.few.table: noisy.csv" in page
    figure = (run / "report/figures/variants.svg").read_text()
    assert all(f">{name}<" in figure for name in ("as planned", "noisy", "behind"))


def test_a_second_run_makes_nothing_but_tries_again_what_failed(study: Path, run: Path) -> None:
    again = run_study(study, run, until="variants")
    assert again.computed == 0
    assert [failure.item for failure in again.failures] == ["variant lacking"]


def test_some_variants_are_run_alone(study: Path, tmp_path: Path) -> None:
    found = run_study(study, tmp_path / "R", until="variants", only=["k_2"])
    assert found.failures == ()
    assert {name for name, _ in results(found.path)} == {"k_2"}
    assert [path.name for path in (found.path / "variants").iterdir()] == ["k_2"]
    with pytest.raises(InputError, match="no variant 'k2'; did you mean 'k_2'"):
        run_study(study, tmp_path / "R", until="variants", only=["k2"])


def test_a_check_looks_at_every_variant(study: Path) -> None:
    with pytest.raises(InputError, match=r"variant lacking: .*the table lacks 3 of"):
        check_study(study)
    settings: dict[str, Any] = read_yaml(study)
    settings["variants"] = {"words": {"cohort.clinical": ["agee"]}}
    for key in ("few", "more"):
        settings["features"][key] = str(study.parent / settings["features"][key])
    settings["cohort"]["table"] = str(study.parent / "cohort.csv")
    with pytest.raises(InputError, match=r"variant words: .*no column 'agee'.*did you mean 'age'"):
        check_study(settings)


def test_points_of_the_learning_curve_are_stored_and_shown(run: Path) -> None:
    table = pd.read_csv(run / "report/tables/learning_curve.csv")
    assert list(table["share"]) == ["50%", "100%"] * 2
    assert list(table["draws"]) == [2, 1] * 2
    places = [run / f"models/few/learning/0.5-000{draw}.json" for draw in (1, 2)]
    halves = [LearningPoint.model_validate_json(place.read_bytes()) for place in places]
    whole = LearningPoint.model_validate_json((run / "models/few/learning/1-0001.json").read_bytes())
    assert whole.patients == pytest.approx(80 * 2 / 3, abs=0.5)
    assert all(half.patients == pytest.approx(whole.patients / 2, abs=1) for half in halves)
    performance = json.loads((run / "models/comparison/results.json").read_text())["performance"][0]
    assert whole.value == pytest.approx(np.mean(list(performance["fold_aucs"].values())))  # of the fits that are there
    assert halves[0].value != halves[1].value
    page = (run / "report/index.html").read_text()
    assert "no power law fits what was seen" in page
    assert (run / "report/figures/learning_curve.svg").is_file()


def test_shares_grow_hold_patients_whole_and_keep_the_events() -> None:
    patients = np.repeat([f"p{number}" for number in range(20)], 2)
    labels = np.repeat([1, 0, 0, 0], 10)
    labels[1] = 0  # one unit of a patient with an event
    rows = {share: share_of(patients, labels, share, 7, 1) for share in (0.2, 0.4, 1.0)}
    assert set(rows[0.2]) < set(rows[0.4]) < set(rows[1.0])
    assert rows[1.0].tolist() == list(range(40))
    assert [len(rows[share]) for share in (0.2, 0.4)] == [8, 16]
    assert {patients[row] for row in rows[0.2] if row < 10} == {patients[rows[0.2][0]]}  # one of five with an event
    assert rows[0.2].tolist() != share_of(patients, labels, 0.2, 7, 2).tolist()


def test_a_share_too_small_to_be_fitted_is_told(study: Path, run: Path, tmp_path: Path) -> None:
    settings = load_study(study, ["variants={}", "evaluation.learning_curve.shares=[0.05, 1.0]"])
    found = run_study(settings, shutil.copytree(run, tmp_path / "R"), until="learning_curve")
    assert found.failures == ()
    point = LearningPoint.model_validate_json((found.path / "models/few/learning/0.05-0001.json").read_bytes())
    assert point.value is None
    assert "too few" in str(point.remark)
    assert (
        "few: 1 of 2 draws could not be used (share 5%)"
        in remarks({"few": [point, point.model_copy(update={"value": 0.6})]})[0]
    )
