"""Explained folds put together: importances with intervals by patient, feature families, clusters, stability."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from radfuse.fusion.explain.names import PARTS, read_name
from radfuse.fusion.link import link_of
from radfuse.fusion.parts import Outcome
from radfuse.results.explained import (
    BlockImportance,
    Cluster,
    ColumnImportance,
    ExplainedFamily,
    FamilyOfFeatures,
    FoldExplanation,
)
from radfuse.results.numbers import Interval
from radfuse.statistics.links import probability_of

_GROUPS = 20
"""Groups of patients left out in turn."""
_SHOWN = 20
"""Columns whose shuffling is measured with intervals."""
_ALIKE, _COMPARED = 0.9, 200
"""Spearman's correlation of columns that are put in a cluster, and among how many of the most important these are."""

Cost = tuple[Interval, Interval]


def summarised(
    family: str,
    parts: Mapping[str, FoldExplanation],
    outcome: Outcome,
    y: np.ndarray,
    patients: np.ndarray,
    units: Sequence[str],
    seed: int,
    level: str = "",
) -> ExplainedFamily:
    """Return the explained folds of a family as one.

    Args:
        family: name.
        parts: fold -> its explanation.
        outcome: what is predicted.
        y: targets of all units.
        patients: of all units.
        units: their names.
        seed: of the groups of patients left out for intervals.
        level: the class that is explained against the rest; "" where the outcome has none.
    """
    block_of = {str(n): str(b) for part in parts.values() for n, b in zip(part.names, part.blocks, strict=True)}
    tables = [_side_by_side(part, list(block_of)) for part in parts.values()]
    values, found = (np.vstack([table[which] for table in tables]) for which in (0, 1))
    order = np.argsort(-np.abs(found).mean(axis=0), kind="stable")
    names = [list(block_of)[i] for i in order]
    values, found = values[:, order], found[:, order]
    cost = _Costs(list(parts.values()), outcome, y, patients, seed)
    columns = _columns({name: block_of[name] for name in names}, values, found, cost, list(parts.values()))
    return ExplainedFamily(
        family=family,
        units=[units[i] for part in parts.values() for i in part.units],
        folds=[fold for fold, part in parts.items() for _ in part.units],
        background=min(int(part.background) for part in parts.values()),
        columns=columns,
        values=values,
        contributions=found,
        absence=np.concatenate([part.absence for part in parts.values()]),
        base=np.concatenate([np.full(len(part.units), float(part.base)) for part in parts.values()]),
        score=np.concatenate([part.score for part in parts.values()]),
        blocks=_blocks(columns, found, cost),
        families=_families(names, found),
        cells=_cells(names, found),
        clusters=_clusters(names[:_COMPARED], values[:, :_COMPARED], found[:, :_COMPARED]),
        stability=_stability([np.abs(table[1]).mean(axis=0) for table in tables]),
        level=level,
    )


_NONE = Interval(value=None)


class _Costs:
    """What shuffling costs, in discrimination and loss, averaged over folds."""

    def __init__(
        self, parts: Sequence[FoldExplanation], outcome: Outcome, y: np.ndarray, patients: np.ndarray, seed: int
    ) -> None:
        people = pd.unique(pd.Series(patients))
        groups = np.random.default_rng(seed).permutation(np.arange(len(people)) % _GROUPS)
        group_of = pd.Series(patients).map(dict(zip(people, groups, strict=True))).to_numpy()
        self._parts, self._outcome = parts, outcome
        self._y = [y[part.tested] for part in parts]
        self._group = [group_of[part.tested] for part in parts]
        self._count = min(_GROUPS, len(people))
        self._before = [self._each(k, part.tested_score) for k, part in enumerate(parts)]

    def of(self, after: Callable[[FoldExplanation, str], np.ndarray | None], name: str) -> Cost:
        """Return drop in discrimination and rise in loss; `after` gives scores, shape (repeat, unit), or None.

        Intervals by a jackknife that leaves a twentieth of the patients out in turn.

        Source:
            Kott 2001, Journal of Official Statistics 17, 521-526.
        """
        changes = np.zeros((len(self._parts), 1 + self._count, 2))
        for k, part in enumerate(self._parts):
            scores = after(part, name)
            if scores is not None:
                changes[k] = np.mean([self._each(k, row) - self._before[k] for row in scores], axis=0)
        sizes = np.array([len(part.tested) for part in self._parts], dtype=float)
        with np.errstate(invalid="ignore"):
            known = np.isfinite(changes)
            weight = known * sizes[:, None, None]
            mean = np.where(known, changes, 0.0) * weight
            mean = mean.sum(axis=0) / weight.sum(axis=0)
        return _interval(-mean[:, 0]), _interval(mean[:, 1])

    def _each(self, fold: int, score: np.ndarray) -> np.ndarray:
        """Return discrimination and loss of all units of a fold, then without each group: shape (1 + group, 2)."""
        p = probability_of(score.astype(float), link_of(self._outcome))
        y, group = self._y[fold], self._group[fold]
        kept = [np.ones(len(y), dtype=bool), *(group != i for i in range(self._count))]
        told = (self._outcome.discrimination, self._outcome.loss)
        return np.array([[each(y[k], p[k]) if k.any() else np.nan for each in told] for k in kept])


def _interval(values: np.ndarray) -> Interval:
    """Return the first with an interval by the spread of the others, each of which lacks a group."""
    from scipy import stats

    value, left = float(values[0]), values[1:][np.isfinite(values[1:])]
    if not np.isfinite(value):
        return _NONE
    if len(left) < 3:
        return Interval(value=value)
    half = stats.t.ppf(0.975, len(left) - 1) * np.sqrt((len(left) - 1) * np.var(left))
    return Interval(value=value, low=value - float(half), high=value + float(half))


