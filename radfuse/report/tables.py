"""Tables of the report, as rows of text ready to print and to paste into a paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from radfuse.results import ChosenFeature, Comparison, FittedFamily, Interval, Performance
from radfuse.statistics import auc_covariance, auc_difference

DASH = "–"


def number(value: float | None, digits: int = 3) -> str:
    """Return a number with fixed digits; a dash where there is none."""
    if value is None or np.isnan(value):
        return DASH
    text = f"{value:.{digits}f}"
    return text[1:] if float(text) == 0 and text.startswith("-") else text.replace("-", "−")


def interval(value: Interval, digits: int = 3) -> str:
    """Return "0.812 (0.740–0.867)"."""
    if value.low is None or value.high is None:
        return number(value.value, digits)
    between = "–" if value.low >= 0 else " to "
    return f"{number(value.value, digits)} ({number(value.low, digits)}{between}{number(value.high, digits)})"


def p_value(p: float | None) -> str:
    """Return a p value as journals print it."""
    if p is None or np.isnan(p):
        return DASH
    return "<0.001" if p < 0.001 else f"{p:.3f}"


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
    columns = ["characteristic", "all", "without", "with", "missing", "smd", "p"]
    return pd.DataFrame([{column: row.get(column, "") for column in columns} for row in rows])


def _characteristic(
    name: str, values: np.ndarray, groups: Mapping[str, np.ndarray], patients: np.ndarray
) -> dict[str, str]:
    known = ~np.isnan(values)
    binary = set(np.unique(values[known])) <= {0.0, 1.0}
    skewed = not binary and abs(pd.Series(values[known]).skew()) > 1
    column, equals, level = name.partition("=")
    label = f"{column}: {level}" if equals else name
    row = {"characteristic": f"{label}, {'n (%)' if binary else 'median [IQR]' if skewed else 'mean (SD)'}"}
    for group, members in groups.items():
        row[group] = _summary(values[members & known], binary, skewed)
    lacking = int((~known).sum())
    row["missing"] = f"{lacking} ({100 * lacking / len(values):.1f}%)" if lacking else "0"
    first, second = values[groups["with"] & known], values[groups["without"] & known]
    if len(first) > 1 and len(second) > 1:
        spread = np.sqrt((first.var(ddof=1) + second.var(ddof=1)) / 2)
        row["smd"] = number((first.mean() - second.mean()) / spread if spread > 0 else None, 2)
        ranked = auc_covariance(
            groups["with"][known].astype(int),
            np.column_stack([values[known], np.zeros(int(known.sum()))]),
            patients[known],
        )
        row["p"] = p_value(auc_difference(ranked, 0, 1)[2])
    return row


def _summary(values: np.ndarray, binary: bool, skewed: bool) -> str:
    if len(values) == 0:
        return DASH
    if binary:
        return f"{int(values.sum())} ({100 * values.mean():.1f}%)"
    if skewed:
        low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
        return f"{middle:.3g} [{low:.3g}–{high:.3g}]"
    return f"{values.mean():.1f} ({values.std(ddof=1) if len(values) > 1 else 0:.1f})"


def performance_table(performance: Sequence[Performance]) -> pd.DataFrame:
    """Return discrimination and overall error, one row per family; the pooled AUC where there are several folds."""
    table = pd.DataFrame(
        [
            {
                "family": item.family,
                "AUC": interval(item.auc),
                "pooled AUC": interval(item.auc_pooled),
                "Brier": interval(item.brier),
                "scaled Brier": number(item.brier_scaled),
            }
            for item in performance
        ]
    )
    several = any(len(item.fold_aucs) > 1 for item in performance)
    return table if several else table.drop(columns="pooled AUC")


def classification_table(performance: Sequence[Performance]) -> pd.DataFrame:
    """Return shares at the thresholds chosen inside the training folds, one row per family."""
    return pd.DataFrame(
        [
            {
                "family": item.family,
                "sensitivity": interval(item.sensitivity, 2),
                "specificity": interval(item.specificity, 2),
                "PPV": interval(item.ppv, 2),
                "NPV": interval(item.npv, 2),
            }
            for item in performance
        ]
    )


def calibration_table(performance: Sequence[Performance]) -> pd.DataFrame:
    """Return calibration in the large and slope of each family."""
    return pd.DataFrame(
        [
            {
                "family": item.family,
                "observed": number(item.observed),
                "expected": number(item.expected),
                "intercept": interval(item.calibration_intercept, 2),
                "slope": interval(item.calibration_slope, 2),
            }
            for item in performance
        ]
    )


def comparison_table(comparisons: Sequence[Comparison]) -> pd.DataFrame:
    """Return one row per pair of families."""
    return pd.DataFrame(
        [
            {
                "first": item.first,
                "second": item.second,
                "difference in AUC": interval(item.difference),
                "p": p_value(item.p),
                "p (Holm)": p_value(item.p_holm),
            }
            for item in comparisons
        ]
    )


def chosen_features(family: str, folds: Sequence[FittedFamily], final: FittedFamily | None) -> list[ChosenFeature]:
    """Return every column a family used, the refitted model's first, by size of importance and frequency."""
    counts: dict[str, int] = {}
    blocks: dict[str, str] = {}
    for fitted in folds:
        for column in fitted.explanation.columns:
            counts[column.name] = counts.get(column.name, 0) + 1
            blocks[column.name] = column.block
    last = final.explanation.columns if final else ()
    importances = {column.name: column.importance for column in last}
    blocks |= {column.name: column.block for column in last}
    chosen = [
        ChosenFeature(
            family=family, name=name, block=blocks[name], importance=importances.get(name), folds=counts.get(name, 0)
        )
        for name in blocks
    ]
    return sorted(
        chosen, key=lambda item: (item.importance is None, -abs(item.importance or 0.0), -item.folds, item.name)
    )


