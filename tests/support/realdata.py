"""Real data for tests: ../shared/data beside the project, or the folder in RADFUSE_DATA."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("RADFUSE_DATA", Path(__file__).parents[3] / "shared" / "data"))


def real_file(name: str) -> Path:
    """Return the path of a real file, or skip the test with the reason."""
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"real data are absent: no {path}; set RADFUSE_DATA to the folder that holds them")
    return path
