"""Two folders of masks, or two files, against each other: which belong together, and how each pair agrees."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from radfuse.config import kind_of
from radfuse.errors import InputError, Problem, listed, short
from radfuse.results import MaskAgreement
from radfuse.seg.metrics import agreement, agreement_per_label
from radfuse.volume.dicom_masks import mask_object, onto_image
from radfuse.volume.files import SUFFIXES, images_among, read_grid, read_labels, suffix_of
from radfuse.volume.flat import BESIDE, PICTURES, Spacing, spacing_of
from radfuse.volume.grid import Grid, orientation_of, oriented, triple
from radfuse.volume.image import LabelMap, in_order_of
from radfuse.volume.layout import MOST_VOXELS
from radfuse.volume.resample import lost_beyond, resample_labels
from radfuse.volume.segments import plain_name

_ENDS = (*SUFFIXES, *PICTURES)
_SEVERAL = "several images, or with folders of them"
_GIVE_ONE = "Compare each by itself, or put masks beside each other"
_MOST_LABELS = 256
"""A file with more is an image rather than a mask, unless labels are named."""


@dataclass(frozen=True)
class MaskPair:
    """Two masks of one case.

    Attributes:
        case: its name.
        reference: file that the other is measured against.
        other: file.
        labels: name -> number, what is compared; None: every label that occurs, named by its number.
        tolerances_mm: label name -> tolerance of the surface Dice; "" for all others.
        spacing_mm: between rows and between columns of pictures that do not say it; None: nobody says it.
    """

    case: str
    reference: Path
    other: Path
    labels: Mapping[str, int] | None
    tolerances_mm: Mapping[str, float]
    spacing_mm: Spacing | None = None

    def __str__(self) -> str:
        return self.case


@dataclass(frozen=True)
class ComparedPair:
    """How two masks agree.

    Attributes:
        agreement: label name -> how it agrees.
        sides: labels that occur in the reference, and in the other mask, as they are compared.
        remark: what was done to compare them; empty where nothing was.
    """

    agreement: Mapping[str, MaskAgreement]
    sides: tuple[frozenset[int], frozenset[int]]
    remark: str = ""

    @property
    def present(self) -> frozenset[int]:
        """Labels that occur in either mask."""
        return self.sides[0] | self.sides[1]


def matched(reference: Path, other: Path) -> tuple[dict[str, tuple[Path, Path]], list[Problem]]:
    """Return case -> its two files, and which files have no partner: an error of the reference, else a warning.

    Two files are one case. In folders, masks of one name are; a folder in a folder that holds one mask, as
    `labels/CASE/labels.nrrd` of a run, is a mask of its own name. One that holds several, itself or in folders, is left
    out.

    Raises:
        InputError: nothing there, a file and a folder, a folder without masks, two masks of one name, none in common.
    """
    kinds = {path: kind_of(path) for path in (reference, other)}
    for path, kind in kinds.items():
        if kind is None:
            raise InputError(f"no file or folder {short(path)}; correct the path")
    if set(kinds.values()) == {"file"}:
        return {_stem(reference): (reference, other)}, []
    if "file" in kinds.values():
        file = next(path for path, kind in kinds.items() if kind == "file")
        raise InputError(f"{file} is a file and the other a folder; give two files or two folders of masks")
    (first, unread), (second, unread_too) = _masks_in(reference), _masks_in(other)
    common = {name: (first[name], second[name]) for name in sorted(first.keys() & second.keys())}
    if not common:
        raise InputError(
            f"no mask of {reference} has the name of one of {other}; found {listed(sorted(first), 3)} there and "
            f"{listed(sorted(second), 3)} here. Rename one side: names are compared without {', '.join(_ENDS)}"
        )
    return common, [
        *_alone(reference, first, second, other, "error"),
        *_alone(other, second, first, reference, "warning"),
        *_several(reference, unread),
        *_several(other, unread_too),
    ]


def _several(folder: Path, names: list[str]) -> Iterator[Problem]:
    if names:
        told = f"folders with {_SEVERAL}, {len(names)} in all, are left out: {listed(names)}. {_GIVE_ONE}"
        yield Problem(str(folder), told, severity="warning")


def _alone(
    folder: Path,
    own: Iterable[str],
    others: Iterable[str],
    elsewhere: Path,
    severity: Literal["error", "warning"],
) -> Iterator[Problem]:
    missing = sorted(set(own) - set(others))
    if missing:
        yield Problem(
            str(folder),
            f"masks without a partner of their name in {elsewhere}, {len(missing)} in all, are left out: "
            f"{listed(missing)}. Rename or add what should be there",
            severity=severity,
        )


def _masks_in(folder: Path) -> tuple[dict[str, Path], list[str]]:
    """Return name -> file of every mask of a folder, and which folders in it hold several, or hold them in folders.

    Raises:
        InputError: none, two of one name, or the folder cannot be read.
    """
    found: dict[str, Path] = {}
    several = []
    try:
        items = sorted(folder.iterdir())
        files = set(_masks_among(items))
        for item in items:
            inside = _masks_among(item.iterdir()) if item.is_dir() and not item.name.startswith(".") else []
            if len(inside) > 1 or (not inside and item not in files and _holds_deeper(item)):
                several.append(item.name)
            if len(inside) != 1 and item not in files:
                continue
            name, path = (item.name, inside[0]) if inside else (_stem(item), item)
            if name in found:
                raise InputError(f"{folder} holds two masks named {name}: {found[name].name} and {path.name}; keep one")
            found[name] = path
    except OSError as error:
        raise InputError(f"{folder} cannot be read ({error.strerror}); look at its permissions") from error
    if not found:
        hint = f", but folders with {_SEVERAL}: {listed(several)}. {_GIVE_ONE}" if several else ""
        raise InputError(
            f"{folder} holds no masks{hint or '. Give the folder they lie in'}; known formats: {', '.join(_ENDS)}, and "
            "DICOM segmentations"
        )
    return found, several


def _holds_deeper(item: Path) -> bool:
    """Return whether masks lie in folders of a folder, which has none itself."""
    if not item.is_dir() or item.name.startswith("."):
        return False
    return any(_masks_among(each.iterdir()) for each in sorted(item.iterdir()) if each.is_dir())


def _masks_among(items: Iterable[Path]) -> list[Path]:
    """Return the masks among what lies in one folder; DICOM segmentations count where there are no other images."""
    items = sorted(items)
    return images_among(items) or _objects_among(items)


def _objects_among(items: Iterable[Path]) -> list[Path]:
    """Return the DICOM segmentations among some files; none where two that are none come first, as in a series."""
    found, others = list[Path](), 0
    for item in items:
        if item.suffix.lower() != ".dcm" or item.name.startswith(".") or item.is_dir():
            continue
        if _is_object(item):
            found.append(item)
        elif (others := others + 1) > 1 and not found:
            break
    return found


def _is_object(item: Path) -> bool:
    """Return whether a DICOM file is a segmentation; of one that is damaged its case shall tell."""
    try:
        return mask_object(item) is not None
    except InputError:
        return True


def _stem(path: Path) -> str:
    """Return a file's name without the suffix of its format."""
    return path.name[: len(path.name) - len(suffix_of(path))]


