"""Command `oai index`: the Osteoarthritis Initiative's folders and tables as one cohort table and a study."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from radfuse.cli.arguments import Force
from radfuse.cli.show import err, out, progress, show_problems, typed
from radfuse.errors import InputError, counted

if TYPE_CHECKING:
    import pandas as pd

    from radfuse.oai.cohort import OaiCohort
    from radfuse.oai.outcomes import OutcomeRecipe

_MOST_REASONS = 20


Root = Annotated[
    Path, typer.Argument(metavar="ROOT", help="Folder of the releases (0.C.2, 0.E.1, ...).", show_default=False)
]
TableFile = Annotated[
    Path, typer.Option("--out", "-o", metavar="FILE.csv", help="Cohort table to write.", show_default=False)
]
Tables = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Folder of the released text tables.", show_default=False)
]
Outcomes = Annotated[
    list[str] | None,
    typer.Option(
        metavar="RECIPE:N",
        help="incident_oa:48, progression:48, progression_kl:N, progression_jsn:N (months), replacement:5 (years); "
        "may be repeated, the first is the study's.",
        show_default=False,
    ),
]
Visits = Annotated[
    list[str] | None,
    typer.Option(metavar="V00", help="Only this visit; may be repeated. All, or V00 with an outcome."),
]
Masks = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Masks called by the barcode of their series.", show_default=False)
]
Salt = Annotated[
    Path | None,
    typer.Option(
        metavar="SALT-FILE",
        help="Persons are named by a hash with this salt, images by links of that name.",
        show_default=False,
    ),
]


def oai_index(
    root: Root,
    out_: TableFile,
    tables: Tables = None,
    outcome: Outcomes = None,
    visit: Visits = None,
    sequence: Annotated[str, typer.Option(metavar="NAME", help="That every row must have.")] = "dess",
    masks: Masks = None,
    pseudonymise: Salt = None,
    force: Force = False,
) -> None:
    """Index OAI's series and tables, and write a cohort table with a study; goes on where it stopped."""
    from radfuse.cohort.made import check_table, require_own
    from radfuse.cohort.pseudonyms import pseudonyms, read_salt
    from radfuse.oai.cohort import Wish, make_cohort, masks_in, remarks_on
    from radfuse.oai.index import index_series
    from radfuse.oai.tables import OaiTables, read_tables
    from radfuse.oai.write import write_cohort

    check_table(out_)
    require_own(out_, force=force)
    if outcome and tables is None:
        raise InputError("--outcome needs --tables, the folder of OAI's text tables")
    recipes = _recipes(outcome or (), visit or ())
    salt = None if pseudonymise is None else read_salt(pseudonymise)
    drawn = {} if masks is None else masks_in(masks)
    told = OaiTables() if tables is None else read_tables(tables)
    with progress() as tell:
        index, unread = index_series(root, out_.with_name(f"{out_.stem}.series.parquet"), tell)
    names = None if salt is None else pseudonyms(sorted(index["person"].unique()), salt)
    wish = Wish(tuple(visit or ()), recipes, sequence, names, drawn)
    show_problems(told.problems)
    cohort = make_cohort(index, told, wish)
    written = write_cohort(root, out_, cohort, wish, force=force)
    for reason, count in Counter(item.reason for item in unread).items():
        first = next(item.folder for item in unread if item.reason == reason)
        named = f"{first.split('/')[0] if pseudonymise else first}{f', and {count - 1:,} more' if count > 1 else ''}"
        err.print(f"[yellow]left out[/yellow] {escape(named)}: {escape(reason)}", soft_wrap=True)
    _show(index, cohort)
    people = cohort.rows["patient_id"].nunique()
    out.print(
        f"{counted(len(cohort.rows), 'row')} of {counted(people, 'person')} -> {escape(str(out_))}", soft_wrap=True
    )
    remarks = remarks_on(cohort.rows, wish)
    if written.beside is not None:
        remarks.append(f"{written.study} was edited and stays; what the index has for it now is in {written.beside}")
    for remark in remarks:
        err.print(f"[yellow]remark[/yellow] {escape(remark)}", soft_wrap=True)
    if written.study is not None:
        out.print(f"Next: [bold]radfuse check {typed(written.study)}[/bold]", soft_wrap=True)
    else:
        out.print(
            f"Next: [bold]radfuse predict BUNDLE {typed(out_)}[/bold]; with --outcome a study is written too",
            soft_wrap=True,
        )


def _recipes(outcome: Sequence[str], visit: Sequence[str]) -> tuple[OutcomeRecipe, ...]:
    from radfuse.oai.layout import MONTHS
    from radfuse.oai.outcomes import recipe_of

    starts = sorted(visit) or ["V00"]
    wrong = [name for name in starts if not (name[:1] == "V" and name[1:].isdigit() and int(name[1:]) in MONTHS)]
    if wrong:
        raise InputError(f"--visit {wrong[0]!r} is no visit; write V00, V01, V03, V05, V06, V08 or V10")
    recipes = tuple(recipe_of(text, starts[0]) for text in outcome)
    twice = [recipe.column for recipe, count in Counter(recipes).items() if count > 1]
    if twice:
        raise InputError(f"--outcome asks for {twice[0]} twice; give each once")
    return recipes


def _show(index: pd.DataFrame, cohort: OaiCohort) -> None:
    """Show how many series of each kind there are, and why rows were left out; names nobody."""
    from rich import box
    from rich.table import Table

    kinds = Table("protocol", "series", "with a remark", "with a fault", box=box.SIMPLE_HEAD, padding=0)
    for name, some in index.assign(protocol=index["protocol"].fillna("not read")).groupby("protocol"):
        faults = some["fault"].notna()
        kinds.add_row(
            str(name), f"{len(some)}", f"{int((some['remark'].notna() & ~faults).sum())}", f"{int(faults.sum())}"
        )
    out.print(kinds)
    reasons = Counter(_plain(str(why)) for why in cohort.left_out["why"])
    for why, count in reasons.most_common(_MOST_REASONS):
        err.print(f"[yellow]left out[/yellow] {count}: {escape(why)}", soft_wrap=True)


def _plain(why: str) -> str:
    """Return a reason without what differs from series to series."""
    return "a file is cut off; copy its series again" if "cut off" in why else why
