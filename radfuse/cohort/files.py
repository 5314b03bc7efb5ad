"""Files that a cohort table names: they exist, and no image stands under two cases."""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path

from radfuse.cohort.draft import Draft
from radfuse.cohort.twins import check_twins
from radfuse.config import kind_of
from radfuse.errors import InputError


def check_files(draft: Draft) -> None:
    """Find paths that are missing, files that are not there, and images of two cases."""
    used: dict[Path, list[tuple[int, str]]] = defaultdict(list)
    kinds = dict.fromkeys(draft.config.images.values(), "image")
    for mask in (draft.config.mask, draft.config.second_mask):
        if mask:
            kinds[mask] = "mask"
    for column, kind in kinds.items():
        if column not in draft.columns:
            continue
        for index, value in draft.columns[column].items():
            if value is None:
                if kind == "image":
                    draft.problem(
                        "the image path is missing; fill it, or list the case under cohort.exclude", index, column
                    )
                continue
            if (fault := _fault(draft.folder, value)) is not None:
                draft.problem(fault, index, column)
            elif kind == "image":
                used[(draft.folder / value).resolve()].append((index, column))
    check_twins(draft, used)


def _fault(folder: Path, value: str) -> str | None:
    """Return why a file that a table names cannot be used; None where it can be read."""
    path = folder / value
    try:
        if kind_of(path) is None:
            return (
                f"no file {value} (looked in {folder.resolve()}); correct the path, or list the case in cohort.exclude"
            )
    except InputError as error:
        return str(error)
    return None if os.access(path, os.R_OK) else f"{value} may not be read; check its permissions"
