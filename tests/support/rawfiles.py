"""Image files made byte by byte, so that any field can lie: NIfTI, NRRD, MetaImage, DICOM."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np

VOXELS = (np.arange(24, dtype=np.int64) * 7 % 100).reshape(2, 3, 4)
"""What the files hold unless told otherwise, (z, y, x)."""
NIFTI_CODES = {"u1": 2, "i2": 4, "i4": 8, "f4": 16, "f8": 64, "i1": 256, "u2": 512, "u4": 768, "i8": 1024, "u8": 1280}
_PLACES = {  # field -> format and place in the header
    "sizeof_hdr": ("i", 0),
    "dim": ("8h", 40),
    "datatype": ("h", 70),
    "bitpix": ("h", 72),
    "pixdim": ("8f", 76),
    "vox_offset": ("f", 108),
    "scl_slope": ("f", 112),
    "scl_inter": ("f", 116),
    "xyzt_units": ("b", 123),
    "qform_code": ("h", 252),
    "sform_code": ("h", 254),
    "quatern": ("3f", 256),
    "qoffset": ("3f", 268),
    "srow": ("12f", 280),
    "magic": ("4s", 344),
}


def nifti(array: np.ndarray = VOXELS, kind: str = "i2", order: str = "<", **fields: Any) -> bytes:
    """Return a .nii file of voxels 2 x 3 x 4 mm from (5, 6, 7); `fields` overwrite its header's."""
    told = {
        "sizeof_hdr": 348,
        "dim": (array.ndim, *array.shape[::-1], *[1] * (7 - array.ndim)),
        "datatype": NIFTI_CODES[kind],
        "bitpix": 8 * int(kind[1]),
        "pixdim": (1, 2, 3, 4, 1, 1, 1, 1),
        "vox_offset": 352,
        "scl_slope": 1,
        "xyzt_units": 2,
        "qform_code": 1,
        "qoffset": (5, 6, 7),
        "magic": b"n+1\0",
    } | fields
    header = bytearray(352)
    for name, value in told.items():
        form, place = _PLACES[name]
        struct.pack_into(order + form, header, place, *(value if isinstance(value, tuple) else (value,)))
    return bytes(header) + array.astype(order + kind).tobytes()


def nrrd(data: bytes = VOXELS.astype("<i2").tobytes(), **fields: str | None) -> bytes:
    """Return an .nrrd file of int16 voxels; `fields`, "_" for a blank, overwrite its header's, None takes one away."""
    told = {
        "type": "short",
        "dimension": "3",
        "space": "left-posterior-superior",
        "sizes": "4 3 2",
        "space directions": "(2,0,0) (0,3,0) (0,0,4)",
        "endian": "little",
        "encoding": "raw",
        "space origin": "(5,6,7)",
    } | {name.replace("_", " "): value for name, value in fields.items()}
    lines = [f"{name}: {value}" for name, value in told.items() if value is not None]
    return "\n".join(["NRRD0004", *lines, "", ""]).encode() + data


def meta(data: bytes = VOXELS.astype("<i2").tobytes(), **fields: str | None) -> bytes:
    """Return an .mha file of int16 voxels; `fields` overwrite its header's, None takes one away."""
    told = {
        "ObjectType": "Image",
        "NDims": "3",
        "BinaryData": "True",
        "BinaryDataByteOrderMSB": "False",
        "CompressedData": "False",
        "TransformMatrix": "1 0 0 0 1 0 0 0 1",
        "Offset": "5 6 7",
        "ElementSpacing": "2 3 4",
        "DimSize": "4 3 2",
        "ElementType": "MET_SHORT",
    } | fields
    file = told.pop("ElementDataFile", "LOCAL")
    lines = [f"{name} = {value}" for name, value in told.items() if value is not None]
    return "\n".join([*lines, *([] if file is None else [f"ElementDataFile = {file}"]), ""]).encode() + data


