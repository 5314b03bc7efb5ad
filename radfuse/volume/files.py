"""Image files: what is read from them, what is wrong with them, and writing them.

Hand over NRRD or MHA between steps, since NIfTI keeps its affine in float32. How each format holds its voxels stands in
`nifti.py`, `nrrd.py` and `meta.py`, a folder of DICOM slices in `dicom.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from radfuse.config import kind_of
from radfuse.errors import InputError, RunError, listed
from radfuse.given import as_path
from radfuse.volume.dicom import is_enhanced, read_dicom
from radfuse.volume.dicom_masks import mask_object, read_object
from radfuse.volume.flat import FLAT, PICTURES, Spacing, is_flat, read_flat, require_spacing
from radfuse.volume.grid import SPACING_MM, Grid
from radfuse.volume.image import MOST_LABELS, LabelMap, Volume
from radfuse.volume.layout import Layout, check_content, check_promise, check_whole, read_voxels
from radfuse.volume.meta import meta_layout
from radfuse.volume.nifti import nifti_layout
from radfuse.volume.nrrd import nrrd_layout, segments_of
from radfuse.volume.segments import by_segment_names
from radfuse.volume.sitk import from_sitk, grid_of, read_header, read_image, reason_of, to_sitk, write_file
from radfuse.volume.zipped import ZIP, is_zip, unzipped

_FORMATS: dict[str, Callable[[Path], Layout]] = {
    ".nii": nifti_layout,
    ".nii.gz": nifti_layout,
    ".nrrd": nrrd_layout,
    ".nhdr": nrrd_layout,
    ".mha": meta_layout,
    ".mhd": meta_layout,
}
SUFFIXES = tuple(_FORMATS)
_LOSSY = (".jpg", ".jpeg")
_NAMED = (".nrrd", ".nhdr")
"""Formats whose header may say what labels are called."""
_FARTHEST_MM = 1e6
"""No patient lies farther from where the scanner counts from."""
_COARSEST_STEP = 0.1
"""Between values that a mask is stored in; halves of it do not part one label from the next."""
_SHEAR = 1e-2
"""Cosine between two axes, or what a direction is longer or shorter than 1, beyond which axes are not at right angles;
rounded directions of three decimals are."""


def suffix_of(path: Path) -> str:
    """Return the end of a file's name that says its format, as it is known here; "" where it is no image's."""
    return max((end for end in (*SUFFIXES, *FLAT, ZIP) if path.name.lower().endswith(end)), key=len, default="")


def images_among(paths: Iterable[Path]) -> list[Path]:
    """Return the images among what lies in one folder: volumes, or PNG and JPEG files where there are none.

    Pictures beside volumes are of them, as the previews beside masks; a DICOM file in a folder is a slice of a series.
    """
    files = [path for path in paths if not path.name.startswith(".") and not path.is_dir()]
    volumes = [path for path in files if path.name.lower().endswith(SUFFIXES)]
    return volumes or [path for path in files if path.name.lower().endswith(PICTURES)]


def read_volume(path: str | Path, spacing_mm: Spacing | None = None) -> Volume:
    """Read an image: NIfTI, NRRD, MHA, one DICOM series, or a flat one: PNG, JPEG, one DICOM frame.

    A series is a folder of slices, a zip of them, or an enhanced file whose frames say where they lie.

    Args:
        path: of the image.
        spacing_mm: between rows and between columns, of a flat image that does not say it.

    Raises:
        InputError: unreadable, truncated or damaged, larger than `layout.MOST_VOXELS` or `layout.MOST_BYTES`, not
            three-dimensional, vectors, NaN or infinite voxels, no extent, a header that cannot be, or a DICOM folder
            with several series or a missing slice, or another spacing than `spacing_mm`; names the file and the mend.
    """
    path = as_path(path, "image")
    stored, grid = _read(path, said=spacing_mm)
    with np.errstate(over="ignore"):
        array = stored.astype(np.float32, copy=False)
    lowest, highest = array.min(), array.max()
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        bad = ~np.isfinite(array)
        raise InputError(
            f"{path}: {np.count_nonzero(bad)} voxels are NaN or infinite, the first at voxel (z, y, x) = {_first(bad)}"
            "; replace them (by background, say) and save it again"
        )
    return Volume(array, grid, path.name, None if stored is array else stored)


def read_grid(path: str | Path, spacing_mm: Spacing | None = None) -> Grid:
    """Read where an image's voxels lie, from the header alone where the format allows.

    Args:
        path: of the image.
        spacing_mm: as `read_volume` has it.

    Raises:
        InputError: as `read_volume`, as far as the header and the file's size tell.
    """
    path = as_path(path, "image")
    if kind_of(path) == "folder" or is_flat(path) or is_zip(path):
        return _read(path, said=spacing_mm)[1]
    with _readable(path):
        layout = _layout_of(path)
        grid = _grid_of(path, layout)
        require_spacing(path, grid.spacing_zyx_mm[1:], spacing_mm)
        if layout.packing == "other":
            return _read(path)[1]
        check_whole(layout)
        return grid


def channels_of(path: str | Path) -> int:
    """Return how many values each voxel of a file holds, as `read_grid` reads it."""
    path = as_path(path, "mask")
    if kind_of(path) == "folder" or is_flat(path) or is_zip(path):
        return 1
    with _readable(path):
        return _layout_of(path).channels


def read_labels(
    path: str | Path,
    names: Mapping[int, str] | None = None,
    *,
    channel: int | None = None,
    empty: bool = False,
    like: Grid | None = None,
) -> LabelMap:
    """Read a segmentation.

    Args:
        path: NIfTI, NRRD or MHA; PNG of labels, for a flat image; a DICOM segmentation or structure set, .dcm, or a
            folder that holds it alone.
        names: label -> name; labels that are not declared here are an error.
        channel: which one of a file whose voxels hold several values; None refuses such files.
        empty: take a mask of background alone, as a network may make it.
        like: where the voxels of its image lie; contours are drawn into it, the slices that a DICOM segmentation leaves
            out are filled up, and a flat mask that does not say how large its pixels are has those of the image.

    Raises:
        InputError: as `read_volume`, and voxels that are no whole number from 0 to 2^31 - 1, an empty mask, undeclared
            labels.
    """
    path = as_path(path, "mask")
    if not isinstance(names or {}, Mapping) or not all(isinstance(label, (int, np.integer)) for label in names or ()):
        raise InputError(f"names: give a mapping of labels to names, such as {{1: 'tumour'}}; found {names!r}")
    stored = mask_object(path) if kind_of(path) is not None else None
    if stored is not None:
        labels = read_object(*stored, names, like)
    else:
        if path.name.lower().endswith(_LOSSY):
            raise InputError(f"{path}: JPEG changes the values of pixels, and so the labels of a mask; save it as PNG")
        array, grid = _read(path, channel, like=like, labels=True)
        called = segments_of(path) if path.name.lower().endswith(_NAMED) else {}
        array = by_segment_names(path, _as_labels(path, array), called, names)
        labels = LabelMap(array, grid, dict(_unlike(called) if names is None else names), path.name)
    found = labels.present()
    if not found and not empty:
        raise InputError(f"{path}: the mask is empty; draw it, or leave the mask of this case out")
    undeclared = [label for label in found if names is not None and label not in names]
    if undeclared:
        known = ", ".join(f"{label} {name}" for label, name in (names or {}).items())
        raise InputError(
            f"{path}: labels {listed(undeclared)} are not declared; declared: {known}. Declare them under "
            f"segmentation.labels (as NAME: {undeclared[0]}), or save the mask with the numbers that are"
        )
    return labels


def write_image(image: Volume | LabelMap, path: str | Path) -> None:
    """Write to NIfTI, NRRD or MHA; labels take the smallest unsigned type that holds them.

    Raises:
        InputError: another suffix.
        RunError: the file is not whole afterwards; ITK says nothing of that for .nii.gz.
    """
    path = Path(path)
    if not path.name.endswith(SUFFIXES):
        raise InputError(f"{path}: give a name that ends in one of {', '.join(SUFFIXES)}")
    try:
        write_file(to_sitk(image), path)
        check_whole(_layout_of(path))
    except (InputError, OSError, RuntimeError) as error:
        raise RunError(
            f"{path} could not be written whole; look at the space left on its disk, and at quotas"
        ) from error


def _read(
    path: Path,
    channel: int | None = None,
    said: Spacing | None = None,
    like: Grid | None = None,
    *,
    labels: bool = False,
) -> tuple[np.ndarray, Grid]:
    """Read the voxels of a file or a DICOM folder as they are stored, shape (z, y, x), and where they lie.

    Args:
        path: of the file.
        channel: of voxels that hold several values.
        said: size of its pixels as the study has it.
        like: where the voxels of its image lie, of a mask.
        labels: it is a mask.
    """
    if kind_of(path) == "file" and is_flat(path):
        with _readable(path):
            if not is_enhanced(path):
                return read_flat(path, said, None if like is None else like.spacing_zyx_mm[1:], labels=labels)
    array, grid = _read_deep(path, channel, labels=labels)
    require_spacing(path, grid.spacing_zyx_mm[1:], said)
    return array, grid


def _read_deep(path: Path, channel: int | None, *, labels: bool = False) -> tuple[np.ndarray, Grid]:
    """Read an image that says itself where its voxels lie."""
    if kind_of(path) == "folder":
        return read_dicom(path)
    with _readable(path):
        if is_zip(path):
            with unzipped(path) as folder:
                return read_dicom(folder)
        if is_flat(path):
            return read_dicom(path)
        layout = _layout_of(path)
        grid = _grid_of(path, layout, channel)
        if layout.packing != "other":
            array = read_voxels(layout, channel)
            return _rounded(array, layout.slope) if labels else array, grid
        array, _ = from_sitk(read_image(path))
        if layout.channels > 1:
            array = array[..., channel]
        return array.reshape(grid.shape), grid


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn what ITK, the disk or the memory says while a file is read into an error that names it."""
    if kind_of(path) != "file":
        raise InputError(f"no image at {path}; correct the path")
    try:
        yield
    except RuntimeError as error:
        mend = "copy it again"
        if "orthonormal" in str(error):
            mend = "its axes are sheared: resample it to a rectangular grid"
        raise InputError(f"{path} is no image that can be read ({reason_of(error)}); {mend}") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); look at its permissions and the disk") from error
    except MemoryError as error:
        raise InputError(f"{path} does not fit into memory; crop or resample it, or take a larger machine") from error


