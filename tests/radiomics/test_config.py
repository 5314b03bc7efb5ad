"""The settings page names every setting, filter and class, ours and PyRadiomics', and no other."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from radfuse.config import build
from radfuse.errors import InputError
from radfuse.radiomics.config import RadiomicsConfig
from radfuse.radiomics.families import FAMILIES
from radfuse.radiomics.filters import FILTERS
from radfuse.radiomics.pyradiomics_params import FILTER_NAMES, Theirs

PAGE = (Path(__file__).parents[2] / "docs" / "radiomics.md").read_text(encoding="utf-8")


def named(column: int, section: str = "Settings") -> set[str]:
    """Return what a column of a section's table names in code font."""
    rows = PAGE.split(f"## {section}\n")[1].split("\n## ")[0].splitlines()
    cells = [row.split("|")[column] for row in rows if row.startswith(("| `", "| |"))]
    return {name for cell in cells for name in re.findall(r"`([\w]+)", cell)}


def test_every_setting_of_ours_has_a_row() -> None:
    elsewhere = {"engine", "convention", "params"}
    assert set(RadiomicsConfig.model_fields) - elsewhere - named(1) == set()


def test_every_setting_of_pyradiomics_has_a_row() -> None:
    theirs = {field.alias for field in Theirs.model_fields.values() if field.alias}
    assert theirs - named(2) == set()


def test_no_row_is_stale() -> None:
    words = {"z", "y", "x", "only", "bin_width"}  # values and examples
    assert named(1) - set(RadiomicsConfig.model_fields) - words == set()


def test_the_filters_and_classes_listed_are_those_named() -> None:
    assert named(1, "Filters") == set(FILTERS)
    assert named(2, "Filters") == set(FILTER_NAMES.values())
    assert named(1, "Classes") == set(FAMILIES)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"filters": ["wavlet"]}, "filters.0: 'wavlet' is not one of original, wavelet, log, square, square_root"),
        ({"filters": [5]}, "filters.0: 5 is not one of original"),
        (
            {"classes": ["glcmm"]},
            "is not one of shape, shape2D, firstorder, histogram, glcm, glrlm, glszm, gldm, ngtdm; did you m",
        ),
        ({"features": {"glcmm": []}}, "features.glcmm: 'glcmm' is not one of shape"),
        ({"per_filter": {"logg": {}}}, "per_filter.logg: 'logg' is not one of original"),
        ({"engine": "fst"}, "engine: 'fst' is not one of fast, pyradiomics; did you mean 'fast'?"),
        ({"interpolator": "bsplin"}, "interpolator: 'bsplin' is not one of nearest, linear, bspline"),
    ],
)
def test_a_name_that_is_on_no_list_is_told_with_the_list(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as caught:
        build(RadiomicsConfig, settings, "study.yaml")
    assert words in str(caught.value)


def test_settings_are_read_without_what_computes() -> None:
    heavy = {"numba", "scipy", "SimpleITK", "pywt", "skimage"}
    script = "import sys, radfuse.study; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert "pydantic" in loaded
    assert not heavy & set(loaded)
