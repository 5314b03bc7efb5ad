"""The folder of a phantom: an empty one, or one that a phantom was written into before."""

from __future__ import annotations

from pathlib import Path

from radfuse.errors import InputError, asked

_MARK = ".radfuse-phantom"
"""Lies there from the first moment: who was killed while writing takes the folder again."""


def take(folder: Path, written: str = "truth.csv") -> None:
    """Make a folder, or take one that is empty or holds a phantom, whole or begun.

    Args:
        folder: to take.
        written: a file that only a phantom has.

    Raises:
        InputError: it is a file, or holds something else.
    """
    ours = any((folder / name).is_file() for name in (_MARK, written))
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())) and not ours:
        raise InputError(f"{folder} is not empty; choose another folder with {asked('--out', '`folder`')}")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _MARK).touch()


def leave(folder: Path) -> None:
    """Take the mark away: the phantom is whole."""
    (folder / _MARK).unlink(missing_ok=True)
