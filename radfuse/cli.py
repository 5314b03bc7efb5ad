"""The command line: one subcommand per stage, thin. Everything heavy is imported inside the command that needs it."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from radfuse.errors import CaseError, InputError, Problem, RadfuseError, RunError

if TYPE_CHECKING:
    from radfuse.pipeline import Run, Stage
    from radfuse.results import Failure

OK, SOME_FAILED, BAD_INPUT, STOPPED = 0, 1, 2, 3

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
app.add_typer(phantom_app, name="phantom")

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

StudyFile = Annotated[Path, typer.Argument(metavar="STUDY.yaml", help="The study file.", show_default=False)]
OutFolder = Annotated[
    Path | None, typer.Option("--out", "-o", help="Run folder; runs/NAME by default.", show_default=False)
]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a setting, e.g. fusion.inner_folds=3.")
]
Shard = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="I/N",
        help="Job I of N: cases I, I+N, ... only, into the same run folder.",
        show_default=False,
    ),
]
BundleFolder = Annotated[
    Path, typer.Argument(metavar="BUNDLE", help="Folder that `radfuse export` wrote.", show_default=False)
]
NewTable = Annotated[
    Path, typer.Argument(metavar="TABLE", help="Cohort table of the new patients.", show_default=False)
]
NewFeatures = Annotated[
    list[str] | None,
    typer.Option(
        "--features", metavar="BLOCK=FILE", help="Feature table of a block; by default features stand in TABLE."
    ),
]
Families = Annotated[list[str] | None, typer.Option("--family", help="Only this family; may be repeated.")]
ResultFolder = Annotated[Path, typer.Option("--out", "-o", help="Folder for the results.", show_default=False)]


@app.command()
def run(study: StudyFile, out_: OutFolder = None, set_: Overrides = None) -> None:
    """Run all stages of a study, resuming what is finished."""
    _stage(study, out_, set_, "report")


@app.command()
def check(study: StudyFile, set_: Overrides = None) -> None:
    """Check config, tables, outcome, and each image header and mask, before any compute."""
    from radfuse.casework import Inputs
    from radfuse.pipeline import check_study
    from radfuse.study import load_study

    loaded = load_study(study, set_ or ())
    with _progress() as progress:
        checked = check_study(loaded, progress)
    _show_problems(checked.warnings)
    if isinstance(checked, Inputs):
        masks = sum(case.mask is not None for case in checked.cohort)
        out.print(f"[green]Ready.[/green] {len(checked.cohort)} cases with images, {masks} with a mask")
        return
    units = checked.design.units
    blocks = ", ".join(f"{name} ({values.shape[1]} columns)" for name, values in checked.design.blocks.items())
    families = ", ".join(checked.families)
    out.print(f"[green]Ready.[/green] {len(units)} units, {len(checked.folds)} folds, families: {families}")
    out.print(f"Blocks: {blocks}")


@app.command()
def train(study: StudyFile, out_: OutFolder = None, set_: Overrides = None) -> None:
    """Train the segmentation networks: one per outer fold, and one on all manual masks."""
    _stage(study, out_, set_, "train")


@app.command()
def segment(study: StudyFile, out_: OutFolder = None, set_: Overrides = None, shard: Shard = None) -> None:
    """Segment every case by a network that never saw its patient."""
    _stage(study, out_, set_, "segment", shard)


@app.command()
def regions(study: StudyFile, out_: OutFolder = None, set_: Overrides = None, shard: Shard = None) -> None:
    """Write each case's regions as label maps, to look at in a viewer; `run` does not need them."""
    _stage(study, out_, set_, "regions", shard)


@app.command()
def extract(study: StudyFile, out_: OutFolder = None, set_: Overrides = None, shard: Shard = None) -> None:
    """Radiomic features of every case from its images and masks."""
    _stage(study, out_, set_, "extract", shard)


@app.command()
def deep(study: StudyFile, out_: OutFolder = None, set_: Overrides = None, shard: Shard = None) -> None:
    """Deep features of every case by the encoder of each fold's network."""
    _stage(study, out_, set_, "deep", shard)


