"""nnU-Net's results become one ONNX file that gives nnU-Net's own masks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("nnunetv2", reason="needs radfuse[train]")
import torch
from nnunet_results import theirs, write_images, write_results

from radfuse.errors import InputError
from radfuse.seg.export import export_network
from radfuse.seg.metrics import dice
from radfuse.seg.nnunet.backend import NnunetSegmentation
from radfuse.seg.nnunet.frame import NnunetFrame
from radfuse.seg.nnunet.plan import NnunetPlan
from radfuse.seg.nnunet.results import first_layer, open_results
from radfuse.seg.predict import OnnxSegmenter
from radfuse.volume.image import Volume
from radfuse.volume.stack import read_stacked

CASES: dict[str, dict[str, Any]] = {
    "anisotropic": {"spacing": (3.0, 0.8, 0.8)},
    "coarse": {"spacing": (4.0, 2.0, 2.0), "patch": (4, 8, 8)},
    "same spacing": {"spacing": (3.0, 1.0, 1.2)},
    "mirrored": {"mirrored": True},
    "slices": {"patch": (16, 16), "spacing": (0.9, 1.1)},
    "slices mirrored": {"patch": (16, 16), "spacing": (0.9, 1.1), "mirrored": True},
    "transposed": {"transpose": (1, 0, 2), "spacing": (1.0, 2.5, 1.0)},
    "two channels": {"schemes": ("ZScoreNormalization", "CTNormalization")},
    "masked": {"masked": True},
    "rescaled": {"schemes": ("RescaleTo01Normalization", "NoNormalization")},
    "regions": {"labels": {"background": 0, "whole": [1, 2], "core": [2]}},
    "ensemble": {"folds": ("0", "1", "2")},
    "reoriented": {"reader": "NibabelIOWithReorient"},
    "residual": {"residual": True},
    "larger than the image": {"patch": (32, 64, 64), "spacing": (1.5, 1.0, 1.0)},
}


@pytest.mark.parametrize("name", CASES)
def test_one_file_gives_nnunets_own_masks(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("radfuse.seg.nnunet.frame._KEPT", np.float32)
    settings = dict(CASES[name])
    mirrored, folds = settings.pop("mirrored", False), settings.get("folds", ("0",))
    results = write_results(tmp_path / "results", **settings)
    images = write_images(tmp_path / "images", len(settings.get("schemes", "1")), (13, 40, 37), (3.0, 1.0, 1.2))
    trained = open_results(results, mirror=mirrored)
    assert len(trained.networks) == len(folds)
    difference = export_network(trained.networks, trained.plan, tmp_path / "one.onnx", first_layer(trained.networks[0]))
    assert difference < 1e-4
    volume = read_stacked(images)
    found = OnnxSegmenter(tmp_path / "one.onnx")(volume)
    expected = theirs(results, images, tmp_path / "theirs", mirrored, tuple(folds))
    assert found.grid.same_as(volume.grid)
    assert found.array.shape == expected.shape
    numbers = set(np.unique(expected)) - {0}
    assert numbers  # an untrained network that finds nothing would show nothing
    for number in numbers:
        assert (
            dice(found.array == number, expected == number) > 0.98
        )  # it sums in half precision, which untrained networks feel
    assert (found.array != expected).sum() <= 3  # of 19,240


def test_the_grid_of_what_it_reads_lies_where_the_image_does(tmp_path: Path) -> None:
    results = write_results(
        tmp_path / "results", transpose=(2, 0, 1), spacing=(1.5, 4.0, 1.0), reader="NibabelIOWithReorient"
    )
    images = write_images(tmp_path / "images", 1, (13, 40, 37), (3.0, 1.0, 1.2))
    volume = read_stacked(images)
    ramps = np.meshgrid(*(np.arange(size, dtype=np.float32) + 1 for size in volume.array.shape), indexing="ij")
    stored = open_results(results).plan.model_dump()
    plan = NnunetPlan.model_validate({**stored, "normalisation": [{"scheme": "NoNormalization"}]})
    for axis, ramp in enumerate(ramps):  # voxel (z, y, x) holds its own place along an axis
        frame = NnunetFrame(Volume(ramp, volume.grid), plan)
        inner = frame.array[0]
        place = np.array(inner.shape) // 3
        mm = frame.grid.origin + np.array(frame.grid.direction).reshape(3, 3) @ (
            place[::-1] * frame.grid.spacing_zyx_mm[::-1]
        )
        axes = np.array(volume.grid.direction).reshape(3, 3) * np.array(volume.grid.spacing_zyx_mm[::-1])
        index = np.linalg.solve(axes, mm - np.array(volume.grid.origin))[::-1]
        # an axis by itself takes its nearest slice, others are interpolated
        assert inner[tuple(place)] - 1 == pytest.approx(index[axis], abs=0.51)


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "half a cascade": ({"previous_stage": "3d_lowres"}, "copy that folder of results beside it"),
    "other preprocessor": ({"preprocessor_name": "MyPreprocessor"}, "are made by MyPreprocessor"),
    "other resampling": ({"resampling_fn_data": "resample_torch_fornnunet"}, "is resample_torch_fornnunet"),
    "photographs": ({"reader": "NaturalImage2DIO"}, "reads images by NaturalImage2DIO"),
    "unknown scheme": ({"schemes": ("MyNormalization",)}, "is not what nnU-Net writes .scheme: Input should be"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_exported_is_told(name: str, tmp_path: Path) -> None:
    settings, message = BAD[name]
    results = write_results(tmp_path / "results", **settings)
    with pytest.raises(InputError, match=message):
        open_results(results)


def test_labels_of_a_brought_model_are_checked_before_it_is_opened(tmp_path: Path) -> None:
    folder = tmp_path / "Dataset001_Test"
    results = write_results(folder)
    for model in (folder, results):
        NnunetSegmentation(labels={"bright": 1, "brighter": 2}, model=model).check_here()
        with pytest.raises(InputError, match=r"give them as segmentation\.labels: \{bright: 1, brighter: 2\}"):
            NnunetSegmentation(labels={"tumour": 1}, model=model).check_here()
    (results / "dataset.json").unlink()
    NnunetSegmentation(labels={"tumour": 1}, model=results).check_here()  # told when it is opened


def test_bad_folders_are_told(tmp_path: Path) -> None:
    results = write_results(tmp_path / "Dataset001_Test")
    with pytest.raises(InputError, match="is no folder"):
        open_results(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"holds no results of nnU-Net.*give one of its data sets: Dataset001_Test"):
        open_results(tmp_path)
    assert open_results(tmp_path / "Dataset001_Test").plan.configuration == "3d_fullres"
    with pytest.raises(InputError, match="holds no '3d_fulres', only 3d_fullres; give one"):
        open_results(tmp_path / "Dataset001_Test", "3d_fulres")
    with pytest.raises(InputError, match=r"fold 4 has no checkpoint_final.pth nor checkpoint_best.pth; folds there: 0"):
        open_results(results, folds=["4"])
    write_results(tmp_path / "Dataset001_Test", patch=(16, 16), spacing=(1, 1))
    with pytest.raises(InputError, match="holds several results"):
        open_results(tmp_path / "Dataset001_Test")
    assert open_results(tmp_path / "Dataset001_Test", "2d").plan.slices
    (results / "dataset.json").write_text("{")
    with pytest.raises(InputError, match=r"dataset.json cannot be read as JSON"):
        open_results(results)
    (results / "dataset.json").unlink()
    with pytest.raises(InputError, match=r"dataset.json is missing; copy the whole folder"):
        open_results(results)


class Code:
    """What a pickle may do."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("touched"),))


