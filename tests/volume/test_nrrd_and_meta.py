"""NRRD and MetaImage files are read as they are stored, and a header that cannot be is refused by field."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from rawfiles import VOXELS, meta, nrrd

from radfuse.errors import InputError
from radfuse.volume.files import read_grid, read_labels, read_volume

STORED = VOXELS.astype("<i2").tobytes()
NO_SPACE: dict[str, str | None] = {"space": None, "space_directions": None, "space_origin": None}
KINDS = ("u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8")


@pytest.mark.parametrize("suffix", [".nrrd", ".nhdr", ".mha", ".mhd"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("packed", [False, True])
def test_what_is_read_is_what_itk_reads(tmp_path: Path, suffix: str, kind: str, packed: bool) -> None:
    image = sitk.GetImageFromArray(VOXELS.astype(kind))
    image.SetSpacing((0.7, 1.3, 3.27))
    image.SetOrigin((-12.5, 30.25, -609.4))
    image.SetDirection((0.8, -0.6, 0.0, 0.6, 0.8, 0.0, 0.0, 0.0, 1.0))
    path = tmp_path / f"i{suffix}"
    sitk.WriteImage(image, str(path), packed)
    theirs = sitk.ReadImage(str(path))
    volume = read_volume(path)
    assert volume.voxels.dtype == sitk.GetArrayFromImage(theirs).dtype
    assert np.array_equal(volume.voxels, sitk.GetArrayFromImage(theirs))
    assert volume.origin == theirs.GetOrigin()
    assert volume.direction == theirs.GetDirection()
    assert volume.spacing_zyx_mm == theirs.GetSpacing()[::-1]
    assert read_grid(path) == volume.grid


BIG = VOXELS.astype(">i2").tobytes()
TEXT = " ".join([*map(str, VOXELS.ravel()), ""]).encode()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("big.nrrd", nrrd(BIG, endian="big")),
        ("big-gzip.nrrd", nrrd(gzip.compress(BIG), endian="big", encoding="gzip")),
        ("skip.nrrd", nrrd(b"12345" + STORED, byte_skip="5")),
        ("end.nrrd", nrrd(b"12345" + STORED, byte_skip="-1")),
        ("skip-gzip.nrrd", nrrd(gzip.compress(b"12345" + STORED), byte_skip="5", encoding="gz")),
        ("text.nrrd", nrrd(TEXT, encoding="ascii")),
        ("line.nrrd", nrrd(b"a line\n" + STORED, line_skip="1")),
        ("crlf.nrrd", nrrd(b"").replace(b"\n", b"\r\n") + STORED),
        ("spacings.nrrd", nrrd(**NO_SPACE, spacings="2 3 4")),
        ("big.mha", meta(BIG, BinaryDataByteOrderMSB="True")),
        ("older.mha", meta(BIG, BinaryDataByteOrderMSB=None, ElementByteOrderMSB="True")),
        ("zlib.mha", meta(zlib.compress(STORED), CompressedData="True")),
        ("end.mha", meta(b"12345" + STORED, HeaderSize="-1")),
        ("text.mha", meta(TEXT, BinaryData="False")),
        ("size.mha", meta(ElementSpacing=None, ElementSize="2 3 4")),
    ],
)
def test_other_ways_to_store_the_same_voxels(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    found = read_volume(tmp_path / name)
    assert np.array_equal(found.array, VOXELS)
    assert found.spacing_zyx_mm == (4, 3, 2)
    if name != "zlib.mha":  # ITK wants CompressedDataSize, and otherwise hands out what lay in memory
        assert np.array_equal(found.array, sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / name))))
    assert read_grid(tmp_path / name) == found.grid


BAD = [
    ("nrrd", nrrd(space_directions="(0,0,0) (0,3,0) (0,0,4)"), "spacing is 0 x 3 x 4 mm"),
    ("nrrd", nrrd(space_directions="(nan,0,0) (0,3,0) (0,0,4)"), "spacing is nan x 3 x 4 mm"),
    ("nrrd", nrrd(space_directions="(inf,0,0) (0,3,0) (0,0,4)"), "spacing is inf x 3 x 4 mm"),
    ("nrrd", nrrd(space_directions="(1e400,0,0) (0,3,0) (0,0,4)"), "spacing is inf x 3 x 4 mm"),
    ("nrrd", nrrd(space_directions="(1e-30,0,0) (0,3,0) (0,0,4)"), "spacing is 1e-30 x 3 x 4 mm"),
    ("nrrd", nrrd(space_directions="(2,0,0) (0,3,0)"), "can be read"),
    ("nrrd", nrrd(space_directions="(two,0,0) (0,3,0) (0,0,4)"), "field space directions is 'two 0 0', no numbers"),
    ("nrrd", nrrd(space_directions="(2,2,0) (0,3,0) (0,0,4)"), "not at right angles"),
    ("nrrd", nrrd(**NO_SPACE, spacings="nan 3 4"), "spacing is nan x 3 x 4 mm"),
    ("nrrd", nrrd(**NO_SPACE, spacings="-2 3 4"), "spacing is -2 x 3 x 4 mm"),
    ("nrrd", nrrd(**NO_SPACE, spacings="0 3 4"), "spacing is 0 x 3 x 4 mm"),
    ("nrrd", nrrd(**NO_SPACE), "neither 'space directions' nor 'spacings'"),
    ("nrrd", nrrd(space_origin="(nan,0,0)"), "space origin is"),
    ("nrrd", nrrd(space_origin="(1e30,0,0)"), "the first voxel lies at"),
    ("nrrd", nrrd(space_units='"um" "um" "um"'), "space units are 'um'; write the file again in mm"),
    ("nrrd", nrrd(sizes="4 3 0"), "4 x 3 x 0 voxels of 2 bytes; correct its sizes"),
    ("nrrd", nrrd(sizes="4 3 -2"), "4 x 3 x -2 voxels of 2 bytes; correct its sizes"),
    ("nrrd", nrrd(sizes="4 3"), "2-D|can be read|holds more"),
    ("nrrd", nrrd(sizes="4 3 2.5"), "sizes is '4 3 2.5', no whole numbers"),
    ("nrrd", nrrd(sizes="four 3 2"), "sizes is 'four 3 2', no whole numbers"),
    ("nrrd", nrrd(sizes="4 3 inf"), "no whole numbers"),
    ("nrrd", nrrd(sizes="4 3 1"), "holds more than the 24 bytes"),
    ("nrrd", nrrd(sizes="4 3 3"), "is truncated: 48 bytes of 72"),
    ("nrrd", nrrd(type="float"), "is truncated: 48 bytes of 96"),
    ("nrrd", nrrd(type="uchar"), "holds more than the 24 bytes"),
    ("nrrd", nrrd(type="block"), "type is 'block', no type of one number"),
    ("nrrd", nrrd(type="nonsense"), "type is 'nonsense'"),
    ("nrrd", nrrd(encoding="nonsense"), "encoding is 'nonsense', which cannot be read; save it as raw"),
    ("nrrd", nrrd(encoding="ascii"), "voxels are written as text, but what follows are no whole numbers of int16"),
    ("nrrd", nrrd(endian=None), "lacks endian"),
    ("nrrd", nrrd(sizes=None), "lacks sizes"),
    ("nrrd", nrrd(data_file="absent.raw"), "lie in absent.raw, which is not there"),
    ("nrrd", b"", "begins with b''"),
    ("nrrd", bytes(1000), "not NRRD"),
    ("mha", meta(ElementSpacing="0 3 4"), "spacing is 0 x 3 x 4 mm"),
    ("mha", meta(ElementSpacing="nan 3 4"), "spacing is nan x 3 x 4 mm"),
    ("mha", meta(ElementSpacing="inf 3 4"), "spacing is inf x 3 x 4 mm"),
    ("mha", meta(ElementSpacing="-2 3 4"), "spacing is -2 x 3 x 4 mm"),
    ("mha", meta(ElementSpacing="1e-30 3 4"), "spacing is 1e-30 x 3 x 4 mm"),
    ("mha", meta(ElementSpacing="two 3 4"), "ElementSpacing is 'two 3 4', no numbers"),
    ("mha", meta(ElementSpacing="2 3"), "ElementSpacing has 2 numbers, not 3"),
    ("mha", meta(ElementSpacing=None), "has no ElementSpacing"),
    ("mha", meta(Offset="nan 6 7"), "Offset is nan 6 7"),
    ("mha", meta(Offset="5 6"), "Offset has 2 numbers, not 3"),
    ("mha", meta(Offset="1e30 6 7"), "the first voxel lies at"),
    ("mha", meta(TransformMatrix="1 0 0 0 1 0 0 0 nan"), "TransformMatrix is"),
    ("mha", meta(TransformMatrix="1 0 0 0 1 0"), "TransformMatrix has 6 numbers, not 9"),
    ("mha", meta(TransformMatrix="1 0 0 0 1 0 0 0 0"), "can be read|right angles"),
    ("mha", meta(TransformMatrix="2 0 0 0 1 0 0 0 1"), "not at right angles"),
    ("mha", meta(TransformMatrix="1 1 0 0 1 0 0 0 1"), "not at right angles"),
    ("mha", meta(DimSize="4 3 0"), "correct its sizes"),
    ("mha", meta(DimSize="4 3 -2"), "correct its sizes"),
    ("mha", meta(DimSize="4 3"), "DimSize has 2 numbers, not 3"),
    ("mha", meta(DimSize="4 3 1"), "holds more than the 24 bytes"),
    ("mha", meta(DimSize="4 3 3"), "is truncated: 48 bytes of 72"),
    ("mha", meta(NDims="77"), "NDims is 77; an image has 3 axes"),  # ITK ends the process
    ("mha", meta(NDims="0"), "NDims is 0"),
    ("mha", meta(NDims="three"), "NDims is 'three', no whole numbers"),
    ("mha", meta(NDims="2", DimSize="4 6", ElementSpacing="2 3", Offset="5 6", TransformMatrix="1 0 0 1"), "2-D"),
    ("mha", meta(ElementType="MET_FLOAT"), "is truncated: 48 bytes of 96"),
    ("mha", meta(ElementType="MET_NONSENSE"), "ElementType is 'MET_NONSENSE'"),
    ("mha", meta(ElementNumberOfChannels="2", DimSize="4 3 1"), "each voxel holds 2 values"),
    ("mha", meta(ElementDataFile="absent.raw"), "lie in absent.raw, which is not there"),
    ("mha", meta(ElementDataFile=None), "no MetaImage header that ends with ElementDataFile"),
    ("mha", meta(HeaderSize="10"), "holds more than"),
    ("mha", meta(CompressedData="True"), "is damaged"),  # ITK hands out what lay in memory
    ("mha", meta(CompressedData="True", CompressedDataSize="10"), "is damaged"),
    ("mha", b"", "no MetaImage header"),
    ("mha", bytes(1000), "no MetaImage header"),
]


@pytest.mark.parametrize(("suffix", "content", "message"), BAD, ids=lambda value: str(value)[-40:])
def test_a_header_that_cannot_be_is_refused_by_check_too(
    tmp_path: Path, suffix: str, content: bytes, message: str
) -> None:
    path = tmp_path / f"i.{suffix}"
    path.write_bytes(content)
    for read in (read_volume, read_grid, read_labels):
        with pytest.raises(InputError, match=message) as caught:
            read(path)
        assert str(path) in str(caught.value)


PACKED = zlib.compress(STORED)
WHOLE = {
    "raw.nrrd": nrrd(),
    "gzip.nrrd": nrrd(gzip.compress(STORED), encoding="gzip"),
    "text.nrrd": nrrd(b" ".join(b"100" for _ in range(24)), encoding="ascii"),
    "raw.mha": meta(),
    "zlib.mha": meta(PACKED, CompressedData="True", CompressedDataSize=str(len(PACKED))),
    "unsized.mha": meta(PACKED, CompressedData="True"),
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_file_cut_anywhere_is_refused_by_check_too(tmp_path: Path, name: str) -> None:
    path, content = tmp_path / name, WHOLE[name]
    path.write_bytes(content)
    assert read_grid(path).shape == (2, 3, 4)
    for length in [*range(0, len(content) - 4, 5), *range(len(content) - 4, len(content))]:
        if name == "text.nrrd" and length > len(content) - 3:
            continue  # 10 instead of 100: text cannot tell
        path.write_bytes(content[:length])
        for read in (read_volume, read_grid):
            with pytest.raises(InputError):
                read(path)


@pytest.mark.parametrize("name", ["gzip.nrrd", "zlib.mha"])
def test_flipped_bits_of_packed_voxels_are_found(tmp_path: Path, name: str) -> None:
    """ITK reads 28 of 200 such NRRD files and all such MHA files as other voxels, without a word."""
    path, content = tmp_path / name, WHOLE[name]
    start = content.index(b"\x1f\x8b") + 10 if name == "gzip.nrrd" else content.index(PACKED)
    unseen = 0
    for place in range(start, len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
        try:
            assert np.array_equal(read_volume(path).array, VOXELS)
            unseen += 1
        except InputError:
            continue
    assert unseen <= 1  # between the last code and the next byte


def test_channels_are_read_from_any_axis(tmp_path: Path) -> None:
    odd = (VOXELS % 2).astype("<i2")
    last = np.stack([odd * 0, odd], axis=-1)
    (tmp_path / "a.mha").write_bytes(meta(last.tobytes(), ElementNumberOfChannels="2"))
    (tmp_path / "b.nrrd").write_bytes(
        nrrd(
            last.tobytes(),
            dimension="4",
            sizes="2 4 3 2",
            kinds="vector domain domain domain",
            space_directions="none (2,0,0) (0,3,0) (0,0,4)",
        )
    )
    for name in ("a.mha", "b.nrrd"):
        assert np.array_equal(read_labels(tmp_path / name, channel=1).array, odd)
        assert read_labels(tmp_path / name, channel=1).spacing_zyx_mm == (4, 3, 2)
        with pytest.raises(InputError, match="each voxel holds 2 values"):
            read_labels(tmp_path / name)


@pytest.mark.parametrize("voxels", ["v.raw", "list_1.raw"])
def test_voxels_in_files_of_their_own_lie_beside_the_header(tmp_path: Path, voxels: str) -> None:
    (tmp_path / voxels).write_bytes(STORED)
    (tmp_path / "a.nhdr").write_bytes(nrrd(b"", data_file=voxels))
    (tmp_path / "b.mhd").write_bytes(meta(b"", ElementDataFile=voxels))
    for name in ("a.nhdr", "b.mhd"):
        assert np.array_equal(read_volume(tmp_path / name).array, VOXELS)
    (tmp_path / voxels).write_bytes(STORED[:-1])
    for name in ("a.nhdr", "b.mhd"):
        with pytest.raises(InputError, match=rf"{name} is truncated: 47 bytes of 48"):
            read_grid(tmp_path / name)
