"""The cohort at a glance, and where its masks come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from radfuse.report.printed import DASH, number, p_value, percent
from radfuse.report.render import Part, render
from radfuse.report.study import StudyReport
from radfuse.results import MulticlassPerformance
from radfuse.statistics.auc import auc_covariance, auc_difference

_MOST_DECIMALS = 6
"""Of a mean; smaller ones are written with their power of ten."""
_MANY = 5
"""Classes from which on the head of the page tells their number alone."""
MASK_SOURCES = {
    "manual": "drawn by hand, as the cohort table names them",
    "cross_fitted": "predicted by a network that never saw the patient",
    "untrained": "made without training: by readers' vote, grown from a seed, or carried from an atlas",
    "external": "predicted by a network trained elsewhere",
}


def study(report: StudyReport) -> Part:
    """Return the cohort by event; where the outcome has none, by its classes or its median."""
    first = report.performance[0]
    classes = first.levels if isinstance(first, MulticlassPerformance) else ()
    about = (report.patient, report.site)
    whole = (
        table_of_classes(report.units, report.clinical, report.units[report.outcome], classes, *about)
        if classes
        else table_one(report.units, report.clinical, report.events, *about)
    )
    tables = {"table_one": whole}
    if report.masks:
        tables["masks"] = mask_table(report.masks)
    events, median = int(report.events.sum()), not hasattr(first, "events")
    share = percent(events / len(report.units))
    facts = {
        "units of prediction": str(len(report.units)),
        "patients": str(report.units[report.patient].nunique()),
        **({} if median else {f"events ({share})": str(events)}),
        **_units_of(classes, report.units[report.outcome]),
        f"{' + '.join(report.blocks)} columns": " + ".join(f"{count:,}" for count in report.blocks.values()),
    }
    people = report.units[report.patient]
    both = len(set(people[report.events == 1]) & set(people[report.events == 0]))
    if classes:
        both = int((report.units.groupby(report.patient)[report.outcome].nunique() > 1).sum())
    timed = hasattr(first, "horizon")
    html = render(
        "sections/cohort.html", report=report, tables=tables, both=both, median=median, classes=classes, timed=timed
    )
    return Part("Cohort", html, tables=tables, facts=facts)


def _units_of(classes: Sequence[str], observed: pd.Series) -> dict[str, str]:
    """Return how many units each class has, of many classes their number, for the head of the page."""
    if len(classes) > _MANY:
        return {"classes": str(len(classes))}
    counts = [str((observed == name).sum()) for name in classes]
    return {f"units of {', '.join(classes)}": " + ".join(counts)} if classes else {}


def table_one(
    units: pd.DataFrame, clinical: pd.DataFrame, events: np.ndarray, patient: str, site: str | None
) -> pd.DataFrame:
    """Return the cohort by outcome.

    Continuous columns: mean (SD), or median [IQR] where skewness exceeds 1. Columns of 0 and 1, and sites: n (%).
    SMD: difference over the pooled standard deviation. p: rank-sum test whose variance sums over patients.

    Args:
        units: a row per unit.
        clinical: encoded clinical columns, same rows.
        events: 1 for a unit with the event, else 0.
        patient: column of `units`.
        site: column of `units`, or None.

    Returns:
        Text columns: characteristic, all, without event, with event, missing, SMD, p.
    """
    y = events == 1
    groups = {"all": np.ones(len(y), dtype=bool), "without": ~y, "with": y}
    rows = _rows(units, clinical, groups, patient, site)
    return _framed(rows, ["characteristic", *groups, "missing", "smd", "p"])


def table_of_classes(
    units: pd.DataFrame,
    clinical: pd.DataFrame,
    classes: pd.Series,
    levels: Sequence[str],
    patient: str,
    site: str | None,
) -> pd.DataFrame:
    """Return the cohort by class, summarised as `table_one` does.

    SMD: the largest between two classes, without sign.

    Args:
        units: a row per unit.
        clinical: encoded clinical columns, same rows.
        classes: of the units.
        levels: all of them, in order.
        patient: column of `units`.
        site: column of `units`, or None.

    Returns:
        Text columns: characteristic, all, each class by its name, missing, SMD.
    """
    taken = ("characteristic", "all", "missing", "smd")
    groups = {"all": np.ones(len(units), dtype=bool)}
    groups |= {f"class {name}" if name in taken else name: (classes == name).to_numpy() for name in levels}
    return _framed(_rows(units, clinical, groups, patient, site), ["characteristic", *groups, "missing", "smd"])


def _framed(rows: Sequence[Mapping[str, str]], columns: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame([{column: row.get(column, "") for column in columns} for row in rows])


def _rows(
    units: pd.DataFrame, clinical: pd.DataFrame, groups: Mapping[str, np.ndarray], patient: str, site: str | None
) -> list[dict[str, str]]:
    """Return the rows of a table of the cohort, the group of all first."""
    rows = [
        {"characteristic": "Units", **{name: str(int(group.sum())) for name, group in groups.items()}},
        {
            "characteristic": "Patients",
            **{name: str(units.loc[group, patient].nunique()) for name, group in groups.items()},
        },
    ]
    people = units[patient].to_numpy()
    rows += [_characteristic(str(name), clinical[name].to_numpy(dtype=float), groups, people) for name in clinical]
    if site is not None and site in units:
        for value in sorted(units[site].dropna().unique()):
            here = (units[site] == value).to_numpy(dtype=float)
            rows.append(_characteristic(f"{site}={value}", here, groups, people))
    return rows


def _characteristic(
    name: str, values: np.ndarray, groups: Mapping[str, np.ndarray], patients: np.ndarray
) -> dict[str, str]:
    """Return the row of one column: a summary of each group, the missing, how far the groups differ."""
    known = ~np.isnan(values)
    binary = set(np.unique(values[known])) <= {0.0, 1.0}
    skewed = not binary and abs(pd.Series(values[known]).skew()) > 1
    column, equals, level = name.partition("=")
    label = f"{column}: {level}" if equals else name
    row = {"characteristic": f"{label}, {'n (%)' if binary else 'median [IQR]' if skewed else 'mean (SD)'}"}
    for group, members in groups.items():
        row[group] = _summary(values[members & known], binary, skewed, _decimals(values[known]))
    lacking = int((~known).sum())
    row["missing"] = f"{lacking} ({percent(lacking / len(values), 1)})" if lacking else "0"
    if set(groups) != {"all", "without", "with"}:
        parts = [values[members & known] for group, members in groups.items() if group != "all"]
        apart = [abs(_smd(*pair)) for pair in combinations(parts, 2) if min(map(len, pair)) > 1]
        return row | {"smd": number(max((each for each in apart if not np.isnan(each)), default=None), 2)}
    first, second = values[groups["with"] & known], values[groups["without"] & known]
    if len(first) > 1 and len(second) > 1:
        row["smd"] = number(_smd(first, second), 2)
        ranked = auc_covariance(
            groups["with"][known].astype(int),
            np.column_stack([values[known], np.zeros(int(known.sum()))]),
            patients[known],
        )
        row["p"] = p_value(auc_difference(ranked, 0, 1)[2])
    return row


def _smd(first: np.ndarray, second: np.ndarray) -> float:
    """Return first minus second over the pooled standard deviation; NaN where both are constant."""
    spread = np.sqrt((first.var(ddof=1) + second.var(ddof=1)) / 2)
    return float((first.mean() - second.mean()) / spread) if spread > 0 else float("nan")


def _decimals(values: np.ndarray) -> int:
    """Return so many that the spread of a column keeps two digits, one at least: an ADC has values of 0.001."""
    spread = float(values.std()) if len(values) else 0.0
    return 1 if not spread > 0 else max(1, 1 - int(np.floor(np.log10(spread))))


def _summary(values: np.ndarray, binary: bool, skewed: bool, decimals: int) -> str:
    if len(values) == 0:
        return DASH
    if binary:
        return f"{int(values.sum())} ({percent(values.mean(), 1)})"
    if skewed:
        low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
        return f"{middle:.3g} [{low:.3g}–{high:.3g}]"
    mean, deviation = values.mean(), values.std(ddof=1) if len(values) > 1 else 0.0
    if decimals > _MOST_DECIMALS:
        return f"{mean:.2e} ({deviation:.2e})"
    return f"{number(mean, decimals)} ({number(deviation, decimals)})"


def mask_table(sources: Mapping[str, int]) -> pd.DataFrame:
    """Return where the masks come from that features were computed from, a row per source with any case."""
    total = sum(sources.values())
    order = sorted(sources, key=[*MASK_SOURCES, *sources].index)
    rows = [
        {
            "masks": source.replace("_", "-"),
            "how": MASK_SOURCES.get(source, ""),
            "cases": str(sources[source]),
            "share": percent(sources[source] / total),
        }
        for source in order
    ]
    return pd.DataFrame(rows)
