"""Numbers as a DICOM structured report, TID 1500, in the study of the images they were measured on.

Each segment has its volume, each region its features, each family its probability; what has no code elsewhere is coded
under radfuse's private scheme, its meaning being its name. Like the segmentation it carries the patient's ids.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from radfuse.volume.codes import Concept, coded, private
from radfuse.volume.dicom_seg import LONGEST_LABEL, MANUFACTURER, SR_SERIES, Maker, concept, highdicom
from radfuse.volume.quantities import unit_of

if TYPE_CHECKING:
    from pydicom import Dataset

_ONE = "1"
_UNITS = {
    _ONE: "no units",
    "mm": "millimeter",
    "mm2": "square millimeter",
    "mm3": "cubic millimeter",
    "1/mm": "per millimeter",
    "1/mm2": "per square millimeter",
}
"""UCUM code -> meaning."""
_VOLUME = Concept("118565006", "SCT", "Volume")
_PROCEDURE = Concept("363679005", "SCT", "Imaging procedure")
_PROBABILITY = private("probability of the outcome")


@dataclass(frozen=True)
class Numbers:
    """What a report says.

    Attributes:
        volumes_mm3: label name -> volume.
        features: name of a region, or of a sequence and a region -> feature -> value.
        probabilities: family -> probability of the outcome, in [0, 1].
        outcome: what the probabilities are of.
    """

    volumes_mm3: Mapping[str, float]
    features: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    probabilities: Mapping[str, float] = field(default_factory=dict)
    outcome: str = ""


def report(
    numbers: Numbers,
    segmented: Dataset,
    headers: list[Dataset],
    maker: Maker,
    codes: Mapping[str, str] | None = None,
) -> Dataset:
    """Return a report on a segmentation, in the study of its series.

    Args:
        numbers: what it says.
        segmented: the segmentation, from `dicom_seg.segmentation`.
        headers: of the series, from `dicom_seg.source_headers`.
        maker: who made the numbers.
        codes: label name -> code in the place of ours.

    Raises:
        InputError: highdicom is not installed.
    """
    from pydicom.sr.codedict import codes as known
    from pydicom.uid import generate_uid

    library = highdicom()
    groups = [*_segments(numbers, segmented, maker, codes), *_others(numbers, segmented, maker)]
    device = library.sr.DeviceObserverIdentifyingAttributes(
        uid=generate_uid(entropy_srcs=[MANUFACTURER, maker.digest]),
        name=MANUFACTURER,
        manufacturer_name=MANUFACTURER,
        model_name=maker.model[:64],
        serial_number=maker.digest,
    )
    context = library.sr.ObserverContext(observer_type=known.DCM.Device, observer_identifying_attributes=device)
    content = library.sr.MeasurementReport(
        observation_context=library.sr.ObservationContext(observer_device_context=context),
        procedure_reported=concept(_PROCEDURE),
        imaging_measurements=groups,
        title=known.DCM.ImagingMeasurementReport,
    )
    entropy = [segmented.SOPInstanceUID, maker.digest, repr(numbers)]
    return library.sr.Comprehensive3DSR(
        evidence=[segmented, *headers],
        content=content[0],
        series_instance_uid=generate_uid(entropy_srcs=[*entropy, "series"]),
        series_number=SR_SERIES,
        sop_instance_uid=generate_uid(entropy_srcs=[*entropy, "sr"]),
        instance_number=1,
        manufacturer=MANUFACTURER,
        is_complete=True,
        is_final=False,
        series_description="radfuse measurements",
    )


def _segments(numbers: Numbers, segmented: Dataset, maker: Maker, codes: Mapping[str, str] | None) -> list[Any]:
    """Return a group of measurements for each segment: its volume."""
    library = highdicom()
    series = segmented.ReferencedSeriesSequence[0].SeriesInstanceUID
    volumes = {name[:LONGEST_LABEL]: value for name, value in numbers.volumes_mm3.items()}
    groups = []
    for segment in segmented.SegmentSequence:
        name, number = str(segment.SegmentLabel), int(segment.SegmentNumber)
        what = coded(name, codes)
        site = [library.sr.FindingSite(concept(what.region))] if what.region not in (None, what.kind) else None
        groups.append(
            library.sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
                tracking_identifier=library.sr.TrackingIdentifier(segment.TrackingUID, segment.TrackingID),
                referenced_segment=library.sr.ReferencedSegment(
                    sop_class_uid=segmented.SOPClassUID,
                    sop_instance_uid=segmented.SOPInstanceUID,
                    segment_number=number,
                    source_series=library.sr.SourceSeriesForSegmentation(series),
                ),
                finding_type=concept(what.kind),
                finding_sites=site,
                algorithm_id=_identified(maker),
                measurements=[_measurement(_VOLUME, volumes[name], "mm3")],
            )
        )
    return groups


def _others(numbers: Numbers, segmented: Dataset, maker: Maker) -> list[Any]:
    """Return a group for each region with features, and one for the probabilities."""
    from pydicom.uid import generate_uid

    library = highdicom()
    named: dict[str, list[tuple[Concept, float, str]]] = {
        region: [(private(name), value, unit_of(name) or _ONE) for name, value in features.items()]
        for region, features in numbers.features.items()
    }
    for family, value in numbers.probabilities.items():
        named[f"{numbers.outcome}: {family}"] = [(_PROBABILITY, value, _ONE)]
    return [
        library.sr.MeasurementsAndQualitativeEvaluations(
            tracking_identifier=library.sr.TrackingIdentifier(
                generate_uid(entropy_srcs=[segmented.SOPInstanceUID, name]), name
            ),
            algorithm_id=_identified(maker),
            measurements=[_measurement(*value) for value in values],
        )
        for name, values in named.items()
        if values
    ]


def _measurement(name: Concept, value: float, unit: str) -> Any:
    measured = concept(Concept(unit, "UCUM", _UNITS[unit]))
    return highdicom().sr.Measurement(name=concept(name), value=float(value), unit=measured)


def _identified(maker: Maker) -> Any:
    return highdicom().sr.AlgorithmIdentification(
        name=MANUFACTURER, version=maker.version, parameters=[f"model {maker.model}", f"sha256 {maker.digest}"]
    )
