"""nnU-Net trains in a process of its own: its environment variables, its threads and its prints stay there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from radfuse import machine
from radfuse.errors import InputError, StudyError, listed
from radfuse.seg.prepared import labels_of, require_labels

if TYPE_CHECKING:
    from radfuse.seg.nnunet.backend import NnunetSegmentation

DATASET = "Dataset001_radfuse"
RAW, PREPARED = "nnUNet_raw", "nnUNet_preprocessed"
"""Variables that say where nnU-Net keeps images and what it makes of them."""
LOADERS = "nnUNet_n_proc_DA"
"""How many processes read and augment; the planner uses so many threads."""
LOG = "nnunet.log"
TOLD = "radfuse step "
"""Begins each line in which the training tells how far it is."""
_TOO_LARGE = ("out of memory", "MemoryError", "Cannot allocate memory", "DefaultCPUAllocator")


def trained(
    config: NnunetSegmentation,
    cases: Sequence[Path],
    seed: int,
    folder: Path,
    tell: Callable[[int, int], None],
    patients: Sequence[str],
) -> Path:
    """Return a folder of nnU-Net's results, trained on all cases given.

    Args:
        config: of the backend.
        cases: folders with image.npy, target.npy and spacing.npy.
        seed: of everything random that nnU-Net lets one seed.
        folder: private; finished steps and epochs there are not done again.
        tell: told of iterations done and of all.
        patients: of each case; a cascade learns from masks of networks that have not seen them.

    Raises:
        InputError: masks or patients that nothing can be learned from, no such device, or too little memory.
        StudyError: nnU-Net failed otherwise; names its log.
    """
    require_labels(config.labels, labels_of(cases))
    folder = folder.resolve()
    results = folder / "results" / DATASET
    _remove_torn(results)
    if any(results.glob("*/fold_all/checkpoint_final.pth")):
        return results
    job = _job_of(config, cases, seed, patients)
    (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
    environment = {
        **os.environ,
        RAW: str(folder / "raw"),
        PREPARED: str(folder / "preprocessed"),
        "nnUNet_results": str(folder / "results"),
        LOADERS: str(machine.threads()),
        "nnUNet_def_n_proc": str(machine.threads()),
        "nnUNet_compile": str(job["device"] == "cuda" if config.compiled is None else config.compiled).lower(),
        "PYTHONPATH": os.pathsep.join(place for place in sys.path if place),
        "PYTHONWARNINGS": "ignore",
    }
    command = [sys.executable, "-m", "radfuse.seg.nnunet.trainer", str(folder)]
    code = _run(command, environment, folder / LOG, tell)
    if code:
        raise _told(folder / LOG, code)
    return results


def _remove_torn(results: Path) -> None:
    """Remove checkpoints that were cut short, as a machine does that loses its power: nnU-Net would stop at each."""
    for checkpoint in results.glob("*/fold_*/checkpoint_*.pth"):
        if not zipfile.is_zipfile(checkpoint):  # what torch writes ends in the list of what is inside
            checkpoint.unlink()


def _job_of(config: NnunetSegmentation, cases: Sequence[Path], seed: int, patients: Sequence[str]) -> dict[str, object]:
    """Return what the process that trains is told."""
    return {
        "cases": [str(case.resolve()) for case in cases],
        "labels": list(config.labels),
        "channels": list(config.sequences) or ["image"],
        "configuration": config.configuration or "3d_fullres",
        "planner": config.planner,
        "memory_gib": config.memory_gib,
        "epochs": config.epochs,
        "iterations": config.iterations,
        "minutes": config.minutes,
        "batch": config.batch,
        "device": _device(config),
        "seed": seed,
        "threads": machine.threads(),
        "mirror": config.mirror,
        "held_out": _held_out(patients, config.lowres_folds, seed) if config.is_cascade else [],
        "loaders": config.loaders or min(max(machine.threads() - 2, 0), 12),
    }


def _run(command: list[str], environment: dict[str, str], log: Path, tell: Callable[[int, int], None]) -> int:
    """Run a training, its steps told and all else it prints put into a log; return its exit code.

    It ends with this process, however that ends: its standard input is then closed.
    """
    pipe = subprocess.PIPE
    with (
        log.open("a", encoding="utf-8") as kept,
        subprocess.Popen(
            command, env=environment, text=True, errors="replace", stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT
        ) as child,
    ):
        assert child.stdout is not None
        try:
            for line in child.stdout:
                done, of, total = line.removeprefix(TOLD).partition(" of ")
                if line.startswith(TOLD) and of:
                    tell(int(done), int(total))
                else:
                    kept.write(line)
                    kept.flush()
        except BaseException:
            child.kill()
            raise
    return child.returncode


def _told(log: Path, code: int) -> InputError | StudyError:
    """Return the error of a training that failed, from the end of its log."""
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    last = lines[-1].strip() if lines else f"it ended with code {code}"
    if code == -9 or any(sign in line for line in lines[-30:] for sign in _TOO_LARGE):
        return InputError(
            f"nnU-Net ran out of memory ({last[:200]}); lower segmentation.memory_gib (patches become smaller) or "
            f"segmentation.batch; its log: {log}"
        )
    return StudyError(f"nnU-Net's training failed: {last[:300]}; its log: {log}")


def _device(config: NnunetSegmentation) -> str:
    import torch

    config.check_training()
    return config.device if config.device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"


def _held_out(patients: Sequence[str], folds: int, seed: int) -> list[list[int]]:
    """Return which cases each network of a cascade's first stage does not see: all of some patients."""
    each = sorted(set(patients))
    if len(each) < 2:
        raise InputError(
            f"3d_cascade_fullres learns from masks of networks that have not seen the patient, and there is only "
            f"{listed(each)} to train on; add patients, or choose 3d_fullres as segmentation.configuration"
        )
    np.random.default_rng(seed).shuffle(each)
    folds = min(folds, len(each))
    fold_of = {patient: number % folds for number, patient in enumerate(each)}
    return [[case for case, patient in enumerate(patients) if fold_of[patient] == fold] for fold in range(folds)]
