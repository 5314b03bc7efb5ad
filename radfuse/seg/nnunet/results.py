"""Folders of nnU-Net's results: what is there, checked and opened."""

from __future__ import annotations

import json
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from radfuse.errors import InputError, listed
from radfuse.seg.nnunet.plan import NnunetPlan

_CHECKPOINTS = ("checkpoint_final.pth", "checkpoint_best.pth")


@dataclass(frozen=True)
class Trained:
    """What nnU-Net left.

    Attributes:
        plan: what prediction needs.
        networks: one a fold, in evaluation mode, on the CPU.
        checkpoints: their files.
        previous: of a cascade, its first stage.
    """

    plan: NnunetPlan
    networks: tuple[torch.nn.Module, ...]
    checkpoints: tuple[Path, ...]
    previous: Trained | None = None


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

    A cascade's first stage lies beside it; its networks are those of the same folds.

    Args:
        path: TRAINER__PLANS__CONFIGURATION, or the folder of a data set that holds such.
        configuration: 2d, 3d_fullres, ...; needed where a data set has several.
        folds: whose networks answer together; none: all whose training has ended, as nnU-Net does, or where none has
            all that have a best checkpoint.
        checkpoint: name of the file; None: the final one, or where training has not ended the best.
        mirror: prediction sees patches mirrored too where the training did, as nnU-Net does.
        trust: let checkpoints run code, where they are no plain tensors.

    Raises:
        InputError: no such folder, several configurations, a file that is missing or cannot be used, a network that
            reads what is no medical image, or a cascade without its first stage.
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
    from radfuse.seg.nnunet.upstream import network_of, plan_of, previous_stage  # now: it imports for seconds

    stage, previous = previous_stage(plans, name, folder), None
    if stage is not None:
        beside = _beside(folder, stage)
        previous = open_results(beside, None, folds, checkpoint, mirror=mirror, trust=trust)
    axes = tuple(int(axis) for axis in axes) if mirror else ()
    plan = plan_of(plans, dataset, name, axes, folder, previous.plan if previous else None)
    networks = tuple(
        network_of(plans, dataset, name, trainer, state, file) for state, file in zip(weights, files, strict=True)
    )
    return Trained(plan, networks, files, previous)


def _model_folder(path: Path, configuration: str | None) -> Path:
    """Return the folder of one configuration."""
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
            raise InputError(f"{path} holds no {configuration!r}, only {listed(names)}; give one of these, or train it")
    if len(found) > 1:
        raise InputError(f"{path} holds several results: {listed([each.name for each in found])}; give one of them")
    return found[0]


def _beside(folder: Path, stage: str) -> Path:
    """Return the folder of a cascade's first stage."""
    found = folder.with_name(f"{folder.name.rpartition('__')[0]}__{stage}")
    if not (found / "plans.json").is_file():
        raise InputError(
            f"{folder} is a cascade, which reads the masks of {stage} too; copy that folder of results beside it, as "
            f"{found.name}"
        )
    return found


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
    each = ([fold for fold in there if fold != "all" and _first(folder, fold, (one,))] for one in names)
    trained = next(filter(None, each), ["all"] if "all" in there else there)
    wanted = list(folds) or trained
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


def _loaded(path: Path, *, trust: bool) -> dict[str, Any]:
    """Return a checkpoint, by tensors and plain values alone unless it is trusted."""
    plain: list[Any] = [
        np.dtype,
        *(type(np.dtype(kind)) for kind in ("f2", "f4", "f8", "i4", "i8", "bool")),
        torch.device,
    ]
    scalar: Any = np.float64(0).__reduce__()[0]  # makes numpy's scalars; numpy 2 moved it
    plain += [(scalar, f"numpy.{place}.multiarray.scalar") for place in ("core", "_core")]
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


def first_layer(network: torch.nn.Module) -> torch.nn.Module:
    """Return the layer that sees an image first, at full resolution; the whole network where that is no U-Net."""
    stages = getattr(getattr(network, "encoder", None), "stages", None)
    found: torch.nn.Module = network if stages is None else stages[0]
    return found
