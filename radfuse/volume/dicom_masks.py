"""Masks that are DICOM objects: segmentations, frame by frame, and the contours of a structure set.

Both say where they lie in the patient; voxels are those of the image, whose grid is given where it is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from radfuse.errors import InputError, counted, listed
from radfuse.volume.dicom import DAMAGE, header_of, text_of
from radfuse.volume.frames import frame_pixels
from radfuse.volume.grid import GRID_TOLERANCE, Grid, orientation_of, oriented, triple
from radfuse.volume.image import LabelMap, in_order_of
from radfuse.volume.layout import MOST_VOXELS
from radfuse.volume.segments import declared, numbered

if TYPE_CHECKING:
    from pydicom import Dataset

SEG_CLASSES = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
RTSTRUCT_CLASS = "1.2.840.10008.5.1.4.1.1.481.3"
_FRAME = "FrameOfReferenceUID"
_CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
_HALF = 0.5
"""Of a fractional segment, from which on a voxel is of it."""
_BESIDE = 0.25
"""Of the distance between slices, by which the plane of a contour may lie beside them."""
_OVER = 1.5
"""Voxels beyond the centre of the outermost that a contour may reach: one that runs around all of the image."""
_BETWEEN = 0.05
"""Of the distance between slices, by which a frame may lie between them."""
_TURNED = 1e-3
"""Between the directions of frames of one stack, which are written in few decimals."""
_FEW_STEPS = 2
"""From so many gaps on, all of them empty slices, a structure is not of several parts but of thicker slices."""


def mask_object(path: Path) -> tuple[Path, Dataset] | None:
    """Return the file of a DICOM segmentation or structure set and its header; None where a path is neither.

    Args:
        path: of the file, or of a folder that holds nothing else.
    """
    if path.is_dir():
        inside = [item for item in path.iterdir() if not item.name.startswith(".")]
        if len(inside) != 1 or not inside[0].is_file():
            return None
        path = inside[0]
    elif not path.name.lower().endswith(".dcm"):
        return None
    header = header_of(path)
    known = (*SEG_CLASSES, RTSTRUCT_CLASS)
    return (path, header) if header is not None and text_of(header, "SOPClassUID") in known else None


def drawn_elsewhere(mask: Path, image: Path) -> str:
    """Return why a DICOM mask may be of another scan than a folder of slices, in words; empty where nothing shows.

    Names no identifier. What was pseudonymised file by file may have frames of its own, so that this is a remark.
    """
    stored = mask_object(mask)
    if stored is None or not image.is_dir():
        return ""
    seen = (header_of(item) for item in sorted(image.iterdir()) if item.is_file() and item.name[0] != ".")
    first = next((header for header in seen if header is not None and text_of(header, _FRAME)), None)
    if first is None:
        return ""
    said = [text_of(stored[1], name) for name in (_FRAME, "PatientID")]
    frames = {said[0], *(text_of(item, _FRAME) for item in stored[1].get("ReferencedFrameOfReferenceSequence") or ())}
    told = []
    if (frames := frames - {""}) and text_of(first, _FRAME) not in frames:
        told.append("in another frame of reference")
    if said[1] and text_of(first, "PatientID") not in ("", said[1]):
        told.append("under another PatientID")
    return f"was drawn {' and '.join(told)} than {image.name}; look whether it is of this scan" if told else ""


def read_object(path: Path, header: Dataset, names: Mapping[int, str] | None, like: Grid | None) -> LabelMap:
    """Read a mask.

    Args:
        path: of the file.
        header: of it, from `mask_object`.
        names: label -> name, as declared; segments and contours bear the names of labels, in any capitals, blanks for
            underscores. None: they are numbered as they come.
        like: grid of the image; contours need it, a segmentation is brought onto it where its voxels are the image's.

    Raises:
        InputError: names that are not declared, overlapping segments, contours across the slices, damage.
    """
    try:
        if text_of(header, "SOPClassUID") == RTSTRUCT_CLASS:
            return _contours(path, header, names, like)
        return _segments(path, header, names, like)
    except DAMAGE as error:
        raise InputError(f"{path} is damaged, or lacks what a mask needs ({type(error).__name__}: {error})") from error


def _segments(path: Path, header: Dataset, names: Mapping[int, str] | None, like: Grid | None) -> LabelMap:
    said = {int(item.SegmentNumber): str(item.get("SegmentLabel") or "") for item in header.SegmentSequence}
    said.pop(0, None)  # a label map's background
    labels = numbered(path, said, names)
    unknown = [said[number] for number in said if number not in labels]
    if unknown:
        known = ", ".join(f"{label} {name}" for label, name in (names or {}).items())
        raise InputError(
            f"{path}: segments {listed(unknown)} are not declared; declared: {known}. Declare them by these names "
            "under segmentation.labels"
        )
    pixels = frame_pixels(path)
    kind = str(header.SegmentationType)
    if kind == "FRACTIONAL":
        pixels = pixels >= _HALF * float(header.MaximumFractionalValue)
    together = header.SharedFunctionalGroupsSequence[0]
    frames = list(header.PerFrameFunctionalGroupsSequence)

    def said_of(frame: Dataset, sequence: str) -> Dataset:
        return (frame.get(sequence) or together.get(sequence))[0]

    places = np.array(
        [[float(v) for v in said_of(item, "PlanePositionSequence").ImagePositionPatient] for item in frames]
    )
    grid, at = _grid_of_frames(path, header, places, pixels.shape[1:], like)
    array = np.zeros(grid.shape, dtype=np.uint32)
    turned = np.array([labels.get(number, 0) for number in range(int(pixels.max()) + 1)], dtype=np.uint32)
    for plane, item, slice_ in zip(pixels, frames, at, strict=True):
        if kind == "LABELMAP":
            values = turned[plane]
        else:
            number = int(said_of(item, "SegmentIdentificationSequence").ReferencedSegmentNumber)
            values = (plane > 0).astype(np.uint32) * np.uint32(labels[number])
        both = (values > 0) & (array[slice_] > 0) & (array[slice_] != values)
        if both.any():
            many = counted(int(both.sum()), "voxel of one slice is", "voxels of one slice are")
            raise InputError(f"{path}: {many} of two segments; save segments that do not overlap")
        array[slice_] = np.maximum(array[slice_], values)
    shown = dict(names) if names is not None else {labels[number]: name for number, name in said.items()}
    found = LabelMap(array, grid, shown, path.name)
    return found if like is None else onto_image(found, like)


def _grid_of_frames(
    path: Path, header: Dataset, places: np.ndarray, plane: Sequence[int], like: Grid | None
) -> tuple[Grid, list[int]]:
    """Return the grid that the frames of a segmentation span, and the slice of it that each lies on."""
    together, frames = header.SharedFunctionalGroupsSequence[0], header.PerFrameFunctionalGroupsSequence

    def said(sequence: str, frame: Dataset) -> Dataset:
        return (together.get(sequence) or frame.get(sequence))[0]

    turns = [said("PlaneOrientationSequence", frame).ImageOrientationPatient for frame in frames]
    turn = np.array(turns[0], dtype=float).reshape(2, 3)
    measures = said("PixelMeasuresSequence", frames[0])
    rows, columns = (float(v) for v in measures.PixelSpacing)
    normal = np.cross(*turn)
    along = places @ normal
    aside = places - places[0] - np.outer(along - along[0], normal)
    if np.abs(np.array(turns, dtype=float) - turns[0]).max() > _TURNED or np.abs(aside).max() > min(rows, columns) / 2:
        raise InputError(f"{path}: its frames are not of one stack of slices; save it on the grid of its image")
    levels = np.unique(np.round(along, 3))
    said_mm = float(measures.get("SpacingBetweenSlices") or measures.get("SliceThickness") or 0)
    origin, direction = triple(places[int(along.argmin())], float), tuple(np.stack([*turn, normal], axis=1).ravel())
    grid = Grid((1, int(plane[0]), int(plane[1])), (1.0, rows, columns), origin, direction)
    image_mm = 0.0 if like is None else _step_of_image(places, oriented(like, orientation_of(grid)))
    gaps = np.diff(levels)
    least = float(gaps.min()) if len(gaps) else image_mm or said_mm or 1.0
    for apart in sorted((image_mm, said_mm), reverse=True):  # slices may be thinner than they are apart, or overlap
        if 0 < apart < least * (1 + 1e-3) and abs(least / apart - round(least / apart)) < 0.02:
            step = apart  # empty slices between are left out of the file
            break
    else:  # on average: places are rounded, or measured
        step = float(gaps.sum() / np.rint(gaps / least).sum()) if len(gaps) else least
    at = (along - along.min()) / step
    if np.abs(at - np.rint(at)).max() > _BETWEEN:
        raise InputError(f"{path}: its frames are not evenly spaced; save it on the grid of its image")
    count = int(np.rint(at.max())) + 1
    if count * plane[0] * plane[1] > MOST_VOXELS:
        raise InputError(f"{path} has more than {MOST_VOXELS} voxels; crop or resample it")
    grid = replace(grid, shape=(count, *grid.shape[1:]), spacing_zyx_mm=(step, rows, columns))
    return grid, [int(value) for value in np.rint(at)]


def _step_of_image(places: np.ndarray, like: Grid) -> float:
    """Return how far the slices of an image are apart where all frames lie on them, in mm; else 0.

    Args:
        places: of the first pixel of each frame, shape (frame, 3), (x, y, z) in mm.
        like: grid of the image, in the order of the frames.
    """
    axes = np.reshape(like.direction, (3, 3)) * np.array(like.spacing_zyx_mm[::-1])
    index = np.linalg.solve(axes, (places - np.array(like.origin)).T).T
    beside = np.abs(index - np.rint(index) * [0, 0, 1]).max()  # of the first pixel, which is the image's
    return like.spacing_zyx_mm[0] if beside < _BETWEEN else 0.0


def onto_image(labels: LabelMap, like: Grid) -> LabelMap:
    """Return a mask on the grid of an image where their voxels are the same but for slices left out; else as it is."""
    turned = oriented(like, orientation_of(labels.grid))
    if turned is not like:  # NIfTI counts rows from the other end
        return in_order_of(found, like) if (found := onto_image(labels, turned)).grid is turned else labels
    axes = np.reshape(like.direction, (3, 3)) * np.array(like.spacing_zyx_mm[::-1])
    own = np.reshape(labels.direction, (3, 3)) * np.array(labels.spacing_zyx_mm[::-1])
    into = np.linalg.solve(axes, own)  # own steps in steps of the image
    start = np.linalg.solve(axes, np.array(labels.origin) - np.array(like.origin))
    slack = 10 * GRID_TOLERANCE
    flat = labels.grid.shape[0] == 1
    straight = np.abs(into - np.eye(3))[:, : 2 if flat else 3].max() < slack
    x, y, z = (int(value) for value in np.rint(start))
    depth, rows, columns = labels.grid.shape
    inside = (x, y) == (0, 0) and (rows, columns) == like.shape[1:] and z >= 0 and z + depth <= like.shape[0]
    if not (straight and inside and np.abs(start - np.rint(start)).max() < slack):
        return labels
    array = np.zeros(like.shape, dtype=labels.array.dtype)
    array[z : z + depth] = labels.array
    return LabelMap(array, like, labels.names, labels.name)


def _contours(path: Path, header: Dataset, names: Mapping[int, str] | None, like: Grid | None) -> LabelMap:
    if like is None:
        raise InputError(f"{path} is a set of contours, which are drawn on an image; give it beside its image")
    said = {int(item.ROINumber): str(item.get("ROIName") or "") for item in header.StructureSetROISequence}
    labels = {number: number for number in said} if names is None else declared(said, names)
    if not labels:
        known = ", ".join(names.values()) if names else "none"
        raise InputError(
            f"{path}: its structures are called {listed(said.values())}, none of the labels {known}; name the label "
            "as the structure is called: its number says nothing"
        )
    array = np.zeros(like.shape, dtype=np.uint32)
    for item in header.get("ROIContourSequence") or ():
        number = int(item.ReferencedROINumber)
        if number in labels:
            drawn = _filled(f"{path}: of {said[number]!r}", _closed(path, said[number], item), like)
            both = drawn & (array > 0) & (array != labels[number])
            if both.any():
                many = counted(int(both.sum()), "voxel is", "voxels are")
                raise InputError(f"{path}: {many} of two structures; give one label of them alone")
            array[drawn] = labels[number]
    shown = dict(names) if names is not None else {labels[number]: name for number, name in said.items()}
    return replace(LabelMap(array, like, shown), name=path.name)


def _closed(path: Path, name: str, item: Dataset) -> list[np.ndarray]:
    """Return the corners of each closed contour of a structure, shape (point, 3), (x, y, z) in mm; copies count once.

    Raises:
        InputError: there are contours, and none is closed.
    """
    drawn = list(item.get("ContourSequence") or ())
    closed = [contour for contour in drawn if str(contour.get("ContourGeometricType")) in _CLOSED]
    if drawn and not closed:
        kinds = listed(dict.fromkeys(str(contour.get("ContourGeometricType")) for contour in drawn))
        raise InputError(f"{path}: no contour of {name!r} is closed ({kinds}), so that none has an inside; close them")
    points = [np.array([float(value) for value in contour.ContourData]).reshape(-1, 3) for contour in closed]
    return list({each.tobytes(): each for each in points}.values())


def _filled(what: str, contours: Sequence[np.ndarray], like: Grid) -> np.ndarray:
    """Return the voxels whose centres lie in an odd number of contours, so that rings have holes; bool (z, y, x).

    Args:
        what: file and structure, for messages.
        contours: corners of each, shape (point, 3), (x, y, z) in mm; fewer than three are none.
        like: grid of the image.
    """
    from skimage.draw import polygon2mask

    axes = np.reshape(like.direction, (3, 3)) * np.array(like.spacing_zyx_mm[::-1])
    array = np.zeros(like.shape, dtype=bool)
    closed = [points for points in contours if len(points) >= 3]
    beyond, levels = 0, []
    for points in closed:
        index = np.linalg.solve(axes, (points - np.array(like.origin)).T).T
        level = float(index[:, 2].mean())
        if np.abs(index[:, 2] - level).max() > _BESIDE or abs(level - round(level)) > _BESIDE:
            raise InputError(
                f"{what} a contour lies across the slices, or between them; export contours drawn on this series"
            )
        last = np.array(like.shape[::-1]) - 1
        beside = (index < -_OVER).any() or (index > last + _OVER).any()
        beyond += bool(beside or not 0 <= round(level) < like.shape[0])
        if 0 <= round(level) < like.shape[0]:
            inside = polygon2mask(like.shape[1:], index[:, 1::-1])  # type: ignore[no-untyped-call]
            array[round(level)] ^= inside
            levels.append(round(level))
    if beyond:
        raise InputError(
            f"{what} {beyond} of {len(closed)} contours lie beyond the image, {like}; give the series that they were "
            "drawn on"
        )
    steps = np.diff(np.unique(levels))
    if len(steps) >= _FEW_STEPS and steps.min() > 1:
        raise InputError(
            f"{what} no two contours lie on neighbouring slices of this series: they were drawn on thicker ones, or "
            "are yet to be interpolated; export them drawn on this series"
        )
    return array