@app.command()
def stability(study: StudyFile, out_: OutFolder = None, set_: Overrides = None) -> None:
    """How features hold when image and mask are disturbed, and between two readers: ICC with intervals."""
    _stage(study, out_, set_, "stability")


@app.command()
def fuse(study: StudyFile, out_: OutFolder = None, set_: Overrides = None) -> None:
    """Fit and compare the families on the same folds."""
    _stage(study, out_, set_, "fuse")


@app.command()
def export(study: StudyFile, out_: OutFolder = None, set_: Overrides = None) -> None:
    """Refit each family on all units and write the ONNX bundle."""
    _stage(study, out_, set_, "export")


@app.command()
def report(study: StudyFile, out_: OutFolder = None, set_: Overrides = None) -> None:
    """Write the report, computing first what is not there yet."""
    _stage(study, out_, set_, "report")


@app.command()
def predict(
    bundle: BundleFolder, table: NewTable, out_: ResultFolder, features: NewFeatures = None, family: Families = None
) -> None:
    """Predict new patients with a bundle; needs onnxruntime only."""
    from radfuse.bundle import load_bundle, prediction_table
    from radfuse.bundle import predict as predict_units
    from radfuse.runs import write_atomically

    opened = load_bundle(bundle)
    with _progress() as progress, _writing(out_):
        prediction = predict_units(
            opened, table, _pairs(features), family or (), labels_out=out_ / "labels", progress=progress
        )
    _show_problems(prediction.warnings)
    _show_failures(prediction.failures)
    with _writing(out_):
        out_.mkdir(parents=True, exist_ok=True)
        content = prediction_table(opened, prediction).to_csv(index=False)
        write_atomically(out_ / "predictions.csv", content.encode())
    names = ", ".join(map(str, prediction.probabilities))
    out.print(f"{len(prediction.units)} units, families: {names} -> {escape(str(out_ / 'predictions.csv'))}")
    if prediction.failures:
        raise typer.Exit(SOME_FAILED)


@app.command()
def evaluate(
    bundle: BundleFolder,
    table: NewTable,
    out_: ResultFolder,
    features: NewFeatures = None,
    family: Families = None,
    recalibrate: Annotated[bool, typer.Option(help="Also give the recalibration these patients call for.")] = False,
) -> None:
    """Measure a frozen bundle on labelled patients; nothing is refitted."""
    from radfuse.bundle import evaluate as evaluate_units
    from radfuse.bundle import load_bundle, prediction_table, recalibrated
    from radfuse.report.evaluation import EvaluationReport
    from radfuse.report.page import evaluation_report
    from radfuse.runs import write_atomically

    opened = load_bundle(bundle)
    with _progress() as progress, _writing(out_):
        evaluation, prediction, long = evaluate_units(
            opened, table, _pairs(features), family or (), recalibrate=recalibrate, progress=progress
        )
    _show_problems(prediction.warnings)
    _show_failures(prediction.failures)
    rows = prediction_table(opened, prediction)
    for name, by in evaluation.recalibration.items():
        rows[f"{name}_recalibrated"] = recalibrated(prediction.probabilities[name].to_numpy(), by)
    with _writing(out_):
        out_.mkdir(parents=True, exist_ok=True)
        write_atomically(out_ / "predictions.csv", rows.to_csv(index=False).encode())
        write_atomically(out_ / "evaluation.json", evaluation.model_dump_json(indent=1).encode())
        schema = opened.schema
        report = EvaluationReport(
            title=schema.title,
            table=evaluation.table,
            performance=evaluation.performance,
            comparisons=evaluation.comparisons,
            before={family: item.performance for family, item in schema.families.items()},
            trained_units=schema.trained_on["units"],
            predictions=long,
            versions=schema.versions,
            sections=schema.outcome.evaluation_sections(),
            recalibration={family: (by.intercept, by.slope) for family, by in evaluation.recalibration.items()},
        )
        for name, text in evaluation_report(report).items():
            (out_ / name).parent.mkdir(parents=True, exist_ok=True)
            (out_ / name).write_text(text, encoding="utf-8")
    _show_performance(evaluation.performance, folds=1)
    out.print(f"Report: {escape(str(out_ / 'index.html'))}")
    if prediction.failures:
        raise typer.Exit(SOME_FAILED)


