"""A selection that asks for stable columns has copies and second readers measured, and joined to the design."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from radfuse.pipeline import run_study
from radfuse.results import FittedFamily
from radfuse.stages import fit, prepare
from radfuse.statistics.icc import icc
from radfuse.study import load_study

pytestmark = pytest.mark.slow


def test_columns_that_readers_disagree_on_are_left_out(copied: Path) -> None:
    """Of three features of the tumour: those stay that the training patients' two masks and copies agree on."""
    settings = ["fusion.selection=[{kind: stability, icc: 0.6}]", "fusion.families=[radiomic]", "variants={}"]
    run = run_study(load_study(copied / "study.yaml", settings), copied / "run", until="fuse")
    assert run.failures == ()
    prepared = prepare.read_design(run.path / prepare.PLACE)
    again = prepared.design.again["radiomic"]
    assert {source: len(frames) for source, frames in again.items()} == {"copies": 2, "readers": 2}
    name = next(name for name in prepared.design.blocks["radiomic"] if name.endswith("tumour/original_firstorder_Mean"))
    stored = [json.loads(path.read_text()) for path in sorted((run.path / "features/stability").glob("*[0-9].json"))]
    assert len(stored) == 10
    for source, keys in {"copies": (0, 1), "readers": ("first", "second")}.items():
        for key, frame in zip(keys, again[source], strict=True):
            np.testing.assert_allclose(sorted(frame[name]), sorted(case[source][key][name] for case in stored), rtol=0)
    for fold in prepared.folds:
        lowest = {
            column: np.nanmin(
                [icc(np.column_stack([frame[column].to_numpy()[fold.train] for frame in f])) for f in again.values()]
            )
            for column in prepared.design.blocks["radiomic"]
        }
        stable = {column for column, value in lowest.items() if value >= 0.6}
        path = run.path / fit.place_of("radiomic", fold.name)
        found = FittedFamily.model_validate_json(path.read_bytes())
        assert 0 < len(stable) < len(lowest)
        assert {column.name for column in found.explanation.columns} == stable
