"""Command `variants`: a study's sensitivity analyses, all or some, beside the study."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from radfuse.cli.arguments import Overrides, RunPlace, StudyFile, Work
from radfuse.cli.show import (
    SOME_FAILED,
    interval,
    number,
    out,
    progress,
    show_ahead,
    show_copy,
    show_next,
    show_problems,
)

if TYPE_CHECKING:
    from radfuse.results import VariantResults

Only = Annotated[list[str] | None, typer.Option("--only", metavar="NAME", help="Only this variant; may be repeated.")]


def variants(
    study: StudyFile, out_: RunPlace = None, set_: Overrides = None, only: Only = None, work: Work = None
) -> None:
    """Run the variants of a study and compare each with it, computing anew what it changes alone."""
    from radfuse.pipeline import run_study
    from radfuse.results import VariantResults
    from radfuse.stages.variants import PLACE
    from radfuse.study import load_study

    loaded = load_study(study, set_ or ())
    names = only or tuple(loaded.variants)
    show_copy(out_, work)
    with progress() as tell:
        finished = run_study(loaded, out_, until="variants", only=names, work=work, progress=tell, warn=show_ahead)
    show_problems(finished.warnings)
    show_variants(VariantResults.model_validate_json((finished.path / PLACE).read_bytes()))
    show_next(finished, "variants")
    if finished.failures:
        raise typer.Exit(SOME_FAILED)


def show_variants(found: VariantResults) -> None:
    """Show every family of every variant as a table."""
    from rich import box
    from rich.table import Column, Table

    named = [Column(name, overflow="fold") for name in ("family", "variant")]
    table = Table(*named, box=box.SIMPLE_HEAD, padding=0, show_edge=False)
    for name in (f"{found.measure} (95% CI)", "difference", "p (Holm)"):
        table.add_column(name, no_wrap=True)
    for family, value in found.main.items():
        table.add_row(family, "as planned", interval(value), "", "")
        for row in (row for row in found.families if row.family == family):
            difference = "unchanged" if row.same else interval(row.difference)
            table.add_row("", row.variant, interval(row.value), difference, number(row.p_holm))
    out.print(table)
    for name, why in found.apart.items():
        out.print(f"{name} is not compared unit by unit: {why}")
