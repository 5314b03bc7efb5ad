"""The one file that imports nnunetv2: what stands in its results folders becomes our plan and torch networks."""

from __future__ import annotations

import json
import pickle
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import torch

from radfuse.config import nearest
from radfuse.errors import InputError, listed
from radfuse.seg.nnunet.plan import NnunetPlan, Normalisation, Resampling
from radfuse.volume.grid import triple

_READERS = {"SimpleITKIO": "", "NibabelIO": "", "NibabelIOWithReorient": "RAS", "SimpleITKIOWithReorient": "RAS"}
"""nnU-Net's readers of medical images -> where axes point after reading."""
_CHECKPOINTS = ("checkpoint_final.pth", "checkpoint_best.pth")
_RESAMPLES = "resample_data_or_seg_to_shape"


@dataclass(frozen=True)
class Trained:
    """What nnU-Net left.

    Attributes:
        plan: what prediction needs.
        networks: one a fold, in evaluation mode, on the CPU.
        checkpoints: their files.
    """

    plan: NnunetPlan
    networks: tuple[torch.nn.Module, ...]
    checkpoints: tuple[Path, ...]


def open_results(
    path: Path,
    configuration: str | None = None,
    folds: Sequence[str] = (),
    checkpoint: str | None = None,
    *,
    mirror: bool = True,
    trust: bool = False,
) -> Trained:
    """Open a folder of nnU-Net's results.

    Args:
        path: TRAINER__PLANS__CONFIGURATION, or the folder of a data set that holds such.
        configuration: 2d, 3d_fullres, ...; needed where a data set has several.
        folds: whose networks answer together; none: all that were trained, as nnU-Net does.
        checkpoint: name of the file; None: the final one, or where training has not ended the best.
        mirror: prediction sees patches mirrored too where the training did, as nnU-Net does.
        trust: let checkpoints run code, where they are no plain tensors.

    Raises:
        InputError: no such folder, several configurations, a file that is missing or cannot be used, a network that
            reads what is no medical image, or a cascade.
    """
    folder = _model_folder(path, configuration)
    plans, dataset = _read(folder / "plans.json"), _read(folder / "dataset.json")
    files = _checkpoints(folder, folds, checkpoint)
    loaded = [_loaded(file, trust=trust) for file in files]
    try:
        name = loaded[0]["init_args"]["configuration"]
        weights = [each["network_weights"] for each in loaded]
        axes = loaded[0].get("inference_allowed_mirroring_axes") or ()
        trainer = loaded[0]["trainer_name"]
    except (KeyError, TypeError) as error:
        raise InputError(f"{files[0]} is no checkpoint of nnU-Net's: it holds no {error}") from error
    plan = _plan_of(plans, dataset, name, tuple(int(axis) for axis in axes) if mirror else (), folder)
    networks = tuple(
        _network(plans, dataset, name, trainer, state, file) for state, file in zip(weights, files, strict=True)
    )
    return Trained(plan, networks, files)


def _model_folder(path: Path, configuration: str | None) -> Path:
    """Return the folder of one configuration."""
    if not path.is_dir():
        raise InputError(f"{path} is no folder; give nnU-Net's results, a folder TRAINER__PLANS__CONFIGURATION")
    if (path / "plans.json").is_file():
        if configuration is not None and not path.name.endswith(f"__{configuration}"):
            raise InputError(f"{path} holds {path.name.rpartition('__')[2]}, not configuration {configuration!r}")
        return path
    found = sorted(each for each in path.iterdir() if (each / "plans.json").is_file())
    if not found:
        raise InputError(
            f"{path} holds no results of nnU-Net: neither plans.json nor folders TRAINER__PLANS__CONFIGURATION with one"
        )
    names = [each.name.rpartition("__")[2] for each in found]
    if configuration is not None:
        found = [each for each, name in zip(found, names, strict=True) if name == configuration]
        if not found:
            raise InputError(
                f"{path} holds no {configuration!r}{nearest(configuration, names)}; it holds {listed(names)}"
            )
    if len(found) > 1:
        raise InputError(f"{path} holds several results: {listed([each.name for each in found])}; give one of them")
    return found[0]


