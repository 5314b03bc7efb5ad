"""How a kernel is compiled: kept for the next start where there is a folder to keep it in."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """Compile a function at its first call, to run beside other threads; its result is kept in numba's cache.

    A read-only installation and no home to write to leave no place for that cache: each start compiles anew then.
    """
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
        "the compiled radiomics kernels cannot be kept, as neither radfuse's folder nor the home is writable: each "
        "start compiles them anew, about half a minute; set NUMBA_CACHE_DIR to a folder of your own",
        RuntimeWarning,
        stacklevel=2,
    )
