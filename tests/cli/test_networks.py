"""`radfuse export-onnx` and `radfuse apply`, as they are typed."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("nnunetv2", reason="needs radfuse[train]")
from nnunet_results import write_cascade, write_results

from radfuse.cli import app
from radfuse.results import LabelRange, TrainingRange
from radfuse.volume.files import read_labels, write_image
from radfuse.volume.grid import Grid
from radfuse.volume.image import Volume


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    """Run a command line; returns its exit code and all that it printed."""

    def call(*words: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["radfuse", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            app.main()
        told = capsys.readouterr()
        return int(end.value.code or 0), " ".join((told.out + told.err).split())

    return call


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """nnU-Net's results for two channels."""
    folder = tmp_path_factory.mktemp("results") / "Dataset001_Test"
    return write_results(folder, schemes=("ZScoreNormalization", "NoNormalization"), folds=("0", "1"))


def write_channels(folder: Path, *cases: str) -> None:
    folder.mkdir(exist_ok=True)
    generator = np.random.default_rng(0)
    where = Grid((8, 16, 16), (2.0, 1.0, 1.0))
    for case in cases:
        for channel in range(2):
            array = generator.normal(100, 30, where.shape).astype(np.float32)
            write_image(Volume(array, where), folder / f"{case}_{channel:04d}.nii.gz")


def test_an_nnunet_becomes_a_file_that_segments_a_folder(results: Path, tmp_path: Path, command) -> None:
    code, told = command("export-onnx", results.parent, "--out", tmp_path / "new" / "net.onnx", "--no-mirror")
    assert code == 0, told
    assert "3d_fullres, fold 0, 1, patch 8 x 16 x 16 reads: channel 0, channel 1 labels: 1 bright, 2 brighter" in told
    assert [item.name for item in (tmp_path / "new").iterdir()] == ["net.onnx"]
    network, images, masks = tmp_path / "new" / "net.onnx", tmp_path / "images", tmp_path / "masks"
    write_channels(images, "a", "b")
    code, told = command("apply", network, images, "--out", masks)
    assert code == 0, told
    assert "2 of 2 cases segmented" in told
    beside = ["a.nii.gz", "b.nii.gz", "network.json", "review", "review.csv"]
    assert sorted(item.name for item in masks.iterdir()) == beside
    listed = pd.read_csv(masks / "review.csv")
    assert sorted(zip(listed["case"], listed["mask"], strict=True)) == [("a", "a.nii.gz"), ("b", "b.nii.gz")]
    assert f"of 2 masks look suspicious: see {masks / 'review.csv'}" in told
    for preview in listed["preview"]:
        assert (masks / preview).read_bytes().startswith(b"\x89PNG")
    assert set(read_labels(masks / "a.nii.gz").present()) <= {1, 2}
    before = (masks / "a.nii.gz").read_bytes()
    (masks / "b.nii.gz").unlink()
    write_channels(images, "c")
    (images / "c_0001.nii.gz").write_bytes(b"no image")
    code, told = command("apply", network, images, "--out", masks)
    assert code == 1, told
    assert "1 of 3 cases segmented" in told
    assert "1 were there" in told
    assert "failed c:" in told
    assert (masks / "b.nii.gz").is_file()
    assert (masks / "a.nii.gz").read_bytes() == before
    assert not (masks / "c.nii.gz").exists()
    assert "remark" not in told
    write_image(Volume(np.zeros((4, 16, 16), np.float32), Grid((4, 16, 16), (2.0, 1.0, 1.0))), images / "c_0001.nii.gz")
    code, told = command("apply", network, images, "--out", masks)
    assert (code, "c_0001.nii.gz lies on another grid than c_0000.nii.gz" in told) == (0, True), told
    assert "remark c: " in told
    assert "c_0001.nii.gz lacks 50% of c_0000.nii.gz" in told
    (masks / "c.nii.gz").unlink()
    (masks / "a.nii.gz").replace(masks / "mine.nii.gz")  # no longer what was looked at
    usual = TrainingRange(masks=20, labels={"bright": LabelRange(share=1.0, low_ml=1e3, high_ml=1e4)})
    network.with_name("net.masks.json").write_text(usual.model_dump_json())
    code, told = command("apply", network, images / "b_0000.nii.gz", images / "b_0001.nii.gz", "--out", masks)
    assert code == 0, told
    again = pd.read_csv(masks / "review.csv")
    assert again["case"].tolist() == ["b"]
    assert "of the manual masks" in again["flags"][0] or "bright: missing" in again["flags"][0]
    network.with_name("net.masks.json").write_text("{}")
    code, told = command("apply", network, images, "--out", masks)
    assert code == 2
    assert "net.masks.json or bundle.json" in told


