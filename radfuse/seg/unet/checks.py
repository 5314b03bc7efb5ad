"""What goes on beside a training: held-back cases segmented, the best weights kept, and written down how it goes."""

from __future__ import annotations

import csv
import math
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch.callbacks import Callback

from radfuse.errors import InputError
from radfuse.seg.metrics import dice
from radfuse.seg.plan import SegPlan
from radfuse.seg.prepared import TARGET
from radfuse.seg.preprocess import by_foreground, with_neighbours
from radfuse.seg.runtimes.convolutions import QuickConvolutions
from radfuse.seg.runtimes.device import DeviceAverages
from radfuse.seg.window import AveragesOf, Runner, sliding_window

LOG, BEST = "training.csv", "best.pt"
_COLUMNS = ("step", "loss", "learning_rate", "validation_dice")
_ROWS = 10
"""Rows of the table between two checks."""


def hold_back(
    cases: Sequence[Path], patients: Sequence[str], share: float, seed: int, labels: Sequence[frozenset[int]] = ()
) -> tuple[list[Path], list[Path]]:
    """Return the cases to learn from, and those of patients held back.

    Who alone has a label is learned from: a label that only patients held back have would be learned by nobody.

    Args:
        cases: prepared.
        patients: of each case.
        share: of patients to hold back; at least one where it is not 0, and one can be spared.
        seed: of the draw.
        labels: that each case holds; empty: all hold the same.

    Raises:
        InputError: nobody would be left to learn from.
    """
    if not share:
        return list(cases), []
    names = sorted(set(patients))
    if len(names) < 2:
        raise InputError(
            f"segmentation.validation holds back patients, and a network learns from {len(names)}; set it to 0"
        )
    count = min(max(round(share * len(names)), 1), len(names) - 1)
    have: dict[str, set[int]] = {name: set() for name in names}
    for who, own in zip(patients, labels, strict=False):
        have[who] |= own
    left = Counter(label for own in have.values() for label in own)
    held: set[str] = set()
    for name in (names[number] for number in np.random.default_rng(seed).permutation(len(names))):
        if len(held) < count and all(left[label] > 1 for label in have[name]):
            held.add(name)
            left.subtract(have[name])
    pairs = list(zip(cases, patients, strict=True))
    return [case for case, who in pairs if who not in held], [case for case, who in pairs if who in held]


def mean_dice(run: Runner, plan: SegPlan, cases: Sequence[Path], averages: AveragesOf | None = None) -> float:
    """Return the mean Dice over cases and the labels in them; whole images, without test-time mirroring.

    Args:
        run: the network.
        plan: its plan.
        cases: folders with image.npy and target.npy.
        averages: adds up what it says, as `sliding_window` has it.
    """
    window, found = replace(plan.window, mirror_axes=()), []
    for case in cases:
        image, target = np.load(case / "image.npy"), np.load(case / TARGET)
        image = with_neighbours(by_foreground(image, plan), plan.neighbours)
        labels = np.empty(target.shape, dtype=np.uint8)
        for slices, said in sliding_window(image, window, plan.classes, run, averages=averages):
            labels[slices] = said.argmax(axis=0) if isinstance(said, np.ndarray) else said.likeliest()
        found += [dice(target == number, labels == number) for number in np.unique(target) if number]
    return float(np.mean(found)) if found else 0.0


def answers_of(network: torch.nn.Module, plan: SegPlan, device: torch.device) -> Runner:
    """Return a torch network as `sliding_window` asks it."""
    compiled = getattr(network, "_compiled_call_impl", None) is not None

    def run(patches: np.ndarray) -> Any:
        image = torch.from_numpy(patches).to(device)
        with torch.no_grad(), nullcontext() if compiled else QuickConvolutions():
            logits: torch.Tensor = (network(image[:, :, 0])[:, :, None] if plan.slices else network(image)).float()
        return logits if device.type == "cuda" else logits.numpy()

    return run


