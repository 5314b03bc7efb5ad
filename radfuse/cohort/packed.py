"""Bytes of a table's file, unpacked under limits: a few bytes can unpack to more than a machine holds."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from pathlib import Path

from radfuse.errors import InputError

MOST_BYTES = 2 << 30
"""Of a table as text."""
MOST_ROWS, MOST_COLUMNS, MOST_CELLS = 10_000_000, 500_000, 500_000_000
"""Of a table."""
FREE_BYTES, MOST_RATIO = 64 << 20, 200
"""From so many unpacked bytes on, a file may unpack to so many times its size: tables of numbers reach 2 to 50."""
_BLOCK = 1 << 22


def unpacked(path: Path) -> bytes:
    """Return the bytes of a file, those of a gzip file unpacked.

    Raises:
        InputError: it cannot be read, is damaged, or is larger than a table may be.
    """
    try:
        with path.open("rb") as packed:
            if packed.read(2) != b"\x1f\x8b":
                _refuse_large(path, path.stat().st_size, path.stat().st_size)
                packed.seek(0)
                return packed.read()
            packed.seek(0)
            blocks, total = [], 0
            with gzip.open(packed) as stream:
                while block := stream.read(_BLOCK):
                    total += len(block)
                    _refuse_large(path, total, packed.tell())
                    blocks.append(block)
            return b"".join(blocks)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"{path} is a damaged gzip file ({error}); copy it again") from error
    except OSError as error:
        raise unreadable(path, error) from error


def refuse_zip_bomb(path: Path, archive: zipfile.ZipFile) -> None:
    """Refuse a zip file whose parts say that they are larger than a table may be.

    Raises:
        InputError: says how large, and what is allowed.
    """
    _refuse_large(path, sum(part.file_size for part in archive.infolist()), path.stat().st_size)


def refuse_size(path: Path, rows: int, columns: int) -> None:
    """Refuse a table of more rows, columns or cells than are read.

    Raises:
        InputError: says how many, and how many are allowed.
    """
    for found, most, what in (
        (rows, MOST_ROWS, "rows"),
        (columns, MOST_COLUMNS, "columns"),
        (rows * columns, MOST_CELLS, "cells"),
    ):
        if found > most:
            raise InputError(f"{path} holds {found:,} {what}, more than the {most:,} that are read; cut the table")


def unreadable(path: Path, error: OSError) -> InputError:
    """Return what to say of a file that the system does not let us read."""
    return InputError(f"{path} cannot be read ({error.strerror or error}); check its permissions and the disk")


def _refuse_large(path: Path, total: int, packed: int) -> None:
    if total > MOST_BYTES:
        raise InputError(
            f"{path} holds more than {MOST_BYTES >> 30} GiB of text, the most that is read; save the table as parquet"
        )
    if total > FREE_BYTES and total > MOST_RATIO * packed:
        raise InputError(
            f"{path} unpacks to more than {MOST_RATIO} times its size, as hardly a table does; beyond "
            f"{FREE_BYTES >> 20} MiB that is refused. If it is a table, save it unpacked or as parquet"
        )
