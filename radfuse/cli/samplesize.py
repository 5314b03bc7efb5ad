"""Command `samplesize`: how many patients a model takes, and how many a study has."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from radfuse.cli.arguments import Overrides
from radfuse.cli.show import out
from radfuse.errors import InputError

if TYPE_CHECKING:
    from radfuse.check.sample_size import Had
    from radfuse.statistics.sample_size import SampleSize


_ASKED = {"binary": ("prevalence",), "survival": ("rate", "follow_up", "horizon"), "continuous": ("mean", "sd")}
"""Kind of outcome -> what is to be known of it."""
_OPTIONS = {
    "prevalence": "--prevalence",
    "rate": "--rate",
    "follow_up": "--follow-up",
    "horizon": "--time",
    "mean": "--mean",
    "sd": "--sd",
}
_LACKING = {
    "binary": "say what share has the event, for example --prevalence 0.2, or give a study",
    "survival": "of survival it takes --rate, --follow-up and --time, all three, or a study",
    "continuous": "of a continuous outcome it takes --mean and --sd, both, or a study",
}
Predictors = Annotated[
    int | None,
    typer.Option(min=1, max=1_000_000_000, help="Candidate columns before selection; the study's.", show_default=False),
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
        float | None, typer.Option(help="Survival: events per person and time; the study's.", show_default=False)
    ] = None,
    follow_up: Annotated[
        float | None, typer.Option(help="Survival: mean follow-up; the study's.", show_default=False)
    ] = None,
    time: Annotated[
        float | None, typer.Option(help="Survival: time predicted for; the study's.", show_default=False)
    ] = None,
    mean: Annotated[
        float | None, typer.Option(help="Of a continuous outcome; the study's.", show_default=False)
    ] = None,
    sd: Annotated[float | None, typer.Option(help="Standard deviation of it; the study's.", show_default=False)] = None,
    run: Annotated[
        Path | None,
        typer.Option("--run", "--out", "-o", help="Run folder of the study; runs/NAME by default.", show_default=False),
    ] = None,
    set_: Overrides = None,
) -> None:
    """How many patients it takes to develop a model, by Riley's criteria, and how many a study has."""
    has = _had(study, run, set_ or []) if study is not None else None
    if predictors is None and has is not None and has.predictors:
        predictors = has.predictors
    if predictors is None:
        features = (
            "no features of the images lie in its run folder: run it, name the folder with --run, or"
            if has is not None
            else "no study is given:"
        )
        raise InputError(f"{features} say how many candidate columns there are, for example --predictors 30")
    said = {"prevalence": prevalence, "rate": rate, "follow_up": follow_up, "horizon": time, "mean": mean, "sd": sd}
    given = {name: value for name, value in said.items() if value is not None}
    asked = {**(has.asked if has is not None else {}), **given}
    _show(_wanted(asked, predictors, auc, r2, set(asked) - set(given)), has)


def _wanted(
    asked: Mapping[str, float], predictors: int, auc: float | None, r2: float | None, of_study: Collection[str] = ()
) -> SampleSize:
    """Return what it takes by what is known of the outcome; some of it the study says."""
    from radfuse.statistics import sample_size

    if auc is not None and r2 is not None:
        raise InputError("--auc and --r2 say the same thing; give one")
    kinds = {name for name, parts in _ASKED.items() if set(parts) & set(asked)}
    if auc is not None and kinds - {"binary"}:
        raise InputError("--auc is of a binary outcome; give --r2")
    if len(kinds) > 1:
        names = [name for kind in sorted(kinds) for name in _ASKED[kind] if name in asked]
        options = [f"the study's {name.replace('_', '-')}" if name in of_study else _OPTIONS[name] for name in names]
        raise InputError(f"{' and '.join(options)} are of different kinds of outcome; leave some out")
    kind = next(iter(kinds), "binary")
    if set(_ASKED[kind]) - set(asked):
        raise InputError(_LACKING[kind])
    try:
        if kind == "binary":
            return sample_size.binary(asked["prevalence"], predictors, _expected(asked["prevalence"], auc, r2))
        if kind == "continuous":
            expected = sample_size.USUAL_SHARE if r2 is None else r2
            return sample_size.continuous(asked["mean"], asked["sd"], predictors, expected)
        most = sample_size.most_r2_of_survival(sample_size.events_of(asked["rate"], asked["follow_up"]))
        expected = sample_size.USUAL_SHARE * most if r2 is None else r2
        return sample_size.survival(asked["rate"], asked["follow_up"], asked["horizon"], predictors, expected)
    except ValueError as error:
        raise InputError(f"{error}; correct it") from error


def _expected(prevalence: float, auc: float | None, r2: float | None) -> float:
    """Return the Cox-Snell R2 that is expected of a binary outcome."""
    from radfuse.statistics import sample_size

    if not 0 < prevalence < 1:
        raise InputError(f"--prevalence lies between 0 and 1, both left out; found {prevalence:g}")
    if auc is not None and not 0.5 < auc < 1:
        raise InputError(f"--auc lies between 0.5 and 1, both left out; found {auc:g}")
    usual = sample_size.USUAL_SHARE * sample_size.most_r2(prevalence)
    return sample_size.r2_of_auc(auc, prevalence) if auc is not None else usual if r2 is None else r2


def _had(study: Path, folder: Path | None, overrides: list[str]) -> Had:
    from radfuse.check.sample_size import had
    from radfuse.study import load_study

    loaded = load_study(study, overrides)
    return had(loaded, folder or Path("runs") / loaded.name)


def _show(wanted: SampleSize, has: Had | None) -> None:
    from rich import box
    from rich.table import Table

    title = f"{wanted.predictors} candidate predictors, expected R² {wanted.r2:.3f} of {wanted.most_r2:.3f} at most"
    table = Table("criterion", title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    eventful = wanted.needed.events is not None
    for name in ("units", *(("events", "events per predictor") if eventful else ("units per predictor",))):
        table.add_column(name, justify="right", no_wrap=True)
    rows = [*((item.name, item.units, item.events) for item in wanted.criteria)]
    rows.append(("needed, by all", wanted.needed.units, wanted.needed.events))
    if has is not None:
        rows.append(("the study has", has.units, has.events))
    for name, units, events in rows:
        each = (units if events is None else events) / wanted.predictors
        table.add_row(name, f"{units:,}", *([] if events is None else [f"{events:,.0f}"]), f"{each:.2f}")
    out.print(table)
    if has is not None:
        enough = (
            "meets all criteria"
            if has.units >= wanted.needed.units
            else "does not meet: " + ", ".join(item.name for item in wanted.criteria if has.units < item.units)
        )
        out.print(f"The study ({has.patients:,} patients) {enough}.", soft_wrap=True)
    out.print("Riley et al. 2020, doi:10.1136/bmj.m441. Units of one patient say less than as many patients.")
