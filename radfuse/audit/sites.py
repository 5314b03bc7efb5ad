"""Check: a site, a scanner or a date that tells the outcome, or that values tell better than the outcome."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from radfuse.audit.subject import Subject
from radfuse.audit.timed import surplus
from radfuse.cohort.times import days_as_written, times_of
from radfuse.fusion.scaling import medians
from radfuse.results import AuditCheck, AuditFinding

NAME = "site, scanner and date"
_DRAWS = 2000
_RARE = 0.01
"""Chance of a difference between sites below which it is told."""
_RANKS = 0.6
"""Area under the ROC curve that a site or a date alone must reach."""
_PATIENTS = 5
"""Of a site, below which it is joined with other small ones."""
_LEVELS = 20
_SHARE = 0.5
"""Of a block's columns that differ by site more than by outcome."""
_CLEAR = 1e-3
"""Chance below which a column is not taken for chance, and a difference in outcome is a warning: of a hundred columns
that tell nothing one is below `_RARE`."""


def look(subject: Subject) -> AuditCheck:
    """Return columns of site, scanner or date that tell the outcome, and blocks that tell them better than it."""
    about = "the outcome by site, scanner and date (shuffled by patient), and every column by site and by outcome"
    columns = dict(subject.columns_beside())
    seen = _seen(subject)
    if seen is None:
        return AuditCheck(name=NAME, looks=about, skipped="the outcome is not one of two classes, nor a time")
    findings: list[AuditFinding] = []
    told = []
    for name, values in columns.items():
        sites = sites_of(values, subject.patients)
        if sites is not None:
            p, area, shares = by_site(seen, sites, subject.patients, _times(subject))
            told.append(f"{name}: {shares}; p {_shown(p)}")
            findings += _of_outcome(subject, name, p, area, shares)
            findings += _of_columns(subject, name, sites, p)
        else:
            findings += _of_date(subject, name, values, told)
    if not told:
        return AuditCheck(name=NAME, looks=about, skipped="no column tells a site, a scanner or a date")
    return AuditCheck(name=NAME, looks=about, told="; ".join(told), findings=tuple(findings))


def _seen(subject: Subject) -> np.ndarray | None:
    """Return which units have the event, or were seen to have it; None where there is no such."""
    return subject.timed[1] == 1 if subject.timed is not None else subject.events


def _times(subject: Subject) -> np.ndarray | None:
    return subject.timed[0] if subject.timed is not None else None


def sites_of(values: pd.Series, patients: np.ndarray) -> np.ndarray | None:
    """Return the place of each unit's site, small ones joined, -1 where none is told; None where it is no such column.

    A site has patients enough to have a rate of its own; a column with a value for nearly each patient is none.
    """
    text = values.astype(object).where(values.notna())
    first = text.groupby(patients).transform("first")
    counts = pd.Series(patients).groupby(first.to_numpy()).nunique()
    large = [name for name, count in counts.items() if count >= _PATIENTS]
    if len(large) > _LEVELS or len(large) == 0 or counts[large].sum() < 0.5 * counts.sum():
        return None
    order = {name: place for place, name in enumerate(sorted(large, key=str))}
    rest = len(order) if sum(counts) - sum(counts[large]) >= _PATIENTS else -1
    places = np.array([-1 if pd.isna(name) else order.get(name, rest) for name in first])
    return places if len(set(places) - {-1}) > 1 else None


def by_site(
    events: np.ndarray, sites: np.ndarray, patients: np.ndarray, time: np.ndarray | None = None
) -> tuple[float, float, str]:
    """Return the chance of such differences, the AUC of the sites' own rates, and the rates in words.

    With many small sites that AUC is far from 0.5 by itself; what it is worth says the chance, patients shuffled. Of
    times to an event rates are of events beyond those expected of all alike, and C stands for the AUC.
    """
    from radfuse.statistics.auc import auc
    from radfuse.statistics.concordance import harrell

    known = sites >= 0
    more = events if time is None else surplus(time, events)
    people = pd.factorize(patients[known])[0]
    count = np.bincount(people).astype(float)
    rate = np.bincount(people, more[known]) / count
    place = sites[known][np.unique(people, return_index=True)[1]]
    generator = np.random.default_rng(0)

    def between(rates: np.ndarray) -> float:
        sums = np.bincount(place, rates)
        members = np.maximum(np.bincount(place), 1)
        return float((sums**2 / members).sum())

    seen = between(rate)
    drawn = sum(between(generator.permutation(rate)) >= seen - 1e-12 for _ in range(_DRAWS))
    found = pd.Series(events[known]).groupby(sites[known]).agg(["mean", "size"])
    rates = ", ".join(f"{row['mean']:.0%} of {int(row['size'])}" for _, row in found.iterrows())
    level = pd.Series(more[known]).groupby(sites[known]).mean().loc[sites[known]].to_numpy()
    if time is None:
        area = auc(events[known], level)
    else:
        area = float(harrell(time[known], events[known], level[:, None], patients[known]).values[0])
    return (drawn + 1) / (_DRAWS + 1), float(area), f"events in {rates} units"


def _shown(p: float) -> str:
    return "below 0.001" if p < 0.001 else f"{p:.3f}"


def _of_outcome(subject: Subject, name: str, p: float, area: float, shares: str) -> Iterator[AuditFinding]:
    if p < _RARE and area >= _RANKS:
        yield AuditFinding(
            severity="warning" if p < _CLEAR else "remark",
            where=subject.config.table.name,
            found=f"column {name!r} tells the outcome by itself: {shares} "
            f"(p {_shown(p)}, {_measure(subject)} {area:.2f})",
            mend="A model that knows the scanner's marks then seems to know the disease: compare with cohort.split: "
            f"{{kind: leave_site_out, column: {name}}}, or take fusion.harmonise",
            column=name,
        )


