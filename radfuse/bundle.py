"""What a trained study ships as: ONNX files, a schema, hashes, a model card; prediction and evaluation from it.

Reading a bundle needs numpy, pandas and onnxruntime; neither torch nor scikit-learn is imported.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from pydantic import ValidationError

from radfuse.cohort.case import Cohort
from radfuse.cohort.config import Categories, CohortConfig
from radfuse.cohort.read import read_cohort
from radfuse.cohort.spreadsheet import ROW, Table, read_table
from radfuse.config import Section, nearest
from radfuse.errors import InputError, Problem, listed
from radfuse.features import FeatureSource, FeatureTable, at_visit, read_features
from radfuse.fusion.config import blocks_of
from radfuse.fusion.design import Design, join
from radfuse.imaging import NETWORK, ImageRecipe, features_from_images
from radfuse.outcomes.kinds import Outcome
from radfuse.results import Comparison, Failure, FittedFamily, Performance, StudyResults
from radfuse.runs import Progress, read_json
from radfuse.seg.config import UnetSegmentation
from radfuse.statistics.scores import expit, to_logit

if TYPE_CHECKING:
    from radfuse.study import Study

PARITY = 1e-5
"""Largest difference in probability between an ONNX file and its pipeline."""
_OUTPUTS = {"score": "float64, (unit,): the linear score", "probability": "float64, (unit,): of the event"}
_SUMS = "SHA256SUMS"
_SCHEMA = "bundle.json"
_PARAMS = "pyradiomics.yaml"
_MANY = 8
_LONGEST_NAME = 255


class BundleInput(Section):
    """One column of a family's ONNX input, in order."""

    name: str
    block: str
    used: bool
    """False: selection dropped it; any value will do."""
    low: float | None = None
    high: float | None = None
    """Smallest and largest value at training."""


class BundleFamily(Section):
    """One family's model."""

    file: str
    inputs: tuple[BundleInput, ...]
    threshold: float
    formula: str | None
    """The score in the columns' own units, where the model has one."""
    largest_difference: float
    """Between the ONNX file and the pipeline it was made from, in probability."""
    performance: Performance
    """On the outer test folds, not of the refitted model."""


class BundleSchema(Section):
    """bundle.json: what goes in, what comes out, how well it did."""

    format: Literal[1] = 1
    study: str
    title: str
    case: str
    patient: str
    unit: tuple[str, ...]
    visit: str
    clinical: tuple[str | Categories, ...]
    outcome: Outcome
    outputs: Mapping[str, str]
    trained_on: Mapping[str, int]
    families: Mapping[str, BundleFamily]
    versions: Mapping[str, str]
    imaging: ImageRecipe | None = None
    """How images became features; None where features came as tables."""


@dataclass(frozen=True)
class Bundle:
    """A bundle whose hashes were checked."""

    path: Path
    schema: BundleSchema


@dataclass(frozen=True)
class Prediction:
    """Probabilities for new units.

    Attributes:
        units: a row per unit: unit columns, patient, outcome where labelled.
        probabilities: same rows, a column per family, in [0, 1].
        warnings: what the reader of these numbers should know.
        failures: cases that could not be predicted, and why.
    """

    units: pd.DataFrame
    probabilities: pd.DataFrame
    warnings: tuple[Problem, ...]
    failures: tuple[Failure, ...] = ()


class Recalibration(Section):
    """probability = 1 / (1 + exp(-(intercept + slope * logit)))."""

    intercept: float | None
    slope: float | None


class Evaluation(Section):
    """A frozen bundle on labelled units."""

    study: str
    table: str
    performance: tuple[Performance, ...]
    comparisons: tuple[Comparison, ...]
    recalibration: Mapping[str, Recalibration] = {}


