"""OAI's tables as they are released: pipe-separated, values such as "1: Right" and ".: Missing Form", either case.

Every table below a folder is looked through for the columns that are wanted, whatever its file is called.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from radfuse.cohort.packed import unpacked
from radfuse.errors import InputError, Problem, counted, listed, short
from radfuse.oai.layout import MONTHS

PROJECTS = (15, 37, 42)
"""READPRJ in the order of preference: several projects read the same radiographs."""
SIDES = {1: "right", 2: "left"}
_SUFFIXES = (".txt", ".csv", ".txt.gz", ".csv.gz")
_SEPARATORS = "|\t;,"
"""The first is OAI's; a table that was saved anew may have another."""
_AGAIN = "sq_rel"
"""In the name of a table of radiographs that were read again, to see how far readers agree: kXR_SQ_Rel_BU00.txt."""
_READINGS = {"XRKL": "kl", "XRJSM": "jsn_medial", "XRJSL": "jsn_lateral"}
_END = {"kl": 4.0, "jsn_medial": 3.9, "jsn_lateral": 3.9}
"""The highest grades; those of narrowing have decimals within a grade."""
_WOMAC = {"WOMKP": "womac_pain", "WOMADL": "womac_function", "WOMSTF": "womac_stiffness", "WOMTS": "womac_total"}
_KNEE = re.compile(rf"V(\d\d)({'|'.join(_WOMAC)})([RL])")
_VISIT = re.compile(r"(V\d\d|P01)(AGE|BMI)")
_PERSON = {"P02SEX": "sex", "V00COHORT": "cohort", "V00SITE": "site", "V99RNTCNT": "last_contact"}
_REPLACEMENT = re.compile(r"V99E([RL])K(TLPR|DAYS|BLRP|RPCF)")
_SEX = {1: "male", 2: "female"}
_COHORT = {1: "progression", 2: "incidence", 3: "control"}


@dataclass
class OaiTables:
    """What the tables say.

    Attributes:
        readings: a row per person, side and visit: person, side, visit, months, kl, jsn_medial, jsn_lateral; NaN where
            a grade was not read, or where rows of one project disagree.
        knees: a row per person, side and visit: person, side, visit, and the WOMAC scores.
        visits: a row per person and visit: person, visit, age, bmi.
        people: index person: sex, cohort, site, last_contact (months).
        replacements: a row per person and side: person, side, kind (TLPR), days, before (replaced at enrolment),
            confirmed (RPCF).
        problems: what was remarkable.
    """

    readings: pd.DataFrame = field(default_factory=pd.DataFrame)
    knees: pd.DataFrame = field(default_factory=pd.DataFrame)
    visits: pd.DataFrame = field(default_factory=pd.DataFrame)
    people: pd.DataFrame = field(default_factory=pd.DataFrame)
    replacements: pd.DataFrame = field(default_factory=pd.DataFrame)
    problems: list[Problem] = field(default_factory=list)


def code_of(values: pd.Series) -> pd.Series:
    """Return cells as numbers: 1 of "1: Right", 27.9 of "27.9", NaN of ".: Missing Form/Incomplete Workbook"."""
    return pd.to_numeric(values.astype(str).str.split(":", n=1).str[0].str.strip(), errors="coerce").astype("float64")


def read_tables(folder: Path) -> OaiTables:
    """Read every table below a folder.

    Raises:
        InputError: no table in which persons are named; a file that cannot be read.
    """
    found = OaiTables()
    readings: list[pd.DataFrame] = []
    columns: dict[str, pd.Series] = {}
    named = 0
    for path in sorted(item for item in folder.rglob("*") if item.name.lower().endswith(_SUFFIXES)):
        frame = _frame(path, found.problems)
        if frame is None:
            continue
        named += 1
        if "SIDE" in frame and any(_suffix(name) in _READINGS for name in frame):
            readings += [] if _AGAIN in path.name.lower() else list(_readings(path, frame, found.problems))
            continue
        for name in frame.columns.drop("ID"):
            _take(found, path, columns, name, pd.Series(frame[name].to_numpy(), frame["ID"].to_numpy(), dtype=object))
    if not named:
        raise InputError(
            f"{folder} holds no table of OAI: text separated by | with a column ID; give the folder of the released "
            "tables (AllClinical00.txt, kXR_SQ_BU00.txt, Outcomes99.txt, ...)"
        )
    found.readings = _preferred(readings, found.problems)
    found.people = _people(columns)
    found.knees, found.visits = _long(columns, _KNEE), _long(columns, _VISIT)
    found.replacements = _replacements(columns)
    return found


