"""Who was studied, and what was predicted."""

from __future__ import annotations

from collections.abc import Iterator

from radfuse.errors import counted
from radfuse.report import printed
from radfuse.report.known import Known
from radfuse.report.methods.words import series, spaced
from radfuse.report.printed import percent
from radfuse.results.numbers import decimals

_KINDS = {"percent": "percentage", "rate": "rate per year", "slope": "slope over all visits"}


def sentences(known: Known) -> Iterator[str]:
    """Yield counts, sites, exclusions, visits and clinical predictors."""
    report, cohort = known.report, known.cohort
    units, patients = len(report.units), known.patients
    events = int(report.events.sum())
    who = counted(patients, "patient")
    if units != patients or list(report.unit) != [report.patient]:
        joined = series(spaced(name) for name in report.unit)
        who = f"{counted(units, 'unit')} (each named by {joined}) of {who}" if units != patients else who
    share = percent(events / units, 1)
    had = f", of which {events:,} ({share}) had the event"
    if units != patients:  # else "of which" would be said of the patients
        had = f"; {counted(events, 'unit')} ({share}) had the event"
    if known.survival:
        median = report.performance[0].follow_up
        followed = printed.number(median, decimals(median, 1))
        follow_up = f"median follow-up was {followed} {known.outcome['unit']}".rstrip()
        soon = int((report.events * (report.units[known.outcome["time"]] <= known.outcome["horizon"])).sum())
        by_then = f" ({soon:,} of them by then, {events - soon:,} later)" if soon < events else ""
        yield (
            f"We predicted the event {spaced(report.event)} from times to it in {who}{had}{by_then}; "
            f"{follow_up} (reverse Kaplan-Meier)."
        )
        yield from _of_times(known)
    elif known.kind == "continuous":
        values, unit = report.units[known.outcome["column"]], known.outcome["unit"]
        yield (
            f"We predicted “{spaced(report.outcome)}”{f' ({unit})' if unit else ''} in {who}; its mean was "
            f"{values.mean():.3g} (standard deviation {values.std():.2g}, range {values.min():.3g} to "
            f"{values.max():.3g})."
        )
    elif known.level:
        yield f"We predicted “{spaced(report.outcome)}” in {who} (units of each {known.level}: {known.counted_levels})."
    else:
        yield f"We predicted the outcome “{spaced(report.outcome)}” (event: {report.event}) in {who}{had}."
    if report.site is not None and report.site in report.units:
        sites = int(report.units[report.site].nunique())
        yield f"Data came from {counted(sites, 'site')}."
    excluded = len(cohort["exclude"])
    if excluded:
        yield f"{counted(excluded, 'case was', 'cases were')} excluded before the analysis."
    if report.lacking:
        without = series(f"{counted(count, 'unit')} ({spaced(name)})" for name, count in report.lacking.items())
        yield f"All features were missing in {without}."
    yield from _visits(known)
    clinical = [
        spaced(item) if isinstance(item, str) else f"{spaced(item['column'])} ({series(item['levels'])})"
        for item in cohort["clinical"]
    ]
    if clinical:
        yield (
            f"Clinical predictors were {series(clinical)}."
            if len(clinical) > 1
            else (f"The clinical predictor was {clinical[0]}.")
        )


def _of_times(known: Known) -> Iterator[str]:
    """Yield which events forestall the predicted one, and from when on it is predicted."""
    if known.competing:
        units = counted(known.report.performance[0].rivals, "unit")
        named = series(f"“{word}”" for word in known.competing)
        yield f"{units} had a competing event ({named}), after which it could no longer come."
    if known.outcome["landmark"]:
        when = f"{known.outcome['landmark']:g} {known.outcome['unit']}".rstrip()
        yield (
            f"In a landmark analysis (Anderson et al. 1983, doi:10.1200/JCO.1983.1.11.710), units under observation "
            f"without an event at {when} took part, and times were counted from there."
        )


def _visits(known: Known) -> Iterator[str]:
    changes = known.cohort["changes"]
    if changes is None:
        return
    between = series(changes["between"])
    kinds = [_KINDS.get(kind, spaced(kind)) for kind in changes["kinds"]]
    yield f"Between visits {between}, the change of each feature was computed as {series(kinds)}."
