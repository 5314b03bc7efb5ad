"""The commands put together, and what an error looks like from outside."""

from __future__ import annotations

import sys

import typer
from rich.markup import escape

from radfuse.cli.bundle import evaluate, predict
from radfuse.cli.phantom import configs, demo, phantom_knee, phantom_table
from radfuse.cli.radiomics import radiomics
from radfuse.cli.show import BAD_INPUT, SOME_FAILED, STOPPED, err, show_problems
from radfuse.cli.study import check, run, stage_command
from radfuse.errors import CaseError, InputError, RadfuseError, StudyError
from radfuse.stages import STAGES

app = typer.Typer(
    name="radfuse",
    help="From images and tables to compared clinical, radiomic and deep models, exported to ONNX.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
phantom_app = typer.Typer(
    help="Write a synthetic cohort with its truth, ready for [bold]radfuse run[/bold].", no_args_is_help=True
)


app.command()(run)
app.command()(check)
for name, listed in STAGES.items():
    if listed.command:
        app.command(name, help=listed.command)(stage_command(name, listed.shards))
app.command()(predict)
app.command()(evaluate)
app.command()(radiomics)
app.command()(configs)
app.command()(demo)
phantom_app.command("table")(phantom_table)
phantom_app.command("knee")(phantom_knee)
app.add_typer(phantom_app, name="phantom")


def main() -> None:
    """Entry point: turn radfuse's own errors into messages and exit codes."""
    try:
        app()
    except InputError as error:
        if error.problems:
            show_problems(error.problems)
            count = sum(problem.severity == "error" for problem in error.problems)
            err.print(f"[red]{count} problem{'s' if count != 1 else ''}; nothing was computed.[/red]")
        else:
            err.print(f"[red]Error:[/red] {escape(str(error))}", soft_wrap=True)
        sys.exit(BAD_INPUT)
    except (CaseError, StudyError) as error:
        err.print(f"[red]Failed:[/red] {escape(str(error))}", soft_wrap=True)
        sys.exit(SOME_FAILED)
    except RadfuseError as error:
        err.print(f"[red]Error:[/red] {escape(str(error))}", soft_wrap=True)
        sys.exit(STOPPED)
    except KeyboardInterrupt:
        err.print("\nStopped. What was finished is kept; run again to go on.")
        sys.exit(130)
