"""One network trained by several processes, a GPU each, or a share of the cores."""

from __future__ import annotations

import os
import queue
import socket
from dataclasses import replace
from typing import Any

import torch
from torch import multiprocessing
from torch.multiprocessing.spawn import ProcessRaisedException

from radfuse import machine
from radfuse.seg.unet.fit import Training, fit
from radfuse.seg.unet.network import make_network

_TRAINED = "trained.pt"
_WAIT = 0.5
"""Seconds between two looks whether a process has died."""


def train_together(training: Training) -> torch.nn.Module:
    """Return the network that `config.devices` processes train; lightning's own launchers run the command again.

    Raises:
        RuntimeError: a process failed; says what it said.
    """
    told = multiprocessing.get_context("spawn").Queue()
    quiet = replace(training, progress=_nobody, say=_nobody)
    (training.work / _TRAINED).unlink(missing_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes: Any = multiprocessing  # has few types
    crew = processes.spawn(_process, (quiet, port, told), nprocs=training.config.devices, join=False)
    try:
        while not crew.join(timeout=_WAIT):
            _pass_on(told, training)
    except ProcessRaisedException as error:
        raise RuntimeError(f"a training process failed: {error}") from error
    finally:
        for process in crew.processes:
            if process.is_alive():
                process.terminate()
    _pass_on(told, training)
    network = make_network(training.plan, training.config.deep_supervision)
    network.load_state_dict(torch.load(training.work / _TRAINED, weights_only=True))
    return network.eval()


def _process(rank: int, training: Training, port: int, told: Any) -> None:
    """Train as one of several; the first writes the network, and tells how it goes."""
    machine.end_with_parent()  # torch's own way misses a kill while this process still imports
    places = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": training.config.devices}
    places |= {"LOCAL_RANK": rank, "NODE_RANK": 0}
    os.environ.update({name: str(value) for name, value in places.items()})
    mine = replace(
        training,
        rank=rank,
        progress=lambda done, total: told.put((done, total)),
        say=lambda text: told.put(text),
    )
    network = fit(mine)
    if rank == 0:
        torch.save(network.state_dict(), training.work / f"{_TRAINED}.part")
        (training.work / f"{_TRAINED}.part").replace(training.work / _TRAINED)


def _pass_on(told: Any, training: Training) -> None:
    """Tell here what the processes told."""
    while True:
        try:
            what = told.get_nowait()
        except queue.Empty:
            return
        if isinstance(what, str):
            training.say(what)
        else:
            training.progress(*what)


def _nobody(*_: object) -> None:
    """Stand in for who is told, across processes."""
