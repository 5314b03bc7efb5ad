"""Maps and surfaces of plates: what VTK reads is what was measured; plates are flattened true to length."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from solids import centred, coordinates

from radfuse.morphometry.cartilage import CartilageMeasure
from radfuse.morphometry.maps import flattened, thickness_png
from radfuse.morphometry.thickness import Plate, plate_of
from radfuse.morphometry.vtp import plate_vtp
from radfuse.phantom.knee import KneePhantom, draw_case, knee_tables
from radfuse.phantom.knee_shapes import LABELS
from radfuse.recipe import About, CaseFiles, RegionRecipe
from radfuse.regions.label import LabelRegion
from radfuse.sequences import SequenceRecipe
from radfuse.stages.regions import RegionsJob, work, write
from radfuse.volume.files import write_image
from radfuse.volume.grid import Grid

TURNED = (0.8, -0.6, 0.0, 0.6, 0.8, 0.0, 0.0, 0.0, 1.0)


def shell(angle_deg: float) -> Plate:
    """Return 2 mm of cartilage about a rod of 12 mm radius along x, so far round it on both sides of below."""
    where = centred((34.0, 34.0, 30.0), (0.7, 0.7, 0.9))
    z, y, x = coordinates(where)
    radius, angle = np.hypot(y, z), np.arctan2(y, -z)
    cartilage = (radius >= 12) & (radius < 14) & (np.abs(angle) < np.deg2rad(angle_deg)) & (np.abs(x) < 10)
    cartilage &= np.hypot(x, 12 * angle) > 3
    return plate_of(
        (radius < 12) & (np.abs(x) < 13), cartilage, Grid(where.shape, where.spacing_zyx_mm, (5.0, 6.0, 7.0), TURNED)
    )


def arrays(text: str) -> dict[str, np.ndarray]:
    """Return the arrays of a VTP file as the format's description says they are stored."""
    found = {}
    for kind, name, more, content in re.findall(r'<DataArray type="(\w+)" Name="(\w+)"(.*?)>(.*?)</DataArray>', text):
        raw = base64.b64decode(content, validate=True)
        assert int.from_bytes(raw[:8], "little") == len(raw) - 8
        assert 'format="binary"' in more
        values = np.frombuffer(raw[8:], dtype={"Float64": "<f8", "Int64": "<i8", "UInt8": "u1"}[kind])
        found[name] = values.reshape(-1, 3) if "NumberOfComponents" in more else values
    return found


def test_a_vtp_file_holds_the_plate() -> None:
    plate = shell(60)
    text = plate_vtp(plate).decode()
    found = arrays(text)
    points, polygons = re.search(r'NumberOfPoints="(\d+)".*NumberOfPolys="(\d+)"', text).groups()  # type: ignore[union-attr]
    assert len(found["Points"]) == int(points) == len(found["thickness_mm"])
    faces = found["connectivity"].reshape(-1, 3)
    assert len(faces) == int(polygons)
    assert faces.max() == len(found["Points"]) - 1
    assert (found["offsets"] == 3 * np.arange(1, len(faces) + 1)).all()
    assert np.nanmedian(found["thickness_mm"]) == pytest.approx(2.0, abs=0.05)
    assert (np.isnan(found["thickness_mm"]) == found["hole"].astype(bool)).all()
    assert found["hole"].any()
    corners = found["Points"][faces]
    turn = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert ((turn * found["normal"][faces[:, 0]]).sum(axis=1) > 0).mean() > 0.99
    assert np.linalg.norm(turn, axis=1).sum() / 2 == pytest.approx(found["area_mm2"].sum(), rel=0.1)


def test_a_plate_about_a_rod_is_unrolled_true_to_length() -> None:
    place, names = flattened(shell(85).mesh())
    long, arc = np.ptp(place, axis=0)
    assert long == pytest.approx(20, abs=1.5)
    assert arc == pytest.approx(2 * np.deg2rad(85) * 12, abs=1.5)
    assert names == ("to the left", "along the arc to the front")


def test_a_flat_plate_lies_on_its_plane_with_the_front_up() -> None:
    plate = shell(20)
    place, names = flattened(plate.mesh())
    assert np.ptp(place[:, 0]) == pytest.approx(20, abs=1.5)
    assert names == ("to the left", "to the front")  # looked at from below


def test_a_png_has_a_row_for_each_plate_and_bare_bone_in_red() -> None:
    picture = Image.open(io.BytesIO(thickness_png({"femur": shell(85), "tibia": shell(20)})))
    assert 1.3 < picture.width / picture.height < 1.8
    colours = {pixel for _, pixel in picture.convert("RGB").getcolors(1 << 24) or ()}
    assert (200, 16, 46) in colours


def test_the_regions_stage_writes_maps_beside_its_regions(tmp_path: Path) -> None:
    config = KneePhantom(cases=8)
    image, labels = draw_case(config, knee_tables(config), 0)
    write_image(image, tmp_path / "image.nrrd")
    write_image(labels, tmp_path / "mask.nrrd")
    plate = LabelRegion(name="plate", label="tibial_cartilage")
    recipe = RegionRecipe(labels=LABELS, regions=(plate,), sequences={"dess": SequenceRecipe()})
    measure = CartilageMeasure(cartilage="tibial_cartilage", bone="tibia", regions=("plate",), name="Left")
    files = CaseFiles({"dess": tmp_path / "image.nrrd"}, tmp_path / "mask.nrrd", "manual")
    job = RegionsJob(About("knee"), files, recipe, (measure,))
    write(work(job), tmp_path / "knee")
    assert (tmp_path / "knee/thickness.png").read_bytes().startswith(b"\x89PNG")
    surface = tmp_path / "knee/thickness.tibial_cartilage-Left.vtp"
    assert len(arrays(surface.read_text())["thickness_mm"]) > 300
    write(work(replace(job, mapped=())), tmp_path / "plain")
    assert {item.suffix for item in (tmp_path / "plain").iterdir()} == {".nrrd", ".json"}
