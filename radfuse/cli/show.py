"""What commands show: progress, findings, failures, performance, and where results are."""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape

from radfuse.errors import Problem

if TYPE_CHECKING:
    from pathlib import PurePath

    from radfuse.pipeline import Run
    from radfuse.results import Failure
    from radfuse.results.pace import StagePace

OK, SOME_FAILED, BAD_INPUT, STOPPED, UNFORESEEN = 0, 1, 2, 3, 4

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def typed(path: PurePath) -> str:
    """Return a path as the shell of this system takes it, for a command that is to be typed next."""
    return escape(subprocess.list2cmdline([str(path)]) if os.name == "nt" else shlex.quote(str(path)))


_WIDE = 110
"""Columns of a terminal from which on the loss of a training stands beside its bar."""


@contextlib.contextmanager
def progress() -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar for each kind of work, with the time left, while work goes on."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.table import Column

    width = 30 if err.width < _WIDE else 60
    columns = (
        TextColumn("{task.description}", table_column=Column(width=width, no_wrap=True, overflow="ellipsis")),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True) as bar:
        tasks: dict[str, Any] = {}

        def tell(what: str, done: int, total: int) -> None:
            stage = what.split(" ")[0]
            if stage not in tasks:
                tasks[stage] = bar.add_task(what, total=total, completed=done)  # what was there took no time
            bar.update(tasks[stage], description=what, completed=done, total=total)

        yield tell


FAILURES = "failures.csv"
_FAILURES = 50
"""Named at the end of a run."""
_ROWS = 50
"""Of one column, shown of what is wrong with each of its rows."""
_NAMED = 3
"""Rows that have the same wrong with them, named."""


def show_failures(failures: Sequence[Failure], listed: str = "the run's log and in the report") -> None:
    """Name what failed, and why; `listed` is where all stand, of which the first are shown."""
    for failure in failures[:_FAILURES]:
        err.print(f"[red]failed[/red] {escape(failure.item)}: {escape(failure.error)}", soft_wrap=True)
    if len(failures) > _FAILURES:
        err.print(f"... and {len(failures) - _FAILURES:,} more; all stand in {escape(listed)}", soft_wrap=True)


def failures_file(failures: Sequence[Failure], folder: Path) -> dict[str, bytes]:
    """Return name -> content of the list of what failed, for a folder of results; one of an earlier run is renewed."""
    import csv
    import io

    if not failures and not (folder / FAILURES).is_file():
        return {}
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([("item", "why"), *((each.item, each.error) for each in failures)])
    return {FAILURES: text.getvalue().encode()}


def write_failures(failures: Sequence[Failure], folder: Path) -> None:
    """Write the list of what failed into a folder of results, and show it."""
    from radfuse.run.disk import write_folder

    write_folder(folder, failures_file(failures, folder))
    show_failures(failures, str(folder / FAILURES))


def show_problems(problems: Sequence[Problem]) -> None:
    """Show findings as a table, errors first."""
    if not problems:
        return
    from rich import box
    from rich.table import Table

    found, alike = _first_of_each(sorted(problems, key=lambda problem: problem.severity))
    style = {"error": "[red]error[/red]", "warning": "[yellow]warning[/yellow]"}
    columns = {
        "": [style[problem.severity] for problem, _ in found],
        "where": [escape(problem.where) for problem, _ in found],
        "row": [rows for _, rows in found],
        "column": [escape(problem.column or "") for problem, _ in found],
        "what, and how to mend it": [escape(problem.message) for problem, _ in found],
    }
    columns = {name: cells for name, cells in columns.items() if any(cells)}  # the message needs the space
    table = Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False)
    for column in table.columns:
        column.overflow = "fold"
    table.columns[-1].ratio = 1
    for cells in zip(*columns.values(), strict=True):
        table.add_row(*cells)
    err.print(table)
    for (where, named), count in alike.items():
        of = f"{where}, column {named}" if named else where
        err.print(f"... and {count:,} more of {escape(of)}", soft_wrap=True)


def show_ahead(problems: Sequence[Problem]) -> None:
    """Show what will fail or be worse, and that there is time to mend it."""
    show_problems(problems)
    err.print("This stops nothing else: training begins. To mend it first, stop (Ctrl-C), and run again.")


def _first_of_each(problems: Sequence[Problem]) -> tuple[list[tuple[Problem, str]], Counter[tuple[str, str | None]]]:
    """Return each finding once with its rows, the first of each column that is wrong throughout, and how many more."""
    alike: dict[tuple[str, str, str | None, str], list[Problem]] = {}
    for problem in problems:
        alike.setdefault((problem.severity, problem.where, problem.column, problem.message), []).append(problem)
    seen: Counter[tuple[str, str, str | None]] = Counter()
    kept, more = [], Counter[tuple[str, str | None]]()
    for (severity, where, column, _), group in alike.items():
        rows = [str(problem.row) for problem in group if problem.row is not None]
        seen[severity, where, column] += bool(rows)
        if rows and seen[severity, where, column] > _ROWS:
            more[where, column] += len(group)
        else:
            few = rows if len(rows) <= _NAMED + 1 else [*rows[:_NAMED], f"and {len(rows) - _NAMED:,} more"]
            kept.append((group[0], ", ".join(few).replace(", and", " and")))
    return kept, more


