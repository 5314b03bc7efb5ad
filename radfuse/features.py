"""FeatureTable: numbers per case or unit, with names, units and provenance; parquet and CSV, ours and the user's."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from radfuse.cohort.commas import as_written
from radfuse.cohort.remarks import codes_in, rows_of
from radfuse.cohort.spreadsheet import LARGEST, ROW, Table, numbered, read_table, to_numbers
from radfuse.config import Section, nearest
from radfuse.errors import InputError, Problem, counted, listed
from radfuse.given import as_kind

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

_METADATA = b"radfuse"
_COLUMNS = 64
"""That are read, or looked at, together: a large table is not held twice."""


class FeatureSource(Section):
    """A finished feature table."""

    table: Path | None = None
    """CSV, TSV, Excel or parquet, relative to the study file; None: the cohort table itself."""
    second_table: Path | None = None
    """The same columns measured again, by a second reader or in a second scan, for the selection step `stability`; it
    may hold some of the rows only."""
    columns: tuple[str, ...] = ()
    """Names or patterns such as "MR_*"; empty: all that are neither ids nor used by the cohort."""
    exclude: tuple[str, ...] = ()
    """Names or patterns to leave out."""
    allow_missing: bool = False
    """True imputes the whole row of a case that the table lacks; False makes it an error."""


@dataclass(frozen=True)
class FeatureTable:
    """Numbers with their names.

    Attributes:
        values: float64, a row per id, a column per feature; missing is NaN, nothing is infinite. The index holds the
            ids as text and is named after the id columns (a MultiIndex where there are several).
        units: feature -> physical unit, where known.
        provenance: how the table came to be.
    """

    values: pd.DataFrame
    units: Mapping[str, str] = field(default_factory=dict, repr=False)
    provenance: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if not self.values.columns.is_unique:
            twice = sorted(set(self.values.columns[self.values.columns.duplicated()]))
            raise InputError(f"features of the same name: {listed(twice)}")
        if not self.values.index.is_unique:
            twice = self.values.index[self.values.index.duplicated()]
            raise InputError(f"ids of the same name: {listed(twice)}")
        parts = (self.values.iloc[:, start : start + _COLUMNS] for start in range(0, self.values.shape[1], _COLUMNS))
        if any(np.isinf(part.to_numpy(dtype="float64")).any() for part in parts):
            raise InputError("a feature table holds infinite values; make them missing (NaN)")

    @property
    def names(self) -> tuple[str, ...]:
        """Feature names, in column order."""
        return tuple(map(str, self.values.columns))

    @property
    def ids(self) -> tuple[str, ...]:
        """Names of the id columns."""
        return tuple(map(str, self.values.index.names))

    def to_parquet(self, path: Path) -> None:
        """Write values, units and provenance into one parquet file."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pa.Table.from_pandas(self.values.reset_index(), preserve_index=False)
        meta = {"ids": self.ids, "units": dict(self.units), "provenance": dict(self.provenance)}
        table = table.replace_schema_metadata({**(table.schema.metadata or {}), _METADATA: json.dumps(meta).encode()})
        pq.write_table(table, path)

    def to_csv(self, path: Path) -> None:
        """Write ids and values as CSV; floats with all their digits."""
        self.values.to_csv(path)

    @classmethod
    def from_parquet(cls, path: Path) -> FeatureTable:
        """Read what `to_parquet` wrote.

        Raises:
            InputError: the file was not written by `to_parquet`.
        """
        import pyarrow.parquet as pq

        try:
            file = pq.ParquetFile(path)
            meta = json.loads((file.schema_arrow.metadata or {}).get(_METADATA, b"null"))
            values = _values_of(file, meta["ids"]) if meta is not None else None
        except Exception as error:  # a damaged file makes pyarrow raise whatever it meets
            raise InputError(f"{path} is not a readable parquet file ({error}); write it again") from error
        if values is None:
            raise InputError(f"{path} is not a radfuse feature table; read it with read_features")
        return cls(values, meta["units"], meta["provenance"])


def _values_of(file: ParquetFile, ids: Sequence[str]) -> pd.DataFrame:
    """Return the columns beside the ids as float64, a few read at a time: as a whole they would be there twice."""
    names = [name for name in file.schema_arrow.names if name not in ids]
    values = np.empty((len(names), file.metadata.num_rows))
    for start in range(0, len(names), _COLUMNS):
        part = file.read(columns=names[start : start + _COLUMNS])
        for place, name in enumerate(names[start : start + _COLUMNS], start=start):
            values[place] = part.column(name).to_numpy()
    index = file.read(columns=list(ids)).to_pandas().set_index(list(ids)).index
    return pd.DataFrame(values.T, index, names, copy=False)