def _measure(subject: Subject) -> str:
    return "AUC" if subject.timed is None else "C"


def _of_columns(subject: Subject, name: str, sites: np.ndarray, p: float) -> Iterator[AuditFinding]:
    """Yield blocks whose columns differ by site more than by outcome."""
    groups = _groups(subject)
    for block, values in subject.design.blocks.items():
        if block == "clinical" or values.shape[1] < 2:
            continue
        known = sites >= 0
        x, people = values.to_numpy(dtype="float64")[known], subject.patients[known]
        site, event = explained(x, sites[known], people), explained(x, groups[known], people)
        worse = (site.p < _CLEAR) & (site.share > event.share)
        if worse.mean() >= _SHARE:
            yield AuditFinding(
                severity="warning" if p < 0.05 else "remark",
                where=subject.where(block),
                found=f"{worse.mean():.0%} of {values.shape[1]} columns differ by {name} more than by outcome "
                f"(median share of variance {_median(site)} against {_median(event)})",
                mend=f"Set cohort.site: {name} and fusion.harmonise, or see whether results hold on sites left out",
                column=name,
            )


def _groups(subject: Subject) -> np.ndarray:
    """Return the class of each unit, or the third of a time to an event by events beyond those expected."""
    if subject.timed is None:
        assert subject.events is not None
        return subject.events.astype(int)
    more = surplus(*subject.timed)
    return np.asarray(np.searchsorted(np.quantile(more, [1 / 3, 2 / 3]), more))


def _median(found: Explained) -> str:
    """Return the median share of variance in print; one that is adjusted to less than nothing is nothing."""
    return f"{max(float(np.median(found.share)), 0.0):.0%}"


class Explained(NamedTuple):
    """What groups of patients tell of each column, shape (column,).

    Attributes:
        share: of its variance, adjusted for the number of groups.
        p: of the F test.
    """

    share: np.ndarray
    p: np.ndarray


def explained(x: np.ndarray, groups: np.ndarray, patients: np.ndarray) -> Explained:
    """Return what groups tell of columns, units of one patient in one group counting once.

    Args:
        x: float64, shape (unit, column), NaN where missing.
        groups: place of each unit's group, from 0.
        patients: of the units.
    """
    from scipy.stats import f

    people, cells = pd.factorize(pd.MultiIndex.from_arrays([patients, groups]))
    of = np.array([group for _, group in cells])
    x = x - medians(x)
    means = _sums(np.nan_to_num(x), people) / np.bincount(people)[:, None]
    means = means - means.mean(axis=0)
    sizes = np.bincount(of).astype(float)
    inside = sizes > 0
    between = (_sums(means, of)[inside] ** 2 / sizes[inside, None]).sum(axis=0)
    total = (means**2).sum(axis=0)
    first, second = max(int(inside.sum()) - 1, 1), max(len(means) - int(inside.sum()), 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = (between / first) / ((total - between) / second)
        share = np.nan_to_num(1 - (1 - between / total) * (len(means) - 1) / second)
    return Explained(share, np.nan_to_num(f.sf(statistic, first, second), nan=1.0))


def _sums(x: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return the sum of rows by group, shape (group, column)."""
    from scipy.sparse import csr_matrix

    rows = np.arange(len(groups))
    return np.asarray(csr_matrix((np.ones(len(rows)), (groups, rows)), shape=(groups.max() + 1, len(rows))) @ x)


def _of_date(subject: Subject, name: str, values: pd.Series, told: list[str]) -> Iterator[AuditFinding]:
    """Yield that an early or a late date tells the outcome."""
    from radfuse.statistics.auc import auc_covariance, auc_interval, auc_p
    from radfuse.statistics.concordance import harrell

    seen, follow_up = _seen(subject), _times(subject)
    assert seen is not None
    times = times_of(values.astype(object))[0].to_numpy(dtype=float)
    if np.isfinite(times).sum() < 0.5 * len(times):
        times = days_as_written(values.astype(object)).to_numpy(dtype=float)
    known = np.isfinite(times)
    events = seen[known]
    if known.sum() < 0.5 * len(times):
        told.append(f"{name}: neither groups of {_PATIENTS} patients and more, nor dates or numbers of most units")
        return
    if len(set(times[known])) < 3 or len(set(events)) < 2:
        told.append(f"{name}: too few different dates or numbers, or one outcome where they are known")
        return
    both = np.column_stack([times[known], np.zeros(known.sum())])
    if follow_up is None:
        found = auc_covariance(events, both, subject.patients[known])
    else:
        found = harrell(follow_up[known], events, both, subject.patients[known])
    area, p = float(found.values[0]), auc_p(found)
    measure = _measure(subject)
    told.append(f"{name}: {measure} {max(area, 1 - area):.2f} by itself")
    if p < _RARE and max(area, 1 - area) >= _RANKS:
        span = auc_interval(found)
        later = "later" if area > 0.5 else "earlier"
        come = (
            f"events come {later} by {name!r}" if follow_up is None else f"events come sooner the {later} {name!r} is"
        )
        yield AuditFinding(
            severity="warning" if p < _CLEAR else "remark",
            where=subject.config.table.name,
            found=f"{come}: {measure} {area:.2f} ({span.low:.2f} to {span.high:.2f}) by itself",
            mend="What changed with time at the scanner then seems to be disease: compare with cohort.split: {kind: "
            f"temporal, column: {name}}}",
            column=name,
        )
