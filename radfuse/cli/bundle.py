"""Commands on a bundle: `predict` and `evaluate`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from radfuse.cli.arguments import BundleFolder, Dicom, Families, NewFeatures, NewTable, ResultFolder
from radfuse.cli.show import (
    FAILURES,
    SOME_FAILED,
    failures_file,
    out,
    progress,
    show_failures,
    show_performance,
    show_problems,
    show_suspicious,
)
from radfuse.errors import InputError, Problem, counted
from radfuse.run.disk import check_folder, write_folder

if TYPE_CHECKING:
    import pandas as pd

    from radfuse.bundle.load import Bundle
    from radfuse.bundle.predict import Prediction
    from radfuse.bundle.schema import BundleSchema
    from radfuse.results import Failure


RuntimeOption = Annotated[
    str, typer.Option("--runtime", help="Who segments: onnxruntime, openvino (fast on CPUs), torch, tensorrt, or auto.")
]
SafeCsv = Annotated[
    bool, typer.Option("--safe-csv", help="Keep spreadsheets from running cells that begin with = + - or @.")
]


def predict(
    bundle: BundleFolder,
    table: NewTable,
    out_: ResultFolder,
    features: NewFeatures = None,
    family: Families = None,
    safe_csv: SafeCsv = False,
    runtime: RuntimeOption = "onnxruntime",
    explain: Annotated[
        bool, typer.Option("--explain", help="Also say which columns move each score: explanation.csv and waterfalls.")
    ] = False,
    waterfalls: Annotated[int, typer.Option(min=0, help="Waterfalls drawn, of the first units of each family.")] = 5,
    dicom: Dicom = False,
) -> None:
    """Predict new patients with a bundle; needs no torch."""
    from radfuse.bundle.load import load_bundle
    from radfuse.bundle.predict import predict as predict_units
    from radfuse.bundle.predict import prediction_table

    opened = load_bundle(bundle)
    _check_place(out_, bundle)
    if dicom:
        from radfuse.bundle.dicom import require_masks
        from radfuse.volume.dicom_seg import highdicom

        highdicom()
        require_masks(opened)
    with progress() as tell:
        prediction = predict_units(
            *(opened, table, _pairs(features), family or ()),
            labels_out=out_ / "labels",
            progress=tell,
            runtime=runtime,
            explain=explain,
        )
    if dicom and not prediction.failures:
        require_masks(opened, prediction)
    files: dict[str, str | bytes] = {"predictions.csv": _csv(prediction_table(opened, prediction), safe_csv)}
    files |= _explanations(prediction, opened.schema, waterfalls, safe_csv) if explain else {}
    if prediction.review is not None and safe_csv:
        files["labels/review.csv"] = _csv(prediction.review, safe_csv)
    write_folder(out_, files | failures_file(prediction.failures, out_))
    show_problems(prediction.warnings)
    show_failures(prediction.failures, str(out_ / FAILURES))
    names = ", ".join(map(str, prediction.probabilities))
    out.print(f"{counted(len(prediction.units), 'unit')}, families: {names} -> {escape(str(out_ / 'predictions.csv'))}")
    if prediction.review is not None:
        suspicious = int((prediction.review["flags"] != "").sum())
        show_suspicious(suspicious, len(prediction.review), out_ / "labels" / "review.csv")
    failures = _as_dicom(opened, prediction, out_) if dicom and prediction.imaged else ()
    if prediction.failures or failures:
        raise typer.Exit(SOME_FAILED)


def _as_dicom(opened: Bundle, prediction: Prediction, out_: Path) -> tuple[Failure, ...]:
    """Write masks and numbers as DICOM, and say where."""
    from radfuse.bundle.dicom import FOLDER, write_dicom

    with progress() as tell:
        failures = write_dicom(opened, prediction, out_, tell)
    if failures:
        write_folder(out_, failures_file((*prediction.failures, *failures), out_))
    show_failures(failures, str(out_ / FAILURES))
    count = len(prediction.imaged) - len(failures)
    out.print(
        f"DICOM: a segmentation and a report of {counted(count, 'case')}, with the patients' ids -> "
        f"{escape(str(out_ / FOLDER))}"
    )
    return failures


def evaluate(
    bundle: BundleFolder,
    table: NewTable,
    out_: ResultFolder,
    features: NewFeatures = None,
    family: Families = None,
    recalibrate: Annotated[bool, typer.Option(help="Also give the recalibration these patients call for.")] = False,
    safe_csv: SafeCsv = False,
    runtime: RuntimeOption = "onnxruntime",
) -> None:
    """Measure a frozen bundle on labelled patients; nothing is refitted."""
    from radfuse.bundle.evaluate import evaluate as evaluate_units
    from radfuse.bundle.evaluate import recalibrated
    from radfuse.bundle.load import load_bundle
    from radfuse.bundle.predict import prediction_table
    from radfuse.report.evaluation import EvaluationReport
    from radfuse.report.page import evaluation_report
    from radfuse.report.study import Made

    opened = load_bundle(bundle)
    _check_place(out_, bundle)
    with progress() as tell:
        measure = partial(evaluate_units, opened, table, _pairs(features), family or (), recalibrate=recalibrate)
        evaluation, prediction, long = measure(progress=tell, runtime=runtime)
    schema, outcome = opened.schema, opened.schema.opened_outcome()
    words = ["evaluate", bundle.name, table.name, *_options(features, family, runtime)]
    words += ["--recalibrate"] if recalibrate else []
    report = EvaluationReport(
        title=schema.title,
        table=evaluation.table,
        outcome=outcome.name(),
        event=outcome.event_name(),
        unit=schema.unit,
        performance=evaluation.performance,
        comparisons=evaluation.comparisons,
        before={name: item.performance for name, item in schema.families.items()},
        trained_units=schema.trained_on.units,
        predictions=long,
        versions=schema.versions,
        sections=outcome.evaluation_sections(),
        made=Made.today(words),
        recalibration={name: (by.intercept, by.slope) for name, by in evaluation.recalibration.items()},
        remarks=evaluation.remarks,
    )
    rows = prediction_table(opened, prediction)
    for name, by in evaluation.recalibration.items():
        rows[f"{name}_recalibrated"] = recalibrated(prediction.probabilities[name].to_numpy(), by)
    files: dict[str, str | bytes] = {
        "predictions.csv": _csv(rows, safe_csv),
        "evaluation.json": evaluation.model_dump_json(indent=1).encode(),
        **evaluation_report(report),
    }
    write_folder(out_, files | failures_file(prediction.failures, out_))
    remarks = [Problem(evaluation.table, remark, severity="warning") for remark in evaluation.remarks]
    show_problems([*prediction.warnings, *remarks])
    show_failures(prediction.failures, str(out_ / FAILURES))
    show_performance(evaluation.performance, folds=1)
    out.print(f"Report: {escape(str(out_ / 'index.html'))}")
    if prediction.failures:
        raise typer.Exit(SOME_FAILED)


def _explanations(prediction: Prediction, schema: BundleSchema, drawn: int, safe_csv: bool) -> dict[str, bytes]:
    """Return explanation.csv and the waterfalls of the first units of each family, and each of its classes."""
    import pandas as pd

    from radfuse.bundle.explain import explanation_table
    from radfuse.fusion.link import SCALES, link_of
    from radfuse.report.contributions import Way, waterfall
    from radfuse.run.folder import safe_name

    names, scale = prediction.units[list(schema.unit)], SCALES[link_of(schema.opened_outcome())]
    each = [(family, "", found) for family, found in prediction.explained.items()]
    each += [(family, *told) for family, levels in prediction.explained_by_class.items() for told in levels.items()]
    tables = [explanation_table(names, family, found, level=level) for family, level, found in each]
    files = {"explanation.csv": _csv(pd.concat(tables, ignore_index=True), safe_csv)}
    for family, level, found in each:
        place = f"explanation/{family}/{f'{safe_name(level)}/' if level else ''}"
        of = f"{family}, {level} against the rest" if level else family
        for i, name in enumerate(names.head(drawn).itertuples(index=False, name=None)):
            text = " ".join(map(str, name))
            about = (found.names, found.values[i], found.contributions[i], float(found.absence[i]))
            svg = waterfall(Way(f"{text}, {of}", found.base, *about), unit=f"score ({scale})")
            files[f"{place}{i + 1:03d}_{safe_name(text)}.svg"] = svg.encode()
    return files


def _options(features: Sequence[str] | None, family: Sequence[str] | None, runtime: str) -> list[str]:
    """Return what was said on the command line, for whoever reads the page."""
    words = [f"--features {block}={path.name}" for block, path in _pairs(features).items()]
    words += [f"--family {name}" for name in family or ()]
    return words + ([f"--runtime {runtime}"] if runtime != "onnxruntime" else [])


def _check_place(place: Path, bundle: Path) -> None:
    """Refuse a folder that results cannot lie in, before anything is computed."""
    check_folder(place)
    if place.resolve().is_relative_to(bundle.resolve()):
        raise InputError(f"--out {place} lies in the bundle, which would be damaged by it; choose another folder")


def _csv(table: pd.DataFrame, safe: bool) -> bytes:
    from radfuse.cohort.spreadsheet import safe_cells

    return str((safe_cells(table) if safe else table).to_csv(index=False)).encode()


def _pairs(features: Sequence[str] | None) -> dict[str, Path]:
    pairs = {}
    for text in features or ():
        block, equals, file = text.partition("=")
        if not equals:
            raise InputError(f"--features {text!r} is not BLOCK=FILE, for example --features radiomic=radiomic.csv")
        if block in pairs:
            raise InputError(f"--features names the table of block {block!r} twice; give one table a block")
        pairs[block] = Path(file)
    return pairs
