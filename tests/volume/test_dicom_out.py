"""Masks and numbers as DICOM objects: read back by highdicom and pydicom, and compared."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pydicom
import pytest
from rawfiles import write_enhanced
from rawfiles import write_series as write_raw

from radfuse.errors import InputError
from radfuse.phantom.oai import tiny, write_series
from radfuse.volume.codes import coded, private
from radfuse.volume.dicom_seg import Maker, indexed, source_headers
from radfuse.volume.dicom_sr import Numbers
from radfuse.volume.dicom_study import SEG, SR, write_objects
from radfuse.volume.files import read_grid, read_labels
from radfuse.volume.image import LabelMap

hd = pytest.importorskip("highdicom", reason="needs radfuse[dicom]")
MAKER = Maker("knee.onnx", "c0ffee" * 10 + "beef", "0.2.0")
ABOUT = {"PatientID": "9007827", "StudyDate": "20041006", "StudyInstanceUID": "1.2.826.7.1"}
NAMES = {1: "femur", 4: "femoral_cartilage", 9: "odd thing"}
NUMBERS = Numbers(
    {},
    {"dess/femoral_cartilage": {"original_glcm_Contrast": 1.0 / 3, "original_shape_VoxelVolume": 1e-7}},
    {"clinical-radiomic": 0.123456789012345},
    "incident_oa_48m",
)


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, LabelMap]:
    """Folder of a series of 5 slices of 4 x 4, that of its objects, and the mask that they hold."""
    folder = tmp_path_factory.mktemp("out")
    write_series(folder / "1", tiny(5), "right", "SAG_3D_DESS", ABOUT)
    array = np.zeros((5, 4, 4), dtype=np.uint8)
    array[1:4, :2], array[2, 2:, 1:], array[4, 0, 0] = 1, 4, 9
    labels = LabelMap(array, read_grid(folder / "1"), NAMES, "m")
    own = {"femur": "SCT:310652005:Distal Femur"}
    write_objects(folder / "out", labels, folder / "1", MAKER, own, NUMBERS)
    return folder / "1", folder / "out", labels


def test_the_segmentation_is_the_mask(objects: tuple[Path, Path, LabelMap]) -> None:
    series, out, labels = objects
    with indexed(hd.seg.segread(out / SEG)) as found:
        spatial = found.get_volume(combine_segments=True)
    assert np.array_equal(np.unique(spatial.array), [0, 1, 2, 3])
    for number, label in enumerate((1, 4, 9), start=1):
        places = np.argwhere(spatial.array == number)
        mm = spatial.map_indices_to_reference(places)
        axes = np.reshape(labels.direction, (3, 3)) * np.array(labels.spacing_zyx_mm[::-1])
        expected = np.argwhere(labels.array == label)[:, ::-1] @ axes.T + np.array(labels.origin)
        assert np.allclose(np.sort(mm, axis=0), np.sort(expected, axis=0), atol=1e-6)
    ours = read_labels(out / SEG, NAMES, like=read_grid(series))
    assert np.array_equal(ours.array, labels.array)


def test_highdicoms_table_of_frames_is_closed(objects: tuple[Path, Path, LabelMap], tmp_path: Path) -> None:
    series, _, labels = objects
    opened = []

    def connect(place: str) -> sqlite3.Connection:
        opened.append(sqlite3.connect(place))
        return opened[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("highdicom.image.sqlite3", SimpleNamespace(connect=connect))
        write_objects(tmp_path / "out", labels, series, MAKER)
    assert opened
    for table in opened:
        with pytest.raises(sqlite3.ProgrammingError, match="closed database"):
            table.execute("SELECT 1")


def test_the_objects_belong_to_the_study_of_their_images(objects: tuple[Path, Path, LabelMap]) -> None:
    series, out, _ = objects
    source = source_headers(series)
    for name in (SEG, SR):
        made = pydicom.dcmread(out / name)
        for field in ("PatientID", "PatientName", "StudyInstanceUID", "StudyDate"):
            assert made[field].value == source[0][field].value
        assert made.SeriesInstanceUID != source[0].SeriesInstanceUID
    made = pydicom.dcmread(out / SEG)
    assert made.FrameOfReferenceUID == source[0].FrameOfReferenceUID
    referenced = {item.ReferencedSOPInstanceUID for item in made.ReferencedSeriesSequence[0].ReferencedInstanceSequence}
    assert referenced <= {header.SOPInstanceUID for header in source}
    assert not any("9007827" in part for path in out.rglob("*") for part in path.relative_to(out).parts)


def test_segments_are_coded_and_name_their_model(objects: tuple[Path, Path, LabelMap]) -> None:
    with indexed(hd.seg.segread(objects[1] / SEG)) as found:
        femur, cartilage, odd = (found.get_segment_description(number) for number in (1, 2, 3))
    assert femur.segmented_property_type.value == "310652005"
    assert (cartilage.segmented_property_type.value, cartilage.segmented_property_type.scheme_designator) == (
        "309312004",
        "SCT",
    )
    assert cartilage.anatomic_regions[0].value == "71341001"
    assert odd.segmented_property_type.scheme_designator == "99RADFUSE"
    assert cartilage.algorithm_identification.parameters == {"model": "knee.onnx", "sha256": MAKER.digest}


def test_the_report_holds_the_numbers(objects: tuple[Path, Path, LabelMap]) -> None:
    _, out, labels = objects
    report = hd.sr.srread(out / SR)
    assert report.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    segments = report.content.get_volumetric_roi_measurement_groups()
    voxel = float(np.prod(labels.spacing_zyx_mm))
    volumes = {group.tracking_identifier: group.get_measurements()[0] for group in segments}
    assert {name: item.value for name, item in volumes.items()} == pytest.approx(
        {name: int((labels.array == label).sum()) * voxel for label, name in NAMES.items()}
    )
    assert {item.unit.value for item in volumes.values()} == {"mm3"}
    uid = pydicom.dcmread(out / SEG).SOPInstanceUID
    assert {group.referenced_segment.referenced_sop_instance_uid for group in segments} == {uid}
    others = report.content.get_image_measurement_groups()
    read = {
        (group.tracking_identifier, item.name.meaning): item.value
        for group in others
        for item in group.get_measurements()
    }
    assert read == {
        ("dess/femoral_cartilage", "original_glcm_Contrast"): 1.0 / 3,
        ("dess/femoral_cartilage", "original_shape_VoxelVolume"): 1e-7,
        ("incident_oa_48m: clinical-radiomic", "probability of the outcome"): 0.123456789012345,
    }
    units = {item.name.meaning: item.unit.value for group in others for item in group.get_measurements()}
    assert [units[name] for _, name in read] == ["1", "mm3", "1"]
    assert MAKER.digest in report.to_json()


def test_the_same_mask_makes_the_same_ids(objects: tuple[Path, Path, LabelMap], tmp_path: Path) -> None:
    series, out, labels = objects
    write_objects(tmp_path / "again", labels, series, MAKER, {"femur": "SCT:310652005:Distal Femur"}, NUMBERS)
    for name in (SEG, SR):
        first, second = pydicom.dcmread(out / name), pydicom.dcmread(tmp_path / "again" / name)
        assert (first.SOPInstanceUID, first.SeriesInstanceUID) == (second.SOPInstanceUID, second.SeriesInstanceUID)


def test_headers_of_any_hospital_and_labels_of_any_language(tmp_path: Path) -> None:
    """A year is no date of birth and "female" no code; letters that the images' set lacks; a name of 70 characters."""
    odd = {
        "PatientBirthDate": "1943",
        "PatientSex": "female",
        "StudyTime": "noon",
        "SpecificCharacterSet": "ISO_IR 100",
    }
    with pydicom.config.disable_value_validation():
        about = ABOUT | odd | {"PatientName": "Müller"}
        write_series(tmp_path / "1", tiny(), None, "DESS", about)
    names = {1: "骨", 2: 70 * "x"}
    array = np.zeros((3, 4, 4), dtype=np.uint8)
    array[1, :2], array[2, 2] = 1, 2
    write_objects(tmp_path / "o", LabelMap(array, read_grid(tmp_path / "1"), names, "m"), tmp_path / "1", MAKER)
    made = [pydicom.dcmread(tmp_path / "o" / name) for name in (SEG, SR)]
    assert {(str(item.PatientName), item.PatientBirthDate or "", item.PatientSex) for item in made} == {
        (about["PatientName"], "", "")
    }
    assert [item.SegmentLabel for item in made[0].SegmentSequence] == [names[1], 64 * "x"]
    volumes = hd.sr.srread(tmp_path / "o" / SR).content.get_volumetric_roi_measurement_groups()
    assert [group.tracking_identifier for group in volumes] == [names[1], 64 * "x"]


