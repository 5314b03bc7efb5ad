"""Files that a cohort table names: they exist, and no image stands under two cases."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from radfuse.cohort.draft import Draft
from radfuse.cohort.twins import check_twins


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
                    draft.problem("the image path is missing", index, column)
                continue
            path = draft.folder / value
            if not path.exists():
                draft.problem(f"no file {value} (looked in {draft.folder.resolve()})", index, column)
            elif kind == "image":
                used[path.resolve()].append((index, column))
    check_twins(draft, used)