def read_features(
    path: str | Path | pd.DataFrame | Table,
    ids: Sequence[Sequence[str]] = (("case_id",),),
    source: FeatureSource | None = None,
    reserved: Collection[str] = (),
    excluded: Collection[str] = (),
    unique: bool = True,
    hollow: bool = False,
) -> tuple[FeatureTable, list[Problem]]:
    """Read a user's feature table.

    Args:
        path: the file, or the table already read.
        ids: the sets of columns that may name a row, best first: the case, then the unit.
        source: which columns are features.
        reserved: columns that are never features (the outcome, clinical columns).
        excluded: case ids to leave out, where rows are cases.
        unique: two ids with the very same values are an error.
        hollow: columns may all be without a value, as of one new patient whose block was not measured.

    Returns:
        The table and its warnings.

    Raises:
        InputError: all faults at once: no id column, ids missing or twice, cells that are no finite number, two ids
            with the very same values.
    """
    if not ids or isinstance(ids, str) or any(isinstance(names, str) for names in ids):
        raise InputError("ids: give sets of columns that name a row, such as [['case_id']]")
    names_of_ids = {name for group in ids for name in group}
    table = path if isinstance(path, Table) else read_table(path, as_text=names_of_ids)
    if any(ROW in names for names in ids):
        table = numbered(table)
    problems = list(table.notes)
    where = table.path.name
    key = next((tuple(names) for names in ids if all(name in table.cells for name in names)), None)
    if key is None:
        wanted = " or ".join(dict.fromkeys(" + ".join(map(repr, names)) for names in ids))
        raise InputError(
            [*problems, Problem(where, f"needs the column {wanted}{nearest(ids[0][0], map(str, table.cells.columns))}")]
        )
    if excluded and len(key) == 1 and key == tuple(ids[0]):
        table = replace(table, cells=table.cells[~table.text(key[0]).isin(list(excluded))])
    problems += _check_ids(table, key)
    names = _choose(
        table,
        FeatureSource() if source is None else as_kind(source, FeatureSource, "source"),
        {*key, *(name for group in ids for name in group), *reserved},
        problems,
    )
    values = _numbers(table, names, problems, hollow)
    if any(problem.severity == "error" for problem in problems):
        raise InputError(problems)
    texts = [table.text(name) for name in key]
    values.index = pd.MultiIndex.from_arrays(texts, names=key) if len(key) > 1 else pd.Index(texts[0], dtype=object)
    values.index.names = key
    same = _twins(table, values) if unique else []
    if same:
        raise InputError([*problems, *same])
    return FeatureTable(values, {}, {"source": where}), problems


def equal_rows(values: pd.DataFrame, min_columns: int = 10) -> Iterator[tuple[Any, Any]]:
    """Yield pairs of ids whose rows are equal; nothing below `min_columns`, where equality may be chance."""
    if values.shape[1] < min_columns:
        return
    filled = values[values.notna().any(axis=1)]
    keys = pd.util.hash_pandas_object(filled, index=False).to_numpy()
    first: dict[int, int] = {}
    for position, key in enumerate(keys):
        seen = first.setdefault(key, position)
        if seen != position and filled.iloc[seen].equals(filled.iloc[position]):
            yield filled.index[seen], filled.index[position]


def _twins(table: Table, values: pd.DataFrame) -> list[Problem]:
    """Return a problem for each row whose values another row has; `values` are those of the table's rows."""
    rows = table.rows
    if len(values) > 2 and values.shape[1] and (values == values.iloc[0]).all(axis=None):
        message = f"all {values.shape[1]} features hold one value each, the same in every row; export them again"
        return [Problem(table.path.name, message)]
    return [
        Problem(
            table.path.name,
            f"{_show(second)!r} has the very values of {_show(first)!r} in all {values.shape[1]} features: one scan "
            "under two ids leaks between folds. Leave one out: "
            f"cohort.exclude: {{{_show(second)}: same scan as {_show(first)}}}",
            rows[values.index.get_loc(second)],
        )
        for first, second in equal_rows(values)
    ]


def _show(name: Any) -> str:
    return "/".join(map(str, name)) if isinstance(name, tuple) else str(name)


def at_visit(feature: str, visit: str) -> str:
    """Return the feature's name at a visit: "dess/tibia/x" at V00 is "dess@V00/tibia/x"; "x" is "x@V00"."""
    sequence, slash, rest = feature.partition("/")
    return f"{sequence}@{visit}{slash}{rest}"


def _check_ids(table: Table, key: tuple[str, ...]) -> list[Problem]:
    where = table.path.name
    frame = pd.DataFrame({name: table.text(name) for name in key})
    problems = []
    for name in key:
        problems += [
            Problem(where, "the id is missing; fill it, or remove the row", int(index) + 2, name)
            for index in frame.index[frame[name].isna()]
        ]
    for index in frame.index[frame.duplicated() & frame.notna().all(axis=1)]:
        same = frame.index[(frame == frame.loc[index]).all(axis=1)][0]
        shown = "/".join(frame.loc[index])
        problems.append(
            Problem(
                where, f"id {shown!r} stands in row {int(same) + 2} too; rename or remove one", int(index) + 2, key[0]
            )
        )
    return problems


