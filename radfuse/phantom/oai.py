"""A fake release of OAI: knees of the phantom as DICOM series in its folders, its tables, and odd cases.

Nothing here is of a real person: ids, readings and images are drawn.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field

from radfuse.config import Section
from radfuse.phantom.folder import leave, take
from radfuse.phantom.knee import KneePhantom, draw_case, knee_tables
from radfuse.run.disk import write_atomically
from radfuse.volume.files import write_image
from radfuse.volume.grid import Grid
from radfuse.volume.image import Volume

Progress = Callable[[str, int, int], None]
_KNEE: dict[str, Any] = {"voxels_zyx": (20, 56, 56), "spacing_zyx_mm": (4.2, 2.0, 2.0), "sites": 1}
_VISITS = (("0.C.2", "20041006"), ("3.C.2", "20061011"))
"""Releases of V00 and V03, and a date."""
_READ_AT = {"V00": 0, "V01": 12, "V03": 24, "V05": 36, "V06": 48, "V08": 72, "V10": 96}
_MISSING = ".: Missing Form/Incomplete Workbook"
_SIDES = {"right": "1: Right", "left": "2: Left"}
_PROTOCOLS: dict[str, dict[str, Any]] = {
    "SAG_3D_DESS": {"RepetitionTime": "16.32", "EchoTime": "4.71", "FlipAngle": "25"},
    "SAG_T2_MAP": {"RepetitionTime": "2700", "EchoTime": "10", "FlipAngle": "180"},
    "SAG_IW_TSE": {"RepetitionTime": "3200", "EchoTime": "30", "FlipAngle": "180"},
}
_SAGITTAL = (0.0, 0.0, -1.0, 1.0, 0.0, 0.0, 0.0, -1.0, 0.0)


class OaiPhantom(Section):
    """How the release is drawn."""

    persons: int = Field(default=12, ge=4, le=900)
    """Two knees each, at V00 and V03."""
    seed: int = Field(default=7, ge=0)
    odd: bool = True
    """Also the odd cases: odd.csv says which there are."""


def write_oai_phantom(folder: Path, config: OaiPhantom, progress: Progress = lambda *_: None) -> None:
    """Write images/, tables/, masks/BARCODE.nrrd and odd.csv.

    Raises:
        InputError: the folder holds something else.
    """
    take(folder, "odd.csv")
    (folder / "masks").mkdir(exist_ok=True)
    knee = KneePhantom(cases=2 * config.persons + 8, seed=config.seed, **_KNEE)
    drawn = knee_tables(knee)
    rows = _paired(drawn["cohort"], config.persons)
    for number, row in enumerate(rows):
        person, side = str(9_000_001 + number // 2), "right" if number % 2 == 0 else "left"
        image, labels = draw_case(knee, drawn, row)
        for place, (release, date) in enumerate(_VISITS):
            barcode = f"{10_000_000 + 100 * number + 10 * place}"
            home = folder / "images" / release / person / date
            about = {"PatientID": person, "StudyDate": date, "StudyInstanceUID": f"1.2.826.7.{person}.{place + 1}"}
            write_series(home / barcode, image, side, "SAG_3D_DESS", about)
            write_image(_on_grid_of(home / barcode, labels), folder / "masks" / f"{barcode}.nrrd")
            for extra, name in enumerate(("SAG_T2_MAP", "SAG_IW_TSE"), start=1):
                write_series(home / str(int(barcode) + extra), tiny(), side, name, about)
        progress("drawing knees", number + 1, len(rows))
    odd = list(_odd_series(folder / "images")) if config.odd else []
    write_oai_tables(folder / "tables", config, drawn["cohort"].iloc[rows], odd=config.odd)
    write_atomically(folder / "odd.csv", pd.DataFrame(odd, columns=["barcode", "what"]).to_csv(index=False).encode())
    leave(folder)


def _paired(cohort: pd.DataFrame, persons: int) -> list[int]:
    """Return rows of the knee phantom, a right and a left one for each person, of both outcomes as they come."""
    right, left = (list(np.flatnonzero(cohort["side"] == side)) for side in ("right", "left"))
    pool = [*right, *left]
    pairs = [(right[i % len(right)], left[i % len(left)]) for i in range(persons)] if left else [(pool[0], pool[1])]
    return [int(row) for pair in pairs for row in pair]


def _on_grid_of(folder: Path, labels: Any) -> Any:
    """Return a mask on the grid as it is read back from DICOM, whose decimals are fewer."""
    from dataclasses import replace

    from radfuse.volume.files import read_grid

    return replace(labels, grid=read_grid(folder))


def tiny(slices: int = 3) -> Volume:
    """Return an image of a few voxels, sagittal."""
    array = np.arange(slices * 16, dtype=np.float32).reshape(slices, 4, 4)
    return Volume(array, Grid((slices, 4, 4), (3.0, 0.5, 0.5), (0.0, 0.0, 0.0), _SAGITTAL), "tiny")


def write_series(
    folder: Path,
    image: Volume,
    side: str | None,
    protocol: str,
    about: Mapping[str, str],
    *,
    first: int = 1,
    **fields: Any,
) -> None:
    """Write an image as a DICOM series whose files are called 001, 002, ...

    Args:
        folder: is made.
        image: values from 0 to 65,535.
        side: of the body; None leaves it out.
        protocol: of OAI, as the description begins.
        about: keyword -> value that all series of a visit share.
        first: number of the first file.
        fields: keyword -> value; None takes the field away.
    """
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import UID, ExplicitVRLittleEndian, MRImageStorage

    folder.mkdir(parents=True, exist_ok=True)
    axes = np.reshape(image.direction, (3, 3))
    pixels = np.clip(np.rint(image.array), 0, 65535).astype("<u2")
    shared = _shared(f"1.2.826.8.{folder.name}.{first}", image, side, protocol) | dict(about)
    header, meta = Dataset(), FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, MRImageStorage
    header.file_meta = meta
    for name, value in (shared | fields).items():
        if value is not None:
            setattr(header, name, value)
    for z in range(len(pixels)):
        place = np.array(image.origin) + axes[:, 2] * image.spacing_zyx_mm[0] * z
        header.SOPInstanceUID = meta.MediaStorageSOPInstanceUID = UID(f"{shared['SeriesInstanceUID']}.{z + 1}")
        header.InstanceNumber = z + 1
        header.ImagePositionPatient = [f"{value:.8g}" for value in place]
        header.PixelData = pixels[z].tobytes()
        header.save_as(folder / f"{first + z:03d}", enforce_file_format=True)


def _shared(series: str, image: Volume, side: str | None, protocol: str) -> dict[str, Any]:
    """Return the fields that all slices of a series share."""
    from pydicom.uid import MRImageStorage

    depth, row, column = image.spacing_zyx_mm
    return {
        "SOPClassUID": MRImageStorage,
        "SeriesInstanceUID": series,
        "FrameOfReferenceUID": f"{series}.0",
        "Modality": "MR",
        "Manufacturer": "PHANTOM",
        "ManufacturerModelName": "Phantom 3T",
        "SeriesDescription": f"{protocol}_{side.upper()}" if side else protocol,
        "PatientName": "PHANTOM^NOBODY",
        **dict.fromkeys(("PatientBirthDate", "PatientSex", "AccessionNumber", "ReferringPhysicianName"), ""),
        "StudyTime": "120000",
        "StudyID": "1",
        "SeriesNumber": 1,
        "Laterality": side[0].upper() if side else None,
        "SliceThickness": f"{depth:.6g}",
        "PixelSpacing": [f"{row:.8g}", f"{column:.8g}"],
        "ImageOrientationPatient": [f"{value:.8g}" for value in np.reshape(image.direction, (3, 3))[:, :2].T.ravel()],
        "Rows": image.array.shape[1],
        "Columns": image.array.shape[2],
        "BitsAllocated": 16,
        "BitsStored": 16,
        "HighBit": 15,
        "PixelRepresentation": 0,
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        **_PROTOCOLS.get(protocol, {}),
    }


def _odd_series(images: Path) -> Iterator[tuple[str, str]]:
    """Write what a real release has too, persons 9900001 and on, a few voxels each; yield barcode and what it is."""

    def home(number: int, release: str = "0.C.2") -> tuple[Path, dict[str, str]]:
        person = str(9_900_000 + number)
        about = {"PatientID": person, "StudyDate": "20040506", "StudyInstanceUID": f"1.2.826.9.{person}"}
        return images / release / person / "20040506", about

    folder, about = home(1)
    write_series(folder / "20000001", tiny(5), "right", "SAG_3D_DESS", about)
    yield "20000001", "odd size, kept with a remark"
    folder, about = home(2)
    write_series(folder / "20000002", tiny(), "right", "SAG_T2_MAP", about)
    yield "20000002", "a visit without DESS"
    folder, about = home(3)
    write_series(folder / "20000003", tiny(), "right", "SAG_3D_DESS", about)
    write_series(folder / "20000003", tiny(), "right", "SAG_3D_DESS", about, first=101)
    yield "20000003", "two series in one folder"
    folder, about = home(4)
    write_series(folder / "20000004", tiny(), "left", "SAG_3D_DESS", about)
    cut = folder / "20000004" / "002"
    cut.write_bytes(cut.read_bytes()[:-100])
    yield "20000004", "a file that is cut off"
    folder, about = home(5)
    write_series(folder / "20000005", tiny(), "left", "SAG_3D_DESS", about, Laterality="R")
    yield "20000005", "laterality and description disagree"
    folder, about = home(6)
    write_series(folder / "20000006", tiny(), "right", "SAG_3D_DESS", about)
    (folder / "20000006").chmod(0)
    yield "20000006", "a folder that may not be read"
    folder, about = home(7, "0.e.1")
    write_series(folder / "20000007", tiny(), "left", "SAG_3D_DESS", about, SeriesDescription="sag_3d_dess_left")
    yield "20000007", "names in the other case"
    folder, about = home(8)
    (folder / "20000008").mkdir(parents=True)
    yield "20000008", "a folder without files"
    folder, about = home(9)
    write_series(folder / "20000009", tiny(), "right", "SAG_T2_MAP", about, **_PROTOCOLS["SAG_3D_DESS"])
    yield "20000009", "a DESS that is called a T2 map"
    folder, about = home(10)
    write_series(folder / "20000010", tiny(), "right", "SAG_3D_DESS", about | {"PatientID": "9900001"})
    yield "20000010", "another person's series"
    folder, about = home(11)
    write_series(folder / "20000011", tiny(), "right", "SAG_3D_DESS", about)
    shutil.copy(folder / "20000011" / "001", folder / "20000011" / "notes")
    (folder / "20000011" / "001").write_text("this is no DICOM file")
    yield "20000011", "a first file that is no DICOM"


def write_oai_tables(folder: Path, config: OaiPhantom, knees: pd.DataFrame, *, odd: bool = True) -> None:
    """Write AllClinical00.txt, Enrollees.txt, kXR_SQ_BU00.txt to 10, and Outcomes99.txt, with labels as released.

    Args:
        folder: is made.
        config: how many persons there are.
        knees: of the knee phantom, right and left of each person in turn: age, sex, bmi, pain, progressed.
        odd: also a knee whose readings disagree, and one that another project read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    people = [str(9_000_001 + number) for number in range(config.persons)]
    right, left = knees.iloc[0::2].reset_index(drop=True), knees.iloc[1::2].reset_index(drop=True)
    clinical = pd.DataFrame({"ID": people, "VERSION": "0.2.3", "V00AGE": right["age"], "P01BMI": right["bmi"]})
    clinical["V00WOMKPR"], clinical["V00WOMKPL"] = right["pain"], left["pain"]
    clinical = clinical.astype(object).astype(str).replace("nan", _MISSING)
    enrolled = pd.DataFrame({"ID": people, "VERSION": "27"})
    enrolled["P02SEX"] = right["sex"].map({"male": "1: Male", "female": "2: Female"}).fillna(_MISSING)
    enrolled["V00COHORT"] = ["1: Progression" if number % 3 else "2: Incidence" for number in range(len(people))]
    enrolled["V00SITE"] = ["A", "B", "C", "D"] * (len(people) // 4) + ["A", "B", "C", "D"][: len(people) % 4]
    _pipe(folder / "AllClinical00.txt", clinical)
    _pipe(folder / "Enrollees.txt", enrolled)
    for visit, months in _READ_AT.items():
        rows = list(_readings(people, right, left, months))
        if odd and visit == "V00":
            rows += [(people[0], _SIDES["right"], "37", "3: 3", "1: 1", "0: 0")]  # project 15 comes first
            rows += [("9900001", _SIDES["right"], "15", value, "0: 0", "0: 0") for value in ("0: 0", "3: 3")]
        columns = ["ID", "SIDE", "READPRJ", f"{visit}XRKL", f"{visit}XRJSM", f"{visit}XRJSL"]
        lower = visit == "V03"
        table = pd.DataFrame(rows, columns=[name.lower() for name in columns] if lower else columns)
        _pipe(folder / (f"kxr_sq_bu{visit[1:]}.txt" if lower else f"kXR_SQ_BU{visit[1:]}.txt"), table)
    outcomes = pd.DataFrame({"id": people, "version": "11", "V99RNTCNT": "10: 96-month"})
    for letter, rows_ in (("R", right), ("L", left)):
        replaced = [number % 5 == 1 and knee == 1 for number, knee in enumerate(rows_["progressed"])]
        outcomes[f"V99E{letter}KBLRP"] = "0: No"
        outcomes[f"V99E{letter}KTLPR"] = ["1: Total" if yes else _MISSING for yes in replaced]
        outcomes[f"V99E{letter}KDAYS"] = [str(900 + 100 * n) if yes else _MISSING for n, yes in enumerate(replaced)]
    _pipe(folder / "Outcomes99.txt", outcomes)


def _readings(people: list[str], right: pd.DataFrame, left: pd.DataFrame, months: int) -> Iterator[tuple[str, ...]]:
    """Yield the readings of one visit: knees that progress reach KL 2 from 36 months on; every seventh was not read."""
    for number, person in enumerate(people):
        for side, knees in (("right", right), ("left", left)):
            grade = (number + (side == "left")) % 2
            kl = 2 if knees["progressed"].iloc[number] == 1 and months >= 36 else grade
            said = _MISSING if number % 7 == 6 and months in (24, 36) else f"{kl}: {kl}"
            yield person, _SIDES[side], "15", said, f"{int(kl == 2)}: {int(kl == 2)}", "0: 0"


def _pipe(path: Path, table: pd.DataFrame) -> None:
    write_atomically(path, table.to_csv(index=False, sep="|").encode())
