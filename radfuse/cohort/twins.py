"""One scan under two ids: found by path or by content, since it would leak between folds."""

from __future__ import annotations

import contextlib
import hashlib
import os
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

from radfuse.cohort.draft import Draft
from radfuse.run.companions import voxels_of

_SAMPLE = 1 << 12
"""Bytes of a file that are compared before all of it."""


def check_twins(draft: Draft, used: dict[Path, list[tuple[int, str]]]) -> None:
    """Find images that stand under two cases, by path or by content; note in `draft.scans` what each case has.

    Args:
        draft: whose ids are read.
        used: image -> its places in the table, each the row's index and the column.
    """
    if draft.config.case not in draft.columns:
        return
    by_content: dict[object, list[Path]] = defaultdict(list)
    scans: dict[int, list[str]] = defaultdict(list)
    for path, content in _contents(used).items():
        by_content[content].append(path)
        for index, column in used[path]:
            scans[index].append(f"{column} {content}")
    draft.scans = {index: "; ".join(sorted(found)) for index, found in scans.items()}
    ids = draft.columns[draft.config.case]
    for paths in by_content.values():
        places = [place for path in paths for place in used[path]]
        first, _ = places[0]
        for index, other in places[1:]:
            if index != first:
                draft.problem(
                    f"the image of {ids[index]!r} is that of {ids[first]!r} (row {int(first) + 2}) by content; "
                    "one image under two ids leaks between folds: list one under cohort.exclude",
                    index,
                    other,
                )


def _contents(paths: Iterable[Path]) -> dict[Path, object]:
    """Return a value per path, equal for files, or folders of slices, of equal content.

    Files are compared by size and samples, and only where these are equal as a whole: reading each of them would cost
    as much as the study. What other files hold changes no value, twins apart.
    """
    known: dict[Path, tuple[object, ...]] = {path: (*_size(path), _seen(_sample, path)) for path in paths}
    count = Counter(known.values())
    return {path: (*value, _seen(_digest, path)) if count[value] > 1 else value for path, value in known.items()}


def _seen(look: Callable[[Path], str], path: Path) -> str:
    """Return what a look at an image finds; one that cannot be read is nobody's twin, and named where it is read."""
    try:
        return look(path)
    except OSError:
        return str(path)


def _files(path: Path) -> list[Path]:
    """Return the file, that of its voxels where it is a header, or those of a folder in the order of their names."""
    if not path.is_dir():
        with contextlib.suppress(OSError):  # is told where the header is read
            return voxels_of(path) or [path]
        return [path]
    return sorted(Path(place) / name for place, _, names in os.walk(path) for name in names)


def _size(path: Path) -> tuple[object, ...]:
    """Return a file's size; of a folder how many files it holds, of an empty one its path, as it is nobody's twin."""
    if not path.is_dir():
        return tuple(item.stat().st_size for item in _files(path))
    count = len(_files(path))
    return ("folder", count if count else str(path))


def _sample(path: Path) -> str:
    """Return a checksum of the start, middle and end of a file, or of a folder's first."""
    first = next(iter(_files(path)), None)
    if first is None:
        return ""
    size = first.stat().st_size
    total = 0
    with first.open("rb") as stream:
        for place in (0, size // 2, size - _SAMPLE):
            stream.seek(max(place, 0))
            total = zlib.crc32(stream.read(_SAMPLE), total)
    return f"{total:08x}"


def _digest(path: Path) -> str:
    """Return the SHA-256 of a file, or of those of a folder's files."""
    digests = [file_digest(file) for file in _files(path)]
    return digests[0] if len(digests) == 1 else hashlib.sha256(" ".join(digests).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hex digits."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
