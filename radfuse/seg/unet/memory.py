"""How much memory a training step takes, and the patch and batch that a budget allows."""

from __future__ import annotations

import numpy as np

from radfuse.errors import InputError
from radfuse.seg.plan import SegPlan

_BASE = 1.0 * 2**30
"""Bytes that torch and what else is imported take, whatever the patch: measured."""
_TENSORS = 22
"""Tensors kept for the backward pass, and made in it, of each voxel and channel of a level: measured in float32;
bfloat16 takes 14."""
_BYTES = 4
_LARGEST_BATCH = 16


def step_bytes(plan: SegPlan, voxels: float, batch: int) -> float:
    """Return an estimate of the bytes a training step takes, float32.

    Args:
        plan: its levels.
        voxels: of a patch.
        batch: patches a step.
    """
    shares = 1 / np.cumprod([np.prod(stride) for stride in plan.strides])
    a_voxel = float(np.sum(shares * plan.channels)) + plan.classes
    return _BASE + batch * voxels * a_voxel * _TENSORS * _BYTES


def shrunk(patch: np.ndarray, multiple: np.ndarray, voxels: float) -> tuple[int, int, int]:
    """Return a patch made smaller along its longest side until it holds at most `voxels`, or can become no smaller.

    Two voxels are left on the coarsest level: of one there is no deviation, which layers are standardised by.
    """
    patch = patch.copy()
    if (patch == multiple).all():
        patch[-1] *= 2
    while np.prod(patch) > voxels and np.prod(patch // multiple) > 2:
        axis = int(np.argmax(np.where(patch > multiple, patch, 0)))
        patch[axis] -= multiple[axis]
    z, y, x = (int(size) for size in patch)
    return z, y, x


def patch_and_batch(plan: SegPlan, whole: np.ndarray, multiple: np.ndarray, memory_gib: float) -> SegPlan:
    """Return the plan with the largest patch that fits twice, up to the median image, and as many as fit of it.

    Args:
        plan: its levels.
        whole: voxels (z, y, x) of the median image, rounded up to `multiple`.
        multiple: of which each side is one.
        memory_gib: of the machine.

    Raises:
        InputError: not even the smallest patch fits.
    """
    room = memory_gib * 2**30
    voxels = (room - _BASE) / (step_bytes(plan, 1, 2) - _BASE)
    patch = shrunk(whole, multiple, voxels)
    held = float(np.prod(patch))
    if step_bytes(plan, held, 1) > room:
        least = step_bytes(plan, held, 1) / 2**30
        raise InputError(
            f"segmentation.budget.memory_gib is {memory_gib:g}, and training takes {least:.1f} GiB at least; raise it, "
            "or lower channels"
        )
    batch = int((room - _BASE) / (step_bytes(plan, held, 1) - _BASE))
    return plan.model_copy(update={"patch_zyx": patch, "batch": min(max(batch, 1), _LARGEST_BATCH)})
