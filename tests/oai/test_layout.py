"""Where OAI's series lie, and what each is by its parameters."""

from __future__ import annotations

from pathlib import Path

import pytest

from radfuse.oai.layout import Place, Unread, protocol_of, side_of, visit_of, walk

DESS = {"modality": "MR", "tr_ms": 16.3, "te_ms": 4.7, "flip_deg": 25.0, "plane": "sagittal"}
DESS |= {"description": "SAG_3D_DESS_RIGHT", "laterality": None}


@pytest.mark.parametrize(
    ("release", "visit"),
    [
        ("0.C.2", ("V00", 0)),
        ("0.e.1", ("V00", 0)),
        ("1.C.2", ("V01", 12)),
        ("2.D.2", ("V02", 18)),
        ("3.C.2", ("V03", 24)),
        ("4.G.1", ("V04", 30)),
        ("5.E.1", ("V05", 36)),
        ("6.C.2", ("V06", 48)),
        ("8.C.2", ("V08", 72)),
        ("10.C.2", ("V10", 96)),
        ("44.C.2", None),
        ("results", None),
    ],
)
def test_the_visit_is_that_of_the_release(release: str, visit: tuple[str, int] | None) -> None:
    assert visit_of(release) == visit


@pytest.mark.parametrize(
    ("change", "protocol", "remarks"),
    [
        ({}, "dess", 0),
        ({"description": "anything"}, "dess", 0),
        ({"description": "SAG_T2_MAP_RIGHT"}, "dess", 1),
        ({"plane": "coronal"}, "dess_coronal", 0),
        ({"tr_ms": 2700.0, "te_ms": 10.0, "flip_deg": 180.0, "description": "SAG_T2_MAP_LEFT"}, "t2_map", 0),
        ({"tr_ms": 3200.0, "te_ms": 30.0, "flip_deg": 180.0, "description": "SAG_IW_TSE_LEFT"}, "tse", 0),
        ({"tr_ms": 3700.0, "te_ms": 29.0, "plane": "coronal", "flip_deg": 180.0}, "tse_coronal", 1),
        ({"tr_ms": 20.0, "te_ms": 7.57, "plane": "coronal", "flip_deg": 12.0, "description": "x"}, "flash", 0),
        ({"flip_deg": 70.0}, "other", 1),
        ({"tr_ms": None}, "dess", 1),
        ({"tr_ms": None, "description": "LOCALIZER"}, "other", 0),
        ({"modality": "CR"}, "radiograph", 0),
    ],
)
def test_the_protocol_is_told_by_its_parameters(change: dict[str, object], protocol: str, remarks: int) -> None:
    found, said = protocol_of({**DESS, **change})  # type: ignore[arg-type]
    assert (found, len(said)) == (protocol, remarks)


@pytest.mark.parametrize(
    ("description", "laterality", "side"),
    [
        ("SAG_3D_DESS_RIGHT", None, "right"),
        ("sag_3d_dess_left", None, "left"),
        ("SAG_3D_DESS", "left", "left"),
        ("SAG_3D_DESS_LEFT", "right", None),
        ("BRIGHTNESS", None, None),
        ("LEFT AND RIGHT", None, None),
    ],
)
def test_the_side_is_that_of_dicom_or_none(description: str, laterality: str | None, side: str | None) -> None:
    found, remarks = side_of({**DESS, "description": description, "laterality": laterality})
    assert found == side
    assert bool(remarks) == (laterality == "right")


def test_releases_are_found_below_wrapping_folders(tmp_path: Path) -> None:
    for release in ("0.C.2", "3.C.2"):
        (tmp_path / "Package_1" / "results" / release / "9007827" / "20041006" / "10263609").mkdir(parents=True)
    (tmp_path / "Package_1" / "results" / "0.C.2" / "9007827" / "notes" / "123456").mkdir(parents=True)
    (tmp_path / "Package_1" / "back").symlink_to(tmp_path)
    places = list(walk(tmp_path))
    assert all(isinstance(place, Place) for place in places)
    assert [(place.release, place.person, place.date, place.barcode) for place in places] == [  # type: ignore[union-attr]
        ("0.C.2", "9007827", "20041006", "10263609"),
        ("3.C.2", "9007827", "20041006", "10263609"),
    ]


def test_series_that_are_packed_are_told_once_a_visit(tmp_path: Path) -> None:
    visit = tmp_path / "0.E.1" / "9011115" / "20050315"
    (visit / "10017603").mkdir(parents=True)
    for name in ("10017603.tar.gz", "10017604.tar.gz", "10017605.TGZ"):
        (visit / name).write_bytes(b"")
    place, packed = walk(tmp_path)
    assert isinstance(place, Place)
    assert isinstance(packed, Unread)
    assert (place.barcode, packed.folder) == ("10017603", "0.E.1/9011115/20050315")
    (visit / "10017604").mkdir()
    (visit / "10017605").mkdir()
    assert all(isinstance(item, Place) for item in walk(tmp_path))


def test_a_link_that_leads_nowhere_is_told(tmp_path: Path) -> None:
    day = tmp_path / "0.C.2" / "9000001" / "20040101"
    day.mkdir(parents=True)
    (day / "10000001").symlink_to(tmp_path / "gone")
    assert list(walk(tmp_path)) == [
        Unread("0.C.2/9000001/20040101/10000001", "a link that leads nowhere; mend it"),
    ]
