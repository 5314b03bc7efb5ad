"""How masks agree, over cases: summary, Dice strips, Bland-Altman of volumes; what several pages show alike."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from radfuse.report.layout import Room
from radfuse.report.printed import DASH, number
from radfuse.report.svg import STYLE, multiples, to_svg
from radfuse.statistics.bootstrap import bootstrap_means

MOST_PANELS = 24
"""Labels with a figure of their own; a page of more is not looked at."""
_MOST_DOTS = 1000
_DOTS, _INK = "#0072B2", "#1f2937"
_HUGE = 1e30
"""Stands for infinity where values are interpolated: between infinities there is nothing."""
_ML_MM3 = 1000.0


class Metric(NamedTuple):
    """How a metric is printed: as a fraction, in mm, or in percent."""

    title: str
    digits: int
    factor: float = 1.0


METRICS = {
    "dice": Metric("Dice", 3),
    "iou": Metric("IoU", 3),
    "hd95_mm": Metric("HD95, mm", 2),
    "assd_mm": Metric("ASSD, mm", 2),
    "surface_dice": Metric("surface Dice", 3),
    "volume_error_mm3": Metric("volume, mm³", 0),
    "volume_error_share": Metric("volume, %", 1, 100.0),
}
SHOWN = ("dice", "hd95_mm", "assd_mm", "surface_dice", "volume_error_share")


def summary_of(rows: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Return each metric of each label over cases.

    Args:
        rows: a row per case and label, with case, patient, label, and the columns of `MaskAgreement.row`.
        seed: of the bootstrap.

    Returns:
        A row per label and metric: cases; with_label, in how many of them either mask has the label, of which all that
        follows is; infinite, how many of these have no value since one mask is empty; median, q1 and q3 with those as
        the worst; mean of the others with its 95 % bootstrap interval over patients.
    """
    found = []
    for label, whole in rows.groupby("label", sort=False):
        part = having(whole)
        columns = part[list(METRICS)].to_numpy(dtype=float)
        means = bootstrap_means(columns, part["patient"].to_numpy(), seed=seed)
        for name, values, mean in zip(METRICS, columns.T, means, strict=True):
            q1, median, q3 = quartiles(values)
            found.append(
                {
                    "label": label,
                    "metric": name,
                    "cases": len(whole),
                    "with_label": len(part),
                    "infinite": int(np.isinf(values).sum()),
                    "median": median,
                    "q1": q1,
                    "q3": q3,
                    "mean": mean.value,
                    "mean_low": mean.low,
                    "mean_high": mean.high,
                }
            )
    return pd.DataFrame(found)


