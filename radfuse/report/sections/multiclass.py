"""How well families tell classes apart: ROC curves of each against the rest, agreement, which is taken for which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from radfuse.report.by_family import table_of, transport
from radfuse.report.confusion import MANY, confusion_panels, counts, short_name
from radfuse.report.evaluation import EvaluationReport
from radfuse.report.palette import Look, looks
from radfuse.report.printed import interval, number
from radfuse.report.render import Part, render
from radfuse.report.sections.discrimination import GRID, forest, headline, mean_roc, roc_axes
from radfuse.report.study import StudyReport
from radfuse.report.svg import multiples
from radfuse.results import MulticlassPerformance

_RANKS = {
    "macro AUC": "auc",
    "weighted AUC": "auc_weighted",
    "Hand-Till M": "hand_till",
    "pooled macro AUC": "auc_pooled",
}
_AGREEMENT = {
    "accuracy": "accuracy",
    "balanced accuracy": "balanced_accuracy",
    "kappa": "kappa",
    "log loss": "log_loss",
    "Brier": "brier",
    "scaled Brier": "brier_scaled",
}


def study(report: StudyReport) -> Part:
    """Return the families on the test folds of a study."""
    return _part(report, {}, headline(report), elsewhere=False)


def evaluation(report: EvaluationReport) -> Part:
    """Return the families on other patients, beside what they did in the study."""
    told = transport(report, {"macro AUC": "auc", "balanced accuracy": "balanced_accuracy"})
    return _part(report, {"transport": told}, {}, elsewhere=True)


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
    figures["confusion"], panels = confusion_panels(
        report.performance, report.looks, lambda item: confusion(first, item), "class"
    )
    tables = {**before, "performance": table_of(report.performance, _RANKS)}
    tables |= {"agreement": table_of(report.performance, _AGREEMENT), "classes": class_table(report.performance)}
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
        many=MANY,
    )
    return Part("Classes", html, figures, tables, dict(facts))


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
        label = f"{short_name(one.name)}: {number(one.auc.value, 2)}"
        colour, dash = drawn[one.name]
        axes.plot(GRID, mean_roc(against), color=colour, linestyle=dash, linewidth=1.5, label=label)
    roc_axes(axes)
    class_legend(axes, len(item.levels), "lower right")


def class_legend(axes: Any, classes: int, place: str) -> None:
    """Name the classes inside the axes, or, where they are many, below them."""
    where: dict[str, Any] = {"loc": place}
    if classes > MANY:
        where = {"loc": "upper center", "bbox_to_anchor": (0.45, -0.2), "ncols": 2, "columnspacing": 1.0}
    axes.legend(fontsize=7, handlelength=2.2, **where)


def panel_height(classes: int) -> float:
    """Return the height in inches of a panel with a line for each class."""
    return 3.1 + (0.16 * -(-classes // 2) if classes > MANY else 0.0)


def confusion(predictions: pd.DataFrame, item: MulticlassPerformance) -> np.ndarray:
    """Return how many units of each observed class, a row each, are given each class; int, shape (class, class)."""
    rows = predictions[predictions["family"] == item.family]
    place = {name: number for number, name in enumerate(item.levels)}
    observed, given = (rows[name].map(place).to_numpy(dtype=int) for name in ("outcome", "class"))
    return counts(observed, given, len(place))


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
