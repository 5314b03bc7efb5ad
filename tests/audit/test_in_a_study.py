"""The audit in a study: refused before anything is computed, shown in the report, and a command of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from radfuse.audit.checks import CHECKS
from radfuse.check.study import check_study
from radfuse.cli import audit as cli
from radfuse.cli.app import app
from radfuse.errors import InputError
from radfuse.phantom.table import TablePhantom, write_table_phantom
from radfuse.pipeline import run_study
from radfuse.report.sections.audit import mark_of
from radfuse.results import Audit, AuditCheck, AuditFinding
from radfuse.stages import audit as stage
from radfuse.study import load_study

SMALL = [
    "fusion.selection=[{kind: mrmr, k: 5}]",
    "fusion.classifier={kind: logistic, c: [0.1]}",
    "fusion.strategy={kind: early}",
    "fusion.inner_folds=2",
    "report.journal_figures=false",
    "cohort.split.folds=2",
    "fusion.families=[clinical, radiomic]",
]
SET = [word for item in SMALL for word in ("--set", item)]


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return write_table_phantom(tmp_path / "T", TablePhantom(patients=40, seed=3))


def with_twin(study: Path, digits: int = 6) -> str:
    """Give a new patient the radiomic values of the first case, rounded; return its id."""
    cohort, radiomic = (pd.read_csv(study.parent / f"{name}.csv") for name in ("cohort", "radiomic"))
    deep = pd.read_csv(study.parent / "deep.csv")
    row = cohort.iloc[[0]].assign(case_id="K99999R", patient_id="P99999", progressed=1 - cohort["progressed"].iloc[0])
    pd.concat([cohort, row]).to_csv(study.parent / "cohort.csv", index=False)
    copy = radiomic.iloc[[0]].round(digits).assign(case_id="K99999R")
    pd.concat([radiomic, copy]).to_csv(study.parent / "radiomic.csv", index=False)
    noise = deep.iloc[[0]].assign(case_id="K99999R")
    noise.iloc[:, 1:] = np.random.default_rng(0).standard_normal((1, deep.shape[1] - 1))
    pd.concat([deep, noise]).to_csv(study.parent / "deep.csv", index=False)
    return "P99999/right"


def test_a_rounded_copy_under_another_id_refuses_the_study(study: Path, tmp_path: Path) -> None:
    twin = with_twin(study)
    with pytest.raises(InputError, match="hold the same values but for rounding") as caught:
        run_study(study, tmp_path / "R")
    assert any(problem.where == "features.radiomic" and twin in problem.message for problem in caught.value.problems)
    with pytest.raises(InputError, match="hold the same values but for rounding"):
        check_study(study)


def test_the_command_names_the_leak_and_writes_a_page(study: Path, tmp_path: Path) -> None:
    with_twin(study)
    result = CliRunner().invoke(app, ["audit", str(study), "--out", str(tmp_path / "P"), *SET])
    assert result.exit_code == 2
    assert "error near-duplicate rows: features.radiomic: two rows of different patients" in result.stdout
    assert f"{len(CHECKS) + 2} checks: 1 error, 0 warnings, 0 remarks" in result.stdout
    page = (tmp_path / "P/index.html").read_text()
    assert page.count("<tr><td><b>") == len(CHECKS) + 2
    assert page.count("– not made") == 3  # no visits; and nothing is fitted beside an error
    assert "✗ error" in page
    rows = pd.read_csv(tmp_path / "P/tables/audit.csv")
    assert list(rows.loc[rows["came to"] == "error", "check"]) == ["near-duplicate rows"]


def test_a_clean_study_has_ticks_and_code_0(study: Path) -> None:
    result = CliRunner().invoke(app, ["audit", str(study), *SET])
    assert result.exit_code == 0, result.output
    assert "- volume alone: not made, no column is a volume" in result.stdout
    assert "held-out rows leave no trace: clinical on fold 1: the same to the last bit" in result.stdout
    assert f"{len(CHECKS) + 2} checks: 0 errors, 0 warnings, 0 remarks" in result.stdout


@pytest.mark.parametrize(("severity", "code"), [("remark", 0), ("warning", 1), ("error", 2)])
def test_strict_turns_a_warning_into_code_1(
    study: Path, monkeypatch: pytest.MonkeyPatch, severity: Literal["remark", "warning", "error"], code: int
) -> None:
    finding = AuditFinding(severity=severity, where="w", found="f", mend="m")
    found = Audit(checks=(AuditCheck(name="n", looks="l", findings=(finding,)),))
    monkeypatch.setattr(cli, "_prepared", lambda *_: None)
    monkeypatch.setattr(cli, "_whole", lambda *_, **__: found)
    usual = 2 if code == 2 else 0
    assert CliRunner().invoke(app, ["audit", str(study)]).exit_code == usual
    assert CliRunner().invoke(app, ["audit", str(study), "--strict"]).exit_code == code


def test_the_command_holds_volume_alone_beside_its_whole_block(study: Path) -> None:
    cohort, radiomic = (pd.read_csv(study.parent / f"{name}.csv") for name in ("cohort", "radiomic"))
    generator = np.random.default_rng(1)
    radiomic = radiomic.iloc[:, :11]
    radiomic.iloc[:, 1:] = generator.standard_normal((len(radiomic), 10))
    volume = 1000 + 200 * cohort["progressed"] + 100 * generator.standard_normal(len(cohort))
    radiomic.assign(**{"dess/tibia/original_shape_MeshVolume": volume}).to_csv(
        study.parent / "radiomic.csv", index=False
    )
    result = CliRunner().invoke(app, ["audit", str(study), *SET])
    assert result.exit_code == 0, result.output
    found = (
        "remark volume alone: features.radiomic: ridge on all of radiomic is not shown to rank better than volume alone"
    )
    assert found in result.stdout


@pytest.mark.usefixtures("undrawn")
def test_the_report_lists_every_check_and_volume_alone(study: Path, tmp_path: Path) -> None:
    cohort, radiomic = (pd.read_csv(study.parent / f"{name}.csv") for name in ("cohort", "radiomic"))
    size = 2.0 * cohort["progressed"] + np.random.default_rng(1).standard_normal(len(cohort))
    volume = pd.DataFrame({"dess/tibia/original_shape_MeshVolume": 1000 + 100 * size})
    pd.concat([radiomic, volume], axis=1).to_csv(study.parent / "radiomic.csv", index=False)
    cohort["progressed_v2"] = 3 * cohort["progressed"] + np.arange(len(cohort)) % 3
    cohort.to_csv(study.parent / "cohort.csv", index=False)
    run = run_study(load_study(study, [*SMALL, "cohort.clinical=[age, bmi, progressed_v2]"]), tmp_path / "R")
    assert sum("tells the outcome by itself" in problem.message for problem in run.warnings) == 1
    page = (run.path / "report/index.html").read_text()
    assert 'href="#audit">Audit</a>' in page
    assert page.count("ells the outcome by itself: progressed_v2") == 1  # here, and no more among the findings
    assert "Volume alone" in page
    rows = pd.read_csv(run.path / "report/tables/audit.csv")
    assert rows["check"].nunique() == len(CHECKS) + 2
    alone = pd.read_csv(run.path / "report/tables/volume_alone.csv")
    assert list(alone["model"]) == ["volume alone", "radiomic"]
    fits = stage.read_fits(run.path / stage.PLACE)
    assert len(fits.volume) == 2
    assert sorted(position for fit in fits.volume for position in fit.test) == list(range(len(cohort)))
    assert run_study(load_study(study, [*SMALL, "cohort.clinical=[age, bmi, progressed_v2]"]), run.path).computed == 0


@pytest.mark.parametrize(
    ("severities", "skipped", "mark"),
    [
        ((), "", "✓"),
        ((), "no reason", "– not made"),
        (("remark", "warning"), "", "! warning"),
        (("error",), "", "✗ error"),
    ],
)
def test_a_check_has_the_mark_of_its_worst_finding(severities: tuple[str, ...], skipped: str, mark: str) -> None:
    findings = tuple(
        AuditFinding.model_validate({"severity": name, "where": "x", "found": "y", "mend": "z"}) for name in severities
    )
    assert mark_of(AuditCheck(name="a", looks="b", skipped=skipped, findings=findings)) == mark


def test_a_study_from_images_says_what_to_run_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "study.yaml").write_text(
        "name: s\ncohort: {table: c.csv, images: {t1: t1}, mask: mask, outcome: {column: event}}\n"
        "segmentation: {backend: manual, labels: {tumour: 1}}\n"
        "regions: [{kind: label, name: tumour, label: tumour}]\n"
    )
    result = CliRunner().invoke(app, ["audit", "study.yaml"])
    assert isinstance(result.exception, InputError)
    assert "run `radfuse fuse` first" in str(result.exception)