def test_a_name_in_three_alphabets_is_written_whole(tmp_path: Path) -> None:
    name = "Yamada^Tarou=山田^太郎=やまだ^たろう"
    write_series(
        tmp_path / "1",
        tiny(),
        None,
        "DESS",
        ABOUT
        | {"SpecificCharacterSet": ["", "ISO 2022 IR 87"], "PatientName": name, "OtherPatientNames": [name, "C^D"]},
    )
    array = np.zeros((3, 4, 4), dtype=np.uint8)
    array[1, :2] = 1
    write_objects(tmp_path / "o", LabelMap(array, read_grid(tmp_path / "1"), {1: "bone"}, "m"), tmp_path / "1", MAKER)
    assert {str(pydicom.dcmread(tmp_path / "o" / each).PatientName) for each in (SEG, SR)} == {name}
    header = source_headers(tmp_path / "1")[0]
    assert [str(each) for each in header.OtherPatientNames] == [name, "C^D"]


@pytest.mark.parametrize("named", ["file", "folder"])
@pytest.mark.parametrize("said", ["together", "by frame", "in part"])
def test_an_enhanced_file_whose_frames_lie_in_any_order_has_objects(tmp_path: Path, said: str, named: str) -> None:
    (tmp_path / "s").mkdir()
    file = tmp_path / "s" / "e.dcm"
    about = {"PatientID": "1", "StudyInstanceUID": "1.2.8", "FrameOfReferenceUID": "1.2.9.0"}
    write_enhanced(file, np.arange(48, dtype=np.uint16).reshape(4, 3, 4), [2, 0, 3, 1], **about)
    if said == "by frame":
        header = pydicom.dcmread(file)
        together = header.SharedFunctionalGroupsSequence[0]
        for frame in header.PerFrameFunctionalGroupsSequence:
            frame.PlaneOrientationSequence = together.PlaneOrientationSequence
            frame.PixelMeasuresSequence = [pydicom.Dataset()]
            frame.PixelMeasuresSequence[0].PixelSpacing = [1, 1]
        del header.SharedFunctionalGroupsSequence
        header.save_as(file)
    if said == "in part":
        header = pydicom.dcmread(file)
        together = header.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
        del together.PixelSpacing
        for frame in header.PerFrameFunctionalGroupsSequence:
            frame.PixelMeasuresSequence = [pydicom.Dataset()]
            frame.PixelMeasuresSequence[0].PixelSpacing = [1, 1]
        header.save_as(file)
    series = file if named == "file" else file.parent
    grid = read_grid(series)
    array = np.zeros(grid.shape, dtype=np.uint8)
    array[0, 0, 0], array[1, :2, 1], array[3, 2, 1:] = 1, 4, 4
    write_objects(tmp_path / "o", LabelMap(array, grid, NAMES, "m"), series, MAKER, numbers=NUMBERS)
    found = read_labels(tmp_path / "o" / SEG, NAMES, like=grid)
    assert np.array_equal(found.array, array)
    made = pydicom.dcmread(tmp_path / "o" / SEG)
    from_frames = {
        tuple(frame.PlanePositionSequence[0].ImagePositionPatient): frame.DerivationImageSequence[0]
        .SourceImageSequence[0]
        .ReferencedFrameNumber
        for frame in made.PerFrameFunctionalGroupsSequence
    }
    assert from_frames == {(0, 0, 0): 2, (0, 0, 2): 4, (0, 0, 6): 3}
    segments = hd.sr.srread(tmp_path / "o" / SR).content.get_volumetric_roi_measurement_groups()
    assert {group.tracking_identifier: group.get_measurements()[0].value for group in segments} == {
        "femur": 2.0,
        "femoral_cartilage": 10.0,
    }


