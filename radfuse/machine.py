"""The machine: its cores, threads and GPU, and networks opened on it by onnxruntime; it decides who runs where."""

from __future__ import annotations

import multiprocessing
import os
import re
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import lru_cache
from itertools import pairwise
from multiprocessing import connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Function = TypeVar("Function", bound=Callable[..., Any])
_THREADS = {"own": 0}
"""Threads this process may take; 0: a thread a core. Set when a worker starts."""
_LIMITS = ("OMP_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMEXPR_MAX_THREADS")
"""Variables that libraries read without a look at what stands there."""
LIBRARIES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS")
"""Variables that numerical libraries read for their number of threads."""
_ENVIRONMENT = threading.Lock()
NETWORK_TURN = threading.RLock()
"""Held while a network runs: threads read and write cases beside it, and GPU and memory are one case's at a time."""


def cores() -> int:
    """Return the cores this process may use: a job of an array has a few of its machine's."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def threads() -> int:
    """Return the threads numerical code of this process may take: one in a worker, else one a core."""
    return _THREADS["own"] or cores()


def take_one_thread() -> None:
    """Keep numerical libraries of a worker to one thread; the processes are the parallelism."""
    _THREADS["own"] = 1
    for name in LIBRARIES:
        os.environ[name] = "1"


def end_with_parent() -> None:
    """Let this process end when the one that started it is killed: who runs the study again works at the same desks."""

    def wait(sentinel: int) -> None:
        connection.wait([sentinel])
        os._exit(1)

    if (parent := multiprocessing.parent_process()) is not None:
        threading.Thread(target=wait, args=(parent.sentinel,), daemon=True).start()


@contextmanager
def given_threads(count: int) -> Iterator[None]:
    """Let numerical code of this process take so many threads meanwhile, where it asks `threads`."""
    before = _THREADS["own"]
    _THREADS["own"] = count
    try:
        yield
    finally:
        _THREADS["own"] = before


def free_bytes() -> int:
    """Return the memory that programs may still take, by what the system says of itself and of this group of them.

    0 where it says nothing.
    """
    found = []
    with suppress(OSError, ValueError, IndexError):
        text = Path("/proc/meminfo").read_text()
        found.append(1024 * int(text.split("MemAvailable:", 1)[1].split(maxsplit=1)[0]))
    with suppress(OSError, ValueError):  # a container's; "max" where it has no limit
        most, taken = (int(Path(f"/sys/fs/cgroup/memory.{name}").read_text()) for name in ("max", "current"))
        found.append(max(most - taken, 0))
    return min(found, default=0)


def by_parts(work: Callable[[slice], None], count: int, most: int) -> None:
    """Do a work on a range part by part, by this process's threads: numpy computes beside others of its kind.

    Args:
        work: on one part of the range.
        count: length of the range.
        most: length of a part, at most; small parts stay in a core's cache.
    """
    parts = max(-(-count // max(most, 1)), min(threads(), count), 1)
    bounds = [count * number // parts for number in range(parts + 1)]
    slices = [slice(first, last) for first, last in pairwise(bounds)]
    if threads() == 1 or parts == 1:
        for part in slices:
            work(part)
        return
    with ThreadPoolExecutor(threads()) as pool:
        list(pool.map(work, slices))


@contextmanager
def one_thread_for_children(**otherwise: str) -> Iterator[None]:
    """Let processes that are started meanwhile find the limit of one thread before they import anything.

    Libraries read it when they are loaded, which is before a worker's first call where its main module imports them.

    Args:
        otherwise: what they find besides, where the environment does not say it.
    """
    with _ENVIRONMENT:  # or of two threads one would take the other's limit for what stood there before
        new = {**otherwise, **os.environ} | dict.fromkeys(LIBRARIES, "1")
        before = {name: os.environ.get(name) for name in (*LIBRARIES, *otherwise)}
        os.environ.update({name: new[name] for name in before})
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


def mend_limits() -> None:
    """Let the environment's limits of threads be numbers, as libraries read them: "4,2" is 4, "many" is none.

    Idle threads wait a shorter time before they sleep, unless the environment says how long: on cores that others use,
    too, torch trains six times as fast for it, on free ones as fast.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")
    for name in _LIMITS:
        found = re.match(r"\s*0*([1-9][0-9]{0,4})\s*(,|$)", os.environ.get(name, ""))
        if found is not None:
            os.environ[name] = found[1]
        else:
            os.environ.pop(name, None)


@lru_cache
def has_gpu() -> bool:
    """Return whether onnxruntime has a GPU to run on: a build for GPUs alone is none."""
    import onnxruntime

    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        return False
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # it says loudly that there is none
    providers = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    session = onnxruntime.InferenceSession(_smallest_model(), options, providers=providers)
    return "CUDAExecutionProvider" in session.get_providers()


def torch_has_gpu() -> bool:
    """Return whether torch, which is installed, has a GPU to run on; imports it only where a driver is there."""
    if not (Path("/proc/driver/nvidia").exists() or Path("/dev/nvidiactl").exists() or Path("/dev/kfd").exists()):
        return False
    import torch

    return torch.cuda.is_available()


def has_tensorrt() -> bool:
    """Return whether onnxruntime was built with TensorRT; its libraries may lack all the same."""
    import onnxruntime

    return "TensorrtExecutionProvider" in onnxruntime.get_available_providers()


def _smallest_model() -> bytes:
    from onnx import TensorProto, helper

    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "smallest", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 9
    return bytes(model.SerializeToString())


def open_network(model: bytes | Path, *, small: bool = False, tensorrt: bool = False) -> InferenceSession:
    """Open an ONNX model.

    Args:
        model: the file or its content.
        small: a tabular model: one thread, on the CPU; larger ones take this process's threads, and a GPU.
        tensorrt: let TensorRT run what it can.

    Raises:
        Exception: whatever onnxruntime says of a file that is no model.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1 if small else threads()
    providers = ["CPUExecutionProvider"]
    if has_gpu() and not small:
        providers[:0] = [*(["TensorrtExecutionProvider"] if tensorrt else []), "CUDAExecutionProvider"]
    content = model if isinstance(model, bytes) else model.read_bytes()
    return onnxruntime.InferenceSession(content, options, providers=providers)


def kernel(function: Function) -> Function:
    """Compile a function at its first call, to run beside other threads; its result is kept in numba's cache.

    A read-only installation and no home to write to leave no place for that cache: each start compiles anew then.
    """
    from numba import njit

    found: Any
    try:
        found = njit(nogil=True, cache=True)(function)
    except RuntimeError as error:
        if "cannot cache" not in str(error):
            raise
        _tell_once()
        found = njit(nogil=True)(function)
    return found


@lru_cache
def _tell_once() -> None:
    warnings.warn(
        "compiled kernels cannot be kept, as neither radfuse's folder nor the home is writable: each start compiles "
        "them anew, about half a minute for radiomics; set NUMBA_CACHE_DIR to a folder of your own",
        RuntimeWarning,
        stacklevel=2,
    )
