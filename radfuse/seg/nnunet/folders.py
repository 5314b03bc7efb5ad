"""Folders of nnU-Net's results: which configuration and which checkpoints are meant, before anything is opened."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from radfuse.errors import InputError, listed

_CHECKPOINTS = ("checkpoint_final.pth", "checkpoint_best.pth")
BY_PLANS = re.compile(r"nnUNetTrainer(_\d+epochs?)?")
"""Trainers whose networks are as the plans say."""
UNETS = "dynamic_network_architectures.architectures.unet."
"""Begins the names of nnU-Net's own networks."""


def require_nnunet() -> None:
    """Raise `InputError` where nnU-Net is not installed, which opens its own results."""
    if find_spec("nnunetv2") is None:
        raise InputError('nnU-Net\'s networks need nnU-Net; install it with: pip install "radfuse[train]"')


def model_folder(path: Path, configuration: str | None) -> Path:
    """Return the folder of one configuration.

    Args:
        path: TRAINER__PLANS__CONFIGURATION, or the folder of a data set that holds such.
        configuration: 2d, 3d_fullres, ...; needed where a data set has several.

    Raises:
        InputError: no such folder, several configurations, or what is no folder of nnU-Net's results.
    """
    above = next((each for each in path.resolve().parents[:2] if (each / "plans.json").is_file()), None)
    if above is not None and not (path / "plans.json").is_file():
        raise InputError(f"{path} is a part of nnU-Net's results; give their folder, {above}; --fold names one of them")
    if not path.is_dir():
        unpack = "unpack it, and " if path.suffix == ".zip" and path.is_file() else ""
        raise InputError(f"{path} is no folder; {unpack}give nnU-Net's results, a folder TRAINER__PLANS__CONFIGURATION")
    if (path / "plans.json").is_file():
        if configuration is not None and not path.name.endswith(f"__{configuration}"):
            raise InputError(f"{path} holds {path.name.rpartition('__')[2]}, not configuration {configuration!r}")
        return path
    found = sorted(each for each in path.iterdir() if (each / "plans.json").is_file())
    if not found:
        if any(path.glob("plans.pkl")) or any(path.glob("*/plans.pkl")):
            raise InputError(
                f"{path} holds results of nnU-Net's first version (plans.pkl), whose networks are others; train with "
                "nnU-Net v2, which writes plans.json"
            )
        inside = sorted({each.parent.parent.name for each in path.glob("*/*/plans.json")})
        hint = f"; give one of its data sets: {listed(inside)}" if inside else ""
        raise InputError(
            f"{path} holds no results of nnU-Net: neither plans.json nor folders TRAINER__PLANS__CONFIGURATION with one"
            f"{hint}"
        )
    names = [each.name.rpartition("__")[2] for each in found]
    if configuration is not None:
        found = [each for each, name in zip(found, names, strict=True) if name == configuration]
        if not found:
            raise InputError(
                f"{path} holds no {configuration!r}, only {listed(sorted(set(names)))}; give one of these, or train it"
            )
    if len(found) > 1:
        raise InputError(f"{path} holds several results: {listed([each.name for each in found])}; give one of them")
    return found[0]


def beside(folder: Path, stage: str) -> Path:
    """Return the folder of a cascade's first stage; raises `InputError` where it is not there, or no other one."""
    found = folder.with_name(f"{folder.name.rpartition('__')[0]}__{stage}")
    if found == folder:
        raise InputError(
            f'{folder}: by plans.json it reads its own masks; mend "previous_stage" there, which names the first '
            "network of a cascade"
        )
    if not (found / "plans.json").is_file():
        raise InputError(
            f"{folder} is a cascade, which reads the masks of {stage} too; copy that folder of results beside it, as "
            f"{found.name}"
        )
    return found


def check_plans(folder: Path, folds: Sequence[str], checkpoint: str | None) -> None:
    """Look for the checkpoints of a configuration and, of a cascade, of its first stage, and at the patches.

    Raises:
        InputError: some are not there, or the network cannot take its patch.
    """
    checkpoints(folder, folds, checkpoint)
    trainer, name = folder.name.partition("__")[0], folder.name.rpartition("__")[2]
    settings: dict[str, Any] = {}
    try:
        every = read_json(folder / "plans.json")["configurations"]
        for _ in every:  # a chain that goes in a circle ends, too
            if name is not None:
                settings, name = {**every[name], **settings}, every[name].get("inherits_from")
        network = settings["architecture"]
        ours = network["network_class_name"].startswith(UNETS) and BY_PLANS.fullmatch(trainer)
        strides = network["arch_kwargs"]["strides"] if ours else ()
    except (KeyError, TypeError, AttributeError):
        strides = ()  # older plans, or none of nnU-Net's; told where they are opened
    check_patch(settings.get("patch_size", ()), strides, folder)
    if stage := settings.get("previous_stage"):
        check_plans(beside(folder, stage), folds, checkpoint)


def check_patch(patch: Sequence[int], strides: Sequence[Sequence[int]], folder: Path) -> None:
    """Raise `InputError` where a U-Net's strides do not divide its patch: what it halves it would not double back."""
    try:
        by = [math.prod(each) for each in zip(*strides, strict=True)]
        fits = [max(math.ceil(size / part), 1) * part for size, part in zip(patch, by, strict=True)] if by else patch
    except (TypeError, ValueError, ZeroDivisionError) as error:
        raise InputError(
            f"{folder}: a patch of {patch} and strides of {strides} are nothing that nnU-Net plans; copy plans.json "
            "again from where the network was trained"
        ) from error
    if list(fits) != list(patch):
        raise InputError(
            f"{folder}: a patch of {' x '.join(map(str, patch))} voxels cannot be divided by the network's strides, in "
            f'all {" x ".join(map(str, by))}; with "patch_size": {fits} in plans.json it runs'
        )


def read_json(path: Path) -> dict[str, Any]:
    """Return a JSON file of nnU-Net's; raises `InputError` where it is none."""
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


def checkpoints(folder: Path, folds: Sequence[str], name: str | None) -> tuple[Path, ...]:
    """Return a checkpoint of each fold.

    Args:
        folder: of one configuration.
        folds: whose; none: all whose training has ended, or where none has all that have a best checkpoint.
        name: of the file; None: the final one, else the best.

    Raises:
        InputError: a fold has none.
    """
    there = sorted(each.name.removeprefix("fold_") for each in folder.glob("fold_*") if each.is_dir())
    names = (name,) if name is not None else _CHECKPOINTS
    each = ([fold for fold in there if fold != "all" and _first(folder, fold, (one,))] for one in names)
    trained = next(filter(None, each), ["all"] if "all" in there else there)
    wanted = list(dict.fromkeys(folds)) or trained
    found = [_first(folder, fold, names) for fold in wanted]
    lacking = [fold for fold, file in zip(wanted, found, strict=True) if file is None]
    if lacking or not found:
        which = f"fold {listed(lacking)}" if lacking else "what is there"
        raise InputError(
            f"{folder}: {which} has no {' nor '.join(names)}; folds there: {listed(there)}. Copy the checkpoints too, "
            "or name folds that have them"
        )
    return tuple(file for file in found if file is not None)


def _first(folder: Path, fold: str, names: Sequence[str]) -> Path | None:
    return next((file for name in names if (file := folder / f"fold_{fold}" / name).is_file()), None)
