"""What a job takes: seconds, those of the processor, and bytes read."""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path


class Meter:
    """Runs from when it is made.

    A worker's main thread does one job at a time, so that what its process takes is the job's, helping threads and all.
    Beside other jobs in one process (`Crew`, "network") only what the thread itself takes can be told from theirs.
    """

    def __init__(self) -> None:
        self._alone = threading.current_thread() is threading.main_thread()
        self._start, self._cpu, self._read = time.perf_counter(), self._processor(), self._bytes()

    def spent(self) -> dict[str, float | int]:
        """Return `seconds`, `cpu_seconds` (user and system) and `bytes_read` (0 where the system does not tell)."""
        return {
            "seconds": time.perf_counter() - self._start,
            "cpu_seconds": max(self._processor() - self._cpu, 0.0),
            "bytes_read": max(self._bytes() - self._read, 0),
        }

    def _processor(self) -> float:
        return time.process_time() if self._alone else time.thread_time()

    def _bytes(self) -> int:
        """Return the bytes that were asked of files so far, those among them that the system had in memory."""
        with contextlib.suppress(OSError, ValueError, IndexError):  # not Linux, or not allowed
            text = Path("/proc/self/io" if self._alone else "/proc/thread-self/io").read_text()
            return int(text.split("rchar: ", 1)[1].split("\n", 1)[0])
        return 0
