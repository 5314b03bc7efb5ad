"""nnU-Net's plans and networks become ours: of nnunetv2 alone what reads plans, without its trainer's libraries."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from nnunetv2.utilities.find_objects import recursive_find_trainer_class_by_name
from nnunetv2.utilities.get_network_from_plans import get_network_from_plans
from nnunetv2.utilities.label_handling.label_handling import determine_num_input_channels
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

from radfuse.errors import InputError, listed
from radfuse.seg.nnunet.folders import BY_PLANS
from radfuse.seg.nnunet.plan import NnunetPlan, Normalisation, Resampling, Scheme
from radfuse.seg.nnunet.resize import is_flat
from radfuse.volume.grid import triple

_VOLUMES, _PICTURES = ("SimpleITKIO", "NibabelIO"), "NaturalImage2DIO"
_READERS = dict.fromkeys((*_VOLUMES, _PICTURES), "") | {f"{name}WithReorient": "RAS" for name in _VOLUMES}
"""nnU-Net's readers of images -> where axes point after reading."""
_NOT_HERE = (RuntimeError, AssertionError, TypeError, ImportError, SyntaxError, NameError, AttributeError)
"""What comes of looking for a trainer that is somebody's own: nnU-Net imports all modules that it may be in."""
_RESAMPLES = "resample_data_or_seg_to_shape"
_RESAMPLED_BY = ("is_seg", "order", "order_z", "force_separate_z")


@contextmanager
def _in_silence() -> Iterator[None]:
    """Let nnU-Net print and warn to nobody, of old plans and of where it looks for trainers."""
    with redirect_stdout(StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _said(error: Exception) -> str:
    """Return what is wrong in one line: of settings the first fault, of all else type and text."""
    return str(error).partition("\n")[0] if isinstance(error, InputError) else repr(error)


@contextmanager
def _misfits_told(folder: Path) -> Iterator[None]:
    """Turn what nnU-Net says of its plans into one clear error."""
    try:
        with _in_silence():
            yield
    except (LookupError, TypeError, ValueError, AttributeError, RuntimeError, AssertionError) as error:
        raise InputError(
            f"{folder}: plans.json or dataset.json is not what nnU-Net writes ({_said(error)}); copy both again "
            "from where the network was trained"
        ) from error


def previous_stage(plans: dict[str, Any], name: str, folder: Path) -> str | None:
    """Return the configuration whose masks another one reads too; None where it reads images alone."""
    with _misfits_told(folder):
        found: str | None = PlansManager(plans).get_configuration(name).previous_stage_name
    return found


def plan_of(
    plans: dict[str, Any],
    dataset: dict[str, Any],
    name: str,
    mirror: tuple[int, ...],
    folder: Path,
    previous: NnunetPlan | None = None,
) -> NnunetPlan:
    """Return what prediction needs of nnU-Net's plans; `previous` is that of a cascade's first stage."""
    with _misfits_told(folder):
        manager = PlansManager(plans)
        configuration = manager.get_configuration(name)
        settings = configuration.configuration
        _check_supported(manager.plans, settings, folder)
        labels = manager.get_label_manager(dataset)
        numbered = {title: value for title, value in dataset["labels"].items() if title not in ("background", "ignore")}
        if labels.has_regions:
            named = dict(zip(numbered, (int(number) for number in labels.regions_class_order), strict=True))
        else:
            numbers = {title: int(np.ravel(value)[0]) for title, value in numbered.items()}  # 1, "1" or [1]
            named = dict(sorted(numbers.items(), key=lambda item: item[1]))
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
            pixels=manager.plans["image_reader_writer"] == _PICTURES,
            flat=is_flat(manager.plans.get("original_median_spacing_after_transp", (1, 1, 1))),
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
            previous=previous,
            masks=tuple(int(number) for number in labels.foreground_labels) if previous else (),
            of_masks=_resampling(settings["resampling_fn_seg_kwargs"]) if previous else None,
        )


def _check_supported(plans: dict[str, Any], settings: dict[str, Any], folder: Path) -> None:
    """Refuse what nnU-Net can do and this cannot."""
    for found, known in _told_and_known(plans, settings):
        raise InputError(
            f"{folder}: {found}; radfuse knows {known}. Predict with nnU-Net itself and bring its masks (backend: "
            "manual), or plan and train by what is known"
        )


