"""The folder of a phantom: an empty one, or one that a phantom was written into before."""

from __future__ import annotations

from pathlib import Path

from radfuse.errors import InputError, asked


def take(folder: Path, mark: str = "truth.csv") -> None:
    """Make a folder, or take one that is empty or holds a phantom, which a file of it tells.

    Raises:
        InputError: it is a file, or holds something else.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())) and not (folder / mark).is_file():
        raise InputError(f"{folder} is not empty; choose another folder with {asked('--out', '`folder`')}")
    folder.mkdir(parents=True, exist_ok=True)
