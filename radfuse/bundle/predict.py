"""Prediction of new units from a bundle: numpy, pandas and onnxruntime; neither torch nor scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from radfuse.bundle.columns import possible_families
from radfuse.bundle.explain import ExplainedUnits, explained_levels, explainers_of
from radfuse.bundle.load import Bundle, load_bundle
from radfuse.bundle.models import Model, model_of
from radfuse.bundle.ranges import out_of_range
from radfuse.bundle.schema import BundleFamily, BundleSchema
from radfuse.bundle.units import Read, read_new
from radfuse.cohort.spreadsheet import Table, read_table
from radfuse.config import nearest
from radfuse.errors import InputError, Problem, counted, listed
from radfuse.fusion.design import Design
from radfuse.fusion.families import near_family
from radfuse.given import as_mapping, as_names, as_path
from radfuse.results import SITE, Failure
from radfuse.run.folder import Progress
from radfuse.seg.runtimes.runtime import USUAL

if TYPE_CHECKING:
    from radfuse.fusion.explain.explainer import Explainer


@dataclass(frozen=True)
class Prediction:
    """Probabilities for new units.

    Attributes:
        units: a row per unit: unit columns, patient, outcome where labelled.
        probabilities: same rows, a column per family, in [0, 1]; of several classes that of the class predicted.
        warnings: what the reader of these numbers should know.
        failures: families that lack columns and cases that could not be predicted, and why; these have no row.
        mask_flags: same rows, what is suspicious about the masks that the network made, in words; empty where nothing
            is. None where it made none.
        registration_flags: the same about the registrations that carried masks to other sequences. None where none did.
        review: a row per mask, the most suspicious first: case, flags, suspicion, figures, and the names of its files
            in `labels_out`. None where the network made none.
        explained: family -> what each column moves its score, rows as `units`; empty where that was not asked for, and
            where there are classes.
        explained_by_class: family -> class -> the same of its score against the rest; empty where there are no classes.
        used: same rows, the columns that some family uses.
        imaged: case that the network segmented -> its row's label, and the image that the mask lies on.
        by_class: family -> same rows, a column per class, their probabilities; empty where there are no classes.
    """

    units: pd.DataFrame
    probabilities: pd.DataFrame
    warnings: tuple[Problem, ...]
    failures: tuple[Failure, ...] = ()
    mask_flags: pd.Series | None = None
    review: pd.DataFrame | None = None
    explained: Mapping[str, ExplainedUnits] = field(default_factory=dict)
    used: pd.DataFrame = field(default_factory=pd.DataFrame)
    imaged: Mapping[str, tuple[object, Path]] = field(default_factory=dict)
    registration_flags: pd.Series | None = None
    by_class: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    explained_by_class: Mapping[str, Mapping[str, ExplainedUnits]] = field(default_factory=dict)

    def given(self, family: str) -> np.ndarray:
        """Return what the family's model gave, shape (unit,), or (unit, class)."""
        return (self.by_class[family] if family in self.by_class else self.probabilities[family]).to_numpy()