def _after_column(part: FoldExplanation, name: str) -> np.ndarray | None:
    where = np.flatnonzero(part.names[part.shuffled_columns] == name)
    return part.by_column[where[0]] if len(where) else None


def _after_block(part: FoldExplanation, block: str) -> np.ndarray | None:
    where = np.flatnonzero(part.shuffled_blocks == block)
    return part.by_block[where[0]] if len(where) else None


def _side_by_side(part: FoldExplanation, names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return values and contributions of all columns that any fold uses: NaN and 0 where this one does not."""
    place = {name: i for i, name in enumerate(names)}
    where = np.array([place[str(name)] for name in part.names], dtype=int)
    values = np.full((len(part.units), len(names)), np.nan)
    found = np.zeros((len(part.units), len(names)))
    values[:, where], found[:, where] = part.values, part.contributions
    return values, found


def _together(found: np.ndarray, which: np.ndarray) -> float:
    """Return the mean absolute contribution of some columns together."""
    return float(np.abs(found[:, which].sum(axis=1)).mean())


def _columns(
    block_of: Mapping[str, str],
    values: np.ndarray,
    found: np.ndarray,
    cost: _Costs,
    parts: Sequence[FoldExplanation],
) -> list[ColumnImportance]:
    """Return the columns in their order; shuffling is measured of the first."""
    size = np.abs(found).mean(axis=0)
    used = [set(part.names) for part in parts]
    made = []
    for i, (name, block) in enumerate(block_of.items()):
        auc, loss = cost.of(_after_column, name) if i < _SHOWN else (_NONE, _NONE)
        told = {"size": float(size[i]), "share": _share(size[i], size), "folds": sum(name in own for own in used)}
        direction = _spearman(values[:, i], found[:, i]) if i < _COMPARED else None
        made.append(ColumnImportance(name=name, block=block, direction=direction, auc=auc, loss=loss, **told))
    return made


def _blocks(columns: Sequence[ColumnImportance], found: np.ndarray, cost: _Costs) -> list[BlockImportance]:
    made = []
    size = np.array([column.size for column in columns])
    for block in dict.fromkeys(column.block for column in columns):
        which = np.array([column.block == block for column in columns])
        auc, loss = cost.of(_after_block, block)
        told = {"size": _together(found, which), "share": _share(size[which].sum(), size)}
        made.append(BlockImportance(block=block, columns=int(which.sum()), auc=auc, loss=loss, **told))
    return sorted(made, key=lambda item: -item.share)


def _families(names: Sequence[str], found: np.ndarray) -> list[FamilyOfFeatures]:
    """Return what columns of one region, sequence, class or filter contribute together."""
    made = []
    size = np.abs(found).mean(axis=0)
    reads = [read_name(name) for name in names]
    for number, part in enumerate(PARTS):
        here = []
        for word in dict.fromkeys(read[number] for read in reads if read[number]):
            which = np.array([read[number] == word for read in reads])
            told = {"size": _together(found, which), "share": _share(size[which].sum(), size)}
            here.append(FamilyOfFeatures(part=part, name=word, columns=int(which.sum()), **told))
        made += sorted(here, key=lambda item: -item.share)
    return made


def _cells(names: Sequence[str], found: np.ndarray) -> dict[tuple[str, str], float]:
    """Return (region, sequence) -> what its columns contribute together."""
    where = [(read.region, read.sequence) for read in map(read_name, names)]
    cells = sorted({cell for cell in where if cell[0]})
    return {cell: _together(found, np.array([own == cell for own in where])) for cell in cells}


def _share(part: float, size: np.ndarray) -> float:
    return float(part) / (float(size.sum()) or 1.0)


def _clusters(names: Sequence[str], values: np.ndarray, found: np.ndarray) -> list[Cluster]:
    """Return groups of columns whose values rank units alike, the most important first."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    if len(names) < 2 or len(values) < 10:
        return []
    alike = pd.DataFrame(values).corr(method="spearman", min_periods=10).abs().fillna(0.0).to_numpy()
    distance = np.clip(1 - alike, 0, 1)
    distance = (distance + distance.T) / 2
    np.fill_diagonal(distance, 0.0)
    label = fcluster(linkage(squareform(distance, checks=False), "single"), 1 - _ALIKE, "distance")
    size = np.abs(found).mean(axis=0)
    made = []
    for one in np.unique(label):
        where = np.flatnonzero(label == one)
        if len(where) > 1:
            told = {"size": _together(found, label == one), "alone": float(size[where].max())}
            made.append(Cluster(columns=tuple(names[int(i)] for i in where), **told))
    return sorted(made, key=lambda item: -item.size)


def _stability(sizes: Sequence[np.ndarray]) -> np.ndarray:
    """Return Spearman's correlations between folds of columns' importances, of columns that either uses."""
    found = np.eye(len(sizes))
    for i, first in enumerate(sizes):
        for j, second in enumerate(sizes[:i]):
            either = (first > 0) | (second > 0)
            value = _spearman(first[either], second[either])
            found[i, j] = found[j, i] = np.nan if value is None else value
    return found


def _spearman(first: np.ndarray, second: np.ndarray) -> float | None:
    known = np.isfinite(first) & np.isfinite(second)
    a, b = first[known], second[known]
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    from scipy.stats import rankdata

    return float(np.corrcoef(rankdata(a), rankdata(b))[0, 1])
