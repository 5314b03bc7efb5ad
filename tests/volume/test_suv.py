"""SUV of hand-made PET series by QIBA's formula: each vendor's way, and each field that may lack."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, PositronEmissionTomographyImageStorage

from radfuse.errors import InputError
from radfuse.volume.files import read_volume
from radfuse.volume.suv import read_suv, suv_factor

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


def test_an_hour_of_decay_a_weight_and_a_dose_make_suv(tmp_path: Path) -> None:
    folder = write_pet(tmp_path / "pet")
    assert suv_factor(folder) == pytest.approx(2.7634e-4, rel=1e-4)
    found = read_suv(folder)
    wanted = np.stack([STORED * slope * FACTOR for slope in SLOPES])
    assert found.array == pytest.approx(wanted, rel=1e-6)
    assert (found.array.dtype, found.grid) == (np.float32, read_volume(folder).grid)


def private(group: int, creator: str, element: int, vr: str, value: str) -> Change:
    def change(item: Dataset, _: int) -> None:
        item.private_block(group, creator, create=True).add_new(element, vr, value)

    return change


def both(*changes: Change) -> Change:
    def change(item: Dataset, number: int) -> None:
        for each in changes:
            each(item, number)

    return change


COUNTS = setting(Units="CNTS")
WAYS: dict[str, tuple[Change, float]] = {
    "corrected to the injection": (setting(DecayCorrection="ADMIN"), WEIGHT * 1000 / DOSE),
    "in SUV already": (setting(Units="GML", PatientWeight=None), 1.0),
    "Philips SUV factor": (both(COUNTS, private(0x7053, "Philips PET Private Group", 0x00, "DS", "0.0042")), 0.0042),
    "Philips activity factor": (
        both(COUNTS, private(0x7053, "Philips PET Private Group", 0x09, "DS", "1.5")),
        1.5 * FACTOR,
    ),
    "Philips SUV factor 0": (
        both(
            COUNTS,
            private(0x7053, "Philips PET Private Group", 0x00, "DS", "0"),
            private(0x7053, "Philips PET Private Group", 0x09, "DS", "1.5"),
        ),
        1.5 * FACTOR,
    ),
    "date and time of the injection": (setting(RadiopharmaceuticalStartTime=None), FACTOR),
    "over midnight": (
        both(
            setting(SeriesTime="003000", RadiopharmaceuticalStartTime="233000"),
            lambda item, number: setattr(item, "AcquisitionTime", f"00{31 + number}00"),
        ),
        FACTOR,
    ),
    "series made anew later": (
        setting(SeriesTime="170000"),
        WEIGHT * 1000 / (DOSE * 2 ** (-(WAITED + 30) / HALF_LIFE)),
    ),
    "series made anew by GE": (
        both(setting(SeriesTime="170000"), private(0x0009, "GEMS_PETD_01", 0x0D, "DT", "20240305110000.00")),
        FACTOR,
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_each_vendors_way(tmp_path: Path, way: str) -> None:
    change, factor = WAYS[way]
    if way == "date and time of the injection":

        def change(item: Dataset, _: int) -> None:
            tracer = item.RadiopharmaceuticalInformationSequence[0]
            del tracer.RadiopharmaceuticalStartTime
            tracer.RadiopharmaceuticalStartDateTime = "20240305100000.000+0100"

    assert suv_factor(write_pet(tmp_path / "pet", change)) == pytest.approx(factor, rel=1e-9)


def heavier(item: Dataset, number: int) -> None:
    item.PatientWeight = WEIGHT + number


BAD: dict[str, tuple[Change, str]] = {
    "no dose": (setting(RadionuclideTotalDose=None), "RadionuclideTotalDose, needed for SUV, is missing; export"),
    "no weight": (setting(PatientWeight=None), "PatientWeight, needed for SUV, is missing; export the series again"),
    "weight 0": (setting(PatientWeight=0), "PatientWeight, needed for SUV, is 0"),
    "no half-life": (setting(RadionuclideHalfLife=None), "RadionuclideHalfLife, needed for SUV, is missing"),
    "no tracer": (setting(RadiopharmaceuticalInformationSequence=None), "RadionuclideTotalDose, needed for SUV, is"),
    "no time": (setting(RadiopharmaceuticalStartTime=None), "RadiopharmaceuticalStartTime, needed for SUV, is missing"),
    "no series time": (setting(SeriesTime=None), "SeriesTime, needed for SUV, is missing"),
    "dose in MBq": (setting(RadionuclideTotalDose=370), "RadionuclideTotalDose is 370 Bq, less than any scan has"),
    "no units": (setting(Units=None), "Units are missing; SUV is known of BQML"),
    "other units": (setting(Units="PROPCPS"), "Units are PROPCPS; SUV is known of BQML"),
    "counts": (COUNTS, "Units are CNTS, and the Philips factors (7053,1000) and (7053,1009)"),
    "not corrected": (setting(CorrectedImage=["DECY"]), "without ATTN: the images are not corrected for attenuation"),
    "no decay": (setting(CorrectedImage="ATTN"), "CorrectedImage is ATTN, without DECY"),
    "decay to nothing": (setting(DecayCorrection="NONE"), "DecayCorrection is NONE; SUV is known of START and ADMIN"),
    "a CT": (setting(Modality="CT"), "Modality is CT, not PT; give the PET series"),
    "two weights": (heavier, "PatientWeight differs between slices"),
}


@pytest.mark.parametrize("fault", BAD)
def test_a_field_that_lacks_is_named_with_its_mend(tmp_path: Path, fault: str) -> None:
    change, message = BAD[fault]
    with pytest.raises(InputError) as caught:
        read_suv(write_pet(tmp_path / "pet", change))
    assert message in str(caught.value)


def test_what_is_no_dicom_tells_nothing_of_a_dose(tmp_path: Path) -> None:
    (tmp_path / "pet.nii.gz").write_bytes(b"x")
    with pytest.raises(InputError, match=r"pet\.nii\.gz is no DICOM folder, and `suv: true` needs the dose"):
        read_suv(tmp_path / "pet.nii.gz")
