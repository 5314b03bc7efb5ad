"""New units beside what columns held at training: values out of range, and values that are not there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import pandas as pd

from radfuse.bundle.schema import BundleFamily
from radfuse.errors import Problem, listed

_MANY = 8
"""Columns of a block that are told of one by one."""


def out_of_range(parts: Sequence[BundleFamily], values: Sequence[np.ndarray], units: pd.DataFrame) -> list[Problem]:
    """Return warnings of columns with values outside their range at training, and of those that lack some, or all.

    Args:
        parts: the families that predict.
        values: of each family, shape (unit, input).
        units: a row a unit: its ids.
    """
    beyond: dict[str, dict[str, tuple[str, np.ndarray]]] = defaultdict(dict)
    empty: dict[str, dict[str, None]] = defaultdict(dict)
    gaps: dict[str, dict[str, np.ndarray]] = defaultdict(dict)
    seen: dict[str, set[str]] = defaultdict(set)
    present = _present(parts, values)
    for part, matrix in zip(parts, values, strict=True):
        for item, column in zip(part.inputs, matrix.T, strict=True):
            if item.low is None or item.high is None or item.name in seen[item.block]:
                continue
            seen[item.block].add(item.name)
            outside = (column < item.low) | (column > item.high)
            if outside.any():
                beyond[item.block][item.name] = f"{item.low:.4g} to {item.high:.4g}", outside
            lacks = np.isnan(column) & present[item.block]
            if lacks.any() and np.isnan(column).all():
                empty[item.block][item.name] = None
            elif lacks.any():
                gaps[item.block][item.name] = lacks
    found = []
    for block, names in seen.items():
        found += _beyond(block, beyond[block], len(names), units)
        found += _empty(block, list(empty[block]), len(names))
        found += _gaps(block, gaps[block])
        found += _absent(block, present[block])
    return found


def _present(parts: Sequence[BundleFamily], values: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """Return for each block which units have a value of it, of those columns too that no model uses."""
    found: dict[str, np.ndarray] = {}
    for part, matrix in zip(parts, values, strict=True):
        for item, column in zip(part.inputs, matrix.T, strict=True):
            found[item.block] = found.get(item.block, False) | ~np.isnan(column)
    return found


def _beyond(block: str, columns: dict[str, tuple[str, np.ndarray]], total: int, units: pd.DataFrame) -> list[Problem]:
    if len(columns) <= _MANY:
        return [
            Problem(
                block,
                f"{int(outside.sum())} of {len(outside)} units lie outside the training range {span}",
                column=name,
                severity="warning",
            )
            for name, (span, outside) in columns.items()
        ]
    counts = np.sum([outside for _, outside in columns.values()], axis=0)
    most = int(counts.argmax())
    unit = " ".join(map(str, units.iloc[most]))
    text = (
        f"{len(columns)} of {total} columns have units outside their training range: {listed(columns, 3)}; "
        f"the most, {counts[most]} columns, {unit}"
    )
    return [Problem(block, text, severity="warning")]


def _gaps(block: str, columns: dict[str, np.ndarray]) -> list[Problem]:
    """Return one line of all columns of a block that some units lack, the column first that most do."""
    if not columns:
        return []
    counts = {name: int(lacks.sum()) for name, lacks in columns.items()}
    most = sorted(counts, key=lambda name: -counts[name])
    told = listed([f"{name} ({counts[name]})" for name in most], _MANY if len(most) <= _MANY else 3)
    lacking = np.any(list(columns.values()), axis=0)
    text = f"{int(lacking.sum())} of {len(lacking)} units lack values that models use, and that are imputed: {told}"
    return [Problem(block, text, severity="warning")]


def _absent(block: str, present: np.ndarray) -> list[Problem]:
    """Return a line of units without any value of a block: what becomes of them is the strategy's."""
    if present.all():
        return []
    text = f"{int((~present).sum())} of {len(present)} units have no value of it: it is imputed, or other blocks answer"
    return [Problem(block, text, severity="warning")]


def _empty(block: str, names: list[str], total: int) -> list[Problem]:
    if len(names) <= _MANY:
        text = "no unit has a value; the training median is used"
        return [Problem(block, text, column=name, severity="warning") for name in names]
    text = f"no unit has a value in {len(names)} of {total} columns: {listed(names, 3)}; training medians are used"
    return [Problem(block, text, severity="warning")]
