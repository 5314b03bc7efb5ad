"""Commands that work on a study: `run`, `check`, and one for each stage that is listed with a command."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from radfuse.cli.arguments import GpuShare, On, Overrides, RetryFailed, RunPlace, Shard, StudyFile, Work
from radfuse.cli.show import (
    SOME_FAILED,
    out,
    progress,
    show_ahead,
    show_copy,
    show_next,
    show_performance,
    show_problems,
)
from radfuse.errors import counted

if TYPE_CHECKING:
    from radfuse.pipeline import Run


def run(
    study: StudyFile,
    out_: RunPlace = None,
    set_: Overrides = None,
    retry_failed: RetryFailed = False,
    on: On = "local",
    gpu_share: GpuShare = None,
    work: Work = None,
) -> None:
    """Run all stages of a study, resuming what is finished."""
    _stage(study, out_, set_, "report", retry_failed=retry_failed, on=on, gpu_share=gpu_share, work=work)


def check(study: StudyFile, set_: Overrides = None) -> None:
    """Check config, tables, outcome, and each image header and mask, before any compute."""
    from radfuse.check.inputs import Inputs
    from radfuse.check.study import check_study
    from radfuse.study import load_study

    loaded = load_study(study, set_ or ())
    with progress() as tell:
        checked = check_study(loaded, tell)
    show_problems(checked.warnings)
    if isinstance(checked, Inputs):
        masks = sum(case.mask is not None for case in checked.cohort)
        out.print(f"[green]Ready.[/green] {counted(len(checked.cohort), 'case')} with images, {masks} with a mask")
        return
    units = checked.design.units
    blocks = ", ".join(
        f"{name} ({counted(values.shape[1], 'column')})" for name, values in checked.design.blocks.items()
    )
    families = ", ".join(loaded.families)
    folds = counted(len(checked.folds), "fold")
    out.print(f"[green]Ready.[/green] {counted(len(units), 'unit')}, {folds}, families: {families}")
    out.print(f"Blocks: {blocks}")


def stage_command(name: str, shards: bool) -> Callable[..., None]:
    """Return the command that works on a study up to a stage.

    Args:
        name: of the stage.
        shards: it takes --shard.
    """

    def whole(
        study: StudyFile,
        out_: RunPlace = None,
        set_: Overrides = None,
        retry_failed: RetryFailed = False,
        work: Work = None,
    ) -> None:
        _stage(study, out_, set_, name, retry_failed=retry_failed, work=work)

    def part(
        study: StudyFile,
        out_: RunPlace = None,
        set_: Overrides = None,
        shard: Shard = None,
        retry_failed: RetryFailed = False,
        on: On = "local",
        gpu_share: GpuShare = None,
        work: Work = None,
    ) -> None:
        _stage(study, out_, set_, name, shard, retry_failed=retry_failed, on=on, gpu_share=gpu_share, work=work)

    return part if shards else whole


def _stage(
    study: Path,
    folder: str | Path | None,
    overrides: Sequence[str] | None,
    until: str,
    shard: str | None = None,
    *,
    retry_failed: bool,
    on: str = "local",
    gpu_share: float | None = None,
    work: Path | None = None,
) -> None:
    finished = run_to(
        study, folder, overrides or (), until, shard, retry_failed=retry_failed, on=on, gpu_share=gpu_share, work=work
    )
    if finished.results is not None:
        results = finished.results
        show_performance(results.performance, results.outer_folds, results.repeats)
    show_next(finished, until)
    if finished.failures:
        raise typer.Exit(SOME_FAILED)


def run_to(
    study: Path,
    folder: str | Path | None,
    overrides: Sequence[str],
    until: str,
    shard: str | None = None,
    *,
    retry_failed: bool = False,
    on: str = "local",
    gpu_share: float | None = None,
    work: Path | None = None,
) -> Run:
    """Run a study up to a stage with progress, and show what was remarkable."""
    from radfuse.pipeline import run_study
    from radfuse.study import load_study

    loaded = load_study(study, overrides)
    show_copy(folder, work)
    with progress() as tell:
        finished = run_study(
            loaded,
            folder,
            until=until,
            shard=shard,
            retry_failed=retry_failed,
            on=on,
            gpu_share=gpu_share,
            work=work,
            command=["run", study.name, *(word for override in overrides for word in ("--set", override))],
            progress=tell,
            warn=show_ahead,
        )
    show_problems(finished.warnings)
    return finished
