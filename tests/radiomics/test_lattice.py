"""Far distances are looked at a few directions at a time, with the same numbers."""

from __future__ import annotations

import numpy as np
import pytest
from measured import measured

from radfuse.radiomics import lattice
from radfuse.radiomics.config import RadiomicsConfig
from radfuse.radiomics.families import glcm, gldm, ngtdm
from radfuse.radiomics.families.family import Family
from radfuse.radiomics.lattice import make_lattice
from radfuse.radiomics.plan import plan_of


def bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Allow no directions to be held, and four of 100 voxels at a time."""
    monkeypatch.setattr(lattice, "_HELD", 0)
    monkeypatch.setattr(lattice.Sight.groups, "__defaults__", (4 * 4 * 100,))
    monkeypatch.setattr(lattice, "_TOGETHER", 4 * 4 * 100)


def test_directions_a_few_at_a_time_are_those_held(monkeypatch: pytest.MonkeyPatch) -> None:
    mask = np.ones((4, 5, 5), dtype=bool)
    whole = make_lattice(mask, (1, 2)).far
    bounded(monkeypatch)
    far = make_lattice(mask, (1, 2)).far
    groups = list(far.groups())
    assert [len(few) for few in groups] == [4] * 15 + [2]  # (5^3 - 1) / 2 = 62
    assert np.array_equal(np.concatenate(groups), whole.before)
    assert np.array_equal(far.before, whole.before)
    assert np.array_equal(far.pairs, whole.pairs)
    assert np.array_equal(far.neighbours, whole.neighbours)
    assert far.held == ()


@pytest.mark.parametrize("family", [glcm.FAMILY, gldm.FAMILY, ngtdm.FAMILY])
@pytest.mark.parametrize("weighting", [None, "euclidean"])
def test_features_do_not_depend_on_what_is_held(
    family: Family, weighting: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    mask, values = rng.random((6, 7, 8)) < 0.7, rng.integers(1, 6, (6, 7, 8)).astype(float)
    settings = plan_of(RadiomicsConfig(weighting=weighting, distances=(1, 2, 3))).settings
    held = family.features(measured(mask, values, distances=(1, 2, 3)), settings)
    bounded(monkeypatch)
    assert family.features(measured(mask, values, distances=(1, 2, 3)), settings) == held
