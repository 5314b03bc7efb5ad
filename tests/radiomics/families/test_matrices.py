"""Matrices counted by hand, or by the plainest loop: pairs, runs, zones, dependence and neighbourhoods."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from measured import measured

from radfuse.radiomics.config import RadiomicsConfig
from radfuse.radiomics.families import firstorder, glcm, gldm, glrlm, glszm, ngtdm
from radfuse.radiomics.lattice import make_lattice, offsets_of
from radfuse.radiomics.plan import plan_of

ROW = np.array([[[1.0, 1, 2, 3]]])
PLAIN = plan_of(RadiomicsConfig()).settings


def test_thirteen_directions_and_fewer_where_the_box_is_flat() -> None:
    assert len(offsets_of((3, 3, 3), (1,), None)) == 13
    assert len(offsets_of((1, 3, 3), (1,), None)) == 4
    assert len(offsets_of((3, 3, 3), (1,), 0)) == 4
    assert len(offsets_of((9, 9, 9), (1, 2), None)) == (5**3 - 1) // 2
    lattice = make_lattice(np.ones((3, 3, 3), dtype=bool))
    counts = sorted(lattice.near.neighbours[:-1].tolist())
    assert counts == [7] * 8 + [11] * 12 + [17] * 6 + [26]  # corners, edges, faces, the middle


def test_first_order_by_hand() -> None:
    values = np.array([[[1.0, 2, 3, 6]]])
    found = firstorder.features(measured(values > 0, values, (2.0, 1.0, 1.0)), PLAIN)
    assert found["Mean"] == 3
    assert found["Variance"] == pytest.approx(3.5)  # (4 + 1 + 0 + 9) / 4
    assert found["Skewness"] == pytest.approx(4.5 / 3.5**1.5)  # (-8 - 1 + 0 + 27) / 4
    assert (found["Energy"], found["TotalEnergy"]) == (50, 100)
    assert found["Uniformity"] == pytest.approx(0.25)
    assert found["Entropy"] == pytest.approx(2)
    assert found["90Percentile"] == pytest.approx(5.1)


def test_pairs_of_a_row_by_hand() -> None:
    row = measured(ROW > 0, ROW)
    found = glcm.features(row, PLAIN)  # pairs 11 12 23, both ways: 2 11, 1 12 21 23 32
    assert found["Contrast"] == pytest.approx(4 / 6)
    assert found["MaximumProbability"] == pytest.approx(2 / 6)
    assert found["JointAverage"] == pytest.approx((2 * 1 + 3 + 5) / 6)
    one_way = glcm.features(row, plan_of(RadiomicsConfig(symmetric_glcm=False)).settings)
    assert one_way["Autocorrelation"] == pytest.approx((1 + 2 + 6) / 3)


def test_runs_of_a_row_by_hand() -> None:
    found = glrlm.features(measured(ROW > 0, ROW), PLAIN)  # one run of two 1s, then 2, then 3
    assert found["RunPercentage"] == pytest.approx(3 / 4)
    assert found["LongRunEmphasis"] == pytest.approx((4 + 1 + 1) / 3)
    assert found["GrayLevelNonUniformity"] == pytest.approx(1)


def test_dependence_and_neighbourhoods_of_a_row_by_hand() -> None:
    row = measured(ROW > 0, ROW)
    found = gldm.features(row, PLAIN)  # dependence 2 2 1 1
    assert found["LargeDependenceEmphasis"] == pytest.approx((4 + 4 + 1 + 1) / 4)
    # |1 - 1| + |1 - 1.5| for level 1, |2 - 2| for 2, |3 - 2| for 3
    assert ngtdm.features(row, PLAIN)["Coarseness"] == pytest.approx(1 / (0.5 * 0.5 + 0.25 * 0 + 0.25 * 1))


@pytest.mark.parametrize("seed", range(5))
def test_zones_and_runs_against_the_plainest_loops(seed: int) -> None:
    generator = np.random.default_rng(seed)
    values = generator.integers(1, 4, (4, 5, 6)).astype(float)
    mask = generator.random(values.shape) < 0.8
    seen = measured(mask, values)
    sizes = zones(values, mask)
    found = glszm.features(seen, PLAIN)
    assert found["ZonePercentage"] == pytest.approx(len(sizes) / mask.sum())
    assert found["LargeAreaEmphasis"] == pytest.approx(np.mean(np.square(sizes)))
    lengths = [run_lengths(values, mask, offset) for offset in seen.lattice.near.offsets]
    emphasis = np.mean([np.mean(np.square(run)) for run in lengths])
    assert glrlm.features(seen, PLAIN)["LongRunEmphasis"] == pytest.approx(emphasis)


def zones(values: np.ndarray, mask: np.ndarray) -> list[int]:
    left, sizes = {tuple(voxel) for voxel in np.argwhere(mask).tolist()}, []
    while left:
        stack, size = [left.pop()], 0
        while stack:
            voxel = stack.pop()
            size += 1
            for step in itertools.product((-1, 0, 1), repeat=3):
                near = tuple(a + b for a, b in zip(voxel, step, strict=True))
                if near in left and values[near] == values[voxel]:
                    left.remove(near)
                    stack.append(near)
        sizes.append(size)
    return sizes


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("distances", [(1,), (1, 2)])
@pytest.mark.parametrize("alpha", [0, 1])
def test_pairs_dependence_and_neighbourhoods_against_the_plainest_loops(
    seed: int, distances: tuple[int, ...], alpha: int
) -> None:
    generator = np.random.default_rng(seed)
    values = generator.integers(1, 4, (4, 5, 6)).astype(float)
    mask = generator.random(values.shape) < 0.8
    seen, settings = measured(mask, values, distances=distances), plan_of(RadiomicsConfig(gldm_alpha=alpha)).settings
    lattice, levels = seen.lattice, seen.levels
    level_of = dict(zip(map(tuple, np.argwhere(mask).tolist()), levels.level[:-1].tolist(), strict=True))
    near = {voxel: [level_of[other] for other in around(voxel, distances) if other in level_of] for voxel in level_of}

    contrasts = []
    for step in lattice.far.offsets:
        pairs = [(level_of[v], level_of[w]) for v in level_of if (w := shifted(v, step)) in level_of]
        contrasts += [np.mean([(i - j) ** 2 for i, j in pairs])] if pairs else []
    assert glcm.features(seen, settings)["Contrast"] == pytest.approx(np.mean(contrasts))

    alike = [1 + sum(abs(other - level_of[voxel]) <= alpha for other in near[voxel]) for voxel in level_of]
    dependence = gldm.features(seen, settings)
    assert dependence["LargeDependenceEmphasis"] == pytest.approx(np.mean(np.square(alike)))
    assert dependence["DependenceVariance"] == pytest.approx(np.var(alike))

    share = {i: count / len(level_of) for i, count in zip(levels.present.tolist(), levels.counts, strict=True)}
    s = {i: sum(abs(i - np.mean(near[v])) for v in level_of if level_of[v] == i and near[v]) for i in share}
    tone = ngtdm.features(seen, settings)
    assert tone["Coarseness"] == pytest.approx(1 / sum(share[i] * s[i] for i in share))
    complexity = sum(
        abs(i - j) * (share[i] * s[i] + share[j] * s[j]) / (share[i] + share[j])
        for i, j in itertools.product(share, repeat=2)
    )
    assert tone["Complexity"] == pytest.approx(complexity / len(level_of))


def shifted(voxel: tuple[int, ...], step: np.ndarray) -> tuple[int, ...]:
    return tuple(int(a + b) for a, b in zip(voxel, step, strict=True))


def around(voxel: tuple[int, ...], distances: tuple[int, ...]) -> list[tuple[int, ...]]:
    reach = max(distances)
    steps = itertools.product(range(-reach, reach + 1), repeat=3)
    return [shifted(voxel, np.array(step)) for step in steps if max(map(abs, step)) in distances]


def run_lengths(values: np.ndarray, mask: np.ndarray, offset: np.ndarray) -> list[int]:
    def level(voxel: np.ndarray) -> float | None:
        inside = (voxel >= 0).all() and (voxel < values.shape).all() and mask[tuple(voxel)]
        return float(values[tuple(voxel)]) if inside else None

    lengths = []
    for start in np.argwhere(mask):
        if level(start - offset) == level(start):
            continue
        length = 1
        while level(start + length * offset) == level(start):
            length += 1
        lengths.append(length)
    return lengths
