"""Command `samplesize`: how many patients a model takes, and how many a study has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from radfuse.cli.arguments import OutFolder, Overrides
from radfuse.cli.show import out
from radfuse.errors import InputError

if TYPE_CHECKING:
    from radfuse.check.sample_size import Had
    from radfuse.statistics.sample_size import SampleSize


Predictors = Annotated[
    int | None, typer.Option(min=1, help="Candidate columns before selection; the study's.", show_default=False)
]


def samplesize(
    study: Annotated[
        Path | None, typer.Argument(metavar="STUDY.yaml", help="Whose table says the rest.", show_default=False)
    ] = None,
    prevalence: Annotated[float | None, typer.Option(help="Share of events; the study's.", show_default=False)] = None,
    predictors: Predictors = None,
    auc: Annotated[
        float | None, typer.Option(help="AUC that others reached; else 15% of R2.", show_default=False)
    ] = None,
    r2: Annotated[float | None, typer.Option(help="Cox-Snell R2, in its place.", show_default=False)] = None,
    rate: Annotated[
        float | None, typer.Option(help="Survival: events per person and time.", show_default=False)
    ] = None,
    follow_up: Annotated[float | None, typer.Option(help="Survival: mean follow-up.", show_default=False)] = None,
    time: Annotated[float | None, typer.Option(help="Survival: time predicted for.", show_default=False)] = None,
    out_: OutFolder = None,
    set_: Overrides = None,
) -> None:
    """How many patients it takes to develop a model, by Riley's criteria, and how many a study has."""
    has = _had(study, out_, set_ or []) if study is not None else None
    if predictors is None and has is not None and has.predictors:
        predictors = has.predictors
    if predictors is None:
        features = (
            "features are yet to be made from images: run it first, or" if has is not None else "no study is given:"
        )
        raise InputError(f"{features} say how many candidate columns there are, for example --predictors 30")
    survival = (rate, follow_up, time)
    if any(value is not None for value in survival):
        wanted = _survival(rate, follow_up, time, predictors, r2)
        has = None
    else:
        if prevalence is None and has is not None:
            prevalence = has.events / has.units
        wanted = _binary(prevalence, predictors, auc, r2)
    _show(wanted, has)


def _had(study: Path, folder: Path | None, overrides: list[str]) -> Had:
    from radfuse.check.sample_size import had
    from radfuse.study import load_study

    loaded = load_study(study, overrides)
    return had(loaded, folder or Path("runs") / loaded.name)


def _binary(prevalence: float | None, predictors: int, auc: float | None, r2: float | None) -> SampleSize:
    from radfuse.statistics import sample_size

    if prevalence is None:
        raise InputError("say what share has the event, for example --prevalence 0.2, or give a study")
    if not 0 < prevalence < 1:
        raise InputError(f"--prevalence lies between 0 and 1, both left out; found {prevalence:g}")
    if auc is not None and r2 is not None:
        raise InputError("--auc and --r2 say the same thing; give one")
    if auc is not None and not 0.5 < auc < 1:
        raise InputError(f"--auc lies between 0.5 and 1, both left out; found {auc:g}")
    usual = sample_size.USUAL_SHARE * sample_size.most_r2(prevalence)
    expected = sample_size.r2_of_auc(auc, prevalence) if auc is not None else r2 if r2 is not None else usual
    try:
        return sample_size.binary(prevalence, predictors, expected)
    except ValueError as error:
        raise InputError(f"{error}; correct --r2") from error


def _survival(
    rate: float | None, follow_up: float | None, time: float | None, predictors: int, r2: float | None
) -> SampleSize:
    from radfuse.statistics import sample_size

    if rate is None or follow_up is None or time is None or r2 is None:
        raise InputError("of survival it takes --rate, --follow-up, --time and --r2, all four")
    try:
        return sample_size.survival(rate, follow_up, time, predictors, r2)
    except ValueError as error:
        raise InputError(f"{error}; correct it") from error


def _show(wanted: SampleSize, has: Had | None) -> None:
    from rich import box
    from rich.table import Table

    title = f"{wanted.predictors} candidate predictors, expected R² {wanted.r2:.3f} of {wanted.most_r2:.3f} at most"
    table = Table("criterion", title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in ("units", "events", "events per predictor"):
        table.add_column(name, justify="right", no_wrap=True)
    for item in (*wanted.criteria, wanted.needed):
        name = item.name if item in wanted.criteria and table.row_count < len(wanted.criteria) else "needed, by all"
        table.add_row(name, f"{item.units:,}", f"{item.events:,.0f}", f"{item.per_predictor:.2f}")
    if has is not None:
        table.add_row("the study has", f"{has.units:,}", f"{has.events:,}", f"{has.events / wanted.predictors:.2f}")
    out.print(table)
    if has is not None:
        enough = (
            "meets all criteria"
            if has.units >= wanted.needed.units
            else "does not meet: " + ", ".join(item.name for item in wanted.criteria if has.units < item.units)
        )
        out.print(f"The study ({has.patients:,} patients) {enough}.", soft_wrap=True)
    out.print("Riley et al. 2020, doi:10.1136/bmj.m441. Units of one patient say less than as many patients.")
