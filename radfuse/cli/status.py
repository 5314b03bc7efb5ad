"""Command `status`: how far a run is, how fast it goes, and what failed; while it runs and after."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from radfuse.cli.show import duration, err, out

if TYPE_CHECKING:
    from radfuse.run.ledger import Ledger, StageStatus

_SHOWN = 5
"""Failures named here; all of them stand in the run's log and in the report."""


def status(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN", help="Run folder, such as runs/NAME, or URL of one in a store.", show_default=False
        ),
    ],
) -> None:
    """Show how far a run is: done, failed, left, how fast, and when it will be through."""
    from radfuse.run.ledger import read_ledger
    from radfuse.run.store import is_store

    if is_store(run):
        from radfuse.run.mirror import read_ledger_there

        ledger = read_ledger_there(run)
    else:
        ledger = read_ledger(Path(run))
    out.print(_headline(ledger), soft_wrap=True)
    _show_stages(ledger.stages)
    for item, error in ledger.failures[:_SHOWN]:
        err.print(f"[red]failed[/red] {escape(item)}: {escape(error)}", soft_wrap=True)
    if len(ledger.failures) > _SHOWN:
        err.print(f"... and {len(ledger.failures) - _SHOWN:,} more in {escape(run)}/log.jsonl", soft_wrap=True)


def _headline(ledger: Ledger) -> str:
    if ledger.last is None:
        return "Nothing was done here yet"
    ago = duration(max((datetime.now(UTC) - ledger.last).total_seconds(), 0.0))
    who = f"At work: {escape(ledger.holder)}" if ledger.holder else "Nobody works here"
    some = any(stage.done or stage.failed for stage in ledger.stages)
    return f"{who}; {'last result' if some else 'begun'} {ago} ago"


def _show_stages(stages: tuple[StageStatus, ...]) -> None:
    from rich import box
    from rich.table import Table

    if not stages:
        return
    table = Table("stage", box=box.SIMPLE_HEAD, padding=0, show_edge=False)
    for name in ("done", "failed", "left", "an hour", "through in"):
        table.add_column(name, justify="right", no_wrap=True, min_width=len(name))
    several = {name for stage in stages for name in stage.machines} != {""} and any(
        len(stage.machines) > 1 for stage in stages
    )
    if several:
        table.add_column("by machine", overflow="fold")
    for stage in stages:
        parts = f" ({stage.parts[0]} of {stage.parts[1]} jobs begun)" if stage.parts else ""
        left = "?" if stage.left is None else f"{stage.left:,}"
        pace = "" if stage.per_hour is None else f"{stage.per_hour:,.0f}"
        through = duration(stage.seconds_left) if stage.seconds_left and stage.left else ""
        cells = [f"{stage.stage}{parts}", f"{stage.done:,}", f"{stage.failed:,}", left, pace, through]
        machines = ", ".join(f"{escape(name or '?')} {count:,}" for name, count in sorted(stage.machines.items()))
        table.add_row(*cells, *([machines] if several else []))
    out.print(table)
