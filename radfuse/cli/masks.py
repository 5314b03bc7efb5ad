"""Command `compare-masks`: two folders of masks against each other; a table, a summary and a page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from radfuse.cli.arguments import ResultFolder
from radfuse.cli.show import SOME_FAILED, out, progress, show_failures, show_problems
from radfuse.errors import CaseError, InputError, Problem, listed, short
from radfuse.run.disk import check_folder, write_folder

if TYPE_CHECKING:
    import pandas as pd

    from radfuse.results import Failure
    from radfuse.seg.compare import ComparedPair, MaskPair

_MOST_ROWS = 30
_PLAIN = str.maketrans({"–": "-", "−": "-", "∞": "inf"})
"""Of what is printed on a page what a terminal of any encoding shows."""

Labels = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=1,...",
        help="Only these labels; all that occur by default. May be repeated.",
        show_default=False,
    ),
]
Tolerances = Annotated[
    list[str] | None,
    typer.Option(
        metavar="MM",
        help="Of the surface Dice; as 1.0,NAME=0.5 other for some labels. May be repeated.",
        show_default="1.0",
    ),
]
Spacings = Annotated[
    str | None,
    typer.Option(
        metavar="MM,MM", help="Rows and columns of PNG masks, where neither side says it.", show_default=False
    ),
]
Patients = Annotated[
    Path | None,
    typer.Option(metavar="TABLE", help="With case_id and patient_id, for intervals by patient.", show_default=False),
]


def compare_masks(
    reference: Annotated[
        Path, typer.Argument(metavar="A", help="The reference: a folder of masks, or one file.", show_default=False)
    ],
    other: Annotated[
        Path, typer.Argument(metavar="B", help="What is measured: masks of the same names.", show_default=False)
    ],
    out_: ResultFolder,
    labels: Labels = None,
    tolerance_mm: Tolerances = None,
    spacing_mm: Spacings = None,
    patients: Patients = None,
) -> None:
    """Dice, HD95, surface Dice, volumes and more of two folders of masks."""
    from radfuse.config import kind_of

    chosen, within = ",".join(labels or ()), ",".join(tolerance_mm or ("1.0",))
    numbers = _labels(chosen) if labels else None
    tolerances = _tolerances(within, numbers)
    spacing = _spacing(spacing_mm) if spacing_mm is not None else None
    check_folder(out_)
    for place in (reference, other):
        if kind_of(place) == "folder" and out_.resolve().is_relative_to(place.resolve()):
            raise InputError(f"--out {out_} lies in {place}, among the masks; choose another folder")
    from radfuse.seg.compare import MaskPair, matched

    files, problems = matched(reference, other)
    people = _patients(patients, files) if patients is not None else {}
    found, failures = _compare([MaskPair(case, *paths, numbers, tolerances, spacing) for case, paths in files.items()])
    if not found:
        raise InputError([Problem(failure.item, failure.error) for failure in failures])
    from radfuse.report.agreement import summary_of
    from radfuse.report.masks import MasksReport, masks_report
    from radfuse.report.study import Made

    rows = _rows(found, numbers, tolerances, people)
    _require_labels(tolerances, set(rows["label"]))
    summary = summary_of(rows)
    problems += _remarks(found, numbers)
    options = {"--labels": chosen, "--tolerance-mm": within, "--spacing-mm": spacing_mm}
    options |= {"--patients": patients.name if patients else None}
    given = [f"{name} {value}" for name, value in options.items() if value and value != "1.0"]
    names = _names(reference, other)
    made = Made.today(["compare-masks", *names, *given])
    told, named = _without_folders(problems, failures)
    report = MasksReport(*names, rows, summary, bool(people), told, named, made)
    write_folder(out_, masks_report(report))
    show_problems(problems)
    show_failures(failures, str(out_ / "index.html"))
    _show(summary)
    out.print(f"{len(found)} of {len(files)} cases compared -> {escape(str(out_ / 'index.html'))}", soft_wrap=True)
    if failures or any(problem.severity == "error" for problem in problems):
        raise typer.Exit(SOME_FAILED)


def _compare(pairs: Sequence[MaskPair]) -> tuple[dict[str, ComparedPair], list[Failure]]:
    """Return each case's agreement, in order of their names, and what could not be compared."""
    from radfuse.results import Failure
    from radfuse.run.workers import Crew
    from radfuse.seg.compare import compare

    found: dict[str, ComparedPair] = {}
    failures = []
    with progress() as tell, Crew() as crew:
        tell("comparing", 0, len(pairs))
        for done, (pair, result) in enumerate(crew.each(compare, pairs), start=1):
            if isinstance(result, CaseError):
                failures.append(Failure(item=pair.case, error=result.message))
            else:
                found[pair.case] = result
            tell("comparing", done, len(pairs))
    return dict(sorted(found.items())), sorted(failures, key=lambda failure: failure.item)


