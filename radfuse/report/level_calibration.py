"""Whether probabilities of several levels come true: classes, each against the rest, or grades above each cut."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from radfuse.report.palette import Look
from radfuse.report.printed import interval, number
from radfuse.report.svg import multiples
from radfuse.results import AtCut, OfClass
from radfuse.statistics.estimate import clustered_mean

FEWEST, _GROUPS = 25, 5
"""Units that groups of them can be drawn of, and groups."""
_MARKS = "osD^vP*X<>"


class Line(NamedTuple):
    """One level: its name on the page, its colour and how opaque it is, and of units the probability and the truth."""

    label: str
    colour: str
    shade: float
    p: np.ndarray
    y: np.ndarray


LinesOf = Callable[[Any, pd.DataFrame], Iterable[Line]]
"""Of a family's performance and predictions: a line a level."""


def level_panels(
    predictions: pd.DataFrame,
    performance: Sequence[Any],
    lines_of: LinesOf,
    legend: Callable[[Any], None],
    height: float,
) -> tuple[str, list[str]]:
    """Return a panel per family: share of each level against its probability, in fifths of the units.

    Args:
        predictions: of all families, a unit each once.
        performance: of each family.
        lines_of: what is drawn of it.
        legend: names the lines in the axes.
        height: of a panel, in inches.
    """

    def draw(axes: Any, item: Any) -> None:
        axes.plot([0, 1], [0, 1], color="#d1d5db", linewidth=1)
        for place, line in enumerate(lines_of(item, predictions[predictions["family"] == item.family])):
            groups = np.array_split(np.argsort(line.p, kind="stable"), _GROUPS)
            points = [(line.p[group].mean(), line.y[group].mean()) for group in groups]
            axes.plot(
                *zip(*points, strict=True), marker=_MARKS[place % len(_MARKS)], color=line.colour, alpha=line.shade,
                markersize=4.5, markeredgecolor="white", linewidth=1.1, label=line.label,
            )  # fmt: skip
        axes.set_title(item.family, loc="left", fontweight="bold")
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.02, 1.02)
        axes.set_xlabel("predicted")
        axes.set_ylabel("observed")
        legend(axes)

    return multiples(performance, draw, height=height)


def fifths_of(lines_of: LinesOf) -> Callable[..., None]:
    """Return what draws fifths of the probabilities of all levels together; a unit stands there once for each."""

    def draw(axes: Any, item: Any, rows: pd.DataFrame, look: Look, *, sure: bool = True) -> None:
        lines = list(lines_of(item, rows))
        p, y = (np.concatenate([getattr(line, name) for line in lines]) for name in ("p", "y"))
        who = np.tile(rows["patient"].to_numpy(), len(lines))
        draw_shares(axes, (p, y.astype(float), who), _GROUPS, look, sure=sure)

    return draw


def draw_shares(
    axes: Any, of: tuple[np.ndarray, np.ndarray, np.ndarray], groups: int, look: Look, *, sure: bool
) -> None:
    """Draw observed shares in groups of equal size over their mean prediction, one line, with intervals if `sure`.

    Args:
        axes: of the panel.
        of: probabilities, whether they came true, and patients, each of shape (row,).
        groups: how many.
        look: of the line.
        sure: of the family that is looked at; others are drawn without intervals.
    """
    p, y, who = of
    line = []
    for group in np.array_split(np.argsort(p, kind="stable"), groups):
        found = clustered_mean(y[group], who[group], share=True)
        if sure and not np.isnan(found.low):
            axes.plot([p[group].mean()] * 2, [found.low, found.high], color=look.colour, linewidth=1)
        line.append((p[group].mean(), found.value))
    marks = {"marker": "o", "markersize": 4.5 if sure else 3, "markeredgecolor": "white"}
    axes.plot(*zip(*line, strict=True), color=look.colour, linestyle=look.dash, linewidth=1.2, **marks)


def level_table(
    performance: Sequence[Any], what: str, levels: Callable[[Any], dict[str, OfClass | AtCut]]
) -> pd.DataFrame:
    """Return what was observed and expected of each level, its intercept and slope, a row per family and level.

    Args:
        performance: of each family.
        what: a level is: "class".
        levels: of a family: label -> what was measured.
    """
    return pd.DataFrame(
        [
            {
                "family": item.family,
                what: label,
                "observed": number(one.observed),
                "expected": number(one.expected),
                "intercept": interval(one.intercept, 2),
                "slope": interval(one.slope, 2),
            }
            for item in performance
            for label, one in levels(item).items()
        ]
    )
