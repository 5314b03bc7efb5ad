"""What the benchmark of segmentation compares."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from boxes import grid

pytest.importorskip("torch", reason="the benchmark trains, which needs radfuse[train]")
from bench_segmentation import agreement, here, make_network, peak_mib, with_monai

from radfuse.seg.predict import OnnxSegmenter
from radfuse.seg.unet.backend import UnetSegmentation
from radfuse.volume.files import write_image
from radfuse.volume.image import LabelMap, Volume


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_monai_and_ours_agree_on_the_same_weights(tmp_path: Path) -> None:
    array = np.random.default_rng(0).normal(100, 10, (6, 30, 40)).astype(np.float32)
    array[2:5, 8:20, 10:30] += 60
    write_image(Volume(array, grid(array.shape)), tmp_path / "image.nrrd")
    config = UnetSegmentation(labels={"a": 1, "b": 2}, channels=(4, 8, 8), patch_voxels=3000, overlap=0)
    make_network(config, [tmp_path / "image.nrrd"], [], tmp_path)
    volume = Volume(array, grid(array.shape))
    ours, theirs = OnnxSegmenter(tmp_path / "network.onnx")(volume), with_monai(tmp_path, half=False)(volume)
    assert len(np.unique(ours.array)) > 1
    assert (ours.array == theirs.array).mean() > 0.9  # windows lie elsewhere where they do not fit


def test_agreement_is_that_of_labels_that_are_there(tmp_path: Path) -> None:
    for way, voxels in (("one", [[[1, 1, 2, 0]]]), ("other", [[[1, 0, 2, 0]]])):
        (tmp_path / way).mkdir()
        write_image(LabelMap(np.array(voxels, dtype=np.uint8), grid((1, 1, 4))), tmp_path / way / "0.nrrd")
    found = agreement("other", "one", {"a": 1, "b": 2, "c": 3}, 1, tmp_path)
    assert found == [pytest.approx(2 / 3), 1]


def test_ways_that_cannot_be_gone_are_left_out_and_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(here(["monai-float32", "onnxruntime", "no such"])) == ["monai-float32", "onnxruntime"]
    assert "without no such: there is no runtime 'no such'" in capsys.readouterr().err


def test_memory_is_that_of_this_process() -> None:
    before = peak_mib()
    block = np.ones(64 * 2**20, dtype=np.uint8)
    assert block.sum() == block.size
    assert peak_mib() >= max(before, 64)
