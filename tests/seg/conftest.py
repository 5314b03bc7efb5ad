"""What all tests of segmentation share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Let networks here take one thread: they are so small that two wait for each other longer than they compute."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("radfuse.machine.threads", lambda: 1)
        yield
