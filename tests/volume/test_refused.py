"""Why series would not be read, by their headers: the words are those of reading, and name no file."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rawfiles import write_enhanced, write_series

from radfuse.errors import InputError
from radfuse.volume.dicom import header_of
from radfuse.volume.files import read_grid
from radfuse.volume.refused import refusal_of, refusal_of_slice


def refusal_among(files: list[Path]) -> str | None:
    return refusal_of([(file, header) for file in files if (header := header_of(file)) is not None])


FLAT: dict[str, Any] = {"ImageOrientationPatient": None, "ImagePositionPatient": None}


@pytest.mark.parametrize(
    ("slices", "fields", "told"),
    [
        (4, {}, None),
        (1, {}, "the series holds one slice; a volume needs two or more"),
        (4, {"ImagePositionPatient": lambda z: [0, 0, 2 * z + 2 * (z > 1)]}, "1 slice is missing between slice 2 and"),
        (4, {"ImagePositionPatient": lambda z: [0, z, 2 * z]}, "slice 2 lies 1.000 mm beside slice 1"),
        (4, {"PhotometricInterpretation": "MONOCHROME1"}, "a file: pixels are MONOCHROME1"),
        (4, {"ImagePositionPatient": [0, 0, 0]}, "the series: several slices lie at one position"),
        (2, FLAT, "a file lacks ImagePositionPatient, ImageOrientationPatient"),
        (1, FLAT, None),
        (1, FLAT | {"PixelSpacing": None}, "a file does not say how large its pixels are"),
        (1, FLAT | {"PhotometricInterpretation": "RGB", "SamplesPerPixel": 3}, "a file is in colour"),
        (1, FLAT | {"NumberOfFrames": 7}, "a file holds 7 frames in one file, and does not say where each lies"),
    ],
)
def test_headers_tell_what_reading_refuses(
    tmp_path: Path, slices: int, fields: dict[str, Any], told: str | None
) -> None:
    write_series(tmp_path / "MRN-4711", slices, **fields)
    files = sorted((tmp_path / "MRN-4711").iterdir())
    found = refusal_among(files)
    if told is None:
        assert found is None
        read_grid(files[0] if slices == 1 else files[0].parent)
        return
    assert found is not None
    assert told in found
    assert "4711" not in found
    with pytest.raises(InputError):
        read_grid(files[0] if slices == 1 and fields.get("ImagePositionPatient", 0) is None else files[0].parent)


def test_names_that_begin_alike_are_left_out_whole(tmp_path: Path) -> None:
    write_series(tmp_path / "s", 2, PhotometricInterpretation=lambda z: ("MONOCHROME2", "MONOCHROME1")[z])
    files = [tmp_path / "s" / "a", tmp_path / "s" / "a-SMITH"]
    for number, file in enumerate(files):
        (tmp_path / "s" / f"{number}.dcm").rename(file)
    assert str(refusal_among(files)).startswith("a file: pixels are MONOCHROME1")


def test_slices_that_were_sent_twice_are_told_by_their_ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_series(tmp_path / "s", 4)
    for number in range(4):
        shutil.copy(tmp_path / "s" / f"{number}.dcm", tmp_path / "s" / f"again{number}.dcm")
    files = sorted((tmp_path / "s").iterdir())
    monkeypatch.setattr("radfuse.volume.resent._said", lambda path: pytest.fail(f"{path} is read with its pixels"))
    assert refusal_among(files) is None


def test_what_nobody_foresaw_in_a_header_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise ValueError("could not convert string to float: '1,5'")

    write_series(tmp_path / "s")
    monkeypatch.setattr("radfuse.volume.refused.check_series", fails)
    assert refusal_among(sorted((tmp_path / "s").iterdir())) == "a file is damaged (ValueError); copy it again"


def test_frames_are_slices(tmp_path: Path) -> None:
    write_enhanced(tmp_path / "e.dcm", np.ones((5, 3, 4), dtype=np.uint16), [0, 1, 2, 4])
    assert "1 slice is missing between slice 3 and slice 4" in str(refusal_among([tmp_path / "e.dcm"]))


def test_a_slice_tells_of_itself_alone(tmp_path: Path) -> None:
    write_series(tmp_path / "s", 1, PixelSpacing=[0, 0])
    file = tmp_path / "s" / "0.dcm"
    header = header_of(file)
    assert header is not None
    assert str(refusal_of_slice(file, header)).startswith("file 0.dcm: PixelSpacing is 0 x 0 mm")