def _told_and_known(plans: dict[str, Any], settings: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what is not known here of a network's plans, and what is."""
    reader, preprocessor = plans["image_reader_writer"], settings["preprocessor_name"]
    if reader not in _READERS:
        yield f"the network reads images by {reader}", listed(_READERS)
    if preprocessor != "DefaultPreprocessor":
        yield f"the network's images are made by {preprocessor}", "DefaultPreprocessor"
    for scheme in settings["normalization_schemes"]:
        if scheme not in get_args(Scheme):
            yield f"channels are normalised by {scheme}", listed(get_args(Scheme))
    of_masks = ["resampling_fn_seg"] if settings.get("previous_stage") else []
    for name in ("resampling_fn_data", "resampling_fn_probabilities", *of_masks):
        if settings[name] != _RESAMPLES:
            yield f"{name} is {settings[name]}", _RESAMPLES
        how = {"separate_z_anisotropy_threshold": 3, **settings[f"{name}_kwargs"]}
        smooth = name == "resampling_fn_probabilities" and how.get("order", 3) > 1
        if how.pop("separate_z_anisotropy_threshold") != 3 or smooth or set(how) - set(_RESAMPLED_BY):
            known = f"{listed(_RESAMPLED_BY)}, an anisotropy threshold of 3, and of probabilities order 0 or 1"
            yield f"{name}_kwargs are {settings[f'{name}_kwargs']}", known


def _normalisation(scheme: str, masked: bool, found: dict[str, float]) -> Normalisation:
    ct = scheme == "CTNormalization"
    keys = {"mean": "mean", "std": "std", "low": "percentile_00_5", "high": "percentile_99_5"}
    values: dict[str, Any] = {name: float(found[key]) for name, key in keys.items()} if ct else {}
    return Normalisation(scheme=scheme, masked=masked, **values)


def _resampling(settings: dict[str, Any]) -> Resampling:
    return Resampling(
        order=settings.get("order", 3),
        order_z=settings.get("order_z", 0),
        separate_z=settings.get("force_separate_z", False),
    )


def network_of(
    plans: dict[str, Any], dataset: dict[str, Any], configuration: str, trainer: str, state: dict[str, Any], path: Path
) -> torch.nn.Module:
    """Return the network of a checkpoint."""
    manager, missing = PlansManager(plans), ""
    with _in_silence():
        settings = manager.get_configuration(configuration)
        inputs = determine_num_input_channels(manager, settings, dataset)
        outputs = manager.get_label_manager(dataset).num_segmentation_heads
        builder: Any = None
        if not BY_PLANS.fullmatch(trainer):
            try:
                builder = recursive_find_trainer_class_by_name(trainer)
            except _NOT_HERE:  # somebody's own, which need not change the network
                missing = f"by {trainer}, which is not installed here (nnUNet_extTrainer), or "
        network = _built(builder, (manager, settings), (inputs, outputs), path)
    try:
        network.load_state_dict(
            {str(key).removeprefix("module.").removeprefix("_orig_mod."): value for key, value in state.items()}
        )
    except RuntimeError as error:
        raise InputError(
            f"{path} does not fit the network of its plans.json; was it trained {missing}with other plans or labels? "
            "Copy the whole folder of results again"
        ) from error
    found: torch.nn.Module = network.float().eval()
    if not all(bool(weights.isfinite().all()) for weights in found.parameters()):
        raise InputError(f"{path} holds weights that are no numbers: its training went astray; give another checkpoint")
    return found


def _built(builder: Any, managers: tuple[PlansManager, Any], channels: tuple[int, int], path: Path) -> torch.nn.Module:
    """Return the network of the plans, or that a trainer builds, as nnU-Net asks it; older ones are asked otherwise."""
    settings = managers[1]
    names = ("class_name", "init_kwargs", "init_kwargs_req_import")
    with _misfits_told(path.parent.parent):
        by_plans = tuple(getattr(settings, f"network_arch_{name}") for name in names)
    try:
        if builder is None:
            return get_network_from_plans(*by_plans, *channels, deep_supervision=False)
        build = builder.build_network_architecture
        of_plans = managers if "plans_manager" in inspect.signature(build).parameters else by_plans
        found: torch.nn.Module = build(*of_plans, *channels, enable_deep_supervision=False)
    except Exception as error:  # somebody's own trainer or network may raise anything
        raise InputError(
            f"{path}: {builder.__name__ if builder else 'nnU-Net'} cannot build the network "
            f"{settings.network_arch_class_name} here ({_said(error)}); install what it is from, or copy plans.json "
            "again"
        ) from error
    return found
