"""NIfTI files are read as they are stored, and a header that cannot be is refused by field."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from rawfiles import NIFTI_CODES, VOXELS, nifti

from radfuse.errors import InputError
from radfuse.volume.files import read_grid, read_labels, read_volume

NAN, INFINITE = float("nan"), float("inf")
DIM = (3, 4, 3, 2, 1, 1, 1, 1)


def write(folder: Path, content: bytes, packed: bool = False) -> Path:
    path = folder / ("i.nii.gz" if packed else "i.nii")
    path.write_bytes(gzip.compress(content, mtime=0) if packed else content)
    return path


@pytest.mark.parametrize("scale", [(1, 0), (2, 1), (0.1, -3), (0, 0), (NAN, NAN)])
@pytest.mark.parametrize("kind", NIFTI_CODES)
@pytest.mark.parametrize(("order", "packed"), [("<", False), (">", True)])
def test_what_is_read_is_what_itk_reads(
    tmp_path: Path, kind: str, order: str, packed: bool, scale: tuple[float, float]
) -> None:
    """Bit for bit, in the same type; scaled voxels are float32, or float64 where they are stored as such."""
    path = write(tmp_path, nifti(VOXELS, kind, order, scl_slope=scale[0], scl_inter=scale[1]), packed)
    theirs = sitk.ReadImage(str(path))
    volume = read_volume(path)
    assert volume.voxels.dtype == sitk.GetArrayFromImage(theirs).dtype
    assert np.array_equal(volume.voxels, sitk.GetArrayFromImage(theirs))
    assert volume.array.dtype == np.float32
    assert volume.voxels.flags.writeable
    assert volume.origin == theirs.GetOrigin()
    assert volume.direction == theirs.GetDirection()
    assert volume.spacing_zyx_mm == theirs.GetSpacing()[::-1]
    assert read_grid(path) == volume.grid


@pytest.mark.parametrize("bad", [NAN, INFINITE, -INFINITE])
@pytest.mark.parametrize("kind", ["f4", "f8"])
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("scale", [(1, 0), (2, 1)])
def test_not_a_number_is_found_where_it_is_stored(
    tmp_path: Path, bad: float, kind: str, order: str, packed: bool, scale: tuple[float, float]
) -> None:
    array = VOXELS.astype(float)
    array[1, 0, 2] = array[1, 2, 3] = bad
    path = write(tmp_path, nifti(array, kind, order, scl_slope=scale[0], scl_inter=scale[1]), packed)
    message = r"i\.nii.*: 2 voxels are NaN or infinite, the first at voxel \(z, y, x\) = \(1, 0, 2\); replace them"
    with pytest.raises(InputError, match=message):
        read_volume(path)
    with pytest.raises(InputError, match=r"found (nan|-?inf) at voxel \(z, y, x\) = \(1, 0, 2\), 2 such voxels in all"):
        read_labels(path)


def test_scaling_that_overflows_and_doubles_too_large_are_infinite(tmp_path: Path) -> None:
    for content in (nifti(VOXELS, "i2", scl_slope=3e38), nifti(VOXELS * 1e300, "f8")):
        with pytest.raises(InputError, match="voxels are NaN or infinite"):
            read_volume(write(tmp_path, content))


@pytest.mark.parametrize(
    ("label", "kind", "said"),
    [
        (-1, "i2", "-1"),
        (-1, "f4", "-1"),
        (-1, "i8", "-1"),
        (NAN, "f4", "nan"),
        (INFINITE, "f8", "inf"),
        (2**31, "f4", "2147483648"),
        (2**31, "f8", "2147483648"),
        (2**31, "u4", "2147483648"),
        (2**40, "i8", "1099511627776"),
        (1e20, "f4", r"1\.00000002e\+20"),
        (1e20, "f8", r"1e\+20"),
        (0.5, "f4", r"0\.5"),
    ],
)
def test_what_is_no_label_is_refused_with_its_place(tmp_path: Path, label: float, kind: str, said: str) -> None:
    array = np.zeros((2, 3, 4), dtype=kind)
    array[0, 1, 1] = 1
    array[1, 2, 0] = label
    message = rf"whole numbers from 0 to 2147483647; found ({said}) at voxel \(z, y, x\) = \(1, 2, 0\), 1 such"
    with pytest.raises(InputError, match=message):
        read_labels(write(tmp_path, nifti(array, kind), packed=True))


def test_large_whole_labels_are_kept(tmp_path: Path) -> None:
    array = np.zeros((2, 3, 4), dtype=np.int64)
    array[0, 1, 1], array[1, 0, 0] = 1, 2**31 - 1
    for kind in ("u4", "i8", "f8"):
        assert read_labels(write(tmp_path, nifti(array, kind))).present() == (1, 2**31 - 1)


BAD_FIELDS: list[tuple[dict[str, Any], str]] = [
    *[
        ({"pixdim": (1, *spacing, 1, 1, 1, 1)}, rf"spacing is {said} mm; correct the header")
        for spacing, said in [
            ((0, 3, 4), "0 x 3 x 4"),
            ((2, -3, 4), "2 x -3 x 4"),
            ((2, 3, NAN), "2 x 3 x nan"),
            ((INFINITE, 3, 4), "inf x 3 x 4"),
        ]
    ],
    ({"pixdim": (1, 1e-9, 3, 4, 1, 1, 1, 1)}, "spacing is 1e-09 x 3 x 4 mm; correct the header, its units are mm"),
    ({"pixdim": (1, 1e9, 3, 4, 1, 1, 1, 1)}, r"spacing is 1e\+09 x 3 x 4 mm"),
    ({"pixdim": (NAN, 2, 3, 4, 1, 1, 1, 1)}, "qform"),
    *[({"vox_offset": offset}, "vox_offset is") for offset in (NAN, INFINITE, -INFINITE, -100, 0, 348, 352.5, 351)],
    ({"vox_offset": 353}, "is truncated: 47 bytes of 48"),
    ({"vox_offset": 1e9}, "is truncated: 0 bytes of 48"),
    ({"vox_offset": 3e38}, "is truncated: 0 bytes of 48"),
    *[({"magic": magic}, "no whole NIfTI file: its magic is") for magic in (b"ni1\0", b"\0\0\0\0", b"n+2\0", b"abcd")],
    *[
        ({"dim": dim}, r"header field dim is \(")
        for dim in [(0, *DIM[1:]), (8, *DIM[1:]), (-3, *DIM[1:]), (3, 4, 0, 2, 1, 1, 1, 1), (3, 4, 3, -2, 1, 1, 1, 1)]
    ],
    ({"dim": (3, 4, 3, 3, 1, 1, 1, 1)}, r"is truncated: \d+ bytes of \d+ \(4 x 3 x 3 voxels of 2 bytes\)"),
    ({"dim": (3, 4, 3, 1, 1, 1, 1, 1)}, r"holds more than the \d+ bytes that its header says \(4 x 3 x 1 voxels"),
    ({"dim": (3, 32767, 32767, 32767, 1, 1, 1, 1)}, "reads up to 1073741824 voxels and 4294967296 bytes"),
    ({"dim": (2, 4, 6, 1, 1, 1, 1, 1)}, r"2-D \(4 x 6\), not 3-D"),
    ({"dim": (4, 4, 3, 1, 2, 1, 1, 1)}, r"4-D \(4 x 3 x 1 x 2\), not 3-D; save one time point"),
    ({"dim": (5, 4, 3, 1, 1, 2, 1, 1)}, "each voxel holds 2 values"),
    *[({"datatype": code}, f"datatype is {code}, which is no type") for code in (0, 1, 32, 77, 1536, 1792, 2048, -4)],
    ({"datatype": 16}, "bitpix is 16, but datatype 16 takes 32 bits"),
    ({"datatype": 16, "bitpix": 32}, r"is truncated: \d+ bytes of \d+"),
    ({"datatype": 2, "bitpix": 8}, r"holds more than the \d+ bytes"),
    ({"datatype": 128, "bitpix": 24, "dim": (3, 4, 2, 2, 1, 1, 1, 1)}, "each voxel holds 3 values"),
    ({"bitpix": 0}, "bitpix is 0"),
    *[
        ({"scl_slope": slope, "scl_inter": inter}, "scl_slope .* and scl_inter .* do not say")
        for slope, inter in [(INFINITE, 0), (2, NAN), (2, INFINITE), (0, 3), (NAN, 3)]
    ],
    ({"quatern": (NAN, 0, 0)}, "the qform's turn and offset"),
    ({"quatern": (2, 0, 0)}, "the qform's turn and offset"),
    ({"qoffset": (INFINITE, 0, 0)}, "the qform's turn and offset"),
    ({"qoffset": (1e30, 0, 0)}, "the first voxel lies at"),
    ({"sform_code": 1}, "the sform's rows"),
    ({"sform_code": 1, "srow": (NAN, 0, 0, 1, 0, 3, 0, 2, 0, 0, 4, 3)}, "the sform's rows"),
    ({"sform_code": 1, "srow": (2.5, 0, 0, 1, 0, 3, 0, 2, 0, 0, 4, 3)}, r"2 x 3 x 4 mm \(pixdim\).*2\.5 x 3 x 4 mm"),
    ({"sizeof_hdr": 540}, "is a NIfTI-2 file, which ITK does not read; save it as NIfTI-1"),
    ({"sizeof_hdr": 347}, "begins with"),
    ({"qform_code": 0, "sform_code": 1, "srow": (2, 1.8, 0, 1, 0, 2.4, 0, 2, 0, 0, 4, 3)}, "sheared"),
]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(("fields", "message"), BAD_FIELDS, ids=lambda value: str(value)[:60])
def test_a_field_that_cannot_be_is_named(tmp_path: Path, fields: dict[str, Any], message: str, packed: bool) -> None:
    """By check, which reads headers alone, as by who reads the voxels."""
    path = write(tmp_path, nifti(**fields), packed)
    if packed and "vox_offset" in fields and "truncated" in message:
        message = "truncated|reads up to"
    for read in (read_volume, read_grid, read_labels):
        with pytest.raises(InputError, match=message) as caught:
            read(path)
        assert str(path) in str(caught.value)


@pytest.mark.parametrize("packed", [False, True])
def test_a_file_cut_anywhere_is_refused(tmp_path: Path, packed: bool) -> None:
    path = write(tmp_path, nifti(VOXELS / 3, "f4"), packed)
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        for read in (read_volume, read_grid):
            with pytest.raises(InputError, match=r"copy it again"):
                read(path)


def test_a_cut_file_says_how_much_it_holds(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(size=(20, 60, 60))
    path = write(tmp_path, nifti(noise, "f4"), packed=True)
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(InputError, match=r"its 100000 bytes end in the middle, after 1\d{5} of 288352 bytes unpacked"):
        read_volume(path)


def test_flipped_bits_of_packed_voxels_are_found(tmp_path: Path) -> None:
    """Apart from the few between the last code and the next byte, which mean nothing."""
    path = write(tmp_path, nifti(VOXELS / 3, "f4"), packed=True)
    whole = path.read_bytes()
    unseen = 0
    for place in range(10, len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        try:
            assert np.array_equal(read_volume(path).array, (VOXELS / 3).astype(np.float32))
            unseen += 1
        except InputError:
            continue
    assert unseen <= 1


def test_several_gzip_parts_and_padding_are_one_file(tmp_path: Path) -> None:
    content = nifti()
    path = tmp_path / "i.nii.gz"
    path.write_bytes(gzip.compress(content[:370]) + gzip.compress(content[370:]) + bytes(100))
    assert np.array_equal(read_volume(path).array, VOXELS)
    assert read_grid(path).shape == (2, 3, 4)


def test_a_channel_of_a_vector_file_is_read(tmp_path: Path) -> None:
    both = np.stack([VOXELS * 0, VOXELS % 2])[:, None]
    path = write(tmp_path, nifti(both))
    assert np.array_equal(read_labels(path, channel=1).array, VOXELS % 2)
    with pytest.raises(InputError, match="has 2 channels, numbered from 0; there is no channel 2"):
        read_labels(path, channel=2)


def test_other_formats_under_this_name_and_other_names_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.nii").write_bytes(b"NRRD0004\n" + bytes(400))
    (tmp_path / "b.nii").write_bytes(b"")
    (tmp_path / "c.hdr").write_bytes(nifti())
    (tmp_path / "D.NII").write_bytes(nifti())
    for name, message in (
        ("a.nii", "begins with b'NRRD0004'"),
        ("b.nii", "begins with b''"),
        ("c.hdr", "known formats"),
    ):
        with pytest.raises(InputError, match=message):
            read_volume(tmp_path / name)
    assert np.array_equal(read_volume(tmp_path / "D.NII").array, VOXELS)


@pytest.mark.parametrize("top", [2, 7])
@pytest.mark.parametrize("kind", ["u1", "i2"])
def test_labels_that_were_stored_in_steps_of_a_slope_are_whole(tmp_path: Path, kind: str, top: int) -> None:
    """As nibabel stores a mask of real numbers with a header of whole ones: 3 of 7 is step 109 of 255, 2.9922."""
    labels = VOXELS % (top + 1)
    slope = top / np.iinfo(kind).max
    path = write(tmp_path, nifti(np.rint(labels / slope), kind, scl_slope=slope))
    assert np.array_equal(read_labels(path).array, labels)
    probable = write(tmp_path, nifti(VOXELS, kind, scl_slope=slope / 50))
    with pytest.raises(InputError, match="a mask holds whole numbers"):
        read_labels(probable)


@pytest.mark.parametrize("name", ["a.Nii", "a.Nii.gz", "a.nii.GZ", "a.MHA", "a.Mhd", "a.NRRD"])
def test_an_ending_in_capitals_is_an_ending(tmp_path: Path, name: str) -> None:
    small = tmp_path / "small" / name.lower()
    small.parent.mkdir()
    sitk.WriteImage(sitk.GetImageFromArray(VOXELS.astype(np.int16)), str(small))
    for path in small.parent.iterdir():
        path.rename(tmp_path / (name if path == small else path.name))
    assert np.array_equal(read_volume(tmp_path / name).voxels, VOXELS)