def _read(path: Path) -> dict[str, Any]:
    """Return a JSON file of nnU-Net's."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{path} is missing; copy the whole folder of results, not the checkpoints alone") from error
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read as JSON ({error}); copy it again from where the network was trained"
        ) from error
    if not isinstance(found, dict):
        raise InputError(f"{path} holds no settings; copy it again from where the network was trained")
    return found


def _checkpoints(folder: Path, folds: Sequence[str], name: str | None) -> tuple[Path, ...]:
    """Return a checkpoint of each fold."""
    there = sorted(each.name.removeprefix("fold_") for each in folder.glob("fold_*") if each.is_dir())
    names = (name,) if name is not None else _CHECKPOINTS
    wanted = list(folds) or [fold for fold in there if fold != "all" and _first(folder, fold, names)] or ["all"]
    found = [_first(folder, fold, names) for fold in wanted]
    lacking = [fold for fold, file in zip(wanted, found, strict=True) if file is None]
    if lacking:
        raise InputError(
            f"{folder}: fold {listed(lacking)} has no {' nor '.join(names)}; folds there: {listed(there) or 'none'}"
        )
    return tuple(file for file in found if file is not None)


def _first(folder: Path, fold: str, names: Sequence[str]) -> Path | None:
    return next((file for name in names if (file := folder / f"fold_{fold}" / name).is_file()), None)


def _loaded(path: Path, *, trust: bool) -> dict[str, Any]:
    """Return a checkpoint, by tensors and plain values alone unless it is trusted."""
    plain: list[Any] = [
        np.dtype,
        *(type(np.dtype(kind)) for kind in ("f2", "f4", "f8", "i4", "i8", "bool")),
        torch.device,
    ]
    plain.append(np.float64(0).__reduce__()[0])  # the function that makes numpy's scalars
    try:
        with torch.serialization.safe_globals(plain):
            found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if not trust:
            raise InputError(
                f"{path} is more than tensors and plain values, or damaged: opening it could run code that whoever "
                "made it put inside. Where you trained it yourself or trust who did, say so: --trust, or "
                "segmentation.trust: true"
            ) from error
        try:
            found = torch.load(path, map_location="cpu", weights_only=False)
        except Exception as why:  # whatever a pickle may raise
            raise InputError(f"{path} cannot be opened ({why}); copy it again") from why
    except (RuntimeError, EOFError, OSError, ValueError) as error:
        raise InputError(f"{path} is no checkpoint that torch opens, or is damaged; copy it again") from error
    if not isinstance(found, dict):
        raise InputError(f"{path} is no checkpoint of nnU-Net's")
    return found


def _plan_of(
    plans: dict[str, Any], dataset: dict[str, Any], name: str, mirror: tuple[int, ...], folder: Path
) -> NnunetPlan:
    """Return what prediction needs of nnU-Net's plans."""
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    try:
        manager = PlansManager(plans)
        configuration = manager.get_configuration(name)
        settings = configuration.configuration
        _check_supported(manager.plans, settings, folder)
        labels = manager.get_label_manager(dataset)
        numbered = {title: value for title, value in dataset["labels"].items() if title not in ("background", "ignore")}
        if labels.has_regions:
            named = dict(zip(numbered, (int(number) for number in labels.regions_class_order), strict=True))
        else:
            named = {title: int(value) for title, value in sorted(numbered.items(), key=lambda item: int(item[1]))}
        channels = dataset["channel_names"] if "channel_names" in dataset else dataset["modality"]
        intensities = manager.foreground_intensity_properties_per_channel
        return NnunetPlan(
            labels=named,
            regions=labels.has_regions,
            channels=tuple(str(channels[key]) for key in sorted(channels, key=int)),
            configuration=name,
            patch=tuple(int(size) for size in configuration.patch_size),
            spacing_mm=tuple(float(size) for size in configuration.spacing),
            transpose=triple(manager.transpose_forward, int),
            orientation=_READERS[manager.plans["image_reader_writer"]],
            normalisation=tuple(
                _normalisation(scheme, masked, intensities.get(str(channel), {}))
                for channel, (scheme, masked) in enumerate(
                    zip(
                        configuration.normalization_schemes,
                        configuration.configuration["use_mask_for_norm"],
                        strict=True,
                    )
                )
            ),
            of_images=_resampling(settings["resampling_fn_data_kwargs"]),
            of_logits=_resampling(settings["resampling_fn_probabilities_kwargs"]),
            mirror=mirror,
        )
    except (KeyError, TypeError, ValueError, RuntimeError, AssertionError) as error:
        raise InputError(f"{folder}: plans.json or dataset.json is not what nnU-Net writes ({error!r})") from error


