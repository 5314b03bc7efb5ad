"""Stage `visits`: how shapes and volumes changed between the visits of a study, for its report."""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from radfuse.check.inputs import read_block
from radfuse.cohort.changes import YEARS, in_time
from radfuse.cohort.config import CohortConfig
from radfuse.cohort.read import read_cohort
from radfuse.features import FeatureSource
from radfuse.results.numbers import Interval
from radfuse.results.visits import FeatureChange, FeatureCourse, Visit, VisitResults
from radfuse.run.folder import read_json
from radfuse.run.stage import Stage
from radfuse.stages import extract, prepare
from radfuse.stages.context import Context
from radfuse.stages.extract import write_section
from radfuse.statistics.change import change
from radfuse.statistics.estimate import clustered_mean

PLACE = "features/visits.json"
_DRAWN, _LINES = 6, 150
"""Features whose course is drawn, and units of each."""


@dataclass(frozen=True)
class VisitsJob:
    """All visits of a study.

    Attributes:
        cohort: what the columns of the table mean, without images.
        features: block -> finished table.
        reserved: columns that are no features.
        shown: patterns of the features that are looked at.
        baseline: what changes count from; None: the first in time.
        radiomic: case -> its features from images; empty where the study starts from tables.
    """

    cohort: CohortConfig
    features: Mapping[str, FeatureSource]
    reserved: tuple[str, ...]
    shown: tuple[str, ...]
    baseline: str | None = None
    radiomic: Mapping[str, Path] = field(default_factory=dict)

    def __str__(self) -> str:
        return "the visits"


def jobs(context: Context) -> Iterator[VisitsJob]:
    """Yield the one comparison of visits, where a unit may have several."""
    study, config = context.study, context.study.cohort
    if not study.evaluation.visits or config.case in config.unit_columns:
        return
    job = prepare.job_of(study)
    first = study.visits.first(config) if study.visits is not None else None
    if first is None and config.changes is not None:
        first = config.changes.between[0]
    cases = [case.case_id for case in context.cases()] if study.regions else []
    radiomic = {case: context.path(extract.place_of(case)) for case in cases}
    yield VisitsJob(job.cohort, job.features, job.reserved, study.evaluation.visits, first, radiomic)


def ordered(visits: Sequence[str], between: Sequence[str]) -> list[str]:
    """Return visits in time; of words, as pre and post, the study says which come first by what changes between."""
    asked = [visit for visit in between if visit in visits]
    places = dict(zip(sorted(map(visits.index, asked)), asked, strict=True))
    return [places.get(place, visit) for place, visit in enumerate(visits)]


def by_dates(visits: list[str], years: pd.DataFrame) -> list[str]:
    """Return visits as most units have them in time; as they are where some visit has no dates to compare.

    Args:
        visits: in the order that their names tell.
        years: when they were, a row per unit, a column per visit.
    """
    since = years.sub(years[visits[0]], axis=0).median()
    return sorted(visits, key=since.__getitem__) if since.notna().all() else visits


