"""Small results folders as nnU-Net leaves them, with untrained networks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from boxes import grid

from radfuse.volume.files import read_labels

RESAMPLING = {"is_seg": False, "order": 3, "order_z": 0, "force_separate_z": None}
FEATURES = [4, 6, 8]
"""Channels of each level of the networks."""


def write_results(
    folder: Path,
    *,
    patch: Sequence[int] = (8, 16, 16),
    spacing: Sequence[float] = (2.0, 1.0, 1.0),
    labels: Mapping[str, Any] | None = None,
    schemes: Sequence[str] = ("ZScoreNormalization",),
    masked: bool = False,
    transpose: Sequence[int] = (0, 1, 2),
    folds: Sequence[str] = ("0",),
    mirror: Sequence[int] | None = None,
    reader: str = "SimpleITKIO",
    residual: bool = False,
    configuration: str | None = None,
    trainer: str = "nnUNetTrainer",
    file_ending: str = ".nii.gz",
    **settings: Any,
) -> Path:
    """Write plans, data set and checkpoints of one configuration; returns its folder.

    Args:
        folder: where results go.
        patch: of the network; two numbers for a network of slices.
        spacing: of the network, as long.
        labels: of the data set.
        schemes: how each channel is normalised.
        masked: normalised by what is not zero alone.
        transpose: order of the axes.
        folds: that were trained.
        mirror: axes along which prediction may mirror; None: all.
        reader: of the images.
        residual: encoder.
        configuration: its name; None: by the patch.
        trainer: who builds the networks.
        file_ending: of images and masks.
        **settings: more of the configuration.
    """
    dimension = len(patch)
    configuration = configuration or ("2d" if dimension == 2 else "3d_fullres")
    out = folder / f"nnUNetTrainer__nnUNetPlans__{configuration}"
    out.mkdir(parents=True)
    dataset = {
        "channel_names": {str(number): f"channel {number}" for number in range(len(schemes))},
        "labels": dict(labels or {"background": 0, "bright": 1, "brighter": 2}),
        "numTraining": 3,
        "file_ending": file_ending,
    }
    if any(isinstance(value, list) for value in dataset["labels"].values()):
        dataset["regions_class_order"] = list(range(1, len(dataset["labels"].keys() - {"ignore"})))
    architecture = _architecture(dimension, residual)
    statistics = {"mean": 100.0, "std": 30.0, "percentile_00_5": 20.0, "percentile_99_5": 190.0, "min": 0, "max": 255}
    plans = {
        "dataset_name": "Dataset001_Test",
        "plans_name": "nnUNetPlans",
        "image_reader_writer": reader,
        "transpose_forward": list(transpose),
        "transpose_backward": np.argsort(transpose).tolist(),
        "label_manager": "LabelManager",
        "foreground_intensity_properties_per_channel": {str(n): statistics for n in range(len(schemes))},
        "configurations": {
            configuration: {
                "data_identifier": f"nnUNetPlans_{configuration}",
                "preprocessor_name": "DefaultPreprocessor",
                "batch_size": 2,
                "patch_size": list(patch),
                "spacing": list(spacing),
                "normalization_schemes": list(schemes),
                "use_mask_for_norm": [masked] * len(schemes),
                "resampling_fn_data": "resample_data_or_seg_to_shape",
                "resampling_fn_seg": "resample_data_or_seg_to_shape",
                "resampling_fn_probabilities": "resample_data_or_seg_to_shape",
                "resampling_fn_data_kwargs": RESAMPLING,
                "resampling_fn_seg_kwargs": {**RESAMPLING, "is_seg": True, "order": 1},
                "resampling_fn_probabilities_kwargs": {**RESAMPLING, "order": 1},
                "architecture": architecture,
                **settings,
            }
        },
    }
    (out / "plans.json").write_text(json.dumps(plans))
    (out / "dataset.json").write_text(json.dumps(dataset))
    axes = tuple(range(dimension)) if mirror is None else tuple(mirror)
    for number, fold in enumerate(folds):
        _write_checkpoint(out / f"fold_{fold}", number, plans, dataset, configuration, axes, trainer)
    return out


def write_cascade(folder: Path, coarse: Sequence[float] = (3.0, 2.0, 2.0), **settings: Any) -> Path:
    """Write the results of a cascade, whose first stage sees voxels of size `coarse`; returns the second's folder."""
    first = {**settings, "spacing": coarse, "next_stage": "3d_cascade_fullres"}
    write_results(folder, configuration="3d_lowres", **first)
    return write_results(folder, configuration="3d_cascade_fullres", previous_stage="3d_lowres", **settings)


