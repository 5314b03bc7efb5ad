"""Commands on a bundle: `predict` and `evaluate`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from radfuse.cli.arguments import BundleFolder, Families, NewFeatures, NewTable, ResultFolder
from radfuse.cli.show import (
    SOME_FAILED,
    out,
    progress,
    show_failures,
    show_performance,
    show_problems,
    writing,
)
from radfuse.errors import InputError


def predict(
    bundle: BundleFolder, table: NewTable, out_: ResultFolder, features: NewFeatures = None, family: Families = None
) -> None:
    """Predict new patients with a bundle; needs onnxruntime only."""
    from radfuse.bundle.load import load_bundle
    from radfuse.bundle.predict import predict as predict_units
    from radfuse.bundle.predict import prediction_table
    from radfuse.run.disk import write_atomically

    opened = load_bundle(bundle)
    with progress() as tell:
        prediction = predict_units(
            opened, table, _pairs(features), family or (), labels_out=out_ / "labels", progress=tell
        )
    show_problems(prediction.warnings)
    show_failures(prediction.failures)
    with writing(out_):
        out_.mkdir(parents=True, exist_ok=True)
        content = prediction_table(opened, prediction).to_csv(index=False)
        write_atomically(out_ / "predictions.csv", content.encode())
    names = ", ".join(map(str, prediction.probabilities))
    out.print(f"{len(prediction.units)} units, families: {names} -> {escape(str(out_ / 'predictions.csv'))}")
    if prediction.failures:
        raise typer.Exit(SOME_FAILED)


def evaluate(
    bundle: BundleFolder,
    table: NewTable,
    out_: ResultFolder,
    features: NewFeatures = None,
    family: Families = None,
    recalibrate: Annotated[bool, typer.Option(help="Also give the recalibration these patients call for.")] = False,
) -> None:
    """Measure a frozen bundle on labelled patients; nothing is refitted."""
    from radfuse.bundle.evaluate import evaluate as evaluate_units
    from radfuse.bundle.evaluate import recalibrated
    from radfuse.bundle.load import load_bundle
    from radfuse.bundle.predict import prediction_table
    from radfuse.report.evaluation import EvaluationReport
    from radfuse.report.page import evaluation_report
    from radfuse.run.disk import write_atomically

    opened = load_bundle(bundle)
    with progress() as tell:
        evaluation, prediction, long = evaluate_units(
            opened, table, _pairs(features), family or (), recalibrate=recalibrate, progress=tell
        )
    show_problems(prediction.warnings)
    show_failures(prediction.failures)
    schema = opened.schema
    report = EvaluationReport(
        title=schema.title,
        table=evaluation.table,
        performance=evaluation.performance,
        comparisons=evaluation.comparisons,
        before={name: item.performance for name, item in schema.families.items()},
        trained_units=schema.trained_on["units"],
        predictions=long,
        versions=schema.versions,
        sections=schema.opened_outcome().evaluation_sections(),
        recalibration={name: (by.intercept, by.slope) for name, by in evaluation.recalibration.items()},
    )
    rows = prediction_table(opened, prediction)
    for name, by in evaluation.recalibration.items():
        rows[f"{name}_recalibrated"] = recalibrated(prediction.probabilities[name].to_numpy(), by)
    with writing(out_):
        out_.mkdir(parents=True, exist_ok=True)
        write_atomically(out_ / "predictions.csv", rows.to_csv(index=False).encode())
        write_atomically(out_ / "evaluation.json", evaluation.model_dump_json(indent=1).encode())
        for name, text in evaluation_report(report).items():
            (out_ / name).parent.mkdir(parents=True, exist_ok=True)
            write_atomically(out_ / name, text.encode())
    show_performance(evaluation.performance, folds=1)
    out.print(f"Report: {escape(str(out_ / 'index.html'))}")
    if prediction.failures:
        raise typer.Exit(SOME_FAILED)


def _pairs(features: Sequence[str] | None) -> dict[str, Path]:
    pairs = {}
    for text in features or ():
        block, equals, file = text.partition("=")
        if not equals:
            raise InputError(f"--features {text!r} is not BLOCK=FILE, for example --features radiomic=radiomic.csv")
        pairs[block] = Path(file)
    return pairs
