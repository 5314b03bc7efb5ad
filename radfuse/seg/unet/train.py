"""Training one network: a job with a work folder of its own, resumable from it."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from lightning.pytorch.callbacks import Callback

from radfuse.errors import InputError
from radfuse.seg.memory import ran_out
from radfuse.seg.plan import SegPlan
from radfuse.seg.prepared import labels_of
from radfuse.seg.runtimes.device import DeviceAverages
from radfuse.seg.unet.checks import answers_of, hold_back
from radfuse.seg.unet.fit import Training, device_of, drawn_ahead, fit
from radfuse.seg.unet.together import train_together
from radfuse.seg.unet.volumes import even_volumes

if TYPE_CHECKING:
    from radfuse.seg.backend import Watch
    from radfuse.seg.unet.backend import UnetSegmentation

_WARMING, _MEASURED, _BESIDE = 3, 5, 32
"""First steps, which do not count, and how many a time budget is measured by, without and with processes that draw
patches: there the patches drawn ahead, while the network was built, do not count either."""
_SETTLED = "settled.json"
"""Batch and steps, where this training settled on others than were set."""
_SHIFTS = "volumes.json"
"""By how much each label's logit was shifted."""


def train(
    cases: Sequence[Path],
    plan: SegPlan,
    config: UnetSegmentation,
    work: Path,
    seed: int,
    progress: Callable[[int, int], None] = lambda *_: None,
    watch: Watch | None = None,
) -> torch.nn.Module:
    """Train a network, going on from the work folder's last checkpoint.

    Args:
        cases: folders with image.npy and target.npy.
        plan: of the network.
        config: of the training.
        work: a private folder; delete it to start over.
        seed: of weights and patches.
        progress: told of steps done and of all.
        watch: whose the cases are, and somebody to tell how it goes; None: a patient each, and nobody.

    Returns:
        The trained network, on the CPU, in evaluation mode.

    Raises:
        InputError: a device, precision or logger is not here; memory does not suffice.
    """
    work.mkdir(parents=True, exist_ok=True)
    config.check_training()
    device = device_of(config)
    patients = watch.patients if watch is not None else [str(case) for case in cases]
    labels = labels_of(cases) if config.validation else []
    learned, held = hold_back(cases, patients, config.validation, seed, labels)
    say = watch.say if watch is not None else lambda _: None
    whole = Training(
        learned, held, plan, config, work, seed, plan.batch or config.batch, config.accumulate, config.steps
    )
    whole = replace(whole, progress=progress, say=say)
    if settled := _settled_before(work / _SETTLED):
        whole = replace(whole, **settled)
    else:
        minutes = config.budget.minutes if config.budget is not None else None
        if minutes is not None:
            whole = _with_room(whole, lambda training: replace(training, steps=_steps_in(training, minutes)))
    network = _with_room(whole, _settled)
    if config.even_volumes:
        say("volumes are compared")
        _even(network, whole, torch.device(device))
    return network


def _even(network: torch.nn.Module, training: Training, device: torch.device) -> None:
    """Shift what a network says of each label, so that volumes are those of the cases it learned from."""
    averages = partial(DeviceAverages, device) if device.type == "cuda" else None
    run = answers_of(network.to(device), training.plan, device)
    shifts = even_volumes(network, run, training.plan, training.cases, averages)
    network.cpu()
    said = dict(zip(training.plan.labels, map(float, shifts[1:].round(4)), strict=True))
    (training.work / _SHIFTS).write_text(json.dumps(said, indent=1))


def _with_room(training: Training, do: Callable[[Training], Any]) -> Any:
    """Do a training; where memory does not suffice, once again with half the batch, and the same patches a step.

    Raises:
        InputError: it does not suffice for that, either.
    """
    try:
        return do(training)
    except (RuntimeError, MemoryError) as error:
        if not ran_out(error):
            raise
        batch = training.batch // 2 if training.batch % 2 == 0 else 1
        if training.batch == 1:
            raise _too_large(training) from error
    training.say("out of memory: half the batch")
    half = replace(training, batch=batch, accumulate=training.accumulate * (training.batch // batch))
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    try:
        return do(half)
    except (RuntimeError, MemoryError) as error:
        if not ran_out(error):
            raise
        raise _too_large(half) from error


def _settled(training: Training) -> torch.nn.Module:
    """Write down what a training that goes on must keep, and train."""
    content = {name: getattr(training, name) for name in ("batch", "accumulate", "steps")}
    (training.work / f"{_SETTLED}.part").write_text(json.dumps(content))
    (training.work / f"{_SETTLED}.part").replace(training.work / _SETTLED)
    return _trained(training)


def _settled_before(place: Path) -> dict[str, Any]:
    """Return what a training that goes on settled on; nothing where it had not, or what a full stop left is no JSON."""
    try:
        found = json.loads(place.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _too_large(training: Training) -> InputError:
    """Return what to lower: whatever patches follow from, which need not be patch_voxels."""
    z, y, x = training.plan.patch_zyx
    config = training.config
    if config.plan_file is not None:
        mend = f"Lower patch_zyx in {config.plan_file}, then its channels"
    elif config.budget is not None and config.budget.memory_gib is not None:
        mend = f"Lower segmentation.budget.memory_gib, {config.budget.memory_gib:g} now, then segmentation.channels"
    else:
        mend = (
            f"Lower segmentation.patch_voxels (a patch has {z * y * x}), then segmentation.channels; or let it be "
            "chosen: segmentation.budget: {memory_gib: 8}"
        )
    patches = "1 patch" if training.batch == 1 else f"{training.batch} patches"
    return InputError(f"training ran out of memory with {patches} of {z} x {y} x {x} a batch. {mend}")


def _steps_in(training: Training, minutes: float) -> int:
    """Return how many steps fit into what measuring a few leaves of a time; checks of held-back cases take a tenth."""
    start = time.perf_counter()
    place = training.work / "measured"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    ahead = drawn_ahead(training.config, device_of(training.config))
    warming = _WARMING + ahead
    steps = warming + (_BESIDE if ahead else _MEASURED)
    clock = _Clock(place / "seconds")
    apart = replace(training, work=place, held=(), keeps=False)  # a checkpoint would count in a few steps as in many
    _trained(replace(apart, steps=steps, beside=(clock,), progress=lambda *_: None))
    times = json.loads(clock.place.read_text())
    shutil.rmtree(place, ignore_errors=True)
    a_step = (times[-1] - times[warming - 1]) / (len(times) - warming)
    left = minutes * 60 - (time.perf_counter() - start)
    return max(int(left * (0.9 if training.held else 1.0) / a_step), 20)


class _Clock(Callback):
    """Notes when each step ended, in a file: several processes may train.

    Args:
        place: of the file.
    """

    def __init__(self, place: Path) -> None:
        self.place = place
        self._times: list[float] = []

    def on_train_batch_end(self, trainer: Any, _: Any, outputs: Any, *__: Any) -> None:
        """Note the time; a GPU answers when it is done."""
        float(outputs["loss"])
        if trainer.global_step > len(self._times):
            self._times.append(time.perf_counter())

    def on_train_end(self, trainer: Any, _: Any) -> None:
        """Write them, of the first process."""
        if trainer.is_global_zero:
            self.place.write_text(json.dumps(self._times))


def _trained(training: Training) -> torch.nn.Module:
    """Train here, or by several processes."""
    return train_together(training) if training.config.devices > 1 else fit(training)
