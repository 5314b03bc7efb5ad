"""Masks as DICOM segmentations in the study of the images they were made of; highdicom writes them.

They carry the patient's name and id, as they must: keep them where the images are kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from radfuse.errors import InputError
from radfuse.volume.codes import Concept, coded
from radfuse.volume.dicom import sorted_headers, text_of
from radfuse.volume.frames import frames_of, has_frames
from radfuse.volume.grid import GRID_TOLERANCE
from radfuse.volume.image import LabelMap
from radfuse.volume.series import depth_of, place_along

if TYPE_CHECKING:
    from pydicom import Dataset

MANUFACTURER = "radfuse"
SEG_SERIES, SR_SERIES = 9101, 9102
"""Numbers of the series that are added to a study."""
LONGEST_LABEL = 64
"""Characters of a segment's name; the rest of a longer one is cut off."""
UTF8 = "ISO_IR 192"
_NEEDED = ("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "SOPInstanceUID", "SOPClassUID")


@dataclass(frozen=True)
class Maker:
    """Who made an object.

    Attributes:
        model: name of the network or bundle.
        digest: SHA-256 of it.
        version: of radfuse.
    """

    model: str
    digest: str
    version: str


def highdicom() -> Any:
    """Return the library.

    Raises:
        InputError: it is not installed.
    """
    try:
        import highdicom as found
    except ImportError as error:
        raise InputError(
            "--dicom needs highdicom, which is not installed; install radfuse[dicom], or leave --dicom out"
        ) from error
    return found


def source_headers(image: Path) -> list[Dataset]:
    """Return the headers of a DICOM series, as its voxels are sorted, with what the objects of its study need.

    An enhanced file has one, of all its frames.

    Raises:
        InputError: the image is no DICOM series, or its headers lack an id.
    """
    from pydicom.valuerep import DSfloat

    headers = sorted_headers(image)
    if len(headers) > 1 and any(has_frames(header) for header in headers):
        raise InputError(
            f"{image} holds a series in several enhanced files, beside which no DICOM objects are written; leave "
            "--dicom out, or save it as single slices, or as one file"
        )
    for name in _NEEDED:
        if not all(header.get(name) for header in headers):
            raise InputError(
                f"{image}: its slices lack {name}, which a DICOM object beside them needs; export it again"
            )
    for header in headers:
        _fill_what_lacks(header)
        _empty_what_cannot_be(header)
        _in_one_alphabet(header)
        if has_frames(header):
            _say_together(header)
            continue
        if not header.get("SliceThickness"):
            header.SliceThickness = DSfloat(depth_of(*headers[:2]) or 1.0, auto_format=True)
        header.ImageOrientationPatient = headers[0].ImageOrientationPatient  # alike in four decimals: read_dicom looked
    return headers


def _fill_what_lacks(header: Dataset) -> None:
    """Have an empty field where highdicom copies one that is not there."""
    for name in ("PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber", "ReferringPhysicianName"):
        if name not in header:
            setattr(header, name, "")
    for name in ("StudyDate", "StudyTime", "StudyID"):
        if name not in header:
            setattr(header, name, None)


def _say_together(header: Dataset) -> None:
    """Have an enhanced file say of all frames how they lie and how large pixels are, where highdicom looks for it."""
    from pydicom import Dataset
    from pydicom.valuerep import DSfloat

    if not header.get("SharedFunctionalGroupsSequence"):
        header.SharedFunctionalGroupsSequence = [Dataset()]
    together, slices = header.SharedFunctionalGroupsSequence[0], [said for _, said in _along([header])]
    for sequence, name in (
        ("PlaneOrientationSequence", "ImageOrientationPatient"),
        ("PixelMeasuresSequence", "PixelSpacing"),
    ):
        if not together.get(sequence):
            setattr(together, sequence, [Dataset()])
        if not together.get(sequence)[0].get(name):
            setattr(together.get(sequence)[0], name, slices[0].get(name))
    measures = together.PixelMeasuresSequence[0]
    if not measures.get("SliceThickness"):
        thickness = slices[0].get("SliceThickness") or depth_of(*slices[:2]) or 1.0
        measures.SliceThickness = DSfloat(thickness, auto_format=True)


def _along(headers: list[Dataset]) -> list[tuple[int, Dataset]]:
    """Return what each slice says, as voxels are sorted, with its place among the headers, or the frames of the one."""
    if not has_frames(headers[0]):
        return list(enumerate(headers))
    frames = frames_of(Path(str(headers[0].filename)), headers[0])
    return sorted(enumerate(frames), key=lambda frame: place_along(frame[1]) or 0.0)


def _in_one_alphabet(header: Dataset) -> None:
    """Turn texts of several character sets, as Japanese ones are, into UTF-8: highdicom takes no empty first set."""
    from pydicom.valuerep import PersonName

    sets = header.get("SpecificCharacterSet")
    if sets is None or isinstance(sets, str):
        return
    header.decode()
    header.SpecificCharacterSet = UTF8
    for item in header:
        if item.VR == "PN":
            every = [PersonName(str(name), ["utf8"]) for name in (item.value if item.VM > 1 else [item.value])]
            item.value = every if item.VM > 1 else every[0]  # else its bytes stay those of the old sets


def _empty_what_cannot_be(header: Dataset) -> None:
    """Empty what is written in a way that DICOM does not know, as a year for a date: highdicom takes no such object."""
    from pydicom.valuerep import DA, TM

    for name, kind in (("PatientBirthDate", DA), ("StudyDate", DA), ("StudyTime", TM)):
        try:
            kind(text_of(header, name))
        except ValueError:
            setattr(header, name, None)
    if text_of(header, "PatientSex") not in ("M", "F", "O", ""):
        header.PatientSex = ""


def concept(item: Concept) -> Any:
    """Return a concept as highdicom takes it."""
    return highdicom().sr.CodedConcept(item.value, item.scheme, item.meaning)


def algorithm(maker: Maker) -> Any:
    """Return how an object says which model made it."""
    from pydicom.sr.codedict import codes

    return highdicom().AlgorithmIdentificationSequence(
        name=MANUFACTURER,
        family=codes.DCM.ArtificialIntelligence,
        version=maker.version,
        parameters={"model": maker.model, "sha256": maker.digest},
    )


def segmentation(
    labels: LabelMap, headers: list[Dataset], maker: Maker, codes: Mapping[str, str] | None = None
) -> Dataset:
    """Return a mask as a DICOM segmentation of the series, one segment a label that occurs, numbered from 1.

    Args:
        labels: on the grid of the series, with names.
        headers: of the series, from `source_headers`.
        maker: who made it.
        codes: label name -> code in the place of ours, as `volume.codes.coded` takes them.

    Raises:
        InputError: an empty mask, one that does not lie on the series, or highdicom is not installed.
    """
    from pydicom.uid import generate_uid

    library = highdicom()
    present = labels.present()
    if not present:
        raise InputError(f"{labels.name}: the mask is empty; there is nothing to write as DICOM")
    along = _along(headers)
    _check_place(labels, [said for _, said in along])
    array = np.zeros(labels.array.shape, dtype=np.uint8 if len(present) < 256 else np.uint16)
    descriptions = []
    for number, label in enumerate(present, start=1):
        array[labels.array == label] = number
        name = labels.names.get(label, f"label {label}")
        what = coded(name, codes)
        region = None if what.region is None or what.region == what.kind else [concept(what.region)]
        descriptions.append(
            library.seg.SegmentDescription(
                segment_number=number,
                segment_label=name[:LONGEST_LABEL],
                segmented_property_category=concept(what.category),
                segmented_property_type=concept(what.kind),
                algorithm_type=library.seg.SegmentAlgorithmTypeValues.AUTOMATIC,
                algorithm_identification=algorithm(maker),
                tracking_uid=generate_uid(entropy_srcs=[headers[0].SeriesInstanceUID, maker.digest, name]),
                tracking_id=name[:LONGEST_LABEL],
                anatomic_regions=region,
            )
        )
    content = [headers[0].SeriesInstanceUID, maker.digest, hash_of(array)]
    return library.seg.Segmentation(
        source_images=headers,
        pixel_array=array[np.argsort([place for place, _ in along])],  # as highdicom takes them: those of the file
        segmentation_type=library.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=descriptions,
        series_instance_uid=generate_uid(entropy_srcs=[*content, "series"]),
        series_number=SEG_SERIES,
        sop_instance_uid=generate_uid(entropy_srcs=[*content, "seg"]),
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=maker.model[:64],
        software_versions=maker.version,
        device_serial_number=maker.digest[:16],
        series_description="radfuse segmentation",
        content_label="SEGMENTATION",
        omit_empty_frames=True,
    )


@contextmanager
def indexed(segmented: Dataset) -> Iterator[Dataset]:
    """Close the table of its frames that highdicom holds in memory; Python 3.13 warns of a database left open."""
    try:
        yield segmented
    finally:
        if (table := getattr(segmented, "_db_con", None)) is not None:
            table.close()


def hash_of(array: np.ndarray) -> str:
    """Return the SHA-256 of voxels: ids made of it are the same for the same mask."""
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def _check_place(labels: LabelMap, slices: list[Dataset]) -> None:
    """Refuse a mask whose slices are not those of the series."""
    grid = labels.grid
    rows, columns = int(slices[0].Rows), int(slices[0].Columns)
    first = np.array(slices[0].ImagePositionPatient, dtype=float)
    last = np.array(slices[-1].ImagePositionPatient, dtype=float)
    end = np.array(grid.origin) + np.reshape(grid.direction, (3, 3))[:, 2] * grid.spacing_zyx_mm[0] * (len(slices) - 1)
    apart = max(np.abs(first - grid.origin).max(), np.abs(last - end).max())
    if grid.shape != (len(slices), rows, columns) or apart > 10 * GRID_TOLERANCE * max(grid.spacing_zyx_mm):
        raise InputError(
            f"{labels.name}: the mask ({grid}) does not lie on its series of {len(slices)} slices of {columns} "
            f"x {rows} pixels; make it anew from the DICOM series"
        )
