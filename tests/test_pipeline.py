"""Whole studies: what is computed, resumed, recomputed, isolated, and what real tables give."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from realdata import real_file

from radfuse import pipeline
from radfuse.check.study import check_study
from radfuse.cli.show import show_next
from radfuse.errors import CaseError, InputError
from radfuse.phantom.table import TablePhantom, write_table_phantom
from radfuse.pipeline import run_study
from radfuse.stages import report
from radfuse.study import load_study

CONFIGS = Path(__file__).parent.parent / "configs"
FAST = [
    "cohort.split.folds=3",
    "fusion.inner_folds=2",
    "report.journal_figures=false",
    "fusion.selection=[{kind: mrmr, k: 8}, {kind: lasso, strengths: [0.4]}]",
    "fusion.classifier.c=[0.1]",
    "fusion.strategy={kind: early}",
]
"""Few folds and no tuning: whole studies in seconds."""


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of 60 patients, once for this module."""
    return write_table_phantom(tmp_path_factory.mktemp("phantom") / "T", TablePhantom(patients=60, seed=3))


def records(folder: Path) -> dict[str, dict]:
    return {str(path.relative_to(folder)): json.loads(path.read_text()) for path in folder.rglob("*.record.json")}


def test_a_pass_knows_what_was_typed(phantom: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name of the study's file; of settings that come from none, the run folder's own; else what is said."""
    named = phantom.with_name("mine.yaml")
    named.write_text(phantom.read_text())
    known: list[tuple[str, ...]] = []
    monkeypatch.setattr(pipeline, "_run", lambda context, *_: known.append(context.command))
    run_study(named, tmp_path / "run")
    run_study(load_study(named), tmp_path / "run")
    run_study(load_study(named), tmp_path / "run", command=["run", "mine.yaml", "--set", "seed=8"])
    assert known == [("run", "mine.yaml"), ("run", "study.yaml"), ("run", "mine.yaml", "--set", "seed=8")]


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("seed=8", "seed=8"),
        ("cohort.table=/data/of us/Jane Doe/a.csv", "cohort.table=a.csv"),
        ("cohort.table=/here/tables/a.csv", "cohort.table=tables/a.csv"),
        ("cohort.split={kind: temporal, file: /data/x/a.csv}", "cohort.split={kind: temporal, file: a.csv}"),
    ],
)
def test_a_command_is_told_without_folders(word: str, shown: str) -> None:
    assert report._typed(word, "/here") == shown


@pytest.mark.usefixtures("undrawn")
def test_a_study_runs_resumes_and_recomputes_only_what_depends(phantom: Path, tmp_path: Path) -> None:
    first = run_study(load_study(phantom, FAST), tmp_path / "run", until="export")
    assert first.results is not None
    assert [item.family for item in first.results.performance] == [
        "clinical",
        "radiomic",
        "deep",
        "clinical-radiomic",
        "radiomic-deep",
        "clinical-radiomic-deep",
    ]
    assert first.failures == ()
    again = run_study(load_study(phantom, FAST), tmp_path / "run", until="export")
    assert (again.computed, again.reused) == (0, first.computed)
    assert again.results == first.results
    changed = [*FAST, "fusion.classifier.c=[0.5]"]
    other_classifier = run_study(load_study(phantom, changed), tmp_path / "run", until="export")
    assert other_classifier.reused == 1  # the design
    fewer = run_study(load_study(phantom, [*changed, "fusion.families=[clinical]"]), tmp_path / "run")
    assert fewer.results is not None
    assert [item.family for item in fewer.results.performance] == ["clinical"]
    assert sorted(path.name for path in (tmp_path / "run/bundle").glob("*.onnx")) == ["clinical.onnx"]
    assert fewer.report.is_file()
    titled = run_study(load_study(phantom, [*changed, "fusion.families=[clinical]", "title=Another"]), tmp_path / "run")
    assert titled.computed == 2  # bundle (its title) and report


def test_a_run_is_found_after_a_change_of_folder(
    phantom: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run = run_study(load_study(phantom, FAST), "run", until="prepare")
    show_next(run)
    assert "found finished in run\nBundle: run/bundle\nReport: run/report/index.html\n" in capsys.readouterr().out
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    assert run.path == tmp_path / "run"
    show_next(run)
    assert f"Bundle: {tmp_path / 'run' / 'bundle'}" in capsys.readouterr().out.replace("\n", " ")


def test_outer_folds_are_the_same_for_all_families_and_split_no_patient(phantom: Path, tmp_path: Path) -> None:
    run = run_study(load_study(phantom, FAST), tmp_path / "run", until="fuse")
    predictions = pd.read_parquet(run.path / "models/comparison/predictions.parquet")
    assert predictions.groupby(["patient_id", "side"])["fold"].nunique().max() == 1
    assert predictions.groupby("patient")["fold"].nunique().max() == 1
    assert set(predictions.groupby("family").size()) == {len(pd.read_csv(phantom.parent / "cohort.csv"))}
    assert predictions["probability"].between(0, 1).all()


def test_equal_studies_give_equal_results(phantom: Path, tmp_path: Path) -> None:
    digests = []
    for name in ("a", "b"):
        run_study(load_study(phantom, FAST), tmp_path / name, until="export")
        digests.append({item: record["digest"] for item, record in records(tmp_path / name).items()})
    assert digests[0] == digests[1]


def test_a_moved_study_stays_finished(phantom: Path, tmp_path: Path) -> None:
    run_study(load_study(phantom, FAST), tmp_path / "run", until="fuse")
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for item in phantom.parent.iterdir():
        (moved / item.name).write_bytes(item.read_bytes())
    assert run_study(load_study(moved / "study.yaml", FAST), tmp_path / "run", until="fuse").computed == 0


def test_a_changed_value_in_a_table_is_noticed(phantom: Path, tmp_path: Path) -> None:
    folder = tmp_path / "T"
    folder.mkdir()
    for item in phantom.parent.iterdir():
        (folder / item.name).write_bytes(item.read_bytes())
    study = load_study(folder / "study.yaml", [*FAST, "fusion.families=[clinical]"])
    run_study(study, tmp_path / "run", until="fuse")
    table = pd.read_csv(folder / "cohort.csv")
    table.loc[3, "age"] = 77
    table.to_csv(folder / "cohort.csv", index=False)
    assert run_study(study, tmp_path / "run", until="fuse").reused == 0


SIGNS = {
    "preparing": "run.json",
    "fitting": "models/clinical/fold-1.json.record.json",
    "comparing": "models/clinical-radiomic-deep/fold-3.json.record.json",
    "exporting": "models/clinical/all.record.json",
}
"""What is there when a run has come so far."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "during", [pytest.param(name, marks=() if name == "comparing" else pytest.mark.long) for name in SIGNS]
)
@pytest.mark.usefixtures("undrawn")
def test_killed_anywhere_it_completes_and_nothing_finished_is_done_twice(
    phantom: Path, tmp_path: Path, during: str
) -> None:
    settings = [*FAST, "fusion.families=[clinical, clinical-radiomic-deep]"]
    command = [sys.executable, "-m", "radfuse.cli", "run", str(phantom), "--out", str(tmp_path / "run")]
    command += [part for setting in settings for part in ("--set", setting)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 120
    while not (tmp_path / "run" / SIGNS[during]).exists():
        assert process.poll() is None, "it ended before it came so far"
        assert time.monotonic() < end
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / "run/report").exists()
    before = records(tmp_path / "run")
    run = run_study(load_study(phantom, settings), tmp_path / "run")
    finished = records(tmp_path / "run")
    assert run.failures == ()
    assert run.reused == len(before)
    assert {name: finished[name] for name in before} == before
    assert not list((tmp_path / "run").rglob(".*.tmp"))
    whole = run_study(load_study(phantom, settings), tmp_path / "whole", until="fuse")
    assert run.results == whole.results


