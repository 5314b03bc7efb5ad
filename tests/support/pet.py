"""PET series of three slices in Bq/ml, whose SUV is known by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, PositronEmissionTomographyImageStorage

Change = Callable[[Dataset, int], None]
SLOPES = (0.5, 2.0, 4.0)
STORED = np.arange(12, dtype=np.uint16).reshape(3, 4)
WEIGHT, DOSE, HALF_LIFE, WAITED = 70.0, 370e6, 6586.2, 3600.0
FACTOR = WEIGHT * 1000 / (DOSE * 2 ** (-WAITED / HALF_LIFE))
"""18F, an hour after the injection: 2.763e-4 per Bq and g."""


def write_pet(folder: Path, change: Change = lambda *_: None) -> Path:
    """Write three slices in Bq/ml, each with a slope of its own, the scan an hour after the injection."""
    folder.mkdir()
    for number, slope in enumerate(SLOPES):
        item = Dataset()
        item.file_meta = FileMetaDataset()
        item.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        item.file_meta.MediaStorageSOPClassUID = item.SOPClassUID = PositronEmissionTomographyImageStorage
        item.file_meta.MediaStorageSOPInstanceUID = item.SOPInstanceUID = f"1.2.3.{number}"
        item.Modality, item.SeriesInstanceUID, item.FrameOfReferenceUID = "PT", "1.2.4", "1.2.5"
        item.ImagePositionPatient, item.ImageOrientationPatient = [0, 0, 3 * number], [1, 0, 0, 0, 1, 0]
        item.PixelSpacing, item.SliceThickness, item.Rows, item.Columns = [4, 4], 3, 3, 4
        item.SamplesPerPixel, item.PhotometricInterpretation = 1, "MONOCHROME2"
        item.BitsAllocated, item.BitsStored, item.HighBit, item.PixelRepresentation = 16, 16, 15, 0
        item.RescaleSlope, item.RescaleIntercept, item.PixelData = slope, 0, STORED.tobytes()
        item.Units, item.DecayCorrection, item.CorrectedImage = "BQML", "START", ["DECY", "ATTN", "SCAT"]
        item.SeriesDate, item.SeriesTime = "20240305", "110000.00"
        item.AcquisitionDate, item.AcquisitionTime = "20240305", f"11{number:02d}30"
        item.PatientWeight = WEIGHT
        tracer = Dataset()
        tracer.RadionuclideTotalDose, tracer.RadionuclideHalfLife = DOSE, HALF_LIFE
        tracer.RadiopharmaceuticalStartTime = "100000.00"
        item.RadiopharmaceuticalInformationSequence = [tracer]
        change(item, number)
        item.save_as(folder / f"{number}.dcm", enforce_file_format=True)
    return folder


def setting(**values: Any) -> Change:
    """Return a change that sets fields of the slices, or with None takes them out."""

    def change(item: Dataset, _: int) -> None:
        for name, value in values.items():
            place = item if name in item or name == "Units" else item.RadiopharmaceuticalInformationSequence[0]
            if value is None:
                delattr(place, name)
            else:
                setattr(place, name, value)

    return change