def _architecture(dimension: int, residual: bool) -> dict[str, Any]:
    blocks = {"n_blocks_per_stage": [1, 1, 1]} if residual else {"n_conv_per_stage": [1, 1, 1]}
    kind = "ResidualEncoderUNet" if residual else "PlainConvUNet"
    return {
        "network_class_name": f"dynamic_network_architectures.architectures.unet.{kind}",
        "arch_kwargs": {
            "n_stages": 3,
            "features_per_stage": FEATURES,
            "conv_op": f"torch.nn.modules.conv.Conv{dimension}d",
            "kernel_sizes": [[3] * dimension] * 3,
            "strides": [[1] * dimension, [1, *[2] * (dimension - 1)], [2] * dimension],
            **blocks,
            "n_conv_per_stage_decoder": [1, 1],
            "conv_bias": True,
            "norm_op": f"torch.nn.modules.instancenorm.InstanceNorm{dimension}d",
            "norm_op_kwargs": {"eps": 1e-05, "affine": True},
            "dropout_op": None,
            "dropout_op_kwargs": None,
            "nonlin": "torch.nn.LeakyReLU",
            "nonlin_kwargs": {"inplace": True},
        },
        "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
    }


def _write_checkpoint(
    folder: Path,
    seed: int,
    plans: dict[str, Any],
    dataset: dict[str, Any],
    configuration: str,
    axes: Sequence[int],
    trainer: str,
) -> None:
    import torch
    from nnunetv2.utilities.find_objects import recursive_find_trainer_class_by_name
    from nnunetv2.utilities.label_handling.label_handling import determine_num_input_channels
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    manager = PlansManager(plans)
    torch.manual_seed(seed)
    network = recursive_find_trainer_class_by_name(trainer).build_network_architecture(
        manager,
        manager.get_configuration(configuration),
        determine_num_input_channels(manager, configuration, dataset),
        manager.get_label_manager(dataset).num_segmentation_heads,
        enable_deep_supervision=True,
    )
    folder.mkdir()
    checkpoint = {
        "network_weights": network.state_dict(),
        "init_args": {"plans": plans, "configuration": configuration, "device": torch.device("cpu")},
        "trainer_name": trainer,
        "inference_allowed_mirroring_axes": tuple(axes),
        "logging": {"mean_fg_dice": [np.float64(0.5)], "val_losses": [np.float32(0.1)]},
        "_best_ema": np.float64(0.5),
    }
    torch.save(checkpoint, folder / "checkpoint_final.pth")


def write_images(folder: Path, channels: int, shape: tuple[int, int, int], spacing: tuple[float, ...]) -> list[Path]:
    """Write an image a channel: smooth blobs, an empty margin, oblique axes."""
    import SimpleITK as sitk

    folder.mkdir()
    generator = np.random.default_rng(3)
    paths = []
    for channel in range(channels):
        coarse = generator.normal(100, 40, [max(size // 4, 1) for size in shape])
        image = sitk.GetImageFromArray(coarse.astype(np.float32))
        image = sitk.Resample(image, shape[::-1], sitk.Transform(), sitk.sitkBSpline, (0, 0, 0), (0.25, 0.25, 0.25))
        array = np.abs(sitk.GetArrayFromImage(image)) + 1
        array[:2], array[:, -3:], array[:, :, :4] = 0, 0, 0
        image = sitk.GetImageFromArray(array.astype(np.float32))
        image.SetSpacing(spacing[::-1])
        image.SetOrigin((-10, 5, 3))
        image.SetDirection((0, 0, 1, 1, 0, 0, 0, -1, 0))
        paths.append(folder / f"case_{channel:04d}.nii.gz")
        sitk.WriteImage(image, str(paths[-1]))
    return paths


def theirs(
    results: Path, images: list[Path], out: Path, mirror: bool, folds: Sequence[str], before: Path | None = None
) -> np.ndarray:
    """Return the mask that nnU-Net's predictor writes; `before` is the folder of a cascade's first masks."""
    import torch
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    predictor = nnUNetPredictor(use_mirroring=mirror, device=torch.device("cpu"), allow_tqdm=False)
    predictor.initialize_from_trained_model_folder(str(results), tuple(folds), "checkpoint_final.pth")
    out.parent.mkdir(exist_ok=True)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # patches are so small that threads wait for each other, the longer the busier the machine
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "half", torch.float32)  # it sums in half precision, which would hide small mistakes
        predictor.predict_from_files_sequential(
            [[str(path) for path in images]],
            [str(out)],
            folder_with_segs_from_prev_stage=None if before is None else str(before),
        )
    torch.set_num_threads(threads)
    written = next(path for path in out.parent.glob(f"{out.name}.*") if path.suffix != ".json")
    return np.asarray(read_labels(written, empty=True, like=grid((1, 1, 1))).array)
