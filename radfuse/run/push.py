"""Handing things on to a store in the background: a bounded number waits, and what goes wrong is tried again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from radfuse.errors import RadfuseError, RunError
from radfuse.run.store import StoreError

Found = TypeVar("Found")
PATIENCE_S = 600.0
"""Seconds for which a store may be away."""
_THREADS, _WAITING = 8, 64
"""Results that are on their way at a time, and those that wait, before the work waits for the store."""
_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 30.0


class Pusher:
    """Hands results on to a store, several side by side.

    Attributes:
        failed: name -> why it could not be handed on.
    """

    def __init__(self) -> None:
        self.failed: dict[str, RadfuseError] = {}
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="push")
        self._room = threading.BoundedSemaphore(_THREADS + _WAITING)
        self._guard = threading.Lock()
        self._last: dict[str, Future[None]] = {}
        self._hurry = threading.Event()
        self._stopped: RadfuseError | None = None

    def push(self, name: str, send: Callable[[], None]) -> None:
        """Have something handed on; waits where too many wait.

        Args:
            name: of it; two of one name come one after the other.
            send: does it, whole or in part as often as it is called.

        Raises:
            RunError: the store was away for too long.
        """
        self._room.acquire()
        try:
            self.check()
            with self._guard:
                future = self._pool.submit(self._one, name, send, self._last.get(name))
                self._last[name] = future
        except BaseException:
            self._room.release()
            raise
        future.add_done_callback(lambda done: self._through(name, done))

    def check(self) -> None:
        """Stop the work where what it makes does not reach the store.

        Raises:
            RunError: it does not.
        """
        if self._stopped is not None:
            raise RunError(str(self._stopped)) from self._stopped

    def stop(self, error: RadfuseError) -> None:
        """Have the work stop: nothing is tried a second time from now on."""
        self._stopped = self._stopped or error
        self._hurry.set()

    def patiently(self, ask: Callable[[], Found]) -> Found:
        """Return what a store answers, asking again for a while where it does not.

        Raises:
            StoreError: it did not.
        """
        end, pause = time.monotonic() + PATIENCE_S, _PAUSE_S
        while True:
            try:
                return ask()
            except StoreError as error:
                if error.lasting or self._hurry.is_set() or time.monotonic() + pause > end:
                    raise
            self._hurry.wait(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    def finish(self, tell: Callable[[int, int], None]) -> None:
        """Wait for all that is on its way.

        Args:
            tell: called with how many are through, and all.
        """
        with self._guard:
            waiting = list(self._last.values())
        try:
            for number, future in enumerate(waiting):
                tell(number, len(waiting))
                future.result()
        except BaseException:  # somebody does not want to wait
            self._hurry.set()
            self._pool.shutdown(cancel_futures=True)
            raise
        self._pool.shutdown()

    def _one(self, name: str, send: Callable[[], None], before: Future[None] | None) -> None:
        if before is not None:
            before.result()
        try:
            self.patiently(send)
            self.failed.pop(name, None)
        except RadfuseError as error:
            self.failed[name] = error
            self.stop(error)
        except Exception as error:  # noqa: BLE001  nobody else hears of what goes wrong here
            self.failed[name] = RunError(f"{name} cannot be handed on: {type(error).__name__}: {error}")
            self.stop(self.failed[name])

    def _through(self, name: str, future: Future[None]) -> None:
        with self._guard:
            if self._last.get(name) is future:
                del self._last[name]
        self._room.release()