def _layout_of(path: Path) -> Layout:
    """Return how a file holds its voxels, after looking at whether it can hold what its header says."""
    name = path.name.lower()
    read = next((read for suffix, read in _FORMATS.items() if name.endswith(suffix)), None)
    if read is None:
        raise InputError(
            f"{path} is no image that can be read by its name; known formats: "
            f"{', '.join((*SUFFIXES, *FLAT))} or a DICOM folder"
        )
    layout = read(path)
    check_promise(layout)
    return layout


def _grid_of(path: Path, layout: Layout, channel: int | None = None) -> Grid:
    """Return where the voxels lie; refuse what is not three-dimensional, a channel that is not there, sheared axes."""
    size = layout.size
    if channel is None and layout.channels > 1:
        raise InputError(
            f"{path}: each voxel holds {layout.channels} values; save one channel as its own image, or a mask with a "
            "channel a label as one number a voxel (3D Slicer: export the segmentation to a labelmap)"
        )
    if channel is not None and layout.channels > 1 and not 0 <= channel < layout.channels:
        raise InputError(f"{path} has {layout.channels} channels, numbered from 0; there is no channel {channel}")
    if len(size) != 3:
        shape = " x ".join(map(str, size))
        mend = "save one time point as its own image, or a mask with a channel a label as one number a voxel"
        if len(size) < 3:
            mend = "save it with a third axis of one voxel, or as PNG"
        raise InputError(f"{path}: the image is {len(size)}-D ({shape}), not 3-D; {mend}")
    try:
        reader = read_header(path)
    except RuntimeError:
        check_content(layout)  # says better than ITK where a file is damaged
        raise
    if reader.GetSize()[:3] != size:
        found = " x ".join(map(str, reader.GetSize()))
        raise InputError(f"{path}: {layout} are read as {found}; save it as NIfTI with three axes")
    grid = grid_of(reader)
    if not all(SPACING_MM[0] <= length <= SPACING_MM[1] for length in grid.spacing_zyx_mm):
        spacing = " x ".join(f"{length:g}" for length in grid.spacing_zyx_mm[::-1])
        raise InputError(f"{path}: the voxel spacing is {spacing} mm; correct the header, its units are mm")
    if not all(abs(place) <= _FARTHEST_MM for place in grid.origin):
        raise InputError(f"{path}: the first voxel lies at {grid.origin} mm; correct the header, its units are mm")
    axes = np.reshape(grid.direction, (3, 3))
    if not (np.abs(axes.T @ axes - np.eye(3)) < _SHEAR).all():
        raise InputError(
            f"{path}: its axes point along {axes.T.round(4).tolist()}, not at right angles to each other; correct the "
            "header, or resample it to a rectangular grid"
        )
    return grid