def show_performance(performance: Sequence[Any], folds: int, repeats: int = 1) -> None:
    """Show the families as a table."""
    from rich import box
    from rich.table import Column, Table

    from radfuse.results.measured import folds_told

    deals = f" in {repeats} repeats" if repeats > 1 else ""
    headline, *rest = (name for name in performance[0].columns if not name.startswith("pooled"))
    told = folds_told(performance)
    over = "them" if told == "test folds" else told
    title = f"Test folds: {folds}{deals}; {headline} averaged over {over}" if folds > 1 else None
    family = Column("family", overflow="fold")
    table = Table(family, title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=0, show_edge=False)
    table.add_column(f"{headline} (95% CI)", no_wrap=True, min_width=19)
    for name in rest:
        table.add_column(name, no_wrap=True, min_width=len(name))
    for item in performance:
        table.add_row(
            item.family,
            interval(item.headline),
            *(number(item.columns[name].value, item.places.get(name, 3)) for name in rest),
        )
    out.print(table)


def interval(item: Any) -> str:
    """Return a value with its interval as text."""
    if item.low is None or item.high is None:
        return number(item.value)
    between = "-" if item.low >= 0 else " to "
    return f"{number(item.value)} ({number(item.low)}{between}{number(item.high)})"


def number(value: float | None, digits: int = 3) -> str:
    """Return a number with three digits, or so many, rounded as on the page."""
    from radfuse.report.printed import number as printed  # with numpy

    return "n/a" if value is None else printed(value, digits).replace("−", "-")


_TOLD_FROM_S = 5.0
"""Stages that took longer are told of at the end."""


def show_pace(paces: Sequence[StagePace]) -> None:
    """Show how fast stages of several jobs went, and what held them up."""
    from radfuse.results.pace import bottleneck

    for pace in paces:
        if pace.jobs > 1 and pace.wall_seconds >= _TOLD_FROM_S and pace.per_hour:
            read = f", {pace.bytes_read / 1e6:,.0f} MB read" if pace.bytes_read else ""
            out.print(
                f"{pace.stage}: {pace.jobs:,} in {duration(pace.wall_seconds)}, {pace.per_hour:,.0f} an hour; "
                f"processor {pace.cpu_seconds:,.0f} s of {pace.seconds:,.0f} s{read}",
                soft_wrap=True,
            )
    held = bottleneck([pace for pace in paces if pace.wall_seconds >= _TOLD_FROM_S])
    if held is not None:
        out.print(f"Bottleneck: {held}", soft_wrap=True)


def duration(seconds: float) -> str:
    """Return a time as "45 s", "12 min", "3 h 20 min" or "2 d 5 h"."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def show_copy(place: str | Path | None, work: Path | None) -> None:
    """Say where the copy of a run folder in a store lies; nothing of one on a disk."""
    from radfuse.run.mirror import working_copy
    from radfuse.run.store import is_store, shown

    if isinstance(place, str) and is_store(place):
        out.print(f"Working copy of {escape(shown(place))}: {escape(str(working_copy(place, work)))}", soft_wrap=True)


def show_suspicious(count: int, masks: int, review: Path) -> None:
    """Say how many masks should be looked at, and where they are listed; nothing where no network made any."""
    if masks:
        found = f"{count} of {masks} masks {'looks' if count == 1 else 'look'} suspicious"
        out.print(f"{found}: see {escape(str(review))}", soft_wrap=True)


def show_next(finished: Run, until: str = "report") -> None:
    """Say what was done, and where to look."""
    show_failures(finished.failures)
    if finished.left:
        what = "failure was found" if finished.left == 1 else "failures were found"
        again = "of files and settings that have not changed: not tried again without --retry-failed"
        err.print(f"{finished.left} {what} {again}", soft_wrap=True)
    show_pace(finished.paces)
    path, here = finished.path, Path.cwd()
    path = path.relative_to(here) if path.is_relative_to(here) else path
    where = f"{finished.store}, of which a copy is {path}" if finished.store else str(path)
    out.print(
        f"{finished.computed} results computed, {finished.reused} found finished in {escape(where)}", soft_wrap=True
    )
    show_suspicious(len(finished.suspicious), finished.masks, path / "labels" / "review.csv")
    if until in ("export", "report"):
        out.print(f"Bundle: {escape(str(path / 'bundle'))}", soft_wrap=True)
    if until == "report":
        out.print(f"Report: {escape(str(path / 'report' / 'index.html'))}", soft_wrap=True)
    if until == "stability":
        out.print(f"Report: {escape(str(path / 'stability' / 'index.html'))}", soft_wrap=True)
