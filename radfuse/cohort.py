"""The cohort: which cases belong to whom, what is known of them and what is predicted; every check before compute.

Splits into folds live in `splits.py`; the reading of table dialects in `tables.py`.
"""

from __future__ import annotations

import hashlib
import zlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import pandas as pd
from pydantic import Field, model_validator

from radfuse.config import Section, nearest
from radfuse.errors import InputError, Problem
from radfuse.outcomes.kinds import Outcome
from radfuse.splits import Grouped, Split
from radfuse.tables import ROW, Table, numbered, read_table, to_numbers

_SAMPLE = 1 << 14
"""Bytes of a file that are compared before all of it."""


class Categories(Section):
    """A clinical column that holds words; its levels are declared, so that nothing is learned from the data."""

    column: str
    levels: tuple[str, ...] = Field(min_length=2)
    """All allowed texts; the first is the reference."""


class CohortConfig(Section):
    """Where the cohort is and what its columns mean."""

    table: Path
    """CSV, TSV, Excel or parquet, a row per case; relative to the study file."""
    case: str = "case_id"
    """Column of the case's own id; "row_number" for a table without ids that holds its features too."""
    patient: str = "patient_id"
    """Column of the person: everything of one person stays in one fold."""
    unit: tuple[str, ...] = Field(default=(), max_length=8)
    """Columns that name what is predicted; empty: each case. Visits of a unit are joined."""
    visit: str = "visit"
    """Column of the visit; needed where a unit has several cases."""
    site: str | None = None
    images: dict[str, str] = {}
    """Sequence name -> column of image paths, relative to the table."""
    mask: str | None = None
    """Column of manual segmentations; may be empty for some rows."""
    second_mask: str | None = None
    """Column of a second reader's segmentations, for `radfuse stability`; may be empty for some rows."""
    clinical: tuple[str | Categories, ...] = ()
    outcome: Outcome | None = None
    exclude: dict[str, str] = {}
    """Case id -> why it is left out."""
    split: Split = Grouped()

    @model_validator(mode="after")
    def _outcome_is_no_input(self) -> CohortConfig:
        for outcome in self.outcome_columns:
            if outcome in self.clinical_columns:
                raise ValueError(
                    f"column {outcome!r} is both the outcome and a clinical column; remove it from `clinical`"
                )
            if outcome in self.unit:
                raise ValueError(f"column {outcome!r} is both the outcome and part of the unit")
        return self

    @property
    def outcome_columns(self) -> tuple[str, ...]:
        """Columns the outcome is read from; empty without one."""
        return tuple(self.outcome.columns().values()) if self.outcome else ()

    @property
    def clinical_columns(self) -> tuple[str, ...]:
        """Names of the clinical columns, with or without levels."""
        return tuple(item if isinstance(item, str) else item.column for item in self.clinical)

    @property
    def unit_columns(self) -> tuple[str, ...]:
        """Columns that name a unit of prediction."""
        return self.unit or (self.case,)


@dataclass(frozen=True)
class Case:
    """One image set at one visit."""

    case_id: str
    patient: str
    unit: tuple[str, ...]
    visit: str | None
    images: dict[str, Path]
    mask: Path | None
    second_mask: Path | None = None


@dataclass(frozen=True)
class Cohort:
    """Cases with unique ids and existing files.

    Attributes:
        config: what the columns mean.
        cases: a row per case, index `case_id`; text columns patient, unit, visit, site and split as in the table,
            clinical columns as float64 (levels one-hot as "column=level"), outcome as 0.0 or 1.0.
        folder: what image paths are relative to.
        warnings: findings that did not stop the reading.
    """

    config: CohortConfig
    cases: pd.DataFrame
    folder: Path
    warnings: tuple[Problem, ...] = ()

    def __len__(self) -> int:
        return len(self.cases)

    def __iter__(self) -> Iterator[Case]:
        config = self.config
        for row in self.cases.reset_index().to_dict("records"):
            images = {
                sequence: self.folder / row[column]
                for sequence, column in config.images.items()
                if not pd.isna(row[column])
            }
            mask = row[config.mask] if config.mask else None
            second = row[config.second_mask] if config.second_mask else None
            yield Case(
                row[config.case],
                row[config.patient],
                tuple(row[name] for name in config.unit_columns),
                row.get(config.visit),
                images,
                self.folder / mask if isinstance(mask, str) else None,
                self.folder / second if isinstance(second, str) else None,
            )

    def without(self, cases: Collection[str]) -> Cohort:
        """Return the cohort without some cases."""
        return replace(self, cases=self.cases[~self.cases.index.isin(list(cases))])

    @property
    def clinical_features(self) -> tuple[str, ...]:
        """Names of the encoded clinical columns."""
        return encoded_names(self.config)


