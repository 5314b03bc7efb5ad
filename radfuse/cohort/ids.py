"""Ids of a cohort table: case, patient and unit, and the text columns that go with them."""

from __future__ import annotations

import unicodedata

from radfuse.cohort.cells import unseen
from radfuse.cohort.draft import Draft
from radfuse.config import nearest


def read_ids(draft: Draft) -> None:
    """Read ids and the other text columns; cases that the config excludes are gone afterwards."""
    config = draft.config
    if draft.has(config.case, "cohort.case"):
        _exclude(draft)
        _ids(draft, config.case, unique=True)
    for name, setting in ((config.patient, "cohort.patient"), *((name, "cohort.unit") for name in config.unit)):
        if name not in draft.columns and draft.has(name, setting):
            _ids(draft, name)
    for name, setting in _optional_columns(draft):
        if draft.has(name, setting):
            draft.columns[name] = draft.text(name)
    if config.visit in draft.cells and config.visit not in draft.columns:
        draft.columns[config.visit] = draft.text(config.visit)


def _exclude(draft: Draft) -> None:
    ids = draft.text(draft.config.case)
    for case_id in draft.config.exclude:
        if case_id not in set(ids):
            draft.problem(
                f"cohort.exclude names {case_id!r}, which is no {draft.config.case}{nearest(case_id, ids.dropna())}"
            )
    draft.cells = draft.cells[~ids.isin(list(draft.config.exclude))]


def _ids(draft: Draft, name: str, unique: bool = False) -> None:
    values = draft.columns[name] = draft.text(name)
    for index in values.index[values.isna()]:
        of_unit = name in draft.config.unit and name not in (draft.config.case, draft.config.patient)
        what = "the cell is empty, and cohort.unit needs it" if of_unit else "the id is missing"
        draft.problem(f"{what}; fill it, or remove the row", index, name)
    alike: dict[str, int] = {}
    for index, value in values.dropna().items():
        if name_of := unseen(value):
            draft.problem(f"the id {value!r} holds a {name_of}, which nobody sees; type it anew", index, name)
        first = alike.setdefault(unicodedata.normalize("NFKC", value).casefold(), index)
        if values[first] != value and not (unseen(value) or unseen(values[first])):
            draft.problem(
                f"{value!r} and {values[first]!r} (row {int(first) + 2}) differ by capitals or accents alone and are "
                "taken for two; write one id one way",
                index,
                name,
                "warning",
            )
    if unique:
        for value, group in values.dropna().groupby(values.dropna(), sort=False):
            if len(group) > 1:
                rows = ", ".join(str(int(index) + 2) for index in group.index)
                draft.problem(
                    f"id {value!r} stands in rows {rows}; ids must be unique: rename or remove one",
                    group.index[1],
                    name,
                )


def _optional_columns(draft: Draft) -> list[tuple[str, str]]:
    """Return the text columns that the config names, each with its setting."""
    config = draft.config
    wanted = [(column, f"cohort.images.{sequence}") for sequence, column in config.images.items()]
    if config.mask:
        wanted.append((config.mask, "cohort.mask"))
    if config.second_mask and not draft.new:
        wanted.append((config.second_mask, "cohort.second_mask"))
    wanted += [(column, f"cohort.readers.{reader}") for reader, column in config.readers.items()]
    wanted += [(column, f"cohort.repeats.{reader}") for reader, column in config.repeats.items()]
    wanted += [(column, f"cohort.masks.{sequence}") for sequence, column in config.masks.items()]
    if config.site:
        wanted.append((config.site, "cohort.site"))
    if not draft.new:
        wanted += [(column, "cohort.split.column") for column in config.split.columns]
    return wanted
