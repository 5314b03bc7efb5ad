"""nnU-Net's results become one ONNX file that gives nnU-Net's own masks."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("nnunetv2", reason="needs radfuse[train]")
import torch
from boxes import grid
from nnunet_results import RESAMPLING, theirs, write_images, write_results

from radfuse.errors import InputError
from radfuse.seg.export import export_network
from radfuse.seg.metrics import dice
from radfuse.seg.nnunet.backend import NnunetSegmentation
from radfuse.seg.nnunet.frame import NnunetFrame
from radfuse.seg.nnunet.plan import NnunetPlan
from radfuse.seg.nnunet.results import first_layer, open_results
from radfuse.seg.predict import OnnxSegmenter
from radfuse.volume.image import LabelMap, Volume
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
    "regions, some not annotated": {"labels": {"background": 0, "whole": [1, 2], "core": 2, "ignore": 3}},
    "labels as lists": {"labels": {"background": 0, "brighter": [2], "bright": [1]}},
    "another norm": {"trainer": "nnUNetTrainerBN"},
    "ensemble": {"folds": ("0", "1", "2")},
    "reoriented": {"reader": "NibabelIOWithReorient"},
    "residual": {"residual": True},
    "larger than the image": {"patch": (32, 64, 64), "spacing": (1.5, 1.0, 1.0)},
}


@pytest.mark.filterwarnings("ignore:`torch.jit.interface`:DeprecationWarning")  # nnU-Net imports all of its trainers
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


@pytest.mark.filterwarnings("ignore:`torch.jit.interface`:DeprecationWarning")
@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_count_pixels_as_nnunet_does(channels: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image

    monkeypatch.setattr("radfuse.seg.nnunet.frame._KEPT", np.float32)
    schemes = ("ZScoreNormalization", "RGBTo01Normalization", "RGBTo01Normalization")[:channels]
    settings = {"patch": (16, 16), "spacing": (1.2, 0.8), "schemes": schemes, "file_ending": ".png"}
    results = write_results(tmp_path / "results", reader="NaturalImage2DIO", **settings)
    values = np.random.default_rng(5).normal(100, 40, (12, 10, channels)).clip(1, 255).astype(np.uint8)
    array = np.kron(values, np.ones((4, 4, 1), dtype=np.uint8))
    (tmp_path / "images").mkdir()
    whole = tmp_path / "whole.png"  # nnU-Net reads colour from one file
    Image.fromarray(array.squeeze()).save(whole)
    images = [tmp_path / f"images/one_{number:04d}.png" for number in range(channels)]
    for number, path in enumerate(images):
        Image.fromarray(array[..., number]).save(path)
    (tmp_path / "images/spacing.json").write_text('{"spacing_mm": [0.3, 4.0]}')
    plans = json.loads((results / "plans.json").read_text())
    (results / "plans.json").write_text(json.dumps(plans | {"original_median_spacing_after_transp": [999, 1, 1]}))
    trained = open_results(results, mirror=False)
    export_network(trained.networks, trained.plan, tmp_path / "one.onnx", first_layer(trained.networks[0]))
    volume = read_stacked(images)
    found = OnnxSegmenter(tmp_path / "one.onnx")(volume)
    expected = theirs(results, [whole], tmp_path / "theirs/one", mirror=False, folds="0")
    assert found.grid.same_as(volume.grid)
    assert len(np.unique(expected)) > 1
    assert (found.array != expected).sum() <= 2


def test_a_volume_is_no_picture(tmp_path: Path) -> None:
    plan = open_results(
        write_results(tmp_path / "results", reader="NaturalImage2DIO", patch=(16, 16), spacing=(1, 1))
    ).plan
    with pytest.raises(InputError, match="reads pictures, and this image has 2 slices"):
        NnunetFrame(Volume(np.ones((2, 9, 9), dtype=np.float32), grid((2, 9, 9)), "deep.nrrd"), plan)


@pytest.mark.parametrize(("median", "expected"), [([999 * 4.0, 0.3, 4.0], [999 * 4.0, 0.3, 4.0]), (None, [1, 0.3, 4])])
def test_one_slice_is_far_from_others_for_who_learned_from_flat_images(
    median: list[float] | None, expected: list[float], tmp_path: Path
) -> None:
    results = write_results(tmp_path / "results", patch=(16, 16), spacing=(1.2, 0.8))
    plans = json.loads((results / "plans.json").read_text())
    told = {} if median is None else {"original_median_spacing_after_transp": median}
    (results / "plans.json").write_text(json.dumps(plans | told))
    plan = open_results(results).plan
    assert ("flat" in plan.model_dump()) == (median is not None)
    flat = Volume(np.ones((1, 20, 21), dtype=np.float32), grid((1, 20, 21), (1.0, 0.3, 4.0)), "flat.nrrd")
    assert NnunetFrame(flat, plan)._counted() == expected


def test_cases_of_one_slice_are_handed_over_as_flat() -> None:
    backend = NnunetSegmentation(labels={"bone": 1}, configuration="2d")
    where = grid((1, 8, 9), (1.0, 1.5, 1.2))  # nnU-Net takes the axis of the largest spacing for that of the slices
    preparation = backend.preparation(backend.plan([where, where]))
    image = Volume(np.ones(where.shape, dtype=np.float32), where)
    labels = LabelMap(np.ones(where.shape, dtype=np.uint8), where)
    assert preparation.prepare(image, labels)["spacing"].tolist() == pytest.approx([999 * 1.5, 1.5, 1.2])
    deep = backend.preparation(backend.plan([where, grid((4, 8, 9))]))
    assert deep.prepare(image, labels)["spacing"].tolist() == [1.0, 1.5, 1.2]
    assert deep.model_dump() == {"labels": {"bone": 1}, "orientation": "LPS"}


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


def test_an_image_that_is_zero_but_for_a_voxel_is_told_as_that(tmp_path: Path) -> None:
    plan = open_results(write_results(tmp_path / "results", spacing=(2.0, 3.0, 3.0))).plan
    array = np.zeros((9, 18, 17), dtype=np.float32)
    volume = Volume(array, grid(array.shape, (2.0, 1.0, 1.0)), "thin.nrrd")
    assert NnunetFrame(volume, plan).array.shape == (1, 9, 6, 6)
    array[4, 5, 6] = 1
    with pytest.raises(InputError, match=r"thin.nrrd, of which all but 1 x 1 x 1 voxels are zero: .* 1 x 0 x 0 voxels"):
        NnunetFrame(volume, plan)


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "half a cascade": ({"previous_stage": "3d_lowres"}, "copy that folder of results beside it"),
    "other preprocessor": ({"preprocessor_name": "MyPreprocessor"}, "are made by MyPreprocessor"),
    "other resampling": ({"resampling_fn_data": "resample_torch_fornnunet"}, "is resample_torch_fornnunet"),
    "stacked pictures": ({"reader": "Tiff3DIO"}, "reads images by Tiff3DIO"),
    "other threshold": (
        {"resampling_fn_data_kwargs": {**RESAMPLING, "separate_z_anisotropy_threshold": 1.5}},
        "resampling_fn_data_kwargs are .*1.5.*; radfuse knows is_seg, order, order_z, force_separate_z",
    ),
    "smooth answers": ({"resampling_fn_probabilities_kwargs": RESAMPLING}, "and of probabilities order 0 or 1"),
    "unknown scheme": (
        {"schemes": ("MyNormalization",)},
        "normalised by MyNormalization; radfuse knows ZScore",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_exported_is_told(name: str, tmp_path: Path) -> None:
    settings, message = BAD[name]
    results = write_results(tmp_path / "results", **settings)
    with pytest.raises(InputError, match=message):
        open_results(results)


SPOILED: dict[str, Callable[[dict[str, Any], dict[str, Any], dict[str, Any]], object]] = {
    "strides of zero": lambda plans, _, __: _network(plans).update(strides=[[1, 1, 1], [0, 2, 2], [2, 2, 2]]),
    "strides of several lengths": lambda plans, _, __: _network(plans).update(strides=[[1, 1, 1], [2, 2], [2, 2, 2]]),
    "strides that are a number": lambda plans, _, __: _network(plans).update(strides=2),
    "no patch": lambda plans, _, __: _configuration(plans).update(patch_size=None),
    "a patch of less than nothing": lambda plans, _, __: _configuration(plans).update(patch_size=[-8, 16, 16]),
    "a network of text": lambda plans, _, __: _configuration(plans).update(architecture="x"),
    "no configuration": lambda plans, _, __: plans["configurations"].update({"3d_fullres": None}),
    "labels of nothing": lambda _, dataset, __: dataset.update(labels=None),
    "labels without numbers": lambda _, dataset, __: dataset.update(labels=["background", "bright"]),
    "no weights": lambda _, __, stored: stored.update(network_weights=None),
    "weights without names": lambda _, __, stored: stored.update(network_weights={1: 2}),
    "weights that are no numbers": lambda _, __, stored: [w.fill_(np.nan) for w in stored["network_weights"].values()],
    "no trainer": lambda _, __, stored: stored.update(trainer_name=None, network_weights={}),
    "odd mirror axes": lambda _, __, stored: stored.update(inference_allowed_mirroring_axes="abc"),
}


def _configuration(plans: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = plans["configurations"]["3d_fullres"]
    return found


def _network(plans: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = _configuration(plans)["architecture"]["arch_kwargs"]
    return found


@pytest.mark.parametrize("name", SPOILED)
def test_results_that_somebody_spoiled_are_told(name: str, tmp_path: Path) -> None:
    results = write_results(tmp_path / "results")
    checkpoint = results / "fold_0" / "checkpoint_final.pth"
    stored = torch.load(checkpoint, weights_only=False)
    plans, dataset = (json.loads((results / f"{each}.json").read_text()) for each in ("plans", "dataset"))
    SPOILED[name](plans, dataset, stored)
    (results / "plans.json").write_text(json.dumps(plans))
    (results / "dataset.json").write_text(json.dumps(dataset))
    torch.save(stored, checkpoint)
    with pytest.raises(InputError):
        open_results(results)
    with suppress(InputError):  # told now, or when it is opened
        NnunetSegmentation(labels={"bright": 1, "brighter": 2}, model=results).check_here()


def test_a_patch_that_the_strides_do_not_divide_is_told_with_one_that_fits(tmp_path: Path) -> None:
    results = write_results(tmp_path / "results", patch=(9, 16, 18))
    told = r"9 x 16 x 18 voxels .* in all 2 x 4 x 4; with \"patch_size\": \[10, 16, 20\] in plans\.json it runs"
    with pytest.raises(InputError, match=told):
        open_results(results)
    model = NnunetSegmentation(labels={"bright": 1, "brighter": 2}, model=results)
    with pytest.raises(InputError, match=told):
        model.check_here()
    unknown = results.rename(results.with_name("mine__nnUNetPlans__3d_fullres"))  # its network is known when opened
    model.model_copy(update={"model": unknown}).check_here()


def test_a_stage_that_reads_its_own_masks_is_told(tmp_path: Path) -> None:
    results = write_results(tmp_path / "results", previous_stage="3d_fullres")
    with pytest.raises(InputError, match='reads its own masks; mend "previous_stage"'):
        NnunetSegmentation(labels={"bright": 1, "brighter": 2}, model=results).check_here()
    with pytest.raises(InputError, match='mend "previous_stage"'):
        open_results(results)


def test_the_patch_of_a_configuration_that_inherits_is_looked_at_before_it_is_opened(tmp_path: Path) -> None:
    results = write_results(tmp_path / "results")
    plans = json.loads((results / "plans.json").read_text())
    plans["configurations"]["3d_small"] = {"inherits_from": "3d_fullres", "patch_size": [8, 16, 15]}
    (results / "plans.json").write_text(json.dumps(plans))
    small = results.rename(results.with_name("nnUNetTrainer_100epochs__nnUNetPlans__3d_small"))
    with pytest.raises(InputError, match=r"\[8, 16, 16\]"):
        NnunetSegmentation(labels={"bright": 1, "brighter": 2}, model=small).check_here()
    plans["configurations"]["3d_small"] = {"inherits_from": "3d_small"}
    (small / "plans.json").write_text(json.dumps(plans))
    NnunetSegmentation(labels={"bright": 1, "brighter": 2}, model=small).check_here()  # ends


def test_labels_of_a_brought_model_are_checked_before_it_is_opened(tmp_path: Path) -> None:
    folder = tmp_path / "Dataset001_Test"
    results = write_results(folder)
    for model in (folder, results):
        NnunetSegmentation(labels={"bright": 1, "brighter": 2}, model=model).check_here()
        with pytest.raises(InputError, match=r"give them as segmentation\.labels: \{bright: 1, brighter: 2\}"):
            NnunetSegmentation(labels={"tumour": 1}, model=model).check_here()
    (results / "dataset.json").unlink()
    with pytest.raises(InputError, match=r"dataset\.json is missing; copy the whole folder"):
        NnunetSegmentation(labels={"tumour": 1}, model=results).check_here()
    with pytest.raises(InputError, match=r"fold 3 has no checkpoint_final\.pth"):
        NnunetSegmentation(labels={"tumour": 1}, model=results, folds=("3",)).check_here()
    write_results(folder, patch=(16, 16), spacing=(1, 1))
    with pytest.raises(InputError, match="holds several results"):
        NnunetSegmentation(labels={"tumour": 1}, model=folder).check_here()
    with pytest.raises(InputError, match=r"give them as segmentation\.labels: \{bright: 1, brighter: 2\}"):
        NnunetSegmentation(labels={"tumour": 1}, model=folder, configuration="2d").check_here()


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
    write_results(tmp_path / "Dataset001_Test" / "aside").rename(tmp_path / "Dataset001_Test" / "Other__P__3d_fullres")
    with pytest.raises(InputError, match="holds no 'x', only 2d, 3d_fullres; give one"):
        open_results(tmp_path / "Dataset001_Test", "x")
    (results / "dataset.json").write_text("{")
    with pytest.raises(InputError, match=r"dataset.json cannot be read as JSON"):
        open_results(results)
    (results / "dataset.json").unlink()
    with pytest.raises(InputError, match=r"dataset.json is missing; copy the whole folder"):
        open_results(results)


def test_folds_are_those_whose_training_has_ended_or_else_the_best(tmp_path: Path) -> None:
    results = write_results(tmp_path / "Dataset001_Test", folds=("0", "1", "all"))
    best = results / "fold_1" / "checkpoint_best.pth"

    def folds(*named: str) -> list[str]:
        return [f"{file.parent.name}/{file.stem}" for file in open_results(results, folds=named).checkpoints]

    assert folds() == ["fold_0/checkpoint_final", "fold_1/checkpoint_final"]
    best.with_name("checkpoint_final.pth").rename(best)  # still trains: nnU-Net leaves it out
    assert folds() == ["fold_0/checkpoint_final"]
    assert folds("0", "1", "0") == ["fold_0/checkpoint_final", "fold_1/checkpoint_best"]
    (results / "fold_0" / "checkpoint_final.pth").unlink()
    assert folds() == ["fold_1/checkpoint_best"]
    best.rename(best.with_name("checkpoint_latest.pth"))
    assert folds() == ["fold_all/checkpoint_final"]
    (results / "fold_all").rename(results / "fold_2")
    (results / "fold_2" / "checkpoint_final.pth").unlink()
    with pytest.raises(InputError, match=r"fold 0, 1, 2 has no checkpoint_final.pth nor checkpoint_best.pth"):
        folds()


def test_what_is_a_part_or_another_form_of_results_is_told(tmp_path: Path) -> None:
    results = write_results(tmp_path / "Dataset001_Test")
    for part in (results / "fold_0", results / "fold_0" / "checkpoint_final.pth"):
        with pytest.raises(InputError, match=f"a part of nnU-Net's results; give their folder, {results}; --fold"):
            open_results(part)
    (tmp_path / "model.zip").write_bytes(b"PK")
    with pytest.raises(InputError, match="is no folder; unpack it, and give"):
        open_results(tmp_path / "model.zip")
    with pytest.raises(InputError, match="is no folder; unpack it, and give"):
        NnunetSegmentation(labels={"bright": 1}, model=tmp_path / "model.zip").check_here()
    first = tmp_path / "Task001" / "nnUNetTrainerV2__nnUNetPlansv2.1"
    first.mkdir(parents=True)
    (first / "plans.pkl").touch()
    for folder in (first, first.parent):
        with pytest.raises(InputError, match=r"results of nnU-Net's first version \(plans.pkl\)"):
            open_results(folder)


def test_plans_of_older_versions_are_read_in_silence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nnunet_results.FEATURES", [4, 8, 8])
    results = write_results(tmp_path / "results", residual=True)
    now = open_results(results)
    plans, dataset = (json.loads((results / name).read_text()) for name in ("plans.json", "dataset.json"))
    settings = plans["configurations"]["3d_fullres"]
    built = settings.pop("architecture")["arch_kwargs"]
    settings |= {
        "UNet_class_name": "ResidualEncoderUNet",
        "UNet_base_num_features": 4,
        "unet_max_num_features": 8,
        "n_conv_per_stage_encoder": built["n_blocks_per_stage"],
        "n_conv_per_stage_decoder": built["n_conv_per_stage_decoder"],
        "num_pool_per_axis": [1, 2, 2],
        "pool_op_kernel_sizes": built["strides"],
        "conv_kernel_sizes": built["kernel_sizes"],
    }
    plans["foreground_intensity_properties_by_modality"] = plans.pop("foreground_intensity_properties_per_channel")
    plans.pop("label_manager")
    dataset["modality"] = dataset.pop("channel_names")
    (results / "plans.json").write_text(json.dumps(plans))
    (results / "dataset.json").write_text(json.dumps(dataset))
    before = open_results(results)  # a warning would be an error
    assert before.plan == now.plan
    patch = torch.ones((1, 1, 8, 16, 16))
    assert torch.equal(before.networks[0](patch), now.networks[0](patch))
    assert capsys.readouterr().out == ""


def test_checkpoints_written_with_an_older_numpy_hold_plain_values_too(tmp_path: Path) -> None:
    """Numpy 2 moved what makes its scalars; most published networks are older."""
    results = write_results(tmp_path / "results")
    file = results / "fold_0" / "checkpoint_final.pth"
    with zipfile.ZipFile(file) as packed:
        parts = {name: packed.read(name) for name in packed.namelist()}
    assert any(b"numpy._core.multiarray" in part for part in parts.values())
    with zipfile.ZipFile(file, "w") as packed:
        for name, part in parts.items():
            packed.writestr(name, part.replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))
    assert open_results(results).networks


OWN = """
import torch
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer, get_network_from_plans


