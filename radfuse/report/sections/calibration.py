"""Whether probabilities mean what they say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from radfuse.report.evaluation import EvaluationReport
from radfuse.report.palette import Look
from radfuse.report.printed import DASH, interval, number, p_value
from radfuse.report.render import Part, render
from radfuse.report.study import StudyReport
from radfuse.report.svg import multiples
from radfuse.results import Performance
from radfuse.statistics.auc import overlap_of_one_deal
from radfuse.statistics.brier import brier
from radfuse.statistics.curve import CalibrationCurve, calibration_curve
from radfuse.statistics.estimate import clustered_mean
from radfuse.statistics.goodness import hosmer_lemeshow

FEWEST = 12
"""Units that groups of them can be drawn of."""


def study(report: StudyReport) -> Part:
    """Return the calibration on the test folds of a study."""
    return _part(report, "sections/calibration.html")


def evaluation(report: EvaluationReport) -> Part:
    """Return the calibration on other patients, and the recalibration they call for."""
    return _part(report, "sections/calibration_elsewhere.html")


def _part(report: StudyReport | EvaluationReport, template: str) -> Part:
    figures: dict[str, str] = {}
    panels: list[str] = []
    curves = curves_of(report.predictions, report.performance)
    if report.performance[0].units >= FEWEST:
        figures["calibration"], panels = calibration_panels(
            report.predictions, report.performance, report.looks, curves
        )
    tables = {
        "calibration": calibration_table(report.performance, report.predictions),
        "calibration_curve": curve_table(report.performance, report.predictions, curves),
    }
    html = render(template, report=report, panels=panels, tables=tables)
    return Part("Calibration", html, figures, tables)


def part_of_first_deal(
    report: StudyReport | EvaluationReport,
    template: str,
    panels_of: Callable[[pd.DataFrame, Sequence[Any], Mapping[str, Look]], tuple[str, list[str]]],
    table: pd.DataFrame,
    fewest: int,
) -> Part:
    """Return the calibration of an outcome whose panels are of the units of the first deal, each once.

    Args:
        report: of a study, or of other patients.
        template: of the section.
        panels_of: draws a panel per family, as one figure and each alone.
        table: of all families.
        fewest: units that can be drawn of.
    """
    figures: dict[str, str] = {}
    panels: list[str] = []
    first = report.predictions[report.predictions["repeat"] == 1]
    if report.performance[0].units >= fewest:
        figures["calibration"], panels = panels_of(first, report.performance, report.looks)
    tables = {"calibration": table}
    html = render(template, report=report, panels=panels, tables=tables)
    return Part("Calibration", html, figures, tables)


def curves_of(predictions: pd.DataFrame, performance: Sequence[Performance]) -> dict[str, CalibrationCurve | None]:
    """Return the calibration curve of each family, of all its units (and deals) together."""
    groups = dict(iter(predictions.groupby("family")))
    return {item.family: _curve(groups[item.family]) for item in performance}


def _curve(rows: pd.DataFrame) -> CalibrationCurve | None:
    known = (rows["outcome"], rows["probability"], rows["patient"])
    return calibration_curve(*known, overlap=overlap_of_one_deal(rows))


def calibration_panels(
    predictions: pd.DataFrame,
    performance: Sequence[Performance],
    drawn: Mapping[str, Look],
    curves: Mapping[str, CalibrationCurve | None],
    bins: int = 8,
) -> tuple[str, list[str]]:
    """Return a panel per family: the curve with its band, observed shares of groups of equal size, a histogram.

    Returns:
        All panels as one figure, and each alone.
    """

    def draw(axes: Any, item: Performance) -> None:
        colour = drawn[item.family].colour
        rows = predictions[predictions["family"] == item.family]
        p = rows["probability"].to_numpy()
        axes.plot([0, 1], [0, 1], color="#d1d5db", linewidth=1)
        curve = curves[item.family]
        if curve is None:
            logistic_fit(axes, item, p, color=colour, linewidth=1.4, alpha=0.75)
        else:
            axes.fill_between(curve.predicted, curve.low, curve.high, color=colour, alpha=0.18, linewidth=0)
            axes.plot(curve.predicted, curve.observed, color=colour, linewidth=1.5)
        draw_groups(axes, rows, colour, bins)
        axes.hist(
            p, bins=np.linspace(0, 1, 41), bottom=-0.16, weights=np.full(len(p), 0.10 / _peak(p)), color="#cbd5e1"
        )
        axes.set_title(item.family, loc="left", fontweight="bold")
        text = f"slope {interval(item.calibration_slope, 2)}\nintercept {interval(item.calibration_intercept, 2)}"
        axes.text(0.03, 0.99, text, va="top", transform=axes.transAxes, fontsize=8)
        axes.set_xlim(0, 1)
        axes.set_ylim(-0.17, 1.25)  # the text stands above all that is drawn
        axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
        axes.set_xlabel("predicted probability")
        axes.set_ylabel("observed share")

    return multiples(performance, draw, height=3.4)


def logistic_fit(axes: Any, item: Performance, p: np.ndarray, **look: Any) -> None:
    """Draw the logistic calibration curve of a family over the range of its predictions."""
    slope, shift = item.calibration_slope.value, item.recalibration_intercept
    if slope is not None and shift is not None:
        inside = np.linspace(max(p.min(), 1e-4), min(p.max(), 1 - 1e-4), 100)
        axes.plot(inside, 1 / (1 + np.exp(-(shift + slope * np.log(inside / (1 - inside))))), **look)


def draw_groups(axes: Any, rows: pd.DataFrame, colour: str, bins: int = 8) -> None:
    """Draw the observed share of events in groups of equal size, with intervals."""
    p = rows["probability"].to_numpy()
    count = max(3, min(bins, len(p) // 12))
    for group in np.array_split(np.argsort(p, kind="stable"), count):
        _group(axes, p[group].mean(), rows.iloc[group], colour)


def _group(axes: Any, predicted: float, rows: pd.DataFrame, colour: str) -> None:
    """Draw one group of units: its share of events with an interval, over its mean prediction."""
    observed = clustered_mean(rows["outcome"].to_numpy(), rows["patient"].to_numpy(), share=True)
    axes.plot([predicted] * 2, [observed.low, observed.high], color=colour, linewidth=1)
    axes.plot(
        predicted, observed.value, "o", color=colour, markersize=4.5, markeredgecolor="white", markeredgewidth=0.6
    )


def calibration_table(performance: Sequence[Performance], predictions: pd.DataFrame) -> pd.DataFrame:
    """Return calibration in the large and slope of each family, and the Hosmer-Lemeshow test of the first deal."""
    first = predictions[predictions["repeat"] == 1]
    return pd.DataFrame(
        [
            {
                "family": item.family,
                "observed": number(item.observed),
                "expected": number(item.expected),
                "intercept": interval(item.calibration_intercept, 2),
                "slope": interval(item.calibration_slope, 2),
                "Hosmer-Lemeshow": _fit(first[first["family"] == item.family]),
            }
            for item in performance
        ]
    )


def curve_table(
    performance: Sequence[Performance],
    predictions: pd.DataFrame,
    curves: Mapping[str, CalibrationCurve | None],
) -> pd.DataFrame:
    """Return how far each family's curve lies from the diagonal, and what its Brier score is made of."""
    rows = []
    for item in performance:
        own, curve = predictions[predictions["family"] == item.family], curves[item.family]
        parts = brier(own["outcome"], own["probability"])
        off = {name.upper() if name == "ici" else name.capitalize(): name for name in ("ici", "e50", "e90", "emax")}
        rows.append(
            {
                "family": item.family,
                **{shown: number(getattr(curve, name, None)) for shown, name in off.items()},
                "Brier": interval(item.brier),
                "scaled": number(item.brier_scaled),
                "reliability": number(parts.reliability),
                "resolution": number(parts.resolution),
                "uncertainty": number(parts.uncertainty),
            }
        )
    return pd.DataFrame(rows)


def _fit(rows: pd.DataFrame) -> str:
    found = hosmer_lemeshow(rows["outcome"], rows["probability"], held_out=True)
    return DASH if found is None else f"{found.statistic:.1f} / {found.degrees}, p {p_value(found.p)}"


def _peak(p: np.ndarray) -> int:
    return max(1, int(np.histogram(p, bins=np.linspace(0, 1, 41))[0].max()))
