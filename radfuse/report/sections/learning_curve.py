"""How families learn from more patients, and where that leads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from radfuse.report.printed import DASH, interval, number
from radfuse.report.render import Part, render
from radfuse.report.study import StudyReport
from radfuse.report.svg import multiples
from radfuse.results import Interval, LearningPoint, Measured, MulticlassPerformance
from radfuse.statistics.learning import PowerLaw, power_law

_FURTHER = 2.0
"""Times the patients of the largest training sets up to which a curve is drawn on."""

_BENDS = 0.995
"""Limits from here on round to 1.00, where the law of a curve ends that does not bend yet."""


def study(report: StudyReport) -> Part:
    """Return the learning curves; nothing where a study asks for none."""
    points = {family: own for family, own in report.learning.items() if any(point.value is not None for point in own)}
    title = "Learning curve"
    if not report.learning:
        return Part(title, Markup(""))
    laws = {family: power_law(drawn_of(own)) for family, own in points.items()}
    measure = report.performance[0].measure
    eventful = hasattr(report.performance[0], "events")
    table = curve_table(report.learning, measure)
    table = table if eventful else table.drop(columns="events")
    figures: dict[str, str] = {}
    panels: list[str] = []
    if points:
        figures["learning_curve"], panels = curve_panels(report, points, laws, measure, eventful=eventful)
    html = render(
        "sections/learning_curve.html",
        report=report,
        measure=measure,
        eventful=eventful,
        apart=_apart(report.performance[0]),
        table=table,
        panels=panels,
        families=list(points),
        sentences=[told(family, points[family], law, measure) for family, law in laws.items()],
        remarks=remarks(report.learning),
    )
    return Part(title, html, figures, {"learning_curve": table})


def _apart(item: Measured) -> str:
    """Return which patients are drawn apart."""
    if isinstance(item, MulticlassPerformance):
        return "of each class"
    return f"with and without {'the event' if hasattr(item, 'events') else 'an outcome above the median'}"


def drawn_of(points: Sequence[LearningPoint]) -> dict[float, list[float]]:
    """Return number of training patients -> value of each draw; draws that could not be fitted are left out."""
    found: dict[float, list[float]] = defaultdict(list)
    for point in sorted(points, key=lambda point: (point.patients, point.draw)):
        if point.value is not None:
            found[point.patients].append(point.value)
    return dict(found)


def curve_table(learning: Mapping[str, Sequence[LearningPoint]], measure: str) -> pd.DataFrame:
    """Return the mean of each share with the range over its draws."""
    rows = []
    for family, points in learning.items():
        for share in sorted({point.share for point in points}):
            own = [point for point in points if point.share == share]
            values = [point.value for point in own if point.value is not None]
            rows.append(
                {
                    "family": family,
                    "share": f"{share:.0%}",
                    "training patients": number(own[0].patients, 0),
                    "events": number(float(np.mean([point.events for point in own])), 0),
                    f"{measure} (range over draws)": _ranged(values),
                    "draws": str(len(values)),
                }
            )
    return pd.DataFrame(rows)


def _ranged(values: Sequence[float]) -> str:
    if not values:
        return DASH
    several = len(values) > 1
    mean = float(np.mean(values))
    return interval(Interval(value=mean, low=min(values) if several else None, high=max(values) if several else None))


def told(family: str, points: Sequence[LearningPoint], law: PowerLaw | None, measure: str) -> str:
    """Return what a curve says of more patients."""
    sizes = drawn_of(points)
    last = max(sizes)
    if law is None:
        return f"{family}: no power law fits what was seen, so that nothing is said of more patients"
    here, there = float(np.mean(sizes[last])), float(law.at(_FURTHER * last))
    levels = f", and level off at {number(law.limit, 2)}" if law.limit < _BENDS else ""
    return (
        f"{family}: {number(here, 2)} with {number(last, 0)} training patients; with {number(_FURTHER * last, 0)}, "
        f"{measure} would be about {number(there, 2)} if the curve went on as it came{levels}"
    )


def remarks(learning: Mapping[str, Sequence[LearningPoint]]) -> list[str]:
    """Return which shares could not be fitted, and the first reason."""
    found = []
    for family, points in learning.items():
        failed = [point for point in points if point.value is None]
        if failed:
            shares = ", ".join(f"{share:.0%}" for share in sorted({point.share for point in failed}))
            reason = next((point.remark for point in failed if point.remark), "no test fold could be measured")
            found.append(f"{family}: {len(failed)} of {len(points)} draws could not be used (share {shares}): {reason}")
    return found


def curve_panels(
    report: StudyReport,
    points: Mapping[str, Sequence[LearningPoint]],
    laws: Mapping[str, PowerLaw | None],
    measure: str,
    *,
    eventful: bool = True,
) -> tuple[str, list[str]]:
    """Return a panel per family: means, the range over draws, and the law, dashed beyond what was seen."""
    values = [point.value for own in points.values() for point in own if point.value is not None]
    ends = [float(law.at(_FURTHER * max(drawn_of(points[name])))) for name, law in laws.items() if law is not None]
    edges = (max(0.0, min([0.48, *(value - 0.02 for value in values)])), min(1.01, max([*values, *ends]) + 0.03))

    def draw(axes: Any, family: str) -> None:
        own, colour, law = drawn_of(points[family]), report.looks[family].colour, laws[family]
        sizes = np.array(list(own))
        events = {size: np.mean([point.events for point in points[family] if point.patients == size]) for size in own}
        axes.axhline(0.5, color="#d1d5db", linewidth=1)
        axes.fill_between(
            sizes, *([end(each) for each in own.values()] for end in (min, max)), color=colour, alpha=0.18
        )
        axes.plot(sizes, [np.mean(each) for each in own.values()], "o", color=colour, markersize=5)
        ticks = list(dict.fromkeys([sizes[0], sizes[len(sizes) // 2], sizes[-1]]))
        labels = [f"{size:.0f}\n({events[size]:.0f})" if eventful else f"{size:.0f}" for size in ticks]
        if law is None:
            axes.plot(sizes, [np.mean(each) for each in own.values()], color=colour, linewidth=1.2)
        else:
            seen, further = np.linspace(sizes[0], sizes[-1], 60), np.linspace(sizes[-1], _FURTHER * sizes[-1], 60)
            axes.plot(seen, law.at(seen), color=colour, linewidth=1.2)
            axes.plot(further, law.at(further), color=colour, linewidth=1.2, linestyle=(0, (3, 2)))
            ticks, labels = [*ticks, _FURTHER * sizes[-1]], [*labels, f"{_FURTHER * sizes[-1]:.0f}"]
        axes.set_xticks(ticks, labels)
        axes.set_ylim(*edges)
        axes.set_title(family, loc="left", fontweight="bold")
        axes.set_xlabel(f"training patients{' (events)' if eventful else ''}")
        axes.set_ylabel(measure)

    return multiples(list(points), draw)
