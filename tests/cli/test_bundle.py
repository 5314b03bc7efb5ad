"""`predict` and `evaluate` as a person meets them: where results go, what is said of gaps, what a kill leaves."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from typed import Ended, typed

from radfuse.cohort.spreadsheet import safe_cells

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("undrawn")]


def said(result: Ended) -> str:
    assert "Traceback" not in result.stderr
    return " ".join(result.stderr.split())


@pytest.fixture
def here(phantom_models: tuple[Path, Path], tmp_path: Path) -> Path:
    """A folder with links to the phantom's tables, its bundle, and tables of few patients."""
    tables, run = phantom_models[0].parent, phantom_models[1]
    for name in ("cohort.csv", "radiomic.csv", "deep.csv"):
        (tmp_path / name).symlink_to(tables / name)
    (tmp_path / "bundle").symlink_to(run / "bundle")
    cohort = pd.read_csv(tables / "cohort.csv", dtype=str, keep_default_na=False)
    cohort[cohort["progressed"] == "1"].to_csv(tmp_path / "events.csv", index=False)
    cohort.iloc[:1].to_csv(tmp_path / "one.csv", index=False)
    return tmp_path


LONG = "x" * 300
PLACES = {
    "a file": ("cohort.csv", "is a file, not a folder"),
    "under a file": ("cohort.csv/P/Q", "cohort.csv, which is a file, not a folder"),
    "too long": (LONG, "(300 characters)' is longer than a disk takes; choose a shorter one"),
    "too long a way": ("/".join(["y" * 200] * 25), "choose a shorter one"),
    "the bundle": ("bundle", "lies in the bundle, which would be damaged by it"),
    "inside the bundle": ("bundle/P", "lies in the bundle, which would be damaged by it"),
}


@pytest.mark.parametrize("command", ["predict", "evaluate"])
@pytest.mark.parametrize("name", PLACES)
def test_a_place_that_cannot_hold_results_is_exit_code_2(here: Path, command: str, name: str) -> None:
    place, message = PLACES[name]
    before = sorted(str(item) for item in here.rglob("*"))
    result = typed(command, "bundle", "cohort.csv", "--family", "clinical", "--out", place, cwd=here)
    assert result.returncode == 2, result.stderr
    assert message in said(result)
    assert sorted(str(item) for item in here.rglob("*")) == before


def test_evaluate_on_one_class_gives_what_can_be_given(here: Path) -> None:
    result = typed("evaluate", "bundle", "events.csv", "--family", "clinical", "--out", "E", "--recalibrate", cwd=here)
    assert result.returncode == 0, result.stderr
    text = said(result)
    for part in ("AUC, specificity, calibration intercept", "cannot be computed, as all", "have the event"):
        assert part in text
    kept = json.loads((here / "E/evaluation.json").read_text())
    assert kept["performance"][0]["auc"]["value"] is None
    assert kept["performance"][0]["sensitivity"]["value"] is not None
    assert kept["remarks"][0].startswith("for every family AUC, specificity")
    page = (here / "E/index.html").read_text()
    assert "For every family AUC, specificity, calibration intercept, calibration slope cannot be computed" in page
    assert "ROC curves" not in page
    assert len(pd.read_csv(here / "E/predictions.csv")) == len(pd.read_csv(here / "events.csv"))


def test_evaluate_on_one_row(here: Path) -> None:
    result = typed("evaluate", "bundle", "one.csv", "--family", "clinical", "--out", "E", cwd=here)
    assert result.returncode == 0, result.stderr
    assert "as no unit has the event" in said(result) or "as the one unit has the event" in said(result)
    assert "as there is one patient" in said(result)
    assert "Too few units to draw" in (here / "E/index.html").read_text()


def test_a_family_left_out_names_what_it_lacks_and_is_exit_code_1(here: Path) -> None:
    result = typed("predict", "bundle", "cohort.csv", "--out", "P", cwd=here)
    assert result.returncode == 1
    text = said(result)
    schema = json.loads((here / "bundle/bundle.json").read_text())
    first = [item["name"] for item in schema["families"]["deep"]["inputs"] if item["used"]]
    assert f"failed family 'deep': not predicted: {len(first)} columns are missing from cohort.csv: {first[0]}" in text
    assert "--features BLOCK=FILE" in text
    assert list(pd.read_csv(here / "P/predictions.csv")) == [
        *("patient_id", "side", "clinical_probability", "clinical_positive")
    ]


def test_asking_for_what_is_there_is_exit_code_0(here: Path) -> None:
    assert typed("predict", "bundle", "cohort.csv", "--family", "clinical", "--out", "P", cwd=here).returncode == 0


def test_safe_csv_keeps_spreadsheets_from_running_ids(here: Path) -> None:
    cohort = pd.read_csv(here / "cohort.csv", dtype=str, keep_default_na=False).iloc[:4]
    cohort["patient_id"] = ["=1+1", "-5", "@SUM(A1)", "plain"]
    cohort.to_csv(here / "odd.csv", index=False)
    for command in ("predict", "evaluate"):
        arguments = (command, "bundle", "odd.csv", "--family", "clinical", "--out")
        assert typed(*arguments, "raw", cwd=here).returncode == 0
        assert typed(*arguments, "safe", "--safe-csv", cwd=here).returncode == 0
        ids = {
            place: pd.read_csv(here / place / "predictions.csv", dtype=str)["patient_id"].tolist()
            for place in ("raw", "safe")
        }
        assert ids["raw"] == ["=1+1", "-5", "@SUM(A1)", "plain"]
        assert ids["safe"] == ["'=1+1", "-5", "'@SUM(A1)", "plain"]


def test_safe_cells_touch_texts_that_run_and_nothing_else() -> None:
    table = pd.DataFrame({"=id": ["+x", "\ty", "\rz", "-1e3", "a=b", None], "p": [-0.5, 1, 2, 3, 4, 5]})
    found = safe_cells(table)
    assert list(found) == ["'=id", "p"]
    assert found["'=id"].tolist()[:5] == ["'+x", "'\ty", "'\rz", "-1e3", "a=b"]
    assert found["p"].tolist() == table["p"].tolist()


def test_nothing_is_written_where_the_report_cannot_be_made(here: Path) -> None:
    """Compute first, write after: a fault of the report leaves no half of the results."""
    script = (
        "import radfuse.report.page as page, radfuse.cli.app as app, sys\n"
        "def fail(_): raise ValueError('the report fails')\n"
        "page.evaluation_report = fail\n"
        "sys.argv = ['radfuse', 'evaluate', 'bundle', 'cohort.csv', '--family', 'clinical', '--out', 'E']\n"
        "app.main()\n"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=here)
    assert "the report fails" in result.stderr
    assert not (here / "E").exists()


def test_what_a_killed_run_left_is_swept_and_its_results_are_written(here: Path) -> None:
    import socket

    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    (here / "P").mkdir()
    left = here / "P" / f".predictions.csv.{socket.gethostname()}.{gone.pid}.tmp"
    left.write_bytes(b"")
    assert typed("predict", "bundle", "cohort.csv", "--family", "clinical", "--out", "P", cwd=here).returncode == 0
    assert [item.name for item in (here / "P").iterdir()] == ["predictions.csv"]
