"""A plate with its numbers as VTP, the XML file of VTK that ParaView and 3D Slicer open."""

from __future__ import annotations

import base64
from collections.abc import Mapping

import numpy as np

from radfuse.morphometry.thickness import Plate

_TYPES = {"f": ("Float64", "<f8"), "i": ("Int64", "<i8"), "u": ("UInt8", "u1"), "b": ("UInt8", "u1")}


def plate_vtp(plate: Plate) -> bytes:
    """Return the bone's surface under a cartilage as a VTP file.

    Points are in mm of patient space, x to the left, y to the back, z up (3D Slicer asks: LPS). Each has
    `thickness_mm` (NaN in holes and over 7 mm), `hole` (1: bare bone), `mean_curvature` in 1/mm,
    `gaussian_curvature` in 1/mm2, `area_mm2`, and its normal.

    Source:
        VTK's XML formats, https://docs.vtk.org/en/latest/vtk_file_formats/vtkxml_file_format.html: PolyData, inline
        binary: base64 of the number of bytes, as UInt64, and the bytes.
    """
    mesh = plate.mesh()
    values = {
        "thickness_mm": plate.thickness_mm[mesh.vertices],
        "hole": plate.hole[mesh.vertices],
        "mean_curvature": plate.mean_curvature[mesh.vertices],
        "gaussian_curvature": plate.gaussian_curvature[mesh.vertices],
        "area_mm2": plate.surface.areas[mesh.vertices],
    }
    points = {"Points": mesh.points_mm}
    polygons = {"connectivity": mesh.faces.ravel(), "offsets": 3 * np.arange(1, len(mesh.faces) + 1)}
    return "\n".join(
        [
            '<?xml version="1.0"?>',
            '<VTKFile type="PolyData" version="1.0" byte_order="LittleEndian" header_type="UInt64">',
            "<PolyData>",
            f'<Piece NumberOfPoints="{len(mesh.points_mm)}" NumberOfVerts="0" NumberOfLines="0" NumberOfStrips="0" '
            f'NumberOfPolys="{len(mesh.faces)}">',
            *_element("Points", points),
            *_element('PointData Scalars="thickness_mm" Normals="normal"', {**values, "normal": mesh.normals}),
            *_element("Polys", polygons),
            "</Piece>",
            "</PolyData>",
            "</VTKFile>",
            "",
        ]
    ).encode()


def _element(opened: str, arrays: Mapping[str, np.ndarray]) -> list[str]:
    return [f"<{opened}>", *(_array(name, values) for name, values in arrays.items()), f"</{opened.split()[0]}>"]


def _array(name: str, values: np.ndarray) -> str:
    kind, stored = _TYPES[values.dtype.kind]
    content = np.ascontiguousarray(values, dtype=stored).tobytes()
    text = base64.b64encode(np.array([len(content)], dtype="<u8").tobytes() + content).decode()
    components = f' NumberOfComponents="{values.shape[1]}"' if values.ndim > 1 else ""
    return f'<DataArray type="{kind}" Name="{name}"{components} format="binary">{text}</DataArray>'
