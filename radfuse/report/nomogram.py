"""A sum of terms as points: which axes a nomogram has, where their ticks stand, and what total points mean.

Points are 100 * |coefficient| * range / the largest such product among the axes, counted from the end of each axis
where its contribution is smallest, as nomograms since Iasonos et al. 2008 (doi:10.1200/JCO.2007.12.9791) have them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from radfuse.results import Score
from radfuse.results.score import Reading, ScoreColumn

MOST = 12
"""Columns of a block that stand as axes of their own; more make one axis of its score."""
MOST_FIRST = 30
"""The same of the block that stands by itself."""
_SHARES = (0.001, 0.005, 0.01, 0.02, 0.05, *np.round(np.arange(0.1, 0.95, 0.1), 1), 0.95, 0.98, 0.99, 0.995, 0.999)
_STEPS = 200
_EACH = 10
"""Whole numbers of a range up to this each have a tick: grades, counts, and 0 and 1."""
_ALIKE = 1e-3
"""Probabilities of the smallest and the largest total that differ by less are nothing to draw."""
_MORE = "with more units, or a weaker penalty, columns may tell something"


@dataclass(frozen=True)
class Tick:
    """A mark on an axis.

    Attributes:
        label: as it is drawn.
        value: in the axis's own unit; NaN where a point is named.
        points: that it stands for.
    """

    label: str
    value: float
    points: float


@dataclass(frozen=True)
class Line:
    """The axis of a variable.

    Attributes:
        name: of the variable.
        ticks: from its smallest value on, or its named points.
        missing: what a missing value stands for; None where that depends on other values.
        ends: points of its ends.
        beyond: whether units of the training set lie beyond its end of 0 points, and beyond the other.
        block: whose score it is; "" for a variable.
    """

    name: str
    ticks: tuple[Tick, ...]
    missing: Tick | None
    ends: tuple[float, float]
    beyond: tuple[bool, bool] = (False, False)
    block: str = ""


@dataclass(frozen=True)
class Scale:
    """An axis below the total.

    Attributes:
        label: of it.
        ticks: label is the probability as printed, value the probability, points the total.
    """

    label: str
    ticks: tuple[Tick, ...]


@dataclass(frozen=True)
class Nomogram:
    """What is drawn of one family.

    Attributes:
        family: its name.
        lines: an axis a variable.
        total: ticks of total points; value is the score there.
        most: largest total.
        scales: what is read off the total.
        unit: of the score, a point.
        base: the score at 0 points.
        table: of each block that is one axis, the columns of its score in their own units.
    """

    family: str
    lines: tuple[Line, ...]
    total: tuple[Tick, ...]
    most: float
    scales: tuple[Scale, ...]
    unit: float
    base: float
    table: pd.DataFrame


@dataclass(frozen=True)
class _Axis:
    """A variable before its points are known: it adds slope * value to the score, or what stands by name.

    It is drawn from `low` to `high`, of a number where most units lie: one outlier would set the scale of all axes.
    """

    name: str
    slope: float
    low: float
    high: float
    whole: bool
    seen: tuple[float, float] = (0.0, 1.0)
    named: Mapping[str, float] | None = None
    missing: float | None = None
    block: str = ""

    def adds(self, value: float) -> float:
        return self.slope * value

    @property
    def ends(self) -> tuple[float, float]:
        found = list(self.named.values()) if self.named else [self.adds(self.low), self.adds(self.high)]
        return min(found), max(found)

    @property
    def beyond(self) -> tuple[bool, bool]:
        """Whether training values lie beyond the end that adds least, and the other."""
        below, above = self.seen[0] < self.low, self.seen[1] > self.high
        return (below, above) if self.slope > 0 else (above, below)


def blocks_as_scores(score: Score) -> tuple[str, ...]:
    """Return the blocks that are one axis: those of many columns, and those beside others with a part of their own."""
    found = []
    for block in score.blocks:
        count = len(score.of_block(block))
        beside = len(score.blocks) > 1 and block != score.first and score.own_terms(block) is not None
        if (count > 1 and beside) or count > (MOST_FIRST if block == score.first else MOST):
            found.append(block)
    return tuple(found)


def nomogram_of(family: str, score: Score, levels: Mapping[str, Sequence[str]]) -> Nomogram:
    """Return the nomogram of a family.

    Args:
        family: its name.
        score: the refitted model.
        levels: clinical column of words -> its levels, the reference first.

    Raises:
        ValueError: all units have one probability, or nearly.
    """
    axes = [*_variables(score, levels), *(_of_block(score, block) for block in blocks_as_scores(score))]
    axes = [axis for axis in axes if axis.ends[1] > axis.ends[0]]
    if not axes:
        raise ValueError(f"every coefficient is 0, so that all units have one probability; {_MORE}")
    unit = max(axis.ends[1] - axis.ends[0] for axis in axes) / 100
    reach = sum(axis.ends[1] - axis.ends[0] for axis in axes) / unit
    base = _constant(score) + sum(axis.ends[0] for axis in axes)
    low, high = score.readings[0].link.of(np.array([base, base + unit * reach]))
    if abs(high - low) < _ALIKE:
        raise ValueError(f"it gives all units about one probability ({low:.4f} to {high:.4f}); {_MORE}")
    total = tuple(Tick(f"{points:g}", base + unit * points, points) for points in _nice(0, reach, 10))
    scales = tuple(_scale(reading, base, unit, reach) for reading in score.readings)
    lines = tuple(_line(axis, unit) for axis in axes)
    return Nomogram(family, lines, total, reach, scales, unit, base, block_table(score))


def _constant(score: Score) -> float:
    """Return the score without what axes add: they carry the shifts of columns, and intercepts of blocks' own parts."""
    constant = score.intercept()
    coefficients = score.coefficients()
    shown = {place for block in blocks_as_scores(score) for place in score.of_block(block)}
    constant -= sum(
        coefficients[i] * column.mean / column.scale for i, column in enumerate(score.columns) if i not in shown
    )
    for block in blocks_as_scores(score):
        own = score.own_terms(block)
        constant -= own[0] * own[1].intercept if own is not None else 0.0
    return float(constant)


