"""How a file holds the voxels of an image, and reading them as they are stored.

ITK puts 0 in the place of NaN in NIfTI, takes a cut file for whole, hands out what lay in memory where packed MHA is
damaged, and crashes at text that is none. Therefore voxels are read here, with every sum checked, and ITK says where
they lie.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from radfuse.errors import InputError

MOST_VOXELS = 2**30
"""An image has no more, 1024 to a side, counted over all time points and channels."""
MOST_BYTES = 2**32
"""The voxels of an image take no more, 4 GiB as they are stored."""
_DENSEST = 1032
"""So many bytes one packed byte can stand for: deflate's longest match, 258 bytes, in two bits."""
_BLOCK = 1 << 20
"""Bytes of a packed file that are read at a time; four times as many are unpacked at a time."""
_LONGEST_NUMBER = 32
"""Characters of a voxel that is written as text, with what parts it from the next, on the average at most."""
_WINDOWS = {"gzip": 31, "zlib": 15}
Packing = Literal["raw", "gzip", "zlib", "text", "other"]


@dataclass(frozen=True)
class Layout:
    """Where and how the voxels of an image are stored.

    Attributes:
        path: of the image, for messages.
        data: the file that holds its voxels, most often the same.
        shape: as stored, slowest axis first: (z, y, x), behind time points and around channels where there are some.
        dtype: of a voxel, with its byte order.
        start: byte of `data` at which the voxels begin, or what they are packed in.
        skip: unpacked bytes before the first voxel.
        packing: of the voxels; "other" (bzip2, many files) is left to ITK.
        packed_size: bytes that are packed, where the header says it.
        channel_axis: axis of `shape` along which one voxel's values lie; None where it holds one.
        slope: stored values are multiplied by it.
        inter: and this is added.
    """

    path: Path
    data: Path
    shape: tuple[int, ...]
    dtype: np.dtype
    start: int = 0
    skip: int = 0
    packing: Packing = "raw"
    packed_size: int | None = None
    channel_axis: int | None = None
    slope: float = 1.0
    inter: float = 0.0

    @property
    def channels(self) -> int:
        """Values that each voxel holds."""
        return 1 if self.channel_axis is None else self.shape[self.channel_axis]

    @property
    def size(self) -> tuple[int, ...]:
        """Voxels along x, y, z and further axes; further axes of one voxel at the end do not count."""
        axes = [length for axis, length in enumerate(self.shape) if axis != self.channel_axis][::-1]
        while len(axes) > 3 and axes[-1] == 1:
            axes.pop()
        return tuple(axes)

    @property
    def voxels(self) -> int:
        """Values that are stored."""
        return int(np.prod(np.array(self.shape, dtype=object)))

    @property
    def promised(self) -> int:
        """Bytes that the file holds, unpacked, by its header."""
        return self.skip + self.voxels * self.dtype.itemsize

    def __str__(self) -> str:
        return f"{' x '.join(map(str, self.shape[::-1]))} voxels of {self.dtype.itemsize} bytes"


def numbers_in(path: Path, name: str, text: str, *, whole: bool = False) -> list[float]:
    """Return the numbers of a header field of text, separated by blanks.

    Raises:
        InputError: none, or what is no number, or no whole one; names the field.
    """
    try:
        found = [float(word) for word in text.split() if "_" not in text]  # Python takes 1_0 for 10
    except ValueError:
        found = []
    if not found or (whole and not all(value == np.rint(value) and abs(value) < 2**53 for value in found)):
        kind = "whole numbers" if whole else "numbers"
        raise InputError(f"{path}: header field {name} is {text[:80]!r}, no {kind}; correct the header")
    return found


def check_promise(layout: Layout) -> None:
    """Hold what a header promises against what its file can hold, before anything is unpacked.

    Raises:
        InputError: no voxels, more than `MOST_VOXELS` or `MOST_BYTES`, or more than the file can hold; bytes too
            many or too few where voxels lie unpacked.
    """
    if any(length < 1 for length in layout.shape):
        raise InputError(f"{layout.path}: the header says {layout}; correct its sizes")
    if layout.voxels > MOST_VOXELS or layout.promised > MOST_BYTES:
        raise InputError(
            f"{layout.path}: the header says {layout}; radfuse reads up to {MOST_VOXELS} voxels and {MOST_BYTES} "
            "bytes. Crop or resample the image, or correct its header"
        )
    if not layout.data.is_file():
        raise InputError(f"{layout.path}: its voxels lie in {layout.data.name}, which is not there; copy it too")
    found = layout.data.stat().st_size - layout.start
    if layout.packing == "raw":
        _compare(layout, found)
    elif layout.packing == "text":
        least, most = 2 * layout.voxels - 1, _LONGEST_NUMBER * layout.voxels + _BLOCK
        if not least <= found <= most:
            raise InputError(
                f"{layout.path} is truncated, or its header lies: it says {layout} written as text, which are no "
                f"{found} characters; copy it again, or save it as raw or gzip"
            )
    elif layout.packing != "other" and layout.promised > found * _DENSEST:
        raise InputError(
            f"{layout.path} is truncated, or its header lies: it says {layout}, {layout.promised} bytes, more than the "
            f"{max(found, 0)} packed bytes of the file can stand for; copy it again"
        )