def _choose(table: Table, source: FeatureSource, taken: Collection[str], problems: list[Problem]) -> list[str]:
    where = table.path.name
    available = [str(name) for name in table.cells.columns if name not in taken]
    known = set(available)
    for pattern in (*source.columns, *source.exclude):
        if pattern not in known and not fnmatch.filter(available, pattern):
            role = "is an id or cohort column, not a feature" if pattern in taken else "matches no column"
            problems.append(Problem(where, f"{pattern!r} {role}{nearest(pattern, available)}"))
    if not source.columns and (counter := _row_counter(table, available)):
        available.remove(counter)
        message = "the column without a name counts the rows and is left out; name it to have it as a feature"
        problems.append(Problem(where, message, None, counter, "warning"))
    wanted, unwanted = _matching(available, source.columns), _matching(available, source.exclude)
    names = [name for name in available if (not source.columns or name in wanted) and name not in unwanted]
    if not names:
        problems.append(Problem(where, f"no feature columns are left beside the ids; columns: {listed(available)}"))
    return names


def _codes(where: str, columns: Mapping[str, pd.Series]) -> list[Problem]:
    """Return a remark of all columns that hold a code for "missing", such as -999, far from their other values."""
    coded = {name: found for name, values in columns.items() if (found := codes_in(values))}
    if not coded:
        return []
    first = next(iter(coded))
    code, cells = next(iter(coded[first].items()))
    others = (
        f", and {counted(len(coded) - 1, 'more column holds', 'more columns hold')} such codes"
        if len(coded) > 1
        else ""
    )
    message = (
        f'{code:g} ({rows_of(cells)}) looks like a code for "missing" and is read as a number{others}; empty these '
        "cells to have them imputed"
    )
    return [Problem(where, message, int(cells[0]) + 2, first, "warning")]


def _row_counter(table: Table, available: Sequence[str]) -> str | None:
    """Return the nameless column that counts the rows, as pandas and R write one; None without it."""
    name = str(table.cells.columns[0])
    if name not in available or name not in {"column_1", "Unnamed: 0"}:
        return None
    numbers, wrong = to_numbers(table.cells[name])
    steps = np.diff(numbers.to_numpy())
    return name if not wrong.any() and numbers.iloc[0] in (0, 1) and (steps == 1).all() else None


def _matching(names: Sequence[str], patterns: Sequence[str]) -> set[str]:
    """Return the names that are, or match, one of some patterns; most patterns of many are names."""
    found = set(names) & set(patterns)
    for pattern in (pattern for pattern in patterns if any(letter in pattern for letter in "*?[")):
        found |= {name for name in names if fnmatch.fnmatchcase(name, pattern)}
    return found


def _numbers(table: Table, names: list[str], problems: list[Problem], hollow: bool) -> pd.DataFrame:
    """Return the features as float64; columns without any value are left out, other faults are added to `problems`."""
    where = table.path.name
    columns: dict[str, pd.Series] = {}
    empty = []
    for name in names:
        numbers, wrong = to_numbers(table.cells[name])
        if wrong.any():
            index = wrong.index[wrong][0]
            found = table.cells.loc[index, name]
            mend = as_written(table.cells.loc[wrong, name])
            mend = mend or ("correct or empty it" if wrong.sum() == 1 else "correct or empty them")
            problems.append(
                Problem(
                    where,
                    f"{counted(int(wrong.sum()), 'cell is', 'cells are')} no number, first {found!r}; {mend}, or leave "
                    f"the column out with `exclude: [{name}]`",
                    int(index) + 2,
                    name,
                )
            )
        infinite = np.abs(numbers.to_numpy()) > LARGEST
        if infinite.any():
            index = numbers.index[infinite][0]
            problems.append(
                Problem(
                    where,
                    f"{counted(int(infinite.sum()), 'cell is', 'cells are')} infinite, or beyond {LARGEST:g}; empty "
                    "what is to be imputed, or exclude the column",
                    int(index) + 2,
                    name,
                )
            )
        if numbers.isna().all() and not wrong.any():
            empty.append(name)
            continue
        columns[name] = numbers
    problems += _codes(where, columns)
    if empty:
        rest = "" if columns or hollow else "; no feature is left"
        problems.append(
            Problem(
                where,
                f"{counted(len(empty), 'column')} without any value left out: {listed(empty)}{rest}",
                None,
                empty[0],
                "warning" if columns or hollow else "error",
            )
        )
    return pd.DataFrame(columns, index=table.cells.index, dtype="float64")
