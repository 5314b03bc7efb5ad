"""A mask and its numbers written as DICOM objects into a folder: seg.dcm and sr.dcm, of the study of their images."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from radfuse.errors import InputError
from radfuse.run.disk import write_folder
from radfuse.volume.dicom import quiet
from radfuse.volume.dicom_seg import UTF8, Maker, indexed, segmentation, source_headers
from radfuse.volume.dicom_sr import Numbers, report
from radfuse.volume.files import read_grid
from radfuse.volume.image import LabelMap

if TYPE_CHECKING:
    from pydicom import Dataset

SEG, SR = "seg.dcm", "sr.dcm"
_CORRECT = "look at what they say of patient and study, and correct it"
_LOOK = "look at the names and codes of its labels, and at what its headers say of patient and study"


def write_objects(
    folder: Path,
    labels: LabelMap,
    image: Path,
    maker: Maker,
    codes: Mapping[str, str] | None = None,
    numbers: Numbers | None = None,
) -> None:
    """Write a segmentation, and a report with the volume of each label and what else is known.

    Args:
        folder: of the case; no file's name says whose it is.
        labels: on the grid of the image, with names.
        image: folder of the DICOM series.
        maker: who made them.
        codes: label name -> code in the place of ours.
        numbers: features and probabilities; its volumes are those of the mask.

    Raises:
        InputError: the image is no DICOM series, the mask is empty or does not lie on it, highdicom is not installed.
        RunError: the disk is full, or may not be written to.
    """
    with quiet():  # of fields of the source, whose values they repeat
        with _naming_nobody(image, "what its headers say", _CORRECT):
            headers = source_headers(image)
        with _naming_nobody(image, f"its segmentation, {SEG},", _LOOK):
            made = segmentation(labels, headers, maker, codes)
        with indexed(made) as segmented:
            with _naming_nobody(image, f"the report on it, {SR},", _LOOK):
                said = replace(numbers or Numbers({}), volumes_mm3=_volumes(labels, image))
                told = _bytes(report(said, segmented, headers, maker, codes))  # before letters of the other are turned
            with _naming_nobody(image, f"its segmentation, {SEG},", _LOOK):
                files = {SEG: _bytes(segmented), SR: told}
    write_folder(folder, files)


@contextmanager
def _naming_nobody(image: Path, what: str, mend: str) -> Iterator[None]:
    """Turn an error whose text may name the patient into one that says what could not be written."""
    try:
        yield
    except (ValueError, TypeError, OverflowError, AttributeError, LookupError) as error:
        raise InputError(f"{image}: {what} cannot be written beside it ({type(error).__name__}); {mend}") from None


def _volumes(labels: LabelMap, image: Path) -> dict[str, float]:
    """Return label name -> volume, by the image's voxels: a mask from NIfTI has its own in fewer digits."""
    voxel = float(np.prod(read_grid(image).spacing_zyx_mm))
    counts = {label: int(np.count_nonzero(labels.array == label)) for label in labels.present()}
    return {labels.names.get(label, f"label {label}"): count * voxel for label, count in counts.items()}


def _bytes(item: Dataset) -> bytes:
    """Return a file, its texts as UTF-8: labels and outcomes may need letters that the images' own set lacks."""
    item.decode()
    item.SpecificCharacterSet = UTF8
    stream = io.BytesIO()
    item.save_as(stream)
    return stream.getvalue()