def test_a_cascade_becomes_one_file_too(tmp_path: Path, command) -> None:
    schemes = ("ZScoreNormalization", "NoNormalization")
    results, network = write_cascade(tmp_path / "Dataset001_Test", schemes=schemes), tmp_path / "net.onnx"
    code, told = command("export-onnx", results.parent, "--out", network, "--no-mirror")
    assert (code, "several results" in told) == (2, True)
    words = ("--configuration", "3d_cascade_fullres", "--no-mirror")
    code, told = command("export-onnx", results.parent, "--out", network, *words)
    assert code == 0, told
    assert "3d_lowres, fold 0, patch 8 x 16 x 16 3d_cascade_fullres, fold 0, patch 8 x 16 x 16 reads:" in told
    write_channels(tmp_path / "images", "a")
    code, told = command("apply", network, tmp_path / "images", "--out", tmp_path / "masks")
    assert (code, "1 of 1 cases segmented" in told) == (0, True)


def test_what_cannot_be_applied_is_told(
    results: Path, tmp_path: Path, command, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, images = tmp_path / "net.onnx", tmp_path / "images"
    code, told = command("apply", network, tmp_path, "--out", tmp_path / "masks")
    assert (code, "radfuse export-onnx writes one" in told) == (2, True)
    network.write_bytes(b"no network")
    code, told = command("apply", network, tmp_path, "--out", tmp_path / "masks")
    assert (code, "is no ONNX file" in told) == (2, True)
    command("export-onnx", results, "--out", network, "--fold", "1", "--no-mirror")
    code, told = command("apply", network, tmp_path / "nowhere", "--out", tmp_path / "masks")
    assert (code, "there is no such file or folder" in told) == (2, True)
    images.mkdir()
    code, told = command("apply", network, images, "--out", tmp_path / "masks")
    assert (code, f"no image in {images}; images end in" in told) == (2, True)
    write_channels(images, "a")
    code, told = command("apply", network, images, "--out", images, "--again")
    assert (code, "is the folder of the images" in told) == (2, True)
    assert sorted(item.name for item in images.iterdir()) == ["a_0000.nii.gz", "a_0001.nii.gz"]
    (images / "a_0001.nii.gz").rename(images / "a_0002.nii.gz")
    code, told = command("apply", network, images, "--out", tmp_path / "masks")
    assert (code, "it wants a_0000, a_0001" in told) == (2, True)
    shutil.copy(images / "a_0002.nii.gz", images / "a_0001.nii.gz")
    (images / "a_0002.nii.gz").unlink()
    code, told = command("apply", network, images, "--out", tmp_path / "masks", "--code", "bright=SCT:1:Bright")
    assert (code, "add --dicom" in told) == (2, True)
    assert command("apply", network, images, "--out", tmp_path / "masks")[0] == 0
    code, told = command("export-onnx", results, "--out", network, "--fold", "0", "--no-mirror")
    code, told = command("apply", network, images, "--out", tmp_path / "masks")
    assert (code, "holds masks of another network" in told) == (2, True)
    code, told = command("export-onnx", results, "--out", tmp_path)
    assert (code, "is a folder; name a file" in told) == (2, True)
    code, told = command("export-onnx", tmp_path / "nowhere", "--out", network)
    assert (code, "is no folder" in told) == (2, True)
    monkeypatch.setattr("radfuse.seg.nnunet.folders.find_spec", lambda _: None)
    code, told = command("export-onnx", results, "--out", network)
    assert (code, 'install it with: pip install "radfuse[train]"' in told) == (2, True)
