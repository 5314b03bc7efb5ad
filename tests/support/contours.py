"""DICOM objects of a few elements: structure sets by their contours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

from radfuse.volume.dicom_masks import RTSTRUCT_CLASS


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
