"""A series as a zip, and as one enhanced file; slices that stand twice."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pydicom
import pytest
from rawfiles import write_enhanced, write_series

from radfuse.errors import InputError
from radfuse.volume.dicom import sorted_headers
from radfuse.volume.doubts import doubts_of
from radfuse.volume.files import read_grid, read_labels, read_volume


def zipped(folder: Path, file: Path, prefix: str = "a/b/") -> Path:
    with zipfile.ZipFile(file, "w") as archive:
        for item in sorted(folder.iterdir()):
            archive.write(item, prefix + item.name)
    return file


def test_a_zip_is_its_folder(tmp_path: Path) -> None:
    pixels = write_series(tmp_path / "s")
    found = read_volume(zipped(tmp_path / "s", tmp_path / "s.zip"))
    assert np.array_equal(found.array, pixels)
    assert found.name == "s.zip"
    assert read_grid(tmp_path / "s.zip").same_as(read_grid(tmp_path / "s"))


def test_what_is_wrong_in_a_zip_names_the_zip(tmp_path: Path) -> None:
    write_series(tmp_path / "s", 5)
    (tmp_path / "s" / "2.dcm").unlink()
    with pytest.raises(InputError, match=rf"{tmp_path}/s\.zip: 1 slice is missing between 1\.dcm and 3\.dcm"):
        read_volume(zipped(tmp_path / "s", tmp_path / "s.zip"))
    (tmp_path / "bad.zip").write_bytes((tmp_path / "s.zip").read_bytes()[:-30])
    with pytest.raises(InputError, match=r"bad\.zip is a damaged zip file"):
        read_volume(tmp_path / "bad.zip")
    with zipfile.ZipFile(tmp_path / "empty.zip", "w"):
        pass
    with pytest.raises(InputError, match=r"empty\.zip holds no DICOM image slices"):
        read_volume(tmp_path / "empty.zip")


def test_a_zip_that_holds_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_series(tmp_path / "s")
    monkeypatch.setattr("radfuse.volume.zipped.MOST_BYTES", 1000)
    with pytest.raises(InputError, match=r"s\.zip unpacks to more than"):
        read_volume(zipped(tmp_path / "s", tmp_path / "s.zip"))


def test_a_name_in_a_zip_leads_nowhere_else(tmp_path: Path) -> None:
    pixels = write_series(tmp_path / "s")
    file = zipped(tmp_path / "s", tmp_path / "s.zip", prefix="../../")
    assert np.array_equal(read_volume(file).array, pixels)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["s", "s.zip"]


def test_an_enhanced_file_is_the_series_of_its_frames(tmp_path: Path) -> None:
    pixels = write_series(tmp_path / "s", 5)
    write_enhanced(tmp_path / "e.dcm", pixels, order=[3, 0, 4, 1, 2])
    series = read_volume(tmp_path / "s")
    (tmp_path / "f").mkdir()
    (tmp_path / "e.dcm").rename(tmp_path / "f" / "e.dcm")
    for place in (tmp_path / "f", tmp_path / "f" / "e.dcm", zipped(tmp_path / "f", tmp_path / "f.zip")):
        found = read_volume(place)
        assert np.array_equal(found.array, series.array)
        assert found.grid.same_as(series.grid)
        assert read_grid(place).same_as(series.grid)


def test_frames_are_rescaled_each_by_its_own_slope(tmp_path: Path) -> None:
    pixels = np.arange(36, dtype=np.uint16).reshape(3, 3, 4)
    write_enhanced(tmp_path / "e.dcm", pixels, order=[2, 1, 0], slopes=[1.0, 0.25, 3.0])
    found = read_volume(tmp_path / "e.dcm")
    assert np.array_equal(found.voxels, pixels * np.reshape([1.0, 0.25, 3.0], (3, 1, 1)))


@pytest.mark.parametrize(
    ("order", "fields", "message"),
    [
        ([0, 1, 3, 4], {}, r"1 slice is missing between frame 2 of e\.dcm and frame 3 of e\.dcm"),
        ([0, 1, 1, 2, 3, 4], {}, r"frame 2 of e\.dcm and frame 3 of e\.dcm lie at one position; take away"),
        ([0, 1, 2], {"NumberOfFrames": 4}, "says that it holds 4 frames, and places 3"),
        ([0, 1, 2], {"PixelData": bytes(60)}, r"truncated, or its header lies: 60 bytes of 72 .*3 frames"),
        ([0, 1, 2], {"PhotometricInterpretation": "MONOCHROME1"}, "MONOCHROME1"),
        ([0, 1, 2], {"SharedFunctionalGroupsSequence": None}, "frame 1 lacks ImageOrientationPatient, PixelSpacing"),
    ],
)
def test_bad_frames_are_named(tmp_path: Path, order: list[int], fields: dict[str, object], message: str) -> None:
    write_enhanced(tmp_path / "e.dcm", np.zeros((5, 3, 4), dtype=np.uint16), order=order, **fields)
    with pytest.raises(InputError, match=message):
        read_volume(tmp_path / "e.dcm")


def test_a_slice_that_was_sent_twice_is_read_once_and_told(tmp_path: Path) -> None:
    pixels = write_series(tmp_path / "s", 5)
    for name in ("1a.dcm", "copy.dcm"):
        (tmp_path / "s" / name).write_bytes((tmp_path / "s" / "2.dcm").read_bytes())
    for place in (tmp_path / "s", zipped(tmp_path / "s", tmp_path / "s.zip")):
        assert np.array_equal(read_volume(place).array, pixels)
        (told,) = doubts_of(place, read_grid(place))
        assert told.startswith("2.dcm, copy.dcm: the same slice, pixels and all")
    assert len(sorted_headers(tmp_path / "s")) == 5


def test_an_empty_file_among_slices_is_told(tmp_path: Path) -> None:
    """Where it was the last slice, nothing else shows that one is missing."""
    write_series(tmp_path / "s", 5)
    (tmp_path / "s" / "IM6").touch()
    packed = zipped(tmp_path / "s", tmp_path / "s.zip")
    (tmp_path / "s" / "gone").symlink_to(tmp_path / "nowhere")
    for place in (tmp_path / "s", packed):
        (told,) = doubts_of(place, read_grid(place))
        assert told.startswith("IM6: an empty file, which is not read; a slice may be missing")


@pytest.mark.parametrize("field", ["SOPInstanceUID", "PixelData", "RescaleSlope"])
def test_a_slice_that_stands_twice_and_is_no_copy_is_named(tmp_path: Path, field: str) -> None:
    write_series(tmp_path / "s", 5)
    item = pydicom.dcmread(tmp_path / "s" / "2.dcm")
    changed = {"SOPInstanceUID": "1.2.3.4.5", "RescaleSlope": "2", "PixelData": bytes(len(item.PixelData))}
    setattr(item, field, changed[field])
    item.save_as(tmp_path / "s" / "copy.dcm")
    with pytest.raises(InputError, match=r"2\.dcm and copy\.dcm lie at one position; take away the one that is a copy"):
        read_volume(tmp_path / "s")


def test_an_enhanced_file_is_no_mask(tmp_path: Path) -> None:
    write_enhanced(tmp_path / "e.dcm", np.ones((3, 3, 4), dtype=np.uint16))
    assert read_labels(tmp_path / "e.dcm").present() == (1,)
