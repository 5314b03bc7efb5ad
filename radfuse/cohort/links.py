"""Folders of links to series of images, named by case: what a table names then holds no id of a person."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from radfuse.errors import InputError, counted
from radfuse.run.disk import writing


def link_series(place: Path, series: Mapping[str, Path | Sequence[Path]]) -> None:
    """Make a folder that holds a link for each series, and nothing else; what it held of ours is taken away.

    Args:
        place: the folder.
        series: name -> the folder of a series, or a flat image; or files, where they share a folder with others. Names
            are fit for a file: an id, which may hold what leads elsewhere, goes through `safe_name` before.

    Raises:
        InputError: the folder holds what is no link.
        RunError: it cannot be written, or the file system knows no links.
    """
    foreign = [item.name for item in place.iterdir() if not _is_ours(item)] if place.is_dir() else []
    if foreign:
        many = counted(len(foreign), "thing that is no link", "things that are no links")
        raise InputError(f"{place} holds {many} of radfuse; choose another --out")
    with writing(place):
        if place.is_dir():
            shutil.rmtree(place)
        place.mkdir(parents=True)
        for name, target in series.items():
            if isinstance(target, Path):
                real = target.resolve()
                (place / name).symlink_to(os.path.relpath(real, place.resolve()), target_is_directory=real.is_dir())
                continue
            (place / name).mkdir()
            here = (place / name).resolve()
            for number, file in enumerate(target, start=1):
                (here / f"{number:04d}").symlink_to(os.path.relpath(file.resolve(), here))


def _is_ours(item: Path) -> bool:
    return item.is_symlink() or (item.is_dir() and all(file.is_symlink() for file in item.iterdir()))