def write_bundle(
    path: Path,
    study: Study,
    design: Design,
    fitted: Mapping[str, Path],
    results: StudyResults,
    network: Path | None = None,
) -> None:
    """Assemble a bundle.

    Args:
        path: an empty folder.
        study: where the schema comes from.
        design: what the models were fitted on.
        fitted: family -> folder of its model.onnx, fitted.json and parity.json.
        results: the nested performance to quote.
        network: the segmentation network trained on all manual masks, where there is one.
    """
    measured = {performance.family: performance for performance in results.performance}
    families = {}
    for family, folder in fitted.items():
        final = FittedFamily.model_validate_json((folder / "fitted.json").read_bytes())
        (path / f"{family}.onnx").write_bytes((folder / "model.onnx").read_bytes())
        families[family] = BundleFamily(
            file=f"{family}.onnx",
            inputs=_inputs(design, final),
            threshold=final.threshold,
            formula=final.explanation.formula,
            largest_difference=read_json(folder / "parity.json")["largest_difference"],
            performance=measured[family],
        )
    config = study.cohort
    assert config.outcome is not None
    if network is not None:
        (path / NETWORK).write_bytes(network.read_bytes())
    if study.regions and study.radiomics.params is not None:
        (path / _PARAMS).write_bytes(study.radiomics.params.read_bytes())
    schema = BundleSchema(
        study=study.name,
        title=study.title or study.name,
        case=config.case,
        patient=config.patient,
        unit=config.unit_columns,
        visit=config.visit,
        clinical=config.clinical,
        outcome=config.outcome,
        outputs={
            name: text
            for name, text in _OUTPUTS.items()
            if name != "score" or all(family.formula for family in families.values())
        },
        trained_on={
            "units": len(design.units),
            "patients": int(design.units[config.patient].nunique()),
            "events": int(config.outcome.labels(design.units).sum()),
        },
        families=families,
        versions=versions(),
        imaging=_recipe(study),
    )
    (path / _SCHEMA).write_text(schema.model_dump_json(indent=1), encoding="utf-8")
    (path / "MODEL_CARD.md").write_text(_model_card(schema), encoding="utf-8")
    names = sorted(item.name for item in path.iterdir())
    sums = "".join(f"{_sha256(path / name)}  {name}\n" for name in names)
    (path / _SUMS).write_text(sums, encoding="utf-8")


def load_bundle(path: str | Path) -> Bundle:
    """Open a bundle after checking every file against its hash.

    Raises:
        InputError: no bundle, a file that is missing or changed, or a schema of another format.
    """
    path = Path(path)
    if not (path / _SUMS).is_file():
        inside = path / "bundle"
        hint = f"; did you mean {inside}?" if (inside / _SUMS).is_file() else "; give the folder `radfuse export` wrote"
        raise InputError(f"{path} is no bundle: it has no {_SUMS}{hint}")
    problems = []
    listed = set()
    for line in (path / _SUMS).read_text(encoding="utf-8", errors="replace").rstrip("\n").split("\n"):
        digest, _, name = line.partition("  ")
        listed.add(name)
        if not name or Path(name).name != name:
            problems.append(Problem(_SUMS, f"the line {line[:80]!r} is damaged"))
        elif len(name) > _LONGEST_NAME or not (path / name).is_file():
            problems.append(Problem(name, "the file is missing from the bundle"))
        elif _sha256(path / name) != digest:
            problems.append(Problem(name, "the file is not the one that was exported (its SHA-256 differs)"))
    if _SCHEMA not in listed:
        problems.append(Problem(_SUMS, f"{_SCHEMA} is not listed"))
    if problems:
        mend = Problem(str(path), "nothing was computed; copy the bundle again, or run `radfuse export` again")
        raise InputError([*problems, mend])
    try:
        schema = BundleSchema.model_validate_json((path / _SCHEMA).read_bytes())
    except ValidationError as error:
        raise InputError(
            f"{path / _SCHEMA} is of a format this radfuse does not read ({error.error_count()} faults)"
        ) from error
    unlisted = [family.file for family in schema.families.values() if family.file not in listed]
    if unlisted:
        raise InputError(f"{path}: {', '.join(unlisted)} not listed in {_SUMS}; run `radfuse export` again")
    return Bundle(path, schema)