@pytest.mark.usefixtures("undrawn")
def test_a_family_that_fails_is_recorded_and_the_others_go_on(
    phantom: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from radfuse.fusion import validate

    real = validate.fit_fold

    def fails_for_deep(design, family, fold, *rest):
        if family == "deep" and fold is not None and fold.name == "2":
            raise CaseError("deep, fold 2", "no column varies")
        if family == "radiomic":
            raise ZeroDivisionError("division by zero")
        return real(design, family, fold, *rest)

    monkeypatch.setattr(validate, "fit_fold", fails_for_deep)
    settings = [*FAST, "fusion.families=[clinical, radiomic, deep]"]
    run = run_study(load_study(phantom, settings), tmp_path / "run")
    assert run.results is not None
    assert [item.family for item in run.results.performance] == ["clinical"]
    found = {failure.item: failure.error for failure in run.failures}
    assert found["deep, fold 2"] == "no column varies"
    assert found["radiomic, fold 1"] == "ZeroDivisionError: division by zero"
    page = run.report.read_text()
    assert "deep, fold 2" in page
    assert "no column varies" in page
    monkeypatch.undo()
    mended = run_study(load_study(phantom, settings), tmp_path / "run", until="fuse", retry_failed=True)
    assert mended.results is not None
    assert mended.failures == ()
    assert len(mended.results.performance) == 3


def test_a_study_without_outcome_or_inputs_says_so(phantom: Path) -> None:
    study = load_study(phantom, ["cohort.outcome=null", "cohort.clinical=[]", "features={}"])
    with pytest.raises(InputError) as caught:
        check_study(study)
    text = str(caught.value)
    assert "cohort.outcome is needed" in text
    assert "no inputs" in text


def test_faults_of_cohort_and_tables_are_reported_together(phantom: Path, tmp_path: Path) -> None:
    for item in phantom.parent.iterdir():
        (tmp_path / item.name).write_bytes(item.read_bytes())
    cohort = pd.read_csv(tmp_path / "cohort.csv", dtype=str)
    cohort.loc[4, "age"] = "sixty"
    cohort.to_csv(tmp_path / "cohort.csv", index=False)
    radiomic = pd.read_csv(tmp_path / "radiomic.csv", dtype=str)
    radiomic.iloc[0, 1] = "inf"
    radiomic.to_csv(tmp_path / "radiomic.csv", index=False)
    (tmp_path / "deep.csv").unlink()
    with pytest.raises(InputError) as caught:
        check_study(load_study(tmp_path / "study.yaml"))
    found = {(problem.where, problem.row, problem.column) for problem in caught.value.problems}
    assert ("cohort.csv", 6, "age") in found
    assert ("radiomic.csv", 2, radiomic.columns[1]) in found
    assert any("no table at" in problem.message for problem in caught.value.problems)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("split", "folds"),
    [
        ("{kind: holdout, test_fraction: 0.3}", ["holdout"]),
        ("{kind: leave_site_out}", ["north", "south", "west"]),
        ("{kind: temporal, column: age}", ["later"]),
    ],
)
def test_other_splits_run_whole(phantom: Path, tmp_path: Path, split: str, folds: list[str]) -> None:
    cohort = pd.read_csv(phantom.parent / "cohort.csv").dropna()
    for item in phantom.parent.iterdir():
        (tmp_path / item.name).write_bytes(item.read_bytes())
    cohort.to_csv(tmp_path / "cohort.csv", index=False)
    settings = [setting for setting in FAST if "folds=3" not in setting]
    study = load_study(
        tmp_path / "study.yaml", [*settings, f"cohort.split={split}", "fusion.families=[clinical, deep]"]
    )
    run = run_study(study, tmp_path / "run")
    assert run.results is not None
    assert sorted(run.results.performance[0].fold_aucs) == folds
    assert run.report.is_file()


