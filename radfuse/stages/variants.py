"""Stage `variants`: the families of every variant beside those of the study, on the same units and test folds.

The variants themselves are run before it, each in a folder of its own (`radfuse.pipeline`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from radfuse.cohort.splits import Drawn
from radfuse.evaluation.variants import told
from radfuse.outcomes.kinds import Outcome
from radfuse.report.printed import without_folders
from radfuse.results import StudyResults, VariantFamily, VariantResults
from radfuse.run.stage import Stage
from radfuse.stages import fuse
from radfuse.stages.context import Context
from radfuse.stages.extract import write_section
from radfuse.statistics.multiple import holm

PLACE = "models/variants.json"
FOLDER = "variants"
"""Of the run folder: a folder a variant."""
_ROW = ["position", "repeat"]
_OTHER_FOLDS = "its test folds are others"


@dataclass(frozen=True)
class VariantsJob:
    """All variants that could be run.

    Attributes:
        comparison: of the study's families.
        variants: name -> comparison of its families.
        changes: name -> what it changes.
        apart: name -> why it predicts something else.
        unit: columns that name a unit.
        outcome: what is predicted.
    """

    comparison: Path
    variants: Mapping[str, Path]
    changes: Mapping[str, str]
    apart: Mapping[str, str]
    unit: tuple[str, ...]
    outcome: Outcome

    def __str__(self) -> str:
        return "the variants"


def jobs(context: Context) -> Iterator[VariantsJob]:
    """Yield the one comparison, where a study has variants."""
    study, base = context.study, str(context.study.cohort.table.parent)
    if not study.variants:
        return
    assert study.cohort.outcome is not None
    apart = {}
    for name in context.variants:
        variant = study.variant(name)
        other, split = variant.cohort, study.cohort.split
        if other.outcome != study.cohort.outcome:
            apart[name] = "it has another outcome"
        elif (other.unit_columns, other.patient) != (study.cohort.unit_columns, study.cohort.patient):
            apart[name] = "it predicts other units"
        elif other.split != split or (isinstance(split, Drawn) and variant.seed != study.seed):
            apart[name] = _OTHER_FOLDS  # of test sets drawn anew some units would be in both
    yield VariantsJob(
        comparison=context.path(fuse.PLACE),
        variants=dict(context.variants),
        changes={name: without_folders(told(settings), base) for name, settings in study.variants.items()},
        apart=apart,
        unit=study.cohort.unit_columns,
        outcome=study.cohort.outcome,
    )


def work(job: VariantsJob) -> VariantResults:
    """Return every family of every variant, with its difference from the study's."""
    ours = fuse.read_results(job.comparison)
    main = pd.read_parquet(job.comparison / "predictions.parquet")
    places = pd.MultiIndex.from_frame(main[list(job.unit)].drop_duplicates())
    main = main.assign(position=_positions(places, main, job.unit))
    apart = dict(job.apart)
    rows: list[VariantFamily] = []
    for name, path in job.variants.items():
        theirs = fuse.read_results(path)
        if name in apart:
            rows += _families(job, name, theirs, main, None)
            continue
        other = pd.read_parquet(path / "predictions.parquet")
        other = other.assign(position=_positions(places, other, job.unit))
        other = other[other["position"] >= 0]
        if _elsewhere(main, other):
            apart[name] = _OTHER_FOLDS
        elif _classes(main) != _classes(other):
            apart[name] = "its classes are others"
        rows += _families(job, name, theirs, main, None if name in apart else other)
    return VariantResults(
        measure=ours.performance[0].measure,
        main={item.family: item.headline for item in ours.performance},
        changes=job.changes,
        families=_adjusted(rows),
        apart=apart,
    )


def _positions(places: pd.MultiIndex, rows: pd.DataFrame, unit: Sequence[str]) -> np.ndarray:
    """Return which of the study's units each row is of; -1 of none."""
    return np.asarray(places.get_indexer(pd.MultiIndex.from_frame(rows[list(unit)])))


def _elsewhere(main: pd.DataFrame, other: pd.DataFrame) -> bool:
    """Return whether a unit of both is tested in another fold, or no unit is of both."""
    folds = [rows.drop_duplicates(_ROW).set_index(_ROW)["fold"].astype(str) for rows in (main, other)]
    first, second = folds[0].align(folds[1], join="inner")
    return first.empty or not first.equals(second)


def _classes(rows: pd.DataFrame) -> set[str]:
    """Return the columns of probabilities of classes and grades; none of other outcomes."""
    return {name for name in map(str, rows.columns) if name.startswith("probability@")}


def _families(
    job: VariantsJob, name: str, theirs: StudyResults, main: pd.DataFrame, other: pd.DataFrame | None
) -> Iterator[VariantFamily]:
    """Yield the families of a variant, compared where its predictions are given and the study has the family."""
    for item in theirs.performance:
        found = VariantFamily(variant=name, family=item.family, value=item.headline)
        here = main[main["family"] == item.family]
        if other is not None and not here.empty:
            there = other[other["family"] == item.family]
            both = pd.concat([here.assign(family="study"), there.assign(family="variant")], ignore_index=True)
            (pair,) = job.outcome.compare(both, ["variant", "study"])
            same = pair.difference.value == 0 and pair.difference.low == pair.difference.high
            units = len(set(here["position"]) & set(there["position"]))
            compared = {"same": same, "units": units, "difference": pair.difference, "p": None if same else pair.p}
            found = found.model_copy(update=compared)
        yield found


def _adjusted(rows: Sequence[VariantFamily]) -> tuple[VariantFamily, ...]:
    """Return the rows with p adjusted by Holm over the variants of each family."""
    found = list(rows)
    for family in {row.family for row in rows}:
        places = [place for place, row in enumerate(rows) if row.family == family]
        p = holm([np.nan if (value := rows[place].p) is None else value for place in places])
        for place, each in zip(places, p, strict=True):
            found[place] = rows[place].model_copy(update={"p_holm": None if np.isnan(each) else float(each)})
    return tuple(found)


STAGE = Stage(
    "variants",
    1,
    jobs,
    work,
    write_section,
    lambda _: PLACE,
    what="comparing variants",
    needs=("fuse",),
)
