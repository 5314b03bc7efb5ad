"""A mask and its numbers written as DICOM objects into a folder: seg.dcm and sr.dcm, of the study of their images."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from radfuse.run.disk import write_folder
from radfuse.volume.dicom_seg import Maker, segmentation, source_headers
from radfuse.volume.dicom_sr import Numbers, report
from radfuse.volume.files import read_grid
from radfuse.volume.image import LabelMap

if TYPE_CHECKING:
    from pydicom import Dataset

SEG, SR = "seg.dcm", "sr.dcm"


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
    headers = source_headers(image)
    segmented = segmentation(labels, headers, maker, codes)
    voxel = float(np.prod(read_grid(image).spacing_zyx_mm))  # a mask from NIfTI has its own in fewer digits
    counts = {label: int(np.count_nonzero(labels.array == label)) for label in labels.present()}
    volumes = {labels.names.get(label, f"label {label}"): count * voxel for label, count in counts.items()}
    said = replace(numbers or Numbers({}), volumes_mm3=volumes)
    told = report(said, segmented, headers, maker, codes)
    write_folder(folder, {SEG: _bytes(segmented), SR: _bytes(told)})


def _bytes(item: Dataset) -> bytes:
    stream = io.BytesIO()
    item.save_as(stream)
    return stream.getvalue()
