"""Command `dicom index`: any heap of DICOM files as an index of series and a cohort table."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from radfuse.cli.arguments import Force
from radfuse.cli.show import err, out, progress
from radfuse.errors import counted

if TYPE_CHECKING:
    from radfuse.cohort.dump import Dump


def dicom_index(
    root: Annotated[
        Path, typer.Argument(metavar="ROOT", help="Folder with DICOM files, at any depth.", show_default=False)
    ],
    out_: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE.csv", help="Cohort table to write.", show_default=False)
    ],
    pseudonymise: Annotated[
        Path | None,
        typer.Option(
            metavar="SALT-FILE", help="Persons are named by a hash with this salt, images by links.", show_default=False
        ),
    ] = None,
    force: Force = False,
) -> None:
    """Index DICOM series, and write a cohort table with a row a series; goes on where it stopped.

    No date is written: `days` counts from the person's first study. Series that share a folder get one of links.

    A radiograph is named as the file it is, by a link that ends in .dcm where its own name does not.
    """
    from radfuse.cohort.dump import COLUMNS, cohort_of, index_dump, note_images
    from radfuse.cohort.links import link_series
    from radfuse.cohort.made import check_table, require_own, write_made
    from radfuse.cohort.pseudonyms import pseudonyms, read_salt
    from radfuse.run.folder import safe_name
    from radfuse.volume.flat import is_flat

    check_table(out_)
    require_own(out_, [*COLUMNS, "image"], force=force)
    salt = None if pseudonymise is None else read_salt(pseudonymise)
    with progress() as tell:
        series_index = out_.with_name(f"{out_.stem}.series.parquet")
        index = index_dump(root, series_index, tell)
    people = sorted(index["patient"].dropna().unique())
    dump = cohort_of(index, root, None if salt is None else pseudonyms(people, salt))
    place = out_.with_name(f"{out_.stem}.images")
    links = {case: f"{safe_name(case)}{'.dcm' if case in dump.flat else ''}" for case in dump.series}
    linked = {
        case: target
        for case, target in dump.series.items()
        if pseudonymise is not None or not isinstance(target, Path) or (case in dump.flat and not is_flat(target))
    }
    if linked:
        link_series(place, {links[case]: target for case, target in linked.items()})
    here = out_.parent.resolve()
    images = [
        f"{place.name}/{links[case]}"
        if case in linked
        else os.path.relpath(Path(str(dump.series[case])).resolve(), here)
        for case in dump.rows["case_id"]
    ]
    cases = dump.rows["case_id"]
    note_images(series_index, {dump.keys[case]: image for case, image in zip(cases, images, strict=True)})
    write_made(out_, {out_: dump.rows.assign(image=images).to_csv(index=False).encode()})
    _show(dump, out_)


def _show(dump: Dump, table: Path) -> None:
    """Tell what is in a table, what cannot be read of that, and what is not in it."""
    for why, count in dump.left_out.items():
        err.print(f"[yellow]left out[/yellow] {count}: {escape(why)}", soft_wrap=True)
    if told := int(dump.rows["remark"].notna().sum()):
        err.print(
            f"[yellow]remark[/yellow] {told}: these cannot be read as they are; column `remark` says why",
            soft_wrap=True,
        )
    persons = dump.rows["patient_id"].nunique()
    out.print(f"{len(dump.rows)} series of {counted(persons, 'person')} -> {escape(str(table))}", soft_wrap=True)
