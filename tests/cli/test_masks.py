"""`radfuse compare-masks`: what a person types, sees and finds in the folder."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from boxes import box, grid
from PIL import Image

from radfuse import machine
from radfuse.cli import app, show
from radfuse.volume.files import write_image
from radfuse.volume.image import LabelMap

SHAPE = (10, 12, 14)


def save(path: Path, shift: int = 0, empty: bool = False) -> None:
    """A box of 4 x 6 x 6 voxels of label 1, shifted along x, beside 4 x 6 x 2 voxels of label 2."""
    array = np.zeros(SHAPE, np.uint8)
    if not empty:
        array[box(SHAPE, (3, 3, 2 + shift), (7, 9, 8 + shift))] = 1
        array[box(SHAPE, (3, 3, 11), (7, 9, 13))] = 2
    path.parent.mkdir(exist_ok=True)
    write_image(LabelMap(array, grid(SHAPE, (2.0, 1.0, 1.0))), path)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three pairs: alike, shifted by one voxel, by two."""
    for number in range(3):
        save(tmp_path / f"A/c{number}.nii.gz")
        save(tmp_path / f"B/c{number}.nrrd", shift=number)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(machine, "cores", lambda: 1)
    monkeypatch.setattr(show.out, "_width", 80)
    monkeypatch.setattr(show.err, "_width", 80)
    return tmp_path


def radfuse(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["radfuse", "compare-masks", *words])
    with pytest.raises(SystemExit) as end:
        app.main()
    return int(end.value.code or 0)


def test_a_table_a_summary_and_a_page(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert radfuse(monkeypatch, "A", "B", "--labels", "bone=1,cartilage=2", "--out", "O") == 0
    told = capsys.readouterr().out
    assert "3 of 3 cases compared -> O/index.html" in told
    assert max(map(len, told.splitlines())) <= 80
    assert re.search(r"cartilage +3 1\.000 \(1\.000-1\.000\)", told)
    rows = pd.read_csv(folder / "O/metrics.csv")
    bone = rows[rows["label"] == "bone"]
    assert bone["case"].tolist() == ["c0", "c1", "c2"]
    assert bone["dice"].tolist() == pytest.approx([1, 5 / 6, 4 / 6])
    assert bone["hd95_mm"].tolist() == [0, 1, 2]
    assert set(bone["reference_mm3"]) == set(bone["other_mm3"]) == {288}
    summary = pd.read_csv(folder / "O/summary.csv").set_index(["label", "metric"])
    assert summary.loc[("bone", "hd95_mm"), ["median", "mean"]].tolist() == [1, 1]
    assert "radfuse compare-masks A B --labels bone=1,cartilage=2<" in (folder / "O/index.html").read_text()


def test_a_missed_mask_and_one_without_partner(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save(folder / "B/c1.nrrd", empty=True)
    (folder / "B/c2.nrrd").unlink()
    (folder / "B/c0.nrrd").write_text("no image")
    assert radfuse(monkeypatch, "A", "B", "--out", "O") == 1
    told = capsys.readouterr()
    assert "without a partner" in told.err
    assert "failed c0: " in told.err
    assert "1 of 2 cases compared" in told.out
    rows = pd.read_csv(folder / "O/metrics.csv", dtype={"label": str})
    assert rows["label"].tolist() == ["1", "2"]
    assert np.isinf(rows["hd95_mm"]).all()


def test_two_files_by_patient_and_a_tolerance_of_one_label(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "who.csv").write_text("case_id,patient_id\nc1,007\n")
    words = ("A/c1.nii.gz", "B/c2.nrrd", "--tolerance-mm", "0.5,1=2", "--patients", "who.csv", "--out", "O")
    assert radfuse(monkeypatch, *words) == 0
    rows = pd.read_csv(folder / "O/metrics.csv", dtype=str)
    assert rows[["patient", "label", "tolerance_mm"]].to_numpy().tolist() == [["007", "1", "2.0"], ["007", "2", "0.5"]]


def test_labels_and_tolerances_that_are_given_one_by_one_add_up(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["A/c1.nii.gz", "B/c2.nrrd", "--labels", "bone=1", "--labels", "cartilage=2", "--out", "O"]
    words += ["--tolerance-mm", "bone=2", "--tolerance-mm", "cartilage=0.5"]
    assert radfuse(monkeypatch, *words) == 0
    rows = pd.read_csv(folder / "O/metrics.csv", dtype=str)
    assert rows[["label", "tolerance_mm"]].to_numpy().tolist() == [["bone", "2.0"], ["cartilage", "0.5"]]
    assert "--labels bone=1,cartilage=2 --tolerance-mm bone=2,cartilage=0.5<" in (folder / "O/index.html").read_text()
    assert radfuse(monkeypatch, *words, "--tolerance-mm", "bone=1") == 2
    assert "names 'bone' twice; keep one" in " ".join(capsys.readouterr().err.split())
    assert radfuse(monkeypatch, *words, "--labels", "bone=3") == 2
    assert "names bone or 3 twice" in " ".join(capsys.readouterr().err.split())


def test_pictures_have_the_pixels_of_the_other_side_or_those_that_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    flat = np.zeros((20, 30), np.uint8)
    flat[5:15, 5:15] = 1
    for side, shift in (("A", 0), ("B", 5)):
        (tmp_path / side).mkdir()
        Image.fromarray(np.roll(flat, shift, axis=1)).save(tmp_path / side / "c.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(machine, "cores", lambda: 1)
    assert radfuse(monkeypatch, "A", "B", "--out", "O") == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "neither A/c.png nor B/c.png says how large its pixels are" in told
    assert "--spacing-mm 0.14,0.14" in told

    def hd95(*words: str) -> float:
        assert radfuse(monkeypatch, "A", "B", *words, "--out", "O") == 0
        row = pd.read_csv("O/metrics.csv").iloc[0]
        assert (row["dice"], row["remark"]) == (0.5, pytest.approx(float("nan"), nan_ok=True))
        return float(row["hd95_mm"])

    assert hd95("--spacing-mm", "0.5,0.2") == pytest.approx(1.0)  # five columns
    (tmp_path / "B/spacing.json").write_text('{"spacing_mm": [0.5, 0.4]}')
    assert hd95() == pytest.approx(2.0)
    (tmp_path / "B/c.png").unlink()
    write_image(LabelMap(np.roll(flat, 5, axis=1)[None], grid((1, 20, 30), (1.0, 0.5, 0.6))), tmp_path / "B/c.nrrd")
    assert hd95() == pytest.approx(3.0)
    assert radfuse(monkeypatch, "A", "B", "--spacing-mm", "0.5", "--out", "O") == 2
    assert "--spacing-mm '0.5' is not the mm" in " ".join(capsys.readouterr().err.split())