def _without_folders(problems: Sequence[Problem], failures: Sequence[Failure]) -> tuple[list[str], list[Failure]]:
    """Return what was remarkable and what failed as a page says it, that may be sent to others."""
    from radfuse.report.printed import without_folders
    from radfuse.results import Failure

    here = str(Path.cwd())
    told = [without_folders(f"{Path(problem.where).name}: {problem.message}", here) for problem in problems]
    return told, [Failure(item=item.item, error=without_folders(item.error, here)) for item in failures]


def _rows(
    found: Mapping[str, ComparedPair],
    labels: Mapping[str, int] | None,
    tolerances: Mapping[str, float],
    people: Mapping[str, str],
) -> pd.DataFrame:
    """Return a row per case and label; a label that a case lacks on both sides agrees there."""
    import pandas as pd

    from radfuse.seg.compare import nowhere

    names = list(labels or map(str, sorted({label for pair in found.values() for label in pair.present})))
    if not names:
        raise InputError("all masks of both sides are empty; there is nothing to compare. Give masks with labels")
    rows = []
    for case, pair in found.items():
        for name in names:
            agreement = pair.agreement.get(name) or nowhere(tolerances.get(name, tolerances[""]))
            known = {"case": case, "patient": people.get(case, case), "label": name}
            rows.append({**known, **agreement.row(), "remark": pair.remark})
    return pd.DataFrame(rows)


def _remarks(found: Mapping[str, ComparedPair], labels: Mapping[str, int] | None) -> list[Problem]:
    """Return, as warnings, which cases were resampled, and labels that occur on one side alone or nowhere."""
    from radfuse.seg.compare import one_sided

    problems = []
    resampled = [case for case, pair in found.items() if pair.remark]
    if resampled:
        problems.append(
            Problem(
                "grids",
                f"{len(resampled)} of {len(found)} cases lie on two grids; those of B were resampled by nearest "
                f"neighbour, as metrics.csv says: {listed(resampled)}. Look whether that is meant",
                severity="warning",
            )
        )
    return problems + one_sided(found.values(), labels)


def _labels(text: str) -> dict[str, int]:
    """Read "NAME=NUMBER,..."."""
    found: dict[str, int] = {}
    for part in text.split(","):
        name, _, number = (piece.strip() for piece in part.partition("="))
        if not name or not number.isascii() or not number.isdigit() or not 0 < int(number[:12]) < 2**31:
            raise InputError(f"--labels {short(part)!r} is not NAME=NUMBER, for example --labels femur=1,tibia=3")
        if name in found or int(number) in found.values():
            raise InputError(f"--labels {short(text)!r} names {name} or {number} twice; give each label one number")
        found[name] = int(number)
    return found


def _tolerances(text: str, labels: Mapping[str, int] | None) -> dict[str, float]:
    """Read "1.0,NAME=0.5,..."; the one without a name stands under ""."""
    found: dict[str, float] = {}
    for part in text.split(","):
        name, equals, number = part.rpartition("=")
        name = name.strip()
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if name in found:
            whose = f"names {short(name)!r} twice" if name else "gives two distances for all labels"
            raise InputError(f"--tolerance-mm {short(text)!r} {whose}; keep one")
        if not 0 <= value < math.inf or bool(equals) != bool(name):
            raise InputError(
                f"--tolerance-mm {short(text)!r}: {short(part)!r} is no distance in mm from 0; give one for all labels "
                "and some for single ones, for example --tolerance-mm 1.0,cartilage=0.5"
            )
        if name and labels is not None and name not in labels:
            raise InputError(f"--tolerance-mm names {short(name)!r}, which is none of --labels: {listed(labels)}")
        found[name] = value
    return {"": 1.0, **found}