def work(job: VisitsJob) -> VisitResults:
    """Return how features changed; nothing where no unit has two visits.

    Raises:
        InputError: a table cannot be used.
    """
    config = job.cohort
    cases = read_cohort(config=config).cases
    if job.radiomic:
        cases = cases[cases.index.isin(list(job.radiomic))]
    keys = list(config.unit_columns)
    if config.visit not in cases or not cases.duplicated(keys).any():
        return VisitResults()
    visits = ordered(in_time(cases[config.visit].dropna().unique()), config.changes.between if config.changes else ())
    if YEARS in cases:
        visits = by_dates(visits, cases.groupby([*keys, config.visit])[YEARS].first().unstack())
    first = job.baseline if job.baseline in visits else visits[0]
    unit = pd.Series(pd.MultiIndex.from_frame(cases[keys]).factorize()[0], cases.index)
    patients = cases[config.patient].groupby(unit).first().to_numpy()
    rows = {visit: cases.index[cases[config.visit] == visit] for visit in visits}

    def by_visit(values: pd.Series) -> np.ndarray:
        """Return values of cases, shape (unit, visit), NaN where a unit lacks the visit."""
        found = np.full((len(patients), len(visits)), np.nan)
        for place, here in enumerate(rows.values()):
            found[unit[here], place] = values.reindex(here)
        return found

    there = np.isfinite(by_visit(pd.Series(0.0, cases.index)))
    dated = YEARS in cases
    years = by_visit(cases[YEARS]) if dated else np.full(there.shape, np.nan)
    start = visits.index(first)
    since = years - years[:, [start]]
    values = {str(name): by_visit(column) for name, column in _shown(job).items()}
    changes = _changes(values, visits, start, since, patients)
    drawn = list(dict.fromkeys(item.feature for item in changes))[:_DRAWN]
    return VisitResults(
        baseline=first,
        units=len(patients),
        patients=len(set(patients)),
        whole=int(there.all(axis=1).sum()),
        visits=tuple(
            Visit(visit=visit, units=int(there[:, place].sum()), missing=int((~there[:, place]).sum()), years=span)
            for place, visit in enumerate(visits)
            for span in [_span(since[:, place]) if place != start else ()]
        ),
        changes=changes,
        courses=tuple(_course(name, values[name], patients) for name in drawn),
    )


def _shown(job: VisitsJob) -> pd.DataFrame:
    """Return the features that are looked at, a row per case."""

    def wanted(names: Iterable[str]) -> list[str]:
        return [name for name in names if any(fnmatch.fnmatchcase(name, pattern) for pattern in job.shown)]

    found = {}
    for case, place in job.radiomic.items():
        features = read_json(place)["features"]
        found[case] = {name: math.nan if features[name] is None else features[name] for name in wanted(features)}
    frames = [pd.DataFrame.from_dict(found, orient="index", dtype="float64")]
    for source in job.features.values():
        table = read_block(job.cohort, source, job.reserved)[0]
        if table.ids == (job.cohort.case,):
            frames.append(table.values[wanted(table.names)])
    return pd.concat(frames, axis=1)


def _changes(
    values: Mapping[str, np.ndarray], visits: list[str], start: int, since: np.ndarray, patients: np.ndarray
) -> tuple[FeatureChange, ...]:
    """Return the change of each feature to each visit; features that no unit has at two visits are left out."""
    found: dict[str, list[FeatureChange]] = {}
    for name, table in values.items():
        for place, visit in enumerate(visits):
            if place == start:
                continue
            one = change(table[:, start], table[:, place], since[:, place], patients)
            if one.units:
                item = FeatureChange(
                    feature=name,
                    visit=visit,
                    units=one.units,
                    patients=one.patients,
                    before=one.before,
                    difference=Interval.of(one.difference),
                    percent=Interval.of(one.percent),
                    rate=Interval.of(one.rate),
                    response=one.response,
                    spread=one.spread,
                )
                found.setdefault(name, []).append(item)
    strength = {name: max(abs(item.response or 0.0) for item in items) for name, items in found.items()}
    return tuple(item for name in sorted(found, key=lambda name: (-strength[name], name)) for item in found[name])


def _span(years: np.ndarray) -> tuple[float, ...]:
    """Return median, least and most; nothing where none is known."""
    known = years[np.isfinite(years)]
    return (float(np.median(known)), float(known.min()), float(known.max())) if len(known) else ()


def _course(feature: str, table: np.ndarray, patients: np.ndarray) -> FeatureCourse:
    """Return a feature at every visit, of units evenly taken where there are too many to be drawn."""
    known = np.isfinite(table)
    means = (clustered_mean(table[here, place], patients[here]) for place, here in enumerate(known.T))
    several = np.flatnonzero(known.sum(axis=1) > 1)
    taken = several[np.linspace(0, len(several) - 1, min(len(several), _LINES)).round().astype(int)]
    units = tuple(tuple(map(float, row)) for row in table[taken])
    return FeatureCourse(feature=feature, means=tuple(map(Interval.of, means)), units=units)


STAGE = Stage("visits", 3, jobs, work, write_section, lambda _: PLACE, what="comparing visits", needs=("extract",))
