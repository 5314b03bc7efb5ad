"""What an image says that can be read, and may not be meant: its header, and a value that is everywhere."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from zipfile import ZipFile

import numpy as np

from radfuse.errors import listed
from radfuse.volume.dicom import resent_in
from radfuse.volume.grid import Grid
from radfuse.volume.image import Volume
from radfuse.volume.nifti import forms_of
from radfuse.volume.zipped import is_zip, unzipped

_LONGEST_MM = 2500.0
"""No patient is longer."""
_SHORTEST_MM = 1.0
"""Nor is what a scanner shows of one shorter along its longest side."""
_APART_MM = 1.0
"""Two answers of a header to where a voxel lies that are no further apart are one."""
_FAT_HU, _BONE_HU = -50.0, 300.0
"""Fat and air are below the first, and nothing that lies all around a patient is above the second."""


def doubts_of(path: Path, grid: Grid) -> list[str]:
    """Return what is doubtful about where the voxels of an image lie, each with its mend.

    Args:
        path: of the image.
        grid: as it is read.
    """
    found = []
    sides = np.array(grid.shape) * np.array(grid.spacing_zyx_mm)
    if not _SHORTEST_MM <= sides.max() <= _LONGEST_MM:
        extent = " x ".join(f"{side:.4g}" for side in sides[::-1])
        found.append(f"the image measures {extent} mm, as where a header counts in other units; correct its units")
    if path.is_dir() or is_zip(path):
        return found + _beside_slices(path, grid)
    if not path.name.lower().endswith((".nii", ".nii.gz")):
        return found
    forms = forms_of(path)
    if not forms:
        found.append(
            "its header does not say how the patient lies in it (no qform, no sform): axes are taken to point left, "
            "posterior and superior. Look whether left is left, or take the image from its source"
        )
    if len(forms) == 2:
        ends = np.array(grid.shape[::-1]) - 1
        corners = np.array([[i, j, k, 1] for i in (0, ends[0]) for j in (0, ends[1]) for k in (0, ends[2])])
        first, second = (corners @ form.T for form in forms)
        apart = float(np.linalg.norm(first - second, axis=1).max())
        mirrored = np.linalg.det(forms[0][:, :3]) * np.linalg.det(forms[1][:, :3]) < 0
        if apart > _APART_MM:
            found.append(
                f"its header places the image twice, {apart:.3g} mm apart{', and mirrored' if mirrored else ''} (qform "
                "and sform); the sform is read. Look whether left is left, and set the wrong one's code to 0"
            )
    return found


def doubt_of_values(image: Volume) -> str:
    """Return that an image shows nothing, where all its voxels have one value; else an empty text."""
    low, high = float(image.array.min()), float(image.array.max())
    return f"every voxel of {image.name} is {low:g}; look whether it is the right file" if low == high else ""


def doubt_of_ct(image: Volume) -> str:
    """Return that an image which is said to be CT holds no Hounsfield units, or their negative; else an empty text."""
    low, high = float(image.array.min()), float(image.array.max())
    if low == high:
        return ""
    if low > _FAT_HU:
        return (
            f"its values run from {low:g} to {high:g}, and CT has fat near -100 and air at -1000 Hounsfield units, "
            "which the study says it is (segmentation.intensities): look whether its rescaling was left out, or it "
            "was windowed, inverted or scaled"
        )
    rows, columns = image.array[:, [0, -1]], image.array[:, :, [0, -1]]
    around = float(np.median(np.concatenate([rows.ravel(), columns.ravel()])))
    if around > _BONE_HU:
        return (
            f"around its slices lies {around:g}, where CT has air at -1000 or soft tissue, and the study says that it "
            "is CT (segmentation.intensities): look whether it is inverted"
        )
    return ""


def _beside_slices(path: Path, grid: Grid) -> list[str]:
    """Return which slices are there twice, and which files are empty; looked for where files are more than slices."""
    if is_zip(path):
        with ZipFile(path) as packed:
            files = sum(not item.is_dir() for item in packed.infolist())
    else:
        files = sum(item.is_file() for item in path.iterdir())
    if not files > grid.shape[0] > 1:
        return []
    with unzipped(path) if is_zip(path) else nullcontext(path) as folder:
        names = resent_in(folder)
        files_there = [item for item in folder.iterdir() if item.is_file() and item.name[0] != "."]
        empty = sorted(item.name for item in files_there if not item.stat().st_size)
    found = [f"{listed(names, 3)}: the same slice, pixels and all, as another file; it is read once"] if names else []
    if empty:
        found.append(f"{listed(empty, 3)}: an empty file, which is not read; a slice may be missing: copy it again")
    return found
