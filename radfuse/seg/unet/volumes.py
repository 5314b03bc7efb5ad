"""What a trained network says of each label, shifted so that volumes are those of the manual masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import ndimage

from radfuse.seg.plan import SegPlan
from radfuse.seg.prepared import TARGET
from radfuse.seg.preprocess import by_foreground, with_neighbours
from radfuse.seg.window import AveragesOf, Runner, sliding_window

_CASES = 16
"""Training cases that volumes are compared on, at most."""
_MOST = 2.0
"""Largest shift of a logit."""
_ROUNDS, _HALVINGS = 6, 14
_AROUND = 3
"""Voxels around a manual mask within which its label counts: parts elsewhere are dropped after segmentation."""


@dataclass(frozen=True)
class _Near:
    """Voxels whose label a shift may change.

    Attributes:
        scores: log probabilities, float32, shape (voxel, class).
        around: whether they lie around the manual mask of a class, shape (voxel, class).
        settled: voxels of each class that no shift changes, around its mask, shape (class,).
        wanted: voxels of each class in the manual mask, shape (class,).
    """

    scores: np.ndarray
    around: np.ndarray
    settled: np.ndarray
    wanted: np.ndarray


def even_volumes(
    network: torch.nn.Module,
    run: Runner,
    plan: SegPlan,
    cases: Sequence[Path],
    averages: AveragesOf | None = None,
) -> np.ndarray:
    """Shift the logits of a network of `make_network`; see `shifts_of`. Return by how much, shape (class,)."""
    shifts = shifts_of(run, plan, cases, averages)
    head: Any = network
    with torch.no_grad():
        bias = head.output_block.conv.conv.bias
        bias += torch.from_numpy(shifts).to(bias)
    return shifts


def shifts_of(run: Runner, plan: SegPlan, cases: Sequence[Path], averages: AveragesOf | None = None) -> np.ndarray:
    """Return what to add to each class's logit so that its volume over cases is that of the manual masks.

    Overlap losses are smallest where thin labels are drawn too large: what is uncertain is rather taken than left.

    Args:
        run: the network.
        plan: its plan.
        cases: folders with image.npy and target.npy; some of them, evenly taken, where there are many. One whose mask
            holds no voxel of a label does not count for it.
        averages: adds up what it says, as `sliding_window` has it.

    Returns:
        float64, shape (class,); 0 of the background, and at most 2 in size.
    """
    taken = [cases[place] for place in np.unique(np.linspace(0, len(cases) - 1, _CASES).round().astype(int))]
    near = [_near(run, plan, case, averages) for case in taken]
    shifts = np.zeros(plan.classes)
    known = [label for label in range(1, plan.classes) if any(one.wanted[label] for one in near)]
    for _ in range(_ROUNDS):
        for label in known:
            low, high = -_MOST, _MOST
            for _ in range(_HALVINGS):
                shifts[label] = (low + high) / 2
                more = sum(_volume(one, shifts, label) - one.wanted[label] for one in near)
                if not more:
                    break
                low, high = (low, shifts[label]) if more > 0 else (shifts[label], high)
    return shifts


def _near(run: Runner, plan: SegPlan, case: Path, averages: AveragesOf | None) -> _Near:
    image, target = np.load(case / "image.npy"), np.load(case / TARGET)
    image = with_neighbours(by_foreground(image, plan), plan.neighbours)
    around = np.array([ndimage.binary_dilation(target == label, iterations=_AROUND) for label in range(plan.classes)])
    scores, near, settled = [], [], np.zeros(plan.classes)
    window = replace(plan.window, mirror_axes=(), averages="probabilities")
    for slices, said in sliding_window(image, window, plan.classes, run, averages=averages):
        found = np.log(np.maximum(np.asarray(said), 1e-12)).reshape(plan.classes, -1)
        first, second = -np.partition(-found, 1, axis=0)[:2]
        open_ = first - second < 2 * _MOST
        here = around[:, slices].reshape(plan.classes, -1)
        labels = found[:, ~open_].argmax(axis=0)
        settled += np.bincount(labels[here[:, ~open_][labels, np.arange(len(labels))]], minlength=plan.classes)
        scores.append(found[:, open_].T.astype(np.float32))
        near.append(here[:, open_].T)
    wanted = np.bincount(target.reshape(-1), minlength=plan.classes)[: plan.classes]
    return _Near(np.concatenate(scores), np.concatenate(near), settled, wanted)


def _volume(near: _Near, shifts: np.ndarray, label: int) -> float:
    """Return how many voxels have a label after shifts."""
    chosen = (near.scores + shifts.astype(np.float32)).argmax(axis=1) == label
    return float(near.settled[label] + (chosen & near.around[:, label]).sum())