def compare(pair: MaskPair) -> ComparedPair:
    """Return how two masks agree, on the grid of the reference.

    Raises:
        InputError: a file is no mask, the masks lie apart, or there are too many labels.
    """
    reference, other = _masks_of(pair)
    _refuse_other_names(pair, reference, other)
    other, remark = in_order_of(other, reference.grid), ""
    if not other.grid.same_as(reference.grid):
        remark = f"resampled onto {reference.grid} from {other.grid}"
        onto, lost = resample_labels(other, reference.grid), lost_beyond(other, reference.grid)
        if other.present() and not onto.present():
            raise InputError(
                f"{pair.other}: no labelled voxel lies on the grid of {pair.reference}:\n  {reference.grid}\n  "
                f"{other.grid}\nCorrect the geometry of one of them, or take the masks of one image"
            )
        other, remark = onto, f"{remark}; {lost}" if lost else remark
    sides = frozenset(reference.present()), frozenset(other.present())
    present = sides[0] | sides[1]
    labels = pair.labels
    if labels is None:
        if len(present) > _MOST_LABELS:
            raise InputError(
                f"{pair.reference} and {pair.other} hold {len(present)} labels, as an image does; give masks, or name "
                "what to compare with --labels NAME=NUMBER,..."
            )
        labels = {str(number): number for number in sorted(present)}
    usual = pair.tolerances_mm[""]
    tolerances = {name: pair.tolerances_mm.get(name, usual) for name in labels}
    return ComparedPair(agreement_per_label(reference, other, labels, tolerances), sides, remark)


