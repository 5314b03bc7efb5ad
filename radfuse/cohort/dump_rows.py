"""What the files of one DICOM series say together: its row in the index of a heap."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from radfuse.errors import InputError
from radfuse.volume.dicom import has_real_pixels, header_of, is_image, text_of
from radfuse.volume.refused import refusal_of
from radfuse.volume.series import Facts, depth_of, facts_of, missing_bytes, place_along

if TYPE_CHECKING:
    from pydicom import Dataset

OTHERS = {"SEG", "SR", "RTSTRUCT", "RTPLAN", "RTDOSE", "PR", "KO", "DOC", "REG"}
"""Modalities that are no images, as is what has no rows; they are in the index, and not in the table."""

UNREADABLE = "a name that is no text in UTF-8, or of several lines, or of what is gone by now; rename it"
MISNAMED = f"a slice has {UNREADABLE}"


def files_in(folder: Path) -> list[Path]:
    """Return the files of a folder in the order of their names, hidden ones left out.

    Raises:
        OSError: it is gone, or may not be read.
    """
    return sorted(item for item in folder.iterdir() if item.is_file() and item.name[0] != ".")


def series_row(uid: str, files: Sequence[tuple[Path, Dataset]], *, alone: bool) -> Facts:
    """Return the row of one series: what its first header says, how its slices lie, fault and remark.

    Args:
        uid: of the series; empty where headers lack it.
        files: its files and their headers, one or more.
        alone: they lie in one folder, and no others beside them.
    """
    row = facts_of(files[0][1])
    images = [(path, header) for path, header in files if is_image(header)]
    row |= {} if images else {"rows": 0, "columns": 0}
    levels = sorted(level for _, header in images if (level := place_along(header)) is not None)
    depth = depth_of(images[0][1], images[-1][1]) if len(images) > 1 else None
    steps = [high - low for low, high in itertools.pairwise(levels)]
    whole = alone and len(files) > 1  # of a single file, maybe a radiograph, the table names it
    row |= {"files": len(files), "alone": alone, "names": None if whole else "\n".join(path.name for path, _ in files)}
    row |= {"slice_mm": sorted(steps)[len(steps) // 2] if steps and depth is not None else row["thickness_mm"]}
    instances = sorted(text_of(header, "SOPInstanceUID") for _, header in files)
    row |= {"instances": hashlib.sha256("\n".join(instances).encode()).hexdigest() if all(instances) else None}
    cut = [path.name for path, header in images if missing_bytes(header, path.stat().st_size)]
    fault = f"{len(cut)} of {len(files)} files are cut off; copy the series again" if cut else None
    if any(has_real_pixels(header) for _, header in images):
        fault = "pixels are real numbers (FloatPixelData), which are not read; save the series as NIfTI"
    if not uid and not cut:
        fault = "files without SeriesInstanceUID; export them again"
    wanted = fault is None and images and row["modality"] not in OTHERS
    return row | {"fault": fault, "remark": refusal_of(images) if wanted else None}


def is_cut(path: Path, header: Dataset) -> bool:
    """Return whether a file of an image ends before its pixels do."""
    return is_image(header) and bool(missing_bytes(header, path.stat().st_size))


def read_headers(files: Sequence[Path]) -> Iterator[tuple[Path, Dataset]]:
    """Yield those of some files that are DICOM and can be read, with their headers."""
    for path in files:
        try:
            header = header_of(path)
        except InputError:
            continue  # the folder's own row tells
        if header is not None:
            yield path, header
