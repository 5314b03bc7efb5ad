"""What a person types and sees: exit codes, messages, files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typed import typed

from radfuse.phantom.table import TablePhantom, write_table_phantom
from radfuse.volume.files import write_image
from radfuse.volume.grid import Grid
from radfuse.volume.image import LabelMap, Volume

FAST = ["--set", "fusion.inner_folds=2", "--set", "cohort.split.folds=2", "--set", "fusion.classifier.c=[0.1]"]
FAST += ["--set", "report.journal_figures=false"]
FAST += ["--set", "fusion.strategy={kind: early}"]
FAST += ["--set", "fusion.selection=[{kind: mrmr, k: 5}, {kind: lasso, strengths: [0.5]}]"]
FAST += ["--set", "fusion.families=[clinical, deep, clinical-radiomic-deep]"]


def radfuse(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    command = [sys.executable, "-m", "radfuse", *map(str, arguments)]
    environment = {"COLUMNS": "200", "PATH": "", "NO_COLOR": "1", "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, **options)  # type: ignore[call-overload]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, undrawn: None) -> tuple[Path, Path]:
    """A phantom's folder and its finished run, made by typing the commands."""
    folder = tmp_path_factory.mktemp("cli")
    made = typed("phantom", "table", "--out", folder / "T", "--patients", 50)
    assert made.returncode == 0, made.stderr
    ran = typed("run", folder / "T/study.yaml", "--out", folder / "R", *FAST)
    assert ran.returncode == 0, ran.stderr
    assert "clinical-radiomic-deep" in ran.stdout
    assert str(folder / "R/report/index.html") in ran.stdout
    return folder / "T", folder / "R"


def test_the_report_tells_the_command_that_makes_it_again(finished: tuple[Path, Path]) -> None:
    page = (finished[1] / "report/index.html").read_text()
    assert "<code>radfuse run study.yaml --set fusion.inner_folds=2 --set cohort.split.folds=2 --set" in page


def test_help_names_every_command() -> None:
    shown = radfuse("--help").stdout
    for command in (
        *("run", "check", "train", "segment", "regions", "extract", "deep", "fuse", "export", "report"),
        *("predict", "evaluate", "compare-masks", "configs", "phantom", "demo"),
    ):
        assert f" {command} " in shown


def test_variants_are_shown_and_one_that_fails_is_named(finished: tuple[Path, Path]) -> None:
    table, run = finished
    two = ["--set", "variants={few: {fusion.selection.0.k: 3}, lost: {features.deep: lost.csv}}"]
    shown = typed("variants", table / "study.yaml", "--out", run, *FAST, *two, "--only", "few")
    assert shown.returncode == 0, shown.stderr
    assert "as planned" in shown.stdout
    assert "few" in shown.stdout
    failed = typed("variants", table / "study.yaml", "--out", run, *FAST, *two)
    assert failed.returncode == 1
    assert "failed variant lost" in failed.stderr
    assert "lost.csv" in failed.stderr
    unknown = typed("variants", table / "study.yaml", "--out", run, *FAST, *two, "--only", "fewer")
    assert unknown.returncode == 2
    assert "did you mean 'few'" in unknown.stderr


@pytest.mark.slow
def test_running_again_computes_nothing(finished: tuple[Path, Path]) -> None:
    table, run = finished
    again = radfuse("run", table / "study.yaml", "--out", run, *FAST)
    assert again.returncode == 0
    assert "0 results computed" in again.stdout


@pytest.mark.slow
def test_check_says_what_will_run(finished: tuple[Path, Path]) -> None:
    shown = typed("check", finished[0] / "study.yaml")
    assert shown.returncode == 0
    assert "5 folds, families: clinical, radiomic, deep" in shown.stdout
    assert "radiomic (144 columns)" in shown.stdout


