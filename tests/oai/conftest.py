"""A fake release, drawn once for all tests of OAI; none changes it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from radfuse.phantom.oai import OaiPhantom, write_oai_phantom


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return the folder of a release of eight persons with odd cases."""
    folder = tmp_path_factory.mktemp("oai")
    write_oai_phantom(folder, OaiPhantom(persons=8, seed=3))
    yield folder
    for closed in folder.glob("images/*/99*/*/*"):
        if not os.access(closed, os.X_OK):
            closed.chmod(0o700)
