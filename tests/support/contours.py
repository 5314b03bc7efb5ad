"""DICOM objects of a few elements: structure sets by their contours, segmentations by their frames."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels import pack_bits
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

from radfuse.volume.dicom_masks import RTSTRUCT_CLASS, SEG_CLASSES


def item(**told: Any) -> Dataset:
    made = Dataset()
    for name, value in told.items():
        setattr(
            made,
            name,
            Sequence(value) if isinstance(value, list) and value and isinstance(value[0], Dataset) else value,
        )
    return made


def save(path: Path, kind: str, **told: Any) -> Path:
    header, first = (
        item(SOPClassUID=kind, SOPInstanceUID="1.2.3.9", SeriesInstanceUID="1.2.8", **told),
        FileMetaDataset(),
    )
    first.TransferSyntaxUID, first.MediaStorageSOPClassUID = ExplicitVRLittleEndian, kind
    first.MediaStorageSOPInstanceUID = "1.2.3.9"
    header.file_meta = first
    header.save_as(path, enforce_file_format=True)
    return path


def write_contours(path: Path, *contours: list[float], name: str = "Bone") -> Path:
    drawn = [item(ContourGeometricType="CLOSED_PLANAR", ContourData=[f"{v:g}" for v in points]) for points in contours]
    return save(
        path,
        RTSTRUCT_CLASS,
        Modality="RTSTRUCT",
        StructureSetROISequence=[item(ROINumber=7, ROIName=name), item(ROINumber=8, ROIName="couch")],
        ROIContourSequence=[item(ReferencedROINumber=7, ContourSequence=drawn)],
    )


def write_seg(path: Path, frames: list[tuple[int, int, np.ndarray]], names: dict[int, str], **fields: Any) -> Path:
    """Write frames (segment, slice, bool (y, x), 6 x 8) as a binary segmentation, 2 x 1 x 1 mm from (10, 20, 30)."""
    shared = item(
        PlaneOrientationSequence=[item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])],
        PixelMeasuresSequence=[item(PixelSpacing=[1, 1], SliceThickness=2)],
    )
    groups = [
        item(
            PlanePositionSequence=[item(ImagePositionPatient=[10, 20, 30 + 2 * z])],
            SegmentIdentificationSequence=[item(ReferencedSegmentNumber=number)],
        )
        for number, z, _ in frames
    ]
    told: dict[str, Any] = {
        "Modality": "SEG",
        "SegmentationType": "BINARY",
        "SegmentSequence": [item(SegmentNumber=number, SegmentLabel=name) for number, name in names.items()],
        "SharedFunctionalGroupsSequence": [shared],
        "PerFrameFunctionalGroupsSequence": groups,
        "NumberOfFrames": len(frames),
        "Rows": 6,
        "Columns": 8,
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 1,
        "BitsStored": 1,
        "HighBit": 0,
        "PixelRepresentation": 0,
        "PixelData": pack_bits(np.stack([mask for *_, mask in frames]).astype(np.uint8)),
    }
    return save(path, SEG_CLASSES[0], **(told | fields))