def _frame(path: Path, problems: list[Problem]) -> pd.DataFrame | None:
    """Return the wanted columns of a file as text, named in capitals; None where it is no table of persons."""
    text = _text(path).rstrip("\r\n")
    lines = text.splitlines()
    header = lines[0] if lines else ""
    parted = {each: _names(header, each) for each in _SEPARATORS if each in header}
    between = next((each for each, names in parted.items() if "ID" in names and _tells(each, names)), None)
    if between is None:
        return None
    names = parted[between]
    wanted = [place for place, name in enumerate(names) if _is_wanted(name)]
    plain = between == _SEPARATORS[0] and '"' not in header  # as released: a quote is one, as in 5" nail
    told = {"quoting": csv.QUOTE_NONE if plain else csv.QUOTE_MINIMAL, "skip_blank_lines": False}
    try:
        frame = pd.read_csv(
            io.StringIO(text), sep=between, dtype=str, usecols=wanted, header=0, keep_default_na=False, **told
        )
    except (ValueError, pd.errors.ParserError) as error:
        raise InputError(f"{path} is no table separated by {between!r} throughout ({error}); copy it again") from error
    frame.columns = pd.Index([names[place] for place in wanted])
    if frame.columns.has_duplicates:
        twice = listed(frame.columns[frame.columns.duplicated()])
        raise InputError(f"{path} has several columns {twice}; keep one of each")
    if len(lines) > 1 and lines[-1].count(between) < header.count(between):
        frame = frame.iloc[:-1]
        message = "the last row ends before its last column: left out, as the file is cut off; copy it again"
        problems.append(Problem(path.name, message, len(lines), severity="warning"))
    frame["ID"] = frame["ID"].str.strip().str.removesuffix(".0")
    return frame[frame["ID"] != ""]


def _text(path: Path) -> str:
    """Return what a file says, in the alphabet that its first bytes name."""
    content = unpacked(path)
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", errors="replace")
    return content.removeprefix(codecs.BOM_UTF8).decode("latin-1")


def _names(header: str, between: str) -> list[str]:
    return [name.strip().strip('"').upper() for name in header.split(between)]


def _tells(between: str, names: list[str]) -> bool:
    """Return whether a table is OAI's: as released, or saved with other separators and of columns that are wanted."""
    return between == _SEPARATORS[0] or any(_is_wanted(name) for name in set(names) - {"ID", "SIDE", "READPRJ"})


def _is_wanted(name: str) -> bool:
    known = name in _PERSON or name in {"ID", "SIDE", "READPRJ"} or _suffix(name) in _READINGS
    return known or any(pattern.fullmatch(name) for pattern in (_KNEE, _VISIT, _REPLACEMENT))


def _suffix(name: str) -> str:
    """Return a column's name without its visit."""
    return name[3:] if re.match(r"V\d\d", name) else ""


def _numbers(path: Path, name: str, values: pd.Series, problems: list[Problem]) -> pd.Series:
    """Return cells as numbers, and tell of those that are neither a number nor missing."""
    numbers, texts = code_of(values), values.astype(str).str.strip()
    odd = texts[(numbers.isna() & (texts != "") & ~texts.str.startswith(".")).to_numpy()]
    if len(odd):
        many = counted(len(odd), "cell is no number", "cells are no numbers")
        message = f"{many}, as {short(odd.iloc[0])!r}: taken as missing; correct {'it' if len(odd) == 1 else 'them'}"
        problems.append(Problem(path.name, message, column=name, severity="warning"))
    return numbers