def _unlike(called: dict[int, str]) -> dict[int, str]:
    """Return what labels are called where that tells them apart; else nothing."""
    return called if len(set(called.values())) == len(called) else {}


def _rounded(array: np.ndarray, slope: float) -> np.ndarray:
    """Return labels that were stored in steps of a slope, as nibabel does with masks of real numbers; others as is."""
    whole = np.rint(array)
    if slope == 1 or abs(slope) > _COARSEST_STEP or np.abs(array - whole).max() > 0.51 * abs(slope):
        return array
    return whole


def _as_labels(path: Path, array: np.ndarray) -> np.ndarray:
    """Return integers; refuse what is no label."""
    whole = np.issubdtype(array.dtype, np.integer)
    lowest, highest = array.min(), array.max()
    if not (lowest >= 0 and highest < MOST_LABELS and (whole or np.array_equal(np.rint(array), array))):
        bad = ~((array >= 0) & (array < MOST_LABELS) & (np.rint(array) == array))
        where = _first(bad)
        found = array[where] if whole else f"{array[where]:.10g}"
        raise InputError(
            f"{path}: a mask holds whole numbers from 0 to {MOST_LABELS - 1}; found {found} at voxel (z, y, x) = "
            f"{where}, {np.count_nonzero(bad)} such voxels in all. Resample masks with nearest neighbour, and save "
            "background as 0"
        )
    if not whole:
        return array.astype(np.int32)
    return array.astype(np.int64) if array.dtype.itemsize > 4 else array


def _first(bad: np.ndarray) -> tuple[int, int, int]:
    """Return the first place (z, y, x) that is True."""
    z, y, x = np.unravel_index(int(bad.argmax()), bad.shape)
    return int(z), int(y), int(x)
