"""SUV of hand-made PET series by QIBA's formula: each vendor's way, and each field that may lack."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pet import DOSE, FACTOR, HALF_LIFE, SLOPES, STORED, WAITED, WEIGHT, Change, setting, write_pet
from pydicom.dataset import Dataset

from radfuse.errors import InputError
from radfuse.volume.files import read_volume
from radfuse.volume.suv import read_suv, suv_factor


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


def dosed(item: Dataset, number: int) -> None:
    item.RadiopharmaceuticalInformationSequence[0].RadionuclideTotalDose = DOSE + 1e7 * number


def lean(item: Dataset, _: int) -> None:
    item.Units, item.SUVType = "GML", "LBM"


BAD: dict[str, tuple[Change, str]] = {
    "no dose": (setting(RadionuclideTotalDose=None), "RadionuclideTotalDose, needed for SUV, is missing; export"),
    "dose 0": (setting(RadionuclideTotalDose=0), "RadionuclideTotalDose, needed for SUV, is 0"),
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
    "decay to nothing": (
        setting(DecayCorrection="NONE"),
        "DecayCorrection is NONE; SUV is known of START and ADMIN; re",
    ),
    "a CT": (setting(Modality="CT"), "Modality is CT, not PT; give the PET series"),
    "weight in grams": (setting(PatientWeight=70000), "PatientWeight is 70000 kg, more than anybody weighs: in grams?"),
    "half-life in minutes": (
        setting(RadionuclideHalfLife=109.8),
        "RadionuclideHalfLife is 109.8 s, and the scan began",
    ),
    "by lean body mass": (lean, "SUVType is LBM, so that its values are no SUV by body weight"),
    "injected after the scan": (
        setting(RadiopharmaceuticalStartDateTime="20240305113000"),
        "the scan began 0:30:00 before the injection; correct",
    ),
    "injected days before": (
        setting(RadiopharmaceuticalStartDateTime="20240303110000"),
        "the scan began 2 days, 0:00:00 after the tracer was injected; correct",
    ),
    "30 February": (
        setting(RadiopharmaceuticalStartDateTime="20240230100000"),
        "RadiopharmaceuticalStartDateTime, needed for SUV, is '99999999999999' (all digits shown as 9)",
    ),
    "two weights": (heavier, "PatientWeight differs between slices"),
    "two doses": (dosed, "RadionuclideTotalDose differs between slices"),
}


@pytest.mark.parametrize("fault", BAD)
def test_a_field_that_lacks_is_named_with_its_mend(tmp_path: Path, fault: str) -> None:
    change, message = BAD[fault]
    with pytest.raises(InputError) as caught:
        read_suv(write_pet(tmp_path / "pet", change))
    assert message in str(caught.value)
    assert "2024" not in str(caught.value)


def test_what_is_no_dicom_tells_nothing_of_a_dose(tmp_path: Path) -> None:
    (tmp_path / "pet.nii.gz").write_bytes(b"x")
    with pytest.raises(InputError, match=r"pet\.nii\.gz is no DICOM folder, and `suv: true` needs the dose"):
        read_suv(tmp_path / "pet.nii.gz")
