"""Command `learning-curve`: families on growing shares of patients."""

from __future__ import annotations

from typing import Annotated

import typer

from radfuse.cli.arguments import Overrides, RunPlace, StudyFile, Work
from radfuse.cli.show import SOME_FAILED, show_next
from radfuse.cli.study import run_to

Shares = Annotated[
    str | None,
    typer.Option(
        metavar="LIST",
        help="Shares of the training patients, e.g. 0.2,0.4,0.6,0.8,1, the usual ones.",
        show_default=False,
    ),
]
Repeats = Annotated[
    int | None, typer.Option(min=1, help="Draws of each share; 5 where the study says nothing.", show_default=False)
]


def learning_curve(
    study: StudyFile,
    out_: RunPlace = None,
    set_: Overrides = None,
    shares: Shares = None,
    repeats: Repeats = None,
    work: Work = None,
) -> None:
    """Fit the families on growing shares of the patients, and report how they learn; see evaluation.learning_curve."""
    from radfuse.study import load_study

    asked = []
    if shares is not None:
        listed = ", ".join(shares.replace(",", " ").split())
        asked.append(f"evaluation.learning_curve.shares=[{listed}]")
    if repeats is not None:
        asked.append(f"evaluation.learning_curve.repeats={repeats}")
    if not asked and load_study(study, set_ or ()).evaluation.learning_curve is None:
        asked.append("evaluation.learning_curve={}")
    finished = run_to(study, out_, [*(set_ or ()), *asked], "report", work=work)
    show_next(finished)
    if finished.failures:
        raise typer.Exit(SOME_FAILED)
