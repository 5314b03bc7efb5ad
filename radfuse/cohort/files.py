"""Files that a cohort table names: they exist, and no image stands under two cases."""

from __future__ import annotations

import os
import unicodedata
from collections import defaultdict
from itertools import combinations
from pathlib import Path

from radfuse.cohort.draft import Draft
from radfuse.cohort.mends import EXCLUDE
from radfuse.cohort.twins import check_twins
from radfuse.config import kind_of
from radfuse.errors import InputError, short
from radfuse.run.store import is_store

_SEVERAL = 2


def check_files(draft: Draft) -> None:
    """Find paths that are missing, files that are not there, and images of two cases."""
    used: dict[Path, list[tuple[int, str]]] = defaultdict(list)
    folders: dict[Path, Path] = {}
    seen: dict[Path, dict[str, str]] = {}
    kinds = dict.fromkeys(draft.config.images.values(), "image")
    kinds |= dict.fromkeys(draft.config.mask_columns, "mask")
    optional = {draft.config.images[sequence] for sequence in draft.config.optional_images}
    told = {(problem.row, problem.column) for problem in draft.problems}  # a series that no index has, or not alone
    for column, kind in kinds.items():
        if column not in draft.columns:
            continue
        for index, value in draft.columns[column].items():
            if value is None:
                if kind == "image" and column not in optional:
                    more = "" if draft.new else ", or the sequence under cohort.optional_images"
                    draft.no_file(f"the image path is missing; fill it, {EXCLUDE}{more}", index, column, named=False)
                continue
            if (int(index) + 2, column) in told:
                continue
            if (fault := _fault(draft.folder, value, seen)) is not None:
                draft.no_file(fault, index, column)
            elif kind == "image":
                used[_resolved(draft.folder / value, folders)].append((index, column))
    _refuse_one_file_twice(draft)
    _refuse_masks_of_others(draft)
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
    for one, other in combinations(config.images.values(), 2):
        if one in draft.columns and other in draft.columns:
            first = draft.columns[one].dropna()
            same = first[first == draft.columns[other][first.index]]
            for index, name in same.items() if len(same) < len(first) else ():  # else one image, measured in two ways
                draft.problem(f"{name} stands under {one!r} and under {other!r}; correct one", index, other)


def _refuse_masks_of_others(draft: Draft) -> None:
    """Find masks that stand under two patients; one that all of them share is an atlas, to which they were brought."""
    patient, case = draft.config.patient, draft.config.case
    if patient not in draft.columns or case not in draft.columns:
        return
    for column in draft.config.mask_columns:
        if column not in draft.columns or draft.columns[column].nunique() < _SEVERAL:
            continue
        known: dict[str, int] = {}
        for index, name in draft.columns[column].dropna().items():
            first = known.setdefault(name, index)
            if draft.columns[patient][index] != draft.columns[patient][first]:
                owner = f"{draft.columns[case][first]!r} (row {int(first) + 2})"
                draft.problem(f"{name} is the mask of {owner}, of another patient; correct one", index, column)


def _fault(folder: Path, value: str, seen: dict[Path, dict[str, str]]) -> str | None:
    """Return why a file that a table names cannot be used; None where it can be read; `seen` keeps names of folders."""
    path = folder / value
    try:
        if kind_of(path) is None:
            if is_store(value):
                return (
                    f"{short(value)} is in a store, and images are read from a disk; copy it here or mount the bucket, "
                    "and name the file"
                )
            looked = f"looked in {folder.resolve()}){_meant(folder, value, seen)}"
            return f"no file {value} ({looked}; correct the path, or {EXCLUDE}"
    except InputError as error:
        return str(error)
    return None if os.access(path, os.R_OK) else f"{value} may not be read; check its permissions"


def _meant(folder: Path, value: str, seen: dict[Path, dict[str, str]]) -> str:
    """Return what may be wrong with a path that leads nowhere, in words; empty where nothing shows."""
    if value.startswith(("~", "$")):
        return f", as {value[0]} is not followed here: write the whole path"
    if "\\" in value:
        return ", as \\ parts no folders here: write / in its place"
    path = folder / value
    if path.is_symlink():
        return ", but a link whose target is gone: bring that back, or index the images again"
    if path.parent not in seen:
        try:
            seen[path.parent] = {_bare(item.name): item.name for item in path.parent.iterdir()}
        except OSError:
            seen[path.parent] = {}
    alike = seen[path.parent].get(_bare(path.name))
    return f", but one called {alike}, which is spelled in another way" if alike else ""


def _bare(name: str) -> str:
    """Return a name without what the eye does not see: capitals, quotes, two ways to write one letter."""
    return unicodedata.normalize("NFC", name).strip("\"' ").casefold()