class Checks(Callback):
    """Segments the held-back cases now and then, keeps the best weights, and ends a training that gains no more.

    Args:
        plan: of the network.
        cases: held back.
        every: steps between two checks.
        patience: checks without a better Dice until training ends; None: it goes on.
        work: where the best weights are kept.
    """

    def __init__(self, plan: SegPlan, cases: Sequence[Path], every: int, patience: int | None, work: Path) -> None:
        self.plan, self.cases, self.every, self.patience, self.work = plan, cases, every, patience, work
        self.dice, self.best, self.without, self.last = float("nan"), -1.0, 0, 0

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps."""
        return {name: getattr(self, name) for name in ("dice", "best", "without", "last")}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint; where the best weights are gone, the next ones are the best."""
        self.__dict__.update(state)
        if not (self.work / BEST).is_file():
            self.best, self.without = -1.0, 0

    def on_train_start(self, trainer: Any, _: Any) -> None:
        """End at once what had ended."""
        trainer.should_stop = self._enough

    def on_train_batch_end(self, trainer: Any, module: Any, *_: Any) -> None:
        """Check where it is time to."""
        step = trainer.global_step
        if step == self.last or not (step % self.every == 0 or step == trainer.max_steps):
            return
        self.last = step
        if trainer.is_global_zero:
            network = module.best_network
            training = network.training
            network.eval()
            with trainer.precision_plugin.forward_context():
                averages = partial(DeviceAverages, module.device) if module.device.type == "cuda" else None
                self.dice = mean_dice(answers_of(network, self.plan, module.device), self.plan, self.cases, averages)
            network.train(training)
            if self.dice > self.best:
                torch.save(network.state_dict(), self.work / f"{BEST}.part")
                (self.work / f"{BEST}.part").replace(self.work / BEST)
        self.dice = trainer.strategy.broadcast(self.dice)
        self.without = 0 if self.dice > self.best else self.without + 1
        self.best = max(self.best, self.dice)
        trainer.should_stop = self._enough

    @property
    def _enough(self) -> bool:
        return self.patience is not None and self.without >= self.patience


class Log(Callback):
    """Tells how far a training is and how it goes, and lets SIGTERM end it: Lightning would exit with code 0.

    Args:
        progress: told of steps done and of all.
        say: told how it goes.
        checks: whose Dice is told, too.
        work: where the table is written.
        every: steps between two checks.
        accumulate: batches a step.
    """

    def __init__(
        self,
        progress: Callable[[int, int], None],
        say: Callable[[str], None],
        checks: Checks | None,
        work: Path,
        every: int,
        accumulate: int,
    ) -> None:
        self.progress, self.say, self.checks, self.path = progress, say, checks, work / LOG
        self.every, self.accumulate = every, accumulate
        self.on_term = signal.getsignal(signal.SIGTERM)
        self.total, self.count, self.last = torch.zeros(()), 0, 0

    def on_train_start(self, trainer: Any, *_: Any) -> None:
        """Open the table."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self.on_term)
        self.first = self.last = trainer.global_step
        self.start = time.perf_counter()
        rows = []
        if self.path.is_file():  # what a killed training wrote after its last checkpoint is made again
            with self.path.open(encoding="utf-8", newline="") as stream:
                rows = [row for row in csv.reader(stream) if row[0].isdigit() and int(row[0]) <= self.first]
        with self.path.open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream).writerows([_COLUMNS, *rows])

    def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, *_: Any) -> None:
        """Write and tell, once a step.

        Raises:
            InputError: weights have become no numbers, before a checkpoint keeps them; or a logger does not answer.
        """
        self.total = self.total.to(outputs["loss"].device) + outputs["loss"].detach() * self.accumulate
        self.count += 1
        step = trainer.global_step
        if step == self.last:
            return
        self.last = step
        into = step % self.every
        if into % max(self.every // _ROWS, 1) == 0 or step == trainer.max_steps:
            if not math.isfinite(self.total):
                _require_numbers(module, step)
            self._write(trainer, step, checked=into == 0 or step == trainer.max_steps)
        self.progress(step, trainer.max_steps)

    def _write(self, trainer: Any, step: int, *, checked: bool) -> None:
        loss, rate = float(self.total) / self.count, float(trainer.optimizers[0].param_groups[0]["lr"])
        self.total, self.count = torch.zeros(()), 0
        found = self.checks.dice if checked and self.checks is not None else float("nan")
        with self.path.open("a", encoding="utf-8", newline="") as stream:
            csv.writer(stream).writerow([step, f"{loss:.5f}", f"{rate:.3e}", "" if np.isnan(found) else f"{found:.4f}"])
        told = {"loss": loss, "learning_rate": rate} | ({} if np.isnan(found) else {"validation_dice": found})
        if trainer.logger is not None:
            try:
                trainer.logger.log_metrics(told, step=step)
            except Exception as error:  # each has a class of its own
                raise InputError(
                    f"segmentation.logger does not answer at step {step} ({error}). Run again, which goes on from the "
                    "last checkpoint, once it does, or with csv in its place"
                ) from error
        left = (trainer.max_steps - step) * (time.perf_counter() - self.start) / max(step - self.first, 1)
        best = "" if self.checks is None or self.checks.best < 0 else f", Dice {self.checks.dice:.2f}"
        self.say(f"loss {loss:.2f}{best}, {left / 60:.0f} min left" if left >= 60 else f"loss {loss:.2f}{best}")


def _require_numbers(module: torch.nn.Module, step: int) -> None:
    """Look whether weights are numbers; a loss that was none does not spoil them where fp16 leaves its step out.

    Raises:
        InputError: they are none.
    """
    if not all(bool(weights.isfinite().all()) for weights in module.parameters()):
        raise InputError(
            f"training went astray: after step {step} loss and weights are no numbers. Run again, which goes on from "
            "the last checkpoint; if it happens again, lower segmentation.learning_rate, or set precision to fp32"
        )
