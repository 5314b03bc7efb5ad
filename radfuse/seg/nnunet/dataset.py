"""The raw data set that nnU-Net plans from: headers that point into prepared cases."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from radfuse.seg.prepared import TARGET


def write_dataset(job: dict[str, Any], raw: Path) -> None:
    """Write the cases as nnU-Net wants them: headers that point into the prepared cases, which stay where they are."""
    names = dict(enumerate(job["channels"]))
    dataset = {
        "channel_names": {str(number): name for number, name in names.items()},
        "labels": {"background": 0, **{name: number for number, name in enumerate(job["labels"], start=1)}},
        "numTraining": len(job["cases"]),
        "file_ending": ".nrrd",
    }
    for part in ("imagesTr", "labelsTr"):
        (raw / part).mkdir(parents=True)
    (raw / "dataset.json").write_text(json.dumps(dataset), encoding="utf-8")
    for case, place in zip(names_of(range(len(job["cases"]))), map(Path, job["cases"]), strict=True):
        spacing = np.load(place / "spacing.npy")[::-1].tolist()
        image = _linked(place / "image.npy", raw / f"imagesTr/{case}.npy")
        for channel, array in enumerate(image):
            skip = image.offset + channel * array.nbytes
            _point_at(array, skip, spacing, f"{case}.npy", raw / f"imagesTr/{case}_{channel:04d}.nrrd")
        target = _linked(place / TARGET, raw / f"labelsTr/{case}.npy")
        _point_at(target, target.offset, spacing, f"{case}.npy", raw / f"labelsTr/{case}.nrrd")


def _linked(file: Path, link: Path) -> np.memmap:
    """Return an array whose file lies beside the headers, too: a link, or a copy where no link can be made."""
    array: np.memmap = np.load(file, mmap_mode="r")
    if array.flags.c_contiguous:
        with suppress(OSError):
            link.symlink_to(file)
            return array
    np.save(link, np.ascontiguousarray(array))
    copied: np.memmap = np.load(link, mmap_mode="r")
    return copied


def _point_at(array: np.ndarray, skip: int, spacing_xyz: list[float], file: str, header: Path) -> None:
    """Write the NRRD header of an array, float32 or uint8, shape (z, y, x), so many bytes into a file beside it.

    Source: https://teem.sourceforge.net/nrrd/format.html; nnU-Net reads by ITK, which takes detached headers.
    """
    axes = [",".join(repr(step if axis == row else 0.0) for axis in range(3)) for row, step in enumerate(spacing_xyz)]
    lines = [
        "NRRD0004",
        f"type: {'float' if array.dtype == np.float32 else 'uchar'}",
        "dimension: 3",
        "space: left-posterior-superior",
        f"sizes: {' '.join(map(str, reversed(array.shape)))}",
        f"space directions: {' '.join(f'({axis})' for axis in axes)}",
        "space origin: (0,0,0)",
        f"endian: {sys.byteorder}",
        "encoding: raw",
        f"byte skip: {skip}",
        f"data file: {file}",
    ]
    header.write_text("\n".join(lines) + "\n", encoding="ascii")


def names_of(cases: Iterable[int]) -> list[str]:
    """Return what nnU-Net calls cases by their numbers."""
    return [f"case{number:05d}" for number in sorted(cases)]