PUBLISHED = {"desmoid": ("WORC-Desmoid.csv.gz", 0.72, 0.88), "lipo": ("WORC-Lipo.csv.gz", 0.74, 0.92)}


@pytest.mark.parametrize(
    "name", [pytest.param("desmoid", marks=pytest.mark.long), pytest.param("lipo", marks=pytest.mark.slow)]
)
def test_real_radiomics_reach_what_others_published(name: str, tmp_path: Path) -> None:
    """WORC reports AUC 0.82 and 0.83 (arXiv:2108.08618); the bounds are about its confidence intervals."""
    file, low, high = PUBLISHED[name]
    table = real_file(f"tables/{file}")
    run = run_study(load_study(CONFIGS / f"{name}.yaml", [f"cohort.table={table}"]), tmp_path / "run", until="fuse")
    assert run.results is not None
    value = run.results.performance[0].auc.value
    assert value is not None
    assert low < value < high


@pytest.mark.slow
def test_the_prostate_study_needs_the_twin_left_out(tmp_path: Path) -> None:
    table = real_file("tables/prostate_fae.csv")
    with pytest.raises(InputError, match=r"'N27' has the very values of 'N26' in all \d+ features"):
        check_study(load_study(CONFIGS / "prostate.yaml", [f"cohort.table={table}", "cohort.exclude={}"]))
    prepared = check_study(load_study(CONFIGS / "prostate.yaml", [f"cohort.table={table}"]))
    assert len(prepared.design.units) == 259


@pytest.mark.long
def test_the_asah_study_runs_without_ids_in_its_table(tmp_path: Path) -> None:
    table = real_file("tables/asah.csv")
    run = run_study(load_study(CONFIGS / "asah.yaml", [f"cohort.table={table}"]), tmp_path / "run")
    assert run.results is not None
    aucs = {item.family: item.auc.value for item in run.results.performance}
    assert aucs.keys() == {"clinical", "radiomic", "clinical-radiomic"}
    assert aucs["radiomic"] is not None
    assert np.clip(aucs["radiomic"], 0.7, 0.92) == aucs["radiomic"]