@app.command()
def radiomics(
    image: Annotated[
        Path, typer.Argument(metavar="IMAGE", help="NIfTI, NRRD, MHA or DICOM folder.", show_default=False)
    ],
    mask: Annotated[Path, typer.Argument(metavar="MASK", help="Segmentation on the same grid.", show_default=False)],
    params: Annotated[
        Path | None, typer.Option(metavar="FILE", help="PyRadiomics parameter file.", show_default=False)
    ] = None,
    engine: Annotated[str, typer.Option(help="Who computes: fast, or pyradiomics.")] = "fast",
    label: Annotated[list[int] | None, typer.Option(help="Only this label; may be repeated. All by default.")] = None,
    out_: Annotated[
        Path | None, typer.Option("--out", "-o", help="CSV to write; printed by default.", show_default=False)
    ] = None,
) -> None:
    """Radiomic features of one image, a row per label."""
    from radfuse.radiomics.config import RadiomicsConfig
    from radfuse.radiomics.engine import extract, plan_of
    from radfuse.runs import write_atomically
    from radfuse.volume.files import read_labels, read_volume

    config = RadiomicsConfig(params=params) if params is not None else RadiomicsConfig()
    plan = plan_of(config)
    volume, labels = read_volume(image), read_labels(mask, channel=plan.settings.mask_channel)
    with err.status("extracting features") as status:
        if engine == "fast":
            from radfuse.radiomics.kernels import warm_up

            warm_up(plan, status.update)
        table = extract(volume, labels, config, engine=engine, only=label or ())
    for row, causes in table.provenance["missing"].items():
        for feature, cause in causes.items():
            err.print(
                f"[yellow]no value[/yellow] label {escape(row)}, {escape(feature)}: {escape(cause)}", soft_wrap=True
            )
    if out_ is None:
        sys.stdout.write(table.values.to_csv())
        return
    with _writing(out_):
        out_.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(out_, table.values.to_csv().encode())
        write_atomically(out_.with_suffix(".json"), json.dumps(table.provenance, indent=1, default=str).encode())
    out.print(f"{len(table.values)} labels, {len(table.names)} features -> {escape(str(out_))}", soft_wrap=True)


@app.command()
def configs(
    name: Annotated[str | None, typer.Argument(help="Write this one out.", show_default=False)] = None,
    out_: Annotated[
        Path | None, typer.Option("--out", "-o", help="File to write; printed by default.", show_default=False)
    ] = None,
) -> None:
    """List the shipped studies, or write one out."""
    from radfuse.study import shipped_studies, shipped_study

    if name is None:
        for known, text in shipped_studies().items():
            first = next((line[1:].strip() for line in text.splitlines() if line.startswith("#")), "")
            out.print(f"[bold]{known:<12}[/bold] {escape(first)}", soft_wrap=True)
        return
    text = shipped_study(name)
    if out_ is None:
        sys.stdout.write(text)
        return
    if out_.exists():
        raise InputError(f"{out_} exists; choose another file with --out")
    with _writing(out_):
        out_.parent.mkdir(parents=True, exist_ok=True)
        out_.write_text(text, encoding="utf-8")
    out.print(f"Wrote {escape(str(out_))}")