def dice_table(dice: pd.DataFrame) -> pd.DataFrame:
    """Return the Dice coefficient of each label over cases: median, quartiles, range."""
    rows = []
    for label in dice.columns:
        values = dice[label].dropna()
        low, middle, high = np.quantile(values, [0.25, 0.5, 0.75]) if len(values) else (np.nan,) * 3
        rows.append(
            {
                "label": label,
                "cases": str(len(values)),
                "median": number(middle),
                "quartiles": f"{number(low)}–{number(high)}",
                "range": f"{number(values.min())}–{number(values.max())}" if len(values) else DASH,
            }
        )
    return pd.DataFrame(rows)


MASK_SOURCES = {
    "manual": "drawn by hand, as the cohort table names them",
    "cross_fitted": "predicted by a network that never saw the patient",
    "external": "predicted by a network trained elsewhere",
}


def mask_table(sources: Mapping[str, int]) -> pd.DataFrame:
    """Return where the masks come from that features were computed from, a row per source with any case."""
    total = sum(sources.values())
    order = sorted(sources, key=[*MASK_SOURCES, *sources].index)
    rows = [
        {
            "masks": source.replace("_", "-"),
            "how": MASK_SOURCES.get(source, ""),
            "cases": str(sources[source]),
            "share": f"{100 * sources[source] / total:.0f}%",
        }
        for source in order
    ]
    return pd.DataFrame(rows)


def agreement_table(agreement: pd.Series) -> pd.DataFrame:
    """Return, by region and feature class, how many features agree between predicted and manual masks."""
    known = agreement.dropna()
    parts = pd.DataFrame({"icc": known, "name": known.index})
    split = parts["name"].str.extract(r"^(?P<region>.*)/[^/_]*_(?P<group>[^_/]+)_[^_/]+$")
    parts = parts.join(split)
    rows = [
        {
            "region": region,
            "class": group,
            "features": str(len(values)),
            "median ICC(2,1)": number(float(values.median()), 2),
            "at least 0.75": f"{int((values >= 0.75).sum())} ({100 * (values >= 0.75).mean():.0f}%)",
            "at least 0.9": f"{int((values >= 0.9).sum())} ({100 * (values >= 0.9).mean():.0f}%)",
        }
        for (region, group), values in parts.groupby(["region", "group"])["icc"]
    ]
    return pd.DataFrame(rows)


def stability_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return, for each source and feature class, the shares of features whose ICC(2,1) is good and excellent.

    Good and excellent are judged by the lower confidence limit: at least 0.75 and 0.90 (Koo and Li 2016,
    doi:10.1016/j.jcm.2016.02.012).
    """
    known = table[table["reason"] == ""]
    kind = known["feature"].str.rsplit("_", n=2).str[-2]
    rows = []
    for (source, name), part in known.groupby([known["source"], kind]):
        low = part["icc21_low"]
        rows.append(
            {
                "feature class": name,
                "source": source,
                "features": len(part),
                "median ICC(2,1)": f"{part['icc21'].median():.3f}",
                "good (lower limit >= 0.75)": f"{(low >= 0.75).mean():.0%}",
                "excellent (>= 0.90)": f"{(low >= 0.9).mean():.0%}",
            }
        )
    return pd.DataFrame(rows)