def encoded_names(config: CohortConfig) -> tuple[str, ...]:
    """Return the names clinical columns have after encoding: "age", "gender=Male"."""
    names: list[str] = []
    for item in config.clinical:
        names += [item] if isinstance(item, str) else [f"{item.column}={level}" for level in item.levels[1:]]
    return tuple(names)


def read_cohort(
    table: str | Path | Table | None = None,
    config: CohortConfig | None = None,
    *,
    labelled: bool = True,
    new: bool = False,
) -> Cohort:
    """Read and check a cohort table.

    Args:
        table: the table or its path; may be left out when `config` names it.
        config: what the columns mean; None reads ids only.
        labelled: False leaves the outcome out.
        new: True for patients that nothing will be trained on: no split, one class and constant columns are fine.

    Returns:
        A cohort whose ids are unique and whose files exist.

    Raises:
        InputError: all faults at once, with their row numbers.
    """
    if config is None:
        if table is None:
            raise InputError("read_cohort needs a table or a config that names one")
        config = CohortConfig(table=table.path if isinstance(table, Table) else Path(table))
    source = config.table if table is None else table
    return _Reader(source if isinstance(source, Table) else read_table(source), config, labelled, new).read()


def named_files(config: CohortConfig) -> dict[int, Case]:
    """Return row -> case with the files it names, there or not, whatever else is wrong with the table.

    For checks of files beside those of `read_cohort`; rows are numbered as a spreadsheet does, the header is row 1.
    Rows without an id are left out, and everything where the table cannot be read.
    """
    try:
        reader = _Reader(read_table(config.table), config, labelled=False, new=False)
    except InputError:
        return {}
    return reader.named_files()


