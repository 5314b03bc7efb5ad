"""The shipped studies load, and paths are relative to the study file."""

from __future__ import annotations

from pathlib import Path

import pytest

from radfuse.errors import InputError
from radfuse.study import load_study, shipped_studies, shipped_study

CONFIGS = Path(__file__).parent.parent / "configs"


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_a_shipped_study_loads_and_says_what_it_is(path: Path) -> None:
    study = load_study(path)
    assert study.blocks
    assert study.cohort.outcome is not None
    assert path.read_text().startswith("# ")


def test_every_config_ships() -> None:
    assert set(shipped_studies()) == {path.stem for path in CONFIGS.glob("*.yaml")}
    with pytest.raises(InputError, match=r"no shipped study 'lippo'; did you mean 'lipo'\?"):
        shipped_study("lippo")


def test_paths_are_relative_to_the_study_file(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(
        "name: s\ncohort: {table: t/c.csv, outcome: {column: y}}\n"
        "features: {radiomic: r.csv, deep: {table: /abs/d.csv}}\n"
    )
    study = load_study(tmp_path / "s.yaml", ["seed=3"])
    assert study.cohort.table == tmp_path / "t/c.csv"
    assert study.features["radiomic"].table == tmp_path / "r.csv"
    assert study.features["deep"].table == Path("/abs/d.csv")
    assert study.seed == 3
