"""Headers that can be read and may not be meant are told of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rawfiles import meta, nifti

from radfuse.volume.doubts import doubts_of
from radfuse.volume.files import read_grid

SAME = (2, 0, 0, 5, 0, 3, 0, 6, 0, 0, 4, 7)
"""An sform that says what the qform of the files says."""


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({}, []),
        ({"sform_code": 1, "srow": SAME}, []),
        ({"qform_code": 0, "sform_code": 1, "srow": SAME}, []),
        ({"sform_code": 2, "srow": (2, 0, 0, 35, *SAME[4:])}, ["twice, 30 mm apart (qform and sform)"]),
        ({"sform_code": 1, "srow": (-2, 0, 0, 11, *SAME[4:])}, ["twice, 6 mm apart, and mirrored"]),
        ({"sform_code": 1, "srow": SAME, "pixdim": (-1, 2, 3, 4, 1, 1, 1, 1)}, ["8 mm apart, and mirrored"]),
        ({"sform_code": 1, "srow": (2, 1, 0, 5, *SAME[4:])}, []),  # sheared, and passed over
        ({"qform_code": 0}, ["no qform, no sform"]),
        ({"xyzt_units": 1}, ["8000 x 9000 x 8000 mm"]),
        ({"xyzt_units": 3}, ["0.008 x 0.009 x 0.008 mm"]),
    ],
)
def test_a_header_that_is_doubtful_is_told_of(tmp_path: Path, fields: dict[str, Any], says: list[str]) -> None:
    path = tmp_path / "i.nii"
    path.write_bytes(nifti(**fields))
    found = doubts_of(path, read_grid(path))
    assert len(found) == len(says)
    assert all(part in told for part, told in zip(says, found, strict=True))


def test_a_size_that_no_patient_has_is_told_of_in_any_format(tmp_path: Path) -> None:
    for name, spacing, count in (("a.mha", "2 3 4", 0), ("b.mha", "2000 3000 4000", 1)):
        (tmp_path / name).write_bytes(meta(ElementSpacing=spacing))
        assert len(doubts_of(tmp_path / name, read_grid(tmp_path / name))) == count