def predict(
    bundle: Bundle | str | Path,
    table: str | Path,
    features: Mapping[str, str | Path] | None = None,
    families: Sequence[str] = (),
    *,
    labelled: bool = False,
    labels_out: Path | None = None,
    progress: Progress = lambda *_: None,
) -> Prediction:
    """Predict new units.

    Args:
        bundle: a bundle or its folder.
        table: cohort table of the new cases; may hold the features too.
        features: block -> table, where features lie elsewhere.
        families: which to predict; empty: all whose columns are there.
        labelled: read the outcome too.
        labels_out: folder for the segmentations of cases that are read from images.
        progress: told of every image.

    Raises:
        InputError: a changed bundle, a column that is missing or unusable; nothing was computed.
    """
    import onnxruntime

    bundle = bundle if isinstance(bundle, Bundle) else load_bundle(bundle)
    schema = bundle.schema
    for family in families:
        if family not in schema.families:
            raise InputError(f"the bundle has no family {family!r}{nearest(family, schema.families)}")
    cells = read_table(table)
    sources = {block: read_table(path) for block, path in (features or {}).items()}
    known = {item.block for family in schema.families.values() for item in family.inputs} - {"clinical"}
    for block in sources:
        if block not in known:
            raise InputError(f"the bundle has no block {block!r}{nearest(block, known)}")
    chosen, warnings = _possible(schema, families, cells, sources)
    design, failures = _new_design(bundle, chosen, cells, sources, labelled, labels_out, progress)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    probabilities = {}
    for family in chosen:
        part = schema.families[family]
        values = _matrix(part, design)
        warnings += _out_of_range(part, values)
        session = onnxruntime.InferenceSession(
            (bundle.path / part.file).read_bytes(), options, providers=["CPUExecutionProvider"]
        )
        probabilities[family] = session.run(["probability"], {"features": values})[0]
    frame = pd.DataFrame(probabilities, index=design.units.index)
    return Prediction(design.units, frame, tuple(dict.fromkeys([*design.warnings, *warnings])), failures)


def prediction_table(bundle: Bundle, prediction: Prediction) -> pd.DataFrame:
    """Return unit columns, then each family's probability and whether it reaches the family's threshold."""
    table = prediction.units[list(bundle.schema.unit)].copy()
    for family in prediction.probabilities:
        probability = prediction.probabilities[family]
        table[f"{family}_probability"] = probability
        table[f"{family}_positive"] = (probability >= bundle.schema.families[str(family)].threshold).astype(int)
    return table


def evaluate(
    bundle: Bundle | str | Path,
    table: str | Path,
    features: Mapping[str, str | Path] | None = None,
    families: Sequence[str] = (),
    *,
    recalibrate: bool = False,
    progress: Progress = lambda *_: None,
) -> tuple[Evaluation, Prediction, pd.DataFrame]:
    """Measure a frozen bundle on labelled units; nothing is refitted.

    Args:
        bundle: a bundle or its folder.
        table: cohort table with the outcome; may hold the features too.
        features: block -> table, where features lie elsewhere.
        families: which to measure; empty: all whose columns are there.
        recalibrate: also give the intercept and slope that would calibrate each family here.
        progress: told of every case that starts from images.

    Returns:
        The measurements, the predictions, and the long table they were measured on.
    """
    bundle = bundle if isinstance(bundle, Bundle) else load_bundle(bundle)
    schema = bundle.schema
    prediction = predict(bundle, table, features, families, labelled=True, progress=progress)
    observed = schema.outcome.observed(prediction.units)
    parts = [
        pd.DataFrame(
            {
                "position": np.arange(len(prediction.units)),
                "family": family,
                "fold": "external",
                "patient": prediction.units[schema.patient].to_numpy(),
                **observed,
                "probability": prediction.probabilities[family].to_numpy(),
                "threshold": schema.families[str(family)].threshold,
            }
        )
        for family in prediction.probabilities
    ]
    long = pd.concat(parts, ignore_index=True)
    names = [str(family) for family in prediction.probabilities]
    performance = tuple(schema.outcome.measure(part) for part in parts)
    recalibration = {
        item.family: Recalibration(intercept=item.recalibration_intercept, slope=item.calibration_slope.value)
        for item in performance
        if recalibrate
    }
    evaluation = Evaluation(
        study=schema.study,
        table=Path(table).name,
        performance=performance,
        comparisons=schema.outcome.compare(long, names),
        recalibration=recalibration,
    )
    return evaluation, prediction, long