def _variables(score: Score, levels: Mapping[str, Sequence[str]]) -> Iterator[_Axis]:
    """Yield the axes of columns, those of one column of words together."""
    coefficients = score.coefficients()
    scored = blocks_as_scores(score)
    groups = word_groups([column for column in score.columns if column.block not in scored], levels)
    place = {column.name: i for i, column in enumerate(score.columns)}
    done: set[str] = set()
    for column in score.columns:
        if column.block in scored or column.name in done:
            continue
        name = next((name for name, group in groups.items() if column.name in group.values()), None)
        if name is None:
            raw = float(coefficients[place[column.name]] / column.scale)
            few = column.whole and column.high - column.low <= _EACH
            seen = (column.low, column.high)
            low, high = seen if few or column.usual is None else column.usual
            yield _Axis(column.name, raw, low, high, column.whole, seen, missing=column.missing)
            continue
        group = groups[name]
        done |= set(group.values())
        raws = {one: float(coefficients[place[one]] / score.columns[place[one]].scale) for one in group.values() if one}
        named = {level: raws.get(one, 0.0) for level, one in group.items()}
        missing = sum(raw * score.columns[place[one]].missing for one, raw in raws.items())
        yield _Axis(name, 0.0, 0.0, 1.0, True, named=named, missing=missing)


def word_groups(columns: Sequence[ScoreColumn], levels: Mapping[str, Sequence[str]]) -> dict[str, dict[str, str]]:
    """Return variable -> level -> its 0/1 column, "" for levels without one; visits are variables of their own."""
    found: dict[str, dict[str, str]] = {}
    for word, known in levels.items():
        for column in columns:
            for level in known[1:]:
                start = f"{word}={level}"
                rest = column.name.removeprefix(start)
                fits = column.name.startswith(start) and (not rest or rest.startswith("@"))
                if fits and column.whole and column.low >= 0 and column.high <= 1:
                    found.setdefault(f"{word}{rest}", dict.fromkeys(known, ""))[level] = column.name
    return found


def _of_block(score: Score, block: str) -> _Axis:
    seen = score.ranges[block]
    low, high = score.usual_ranges.get(block, seen)
    own = score.own_terms(block)
    if own is None:
        return _Axis(f"{block} score", 1.0, low, high, False, seen, block=block)
    absent = next((part.absent for part in getattr(score.sum, "parts", ()) if part.score == own[1]), None)
    return _Axis(f"{block} score", own[0], low, high, False, seen, missing=absent, block=block)