@pytest.mark.slow
def test_predict_and_evaluate_write_their_files(finished: tuple[Path, Path], tmp_path: Path) -> None:
    table, run = finished
    features = ["--features", f"radiomic={table / 'radiomic.csv'}", "--features", f"deep={table / 'deep.csv'}"]
    predicted = radfuse("predict", run / "bundle", table / "cohort.csv", *features, "--out", tmp_path / "P")
    assert predicted.returncode == 0, predicted.stderr
    rows = pd.read_csv(tmp_path / "P/predictions.csv")
    assert list(rows.columns[:4]) == ["patient_id", "side", "clinical_probability", "clinical_positive"]
    assert len(rows) == len(pd.read_csv(table / "cohort.csv"))
    evaluated = typed(
        "evaluate", run / "bundle", table / "cohort.csv", *features, "--out", tmp_path / "E", "--recalibrate"
    )
    assert evaluated.returncode == 0, evaluated.stderr
    names = {item.name for item in (tmp_path / "E").iterdir()}
    assert names == {"predictions.csv", "evaluation.json", "index.html", "figures", "tables"}
    assert "clinical_recalibrated" in pd.read_csv(tmp_path / "E/predictions.csv")


BAD = {
    "no study file": (["run", "nowhere.yaml"], "no file nowhere.yaml"),
    "a folder as study": (["run", "."], "is a folder"),
    "an unknown key": (["run", "T/study.yaml", "--set", "fusion.inner_fold=3"], "did you mean 'inner_folds'?"),
    "an override without value": (["run", "T/study.yaml", "--set", "seed"], "is not KEY=VALUE"),
    "an unknown family": (["check", "T/study.yaml", "--set", "fusion.families=[clinicl]"], "did you mean 'clinical'?"),
    "an unknown shipped study": (["configs", "desmod"], "did you mean 'desmoid'?"),
    "no bundle": (["predict", "T", "T/cohort.csv", "--out", "P"], "is no bundle"),
    "a phantom into a foreign folder": (["phantom", "table", "--out", "."], "is not empty"),
    "a phantom of no known outcome": (
        ["phantom", "table", "--out", "new", "--outcome", "survivall"],
        "did you mean 'survival'",
    ),
    "features without block": (
        ["predict", "R/bundle", "T/cohort.csv", "--features", "x.csv", "--out", "P"],
        "BLOCK=FILE",
    ),
    "an unknown block": (
        ["predict", "R/bundle", "T/cohort.csv", "--features", "dep=T/deep.csv", "--out", "P"],
        "'deep'?",
    ),
    "a run folder of another study": (
        ["run", "T/study.yaml", "--out", "R", "--set", "name=x"],
        "of study 'table_phantom'",
    ),
    "out is a cohort": (["run", "T/study.yaml", "--out", "T"], "is no run folder"),
    "a shard counted from 0": (["extract", "T/study.yaml", "--shard", "0/4"], "numbered from 1 to 4, found 0"),
    "a shard that is none": (["segment", "T/study.yaml", "--shard", "x"], "--shard 'x' is not I/N"),
    "regions of a study without": (["regions", "T/study.yaml", "--out", "R"], "names no regions"),
    "masks of a study without regions": (
        ["segment", "T/study.yaml", "--out", "R", "--set", "segmentation={backend: vote, labels: {bone: 1}}"],
        "or add regions: [{kind: label, name: bone, label: bone}]",
    ),
    "deep features of a study without": (["deep", "T/study.yaml", "--out", "R"], "add deep: {}"),
    "a table that is not there": (["check", "T/study.yaml", "--set", "cohort.table=c.csv"], "no table at"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_exit_code_2_with_the_mend(finished: tuple[Path, Path], name: str) -> None:
    arguments, message = BAD[name]
    before = {item for item in finished[1].rglob("*") if item.name != "index.sqlite"}
    result = typed(*arguments, cwd=finished[0].parent)
    assert result.returncode == 2, result.stdout + result.stderr
    assert message in " ".join(result.stderr.split())
    assert "Traceback" not in result.stderr
    assert {item for item in finished[1].rglob("*") if item.name != "index.sqlite"} == before


def test_a_changed_byte_in_the_bundle_is_exit_code_2(finished: tuple[Path, Path], tmp_path: Path) -> None:
    for item in (finished[1] / "bundle").iterdir():
        (tmp_path / item.name).write_bytes(item.read_bytes())
    content = bytearray((tmp_path / "deep.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "deep.onnx").write_bytes(content)
    result = typed("predict", tmp_path, finished[0] / "cohort.csv", "--out", tmp_path / "P")
    assert result.returncode == 2
    assert "deep.onnx" in result.stderr
    assert not (tmp_path / "P").exists()


@pytest.mark.slow
def test_some_failed_is_exit_code_1(tmp_path: Path) -> None:
    """A block that is empty for every training patient of a site fails; the other family is complete."""
    study = write_table_phantom(tmp_path / "T", TablePhantom(patients=40))
    deep = pd.read_csv(tmp_path / "T/deep.csv")
    cohort = pd.read_csv(tmp_path / "T/cohort.csv").set_index("case_id").loc[deep["case_id"]]
    deep.iloc[(cohort["site"] != "north").to_numpy(), 1:] = None
    deep.to_csv(tmp_path / "T/deep.csv", index=False)
    settings = ["--set", "cohort.split={kind: leave_site_out}", "--set", "fusion.families=[clinical, deep]"]
    result = typed("run", study, "--out", tmp_path / "R", *FAST[:2], *FAST[4:], *settings)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "failed deep, fold north: none of the 64 columns varies in the training set" in result.stderr
    assert (tmp_path / "R/bundle/clinical.onnx").is_file()
    assert not (tmp_path / "R/bundle/deep.onnx").exists()


def test_configs_are_listed_and_written(tmp_path: Path) -> None:
    assert "Desmoid-type fibromatosis" in typed("configs").stdout
    written = typed("configs", "tables", "--out", tmp_path / "study.yaml")
    assert written.returncode == 0
    assert "patient_id" in (tmp_path / "study.yaml").read_text()
    assert typed("configs", "tables", "--out", tmp_path / "study.yaml").returncode == 2


@pytest.mark.slow
def test_radiomics_writes_the_same_columns_and_values_by_either_engine(tmp_path: Path) -> None:
    pytest.importorskip("radiomics", reason="needs PyRadiomics")
    generator = np.random.default_rng(0)
    where = Grid((16, 18, 20), (2.0, 1.0, 1.0))
    labels = np.zeros(where.shape, dtype=np.uint8)
    labels[3:8, 4:12, 4:12], labels[9:13, 4:12, 4:12] = 1, 2
    write_image(Volume(generator.normal(100, 30, where.shape).astype(np.float32), where), tmp_path / "i.nrrd")
    write_image(LabelMap(labels, where), tmp_path / "m.nrrd")
    (tmp_path / "p.yaml").write_text("setting: {binWidth: 10, label: 2}\nimageType: {Original: {}, Wavelet: {}}")
    tables = {}
    for engine in ("fast", "pyradiomics"):
        to = tmp_path / f"{engine}.csv"
        command = ["radiomics", tmp_path / "i.nrrd", tmp_path / "m.nrrd", "--params", tmp_path / "p.yaml"]
        ran = typed(*command, "--engine", engine, "--out", to)
        assert ran.returncode == 0, ran.stderr
        tables[engine] = pd.read_csv(to, index_col="label")
        provenance = json.loads(to.with_suffix(".json").read_text())
        assert provenance["engine"] == engine
        assert provenance["pyradiomics_settings"]["settings"]["binWidth"] == 10
        assert len(provenance["image_sha256"]) == 64
    fast, original = tables["fast"], tables["pyradiomics"]
    assert list(fast.index) == [2]
    assert list(fast.columns) == list(original.columns)
    assert np.allclose(fast, original, rtol=1e-6, atol=1e-9, equal_nan=True)


def test_an_error_no_one_foresaw_is_one_sentence_and_a_log(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    import tempfile

    from radfuse.cli import app as commands

    def fails() -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(commands, "app", fails)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(SystemExit) as caught:
        commands.main()
    assert caught.value.code == 4
    told = capsys.readouterr().err
    assert "ZeroDivisionError: division by zero" in told
    assert "Traceback" not in told
    (log,) = tmp_path.glob("radfuse-error-*.log")
    assert log.name in told.replace("\n", "")
    assert "Traceback" in log.read_text()


@pytest.mark.parametrize(
    ("closed", "heard"),
    [("stdout", "stderr"), ("stderr", "stdout")],
)
def test_what_is_printed_meets_a_full_disk(closed: str, heard: str) -> None:
    command = ["configs"] if closed == "stdout" else ["configs", "no_such_study"]
    with Path("/dev/full").open("w") as full:
        streams: dict[str, Any] = {closed: full, heard: subprocess.PIPE}
        ended = subprocess.run([sys.executable, "-m", "radfuse.cli", *command], **streams, text=True, check=False)
    assert ended.returncode == 3
    assert "cannot write what is printed: No space left on device; free some space" in getattr(ended, heard)


def test_whoever_interrupts_is_told_that_nothing_is_lost(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from radfuse.cli import app as commands

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("radfuse.study.load_study", interrupt)
    monkeypatch.setattr(sys, "argv", ["radfuse", "check", "study.yaml"])
    with pytest.raises(SystemExit) as end:
        commands.main()
    assert end.value.code == 130
    assert "What was finished is kept; run again to go on" in capsys.readouterr().err


def test_the_version_is_shown() -> None:
    assert typed("--version").stdout.split()[0] == "radfuse"


def test_a_study_may_be_given_as_settings_from_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from radfuse.config import read_yaml
    from radfuse.pipeline import run_study

    study = write_table_phantom(tmp_path / "T", TablePhantom(patients=40))
    settings = read_yaml(study) | {"fusion": {"families": ["clinical"], "inner_folds": 2}}
    monkeypatch.chdir(tmp_path / "T")
    run = run_study(settings, tmp_path / "run", until="fuse")
    assert run.results is not None
    assert [item.family for item in run.results.performance] == ["clinical"]


@pytest.fixture
def two_regions(tmp_path: Path) -> list[object]:
    """Return the arguments of an extraction of one region that has features and one of a single voxel."""
    where = Grid((8, 9, 10), (1.0, 1.0, 1.0))
    labels = np.zeros(where.shape, dtype=np.uint8)
    labels[2:6, 2:6, 2:6], labels[7, 7, 7] = 1, 2
    image = np.random.default_rng(0).normal(100, 30, where.shape).astype(np.float32)
    write_image(Volume(image, where), tmp_path / "i.nrrd")
    write_image(LabelMap(labels, where), tmp_path / "m.nrrd")
    return ["radiomics", tmp_path / "i.nrrd", tmp_path / "m.nrrd"]


@pytest.mark.slow
def test_radiomics_gives_the_regions_that_can_be_measured_and_names_the_others(
    two_regions: list[object], tmp_path: Path
) -> None:
    ran = typed(*two_regions, "--out", tmp_path / "new" / "f.csv")
    assert ran.returncode == 1
    assert "failed label 2: " in ran.stderr
    assert ran.stdout.startswith("1 label, ")
    assert list(pd.read_csv(tmp_path / "new" / "f.csv")["label"]) == [1]
    record = json.loads((tmp_path / "new" / "f.json").read_text())
    assert "has 1 voxels, needs 10" in record["failed"]["2"]
    assert typed(*two_regions, "--label", 1, "--out", tmp_path / "new" / "f.csv").returncode == 0  # over its own


@pytest.mark.slow
@pytest.mark.parametrize("content", ["{}", "[1]", "not JSON", '{"engine": "theirs"}'])
def test_radiomics_overwrites_no_file_that_is_not_its_own(
    two_regions: list[object], tmp_path: Path, content: str
) -> None:
    (tmp_path / "features.json").write_text(content)
    ran = typed(*two_regions, "--out", tmp_path / "features.csv")
    assert ran.returncode == 2
    assert "features.json is there and is no record of an extraction" in ran.stderr
    assert (tmp_path / "features.json").read_text() == content
    assert not (tmp_path / "features.csv").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["o.json", "i.nrrd", "o"])
def test_radiomics_writes_tables_that_are_named_so(two_regions: list[object], tmp_path: Path, name: str) -> None:
    before = (tmp_path / "i.nrrd").read_bytes()
    ran = typed(*two_regions, "--out", tmp_path / name)
    assert ran.returncode == 2
    assert "give a name that ends in .csv" in ran.stderr
    assert (tmp_path / "i.nrrd").read_bytes() == before