def _readings(path: Path, frame: pd.DataFrame, problems: list[Problem]) -> Iterator[pd.DataFrame]:
    """Yield the grades of each visit that a table of radiographs holds."""
    visits = sorted({name[:3] for name in frame if _suffix(name) in _READINGS})
    side = _sides(path, frame["SIDE"], problems)
    for visit in visits:
        found = pd.DataFrame({"person": frame["ID"], "side": side})
        found["project"] = code_of(frame["READPRJ"]) if "READPRJ" in frame else np.nan
        for name, column in _READINGS.items():
            whole = f"{visit}{name}"
            grades = _numbers(path, whole, frame[whole], problems) if whole in frame else found["project"] * np.nan
            beyond = (grades < 0) | (grades > _END[column])
            if beyond.any():
                message = (
                    f"{counted(int(beyond.sum()), 'grade lies', 'grades lie')} outside 0 to {_END[column]:.0f}, as "
                    f"{grades[beyond].iloc[0]:g}: taken as missing; correct {'it' if beyond.sum() == 1 else 'them'}"
                )
                problems.append(Problem(path.name, message, column=whole, severity="warning"))
            found[column] = grades.where(~beyond)
        found = found.assign(
            line=frame.index + 2, visit=visit, months=MONTHS.get(int(visit[1:]), np.nan), table=path.name
        )
        yield found[found["side"].notna() & found["months"].notna()]


def _sides(path: Path, cells: pd.Series, problems: list[Problem]) -> pd.Series:
    """Return right or left, and tell of cells that say neither, or another side by their code than by their word."""
    codes, words = _numbers(path, "SIDE", cells, problems), cells.astype(str).str.lower()
    sides = codes.map(SIDES)
    said = {"right": words.str.contains("right"), "left": words.str.contains("left")}
    torn = (said["right"] & (sides == "left")) | (said["left"] & (sides == "right"))
    neither = sides.isna() & ~words.str.strip().str.startswith(".") & (codes.notna() | (words.str.strip() == ""))
    for odd, what in (
        (torn, "sides say one thing by their code and another by their word"),
        (neither, "rows have no side"),
    ):
        if odd.any():
            message = f"{int(odd.sum())} {what}, as {short(str(cells[odd].iloc[0]))!r}: left out; correct them"
            problems.append(Problem(path.name, message, column="SIDE", severity="warning"))
    return sides.where(~torn)


def _preferred(parts: list[pd.DataFrame], problems: list[Problem]) -> pd.DataFrame:
    """Return one row a knee and visit, each grade from the project that comes first among those that read it."""
    grades = list(_READINGS.values())
    keys = ["person", "side", "visit", "months"]
    if not parts:
        return pd.DataFrame(columns=[*keys, *grades])
    rows = pd.concat(parts, ignore_index=True)
    rows["place"] = rows["project"].map({project: place for place, project in enumerate(PROJECTS)})
    rows["place"] = rows["place"].fillna(len(PROJECTS))
    for grade in grades:
        known = rows[rows[grade].notna()]
        read = [*keys, "place", "project"]
        differing = known.groupby(read, dropna=False)[grade].transform("nunique") > 1
        for (_, side, visit, *_), some in known[differing].groupby(read, dropna=False):
            values = " and ".join(f"{value:g}" for value in sorted(some[grade].unique()))
            problems.append(
                Problem(
                    listed(dict.fromkeys(some["table"])),
                    f"{grade} of a {side} knee at {visit} is {values} in one reading project: left empty; correct the "
                    "tables",
                    int(some["line"].iloc[0]),
                    severity="warning",
                )
            )
        rows.loc[known.index[differing], grade] = np.nan
    first = rows.sort_values(["place", "project"], kind="stable").groupby(keys, sort=True)
    return first[grades].first().reset_index()