def write_series(folder: Path, slices: int = 4, **fields: Any) -> np.ndarray:
    """Write a DICOM series of axial slices 2 mm apart, pixels 1 x 1 mm, and return its stored pixels (z, y, x).

    Args:
        folder: is made.
        slices: how many.
        fields: keyword -> value for all slices, or a function of the slice's number; None takes the field away.
    """
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

    folder.mkdir()
    pixels = np.arange(slices * 12, dtype=np.uint16).reshape(slices, 3, 4) * 100
    for z in range(slices):
        told: dict[str, Any] = {
            "SOPClassUID": CTImageStorage,
            "SOPInstanceUID": f"1.2.3.{z + 1}",
            "SeriesInstanceUID": "1.2.9",
            "Modality": "CT",
            "Rows": 3,
            "Columns": 4,
            "BitsAllocated": 16,
            "BitsStored": 16,
            "HighBit": 15,
            "PixelRepresentation": 0,
            "SamplesPerPixel": 1,
            "PhotometricInterpretation": "MONOCHROME2",
            "PixelSpacing": [1, 1],
            "ImagePositionPatient": [0, 0, 2 * z],
            "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
            "PixelData": pixels[z].tobytes(),
        } | {name: value(z) if callable(value) else value for name, value in fields.items()}
        header, first = Dataset(), FileMetaDataset()
        first.TransferSyntaxUID = ExplicitVRLittleEndian
        first.MediaStorageSOPClassUID, first.MediaStorageSOPInstanceUID = CTImageStorage, told["SOPInstanceUID"]
        header.file_meta = first
        for name, value in told.items():
            if value is not None:
                setattr(header, name, value)
        header.save_as(folder / f"{z}.dcm", enforce_file_format=True)
    return pixels


def write_enhanced(path: Path, pixels: np.ndarray, order: list[int] | None = None, **fields: Any) -> None:
    """Write one enhanced MR file of axial frames 2 mm apart, pixels 1 x 1 mm.

    Args:
        path: of the file.
        pixels: stored, uint16, (z, y, x).
        order: of the frames in the file; from below where None.
        fields: keyword -> value of the file; `slopes`, a list, are those of the frames.
    """
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.sequence import Sequence
    from pydicom.uid import EnhancedMRImageStorage, ExplicitVRLittleEndian

    order = list(range(len(pixels))) if order is None else order
    slopes = fields.pop("slopes", [1.0] * len(pixels))
    header, first = Dataset(), FileMetaDataset()
    first.TransferSyntaxUID, first.MediaStorageSOPClassUID = ExplicitVRLittleEndian, EnhancedMRImageStorage
    first.MediaStorageSOPInstanceUID = "1.2.3.1"
    header.file_meta = first

    def group(**told: Any) -> Sequence:
        item = Dataset()
        for name, value in told.items():
            setattr(item, name, value)
        return Sequence([item])

    shared = Dataset()
    shared.PlaneOrientationSequence = group(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])
    shared.PixelMeasuresSequence = group(PixelSpacing=[1, 1], SliceThickness=2)
    frames = []
    for z in order:
        frame = Dataset()
        frame.PlanePositionSequence = group(ImagePositionPatient=[0, 0, 2 * z])
        frame.PixelValueTransformationSequence = group(RescaleSlope=slopes[z], RescaleIntercept=0)
        frames.append(frame)
    told = {
        "SOPClassUID": EnhancedMRImageStorage,
        "SOPInstanceUID": "1.2.3.1",
        "SeriesInstanceUID": "1.2.9",
        "Modality": "MR",
        "NumberOfFrames": len(order),
        "Rows": pixels.shape[1],
        "Columns": pixels.shape[2],
        "BitsAllocated": 16,
        "BitsStored": 16,
        "HighBit": 15,
        "PixelRepresentation": 0,
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "SharedFunctionalGroupsSequence": Sequence([shared]),
        "PerFrameFunctionalGroupsSequence": Sequence(frames),
        "PixelData": pixels[order].astype("<u2").tobytes(),
    } | fields
    for name, value in told.items():
        if value is not None:
            setattr(header, name, value)
    header.save_as(path, enforce_file_format=True)