def _masks_of(pair: MaskPair) -> list[LabelMap]:
    """Return the two masks.

    Pixels of a picture that does not say how large they are are those of the other. A DICOM segmentation leaves empty
    slices out, and has those of the other, too.
    """
    paths, said = (pair.reference, pair.other), pair.spacing_mm
    objects = [mask_object(path) is not None for path in paths]
    silent = [path.name.lower().endswith(PICTURES) and spacing_of(path) is None for path in paths]
    if all(silent) and said is None:
        raise InputError(
            f"neither {pair.reference} nor {pair.other} says how large its pixels are; say so with --spacing-mm "
            f'0.14,0.14 (between rows, between columns), or put {{"spacing_mm": [0.14, 0.14]}} into a file {BESIDE} '
            "beside one of them"
        )
    known = None if said is None else Grid((1, 1, 1), (1.0, *said))
    if known is None and any(silent):
        at = silent.index(False)
        known = read_labels(paths[at], empty=True).grid if objects[at] else read_grid(paths[at])
    likes = [known if lacks else None for lacks in silent]
    if any(objects) and not all(objects):
        at = objects.index(False)
        own = likes[at]
        likes[1 - at] = read_grid(paths[at], None if own is None else own.spacing_zyx_mm[1:])
    reference, other = (read_labels(path, empty=True, like=like) for path, like in zip(paths, likes, strict=True))
    if all(objects):
        like = _slices_of_both(reference.grid, other.grid)
        if math.prod(like.shape) <= MOST_VOXELS and (moved := onto_image(other, like)).grid is like:
            return [onto_image(reference, like), moved]
    return [reference, other]


def _slices_of_both(grid: Grid, other: Grid) -> Grid:
    """Return a grid with slices before and behind it, as far as another reaches."""
    other = oriented(other, orientation_of(grid))
    axes = np.reshape(grid.direction, (3, 3)) * np.array(grid.spacing_zyx_mm[::-1])
    start = round(np.linalg.solve(axes, np.subtract(other.origin, grid.origin))[2])
    first, last = min(start, 0), max(start + other.shape[0], grid.shape[0])
    origin = triple(np.array(grid.origin) + first * axes[:, 2], float)
    return Grid((last - first, *grid.shape[1:]), grid.spacing_zyx_mm, origin, grid.direction)


def _refuse_other_names(pair: MaskPair, reference: LabelMap, other: LabelMap) -> None:
    """Refuse two files that call one number by two names, as segments are numbered in the order they were drawn."""
    both = set(reference.present()) & set(other.present())
    for number in sorted(both & set(reference.names) & set(other.names)):
        one, two = reference.names[number], other.names[number]
        if plain_name(one) != plain_name(two):
            raise InputError(
                f"{pair.reference} calls label {number} {one!r}, and {pair.other} calls it {two!r}; number the "
                "segments alike in both and save them again"
            )


def one_sided(pairs: Iterable[ComparedPair], labels: Mapping[str, int] | None) -> list[Problem]:
    """Return, as warnings, which labels no mask of one side holds, or of both, with the numbers that occur.

    Args:
        pairs: of all cases.
        labels: name -> number, what is compared; None: every label that occurs.
    """
    held = [frozenset().union(*side) for side in zip(*(pair.sides for pair in pairs), strict=True)]
    wanted = labels or {str(number): number for number in sorted(held[0] | held[1])}
    problems = []
    for lacking, message in (
        ((True, True), "no mask holds {0}; those of A hold {1}, those of B {2}. Check the numbers"),
        ((True, False), "no mask of A holds {0}, and those of B do; A holds {1}, B {2}. {3}"),
        ((False, True), "no mask of B holds {0}, and those of A do; A holds {1}, B {2}. {3}"),
    ):
        names = [
            f"{name}={number}" if labels else name
            for name, number in wanted.items()
            if tuple(number not in side for side in held) == lacking
        ]
        if names:
            told = [listed(sorted(side)) for side in held]
            mend = "Number labels alike on both sides, unless none was drawn or found there"
            problems.append(Problem("labels", message.format(listed(names), *told, mend), severity="warning"))
    return problems


def nowhere(tolerance_mm: float) -> MaskAgreement:
    """Return how two masks agree that both lack a label."""
    empty = np.zeros((1, 1, 1), dtype=bool)
    return agreement(empty, empty, (1.0, 1.0, 1.0), tolerance_mm)