@phantom_app.command("table")
def phantom_table(
    out_: Annotated[Path, typer.Option("--out", "-o", help="Folder to write.", show_default=False)],
    patients: Annotated[int, typer.Option(min=20, help="Number of patients; four in five have two knees.")] = 300,
    seed: Annotated[int, typer.Option(help="Of the draw.")] = 7,
    prevalence: Annotated[float, typer.Option(min=0.02, max=0.98, help="Share of knees with the event.")] = 0.35,
) -> None:
    """Clinical, radiomic and deep tables with planted contributions and a known reachable AUC."""
    from radfuse.config import build
    from radfuse.phantom.table import TablePhantom, write_table_phantom

    config = build(TablePhantom, {"patients": patients, "seed": seed, "prevalence": prevalence}, "phantom table")
    with _writing(out_):
        study = write_table_phantom(out_, config)
    out.print(
        f"Wrote {patients} patients to {escape(str(out_))}. Next: [bold]radfuse run {escape(str(study))}[/bold]",
        soft_wrap=True,
    )


@phantom_app.command("knee")
def phantom_knee(
    out_: Annotated[Path, typer.Option("--out", "-o", help="Folder to write.", show_default=False)],
    cases: Annotated[int, typer.Option(min=8, help="Number of knees; four in five people have two.")] = 40,
    seed: Annotated[int, typer.Option(help="Of the draw.")] = 7,
    visits: Annotated[int, typer.Option(min=1, max=2, help="Images of each knee.")] = 1,
) -> None:
    """DESS-like knees with masks and an outcome planted in clinic, texture and the place of a lesion."""
    from radfuse.config import build
    from radfuse.phantom.knee import KneePhantom, write_knee_phantom

    config = build(KneePhantom, {"cases": cases, "seed": seed, "visits": visits}, "phantom knee")
    with _writing(out_), _progress() as progress:
        study = write_knee_phantom(out_, config, progress)
    out.print(
        f"Wrote {cases * visits} images of {cases} knees to {escape(str(out_))}. "
        f"Next: [bold]radfuse run {escape(str(study))}[/bold]",
        soft_wrap=True,
    )


@app.command()
def demo(
    out_: Annotated[Path, typer.Option("--out", "-o", help="Folder for cohort and results.")] = Path("radfuse-demo"),
) -> None:
    """Synthetic knees through everything: networks, masks, regions, features, models, bundle, report. About 5 min."""
    import pandas as pd
    from rich.table import Table

    from radfuse.phantom.knee import KneePhantom, write_knee_phantom
    from radfuse.phantom.table import reachable_auc

    study = out_ / "cohort" / "study.yaml"
    if not study.is_file():  # written last; a killed demo draws again
        with _writing(out_), _progress() as progress:
            write_knee_phantom(out_ / "cohort", KneePhantom(), progress)
    finished = _run(study, out_ / "run", (), "report")
    truth = pd.read_csv(out_ / "cohort" / "truth.csv")
    table = Table("family", "measured AUC (95% CI)", "reachable AUC", title="How near the models come to the truth")
    assert finished.results is not None
    for item in finished.results.performance:
        table.add_row(item.family, _interval(item.auc), f"{reachable_auc(truth, item.family):.3f}")
    out.print(table)
    out.print("40 knees are few: the intervals are wide. `radfuse phantom knee --cases N` draws more.")
    _show_next(finished)
    raise typer.Exit(SOME_FAILED if finished.failures else OK)


def main() -> None:
    """Entry point: turn radfuse's own errors into messages and exit codes."""
    try:
        app()
    except InputError as error:
        if error.problems:
            _show_problems(error.problems)
            count = sum(problem.severity == "error" for problem in error.problems)
            err.print(f"[red]{count} problem{'s' if count != 1 else ''}; nothing was computed.[/red]")
        else:
            err.print(f"[red]Error:[/red] {escape(str(error))}", soft_wrap=True)
        sys.exit(BAD_INPUT)
    except CaseError as error:
        err.print(f"[red]Failed:[/red] {escape(str(error))}", soft_wrap=True)
        sys.exit(SOME_FAILED)
    except RadfuseError as error:
        err.print(f"[red]Error:[/red] {escape(str(error))}", soft_wrap=True)
        sys.exit(STOPPED)
    except KeyboardInterrupt:
        err.print("\nStopped. What was finished is kept; run again to go on.")
        sys.exit(130)


