"""What a fit depends on, and what it does not."""

from __future__ import annotations

from pathlib import Path

from radfuse.phantom.table import TablePhantom, write_table_phantom
from radfuse.pipeline import run_study
from radfuse.study import load_study

FAST = ["cohort.split.folds=2", "fusion.inner_folds=2"]


def test_another_family_leaves_the_fits_that_are_there(tmp_path: Path) -> None:
    file = write_table_phantom(tmp_path / "T", TablePhantom(patients=40))
    first = run_study(load_study(file, [*FAST, "fusion.families=[clinical]"]), tmp_path / "run", until="fuse")
    assert first.computed == 1 + 2 + 1  # the design, two folds, the comparison
    both = load_study(file, [*FAST, "fusion.families=[radiomic, clinical]"])
    second = run_study(both, tmp_path / "run", until="fuse")
    assert (second.computed, second.reused) == (2 + 1, 1 + 2)