def recalibrated(probability: np.ndarray, by: Recalibration) -> np.ndarray:
    """Return probabilities after recalibration; unchanged where it could not be computed."""
    if by.intercept is None or by.slope is None:
        return probability
    return expit(by.intercept + by.slope * to_logit(probability))


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages results depend on."""
    found = {"python": platform.python_version()}
    for name in ("radfuse", "numpy", "scipy", "pandas", "scikit-learn", "onnx", "onnxruntime"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _recipe(study: Study) -> ImageRecipe | None:
    if not study.regions or study.segmentation is None:
        return None
    trained = isinstance(study.segmentation, UnetSegmentation)
    first = next(iter(study.cohort.images))
    return ImageRecipe(
        images=study.cohort.images,
        mask=None if trained else study.cohort.mask,
        sequence=getattr(study.segmentation, "sequence", None) or first if trained else None,
        labels=study.segmentation.labels,
        regions=study.regions,
        radiomics=study.radiomics.model_copy(update={"params": None}),
        params=_PARAMS if study.radiomics.params is not None else None,
        deep=study.deep,
        resample_masks=study.resample_masks,
    )


def _inputs(design: Design, final: FittedFamily) -> tuple[BundleInput, ...]:
    used = {column.name for column in final.explanation.columns}
    inputs: list[BundleInput] = []
    for block in blocks_of(final.family):
        values = design.blocks[block]
        low, high = values.min(), values.max()
        inputs += [
            BundleInput(
                name=str(name),
                block=block,
                used=name in used,
                low=float(low[name]) if name in used else None,
                high=float(high[name]) if name in used else None,
            )
            for name in values.columns
        ]
    return tuple(inputs)


def _possible(
    schema: BundleSchema, families: Sequence[str], cells: Table, sources: Mapping[str, Table]
) -> tuple[list[str], list[Problem]]:
    """Return the families whose used columns are there; those asked for must be."""
    encoded = {
        f"{item.column}={level}": item.column
        for item in schema.clinical
        if isinstance(item, Categories)
        for level in item.levels
    }
    problems: dict[str, list[Problem]] = {}
    for family in families or schema.families:
        for item in schema.families[family].inputs:
            source = sources.get(item.block, cells)
            if item.block in _image_blocks(schema, cells, sources):
                continue
            available = _available(source, schema.visit, cells)
            name = encoded.get(item.name, item.name)
            if item.used and name not in available:
                problems.setdefault(family, []).append(
                    Problem(
                        source.path.name,
                        f"family {family!r} needs the column {name!r}{nearest(name, map(str, source.cells.columns))}",
                    )
                )
    chosen = [family for family in families or schema.families if family not in problems]
    if families and problems:
        raise InputError([problem for found in problems.values() for problem in found])
    if not chosen:
        fewest = min(problems.values(), key=len)
        raise InputError(
            [*fewest[:_MANY], Problem(cells.path.name, "no family of the bundle has all its columns here")]
        )
    skipped = [
        Problem(
            found[0].where, f"family {family!r} is not predicted: {len(found)} columns are missing", severity="warning"
        )
        for family, found in problems.items()
    ]
    return chosen, skipped


def _image_blocks(schema: BundleSchema, cells: Table, sources: Mapping[str, Table]) -> tuple[str, ...]:
    """Return the blocks that will be made from images: those of the recipe whose tables are not given."""
    recipe = schema.imaging
    if recipe is None or not all(column in cells.cells for column in recipe.images.values()):
        return ()
    return tuple(block for block in recipe.blocks if block not in sources)


def _available(source: Table, visit: str, cells: Table) -> set[str]:
    names = {str(name) for name in source.cells.columns}
    table = source if visit in source.cells else cells
    visits = set(table.text(visit).dropna()) if visit in table.cells else set()
    return names | {at_visit(name, value) for name in names for value in visits}


def _new_design(
    bundle: Bundle,
    chosen: list[str],
    cells: Table,
    sources: Mapping[str, Table],
    labelled: bool,
    labels_out: Path | None,
    progress: Progress,
) -> tuple[Design, tuple[Failure, ...]]:
    schema = bundle.schema
    needed = {(item.block, item.name) for family in chosen for item in schema.families[family].inputs if item.used}
    blocks = {block for block, _ in needed} - {"clinical"}
    from_images = blocks & set(_image_blocks(schema, cells, sources))
    config = CohortConfig(
        table=cells.path,
        case=schema.case,
        patient=schema.patient,
        unit=schema.unit,
        visit=schema.visit,
        clinical=tuple(item for item in schema.clinical if _is_used(item, {name for _, name in needed})),
        outcome=schema.outcome if labelled else None,
        images=schema.imaging.images if schema.imaging and from_images else {},
        mask=schema.imaging.mask if schema.imaging and from_images else None,
    )
    cohort = read_cohort(config=config, table=_with_ids(cells, schema, labelled), labelled=labelled, new=True)
    tables: dict[str, FeatureTable] = {}
    warnings: list[Problem] = []
    failures: tuple[Failure, ...] = ()
    if from_images and schema.imaging is not None:
        found_features = features_from_images(schema.imaging, cohort, bundle.path, labels_out, progress)
        failures = found_features.failures
        cohort = cohort.without({failure.item for failure in failures})
        tables |= {block: table for block, table in found_features.tables.items() if block in from_images}
    for block in blocks - from_images:
        source = sources.get(block, cells)
        if block not in sources:
            source = _with_ids(cells, schema, labelled)
        names = {name for part, name in needed if part == block}
        visits = sorted(cohort.cases[schema.visit].dropna().unique()) if schema.visit in cohort.cases else []
        wanted = [
            str(name)
            for name in source.cells.columns
            if name in names or any(at_visit(str(name), visit) in names for visit in visits)
        ]
        tables[block], found = read_features(
            source, ((schema.case,), schema.unit), FeatureSource(columns=tuple(wanted)), unique=False
        )
        warnings += found
        _check_lacking(block, tables[block], cohort)
    design = join(cohort, tables, layout={name for _, name in needed})
    found_warnings = tuple(dict.fromkeys([*cohort.warnings, *warnings, *design.warnings]))
    return Design(design.units, design.blocks, found_warnings), failures


def _is_used(item: str | Categories, needed: set[str]) -> bool:
    """Return whether a clinical column, at any visit, is among the columns needed."""
    names = [item] if isinstance(item, str) else [f"{item.column}={level}" for level in item.levels]
    return any(name == known or known.startswith(f"{name}@") for name in names for known in needed)


def _with_ids(cells: Table, schema: BundleSchema, labelled: bool) -> Table:
    """Add case ids where units are named otherwise, and patients where nothing is measured."""
    frame = cells.cells
    if schema.case not in frame and schema.case not in schema.unit and schema.case != ROW:
        frame = frame.assign(**{schema.case: [f"row {row}" for row in cells.rows]})
    if schema.patient not in frame and not labelled and schema.case in frame:
        frame = frame.assign(**{schema.patient: frame[schema.case]})
    return Table(cells.path, frame, cells.notes)


def _check_lacking(block: str, table: FeatureTable, cohort: Cohort) -> None:
    if table.ids != (cohort.config.case,):
        return
    lacking = [str(case) for case in cohort.cases.index if case not in table.values.index]
    if lacking:
        raise InputError(
            f"the {block} table lacks {len(lacking)} of {len(cohort)} cases: {listed(lacking)}; add them, or leave "
            "the cases out"
        )


def _matrix(part: BundleFamily, design: Design) -> np.ndarray:
    values = np.full((len(design.units), len(part.inputs)), np.nan)
    for position, item in enumerate(part.inputs):
        block = design.blocks.get(item.block)
        if item.used and block is not None and item.name in block:
            values[:, position] = block[item.name].to_numpy()
    return values


def _out_of_range(part: BundleFamily, values: np.ndarray) -> list[Problem]:
    found = []
    for position, item in enumerate(part.inputs):
        if item.low is None or item.high is None:
            continue
        column = values[:, position]
        outside = int(((column < item.low) | (column > item.high)).sum())
        empty = int(np.isnan(column).sum())
        if outside:
            text = f"{outside} of {len(column)} units lie outside the training range {item.low:.4g} to {item.high:.4g}"
            found.append(Problem(item.block, text, None, item.name, "warning"))
        if empty == len(column):
            found.append(
                Problem(item.block, "no unit has a value; the training median is used", None, item.name, "warning")
            )
    return found


def _model_card(schema: BundleSchema) -> str:
    trained = schema.trained_on
    lines = [
        f"# Model card: {schema.title}",
        "",
        f"Predicts `{schema.outcome.name()}` for each {' + '.join(schema.unit)}. Trained on {trained['units']} units "
        f"of {trained['patients']} patients, {trained['events']} of them with the event.",
        "",
        "## Performance",
        "",
        "From nested cross-validation by patient; the models in this folder were refitted on all units afterwards, "
        "so these numbers are of the procedure. AUC is averaged over the outer test folds; intervals are 95 % and "
        "respect patients with several units.",
        "",
        "| family | AUC | pooled AUC | Brier | sensitivity | specificity | columns used |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, family in schema.families.items():
        p = family.performance
        cells = [
            _shown(item.value, item.low, item.high)
            for item in (p.auc, p.auc_pooled, p.brier, p.sensitivity, p.specificity)
        ]
        used = sum(item.used for item in family.inputs)
        lines.append(f"| {name} | {' | '.join(cells)} | {used} of {len(family.inputs)} |")
    lines += [
        "",
        "## Intended use and limits",
        "",
        "Research. Not a medical device. Valid for patients and images like those of the training cohort; `radfuse "
        "evaluate` measures it elsewhere. Sensitivity and specificity are at thresholds chosen inside the training "
        "folds.",
        "",
        *_formulas(schema),
    ]
    lines += ["## Versions", "", *(f"- {name} {number}" for name, number in schema.versions.items()), ""]
    return "\n".join(lines)


def _formulas(schema: BundleSchema) -> list[str]:
    """Return the lines on thresholds, and on formulas where the models have some."""
    if not all(family.formula for family in schema.families.values()):
        shown = (f"- {name}: threshold {family.threshold:.4f}" for name, family in schema.families.items())
        return ["## Thresholds", "", "On the probability; the models stand in their ONNX files alone.", "", *shown, ""]
    lines = [
        "## Formulas",
        "",
        "Missing values take the training median; probability = 1 / (1 + exp(-score)).",
        "",
    ]
    for name, family in schema.families.items():
        heading = f"### {name} (threshold on the probability {family.threshold:.4f})"
        lines += [heading, "", "```", str(family.formula), "```", ""]
    return lines


def _shown(value: float | None, low: float | None, high: float | None) -> str:
    if value is None:
        return "not computable"
    return f"{value:.3f}" if low is None or high is None else f"{value:.3f} ({low:.3f} to {high:.3f})"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
