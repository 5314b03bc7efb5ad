"""Standardised uptake values by body weight of a PET series, from what its DICOM headers say.

Source:
    QIBA, "Computing SUV" (vendor-neutral pseudo-code for BQML, CNTS and GML); Kinahan & Fletcher 2010,
    doi:10.1053/j.sult.2010.10.001.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from radfuse.config import kind_of
from radfuse.errors import InputError
from radfuse.volume.dicom import headers_of, text_of
from radfuse.volume.files import read_volume
from radfuse.volume.flat import Spacing
from radfuse.volume.image import Volume

if TYPE_CHECKING:
    from pydicom import Dataset

_LEAST_DOSE_BQ = 1e5
"""Nobody is scanned with less; a smaller number was written in MBq."""
_HEAVIEST_KG = 700.0
"""Nobody weighs more; a larger number was written in grams."""
_LONGEST = timedelta(hours=24)
"""From injection to scan."""
_MOST_HALF_LIVES = 12.0
"""Nobody waits longer: a 4,000th is left then. A half-life of 109.8 s is that of 18F in minutes."""
_OF_TRACER = (
    "RadionuclideTotalDose",
    "RadionuclideHalfLife",
    "RadiopharmaceuticalStartDateTime",
    "RadiopharmaceuticalStartTime",
)
_PHILIPS = "Philips PET Private Group"
_GE = "GEMS_PETD_01"
_MEND = (
    "export the series again with it (it may have been taken out as personal), write it back, or give the image in SUV "
    "already and set `suv: false`"
)


def read_suv(folder: Path, spacing_mm: Spacing | None = None) -> Volume:
    """Read a PET series in SUV by body weight, g/ml, float32.

    Args:
        folder: of one DICOM series, stored in BQML, in CNTS by Philips, or in GML, which is SUV already.
        spacing_mm: what a study says of its pixels, as `read_volume` takes it.

    Raises:
        InputError: no DICOM folder, another modality, a field that is not there or cannot be; names field and mend.
    """
    _require_folder(folder)
    volume = read_volume(folder, spacing_mm)
    factor = suv_factor(folder)
    return Volume((volume.voxels.astype(np.float64) * factor).astype(np.float32), volume.grid, volume.name)


def suv_factor(folder: Path) -> float:
    """Return what the values of a PET series, rescaled as its slices say, are multiplied by to be SUV by body weight.

    In BQML it is weight / (dose x 2^(-t / half-life)), in g/Bq, where t is from the injection to what images are
    decay-corrected to: the start of the scan (START), or the injection itself (ADMIN: t is 0).

    Raises:
        InputError: as `read_suv`.
    """
    _require_folder(folder)
    headers = headers_of(folder)
    first = headers[0]
    if text_of(first, "Modality") != "PT":
        raise InputError(
            f"{folder}: Modality is {text_of(first, 'Modality') or 'missing'}, not PT; give the PET series"
        )
    units = text_of(first, "Units")
    for name in ("Units", "PatientWeight", "DecayCorrection"):
        if len({text_of(header, name) for header in headers}) > 1:
            raise InputError(f"{folder}: {name} differs between slices of one series; keep those of one scan")
    if units == "GML":
        kind = text_of(first, "SUVType") or "BW"
        if kind != "BW":
            raise InputError(
                f"{folder}: SUVType is {kind}, so that its values are no SUV by body weight (BW); export it in Bq/ml"
            )
        return 1.0
    if units == "CNTS":
        return _of_counts(folder, headers)
    if units == "BQML":
        return _of_activity(folder, headers)
    raise InputError(
        f"{folder}: Units are {units or 'missing'}; SUV is known of BQML, of CNTS by Philips, and of GML; export the "
        "series in Bq/ml"
    )


def _require_folder(folder: Path) -> None:
    if kind_of(folder) != "folder":
        raise InputError(
            f"{folder.name} is no DICOM folder, and `suv: true` needs the dose that only DICOM tells of; give the "
            "folder of the PET series, or set `suv: false` where the image holds SUV already"
        )


def _of_counts(folder: Path, headers: list[Dataset]) -> float:
    """Return the factor of a series in counts: Philips' own, or by its activity per count."""
    if (factor := _philips(folder, headers, 0x00)) > 0:
        return factor
    if (activity := _philips(folder, headers, 0x09)) > 0:
        return activity * _of_activity(folder, headers)
    raise InputError(
        f"{folder}: Units are CNTS, and the Philips factors (7053,1000) and (7053,1009), which say what a count "
        f"is, are missing or 0; {_MEND}, or export it in Bq/ml"
    )


def _philips(folder: Path, headers: list[Dataset], element: int) -> float:
    """Return a Philips factor; 0 where it is not there."""
    texts = {_private(header, 0x7053, _PHILIPS, element) for header in headers}
    if len(texts) > 1:
        raise InputError(f"{folder}: the Philips factor of counts differs between slices; keep those of one scan")
    try:
        return float(texts.pop() or 0)
    except ValueError:
        return 0.0


