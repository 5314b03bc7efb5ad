"""The physical unit of a feature, as its name tells it: sizes are in mm, whatever measured them."""

from __future__ import annotations

from collections.abc import Iterable

_KINDS = ("shape", "shape2D", "morphometry")
"""Classes whose features are sizes of a region; others are of grey values, or numbers without a unit."""
_NAMES = {
    "mm": (
        "Maximum3DDiameter Maximum2DDiameterSlice Maximum2DDiameterColumn Maximum2DDiameterRow MajorAxisLength "
        "MinorAxisLength LeastAxisLength Perimeter MaximumDiameter ThicknessMean ThicknessMedian ThicknessSD "
        "Thickness5Percentile ThicknessMax JointSpaceMean JointSpaceMin ExtrusionMean ExtrusionMax "
        "LongestAxialDiameter PerpendicularDiameter Distance"
    ),
    "mm2": "SurfaceArea InterfaceArea CrossSection MaxCrossSection LeanCrossSection MeshSurface PixelSurface",
    "mm3": "MeshVolume VoxelVolume CartilageVolume Volume",
    "1/mm": "SurfaceVolumeRatio PerimeterSurfaceRatio MeanCurvature",
    "1/mm2": "GaussianCurvature",
}
_PERCENT, _A_YEAR = "percent", ("rate", "slope")
"""Words of `cohort.changes` that stand in the place of a visit."""
_UNITS = {name: unit for unit, names in _NAMES.items() for name in names.split()}


def unit_of(name: str) -> str | None:
    """Return the unit of a feature as UCUM writes it: mm, mm2, mm3, 1/mm, 1/mm2, % of the baseline, or "mm3/a" a year.

    Args:
        name: FILTER_CLASS_FEATURE, as PyRadiomics has it, perhaps behind SEQUENCE/REGION/ or SEQUENCE@VISIT/REGION/.

    Returns:
        None: it has none, or its name does not tell.
    """
    before, _, own = name.rpartition("/")
    *_, kind, feature = ["", *own.split("_")]
    unit = _UNITS.get(feature) if kind in _KINDS else None
    visit = before.partition("/")[0].rpartition("@")[2] if "@" in before else ""
    if visit == _PERCENT:
        return "%"
    return f"{unit}/a" if unit and visit in _A_YEAR else unit


def units_of(names: Iterable[str]) -> dict[str, str]:
    """Return name -> unit of those features that have one."""
    return {name: unit for name in names if (unit := unit_of(name)) is not None}


def printed(unit: str) -> str:
    """Return a unit as people write it: mm³, mm⁻¹."""
    raised = unit.replace("1/mm2", "mm⁻²").replace("1/mm", "mm⁻¹").replace("mm2", "mm²").replace("mm3", "mm³")
    return raised.replace("/a", " a year")