def predict(
    bundle: Bundle | str | Path,
    table: str | Path | pd.DataFrame,
    features: Mapping[str, str | Path | pd.DataFrame] | None = None,
    families: Sequence[str] = (),
    *,
    labelled: bool = False,
    labels_out: str | Path | None = None,
    progress: Progress = lambda *_: None,
    runtime: str = USUAL,
    explain: bool = False,
) -> Prediction:
    """Predict new units.

    Args:
        bundle: a bundle or its folder; one that `load_bundle` opened is not read again at each call.
        table: cohort table of the new cases, a row a case; may hold the features too. A file, or the table itself,
            files named in it being relative to the working folder.
        features: block -> table, where features lie elsewhere.
        families: which to predict; empty: all whose columns are there.
        labelled: read the outcome too.
        labels_out: folder for the segmentations of cases that are read from images, pictures of them, and review.csv.
        progress: told of every image: what is done, how many are done, how many there are.
        runtime: who segments images: onnxruntime, openvino, tensorrt, or "auto".
        explain: say what each column moves the scores.

    Returns:
        A row per unit, numbered from 0 whatever the table's index: join it by the unit's columns in `units`, since
        cases that failed have no row and visits of a unit have one. `warnings` tells what is imputed or out of range.

    Raises:
        InputError: a changed bundle, a column that is missing or unusable; nothing was computed.
    """
    bundle = bundle if isinstance(bundle, Bundle) else load_bundle(bundle)
    features, families = as_mapping(features, "features"), as_names(families, "families")
    schema = bundle.schema
    for family in families:
        if family not in schema.families:
            raise InputError(f"the bundle has no family {family!r}{near_family(family, schema.families)}")
    cells = read_table(table)
    sources = _sources(schema, features)
    chosen, left_out = possible_families(schema, families, cells, sources)
    models = {family: model_of(bundle, family) for family in chosen}
    explainers = {family: explainers_of(bundle, family) for family in chosen} if explain else {}
    place = as_path(labels_out, "labels_out") if labels_out is not None else None
    read = read_new(bundle, chosen, cells, sources, labelled, place, progress, runtime)
    return _predicted(bundle, models, explainers, read, left_out)


def _predicted(
    bundle: Bundle,
    models: Mapping[str, Model],
    explainers: Mapping[str, Mapping[str, Explainer]],
    read: Read,
    left_out: Sequence[Failure],
) -> Prediction:
    """Return what models, by family, say of units that were read; `explainers` empty: nothing is explained."""
    schema, chosen, design = bundle.schema, list(models), read.design
    values = {family: _matrix(family, schema.families[family], read) for family in chosen}
    given = {family: models[family].predict(values[family]) for family in chosen}
    by_class = _by_class(schema, given, design.units.index)
    probabilities = {family: found.max(axis=1) if family in by_class else found for family, found in given.items()}
    told = {
        name: explained_levels(bundle, name, by, models[name], values[name], given[name])
        for name, by in explainers.items()
    }
    outside = out_of_range([schema.families[family] for family in chosen], list(values.values()), design.units)
    frame = pd.DataFrame(probabilities, index=design.units.index)
    found = tuple(dict.fromkeys([*design.warnings, *outside]))
    review = _review(read)
    used = _used(schema, chosen, design)
    failures = (*left_out, *read.failures)
    whole = {family: levels[""] for family, levels in told.items() if family not in by_class}
    each = {family: told[family] for family in by_class if family in told}
    about = (read.mask_flags, review, whole, used, read.imaged, read.registration_flags, by_class, each)
    return Prediction(design.units, frame, found, failures, *about)


def _review(read: Read) -> pd.DataFrame | None:
    """Return the masks that the network made, the most suspicious first; None where it made none."""
    if not read.masks:
        return None
    from radfuse.bundle.images import listed_masks

    return listed_masks(read.masks)


def _by_class(schema: BundleSchema, given: Mapping[str, np.ndarray], index: pd.Index) -> dict[str, pd.DataFrame]:
    """Return family -> probabilities of each class by its name, of families that give some."""
    named = {family: schema.families[family].classes for family in given}
    return {
        family: pd.DataFrame(given[family], index=index, columns=list(classes.names))
        for family, classes in named.items()
        if classes is not None
    }


def _sources(schema: BundleSchema, features: Mapping[str, Any]) -> dict[str, Table]:
    """Return the tables of blocks that lie elsewhere; raises InputError for a block that the bundle does not have."""
    known = {item.block for family in schema.families.values() for item in family.inputs} - {"clinical", SITE}
    for block in features:
        if block not in known:
            raise InputError(f"the bundle has no block {block!r}{nearest(block, known)}")
    return {block: read_table(path, called=f"features[{block!r}]") for block, path in features.items()}


