"""Writing a cohort of OAI: its table, what was left out, links where persons are not to be named, and a study."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from radfuse.cohort.links import link_series
from radfuse.cohort.made import unedited, write_made, written_before
from radfuse.config import to_yaml
from radfuse.oai.cohort import OaiCohort, Wish, study_of
from radfuse.oai.layout import PROTOCOLS
from radfuse.run.folder import safe_name


class Written(NamedTuple):
    """What was written of a study.

    Attributes:
        study: its file; None where there is none.
        beside: where it stands instead, as the file was edited and stays; None: there, or as it was written before.
    """

    study: Path | None
    beside: Path | None = None


def write_cohort(root: Path, table: Path, cohort: OaiCohort, wish: Wish, *, force: bool = False) -> Written:
    """Write everything but the index; a study's file that was edited stays.

    Args:
        root: that the cohort's folders are relative to.
        table: to write; its paths are relative to it.
        cohort: to write.
        wish: what it was made for; with pseudonyms images and masks are named by links, in TABLE.images.
        force: write over an edited study, too.

    Raises:
        InputError: the folder of links holds what is none.
        RunError: the disk is full, or may not be written to.
    """
    columns = [name for name in PROTOCOLS if name in cohort.rows]
    if wish.pseudonyms is None:
        rows = _with_paths(cohort.rows, columns, root, table.parent)
    else:
        rows = _with_links(cohort.rows, columns, root, table.with_name(f"{table.stem}.images"))
    study = study_of(table.name, cohort.rows, wish)
    left_out = cohort.left_out.sort_values(["why", "case_id"])
    files = {table: rows, table.with_name(f"{table.stem}.left_out.csv"): left_out}
    made = {file: frame.to_csv(index=False).encode() for file, frame in files.items()}
    if study is None:
        write_made(table, made)
        return Written(None)
    file = table.with_name("study.yaml" if table.stem == "cohort" else f"{table.stem}.yaml")
    content = to_yaml(study).encode()
    if force or not file.is_file() or unedited(file, table):
        write_made(table, {**made, file: content})
        return Written(file)
    beside = None if written_before(file, content, table) else file.with_name(f"{file.stem}.index.yaml")
    write_made(table, made if beside is None else {**made, beside: content})
    return Written(file, beside)


def _with_paths(rows: pd.DataFrame, columns: list[str], root: Path, folder: Path) -> pd.DataFrame:
    """Return the table with the paths of its series and masks, relative to its folder."""
    here = folder.resolve()
    away = os.path.relpath(root.resolve(), here)
    found = {name: [f"{away}/{item}" if isinstance(item, str) else None for item in rows[name]] for name in columns}
    if "mask" in rows:
        found["mask"] = [os.path.relpath(Path(mask).resolve(), here) if mask else None for mask in rows["mask"]]
    return rows.assign(**found)


def _with_links(rows: pd.DataFrame, columns: list[str], root: Path, place: Path) -> pd.DataFrame:
    """Return the table with links, each called by its case and what it is, after making them."""
    linked: dict[str, Path] = {}
    found: dict[str, list[str | None]] = {}
    for name in [*columns, *(["mask"] if "mask" in rows else [])]:
        cells: list[str | None] = []
        for case, item in zip(rows["case_id"], rows[name], strict=True):
            if not isinstance(item, str) or not item:
                cells.append(None)
                continue
            target = Path(item) if name == "mask" else root / item
            link = f"{safe_name(f'{case}_{name}')}{''.join(target.suffixes) if name == 'mask' else ''}"
            linked[link] = target
            cells.append(f"{place.name}/{link}")
        found[name] = cells
    link_series(place, linked)
    return rows.assign(**found)