def test_checkpoints_run_no_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    results = write_results(tmp_path / "results")
    file = results / "fold_0" / "checkpoint_final.pth"
    checkpoint = torch.load(file, weights_only=False)
    torch.save({**checkpoint, "mine": Code()}, file)
    with pytest.raises(InputError, match=r"opening it could run code.*--trust"):
        open_results(results)
    assert not Path("touched").exists()
    assert open_results(results, trust=True).networks
    for content in (b"", b"no checkpoint", file.read_bytes()[:1000]):
        file.write_bytes(content)
        with pytest.raises(InputError, match=r"checkpoint_final.pth"):
            open_results(results)
    torch.save({"network_weights": {}}, file)
    with pytest.raises(InputError, match="is no checkpoint of nnU-Net's"):
        open_results(results)
    torch.save({**checkpoint, "network_weights": {"odd": torch.zeros(1)}}, file)
    with pytest.raises(InputError, match=r"does not fit the network of its plans.json"):
        open_results(results)


@pytest.mark.parametrize("settings", [{}, {"residual": True}, {"patch": (16, 16), "spacing": (1, 1)}, {"folds": "01"}])
def test_torch_runs_the_graph_as_onnxruntime_does(settings: dict[str, Any], tmp_path: Path) -> None:
    trained = open_results(write_results(tmp_path / "results", **settings), mirror=False)
    export_network(trained.networks, trained.plan, tmp_path / "one.onnx", first_layer(trained.networks[0]))
    patches = np.random.default_rng(0).normal(size=(2, 1, *trained.plan.window.patch_zyx)).astype(np.float32)
    usual, found = (OnnxSegmenter(tmp_path / "one.onnx", name)._network(patches) for name in ("onnxruntime", "torch"))
    assert found.shape == usual.shape
    assert np.abs(found - usual).max() < 0.03 * np.abs(usual).max()  # bfloat16 has eight bits
