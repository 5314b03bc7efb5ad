"""Trees taken apart: what each column moves their sum, or a bent function of it, from one row to another.

Rows hold float64 values that were rounded to float32, as trees compare them. Forests are five arrays of all nodes of
all trees (feature, threshold, left, right, value: see `radfuse.fusion.models.trees.Tree`), children counted from the
first node of the first tree, and the first node of each tree.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from radfuse.machine import kernel

NO_LINK, LOGIT, CLIPPED = 0, 1, 2
"""What is made of the sum of trees: nothing; log odds of it, kept between two ends; itself, kept between two ends."""
_LONGEST = 64
"""Columns on the way to a leaf of which two rows differ; (64 choose 32) is still a float64."""


@kernel
def _leaf_of(forest: Any, root: int, row: Any, column: int, value: float) -> int:
    """Return the leaf that a row falls into, one column of it replaced by a value; column -1: none."""
    feature, threshold, left, right, _ = forest
    node = root
    while left[node] >= 0:
        seen = value if feature[node] == column else row[feature[node]]
        node = left[node] if seen <= threshold[node] else right[node]
    return node


@kernel
def leaves_of(forest: Any, roots: Any, x: Any) -> Any:
    """Return what each tree says of each row, float64, shape (row, tree)."""
    found = np.empty((len(x), len(roots)))
    for i in range(len(x)):
        for k in range(len(roots)):
            found[i, k] = forest[4][_leaf_of(forest, roots[k], x[i], -1, 0.0)]
    return found


@kernel
def changes(forest: Any, roots: Any, x: Any, column: int, values: Any, before: Any) -> Any:
    """Return by how much the sum of trees changes where a column of each row is replaced, shape (row,).

    Args:
        forest: of the trees.
        roots: of those that split by the column.
        x: shape (row, column).
        column: that is replaced.
        values: in its place, shape (row,).
        before: what these trees say of the rows, shape (row, tree).
    """
    found = np.zeros(len(x))
    for i in range(len(x)):
        for k in range(len(roots)):
            found[i] += forest[4][_leaf_of(forest, roots[k], x[i], column, values[i])] - before[i, k]
    return found


@kernel
def linked(total: float, link: int, low: float, high: float) -> float:
    """Return what is made of a sum of trees."""
    if link == NO_LINK:
        return total
    held = min(max(total, low), high)
    return math.log(held / (1.0 - held)) if link == LOGIT else held


@kernel
def _shares() -> Any:
    """Return (p - 1)! n! / (p + n)! at [p, n], and 0 where p is 0."""
    found = np.zeros((_LONGEST + 1, _LONGEST + 1))
    for p in range(1, _LONGEST + 1):
        found[p, 0] = 1.0 / p
        for n in range(1, _LONGEST + 1):
            found[p, n] = found[p, n - 1] * n / (p + n)
    return found


@kernel
def _room(forest: Any, roots: Any) -> Any:
    """Return how many steps the ways to all leaves of each tree can have at most."""
    left, right = forest[2], forest[3]
    depth, found = np.zeros(len(left), np.int64), np.zeros(len(roots), np.int64)
    for k in range(len(roots)):
        stop = roots[k + 1] if k + 1 < len(roots) else len(left)
        leaves, deepest = 0, 0
        for node in range(roots[k], stop):  # a child stands behind its parent
            if left[node] < 0:
                leaves, deepest = leaves + 1, max(deepest, depth[node])
            else:
                depth[left[node]] = depth[right[node]] = depth[node] + 1
        found[k] = leaves * min(deepest, _LONGEST)
    return found


@kernel
def _sides(forest: Any, rows: Any) -> Any:
    """Return whether each row goes left at each node, 0 or 1, shape (row, node)."""
    feature, threshold, left, _, _ = forest
    found = np.zeros((len(rows), len(left)), np.uint8)
    for i in range(len(rows)):
        for node in range(len(left)):
            if left[node] >= 0 and rows[i, feature[node]] <= threshold[node]:
                found[i, node] = 1
    return found


@kernel
def _reached(forest: Any, root: int, x: Any, b: Any, desk: Any, count: int, used: int) -> Any:
    """Write down the leaves of one tree that some mixture of two rows falls into, with what it takes to get there.

    Leaf `count` says said[count], with sizes[count] columns on its way; these stand in steps[used:], as column + 1
    where the first row's value leads there and -(column + 1) where the second's does. Returns new count and used. The
    rows are given as the sides they go to at each node.
    """
    feature, _, left, right, value = forest
    stack, way, said, sizes, steps = desk
    top, stack[0, 0], stack[0, 1], stack[0, 2] = 1, root, 0, 0
    while top:
        top -= 1
        node, length, told = stack[top, 0], stack[top, 1], stack[top, 2]
        if told != 0:
            way[length], length = told, length + 1
        while left[node] >= 0:
            goes_left = x[node]
            if goes_left != b[node]:
                f, known = feature[node] + 1, 0
                for k in range(length):
                    if way[k] == f or way[k] == -f:
                        known = way[k]
                if known < 0:
                    goes_left = b[node]
                elif known == 0 and length < _LONGEST:
                    stack[top, 0], stack[top, 1], stack[top, 2] = right[node] if goes_left else left[node], length, -f
                    top += 1
                    way[length], length = f, length + 1
            node = left[node] if goes_left else right[node]
        said[count], sizes[count], count = value[node], length, count + 1
        for k in range(length):
            steps[used + k] = way[k]
        used += length
    return count, used


@kernel
def _walked(order: Any, place: Any, moved: Any, leaves: Any, start: float, link: Any, slope: float, rest: Any) -> None:
    """Add to `rest` by how much the bent sum moves beyond slope * sum, column by column in an order."""
    kind, low, high = link
    said, sizes, steps = leaves
    size, used = len(order), 0
    for k in range(size):
        place[order[k]] = k + 1
    moved[: size + 1] = 0.0
    for leaf in range(len(said)):
        since, until = 0, size + 1
        for k in range(used, used + sizes[leaf]):
            if steps[k] > 0:
                since = max(since, place[steps[k] - 1])
            else:
                until = min(until, place[-steps[k] - 1])
        used += sizes[leaf]
        if since < until:
            moved[since] += said[leaf]
            if until <= size:
                moved[until] -= said[leaf]
    total = start + moved[0]
    before = linked(total, kind, low, high) - slope * total
    for k in range(size):
        total += moved[k + 1]
        after = linked(total, kind, low, high) - slope * total
        rest[order[k]] += after - before
        before = after


@kernel
def _shared_out(leaves: Any, shares: Any, own: Any, touched: Any, order: Any, size: int) -> Any:
    """Add each leaf of a tree to `own`, by Shapley's weights; return what the tree says of both rows, and its ends."""
    said, sizes, steps = leaves
    at_x, at_b, least, most, used = 0.0, 0.0, np.inf, -np.inf, 0
    for leaf in range(len(said)):
        v, p = said[leaf], 0
        for k in range(used, used + sizes[leaf]):
            p += steps[k] > 0
        n = sizes[leaf] - p
        at_x += v if n == 0 else 0.0
        at_b += v if p == 0 else 0.0
        least, most = min(least, v), max(most, v)
        for k in range(used, used + sizes[leaf]):
            column = abs(steps[k]) - 1
            if not touched[column]:
                touched[column], order[size], size = True, column, size + 1
            own[column] += v * shares[p, n] if steps[k] > 0 else -v * shares[n, p]
        used += sizes[leaf]
    return at_x, at_b, least, most, size


