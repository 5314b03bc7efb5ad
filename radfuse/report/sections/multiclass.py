"""How well families tell classes apart: ROC curves of each against the rest, agreement, which is taken for which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from radfuse.report.evaluation import EvaluationReport
from radfuse.report.palette import Look, ink_on, looks
from radfuse.report.printed import interval, number
from radfuse.report.render import Part, render
from radfuse.report.sections.discrimination import GRID, forest, headline, mean_roc, roc_axes
from radfuse.report.study import StudyReport
from radfuse.report.svg import multiples
from radfuse.results import MulticlassPerformance

_LONGEST, _MANY = 14, 6
"""Letters of a class on an axis, and classes up to which a panel has room for more than counts and curves."""


def study(report: StudyReport) -> Part:
    """Return the families on the test folds of a study."""
    return _part(report, {}, headline(report), elsewhere=False)


def evaluation(report: EvaluationReport) -> Part:
    """Return the families on other patients, beside what they did in the study."""
    transport = [
        {
            "family": item.family,
            "macro AUC at training (nested)": interval(report.before[item.family].auc),
            "macro AUC here": interval(item.auc),
            "balanced accuracy at training (nested)": interval(report.before[item.family].balanced_accuracy),
            "balanced accuracy here": interval(item.balanced_accuracy),
        }
        for item in report.performance
    ]
    return _part(report, {"transport": pd.DataFrame(transport)}, {}, elsewhere=True)


def _part(
    report: StudyReport | EvaluationReport,
    before: Mapping[str, pd.DataFrame],
    facts: Mapping[str, str],
    *,
    elsewhere: bool,
) -> Part:
    first = report.predictions[report.predictions["repeat"] == 1]
    figures: dict[str, str] = {}
    curves: list[str] = []
    if any(item.auc.value is not None for item in report.performance):
        figures["macro_auc"] = forest(report.performance, report.looks)
        figures["roc_by_class"], curves = roc_panels(report.predictions, report.performance)
    figures["confusion"], panels = confusion_panels(first, report.performance, report.looks)
    tables = {**before, **tables_of(report.performance), "classes": class_table(report.performance)}
    tables["confusion"] = confusion_table(first, report.performance)
    html = render(
        "sections/multiclass.html",
        report=report,
        figures=figures,
        tables=tables,
        curves=curves,
        panels=panels,
        elsewhere=elsewhere,
        absent=absent(report.performance),
        many=_MANY,
    )
    return Part("Classes", html, figures, tables, dict(facts))


def tables_of(performance: Sequence[MulticlassPerformance]) -> dict[str, pd.DataFrame]:
    """Return discrimination, and agreement, a row per family; the pooled AUC where there are several folds."""
    ranks = [
        {
            "family": item.family,
            "macro AUC": interval(item.auc),
            "weighted AUC": interval(item.auc_weighted),
            "Hand-Till M": interval(item.hand_till),
            "pooled macro AUC": interval(item.auc_pooled),
        }
        for item in performance
    ]
    agreement = [
        {
            "family": item.family,
            "accuracy": interval(item.accuracy),
            "balanced accuracy": interval(item.balanced_accuracy),
            "kappa": interval(item.kappa),
            "log loss": interval(item.log_loss),
            "Brier": interval(item.brier),
            "scaled Brier": number(item.brier_scaled),
        }
        for item in performance
    ]
    table = pd.DataFrame(ranks)
    several = any(len(item.fold_aucs) > 1 for item in performance)
    shown = table if several else table.drop(columns="pooled macro AUC")
    return {"performance": shown, "agreement": pd.DataFrame(agreement)}


def class_table(performance: Sequence[MulticlassPerformance]) -> pd.DataFrame:
    """Return each class against the rest, a row per family and class."""
    return pd.DataFrame(
        [
            {
                "family": item.family,
                "class": one.name,
                "units": str(one.units),
                "AUC": interval(one.auc, 2),
                "sensitivity": interval(one.sensitivity, 2),
                "specificity": interval(one.specificity, 2),
                "PPV": interval(one.ppv, 2),
                "F1": interval(one.f1, 2),
            }
            for item in performance
            for one in item.classes
        ]
    )


def roc_panels(predictions: pd.DataFrame, performance: Sequence[MulticlassPerformance]) -> tuple[str, list[str]]:
    """Return a panel per family: the ROC curve of each class against the rest, averaged over test folds."""
    drawn = looks(performance[0].levels)

    def draw(axes: Any, item: MulticlassPerformance) -> None:
        draw_rocs(axes, item, predictions[predictions["family"] == item.family], drawn)
        axes.set_title(item.family, loc="left", fontweight="bold")

    return multiples(performance, draw, height=panel_height(len(performance[0].levels)))


def draw_rocs(axes: Any, item: MulticlassPerformance, rows: pd.DataFrame, drawn: Mapping[str, Look]) -> None:
    """Draw the ROC curve of each class of a family against the rest, averaged over test folds, with its AUC."""
    axes.plot([0, 1], [0, 1], color="#d1d5db", linewidth=1)
    for one in item.classes:
        if one.auc.value is None:
            continue
        against = rows.assign(
            probability=rows[f"probability@{one.name}"], outcome=(rows["outcome"] == one.name).astype(int)
        )
        label = f"{short_name(one.name)}  {number(one.auc.value, 2)}"
        colour, dash = drawn[one.name]
        axes.plot(GRID, mean_roc(against), color=colour, linestyle=dash, linewidth=1.5, label=label)
    roc_axes(axes)
    class_legend(axes, len(item.levels), "lower right")


def class_legend(axes: Any, classes: int, place: str) -> None:
    """Name the classes inside the axes, or, where they are many, below them."""
    where: dict[str, Any] = {"loc": place}
    if classes > _MANY:
        where = {"loc": "upper center", "bbox_to_anchor": (0.45, -0.2), "ncols": 2, "columnspacing": 1.0}
    axes.legend(fontsize=7, handlelength=2.2, **where)


def panel_height(classes: int) -> float:
    """Return the height in inches of a panel with a line for each class."""
    return 3.1 + (0.16 * -(-classes // 2) if classes > _MANY else 0.0)


def confusion(predictions: pd.DataFrame, item: MulticlassPerformance) -> np.ndarray:
    """Return how many units of each observed class, a row each, are given each class; int, shape (class, class)."""
    rows = predictions[predictions["family"] == item.family]
    found = np.zeros((len(item.levels), len(item.levels)), dtype=int)
    place = {name: number for number, name in enumerate(item.levels)}
    np.add.at(found, (rows["outcome"].map(place).to_numpy(dtype=int), rows["class"].map(place).to_numpy(dtype=int)), 1)
    return found


def confusion_panels(
    predictions: pd.DataFrame, performance: Sequence[MulticlassPerformance], drawn: Mapping[str, Look]
) -> tuple[str, list[str]]:
    """Return a panel per family: observed against predicted classes, counts over shares of the observed class."""
    classes = len(performance[0].levels)
    size = 2.9 + 0.25 * max(0, classes - 4)

    def draw(axes: Any, item: MulticlassPerformance) -> None:
        draw_confusion(axes, confusion(predictions, item), item, drawn[item.family].colour)
        axes.set_title(item.family, loc="left", fontweight="bold")

    return multiples(performance, draw, width=max(2.95, size), height=size)


def draw_confusion(axes: Any, found: np.ndarray, item: MulticlassPerformance, colour: str) -> None:
    """Draw counts of observed against predicted classes, shaded by the share of the observed class."""
    from matplotlib.colors import LinearSegmentedColormap

    classes = len(item.levels)
    shares = classes <= _MANY  # more cells have no room for two lines
    share = found / np.maximum(found.sum(axis=1, keepdims=True), 1)
    shades = LinearSegmentedColormap.from_list("own", ["#ffffff", colour])
    axes.pcolormesh(share, cmap=shades, vmin=0, vmax=1, edgecolors="#e5e7eb", linewidth=0.6)
    for (row, column), count in np.ndenumerate(found):
        text = f"{count}\n{100 * share[row, column]:.0f}%" if shares and found[row].any() else str(count)
        axes.text(
            column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=7.5, linespacing=1.15,
            color=ink_on(shades(share[row, column])),
        )  # fmt: skip
    middle, names = np.arange(classes) + 0.5, [short_name(name) for name in item.levels]
    wide = sum(map(len, names)) > 26
    axes.set_xticks(middle, names, rotation=35 if wide else 0, ha="right" if wide else "center")
    axes.set_yticks(middle, names)
    axes.set_ylim(classes, 0)
    axes.tick_params(length=0)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("observed class")


def confusion_table(predictions: pd.DataFrame, performance: Sequence[MulticlassPerformance]) -> pd.DataFrame:
    """Return the same as counts, a row per family and observed class, a column per predicted class."""
    return pd.DataFrame(
        [
            {"family": item.family, "observed": name, **dict(zip(item.levels, map(int, row), strict=True))}
            for item in performance
            for name, row in zip(item.levels, confusion(predictions, item), strict=True)
        ]
    )


def absent(performance: Sequence[MulticlassPerformance]) -> list[str]:
    """Return the classes that no unit has."""
    first = performance[0]
    return [name for name, count in zip(first.levels, first.counts, strict=True) if not count]


def short_name(name: str) -> str:
    """Return the name of a class, or its beginning and end: names of tumours often differ in one of these alone."""
    return name if len(name) <= _LONGEST else f"{name[:8]}…{name[-5:]}"