def _stage(
    study: Path, folder: Path | None, overrides: Sequence[str] | None, until: Stage, shard: str | None = None
) -> None:
    finished = _run(study, folder, overrides or (), until, shard)
    if finished.results is not None:
        _show_performance(finished.results.performance, finished.results.outer_folds)
    _show_next(finished, until)
    if finished.failures:
        raise typer.Exit(SOME_FAILED)


def _run(study: Path, folder: Path | None, overrides: Sequence[str], until: Stage, shard: str | None = None) -> Run:
    from radfuse.pipeline import run_study
    from radfuse.study import load_study

    loaded = load_study(study, overrides)
    with _progress() as progress:
        finished = run_study(loaded, folder, until=until, shard=shard, progress=progress)
    _show_problems(finished.warnings)
    return finished


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description:<32}"),
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
                tasks[stage] = bar.add_task(what, total=total)
            bar.update(tasks[stage], description=what, completed=done, total=total)

        yield tell


@contextlib.contextmanager
def _writing(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RunError(f"cannot write {place}: {error.strerror}; choose another folder with --out") from error


def _pairs(features: Sequence[str] | None) -> dict[str, Path]:
    pairs = {}
    for text in features or ():
        block, equals, file = text.partition("=")
        if not equals:
            raise InputError(f"--features {text!r} is not BLOCK=FILE, for example --features radiomic=radiomic.csv")
        pairs[block] = Path(file)
    return pairs


def _show_failures(failures: Sequence[Failure]) -> None:
    for failure in failures:
        err.print(f"[red]failed[/red] {escape(failure.item)}: {escape(failure.error)}", soft_wrap=True)


def _show_problems(problems: Sequence[Problem]) -> None:
    if not problems:
        return
    from rich import box
    from rich.table import Table

    table = Table("", "where", "row", "column", "what, and how to mend it", box=box.SIMPLE_HEAD, pad_edge=False)
    table.columns[3].overflow = table.columns[1].overflow = "fold"
    table.columns[4].ratio = 1
    for problem in sorted(problems, key=lambda problem: problem.severity):
        style = "red" if problem.severity == "error" else "yellow"
        row = str(problem.row) if problem.row is not None else ""
        table.add_row(
            f"[{style}]{problem.severity}[/{style}]",
            escape(problem.where),
            row,
            escape(problem.column or ""),
            escape(problem.message),
        )
    err.print(table)


def _show_performance(performance: Sequence[Any], folds: int) -> None:
    from rich import box
    from rich.table import Table

    title = f"Test folds: {folds}; AUC averaged over them" if folds > 1 else None
    table = Table("family", title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=0, show_edge=False)
    for name, width in (("AUC (95% CI)", 19), ("Brier", 5), ("sensitivity", 11), ("specificity", 11)):
        table.add_column(name, no_wrap=True, min_width=width)
    for item in performance:
        rest = (item.brier.value, item.sensitivity.value, item.specificity.value)
        table.add_row(item.family, _interval(item.auc), *(_number(value) for value in rest))
    out.print(table)


def _interval(interval: Any) -> str:
    if interval.low is None or interval.high is None:
        return _number(interval.value)
    return f"{interval.value:.3f} ({interval.low:.3f}-{interval.high:.3f})"


def _number(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.3f}"


def _show_next(finished: Run, until: Stage = "report") -> None:
    _show_failures(finished.failures)
    out.print(
        f"{finished.computed} results computed, {finished.reused} found finished in {escape(str(finished.path))}",
        soft_wrap=True,
    )
    if until in ("export", "report"):
        out.print(f"Bundle: {escape(str(finished.path / 'bundle'))}", soft_wrap=True)
    if until == "report":
        out.print(f"Report: {escape(str(finished.report))}", soft_wrap=True)
    if until == "stability":
        out.print(f"Report: {escape(str(finished.path / 'stability' / 'index.html'))}", soft_wrap=True)


if __name__ == "__main__":
    main()