def check_whole(layout: Layout) -> None:
    """Refuse a file that lacks voxels or has too many; it is unpacked only where its sizes do not tell.

    Raises:
        InputError: truncated, damaged, or of another size than the header says.
    """
    if layout.packing == "gzip":
        with layout.data.open("rb") as stream:
            stream.seek(-4, 2)
            told = int.from_bytes(stream.read(4), "little") == layout.promised % 2**32
    else:
        told = layout.packing == "raw"
        if layout.packed_size is not None:
            told = layout.start + layout.packed_size == layout.data.stat().st_size
    if not told:
        check_content(layout)


def check_content(layout: Layout) -> None:
    """Read all that a packed file or a text holds, for its sums and words alone.

    Raises:
        InputError: as `check_whole`.
    """
    if layout.packing == "text":
        _parsed(layout)
    elif layout.packing in _WINDOWS:
        for _ in _unpacked(layout):
            pass


def read_voxels(layout: Layout, channel: int | None = None) -> np.ndarray:
    """Return the voxels, shape `size` turned round, in the type they are stored in; scaled ones as ITK has them.

    Scaled voxels are float64 where they are stored as such, otherwise float32.

    Args:
        layout: of the file.
        channel: which one where voxels hold several values.

    Raises:
        InputError: as `check_whole`.
    """
    array = _parsed(layout) if layout.packing == "text" else np.empty(layout.shape, layout.dtype)
    into = array.reshape(-1).view(np.uint8)
    if layout.packing == "text":
        pass
    elif layout.packing == "raw":
        with layout.data.open("rb") as stream:
            stream.seek(layout.start)
            into[:] = np.fromfile(stream, np.uint8, into.size)
    else:
        at = -layout.skip
        for block in _unpacked(layout):
            part = np.frombuffer(block, np.uint8)[max(-at, 0) :]
            into[max(at, 0) : max(at, 0) + part.size] = part
            at += len(block)
    if not layout.dtype.isnative:
        array = array.byteswap(inplace=True).view(layout.dtype.newbyteorder("="))
    if layout.channel_axis is not None:
        array = np.take(array, channel or 0, layout.channel_axis)
    array = array.reshape(layout.size[::-1])
    return array if (layout.slope, layout.inter) == (1, 0) else _scaled(array, layout.slope, layout.inter)


def _scaled(array: np.ndarray, slope: float, inter: float) -> np.ndarray:
    """Return voxels times slope plus intercept, computed in float64, slice by slice."""
    scaled = array.astype(np.float64 if array.dtype == np.float64 else np.float32)
    with np.errstate(over="ignore", invalid="ignore"):  # what comes out infinite or NaN is refused by who asked
        for part in scaled:
            wide = np.multiply(part, slope, dtype=np.float64)
            wide += inter
            part[...] = wide
    return scaled


def _parsed(layout: Layout) -> np.ndarray:
    """Return voxels that are written as text, numbers parted by blanks, in the type and shape of the layout."""
    with layout.data.open("rb") as stream:
        stream.seek(layout.start)
        words = stream.read().split()
    try:
        longest = max(map(len, words), default=0)
        found = np.array(words if longest <= _LONGEST_NUMBER else [b"no"]).astype(np.float64)
    except ValueError:
        found = None
    whole = layout.dtype.kind in "iu"
    if found is not None and whole:
        ends = np.iinfo(layout.dtype)
        if not ((found == np.rint(found)) & (found >= ends.min) & (found <= ends.max)).all():
            found = None
    if found is None:
        raise InputError(
            f"{layout.path}: its header says that voxels are written as text, but what follows are no "
            f"{'whole ' * whole}numbers of {layout.dtype.name}; correct the header (encoding, BinaryData), or save it "
            "as raw or gzip"
        )
    if found.size != layout.voxels:
        raise InputError(
            f"{layout.path} is truncated, or its header lies: {found.size} numbers of {layout.voxels} ({layout}); copy "
            "it again"
        )
    return found.astype(layout.dtype).reshape(layout.shape)


def _compare(layout: Layout, found: int) -> None:
    """Refuse bytes too few or too many."""
    if found < layout.promised:
        raise InputError(
            f"{layout.path} is truncated: {max(found, 0)} bytes of {layout.promised} ({layout}); copy it again"
        )
    if found > layout.promised:
        raise InputError(
            f"{layout.path} holds more than the {layout.promised} bytes that its header says ({layout}): sizes or data "
            "type in the header are wrong; write it again from its source"
        )


def _unpacked(layout: Layout) -> Iterator[bytes]:
    """Yield what a packed file holds, block by block, its sums checked; ends at the first byte too many."""
    size, unpacker = 0, None
    with layout.data.open("rb") as stream:
        stream.seek(layout.start)
        while block := stream.read(_BLOCK):
            while block:
                if unpacker is None or (unpacker.eof and layout.packing == "gzip" and block.strip(b"\0")):
                    unpacker = zlib.decompressobj(_WINDOWS[layout.packing])  # a gzip file may hold several parts
                elif unpacker.eof:
                    break  # padding
                try:
                    part = unpacker.decompress(block, 4 * _BLOCK)
                except zlib.error as error:
                    raise InputError(
                        f"{layout.path} is damaged after {size} of {layout.promised} bytes unpacked ({error}); "
                        "copy it again"
                    ) from error
                size += len(part)
                if size > layout.promised:
                    _compare(layout, size)
                yield part
                block = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
    if unpacker is None or not unpacker.eof:
        raise InputError(
            f"{layout.path} is truncated: its {layout.data.stat().st_size} bytes end in the middle, after {size} of "
            f"{layout.promised} bytes unpacked; copy it again"
        )
    _compare(layout, size)
