"""Folders of nnU-Net's results, opened."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from radfuse.errors import InputError
from radfuse.seg.nnunet.folders import UNETS, beside, check_patch, checkpoints, model_folder, read_json
from radfuse.seg.nnunet.plan import NnunetPlan


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
            reads what is no medical image or cannot take its patch, or a cascade without its first stage.
    """
    folder = model_folder(path, configuration)
    plans, dataset = read_json(folder / "plans.json"), read_json(folder / "dataset.json")
    files = checkpoints(folder, folds, checkpoint)
    loaded = [_loaded(file, trust=trust) for file in files]
    try:
        name = loaded[0]["init_args"]["configuration"]
        weights = [each["network_weights"] for each in loaded]
        axes = loaded[0].get("inference_allowed_mirroring_axes") or ()
        trainer = str(loaded[0]["trainer_name"])
    except (KeyError, TypeError) as error:
        raise InputError(f"{files[0]} is no checkpoint of nnU-Net's: it holds no {error}") from error
    for state, file in zip(weights, files, strict=True):
        if not isinstance(state, dict):
            raise InputError(f"{file} is no checkpoint of nnU-Net's: its network_weights are no weights by their names")
    try:
        axes = tuple(map(int, axes)) if mirror else ()
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{files[0]} is no checkpoint of nnU-Net's: it mirrors along {axes!r}; copy it again"
        ) from error
    from radfuse.seg.nnunet.upstream import network_of, plan_of, previous_stage  # now: it imports for seconds

    stage, previous = previous_stage(plans, name, folder), None
    if stage is not None:
        first = beside(folder, stage)
        previous = open_results(first, None, folds, checkpoint, mirror=mirror, trust=trust)
    plan = plan_of(plans, dataset, name, axes, folder, previous.plan if previous else None)
    networks = tuple(
        network_of(plans, dataset, name, trainer, state, file) for state, file in zip(weights, files, strict=True)
    )
    if type(networks[0]).__module__.startswith(UNETS.removesuffix(".")):
        check_patch(plan.patch, networks[0].encoder.strides, folder)  # type: ignore[union-attr, arg-type]
    return Trained(plan, networks, files, previous)


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
    except Exception as error:  # what is no pickle is read as if it were: any error may come of it
        raise InputError(f"{path} is no checkpoint that torch opens, or is damaged; copy it again") from error
    if not isinstance(found, dict):
        raise InputError(f"{path} is no checkpoint of nnU-Net's")
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as file:
            if file.testzip() is not None:  # torch takes weights of a wrong checksum, and masks would be wrong
                raise InputError(
                    f"{path} was damaged when it was copied, as its checksums are wrong: copy it again; or it was "
                    "saved without them (torch.serialization.set_crc32_options(False)): save it once more with them"
                )
    return found


def first_layer(network: torch.nn.Module) -> torch.nn.Module:
    """Return the layer that sees an image first, at full resolution; the whole network where that is no U-Net."""
    stages = getattr(getattr(network, "encoder", None), "stages", None)
    found: torch.nn.Module = network if stages is None else stages[0]
    return found
