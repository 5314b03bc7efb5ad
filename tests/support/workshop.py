"""What the tests of crews let their processes do: each imports this file, which itself imports next to nothing."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from radfuse.errors import CaseError, InputError


def work(job: int) -> int:
    """Square a number; some fail, each in its own way."""
    match job:
        case 3:
            raise CaseError("three", "no voxel")
        case 4:
            raise ZeroDivisionError("division by zero")
        case 5:
            raise InputError("a bad file")
        case 6:
            os._exit(9)
    return job * job


def dies_once(job: Path) -> str:
    """Kill this process as the system does where memory is short, unless that was done before."""
    if job.exists():
        return job.read_text()
    job.write_text("lived")
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def function(_: int) -> object:
    """Return what does not pickle."""
    return lambda: None


def process(_: int) -> int:
    """Return who does this."""
    return os.getpid()