def _of_activity(folder: Path, headers: list[Dataset]) -> float:
    """Return the factor of a series in Bq/ml."""
    first = headers[0]
    corrected = text_of(first, "CorrectedImage").replace("\\", " ")
    for word, what in (("ATTN", "attenuation"), ("DECY", "decay")):
        if word not in corrected:
            raise InputError(
                f"{folder}: CorrectedImage is {corrected or 'missing'}, without {word}: the images are not corrected "
                f"for {what}, and no SUV; reconstruct them with it"
            )
    weight = _number(folder, "PatientWeight", text_of(first, "PatientWeight"))
    tracers = [(header.get("RadiopharmaceuticalInformationSequence") or [{}])[0] for header in headers]
    for name in _OF_TRACER:
        if len({_told(tracer, name) for tracer in tracers}) > 1:
            raise InputError(f"{folder}: {name} differs between slices of one series; keep those of one scan")
    tracer = tracers[0]
    dose, half_life = (_number(folder, name, _told(tracer, name)) for name in _OF_TRACER[:2])
    if weight > _HEAVIEST_KG:
        raise InputError(f"{folder}: PatientWeight is {weight:g} kg, more than anybody weighs: in grams? Correct it")
    if dose < _LEAST_DOSE_BQ:
        raise InputError(f"{folder}: RadionuclideTotalDose is {dose:g} Bq, less than any scan has: in MBq? Correct it")
    decay = text_of(first, "DecayCorrection")
    if decay == "ADMIN":
        waited = timedelta(0)
    elif decay == "START":
        waited = _waited(folder, headers, tracer)
    else:
        mend = "reconstruct the images with one of them" if decay else _MEND
        raise InputError(f"{folder}: DecayCorrection is {decay or 'missing'}; SUV is known of START and ADMIN; {mend}")
    if waited.total_seconds() > _MOST_HALF_LIVES * half_life:
        raise InputError(
            f"{folder}: RadionuclideHalfLife is {half_life:g} s, and the scan began {waited} after the injection, when "
            "nothing would be left: in minutes? Correct it"
        )
    return float(weight * 1000 / (dose * 2 ** (-waited.total_seconds() / half_life)))


def _waited(folder: Path, headers: list[Dataset], tracer: Any) -> timedelta:
    """Return the time from injection to the start of the scan."""
    scan = _scan_start(folder, headers)
    full = _told(tracer, "RadiopharmaceuticalStartDateTime")
    if full:
        injected = _moment(folder, "RadiopharmaceuticalStartDateTime", full)
    else:
        time = _told(tracer, "RadiopharmaceuticalStartTime")
        injected = _moment(folder, "RadiopharmaceuticalStartTime", f"{scan:%Y%m%d}{time}" if time else "")
        if injected > scan:  # over midnight: the field has no date
            injected -= timedelta(days=1)
    waited = scan - injected
    if not timedelta(0) <= waited <= _LONGEST:
        told = f"{waited} after the tracer was injected" if waited > _LONGEST else f"{-waited} before the injection"
        raise InputError(  # no date: messages stand in reports
            f"{folder}: the scan began {told}; correct the time of the injection or of the scan, whichever is wrong"
        )
    return waited


def _scan_start(folder: Path, headers: list[Dataset]) -> datetime:
    """Return when the scan began, to which images are decay-corrected.

    It is the time of the series, unless an acquisition is earlier: then the series was made anew later, and GE's own
    field, or the earliest acquisition, says it.
    """
    series = _moment(folder, "SeriesTime", _joined(headers[0], "SeriesDate", "SeriesTime"))
    texts = {_joined(header, "AcquisitionDate", "AcquisitionTime") for header in headers} - {""}
    earliest = min((_moment(folder, "AcquisitionTime", text) for text in texts), default=series)
    if series <= earliest:
        return series
    said = _private(headers[0], 0x0009, _GE, 0x0D)
    return _moment(folder, "the GE scan time (0009,100d)", said) if said else earliest


def _told(tracer: Any, name: str) -> str:
    """Return a field of the tracer as text; empty where it is not there."""
    value = tracer.get(name)
    return "" if value is None else str(value)


def _joined(header: Dataset, date: str, time: str) -> str:
    both = (text_of(header, date), text_of(header, time))
    return "".join(both) if all(both) else ""


def _moment(folder: Path, name: str, text: str) -> datetime:
    """Return a DICOM date and time; a time zone, which all times of a series share, is left out."""
    digits = text.split("+")[0].split("-")[0].replace(":", "").strip()
    whole, _, part = digits.partition(".")
    try:
        found = datetime.strptime(whole.ljust(14, "0"), "%Y%m%d%H%M%S")
        return found + timedelta(microseconds=int(part.ljust(6, "0")[:6] or 0))
    except ValueError as error:
        shown = f"{re.sub('[0-9]', '9', text)!r} (all digits shown as 9)" if text else "missing"
        raise InputError(f"{folder}: {name}, needed for SUV, is {shown}; {_MEND}") from error


def _number(folder: Path, name: str, text: str) -> float:
    """Return a number above 0."""
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not (np.isfinite(found) and found > 0):
        raise InputError(f"{folder}: {name}, needed for SUV, is {text or 'missing'}; {_MEND}")
    return found


def _private(header: Dataset, group: int, creator: str, element: int) -> str:
    """Return a vendor's field as text; empty where it is not there."""
    try:
        value: Any = header.private_block(group, creator)[element].value
    except KeyError:
        return ""
    return value.decode("latin-1").strip("\0 ") if isinstance(value, bytes) else str(value).strip()