def _take(found: OaiTables, path: Path, columns: dict[str, pd.Series], name: str, values: pd.Series) -> None:
    """Keep a column of persons; one that several tables have is kept where they agree."""
    if name in {"SIDE", "READPRJ"}:
        return
    as_text = name in {"V00SITE", "V99RNTCNT"}
    known = values.str.strip().replace("", np.nan) if as_text else _numbers(path, name, values, found.problems)
    known = known[known.notna()]
    if known.index.has_duplicates:
        counts = known.groupby(level=0).nunique()
        clashing = set(counts.index[counts > 1])
        if clashing:
            found.problems.append(_clash(path, name, len(clashing)))
        known = known[~known.index.isin(clashing)]
        known = known[~known.index.duplicated()]
    before = columns.get(name)
    if before is None:
        columns[name] = known
        return
    both = before.index.intersection(known.index)
    clash = both[(before[both] != known[both]).to_numpy()]
    if len(clash):
        found.problems.append(_clash(path, name, len(clash)))
    joined = pd.concat([before, known[~known.index.isin(before.index)]])
    columns[name] = joined.drop(index=clash)


def _clash(path: Path, name: str, count: int) -> Problem:
    message = f"{name} of {count} persons has another value elsewhere: left empty; correct the tables"
    return Problem(path.name, message, column=name, severity="warning")


def _people(columns: dict[str, pd.Series]) -> pd.DataFrame:
    found = {column: columns[name] for name, column in _PERSON.items() if name in columns}
    people = pd.DataFrame(found, columns=pd.Index(list(_PERSON.values())))
    people["sex"] = people["sex"].map(_SEX)
    people["cohort"] = people["cohort"].map(_COHORT)
    people["last_contact"] = people["last_contact"].map(_contact_months).astype("float64")
    return people


def _contact_months(cell: object) -> float:
    """Return months since enrolment of "10: 96-month visit", or of the visit's number alone."""
    text = str(cell)
    match = re.search(r"(\d+)\s*-?\s*month", text, re.IGNORECASE)
    if match:
        return float(match[1])
    number = re.match(r"\s*(\d+)", text)
    return float(MONTHS.get(int(number[1]), np.nan)) if number else np.nan


def _long(columns: dict[str, pd.Series], pattern: re.Pattern[str]) -> pd.DataFrame:
    """Return a row per person (and side) and visit, of columns whose names say visit, what (and side)."""
    sided = pattern is _KNEE
    keys = ["person", "side", "visit"] if sided else ["person", "visit"]
    what = list(_WOMAC.values()) if sided else ["age", "bmi"]
    parts = []
    for name, values in columns.items():
        match = pattern.fullmatch(name)
        if match is None:
            continue
        number = match[1] if sided else ("00" if match[1] == "P01" else match[1][1:])
        row = pd.DataFrame({"person": values.index, "value": values.to_numpy()})
        row = row.assign(visit=f"V{number}", what=_WOMAC[match[2]] if sided else match[2].lower())
        parts.append(row.assign(side={"R": "right", "L": "left"}[match[3]]) if sided else row)
    if not parts:
        return pd.DataFrame(columns=[*keys, *what])
    rows = pd.concat(parts, ignore_index=True).drop_duplicates([*keys, "what"], keep="last")
    wide = rows.pivot(index=keys, columns="what", values="value").reindex(columns=what)
    return wide.reset_index().rename_axis(columns=None)


def _replacements(columns: dict[str, pd.Series]) -> pd.DataFrame:
    names = {"TLPR": "kind", "DAYS": "days", "BLRP": "before", "RPCF": "confirmed"}
    parts = []
    for letter, side in (("R", "right"), ("L", "left")):
        found = {column: columns.get(f"V99E{letter}K{end}") for end, column in names.items()}
        known = {column: values for column, values in found.items() if values is not None}
        if "kind" in known:  # else nobody says that a knee was replaced, nor that it was not
            rows = pd.DataFrame(known).reindex(columns=list(names.values())).rename_axis("person").reset_index()
            parts.append(rows.assign(side=side))
    if not parts:
        return pd.DataFrame(columns=["person", "side", *names.values()])
    return pd.concat(parts, ignore_index=True)
