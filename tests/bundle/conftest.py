"""A bundle of the table phantom, and what a test does to a copy of it."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from radfuse.bundle.load import Bundle, load_bundle


@pytest.fixture(scope="module")
def tables(phantom_models: tuple[Path, Path]) -> Path:
    """Folder of cohort.csv, radiomic.csv and deep.csv."""
    return phantom_models[0].parent


@pytest.fixture(scope="module")
def bundle(phantom_models: tuple[Path, Path]) -> Bundle:
    return load_bundle(phantom_models[1] / "bundle")


@pytest.fixture(scope="session")
def probability_of() -> Callable[..., np.ndarray]:
    """The function by which the documentation predicts without radfuse."""
    text = (Path(__file__).parents[2] / "docs/bundles.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"## Without radfuse\n.*?```python\n(.*?)```", text, re.DOTALL)
    assert "radfuse" not in code
    names: dict[str, Any] = {}
    exec(code, names)
    found: Callable[..., np.ndarray] = names["probability_of"]
    return found


@pytest.fixture
def copied(bundle: Bundle, tmp_path: Path) -> Path:
    """A bundle that a test may damage."""
    return Path(shutil.copytree(bundle.path, tmp_path / "copied"))


@pytest.fixture
def reseal() -> Callable[[Path], None]:
    """Write the hashes anew, as one who changes a bundle on purpose would."""

    def write(folder: Path) -> None:
        names = sorted(item.name for item in folder.iterdir() if item.name != "SHA256SUMS")
        lines = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
        (folder / "SHA256SUMS").write_text("".join(lines))

    return write


@pytest.fixture
def edited(copied: Path, reseal: Callable[[Path], None]) -> Callable[[Callable[[Any], None]], Path]:
    """Change bundle.json of the copy, and seal it again."""

    def edit(change: Callable[[Any], None]) -> Path:
        schema = json.loads((copied / "bundle.json").read_text())
        change(schema)
        (copied / "bundle.json").write_text(json.dumps(schema))
        reseal(copied)
        return copied

    return edit
