"""The plan of a U-Net: from the headers of the images it will learn from, or a person's own; fitted to each fold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from radfuse.config import build, read_yaml
from radfuse.errors import InputError
from radfuse.seg.plan import Axis, Foreground, Intensities, SegPlan, levels
from radfuse.seg.predict import OnnxSegmenter
from radfuse.seg.prepared import TARGET, labels_of, require_labels
from radfuse.seg.preprocess import usual_parts
from radfuse.seg.unet.memory import patch_and_batch, shrunk
from radfuse.volume.grid import Grid, orientation_of, oriented

if TYPE_CHECKING:
    from radfuse.seg.unet.backend import UnetSegmentation

_SAMPLE = 20_000
"""Voxels a case that its foreground is measured by."""


def make_plan(config: UnetSegmentation, grids: Sequence[Grid]) -> SegPlan:
    """Choose orientation, spacing and patch from the training images' headers: those of most of them.

    The patch has the shape of the median image, shrunk along its longest side until it holds at most
    `config.patch_voxels`, or fits into the memory of `config.budget`; each side is a multiple of the network's total
    stride.

    Args:
        config: settings; a spacing there is taken as it is.
        grids: of the training images.
    """
    orientation = Counter(orientation_of(grid) for grid in grids).most_common(1)[0][0]
    grids = [oriented(grid, orientation) for grid in grids]
    spacings = np.array([grid.spacing_zyx_mm for grid in grids])
    spacing = np.array(config.spacing_zyx_mm) if config.spacing_zyx_mm else np.median(spacings, axis=0)
    extents = np.median(np.array([grid.shape for grid in grids]) * spacings / spacing, axis=0)
    slices = config.dimensions != "3d"
    if slices:
        extents[0] = 1
    z, y, x = (float(value) for value in spacing)
    plan = SegPlan(
        labels=config.labels,
        spacing_zyx_mm=(z, y, x),
        patch_zyx=(1, 1, 1),
        channels=config.channels,
        overlap=config.overlap,
        position=config.position,
        images=max(len(config.sequences), 1),
        orientation=orientation,
        intensities=_intensities(config),
        mirror_axes=_mirrored(config),
        slices=slices,
        neighbours=config.neighbours if config.dimensions == "2.5d" else 0,
        encoder=config.encoder,
    )
    strides = [stride for stride, _ in levels(spacing.tolist(), len(config.channels), slices)]
    multiple = np.prod(strides, axis=0)
    whole = np.maximum(np.ceil(extents / multiple), 1).astype(int) * multiple
    if config.budget is not None and config.budget.memory_gib is not None:
        return patch_and_batch(plan, whole, multiple, config.budget.memory_gib)
    return plan.model_copy(update={"patch_zyx": shrunk(whole, multiple, config.patch_voxels)})


def given_plan(config: UnetSegmentation, path: Path) -> SegPlan:
    """Return a plan that a person edited, or that of an exported network.

    Raises:
        InputError: it is none, or not one of these labels and images; says what to correct.
    """
    if path.suffix == ".onnx":
        learned = {"foreground": (), "parts": ()}  # from the cases of that network
        stored = OnnxSegmenter(path).plan
        if not isinstance(stored, SegPlan):
            raise InputError(
                f"{path} is an nnU-Net, whose plan is not one of backend unet; give one of radfuse's U-Nets"
            )
        plan = stored.model_copy(update=learned)
    else:
        plan = build(SegPlan, read_yaml(path), str(path))  # JSON is YAML
    images = max(len(config.sequences), 1)
    if plan.labels != config.labels:
        raise InputError(f"{path}: its labels are {plan.labels}, those of the study {config.labels}; make them one")
    if plan.images != images:
        raise InputError(f"{path}: it reads {plan.images} images, the study gives {images}; correct `images`")
    multiples = np.prod(plan.strides, axis=0)
    for axis, size, multiple in zip("zyx", plan.patch_zyx, multiples, strict=True):
        if size % multiple or size < 1:
            fits = max(round(size / multiple), 1) * multiple
            raise InputError(f"{path}: patch_zyx is {size} along {axis}, no multiple of {multiple}; {fits} would fit")
    if (multiples == plan.patch_zyx).all():
        x = plan.patch_zyx[2]
        raise InputError(f"{path}: patch_zyx is one voxel on the coarsest level; make it {2 * x} along x, not {x}")
    if plan.slices and plan.patch_zyx[0] != 1:
        raise InputError(f"{path}: patch_zyx is {plan.patch_zyx[0]} along z for a network of slices; make it 1")
    return plan


def unheeded(config: UnetSegmentation) -> list[str]:
    """Return which settings are not heeded beside others, in words."""
    found, stated = [], config.not_default()
    if "neighbours" in stated and config.dimensions != "2.5d":
        found.append(f"neighbours says something of dimensions: 2.5d, and these are {config.dimensions}; remove it")
    chosen = {"minutes": ("steps",), "memory_gib": ("patch_voxels", "batch")}
    for what, names in chosen.items() if config.budget is not None else ():
        told = [name for name in names if name in stated]
        if told and getattr(config.budget, what) is not None:
            found.append(f"budget.{what} chooses {' and '.join(told)}: what stands there is not heeded; remove it")
    if config.plan_file is not None and (others := overruled(config, given_plan(config, config.plan_file))):
        found.append(
            f"plan_file {config.plan_file.name} is followed where settings say otherwise: {'; '.join(others)}. Change "
            "the plan, or remove these settings"
        )
    return found


def overruled(config: UnetSegmentation, plan: SegPlan) -> list[str]:
    """Return which settings that a study states are not what a given plan says, in words."""
    both: dict[str, tuple[object, object]] = {
        "dimensions": (config.dimensions, ("2.5d" if plan.neighbours else "2d") if plan.slices else "3d"),
        "mirror_prediction": (sorted(_mirrored(config)), sorted(plan.mirror_axes)),
        "intensities": (_intensities(config), tuple(map(plan.intensities_of, range(plan.images)))),
    }
    if plan.neighbours and config.dimensions == "2.5d":
        both["neighbours"] = (config.neighbours, plan.neighbours)
    if plan.batch is not None:
        both["batch"] = (config.batch, plan.batch)
    same = ("spacing_zyx_mm", "position", "channels", "encoder", "overlap")
    both |= {name: (getattr(config, name), getattr(plan, name)) for name in same}
    stated = config.not_default()
    found = [f"{name} {there}, not {here}" for name, (here, there) in both.items() if name in stated and here != there]
    voxels = int(np.prod(plan.patch_zyx))
    if "patch_voxels" in stated and voxels > config.patch_voxels:
        found.append(f"patches of {voxels} voxels, not of {config.patch_voxels} at most")
    if config.budget is not None and config.budget.memory_gib is not None:
        found.append("its own patch, and none by budget.memory_gib")
    return found


def fitted_plan(plan: SegPlan, config: UnetSegmentation, cases: Sequence[Path]) -> SegPlan:
    """Return the plan of one network: with what is learned from its own training cases.

    Args:
        plan: what all networks of the study share.
        config: of the training.
        cases: folders with image.npy and target.npy.

    Raises:
        InputError: a label is in none of the masks.
    """
    targets = [np.load(case / TARGET, mmap_mode="r") for case in cases]
    require_labels(plan.labels, labels_of(cases))
    parts = usual_parts(targets, plan.classes) if config.largest_parts else ()
    return plan.model_copy(update={"parts": parts, "foreground": _foreground(plan, cases)})


def _foreground(plan: SegPlan, cases: Sequence[Path]) -> tuple[Foreground | None, ...]:
    """Return of each image what is inside the masks, where it is standardised by that."""
    if "ct" not in plan.intensities:
        return ()
    inside: list[list[np.ndarray]] = [[] for _ in range(plan.images)]
    generator = np.random.default_rng(0)
    for case in cases:
        image, target = (np.load(case / f"{name}.npy", mmap_mode="r") for name in ("image", "target"))
        places = np.flatnonzero(target)
        places = generator.permutation(places)[:_SAMPLE]
        for channel, values in zip(image, inside, strict=True):
            values.append(np.asarray(channel).ravel()[places])
    return tuple(
        _foreground_of(np.concatenate(values)) if plan.intensities_of(number) == "ct" else None
        for number, values in enumerate(inside)
    )


def _foreground_of(values: np.ndarray) -> Foreground:
    """Return what `by_foreground` needs, from values inside the training masks.

    Source:
        As nnU-Net does for CT: Isensee et al. 2021, doi:10.1038/s41592-020-01008-z.
    """
    low, high = np.percentile(values, (0.5, 99.5))
    inside = np.clip(values, low, high)
    deviation = max(float(inside.std()), 1e-6)
    return Foreground(low=float(low), high=float(high), mean=float(inside.mean()), deviation=deviation)


def _intensities(config: UnetSegmentation) -> tuple[Intensities, ...]:
    if not config.intensities:
        return ()
    if not config.sequences:
        return tuple(config.intensities.values())
    return tuple(config.intensities.get(name, "body") for name in config.sequences)


def _mirrored(config: UnetSegmentation) -> tuple[Axis, ...]:
    """Return the axes that prediction mirrors: of slices not their order."""
    if not config.mirror_prediction:
        return ()
    return tuple(axis for axis in config.mirror_axes if axis != "z" or config.dimensions == "3d")
