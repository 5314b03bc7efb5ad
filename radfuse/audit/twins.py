"""Check: rows of two patients that are one scan: rounded, times a factor, or measured once more.

Equal rows are refused when a table is read; here are those that are nearly so. Two rows are near where they are much
nearer to each other than to any third one. How much is improbable depends on the number of directions in which rows
differ at all: for that reason a table of a few columns, or of columns that all say one thing, raises no alarm.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from radfuse.audit.subject import Subject
from radfuse.errors import listed
from radfuse.results import AuditCheck, AuditFinding

NAME = "near-duplicate rows"
FEWEST = 10
"""Columns of many values below which two rows may well be alike by chance; units below which none is far from all."""
_NEIGHBOURS = 5
_PROJECTED = 512
"""Directions that stand for all columns while neighbours are looked for: distances keep to a few per cent."""
_AT_ONCE, _DISTANCES = 512, 2**22
"""Rows whose neighbours are looked for together, at most, and their distances to all others."""
_COLUMNS = 256
"""That are brought to one size at a time; the first of them tell whether a row is a multiple of another."""
_FAR = 4.0
"""Standard deviations where values are cut, lest one column outweighs all others."""
_EQUAL, _MOST = 1e-3, 0.8
"""Standard deviations by which a value may differ that was rounded, and share of columns where it is so."""
_ALIKE = 0.98
"""Correlation of two rows from which on they are called near."""
_CONFIRMED = 30
"""Pairs that are looked at once more, at most."""
_CHANCE = 1e-3
"""Pairs that chance makes in all of a table, below which they are no chance."""
_RATIO = 1e-6
"""By which values may leave the one ratio of two rows that are a multiple of each other."""


@dataclass(frozen=True)
class Pair:
    """Two rows of two patients.

    Attributes:
        first: position of the unit.
        second: of the other.
        correlation: of their standardised values.
        equal: share of columns where they are equal but for rounding.
        chance: expected number of such pairs in the table.
    """

    first: int
    second: int
    correlation: float
    equal: float
    chance: float

    @property
    def rounded(self) -> bool:
        """Whether they hold the same values."""
        return self.equal >= _MOST

    @property
    def near(self) -> bool:
        """Whether they are too much alike for two people."""
        return self.chance < _CHANCE and (self.rounded or self.correlation >= _ALIKE)


def look(subject: Subject) -> AuditCheck:
    """Return pairs of units of two patients that hold the same scan."""
    about = "the correlation of standardised rows of different patients, beside that with their next neighbours"
    findings: list[AuditFinding] = []
    told = []
    for block in subject.design.blocks:
        if block == "clinical":
            continue
        pairs = nearest_pairs(subject, block)
        if pairs:
            one = max(pairs, key=lambda pair: pair.correlation)
            told.append(f"the nearest two rows of {block} correlate by {one.correlation:.3f}")
            factors = multiples(subject, block)
            near = [pair for pair in pairs if pair.near and (pair.first, pair.second) not in factors]
            findings += _of_block(subject, block, near)
            findings += _of_multiples(subject, block, factors)
    if not told:
        few = f"no table has {FEWEST} columns of many values and as many units"
        return AuditCheck(name=NAME, looks=about, skipped=few)
    return AuditCheck(name=NAME, looks=about, told="; ".join(told), findings=tuple(findings))


def _of_block(subject: Subject, block: str, pairs: list[Pair]) -> Iterator[AuditFinding]:
    names = subject.names
    for rounded in (True, False):
        here = [pair for pair in pairs if pair.rounded == rounded]
        if here:
            shown = listed(
                f"{names[pair.first]} and {names[pair.second]} (r {pair.correlation:.4f}, {pair.equal:.0%} equal)"
                for pair in here
            )
            near = "are much nearer to each other than any others"
            what = "hold the same values but for rounding" if rounded else near
            places = [(pair.first, pair.second) for pair in here]
            yield _finding(subject, block, places, f"{what}: {shown}", sure=rounded)


def _of_multiples(subject: Subject, block: str, factors: dict[tuple[int, int], float]) -> Iterator[AuditFinding]:
    if factors:
        names = subject.names
        shown = listed(f"{names[i]} times {factor:.6g} is {names[j]}" for (i, j), factor in factors.items())
        yield _finding(subject, block, list(factors), f"hold the same values but for one factor: {shown}", sure=True)


def _finding(subject: Subject, block: str, pairs: list[tuple[int, int]], what: str, sure: bool) -> AuditFinding:
    first, second = pairs[0]
    kept, *_ = subject.cases_of(first)
    left_out = ", ".join(f"{case}: same scan as {kept}" for case in subject.cases_of(second))
    whose = f"patients {subject.patients[first]!r} and {subject.patients[second]!r}"
    many = f"{len(pairs)} pairs of rows" if len(pairs) > 1 else "two rows"
    return AuditFinding(
        severity="error" if sure else "warning",
        where=subject.where(block),
        found=f"{many} of different patients {what}",
        mend="One scan under two ids leaks between folds: leave one out (cohort.exclude: "
        f"{{{left_out}}}), or give {whose} one id in cohort.patient",
    )


def nearest_pairs(subject: Subject, block: str) -> list[Pair]:
    """Return each unit with its nearest neighbour among other patients, each pair once; empty for too few columns."""
    columns = _columns(subject, block)
    if len(columns) < FEWEST or len(set(subject.patients)) < FEWEST:
        return []
    found, x = subject.ranks[block], subject.design.blocks[block].to_numpy(dtype="float64")
    z = np.empty((len(x), len(columns)), np.float32, order="F")
    for start in range(0, len(columns), _COLUMNS):  # all of them at once would take several times their memory
        own = columns[start : start + _COLUMNS]
        part = (x[:, own] - found.median[own]) / found.spread[own]
        z[:, start : start + _COLUMNS] = np.clip(np.nan_to_num(part, nan=0.0), -_FAR, _FAR)
    patients = np.unique(subject.patients, return_inverse=True)[1]
    pairs = _pairs(z, *_neighbours(z, patients))
    alike = [pair for pair in pairs if pair.near][:_CONFIRMED]
    return [
        _confirmed(x, columns, z, pair) if pair in alike else pair for pair in pairs if pair in alike or not pair.near
    ]


def _columns(subject: Subject, block: str) -> np.ndarray:
    """Return the places of the columns of many values."""
    found = subject.ranks[block]
    many = (found.distinct > np.maximum(0.6 * found.known, FEWEST)) & (found.spread > 0)
    return np.flatnonzero(many & (found.known >= 0.5 * len(subject.design.units)))


def multiples(subject: Subject, block: str) -> dict[tuple[int, int], float]:
    """Return pairs of units of two patients of which one is the other times a factor, with that factor.

    Where most rows are, the columns all say one thing, and there is none.
    """
    columns = _columns(subject, block)[:_COLUMNS]
    if len(columns) < FEWEST:
        return {}
    x = np.nan_to_num(subject.design.blocks[block].to_numpy(dtype="float64")[:, columns])
    there, patients = x != 0, subject.patients
    size = np.log(np.abs(np.where(there, x, 1.0)))
    size -= size.sum(axis=1, keepdims=True) / np.maximum(there.sum(axis=1, keepdims=True), 1)
    order = np.argsort(np.where(there, size, 0.0) @ np.random.default_rng(0).standard_normal(len(columns)))
    pairs = {}
    for i, j in pairwise(map(int, order)):
        same = there[i]
        if patients[i] == patients[j] or same.sum() < max(FEWEST, 0.5 * len(columns)) or (same != there[j]).any():
            continue
        ratio = x[j, same] / x[i, same] if i < j else x[i, same] / x[j, same]
        if np.ptp(ratio) <= _RATIO * abs(ratio[0]) and abs(ratio[0] - 1) > _EQUAL:  # by 1 they are rounded
            pairs[min(i, j), max(i, j)] = float(np.median(ratio))
    return pairs if len(pairs) <= len(x) / 2 else {}


def _confirmed(x: np.ndarray, columns: np.ndarray, z: np.ndarray, pair: Pair) -> Pair:
    """Return a pair measured on the cells that tell something: cut ones, and values that a third row has, do not.

    Where a region is a few voxels, whole families of features are 0 or 1, and two such rows are alike in all of them.
    """
    i, j = pair.first, pair.second
    parts = (x[:, columns[start : start + _COLUMNS]] for start in range(0, len(columns), _COLUMNS))
    shared = np.concatenate([np.maximum((own == own[i]).sum(axis=0), (own == own[j]).sum(axis=0)) for own in parts])
    there = ~np.isnan(x[i, columns]) & ~np.isnan(x[j, columns])
    telling = (np.abs(z[i]) < _FAR) & (np.abs(z[j]) < _FAR) & (shared <= 2) & there
    if telling.sum() < max(FEWEST, 0.5 * len(telling)):
        return replace(pair, chance=float("inf"))
    a, b = z[i, telling].astype(float), z[j, telling].astype(float)
    return replace(pair, correlation=_correlation(a, b), equal=float((np.abs(a - b) <= _EQUAL).mean()))


def _neighbours(z: np.ndarray, patients: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest rows of other patients, positions and distances of shape (row, neighbour)."""
    flat = z
    if z.shape[1] > _PROJECTED:
        signs = np.random.default_rng(0).integers(0, 2, (z.shape[1], _PROJECTED), dtype=np.int8)
        flat = z @ ((2 * signs - 1).astype(np.float32) / np.float32(np.sqrt(_PROJECTED)))
    squares = (flat**2).sum(axis=1)
    count = min(_NEIGHBOURS, len(z) - 1)
    near = np.empty((len(z), count), dtype=int)
    away = np.empty((len(z), count))
    step = max(min(_AT_ONCE, _DISTANCES // len(z)), 1)
    for start in range(0, len(z), step):
        rows = slice(start, start + step)
        distance = squares[rows, None] + squares - 2 * flat[rows] @ flat.T
        distance[patients[rows, None] == patients] = np.inf
        part = np.argpartition(distance, count - 1, axis=1)[:, :count]
        size = np.take_along_axis(distance, part, axis=1)
        order = np.argsort(size, axis=1)
        near[rows] = np.take_along_axis(part, order, axis=1)
        away[rows] = np.sqrt(np.maximum(np.take_along_axis(size, order, axis=1), 0))
    return near, away


def _pairs(z: np.ndarray, near: np.ndarray, away: np.ndarray) -> list[Pair]:
    """Return each row's nearest, measured on all columns; how improbable it is says the distance of the others."""
    last = away[:, -1]
    usual = np.flatnonzero(np.isfinite(last) & (last > 0))
    directions = _directions(away[usual])
    pairs: dict[tuple[int, int], Pair] = {}
    for i in map(int, usual):
        j = int(near[i, 0])
        key = (min(i, j), max(i, j))
        a, b = z[i].astype(float), z[j].astype(float)
        apart = (a - b) ** 2
        equal = float((apart <= _EQUAL**2).mean())
        if equal >= _MOST:  # the rest are numbers so small that rounding wiped them out
            apart = np.sort(apart)[: int(np.ceil(_MOST * len(apart)))]
        gap = np.sqrt(apart.mean() * len(a)) / last[i]
        chance = len(z) * (away.shape[1] - 1) * min(gap, 1.0) ** directions
        pair = Pair(*key, _correlation(a, b), equal, float(chance))
        if key not in pairs or pair.chance < pairs[key].chance:
            pairs[key] = pair
    return sorted(pairs.values(), key=lambda pair: pair.chance)


def _directions(away: np.ndarray) -> float:
    """Return in how many directions rows differ, by how fast distances grow from the second to the last neighbour.

    The first may be a copy, and half of the rows too. Distances to the power of the number of directions are spread
    evenly (Levina and Bickel 2004); 0.567 is the median of the mean of such logarithms.
    """
    last = away[:, -1:]
    steps = np.log(last / np.maximum(away[:, 1:-1], 1e-6 * last)).mean(axis=1)
    return float(0.567 / max(float(np.median(steps)), 1e-3)) if len(steps) else 0.0


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return float((a == b).all())
    return float(np.corrcoef(a, b)[0, 1])
