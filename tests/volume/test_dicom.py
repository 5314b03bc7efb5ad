"""A DICOM series is one image, and what is wrong with it is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from realdata import real_file

from radfuse.errors import InputError
from radfuse.volume.files import read_volume


@pytest.fixture
def series(tmp_path: Path) -> Path:
    """A real DICOM series of 25 slices, copied."""
    source = real_file("sarcoma_dicom/STS_025/image")
    folder = tmp_path / "series"
    folder.mkdir()
    for item in source.iterdir():
        (folder / item.name).write_bytes(item.read_bytes())
    return folder


@pytest.mark.parametrize("patient", ["STS_002", "STS_025"])
def test_a_dicom_series_is_its_nifti_twin(patient: str) -> None:
    dicom = read_volume(real_file(f"sarcoma_dicom/{patient}/image"))
    nifti = read_volume(real_file(f"sarcoma/{patient}/t1.nii.gz"))
    assert np.array_equal(dicom.array, nifti.array)
    assert dicom.grid.same_as(nifti.grid)


def test_a_missing_slice_is_found(series: Path) -> None:
    sorted(series.iterdir())[7].unlink()
    with pytest.raises(InputError, match=r"1 slices are missing between 000006\.dcm and 000008\.dcm.*usually 3\.270"):
        read_volume(series)


def test_mixed_series_are_refused(series: Path) -> None:
    other = pydicom.dcmread(series / "000003.dcm")
    other.SeriesInstanceUID = "1.2.3"
    other.save_as(series / "other.dcm")
    with pytest.raises(InputError, match="mixes 2 series"):
        read_volume(series)


def test_a_truncated_slice_is_found(series: Path) -> None:
    whole = (series / "000005.dcm").read_bytes()
    (series / "000005.dcm").write_bytes(whole[: len(whole) - 3000])
    with pytest.raises(InputError, match=r"cannot be read|damaged"):
        read_volume(series)
