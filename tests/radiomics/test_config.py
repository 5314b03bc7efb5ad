"""The settings page names every setting, ours and PyRadiomics', and no other."""

from __future__ import annotations

import re
from pathlib import Path

from radfuse.radiomics.config import RadiomicsConfig
from radfuse.radiomics.pyradiomics_params import Theirs

PAGE = (Path(__file__).parents[2] / "docs" / "radiomics.md").read_text(encoding="utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("| `")]


def named(column: int) -> set[str]:
    return {name for row in ROWS for name in re.findall(r"`([\w]+)", row.split("|")[column])}


def test_every_setting_of_ours_has_a_row() -> None:
    elsewhere = {"engine", "convention", "params"}
    assert set(RadiomicsConfig.model_fields) - elsewhere - named(1) == set()


def test_every_setting_of_pyradiomics_has_a_row() -> None:
    theirs = {field.alias for field in Theirs.model_fields.values() if field.alias}
    assert theirs - {"additionalInfo"} - named(2) == set()


def test_no_row_is_stale() -> None:
    words = {"z", "y", "x", "only", "bin_width"}  # values and examples
    assert named(1) - set(RadiomicsConfig.model_fields) - words == set()