class OldTrainer(nnUNetTrainer):
    @staticmethod
    def build_network_architecture(name, kwargs, imported, inputs, outputs, enable_deep_supervision=True):
        return get_network_from_plans(name, kwargs, imported, inputs, outputs, True, enable_deep_supervision)


class Linear(nnUNetTrainer):
    @staticmethod
    def build_network_architecture(plans_manager, settings, inputs, outputs, enable_deep_supervision=True):
        return torch.nn.Sequential(torch.nn.Conv3d(inputs, outputs, 1))


class Breaks(nnUNetTrainer):
    @staticmethod
    def build_network_architecture(plans_manager, settings, inputs, outputs, enable_deep_supervision=True):
        raise ZeroDivisionError("no such block")
"""


def test_trainers_of_somebodys_own_build_their_networks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_trainers.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    own = __import__("own_trainers")
    monkeypatch.setattr(
        "radfuse.seg.nnunet.upstream.recursive_find_trainer_class_by_name", lambda name: vars(own)[name]
    )
    checkpoint = write_results(tmp_path / "results") / "fold_0" / "checkpoint_final.pth"
    stored = torch.load(checkpoint, weights_only=False)

    def opened(trainer: str, weights: dict[str, Any]) -> torch.nn.Module:
        torch.save({**stored, "trainer_name": trainer, "network_weights": weights}, checkpoint)
        return open_results(checkpoint.parent.parent).networks[0]

    assert first_layer(opened("OldTrainer", stored["network_weights"]))
    linear = opened("Linear", torch.nn.Sequential(torch.nn.Conv3d(1, 3, 1)).state_dict())
    plan = open_results(checkpoint.parent.parent).plan
    assert export_network(linear, plan, tmp_path / "one.onnx", first_layer(linear)) < 1e-4
    patch = np.random.default_rng(0).normal(size=(1, 1, 8, 16, 16)).astype(np.float32)
    segmenter = OnnxSegmenter(tmp_path / "one.onnx")
    assert np.array_equal(segmenter.encode(patch), segmenter._network(patch))  # what else is known of it
    with pytest.raises(InputError, match=r"Breaks cannot build the network .*ZeroDivisionError\('no such block'\)"):
        opened("Breaks", {})
    with pytest.raises(InputError, match=r"was it trained with other plans or labels\?"):
        opened("Linear", {"odd": torch.zeros(1)})


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
    for content in (b"", b"no checkpoint", b"junk", file.read_bytes()[:1000]):
        file.write_bytes(content)
        with pytest.raises(InputError, match=r"checkpoint_final.pth"):
            open_results(results)
    torch.save(checkpoint, file)
    content = bytearray(file.read_bytes())
    place = content.index(next(iter(checkpoint["network_weights"].values())).numpy().tobytes())
    content[place + 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"checkpoint_final.pth was damaged when it was copied"):
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
