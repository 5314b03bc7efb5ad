"""How shapes and volumes changed between visits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

from radfuse.report.layout import Room
from radfuse.report.palette import Look, looks
from radfuse.report.printed import DASH, interval, number
from radfuse.report.render import Part, render
from radfuse.report.study import StudyReport
from radfuse.report.svg import STYLE, multiples, to_svg
from radfuse.results import Interval
from radfuse.results.visits import FeatureChange, FeatureCourse, VisitResults
from radfuse.volume.quantities import printed, unit_of

_FIRST = 12
"""Features that the page shows at once; the others fold away."""
_LETTERS = 40
"""Of a line over a panel."""


class Named(NamedTuple):
    """The parts of a feature's name."""

    sequence: str
    region: str
    feature: str

    @classmethod
    def of(cls, name: str) -> Named:
        """Return the parts without what all names of their kind share; a user's own name is a feature alone."""
        sequence, _, rest = name.rpartition("/")[0].partition("/")
        short = name.rpartition("/")[2].removeprefix("morphometry_").removeprefix("original_")
        return cls(sequence, rest, short.removeprefix("shape2D_").removeprefix("shape_"))

    @classmethod
    def with_unit(cls, name: str) -> Named:
        """Return the parts, the feature with its unit where it has one."""
        parts, unit = cls.of(name), unit_of(name)
        return parts if unit is None else parts._replace(feature=f"{parts.feature}, {printed(unit)}")


def study(report: StudyReport) -> Part:
    """Return the visits of a study; nothing where no unit has two."""
    found = report.visits
    if found is None or not found.visits:
        return Part("Visits", Markup(""))
    if not found.changes:
        html = render("sections/visits.html", found=found, visits=visit_table(found), figures={}, table=None)
        return Part("Visits", html, {}, {"visits": visit_table(found)})
    drawn = looks(visit.visit for visit in found.visits if visit.visit != found.baseline)
    table = change_table(found)
    first = set(list(dict.fromkeys(item.feature for item in found.changes))[:_FIRST])
    shown = table[[item.feature in first for item in found.changes]]
    figures: dict[str, str] = {}
    boxed = [item for item in found.changes if item.spread and item.feature in first]
    narrow = ""
    if boxed:
        figures["visits_change"], narrow = (box_plot(boxed, drawn, narrow=thin) for thin in (False, True))
    courses = [course for course in found.courses if any(len({*row} - {None}) > 1 for row in course.units)]
    panels: list[str] = []
    if courses:
        figures["visits_course"], panels = multiples(courses, lambda axes, course: _course(axes, course, found))
    html = render(
        "sections/visits.html",
        found=found,
        visits=visit_table(found),
        table=shown,
        others=table.drop(index=shown.index),
        figures=figures,
        narrow=narrow,
        panels=panels,
        names=list(lines_of(course.feature for course in courses).values()),
        dated=any(item.rate.value is not None for item in found.changes),
    )
    return Part("Visits", html, figures, {"visits": visit_table(found), "visits_change": table})


def visit_table(found: VisitResults) -> pd.DataFrame:
    """Return a row per visit: who was there, who was not, and when it was."""
    rows = []
    dated = any(visit.years for visit in found.visits)
    for visit in found.visits:
        row = {"visit": visit.visit, "units": str(visit.units), "missing": str(visit.missing)}
        if visit.visit == found.baseline:
            when = "baseline"
        else:
            middle, low, high = (number(years, 1) for years in visit.years or (None,) * 3)
            when = f"{middle} ({low}–{high})" if visit.years else DASH
        rows.append({**row, "years since baseline": when} if dated else row)
    return pd.DataFrame(rows)


def change_table(found: VisitResults) -> pd.DataFrame:
    """Return a row per feature and follow-up, in the order of the results."""
    several = len({Named.of(item.feature).sequence for item in found.changes}) > 1
    dated = any(item.rate.value is not None for item in found.changes)
    rows = []
    for item in found.changes:
        name = Named.with_unit(item.feature)
        row = {"sequence": name.sequence} if several else {}
        row |= {"region": name.region or DASH, "feature": name.feature, "visit": item.visit, "units": str(item.units)}
        row |= {"baseline": number(item.before, _digits(item.before)), "change": _printed(item, item.difference)}
        row |= {"per cent": interval(item.percent, 1)}
        row |= {"a year": _printed(item, item.rate)} if dated else {}
        rows.append({**row, "SRM": number(item.response, 2)})
    return pd.DataFrame(rows)


def _digits(*values: float | None) -> int:
    """Return how many digits show three that count of the largest value."""
    largest = max((abs(value) for value in values if value is not None), default=0.0)
    return int(np.clip(2 - np.floor(np.log10(largest)), 0, 6)) if largest > 0 else 1


