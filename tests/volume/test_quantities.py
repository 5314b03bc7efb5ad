"""The unit of a feature, which its name tells."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import radfuse
from radfuse.volume.quantities import _UNITS, printed, unit_of, units_of


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("original_shape_MeshVolume", "mm3"),
        ("dess/tibia/original_shape_SurfaceVolumeRatio", "1/mm"),
        ("t1/tumour/original_shape2D_PixelSurface", "mm2"),
        ("dess/medial_tibia/morphometry_ThicknessMean", "mm"),
        ("dess@V01/medial_tibia/morphometry_ThicknessMean", "mm"),
        ("dess@change/tibia/morphometry_GaussianCurvature", "1/mm2"),
        ("dess@percent/tibia/original_glcm_Idn", "%"),
        ("dess@rate/tibia/morphometry_CartilageVolume", "mm3/a"),
        ("dess@slope/tibia/original_glcm_Idn", None),
        ("original_shape_Sphericity", None),
        ("original_firstorder_Volume", None),  # of another class
        ("Volume", None),
        ("", None),
    ],
)
def test_names_tell_units(name: str, unit: str | None) -> None:
    assert unit_of(name) == unit
    assert units_of([name]) == ({} if unit is None else {name: unit})


def test_units_as_people_write_them() -> None:
    assert [printed(unit) for unit in ("mm3", "1/mm2", "1/mm", "mm2/a", "%")] == [
        "mm³",
        "mm⁻²",
        "mm⁻¹",
        "mm² a year",
        "%",
    ]


def test_every_feature_with_a_unit_is_one_that_is_measured() -> None:
    measured = Path(radfuse.__file__).parent
    text = "".join(
        path.read_text() for part in ("radiomics", "morphometry") for path in (measured / part).rglob("*.py")
    )
    assert {name for name in _UNITS if not re.search(rf'"{name}"', text)} <= set()