def _line(axis: _Axis, unit: float) -> Line:
    """Return an axis with its ticks in points."""
    bottom, top = axis.ends
    width = (top - bottom) / unit

    def points(adds: float) -> float:
        return (adds - bottom) / unit

    if axis.named is not None:
        ticks = tuple(Tick(label, float("nan"), points(adds)) for label, adds in axis.named.items())
        missing = None if axis.missing is None else Tick("not known", float("nan"), points(axis.missing))
        return Line(axis.name, ticks, missing, (0.0, width))
    if axis.whole and axis.high - axis.low <= _EACH:
        values = [float(value) for value in np.arange(axis.low, axis.high + 1)]
    else:
        values = _nice(axis.low, axis.high, max(2, round(width / 10)), whole=axis.whole)
    ticks = tuple(Tick(_plain(value), value, points(axis.adds(value))) for value in values)
    missing = None if axis.missing is None else Tick("not known", axis.missing, points(axis.adds(axis.missing)))
    return Line(axis.name, ticks, missing, (0.0, width), axis.beyond, axis.block)


def _plain(value: float) -> str:
    """Return a round value without needless digits; of millions and more as 4e8."""
    return f"{value:.12g}" if abs(value) < 1e6 else re.sub(r"e\+0*", "e", f"{value:.6g}")


def _nice(low: float, high: float, count: int, *, whole: bool = False) -> list[float]:
    """Return about so many round values between two; the ends where there are fewer than two."""
    from matplotlib.ticker import MaxNLocator

    found = MaxNLocator(count, steps=[1, 2, 2.5, 5, 10], integer=whole).tick_values(low, high)
    slack = 1e-9 * (high - low)
    values = [float(f"{value:.12g}") for value in found if low - slack <= value <= high + slack]
    return values if len(values) > 1 else [float(f"{low:.4g}"), float(f"{high:.4g}")]


def _scale(reading: Reading, base: float, unit: float, reach: float) -> Scale:
    """Return where on the total each probability stands that the total reaches."""
    ends = np.sort(reading.link.of(np.array([base, base + unit * reach])))
    shares = [float(share) for share in _SHARES if ends[0] < share < ends[1]]
    if len(shares) < 3:
        shares = [value for value in _nice(float(ends[0]), float(ends[1]), 6) if ends[0] <= value <= ends[1]]
    ticks = (Tick(f"{share:g}", share, _points_at(reading, share, base, unit, reach)) for share in shares)
    return Scale(reading.label, tuple(ticks))


def _points_at(reading: Reading, share: float, base: float, unit: float, reach: float) -> float:
    """Return the fewest total points that give a probability, by bisection."""
    low, high = 0.0, reach
    first, last = reading.link.of(np.array([base, base + unit * reach]))
    way = 1 if last >= first else -1
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if way * float(reading.link.of(np.array([base + unit * middle]))[0]) < way * share:
            low = middle
        else:
            high = middle
    return high


def points_table(nomogram: Nomogram, score: Score) -> pd.DataFrame:
    """Return points of every tick, and what each total means: columns axis, label, value, points, one a reading."""
    rows = [
        {"axis": line.name, "label": tick.label, "value": tick.value, "points": tick.points}
        for line in nomogram.lines
        for tick in (*line.ticks, *([line.missing] if line.missing else []))
    ]
    totals = np.unique([*np.linspace(0, nomogram.most, 101), *(tick.points for tick in nomogram.total)])
    for points in totals.tolist():
        reached = nomogram.base + nomogram.unit * points
        read = {one.label: float(one.link.of(np.array([reached]))[0]) for one in score.readings}
        rows.append({"axis": "total points", "label": f"{points:.6g}", "value": reached, "points": points, **read})
    return pd.DataFrame(rows)


def block_table(score: Score) -> pd.DataFrame:
    """Return the formula of each block score: a row a column in its own unit, and one for the constant."""
    rows = []
    added = score.coefficients()
    for block in blocks_as_scores(score):
        own = score.own_terms(block)
        places = score.of_block(block)
        given = dict(zip(own[1].columns, own[1].coefficients, strict=True)) if own is not None else {}
        slopes = {i: given.get(i, 0.0) if own is not None else float(added[i]) for i in places}
        raw = {i: slopes[i] / score.columns[i].scale for i in places}
        constant = (own[1].intercept if own is not None else 0.0) - sum(raw[i] * score.columns[i].mean for i in places)
        rows.append({"score": f"{block} score", "column": "(constant)", "coefficient": constant, "missing value": None})
        for i in sorted(places, key=lambda i: -abs(slopes[i])):
            column = score.columns[i]
            about = {"coefficient": raw[i], "missing value": column.missing}
            rows.append({"score": f"{block} score", "column": column.name, **about})
    return pd.DataFrame(rows, columns=["score", "column", "coefficient", "missing value"])