def _used(schema: BundleSchema, chosen: Sequence[str], design: Design) -> pd.DataFrame:
    """Return the columns that some of the families use, each once."""
    names = dict.fromkeys(
        (item.block, item.name) for family in chosen for item in schema.families[family].inputs if item.used
    )
    parts = [
        frame.loc[:, [name for of, name in names if of == block and name in frame]]
        for block, frame in design.blocks.items()
    ]
    found = pd.concat([design.units.iloc[:, :0], *parts], axis=1)
    return found.loc[:, [name for _, name in names if name in found]]


def prediction_table(bundle: Bundle, prediction: Prediction) -> pd.DataFrame:
    """Return unit columns, each family's probability and what it says, and flags of masks and registrations.

    Of a binary outcome that is whether the probability reaches the family's threshold; of survival the linear
    predictor, survival at the outcome's times, and the risk group; of an ordinal one the score, the probability of each
    grade, and the expected and the predicted grade; of several classes the predicted class, and the probability of
    each. A continuous one has its prediction alone.
    """
    table = prediction.units[list(bundle.schema.unit)].copy()
    outcome: Any = bundle.schema.outcome_here()
    for family in map(str, prediction.probabilities):
        probability, part = prediction.probabilities[family], bundle.schema.families[family]
        if part.classes is None:
            table[f"{family}_{getattr(outcome, 'said', 'probability')}"] = probability
        if part.beside is not None:
            kind: Any = outcome or bundle.schema.opened_outcome()
            told = kind.told(part.beside, prediction.given(family))
            table = table.assign(**{f"{family}_{name}": values for name, values in told.items()})
        elif getattr(outcome, "link", "logit") == "logit":
            table[f"{family}_positive"] = (probability >= part.threshold).astype(int)
    if prediction.mask_flags is not None:
        table["mask_flags"] = prediction.mask_flags
    if prediction.registration_flags is not None:
        table["registration_flags"] = prediction.registration_flags
    return table


def _matrix(family: str, part: BundleFamily, read: Read) -> np.ndarray:
    """Return a family's columns in the order of its ONNX input, float64 (unit, column).

    Unused ones that were not read are NaN. A block of which nothing is used, and that the tables lack, is there for
    all, as it was in training: what it gives is a constant.

    Raises:
        InputError: a column that the model uses is not there; one that is empty for some units is imputed.
    """
    design = read.design
    values = np.full((len(design.units), len(part.inputs)), np.nan)
    lacking: dict[str, list[str]] = {}
    wanted: dict[str, dict[str, int]] = {}
    for position, item in enumerate(part.inputs):
        wanted.setdefault(item.block, {})[item.name] = position
    used = {item.name for item in part.inputs if item.used}
    for block, positions in wanted.items():
        if block == SITE and part.site is not None:
            places = {name: float(i) for i, name in enumerate(part.site.levels)}
            for name, position in positions.items():
                values[:, position] = design.units[name].map(places).to_numpy(dtype="float64")
            continue
        frame = design.blocks.get(block, pd.DataFrame(index=design.units.index))
        here = [name for name in positions if name in frame]
        values[:, [positions[name] for name in here]] = frame.loc[:, here].to_numpy()
        absent = [name for name in positions if name in used and name not in frame and not _excused(name, read)]
        if absent:
            lacking[block] = absent
        if block not in design.blocks and not used & positions.keys():
            values[:, next(iter(positions.values()))] = 0.0
    if lacking:
        raise InputError(
            [
                Problem(
                    block,
                    f"family {family!r} needs {counted(len(names), 'column that is', 'columns that are')} not there: "
                    f"{listed(names)}; the block has "
                    f"{listed(design.blocks.get(block, pd.DataFrame()).columns, 4)}",
                )
                for block, names in lacking.items()
            ]
        )
    return values


def _excused(name: str, read: Read) -> bool:
    """Return whether a column from images has no value here for a reason: not computable, or of a visit nobody had."""
    sequence, _, rest = name.partition("/")
    plain, _, visit = sequence.partition("@")
    if visit and read.visits is not None and visit not in read.visits:
        return True
    return any(f"{plain}/{rest}".startswith(missing) for missing in read.missing)
