"""A header that promises what no file can keep, or a file that holds far more, is refused before it is unpacked."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from pathlib import Path

import pytest
from rawfiles import meta, nifti, nrrd

from radfuse.errors import InputError
from radfuse.volume.files import read_grid, read_labels, read_volume

SIZES = (2000, 2000, 1600)
PART = gzip.compress(bytes(4 << 20))
BOMB = PART * 1526
"""6.4 GB of zeros in 6 MB."""


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.nii.gz", gzip.compress(nifti()) + BOMB, "holds more than the 400 bytes that its header says"),
        ("b.nii.gz", gzip.compress(nifti(kind="u1", dim=(3, *SIZES, 1, 1, 1, 1))) + BOMB, "reads up to 1073741824"),
        ("c.nii.gz", gzip.compress(nifti(kind="u1", dim=(3, 900, 900, 900, 1, 1, 1, 1))), "packed bytes of the file"),
        ("d.nrrd", nrrd(BOMB, encoding="gzip"), "holds more than the 48 bytes"),
        ("e.nrrd", nrrd(BOMB, encoding="gzip", type="uchar", sizes="2000 2000 1600"), "reads up to"),
        ("f.nrrd", nrrd(PART, encoding="gzip", sizes="900 900 900"), "packed bytes of the file"),
        ("g.nrrd", nrrd(sizes="4 3 99999999999999"), "reads up to"),
        ("h.mha", meta(zlib.compress(bytes(64 << 20)), CompressedData="True"), "holds more than the 48 bytes"),
        ("i.mha", meta(PART, CompressedData="True", DimSize="2000 2000 1600"), "reads up to"),
        ("j.mha", meta(PART, CompressedData="True", DimSize="900 900 900"), "packed bytes of the file"),
        ("k.mha", meta(DimSize="2000000 2000000 2000000"), "reads up to"),
    ],
)
def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    for read in (read_volume, read_grid, read_labels):
        tracemalloc.start()
        try:
            with pytest.raises(InputError, match=message):
                read(tmp_path / name)
            assert tracemalloc.get_traced_memory()[1] < 32 << 20
        finally:
            tracemalloc.stop()
