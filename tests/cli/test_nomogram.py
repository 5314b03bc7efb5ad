"""`radfuse nomogram` on a bundle alone: its files, what has none, and no torch."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from radfuse.cli.nomogram import nomogram
from radfuse.errors import InputError

FILES = {"nomogram.svg", "nomogram.pdf", "points.csv", "calculator.html", "scores.csv"}


def test_a_bundle_alone_gives_drawing_points_and_calculator_without_torch(printed_run: Path, tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from radfuse.cli.nomogram import nomogram; "
        "nomogram(Path(sys.argv[1]), Path(sys.argv[2]), ['clinical-radiomic']); "
        "print(*{'torch', 'sklearn', 'onnx'} & {name.split('.')[0] for name in sys.modules})"
    )
    command = [sys.executable, "-W", "error", "-c", script, str(printed_run / "bundle"), str(tmp_path / "N")]
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    assert finished.stdout.splitlines()[-1] == ""
    folder = tmp_path / "N" / "clinical-radiomic"
    names = {item.name for item in folder.iterdir()}
    assert FILES - {"scores.csv"} <= names <= FILES
    report = printed_run / "report"
    table = pd.read_csv(report / "tables/nomogram_clinical-radiomic.csv")
    pd.testing.assert_frame_equal(pd.read_csv(folder / "points.csv"), table, rtol=1e-12)
    assert (folder / "nomogram.pdf").read_bytes() == (report / "figures/nomogram_clinical-radiomic.pdf").read_bytes()
    assert 'src="' not in (folder / "calculator.html").read_text(encoding="utf-8")


def test_a_bundle_of_survival_gives_survival_at_each_stated_time(
    survival_run: tuple[Path, Path], tmp_path: Path
) -> None:
    nomogram(survival_run[1] / "bundle", tmp_path / "N", ["clinical"])
    points = pd.read_csv(tmp_path / "N/clinical/points.csv")
    wanted = ["probability of the event by 60 months", *(f"survival at {time} months" for time in (12, 36, 60))]
    assert list(points.columns[4:]) == wanted
    page = (tmp_path / "N/clinical/calculator.html").read_text(encoding="utf-8")
    assert '"groups": [' in page  # of risk


def edit(folder: Path, change: Callable[[Any], None]) -> Path:
    """Change bundle.json of a copy, and seal it again."""
    schema = json.loads((folder / "bundle.json").read_text())
    change(schema)
    (folder / "bundle.json").write_text(json.dumps(schema))
    lines = [line.split("  ")[1] for line in (folder / "SHA256SUMS").read_text().splitlines()]
    sums = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in lines]
    (folder / "SHA256SUMS").write_text("".join(sums))
    return folder


@pytest.fixture
def copied(phantom_models: tuple[Path, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(phantom_models[1] / "bundle", tmp_path / "copied"))


def test_a_family_without_terms_is_left_out_and_asked_for_is_an_error(
    copied: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_terms(schema: Any) -> None:
        schema["families"]["clinical"] |= {"score": None, "no_score": "knn is no sum of terms; set ..."}
        for family in list(schema["families"])[3:]:
            del schema["families"][family]

    bundle = edit(copied, no_terms)
    nomogram(bundle, tmp_path / "N")
    assert not (tmp_path / "N/clinical").exists()
    assert (tmp_path / "N/radiomic/nomogram.svg").is_file()
    assert "no nomogram of clinical: knn is no sum of terms" in " ".join(capsys.readouterr().err.split())
    with pytest.raises(InputError, match="no nomogram: knn is no sum of terms"):
        nomogram(bundle, tmp_path / "M", ["clinical"])
    with pytest.raises(InputError, match="did you mean 'radiomic'"):
        nomogram(bundle, tmp_path / "M", ["radiomics"])
    with pytest.raises(InputError, match="lies in the bundle"):
        nomogram(bundle, bundle / "M")
    assert not (tmp_path / "M").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda family: family["score"]["columns"][0].update(name="foreign"), "which is no input"),
        (lambda family: family["score"]["columns"][0].update(scale=0.0), "greater than 0"),
        (lambda family: family["score"]["readings"].clear(), "at least 1"),
        (lambda family: family["score"]["sum"]["columns"].append(99), "columns have"),
    ],
)
def test_a_damaged_score_is_refused(copied: Path, tmp_path: Path, change: Callable[[Any], None], said: str) -> None:
    bundle = edit(copied, lambda schema: change(schema["families"]["clinical"]))
    with pytest.raises(InputError, match=said):
        nomogram(bundle, tmp_path / "N")