def test_a_series_in_several_enhanced_files_gets_no_objects_in_words(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    for z in range(2):
        pixels = np.ones((4, 3, 4), dtype=np.uint16)
        write_enhanced(tmp_path / "s" / f"{z}.dcm", pixels, [2 * z, 2 * z + 1])
    with pytest.raises(InputError, match="holds a series in several enhanced files, beside which no DICOM objects"):
        source_headers(tmp_path / "s")


def test_a_segmentation_of_slices_at_measured_places_is_read_back(tmp_path: Path) -> None:
    """Table positions vary by some hundredths of a millimetre, which add up where the least gap is taken for all."""
    apart = [0.005 * (-1) ** (z // 2) for z in range(24)]
    write_raw(
        tmp_path / "s",
        24,
        PatientID="1",
        StudyInstanceUID="1.2.8",
        FrameOfReferenceUID="1.2.9",
        ImagePositionPatient=lambda z: [0, 0, z + apart[z]],
    )
    grid = read_grid(tmp_path / "s")
    array = np.zeros(grid.shape, dtype=np.uint8)
    array[:, 1:, 1:] = 1
    write_objects(tmp_path / "o", LabelMap(array, grid, {1: "bone"}, "m"), tmp_path / "s", MAKER)
    found = read_labels(tmp_path / "o" / SEG)
    assert np.array_equal(found.array, array)
    assert found.grid.spacing_zyx_mm == pytest.approx(grid.spacing_zyx_mm, rel=1e-3)


@pytest.mark.parametrize(
    ("part", "told"),
    [
        ("source_headers", "what its headers say"),
        ("segmentation", r"its segmentation, seg\.dcm,"),
        ("report", r"the report on it, sr\.dcm,"),
    ],
)
def test_what_cannot_be_written_names_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str, told: str
) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("'MUSTERMANN' is no name")

    write_series(tmp_path / "1", tiny(), None, "DESS", ABOUT)
    labels = LabelMap(np.ones((3, 4, 4), dtype=np.uint8), read_grid(tmp_path / "1"), NAMES, "m")
    monkeypatch.setattr(f"radfuse.volume.dicom_study.{part}", refuse)
    with pytest.raises(InputError, match=rf"1: {told} cannot be written beside it \(ValueError\)") as caught:
        write_objects(tmp_path / "o", labels, tmp_path / "1", MAKER)
    assert "MUSTERMANN" not in str(caught.value)


def test_threads_leave_warnings_as_they_were(
    objects: tuple[Path, Path, LabelMap], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = threading.Barrier(2)

    def refuse(*_: object) -> None:
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(0.1)  # for a second thread, which waits outside
        raise ValueError

    monkeypatch.setattr("radfuse.volume.dicom_study.source_headers", refuse)
    before = list(warnings.filters)
    with ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(write_objects, tmp_path / "o", objects[2], objects[0], MAKER) for _ in range(2)]
    assert all(isinstance(job.exception(), InputError) for job in jobs)
    assert both.broken
    assert list(warnings.filters) == before


def test_what_cannot_be_written_is_named(objects: tuple[Path, Path, LabelMap], tmp_path: Path) -> None:
    series, _, labels = objects
    with pytest.raises(InputError, match="the mask is empty"):
        write_objects(tmp_path / "o", replace(labels, array=np.zeros_like(labels.array)), series, MAKER)
    moved = replace(labels, grid=replace(labels.grid, origin=(50.0, 0.0, 0.0)))
    with pytest.raises(InputError, match="does not lie on its series of 5 slices of 4 x 4"):
        write_objects(tmp_path / "o", moved, series, MAKER)
    with pytest.raises(InputError, match="is no folder of DICOM slices"):
        write_objects(tmp_path / "o", labels, tmp_path / "x.nii.gz", MAKER)
    assert not (tmp_path / "o").exists()


def test_names_that_say_nothing_have_codes_of_their_own() -> None:
    assert coded("medial_tibial_cartilage").kind.meaning == "Cartilage tissue"
    region = coded("medial_tibial_cartilage").region
    assert region is not None
    assert region.value == "12611008"
    assert coded("l4").kind.value == "11994002"
    assert coded("tibia").kind == region
    assert coded("Left distal tibia").kind == region
    assert coded("thing").kind == private("thing")
    for name in ("patellar_tendon", "femoral_artery", "biceps_femoris", "tibialis_anterior"):  # no bones
        assert coded(name).kind == private(name)
        assert coded(name).region is None
    assert private("thing") != private("other thing")