@kernel
def _shuffle(order: Any, state: Any) -> Any:
    """Shuffle in place; return the state of the generator (splitmix64)."""
    for k in range(len(order) - 1, 0, -1):
        state = state + np.uint64(0x9E3779B97F4A7C15)
        mixed = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        other = np.int64((mixed ^ (mixed >> np.uint64(31))) % np.uint64(k + 1))
        order[k], order[other] = order[other], order[k]
    return state


@kernel
def tree_contributions(
    forest: Any, roots: Any, base: float, link: Any, x: Any, background: Any, walks: int, seed: int
) -> Any:
    """Return what each column moves the link of the sum of trees, from background rows to each row, on average.

    Of a sum of trees exactly (interventional Shapley values, Lundberg 2020, doi:10.1038/s42256-019-0138-9). Of a bent
    one exactly as far as the secant between the two rows goes, and beyond it by orders of the columns and their
    reverses, drawn anew for each pair of rows. Columns of a row add up to the difference, either way.

    Args:
        forest: of the trees.
        roots: of all trees, in order.
        base: added to their sum.
        link: NO_LINK, LOGIT or CLIPPED, and the ends that what is linked is kept between.
        x: rows, shape (row, column).
        background: rows, shape (other, column).
        walks: orders a pair of rows.
        seed: of the orders.

    Returns:
        float64, shape (row, column).
    """
    kind, low, high = link
    columns, room = x.shape[1], _room(forest, roots)
    leaves = (forest[2] < 0).sum()
    said, sizes, steps = np.empty(leaves), np.empty(leaves, np.int64), np.empty(1024, np.int64)
    stack, way = np.empty((2 * _LONGEST, 3), np.int64), np.empty(_LONGEST + 1, np.int64)
    shares, found, state = _shares(), np.zeros((len(x), columns)), np.uint64(seed)
    sides, usual = _sides(forest, x), _sides(forest, background)
    own, rest, moved = np.zeros(columns), np.zeros(columns), np.zeros(columns + 2)
    place, order, touched = np.zeros(columns, np.int64), np.empty(columns, np.int64), np.zeros(columns, np.bool_)
    for i in range(len(x)):
        for j in range(len(background)):
            count, used, size = 0, 0, 0
            least, most, at_x, at_b = base, base, base, base
            for k in range(len(roots)):
                if used + room[k] > len(steps):
                    larger = np.empty(2 * len(steps) + room[k], np.int64)
                    larger[:used] = steps[:used]
                    steps = larger
                first, start = count, used
                desk = (stack, way, said, sizes, steps)
                count, used = _reached(forest, roots[k], sides[i], usual[j], desk, count, used)
                tree = (said[first:count], sizes[first:count], steps[start:used])
                of_x, of_b, smallest, largest, size = _shared_out(tree, shares, own, touched, order, size)
                at_x, at_b, least, most = at_x + of_x, at_b + of_b, least + smallest, most + largest
            slope, here = 1.0, order[:size]
            if kind == LOGIT or (kind == CLIPPED and (least < low or most > high)):
                if abs(at_x - at_b) > 1e-9:
                    slope = (linked(at_x, kind, low, high) - linked(at_b, kind, low, high)) / (at_x - at_b)
                every = (said[:count], sizes[:count], steps[:used])
                for _ in range(walks):
                    state = _shuffle(here, state)
                    _walked(here, place, moved, every, base, link, slope, rest)
                    _walked(here[::-1].copy(), place, moved, every, base, link, slope, rest)
            for column in here:
                found[i, column] += slope * own[column] + rest[column] / (2 * walks)
                own[column], rest[column], touched[column] = 0.0, 0.0, False
    return found / len(background)