def _printed(item: FeatureChange, value: Interval) -> str:
    """Return a change with one digit more than its baseline."""
    return interval(value, _digits(item.before) + 1 if item.before else _digits(value.value, value.low, value.high))


def lines_of(features: Iterable[str]) -> dict[str, str]:
    """Return features' names to be read beside pictures; with their sequence where two would be called alike."""
    names = {feature: Named.of(feature) for feature in features}
    short = {feature: f"{name.region.replace('_', ' ')} {name.feature}".strip() for feature, name in names.items()}
    counts = Counter(short.values())
    return {
        feature: f"{names[feature].sequence} {line}" if counts[line] > 1 else line for feature, line in short.items()
    }


def box_plot(changes: Sequence[FeatureChange], drawn: Mapping[str, Look], narrow: bool = False) -> str:
    """Return the change in per cent of each feature: quartiles and ends over units, and the mean with its interval.

    Where the page is narrow, names stand above their boxes, not beside them.
    """
    names = list(dict.fromkeys(item.feature for item in changes))
    lines = lines_of(names)
    follow_ups = [visit for visit in drawn if any(item.visit == visit for item in changes)]
    step = (0.66 if narrow else 0.8) / len(follow_ups)
    lower = 0.14 if narrow else 0.0  # below the name
    with mpl.rc_context(STYLE):
        high = (0.3 if narrow else 0.24) + (0.14 if narrow else 0.1) * len(follow_ups)
        figure = Figure(figsize=(3.9 if narrow else 6.4, 1.0 + high * len(names)), layout=Room())
        axes = figure.subplots()
        axes.axvline(0, color="#9ca3af", linewidth=0.8)
        for item in changes:
            place = names.index(item.feature) + step * (follow_ups.index(item.visit) - (len(follow_ups) - 1) / 2)
            _box(axes, item, place + lower, 0.7 * step, drawn[item.visit].colour)
        if narrow:
            across: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "fontsize": 8, "va": "center"}
            across["bbox"] = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}  # over the line of no change
            for place, name in enumerate(names):
                axes.text(0, place - 0.36, lines[name], **across)
            axes.set_yticks([])
        else:
            axes.set_yticks(range(len(names)), [lines[name] for name in names])
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.set_xlabel("change in per cent of baseline")
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
        if len(follow_ups) > 1:
            handles = [mpl.patches.Patch(facecolor=drawn[visit].colour, alpha=0.45) for visit in follow_ups]
            figure.legend(handles, follow_ups, loc="outside upper right", ncols=min(4, len(follow_ups)))
        return to_svg(figure)


def _box(axes: Any, item: FeatureChange, place: float, high: float, colour: str) -> None:
    """Draw one box: whiskers to the ends, the median a line, the mean a diamond on its interval."""
    least, low, middle, up, most = item.spread
    axes.plot([least, most], [place, place], color=colour, linewidth=0.9)
    axes.barh(place, up - low, high, low, color=colour, alpha=0.3, linewidth=0)
    axes.plot([middle, middle], [place - high / 2, place + high / 2], color=colour, linewidth=1.6)
    mean = item.percent
    if mean.low is not None and mean.high is not None:
        axes.plot([mean.low, mean.high], [place, place], color="#111827", linewidth=1.6)
    axes.plot(mean.value, place, "D", color="#111827", markersize=3.6)


def _course(axes: Any, course: FeatureCourse, found: VisitResults) -> None:
    """Draw one feature at every visit: a thin line a unit, and the mean with its interval."""
    places = np.arange(len(found.visits))
    for row in course.units:
        values = np.array([np.nan if value is None else value for value in row])
        there = np.isfinite(values)
        axes.plot(places[there], values[there], color="#9ca3af", linewidth=0.7, alpha=0.55)
    means = np.array([np.nan if mean.value is None else mean.value for mean in course.means])
    axes.plot(places, means, color="#0072B2", linewidth=2)
    for place, mean in zip(places, course.means, strict=True):
        if mean.low is not None and mean.high is not None:
            axes.plot([place, place], [mean.low, mean.high], color="#0072B2", linewidth=1.4)
    axes.plot(places, means, "o", color="#0072B2", markersize=4.5, markeredgecolor="white", markeredgewidth=0.7)
    name = Named.with_unit(course.feature)
    region = name.region.replace("_", " ")
    region = region if len(region) <= _LETTERS else f"{region[: _LETTERS - 1]}…"
    twice = lines_of(other.feature for other in found.courses)[course.feature].startswith(f"{name.sequence} ")
    head = f"{name.sequence} {region}" if twice and name.sequence else region
    axes.set_title(f"{head}\n{name.feature}" if head else name.feature, fontsize=8.5)
    axes.set_xticks(places, [visit.visit for visit in found.visits])
    axes.set_xlim(-0.25, len(places) - 0.75)
