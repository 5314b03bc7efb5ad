"""Command `audit`: what would make a study's results better than they are, check by check."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from radfuse.cli.arguments import Overrides, RunMade, StudyFile
from radfuse.cli.show import BAD_INPUT, SOME_FAILED, out, progress
from radfuse.errors import InputError
from radfuse.run.disk import check_folder, write_folder

if TYPE_CHECKING:
    from radfuse.results import Audit
    from radfuse.stages.prepare import Prepared
    from radfuse.study import Study

_COLOURS = {"error": "red", "warning": "yellow", "remark": "cyan"}


def audit(
    study: StudyFile,
    out_: Annotated[Path | None, typer.Option("--out", "-o", help="Folder for a page of what was found.")] = None,
    run: RunMade = None,
    honesty: Annotated[
        bool,
        typer.Option("--honesty", help="Fit every family with its held-out rows turned to noise, rather than one."),
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit code 1 where there is a warning; an error is 2 anyway.")
    ] = False,
    set_: Overrides = None,
) -> None:
    """Look for leaks in a study: people in two folds, near-duplicate rows, columns that tell too much, and more."""
    from radfuse.study import load_study

    loaded = load_study(study, set_ or ())
    if out_ is not None:
        check_folder(out_)
    with progress() as tell:
        tell("auditing", 0, 2)
        prepared = _prepared(loaded, run or Path("runs") / loaded.name)
        tell("auditing", 1, 2)
        found = _whole(loaded, prepared, every=honesty)
        tell("auditing", 2, 2)
    _show(found)
    if out_ is not None:
        from radfuse.report.audit import AuditReport, audit_page
        from radfuse.report.study import Made

        page = audit_page(AuditReport(loaded.title or loaded.name, found, Made.today(["audit", study.name])))
        write_folder(out_, {name: text.encode() if isinstance(text, str) else text for name, text in page.items()})
        out.print(f"Page: {escape(str(out_ / 'index.html'))}", soft_wrap=True)
    severities = {finding.severity for _, finding in found.findings}
    if "error" in severities:
        raise typer.Exit(BAD_INPUT)
    if strict and "warning" in severities:
        raise typer.Exit(SOME_FAILED)


def _prepared(study: Study, run: Path) -> Prepared:
    """Return the design: made of tables here, of images taken from the run folder."""
    from radfuse.check.inputs import read_inputs
    from radfuse.stages import prepare

    if not study.regions:
        read_inputs(study)
        return prepare.joined(prepare.job_of(study))
    if not (run / prepare.PLACE / "design.json").is_file():
        raise InputError(
            f"{study.name!r} starts from images, and {run} holds no features of them yet: run `radfuse fuse` first, or "
            "name its run folder with --run"
        )
    return prepare.read_design(run / prepare.PLACE)


def _whole(study: Study, prepared: Prepared, *, every: bool) -> Audit:
    """Return all checks; volume alone stands beside its whole block here, beside the families in the report."""
    from radfuse.audit import honesty, volume
    from radfuse.results import AuditCheck
    from radfuse.stages import audit as stage

    if any(finding.severity == "error" for _, finding in prepared.audit.findings):
        first = "what is an error above is to be mended before anything is fitted"
        told = tuple(AuditCheck(name=one.NAME, looks=one.LOOKS, skipped=first) for one in (volume, honesty))
    else:
        job = stage.job_of(study, Path(), every=every)
        told = (stage.volume_of(prepared, study), stage.honesty_of(prepared, job))
    return prepared.audit.model_copy(update={"checks": (*prepared.audit.checks, *told)})


def _show(found: Audit) -> None:
    """Print each check with what it came to."""
    for check in found.checks:
        if check.skipped:
            out.print(f"[dim]-[/dim] [bold]{check.name}[/bold]: not made, {escape(check.skipped)}", soft_wrap=True)
        elif not check.findings:
            out.print(f"[green]ok[/green] [bold]{check.name}[/bold]: {escape(check.told)}", soft_wrap=True)
        for finding in check.findings:
            mark = f"[{_COLOURS[finding.severity]}]{finding.severity}[/{_COLOURS[finding.severity]}]"
            text = f"{finding.where}: {finding.text}"
            out.print(f"{mark} [bold]{check.name}[/bold]: {escape(text)}", soft_wrap=True)
    counts = {name: sum(item.severity == name for _, item in found.findings) for name in _COLOURS}
    told = ", ".join(f"{count} {name}{'s' if count != 1 else ''}" for name, count in counts.items())
    out.print(f"{len(found.checks)} checks: {told}")
