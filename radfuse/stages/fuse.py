"""Stage `fuse`: out-of-fold predictions of all families side by side, measured and compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from radfuse.errors import StudyError
from radfuse.outcomes.kinds import Outcome
from radfuse.results import FittedFamily, StudyResults
from radfuse.run.stage import Stage
from radfuse.stages import fit, prepare
from radfuse.stages.context import Context
from radfuse.stages.prepare import Prepared

PLACE = "models/comparison"


@dataclass(frozen=True)
class FuseJob:
    """All families that were fitted on every fold.

    Attributes:
        design: where it is stored.
        fits: family -> its outer folds.
        unit: columns that name a unit.
        patient: column of the person.
        outcome: what is predicted.
    """

    design: Path
    fits: Mapping[str, tuple[Path, ...]]
    unit: tuple[str, ...]
    patient: str
    outcome: Outcome

    def __str__(self) -> str:
        return "the comparison"


def whole_families(context: Context) -> dict[str, tuple[Path, ...]]:
    """Return family -> its outer folds, of those families that every fold is there of."""
    prepared = prepare.read_design(context.path(prepare.PLACE))
    places = {family: [fit.place_of(family, fold.name) for fold in prepared.folds] for family in context.study.families}
    whole = {family: found for family, found in places.items() if all(map(context.has, found))}
    return {family: tuple(map(context.path, found)) for family, found in whole.items()}


def jobs(context: Context) -> Iterator[FuseJob]:
    """Yield the one comparison.

    Raises:
        StudyError: no family could be fitted.
    """
    fits = whole_families(context)
    if not fits:
        reasons = "\n".join(f"{failure.item}: {failure.error}" for failure in context.failures)
        raise StudyError(f"no family could be fitted:\n{reasons}")
    config = context.study.cohort
    assert config.outcome is not None
    yield FuseJob(context.path(prepare.PLACE), fits, config.unit_columns, config.patient, config.outcome)


def work(job: FuseJob) -> tuple[pd.DataFrame, StudyResults]:
    """Return out-of-fold probabilities, a row per family, unit and repeat, and what they are worth."""
    prepared = prepare.read_design(job.design)
    fits = {family: [read_fit(path) for path in paths] for family, paths in job.fits.items()}
    predictions = predictions_of(prepared, fits, job.unit, job.patient, job.outcome)
    groups = dict(iter(predictions.groupby("family")))
    results = StudyResults(
        outer_folds=len(prepared.folds),
        repeats=len({fold.repeat for fold in prepared.folds}),
        performance=tuple(job.outcome.measure(groups[family]) for family in fits),
        comparisons=job.outcome.compare(predictions, list(fits)),
    )
    return predictions.drop(columns="position"), results


def read_fit(path: Path) -> FittedFamily:
    """Return a fit as it was stored."""
    return FittedFamily.model_validate_json(path.read_bytes())


def predictions_of(
    prepared: Prepared, fits: Mapping[str, Sequence[FittedFamily]], unit: Sequence[str], patient: str, outcome: Any
) -> pd.DataFrame:
    """Return the long table that families are measured on.

    Args:
        prepared: the design and its folds.
        fits: family -> its outer folds.
        unit: columns that name a unit.
        patient: column of the person.
        outcome: what is predicted.
    """
    units, repeats = prepared.design.units, {fold.name: fold.repeat for fold in prepared.folds}
    parts = []
    for family, folds in fits.items():
        for fold in folds:
            rows = units.iloc[list(fold.test)]
            part = rows[list(unit)].copy()
            part["patient"] = rows[patient].to_numpy()
            part = part.assign(**outcome.observed(rows))
            part["family"], part["fold"], part["repeat"] = family, fold.fold, repeats[fold.fold]
            part["probability"], part["threshold"] = list(fold.probability), fold.threshold
            if fold.beside is not None:
                part = part.assign(**outcome.predicted(fold.beside, np.array(fold.probability)))
            part["position"] = list(fold.test)
            parts.append(part)
    return pd.concat(parts, ignore_index=True)


def write(compared: tuple[pd.DataFrame, StudyResults], path: Path) -> None:
    """Store predictions as parquet and CSV, and the results."""
    predictions, results = compared
    path.mkdir()
    predictions.to_parquet(path / "predictions.parquet")
    predictions.to_csv(path / "predictions.csv", index=False)
    (path / "results.json").write_text(results.model_dump_json(indent=1))


def read_results(path: Path) -> StudyResults:
    """Return the results as `write` stored them in a folder."""
    return StudyResults.model_validate_json((path / "results.json").read_bytes())


STAGE = Stage("fuse", 6, jobs, work, write, lambda _: PLACE, what="comparing families", needs=("fit",))
