"""A DICOM series in a zip file, as archives hand them out: unpacked under limits into a folder that goes away again."""

from __future__ import annotations

import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from radfuse.errors import InputError
from radfuse.volume.layout import MOST_BYTES

ZIP = ".zip"
_MOST_FILES = 20_000
_BLOCK = 1 << 20


def is_zip(path: Path) -> bool:
    """Return whether a file is a zip, by its name."""
    return path.name.lower().endswith(ZIP)


@contextmanager
def unzipped(path: Path) -> Iterator[Path]:
    """Yield a folder that holds the files of a zip side by side, whatever folders they lay in.

    What is wrong with the files is told with the name of the zip in the place of the folder's.

    Raises:
        InputError: no zip, a damaged or encrypted one, or one that unpacks to more than an image may hold.
    """
    with tempfile.TemporaryDirectory(prefix="radfuse-") as place:
        folder = Path(place)
        try:
            _unpack(path, folder)
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise InputError(f"{path} is a damaged zip file ({error}); copy it again") from error
        except (RuntimeError, NotImplementedError) as error:
            raise InputError(f"{path} cannot be unpacked ({error}); save it without a password") from error
        try:
            yield folder
        except InputError as error:
            raise InputError(str(error).replace(str(folder), str(path))) from error


def _unpack(path: Path, folder: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        parts = [part for part in archive.infolist() if not part.is_dir()]
        if len(parts) > _MOST_FILES:
            raise InputError(f"{path} holds {len(parts):,} files, at most {_MOST_FILES:,} are read; zip one series")
        left = MOST_BYTES
        for number, part in enumerate(parts):
            name = PurePosixPath(part.filename.replace("\\", "/")).name
            if name.startswith(".") or not name:
                continue
            target = folder / name if not (folder / name).exists() else folder / f"{number}_{name}"
            with archive.open(part) as packed, target.open("xb") as stream:
                while block := packed.read(_BLOCK):
                    left -= len(block)
                    if left < 0:
                        raise InputError(f"{path} unpacks to more than {MOST_BYTES >> 30} GiB; zip one series alone")
                    stream.write(block)
