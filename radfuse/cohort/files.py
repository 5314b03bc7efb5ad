"""Files that a cohort table names: they exist, and no image stands under two cases."""

from __future__ import annotations

import os
from collections import defaultdict
from itertools import combinations
from pathlib import Path

from radfuse.cohort.draft import Draft
from radfuse.cohort.twins import check_twins
from radfuse.config import kind_of
from radfuse.errors import InputError, short
from radfuse.run.store import is_store


def check_files(draft: Draft) -> None:
    """Find paths that are missing, files that are not there, and images of two cases."""
    used: dict[Path, list[tuple[int, str]]] = defaultdict(list)
    folders: dict[Path, Path] = {}
    kinds = dict.fromkeys(draft.config.images.values(), "image")
    kinds |= dict.fromkeys(draft.config.mask_columns, "mask")
    optional = {draft.config.images[sequence] for sequence in draft.config.optional_images}
    for column, kind in kinds.items():
        if column not in draft.columns:
            continue
        for index, value in draft.columns[column].items():
            if value is None:
                if kind == "image" and column not in optional:
                    draft.problem(
                        "the image path is missing; fill it, list the case under cohort.exclude, or the sequence under "
                        "cohort.optional_images",
                        index,
                        column,
                    )
                continue
            if (fault := _fault(draft.folder, value)) is not None:
                draft.problem(fault, index, column)
            elif kind == "image":
                used[_resolved(draft.folder / value, folders)].append((index, column))
    _refuse_one_file_twice(draft)
    check_twins(draft, used)


def _resolved(path: Path, folders: dict[Path, Path]) -> Path:
    """Return a path without links; those on the way to a folder, kept in `folders`, are followed once."""
    if path.is_symlink() or path.name == "..":
        return path.resolve()
    if path.parent not in folders:
        folders[path.parent] = path.parent.resolve()
    return folders[path.parent] / path.name


def _refuse_one_file_twice(draft: Draft) -> None:
    """Find rows that name one file as image and mask, or as two readers' masks: they agree with themselves."""
    config = draft.config
    pairs = [(image, mask) for image in config.images.values() for mask in config.mask_columns]
    drawn = combinations([*config.drawn.values(), *config.repeats.values()], 2)
    for one, other in (*pairs, *drawn):
        if one != other and one in draft.columns and other in draft.columns:
            for index, name in draft.columns[one].dropna().items():
                if name == draft.columns[other][index]:
                    draft.problem(f"{name} stands under {one!r} and under {other!r}; correct one", index, other)


def _fault(folder: Path, value: str) -> str | None:
    """Return why a file that a table names cannot be used; None where it can be read."""
    path = folder / value
    try:
        if kind_of(path) is None:
            if is_store(value):
                return (
                    f"{short(value)} is in a store, and images are read from a disk; copy it here or mount the bucket, "
                    "and name the file"
                )
            return (
                f"no file {value} (looked in {folder.resolve()}); correct the path, or list the case in cohort.exclude"
            )
    except InputError as error:
        return str(error)
    return None if os.access(path, os.R_OK) else f"{value} may not be read; check its permissions"