def _check_supported(plans: dict[str, Any], settings: dict[str, Any], folder: Path) -> None:
    """Refuse what nnU-Net can do and this cannot."""
    reader = plans["image_reader_writer"]
    if reader not in _READERS:
        raise InputError(f"{folder}: the network reads images by {reader}; radfuse knows {listed(_READERS)}")
    if settings.get("previous_stage"):
        raise InputError(
            f"{folder}: a cascade reads the masks of {settings['previous_stage']} too, which one ONNX file does not "
            "hold; export 3d_lowres or 3d_fullres"
        )
    if settings["preprocessor_name"] != "DefaultPreprocessor":
        raise InputError(
            f"{folder}: the network's images are made by {settings['preprocessor_name']}, not by nnU-Net's own"
        )
    for name in ("resampling_fn_data", "resampling_fn_probabilities"):
        if settings[name] != _RESAMPLES:
            raise InputError(f"{folder}: {name} is {settings[name]}; radfuse knows {_RESAMPLES}")


def _normalisation(scheme: str, masked: bool, found: dict[str, float]) -> Normalisation:
    ct = scheme == "CTNormalization"
    keys = {"mean": "mean", "std": "std", "low": "percentile_00_5", "high": "percentile_99_5"}
    return Normalisation.model_validate(
        {"scheme": scheme, "masked": masked, **({name: float(found[key]) for name, key in keys.items()} if ct else {})}
    )


def _resampling(settings: dict[str, Any]) -> Resampling:
    return Resampling(
        order=settings.get("order", 3),
        order_z=settings.get("order_z", 0),
        separate_z=settings.get("force_separate_z", False),
    )


def _network(
    plans: dict[str, Any], dataset: dict[str, Any], configuration: str, trainer: str, state: dict[str, Any], path: Path
) -> torch.nn.Module:
    """Return the network of a checkpoint."""
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
    from nnunetv2.utilities.find_objects import recursive_find_trainer_class_by_name
    from nnunetv2.utilities.label_handling.label_handling import determine_num_input_channels
    from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

    manager = PlansManager(plans)
    settings = manager.get_configuration(configuration)
    inputs = determine_num_input_channels(manager, settings, dataset)
    outputs = manager.get_label_manager(dataset).num_segmentation_heads
    with redirect_stdout(StringIO()):
        try:
            builder = recursive_find_trainer_class_by_name(trainer)
        except RuntimeError:  # somebody's own trainer, which need not change the network
            builder = nnUNetTrainer
        network = builder.build_network_architecture(manager, settings, inputs, outputs, enable_deep_supervision=False)
    try:
        network.load_state_dict(
            {key.removeprefix("module.").removeprefix("_orig_mod."): value for key, value in state.items()}
        )
    except RuntimeError as error:
        raise InputError(
            f"{path} does not fit the network of its plans.json; was it trained by {trainer}, which is not installed "
            "here (nnUNet_extTrainer), or with other plans?"
        ) from error
    found: torch.nn.Module = network.float().eval()
    return found


def first_layer(network: torch.nn.Module) -> torch.nn.Module | None:
    """Return the layer that sees an image first, at full resolution; None where the network is none of nnU-Net's."""
    stages = getattr(getattr(network, "encoder", None), "stages", None)
    return None if stages is None else stages[0]