class _Reader:
    """Collects every problem of one table before it gives up."""

    def __init__(self, table: Table, config: CohortConfig, labelled: bool, new: bool) -> None:
        self.table = table = numbered(table) if ROW in (config.case, config.patient) else table
        self.cells = table.cells
        self.config = config
        self.labelled = labelled
        self.new = new
        self.folder = table.path.parent
        self.problems: list[Problem] = list(table.notes)
        self.columns: dict[str, pd.Series] = {}

    def problem(
        self,
        message: str,
        index: int | None = None,
        column: str | None = None,
        severity: Literal["error", "warning"] = "error",
    ) -> None:
        row = int(index) + 2 if index is not None else None
        self.problems.append(Problem(self.table.path.name, message, row, column, severity))

    def read(self) -> Cohort:
        self._read_ids()
        self._read_values()
        self._files()
        self._units()
        if not self.new and self.config.patient in self.columns:
            for finding in self.config.split.check(self._frame(), self.config.patient, self.config.outcome):
                self.problem(finding.message, finding.label, finding.column)
        if any(problem.severity == "error" for problem in self.problems):
            raise InputError(self.problems)
        cases = self._frame().set_index(self.config.case, drop=True)
        return Cohort(self.config, cases, self.folder, tuple(self.problems))

    def named_files(self) -> dict[int, Case]:
        self._read_ids()
        config, found = self.config, {}
        for index, row in zip(self.cells.index, self._frame().to_dict("records"), strict=True):
            if not isinstance(row.get(config.case), str):
                continue
            names = {column: row.get(column) for column in (*config.images.values(), config.mask or "")}
            places = {column: self.folder / name for column, name in names.items() if isinstance(name, str)}
            images = {sequence: places[column] for sequence, column in config.images.items() if column in places}
            mask = places.get(config.mask or "")
            case = Case(row[config.case], str(row.get(config.patient)), (), row.get(config.visit), images, mask)
            found[int(index) + 2] = case
        return found

    def _read_ids(self) -> None:
        config = self.config
        if self._has(config.case, "cohort.case"):
            self._exclude()
            self._ids(config.case, unique=True)
        for name, setting in ((config.patient, "cohort.patient"), *((name, "cohort.unit") for name in config.unit)):
            if name not in self.columns and self._has(name, setting):
                self._ids(name)
        for name, setting in self._optional_columns():
            if self._has(name, setting):
                self.columns[name] = self._text(name)
        if config.visit in self.cells and config.visit not in self.columns:
            self.columns[config.visit] = self._text(config.visit)

    def _read_values(self) -> None:
        config = self.config
        for item in config.clinical:
            name = item if isinstance(item, str) else item.column
            if not self._has(name, "cohort.clinical"):
                continue
            if isinstance(item, str):
                self._numeric(name)
            else:
                self._levels(item)
        if self.labelled and config.outcome is not None:
            self._outcome(config.outcome)

    def _frame(self) -> pd.DataFrame:
        return pd.DataFrame(self.columns, index=self.cells.index)

    def _text(self, name: str) -> pd.Series:
        return self.table.text(name).loc[self.cells.index]

    def _optional_columns(self) -> list[tuple[str, str]]:
        config = self.config
        wanted = [(column, f"cohort.images.{sequence}") for sequence, column in config.images.items()]
        if config.mask:
            wanted.append((config.mask, "cohort.mask"))
        if config.second_mask and not self.new:
            wanted.append((config.second_mask, "cohort.second_mask"))
        if config.site:
            wanted.append((config.site, "cohort.site"))
        if not self.new:
            wanted += [(column, "cohort.split.column") for column in config.split.columns]
        return wanted

    def _has(self, name: str, setting: str) -> bool:
        if name in self.cells:
            return True
        self.problem(f"there is no column {name!r} ({setting}){nearest(name, map(str, self.cells.columns))}")
        return False

    def _exclude(self) -> None:
        ids = self._text(self.config.case)
        for case_id in self.config.exclude:
            if case_id not in set(ids):
                self.problem(
                    f"cohort.exclude names {case_id!r}, which is no {self.config.case}{nearest(case_id, ids.dropna())}"
                )
        self.cells = self.cells[~ids.isin(list(self.config.exclude))]

    def _ids(self, name: str, unique: bool = False) -> None:
        values = self.columns[name] = self._text(name)
        for index in values.index[values.isna()]:
            self.problem("the id is missing", index, name)
        if unique:
            for value, group in values.dropna().groupby(values.dropna(), sort=False):
                if len(group) > 1:
                    rows = ", ".join(str(int(index) + 2) for index in group.index)
                    self.problem(f"id {value!r} stands in rows {rows}; ids must be unique", group.index[1], name)

    def _numeric(self, name: str) -> None:
        numbers, wrong = to_numbers(self.cells[name])
        text = self._text(name)
        levels = sorted(set(text[wrong]))
        if wrong.sum() > 3 and wrong.sum() > 0.5 * text.notna().sum():
            listed = ", ".join(map(repr, levels[:6])) + (", ..." if len(levels) > 6 else "")
            mend = f"declare it as {{column: {name}, levels: [{', '.join(levels[:6])}]}} under cohort.clinical"
            self.problem(f"holds words ({listed}), not numbers; {mend}", None, name)
        else:
            for index in text.index[wrong]:
                self.problem(f"{text[index]!r} is not a number; correct it, or leave the cell empty", index, name)
        infinite = numbers.isin([float("inf"), float("-inf")])
        for index in numbers.index[infinite]:
            self.problem(f"the value is infinite ({text[index]}); correct it, or leave the cell empty", index, name)
        if not self.new:
            if text.isna().all():
                self.problem("the column holds no value; fill it, or remove it from cohort.clinical", None, name)
            elif not wrong.any() and numbers.nunique() == 1 and len(numbers) > 1:
                self.problem("every value is the same; it cannot inform a model", None, name, "warning")
        self.columns[name] = numbers

    def _levels(self, item: Categories) -> None:
        text = self._text(item.column)
        for index in text.index[text.notna() & ~text.isin(item.levels)]:
            known = ", ".join(map(repr, item.levels))
            self.problem(f"{text[index]!r} is none of the declared levels ({known})", index, item.column)
        if not self.new and text.isna().all():
            self.problem("the column holds no value; fill it, or remove it from cohort.clinical", None, item.column)
        for level in item.levels[1:]:
            self.columns[f"{item.column}={level}"] = (text == level).astype("float64").where(text.notna())

    def _outcome(self, outcome: Outcome) -> None:
        there = [self._has(column, f"cohort.outcome.{setting}") for setting, column in outcome.columns().items()]
        if all(there):
            values, findings = outcome.read(replace(self.table, cells=self.cells), self.new)
            self.columns |= values
            for finding in findings:
                self.problem(finding.message, finding.label, finding.column)

    def _files(self) -> None:
        used: dict[Path, list[tuple[int, str]]] = defaultdict(list)
        kinds = dict.fromkeys(self.config.images.values(), "image")
        for mask in (self.config.mask, self.config.second_mask):
            if mask:
                kinds[mask] = "mask"
        for column, kind in kinds.items():
            if column not in self.columns:
                continue
            for index, value in self.columns[column].items():
                if value is None:
                    if kind == "image":
                        self.problem("the image path is missing", index, column)
                    continue
                path = self.folder / value
                if not path.exists():
                    self.problem(f"no file {value} (looked in {self.folder.resolve()})", index, column)
                elif kind == "image":
                    used[path.resolve()].append((index, column))
        self._same_content(used)

    def _same_content(self, used: dict[Path, list[tuple[int, str]]]) -> None:
        """Find images that stand under two cases, by path or by content."""
        if self.config.case not in self.columns:
            return
        by_content: dict[object, list[Path]] = defaultdict(list)
        for path, content in _contents(used).items():
            by_content[content].append(path)
        ids = self.columns[self.config.case]
        for paths in by_content.values():
            places = [place for path in paths for place in used[path]]
            first, _ = places[0]
            for index, other in places[1:]:
                if index != first:
                    self.problem(
                        f"the image of {ids[index]!r} is that of {ids[first]!r} (row {int(first) + 2}) by content; "
                        "one image under two ids leaks between folds: list one under cohort.exclude",
                        index,
                        other,
                    )

    def _units(self) -> None:
        config = self.config
        needed = {*config.unit_columns, config.patient}
        if not needed <= set(self.columns) or config.case in config.unit_columns:
            return
        frame = self._frame()
        for unit, rows in frame.groupby(list(config.unit_columns), sort=False):
            name = "/".join(map(str, unit))
            self._one_unit(name, rows)

    def _one_unit(self, name: str, rows: pd.DataFrame) -> None:
        config = self.config
        known = rows[rows[config.patient].notna()]
        first = known.index[0] if len(known) else rows.index[0]
        for index in known.index[known[config.patient] != rows.loc[first, config.patient]]:
            self.problem(
                f"unit {name} belongs to {rows.loc[first, config.patient]!r} (row {int(first) + 2}) and to "
                f"{rows.loc[index, config.patient]!r}; add {config.patient!r} to cohort.unit",
                index,
                config.patient,
            )
        if len(rows) == 1:
            return
        if config.visit not in rows:
            self.problem(
                f"unit {name} has {len(rows)} cases but the table has no visit column {config.visit!r} (cohort.visit)",
                rows.index[1],
            )
        else:
            for index in rows.index[rows[config.visit].isna()]:
                self.problem(f"unit {name} has {len(rows)} cases, so each needs its visit", index, config.visit)
            for index in rows.index[rows[config.visit].duplicated() & rows[config.visit].notna()]:
                self.problem(
                    f"unit {name} has two cases at visit {rows.loc[index, config.visit]!r}", index, config.visit
                )
        for outcome in (column for column in config.outcome_columns if column in rows):
            told = rows[rows[outcome].notna()]
            first = told.index[0] if len(told) else rows.index[0]
            for index in told.index[told[outcome] != rows.loc[first, outcome]]:
                self.problem(f"unit {name} has another outcome in row {int(first) + 2}", index, outcome)


def _contents(paths: Iterable[Path]) -> dict[Path, object]:
    """Return a value per path, equal for files of equal content.

    Files are compared by size, then by samples, and only then as a whole: uncompressed images of one scanner all have
    one size, and reading each of them would cost as much as the study.
    """
    known: dict[Path, tuple[object, ...]] = {
        path: (path.stat().st_size,) if path.is_file() else (path,) for path in paths
    }
    for look in (_sample, file_digest):
        count = Counter(known.values())
        known = {path: (*value, look(path)) if count[value] > 1 else value for path, value in known.items()}
    return dict(known)


def _sample(path: Path) -> str:
    """Return a checksum of a file's start, middle and end."""
    size = path.stat().st_size
    total = 0
    with path.open("rb") as stream:
        for place in (0, size // 2, size - _SAMPLE):
            stream.seek(max(place, 0))
            total = zlib.crc32(stream.read(_SAMPLE), total)
    return f"{total:08x}"


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hex digits."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