def _spacing(text: str) -> tuple[float, float]:
    """Read "DOWN,ACROSS", in mm."""
    from radfuse.volume.grid import SPACING_MM

    try:
        down, across = (float(part) for part in text.split(","))
    except ValueError:
        down = across = math.nan
    if not (SPACING_MM[0] <= down <= SPACING_MM[1] and SPACING_MM[0] <= across <= SPACING_MM[1]):
        raise InputError(
            f"--spacing-mm {short(text)!r} is not the mm between rows and between columns, for example --spacing-mm "
            "0.14,0.14"
        )
    return down, across


def _require_labels(tolerances: Mapping[str, float], labels: set[str]) -> None:
    """Refuse a tolerance of a label that was not compared: without names, labels are called by their numbers."""
    if unknown := [name for name in tolerances if name and name not in labels]:
        raise InputError(
            f"--tolerance-mm names {listed(map(short, unknown))}, and the labels are {listed(sorted(labels))}; give "
            "names by --labels NAME=NUMBER,..., or take these"
        )


def _patients(table: Path, cases: Mapping[str, object]) -> dict[str, str]:
    """Return case -> patient from a table.

    Raises:
        InputError: it cannot be read, lacks a column, or a case is missing or has two patients.
    """
    from radfuse.cohort.spreadsheet import read_table

    cells = read_table(table).cells
    if lacking := {"case_id", "patient_id"} - set(cells.columns):
        raise InputError(f"{table} has no column {listed(sorted(lacking))}; found: {listed(cells.columns)}. Add it")
    known = cells[["case_id", "patient_id"]].dropna().drop_duplicates()
    if (twice := known["case_id"][known["case_id"].duplicated()]).size:
        raise InputError(f"{table} gives two patients to case {listed(twice)}; keep one")
    people = dict(zip(known["case_id"], known["patient_id"], strict=True))
    if missing := [case for case in cases if case not in people]:
        raise InputError(
            f"{table} has no patient_id for {len(missing)} of the masks: {listed(missing)}; add a row for each, "
            "whose case_id is the mask's file name without its ending"
        )
    return people


def _names(reference: Path, other: Path) -> tuple[str, str]:
    """Return what two folders or files are called: their names, with the folder above where these are alike."""
    first, second = reference.resolve(), other.resolve()
    if first.name != second.name:
        return first.name, second.name
    return f"{first.parent.name}/{first.name}", f"{second.parent.name}/{second.name}"


def _show(summary: pd.DataFrame) -> None:
    """Show medians, and quartiles of Dice, as a table."""
    from rich import box
    from rich.table import Table

    from radfuse.report.agreement import METRICS, SHOWN, cases_of, median_and_quartiles, shown

    labels = list(summary["label"].unique())
    title = "Medians over the cases where either mask has the label"
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=0, show_edge=False)
    table.add_column("label", overflow="fold", min_width=min(max(map(len, labels)), 22))
    table.add_column("cases", justify="right")
    table.add_column("Dice (quartiles)", no_wrap=True)
    for name in SHOWN[1:]:
        table.add_column(METRICS[name].title.replace(", ", " ").replace(" ", "\n"), justify="right", no_wrap=True)
    for label in labels[:_MOST_ROWS]:
        known = summary[summary["label"] == label].set_index("metric")
        rest = [shown(known.loc[name, "median"], name) for name in SHOWN[1:]]
        cells = [cases_of(known.loc["dice"]), median_and_quartiles(known.loc["dice"], "dice"), *rest]
        table.add_row(escape(label), *(cell.translate(_PLAIN) for cell in cells))
    out.print(table)
    if len(labels) > _MOST_ROWS:
        out.print(f"and {len(labels) - _MOST_ROWS} more labels, in summary.csv")
