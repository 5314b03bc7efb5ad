"""The commands put together, and what an error looks like from outside."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from radfuse import machine
from radfuse.cli.audit import audit
from radfuse.cli.bundle import evaluate, predict
from radfuse.cli.dicom import dicom_index
from radfuse.cli.learning import learning_curve
from radfuse.cli.look import look
from radfuse.cli.masks import compare_masks
from radfuse.cli.networks import apply, export_onnx
from radfuse.cli.nomogram import nomogram
from radfuse.cli.oai import oai_index
from radfuse.cli.phantom import configs, demo, phantom_knee, phantom_oai, phantom_recipe, phantom_table
from radfuse.cli.radiomics import radiomics
from radfuse.cli.samplesize import samplesize
from radfuse.cli.show import BAD_INPUT, OK, SOME_FAILED, STOPPED, UNFORESEEN, err, out, show_problems
from radfuse.cli.status import status
from radfuse.cli.study import check, run, stage_command
from radfuse.cli.variants import variants
from radfuse.errors import CaseError, InputError, RadfuseError, StudyError, typed
from radfuse.given import utf8_name
from radfuse.run.disk import FULL
from radfuse.stages import STAGES

INTERRUPTED = 130
_PATHS = ("--out", "-o", "--params")
_PATHS_EMPTY = ("--out=", "--params=")
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
oai_app = typer.Typer(help="The Osteoarthritis Initiative as it is released.", no_args_is_help=True)
dicom_app = typer.Typer(help="Heaps of DICOM files.", no_args_is_help=True)


@oai_app.callback()
@dicom_app.callback()
def _group() -> None:
    """Keep `index` a command of its own: a group of one command would lose its name."""


app.command()(run)
app.command()(check)
app.command()(audit)
app.command()(look)
app.command()(samplesize)
app.command()(status)
for name, listed in STAGES.items():
    if listed.command:
        app.command(name, help=listed.command)(stage_command(name, listed.shards))
app.command()(variants)
app.command("learning-curve")(learning_curve)
app.command()(predict)
app.command()(evaluate)
app.command()(nomogram)
app.command()(radiomics)
app.command("compare-masks")(compare_masks)
app.command("export-onnx")(export_onnx)
app.command()(apply)
app.command()(configs)
app.command()(demo)
phantom_app.command("table")(phantom_table)
phantom_app.command("knee")(phantom_knee)
phantom_app.command("oai")(phantom_oai)
phantom_app.command("recipe")(phantom_recipe)
app.add_typer(phantom_app, name="phantom")
oai_app.command("index")(oai_index)
dicom_app.command("index")(dicom_index)
app.add_typer(dicom_app, name="dicom")
app.add_typer(oai_app, name="oai")


def main() -> None:
    """Entry point: turn radfuse's own errors into messages and exit codes."""
    machine.mend_limits()
    try:
        try:
            code = _end_of_command()
        except KeyboardInterrupt:  # before typer, which makes an exit code of it without a word
            code = INTERRUPTED
        if code == INTERRUPTED:
            err.print("\nStopped. What was finished is kept; run again to go on.")
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:  # closed from outside, as some schedulers do
                stream.flush()
    except OSError as error:  # nobody hears us: what was printed, or the message on it, cannot be written
        code = _unheard(error)
    sys.exit(code)


def _check_words(words: Sequence[str]) -> None:
    """Refuse an empty path, which means the working folder to Python, and names that are not UTF-8."""
    for place, word in enumerate(words):
        utf8_name(Path(word))
        before = word[:-1] if word in _PATHS_EMPTY else words[place - 1] if place else ""
        if word in _PATHS_EMPTY or (not word and (before in _PATHS or not before.startswith("-"))):
            raise InputError(
                f"the path after {before or 'radfuse'} is empty (is a variable of the shell not set?); give it, or '.'"
            )


def _end_of_command() -> int:
    """Run the command and return its exit code, an error told."""
    try:
        _check_words(sys.argv[1:])
        app()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except InputError as error:
        if error.problems:
            show_problems(error.problems)
            count = sum(problem.severity == "error" for problem in error.problems)
            err.print(f"[red]{count} problem{'s' if count != 1 else ''}; nothing was computed.[/red]")
        else:
            err.print(f"[red]Error:[/red] {escape(str(error))}", soft_wrap=True)
        return BAD_INPUT
    except (CaseError, StudyError) as error:
        err.print(f"[red]Failed:[/red] {escape(str(error))}", soft_wrap=True)
        return SOME_FAILED
    except RadfuseError as error:
        err.print(f"[red]Error:[/red] {escape(str(error))}", soft_wrap=True)
        return STOPPED
    except MemoryError:
        err.print(
            "[red]Error:[/red] the memory is full; close other programs, or take a larger machine. What was "
            "finished is kept; run again to go on."
        )
        return STOPPED
    except Exception as error:  # the last net: one sentence for the user, all the rest into a file
        if isinstance(error, OSError) and error.errno in FULL:
            raise
        err.print(f"[red]Error:[/red] {escape(_unforeseen(error))}", soft_wrap=True)
        return UNFORESEEN
    return OK


def _unheard(error: OSError) -> int:
    """Say that the disk is full, where somebody listens; what still waits to be written goes nowhere."""
    text = (
        f"[red]Error:[/red] cannot write {escape(str(error.filename or 'what is printed'))}: "
        f"{error.strerror or error}; free some space, or let the output go elsewhere, and run again. What was "
        "finished is kept"
    )
    for console in (err, out):
        with contextlib.suppress(OSError):
            console.print(text, soft_wrap=True)
            console.file.flush()
            break
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # or Python itself would fail at its end, with a code of its own
            os.dup2(nowhere, stream.fileno())
    return STOPPED


def _unforeseen(error: Exception) -> str:
    """Write down an error no one foresaw, and return what to say of it."""
    from importlib.metadata import version

    handle, place = tempfile.mkstemp(prefix="radfuse-error-", suffix=".log", text=True)
    with open(handle, "w", encoding="utf-8") as log:  # noqa: PTH123  an open file by its number
        log.write(f"radfuse {version('radfuse')}, Python {sys.version}\n{' '.join(sys.argv)}\n\n")
        log.write("".join(traceback.format_exception(error)))
    first = str(error).splitlines()[0][:200] if str(error) else ""
    return (
        f"something unforeseen went wrong ({type(error).__name__}: {first}). It is not your input's fault alone; the "
        f"whole story is in {place}. Please report it with that file, after a look that no patient is named in it"
    )


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        out.print(f"radfuse {version('radfuse')}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    _: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and stop.")
    ] = False,
) -> None:
    """Take the options that stand before a command."""
    context.with_resource(typed())
