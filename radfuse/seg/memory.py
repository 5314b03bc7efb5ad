"""Memory that runs out while a case is segmented, and images that none holds: told, and answered with a mend."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from radfuse.errors import InputError
from radfuse.volume.layout import MOST_VOXELS

_SAID = (
    *("out of memory", "out_of_memory", "not enough memory", "bad_alloc", "alloc_failed"),
    *("failed to allocate", "unable to allocate", "cannot allocate", "can't allocate", "could not allocate"),
)
"""By onnxruntime, OpenVINO, CUDA, torch and SimpleITK, each in its own words and class of error."""
_MEND = (
    "let fewer cases be segmented at once (on Linux, `taskset -c 0 radfuse ...` leaves it one core, and so one case), "
    "crop or resample it, take a machine with more memory, or train again with smaller patches: lower "
    "segmentation.patch_voxels, of nnunet segmentation.memory_gib"
)
Result = TypeVar("Result")


def ran_out(error: Exception) -> bool:
    """Return whether an error says that there is not enough memory, of the machine or of its GPU."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(said in text for said in _SAID)


def require_size(image: str, shape: Sequence[int], spacing_mm: Sequence[float], wanted_mm: Sequence[float]) -> None:
    """Refuse an image that has no voxels at the network's spacing, or more than a machine holds: its header is wrong.

    Args:
        image: its name.
        shape: that it would have.
        spacing_mm: its own, of the same axes.
        wanted_mm: the network's.

    Raises:
        InputError: says both spacings.
    """
    if not 0 < math.prod(shape) <= MOST_VOXELS:
        own, wanted = (" x ".join(f"{step:g}" for step in steps) for steps in (spacing_mm, wanted_mm))
        raise InputError(
            f"{image}: its voxels are {own} mm, so that it has {' x '.join(map(str, shape))} voxels at the {wanted} mm "
            "of the network; correct the spacing in its header, or give an image like those of the training"
        )


@contextmanager
def memory_told(image: str) -> Iterator[None]:
    """Turn what libraries say of too little memory into one clear error.

    Args:
        image: its name.

    Raises:
        InputError: there is not enough memory; says which setting to lower.
    """
    try:
        yield
    except Exception as error:  # each library has a class of its own
        if isinstance(error, InputError) or not ran_out(error):
            raise
        raise InputError(f"{image}: there is not enough memory to segment this image; {_MEND}") from error


def with_batch(batch: int, work: Callable[[int], Result]) -> Result:
    """Return what work gives with so many patches at once; with one, where there is no memory for more.

    Args:
        batch: patches at once.
        work: is called with it.
    """
    try:
        return work(batch)
    except Exception as error:
        if batch == 1 or not ran_out(error):
            raise
    return work(1)  # here, where what the first attempt held is gone