def having(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows where either mask has the label: two that lack it agree, and say nothing of how it is drawn."""
    return rows[(rows["reference_mm3"] > 0) | (rows["other_mm3"] > 0)]


def quartiles(values: np.ndarray) -> tuple[float, float, float]:
    """Return the quartiles and the median between them; infinite values are larger than all others, NaN without any."""
    if not len(values):
        return (math.nan,) * 3
    found = np.quantile(np.minimum(values, _HUGE), [0.25, 0.5, 0.75])
    first, middle, third = np.where(found > _HUGE / 10, np.inf, found)
    return float(first), float(middle), float(third)


def summary_table(summary: pd.DataFrame) -> pd.DataFrame:
    """Return the summary as printed: a row per label, median and quartiles of each metric."""
    found = []
    for label, part in summary.groupby("label", sort=False):
        known = part.set_index("metric")
        cells = {METRICS[name].title: median_and_quartiles(known.loc[name], name) for name in SHOWN}
        found.append({"label": label, "cases": cases_of(known.loc["dice"]), **cells})
    return pd.DataFrame(found)


def cases_of(row: pd.Series) -> str:
    """Return "12", or "3 of 12" where either mask has the label in 3 of 12 cases."""
    return str(row["cases"]) if row["with_label"] == row["cases"] else f"{row['with_label']} of {row['cases']}"


def means_table(summary: pd.DataFrame) -> pd.DataFrame:
    """Return the means as printed: a row per label, each metric with its interval."""
    found = []
    for label, part in summary.groupby("label", sort=False):
        known = part.set_index("metric")
        cells = {METRICS[name].title: _mean(known.loc[name], name) for name in SHOWN}
        found.append({"label": label, **cells})
    return pd.DataFrame(found)


def parts_table(rows: pd.DataFrame, what: tuple[str, str]) -> pd.DataFrame:
    """Return, by label, masks that one side alone has, and the connected parts found, missed and false.

    Args:
        rows: as of `summary_of`.
        what: names of the mask that is measured and of the reference.
    """
    found = []
    for label, part in rows.groupby("label", sort=False):
        here, there = part["other_mm3"] > 0, part["reference_mm3"] > 0
        counts = {
            f"{what[1]} alone": (there & ~here).sum(),
            f"{what[0]} alone": (here & ~there).sum(),
            "neither": (~here & ~there).sum(),
            "parts found": part["components_found"].sum(),
            "missed": part["components_missed"].sum(),
            "false": part["components_false"].sum(),
        }
        found.append({"label": label, **{name: str(count) for name, count in counts.items()}})
    return pd.DataFrame(found)


def shown(value: float, name: str) -> str:
    """Return a value as printed; "∞" where there is none since one mask is empty."""
    metric = METRICS[name]
    return "∞" if np.isposinf(value) else number(value * metric.factor, metric.digits)


def median_and_quartiles(row: pd.Series, name: str) -> str:
    """Return "0.861 (0.790–0.902)"; a dash where no case has the label."""
    if np.isnan(row["median"]):
        return DASH
    return f"{shown(row['median'], name)} ({_between(row['q1'], row['q3'], name)})"


def _mean(row: pd.Series, name: str) -> str:
    if np.isnan(row["mean"]):
        return DASH
    mean = shown(row["mean"], name)
    return mean if np.isnan(row["mean_low"]) else f"{mean} ({_between(row['mean_low'], row['mean_high'], name)})"


def _between(low: float, high: float, name: str) -> str:
    return f"{shown(low, name)}{' to ' if low < 0 else DASH}{shown(high, name)}"


def dice_strips(rows: pd.DataFrame) -> str:
    """Return the Dice coefficient of every case that has a label as a dot, the median as a line, by label."""
    labels, rows = list(rows["label"].unique()), having(rows)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(3.9, 0.9 + 0.42 * len(labels)), layout=Room())
        axes = figure.subplots()
        generator = np.random.default_rng(0)
        for place, label in enumerate(labels):
            values = rows.loc[rows["label"] == label, "dice"].to_numpy()
            dots = _some(values)
            axes.plot(dots, place + generator.uniform(-0.16, 0.16, len(dots)), "o", color=_DOTS, alpha=0.6, ms=4)
            axes.plot([quartiles(values)[1]] * 2, [place - 0.3, place + 0.3], color=_INK, linewidth=2)
        axes.set_yticks(range(len(labels)), labels)
        axes.set_ylim(len(labels) - 0.5, -0.5)
        axes.set_xlim(float(np.nanmin([0.5, rows["dice"].min()])) - 0.02, 1.01)
        axes.set_xlabel("Dice coefficient, a dot per case\n(line: median)")
        axes.tick_params(axis="y", length=0)
        return to_svg(figure)


def tolerances(rows: pd.DataFrame) -> str:
    """Return the tolerances of the surface Dice in mm as printed: "1", or "1 (cartilage: 0.5)".

    The one of most labels stands first, then those whose own is another.

    Args:
        rows: as of `summary_of`.
    """
    of_labels = rows.drop_duplicates("label").set_index("label")["tolerance_mm"]
    usual = of_labels.value_counts().index[0]
    others = [f"{label}: {value:g}" for label, value in of_labels.items() if value != usual]
    return f"{usual:g} ({', '.join(others)})" if others else f"{usual:g}"


def bland_altman(
    rows: pd.DataFrame, what: tuple[str, str] | Mapping[str, tuple[str, str]]
) -> tuple[str, list[str], list[str]]:
    """Return the difference of two volumes over their mean, with mean difference and limits of agreement; by label.

    Args:
        rows: as of `summary_of`.
        what: names of the mask that is measured and of the reference; by label where they differ.

    Returns:
        All panels as one figure, each alone, and the labels they are of: the first `MOST_PANELS` that a case has.

    Source:
        Bland and Altman 1986, doi:10.1016/S0140-6736(86)90837-8.
    """

    rows = having(rows)

    def draw(axes: Any, label: str) -> None:
        part = rows[rows["label"] == label]
        mean, difference, unit = _volumes(part)
        bias, spread = float(difference.mean()), float(difference.std(ddof=1)) if len(difference) > 1 else 0.0
        one, other = what[label] if isinstance(what, Mapping) else what
        axes.axhline(0, color="#d1d5db", linewidth=1)
        axes.axhline(bias, color=_INK, linewidth=1.4)
        for limit in (-1.96, 1.96):
            axes.axhline(bias + limit * spread, color=_INK, linewidth=1, dashes=(4, 3))
        axes.plot(_some(mean), _some(difference), "o", color=_DOTS, alpha=0.6, ms=4)
        axes.set_xlabel(f"mean of both, {unit}")
        axes.set_ylabel(f"{one} − {other}, {unit}")
        axes.set_title(str(label), loc="left")

    labels = [str(label) for label in rows["label"].unique()[:MOST_PANELS]]
    if not labels:
        return "", [], []
    whole, panels = multiples(labels, draw)
    return whole, panels, labels


def volumes_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Return what `bland_altman` draws as printed: by label, the mean difference of volumes and limits of agreement."""
    found = []
    for label, part in having(rows).groupby("label", sort=False):
        _, difference, unit = _volumes(part)
        bias, digits = float(difference.mean()), 1 if unit == "mm³" else 2
        spread = 1.96 * float(difference.std(ddof=1)) if len(difference) > 1 else np.nan
        limits = f"{number(bias - spread, digits)} to {number(bias + spread, digits)}" if spread == spread else DASH
        cells = {"mean difference": f"{number(bias, digits)} {unit}", "95% limits of agreement": limits}
        found.append({"label": label, "cases": str(len(part)), **cells})
    return pd.DataFrame(found)


def _volumes(part: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, str]:
    """Return means and differences of the volumes of two masks, and their unit."""
    pairs = part[["other_mm3", "reference_mm3"]].to_numpy(dtype=float)
    unit, factor = ("ml", _ML_MM3) if np.median(pairs.max(axis=1)) >= _ML_MM3 else ("mm³", 1.0)
    return pairs.mean(axis=1) / factor, (pairs[:, 0] - pairs[:, 1]) / factor, unit


def _some(values: np.ndarray) -> np.ndarray:
    """Return values few enough for a figure: all, or every so many."""
    return values[:: max(1, -(-len(values) // _MOST_DOTS))]


def worst_table(rows: pd.DataFrame, most: int = 10) -> pd.DataFrame:
    """Return the cases and labels of the lowest Dice as printed."""
    worst: Sequence[Any] = (
        having(rows).sort_values(["dice", "surface_dice"], kind="stable").head(most).to_dict("records")
    )
    return pd.DataFrame(
        [
            {
                "case": row["case"],
                "label": row["label"],
                **{METRICS[name].title: shown(row[name], name) for name in SHOWN},
            }
            for row in worst
        ]
    )
