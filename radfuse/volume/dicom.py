"""A folder of DICOM slices as one image."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from radfuse.errors import InputError
from radfuse.volume.sitk import Image, read_slices, reason_of


def read_dicom(folder: Path) -> Image:
    """Read the one series of a folder; slices sorted by position. Names no identifier.

    Raises:
        InputError: no slices, several series, a slice that is missing or damaged.
    """
    import pydicom
    from pydicom.errors import InvalidDicomError

    slices: dict[str, list[tuple[float, Path, tuple[float, ...]]]] = {}
    for path in sorted(item for item in folder.iterdir() if item.is_file() and not item.name.startswith(".")):
        try:
            header = pydicom.dcmread(path, stop_before_pixels=True)
        except InvalidDicomError:
            continue
        except (OSError, EOFError, ValueError) as error:
            raise InputError(f"{path} is damaged ({type(error).__name__}); copy it again") from error
        if "ImagePositionPatient" not in header or "ImageOrientationPatient" not in header or "Rows" not in header:
            continue
        rows = np.array([float(value) for value in header.ImageOrientationPatient])
        normal = np.cross(rows[:3], rows[3:])
        position = float(np.dot(normal, [float(value) for value in header.ImagePositionPatient]))
        look = (int(header.Rows), int(header.Columns), *np.round(rows, 4), *map(float, header.PixelSpacing))
        slices.setdefault(str(header.SeriesInstanceUID), []).append((position, path, tuple(look)))
    if not slices:
        raise InputError(f"{folder} holds no DICOM image slices")
    if len(slices) > 1:
        counts = ", ".join(str(len(part)) for part in slices.values())
        raise InputError(
            f"{folder} mixes {len(slices)} series (slices: {counts}); put each series into a folder of its own"
        )
    series = sorted(next(iter(slices.values())))
    _check_series(folder, series)
    try:
        return read_slices([path for _, path, _ in series])
    except RuntimeError as error:
        raise InputError(
            f"{folder} cannot be read ({reason_of(error)}); a slice may be truncated: copy it again"
        ) from error


def _check_series(folder: Path, series: list[tuple[float, Path, tuple[float, ...]]]) -> None:
    """Refuse slices that do not look alike, and positions that are doubled or left out."""
    if len({look for _, _, look in series}) > 1:
        raise InputError(f"{folder}: slices differ in size, spacing or orientation; keep those of one stack")
    if len(series) < 2:
        raise InputError(f"{folder} holds one slice; a volume needs two or more")
    gaps = np.diff([position for position, _, _ in series])
    usual = float(np.median(gaps))
    if usual <= 1e-4:
        raise InputError(f"{folder}: several slices lie at one position; keep one time point or echo")
    odd = np.flatnonzero(np.abs(gaps - usual) > 0.02 * usual + 1e-3)
    if len(odd):
        first = int(odd[0])
        missing = round(float(gaps[first]) / usual) - 1
        what = f"{missing} slices are missing" if missing > 0 else "the distance changes"
        raise InputError(
            f"{folder}: {what} between {series[first][1].name} and {series[first + 1][1].name} "
            f"({gaps[first]:.3f} mm apart, usually {usual:.3f} mm); copy the series again"
        )
