"""A heap of DICOM files as an index and a cohort table; series named by their UID."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pandas as pd
import pytest
from contours import item, save
from rawfiles import write_series

from radfuse.cli.dicom import dicom_index
from radfuse.cohort.config import CohortConfig
from radfuse.cohort.dump import Folders, _folder, _renamed, index_dump, read_folders
from radfuse.cohort.read import read_cohort
from radfuse.errors import InputError
from radfuse.volume.files import read_volume
from radfuse.volume.series import facts_of

PERSON = {"PatientID": "MRN-4711", "StudyInstanceUID": "1.2.1", "StudyDate": "20200105"}


@pytest.fixture
def heap(tmp_path: Path) -> Path:
    """Two series side by side, a third in two folders, one a year later, a report, notes, and one that is cut off."""
    heap = tmp_path / "heap"
    for name in ("flat", "one", "two", "later", "cut"):
        (heap / name).mkdir(parents=True)
    for series in ("1.2.3.4.1", "1.2.3.4.2"):
        write_series(tmp_path / "made", SeriesInstanceUID=series, SeriesDescription="1_mrn-4711_T1", **PERSON)
        for file in (tmp_path / "made").iterdir():
            file.rename(heap / "flat" / f"{series}_{file.name}")
        (tmp_path / "made").rmdir()
    write_series(tmp_path / "made", SeriesInstanceUID="1.2.3.4.3", **PERSON)
    for file in sorted((tmp_path / "made").iterdir()):
        file.rename(heap / ("one" if file.name < "2" else "two") / file.name)
    shutil.rmtree(heap / "later")
    write_series(
        heap / "later", SeriesInstanceUID="1.2.3.4.4", **PERSON | {"StudyDate": "20210104", "StudyInstanceUID": "1.2.2"}
    )
    shutil.rmtree(heap / "cut")
    write_series(heap / "cut", SeriesInstanceUID="1.2.3.4.5", **PERSON)
    (heap / "cut" / "1.dcm").write_bytes((heap / "cut" / "1.dcm").read_bytes()[:-5])
    (heap / "flat" / "notes.txt").write_text("MRN-4711")
    return heap


def test_a_heap_becomes_a_cohort_table(heap: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dicom_index(heap, tmp_path / "c.csv")
    rows = pd.read_csv(tmp_path / "c.csv").set_index("case_id")
    assert rows["files"].tolist() == [4, 4, 4, 4]
    assert rows["study"].tolist() == [1, 1, 1, 2]
    assert rows["days"].tolist() == [0, 0, 0, 365]
    assert rows["slice_mm"].tolist() == [2, 2, 2, 2]
    for image in rows["image"]:
        assert read_volume(tmp_path / image).array.shape == (4, 3, 4)
    assert rows["image"].iloc[3] == "heap/later"
    assert "2020" not in (tmp_path / "c.csv").read_text()
    assert "1 of 4 files are cut off" in capsys.readouterr().err


def test_a_table_that_was_edited_is_renewed_by_force_alone(heap: Path, tmp_path: Path) -> None:
    table = tmp_path / "c.csv"
    dicom_index(heap, table)
    written = table.read_text()
    dicom_index(heap, table)  # resuming is the same command
    table.write_text(written.replace("heap/later", "heap/other"))
    with pytest.raises(InputError, match=r"c\.csv is there and is not as this index wrote it: .* with --force"):
        dicom_index(heap, table)
    table.write_text(written.replace("case_id", "mine"))
    with pytest.raises(InputError, match=r"columns that are not of this index, mine, which would be lost"):
        dicom_index(heap, table)
    dicom_index(heap, table, force=True)
    assert table.read_text() == written


def test_pseudonyms_leave_no_id(heap: Path, tmp_path: Path) -> None:
    (tmp_path / "salt").write_text("0123456789abcdef")
    dicom_index(heap, tmp_path / "c.csv", tmp_path / "salt")
    text = (tmp_path / "c.csv").read_text()
    assert "4711" not in text
    rows = pd.read_csv(tmp_path / "c.csv")
    assert rows["image"].str.startswith("c.images/P").all()
    assert rows["description"].iloc[0] == f"1_{rows['patient_id'].iloc[0]}_T1"
    assert read_volume(tmp_path / rows["image"].iloc[3]).array.shape == (4, 3, 4)
    dicom_index(heap, tmp_path / "c.csv", tmp_path / "salt")  # links are made anew
    (tmp_path / "c.images" / "mine.txt").write_text("keep me")
    with pytest.raises(InputError, match="holds 1 thing that is no link of radfuse"):
        dicom_index(heap, tmp_path / "c.csv", tmp_path / "salt")
    assert (tmp_path / "c.images" / "mine.txt").is_file()


def test_why_series_cannot_be_read_is_told_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Real numbers are no cut file, and a file cut in its header lacks more than its UID."""
    heap = tmp_path / "heap"
    heap.mkdir()
    write_series(heap / "real", PixelData=None, FloatPixelData=bytes(48), **PERSON)
    write_series(heap / "cut", 1, **PERSON)
    (heap / "cut" / "0.dcm").write_bytes((heap / "cut" / "0.dcm").read_bytes()[:400])
    write_series(heap / "whole", SeriesInstanceUID="1.2.9", **PERSON)
    dicom_index(heap, tmp_path / "c.csv")
    told = capsys.readouterr().err
    assert "left out 1: pixels are real numbers (FloatPixelData), which are not read" in told
    assert "left out 1: 1 of 1 files are cut off" in told


def test_a_persons_name_leaves_descriptions_with_pseudonyms_alone(tmp_path: Path) -> None:
    """Parts of four letters and more, in the file's own alphabet; "Eva" and "Knie" are too short, or of no name."""
    name = {"SpecificCharacterSet": "ISO_IR 100", "PatientName": "Müller-Luedens^Eva"}
    write_series(tmp_path / "heap", SeriesDescription="Knie Eva MÜLLER_luedens T1 Muellers", **PERSON | name)
    (tmp_path / "salt").write_text("0123456789abcdef")
    dicom_index(tmp_path / "heap", tmp_path / "c.csv", tmp_path / "salt")
    assert pd.read_csv(tmp_path / "c.csv")["description"].tolist() == ["Knie Eva _ T1 Muellers"]
    dicom_index(tmp_path / "heap", tmp_path / "d.csv")
    assert pd.read_csv(tmp_path / "d.csv")["description"].tolist() == ["Knie Eva MÜLLER_luedens T1 Muellers"]


@pytest.mark.parametrize(
    ("person", "said", "kept"),
    [
        ("3", "PD FS 3.0 mm", "PD FS 3.0 mm"),
        ("3", "knee 3 of 3", "knee 3 of 3"),
        ("4711", "mm 4711.0 0.4711 4711", r"mm 4711.0 0.4711 \1"),
        ("MRN-4711", "T1_mrn-4711.", r"T1_\1."),
        ("4711", "47110 x4711", "47110 x4711"),
    ],
)
def test_a_pseudonym_stands_for_the_id_as_a_word_and_for_no_number(person: str, said: str, kept: str) -> None:
    r"""The pseudonym \1 is no reference to a group."""
    rows = pd.DataFrame({"patient": [person], "description": [said], "nameless": [said]})
    assert _renamed(rows, {person: r"\1"})["description"].tolist() == [kept]


def test_of_an_index_that_does_not_know_names_descriptions_stay_away_with_pseudonyms() -> None:
    rows = pd.DataFrame({"patient": ["4711"], "description": ["MUELLER T1"]})
    assert _renamed(rows, {})["description"].tolist() == ["MUELLER T1"]
    assert _renamed(rows, {"4711": "a"})["description"].isna().all()


@pytest.mark.parametrize(
    ("name", "said", "kept"),
    [("4711", "TE 4711.0 ms 4711", "TE 4711.0 ms"), ("MRN-4711", "MRN-4711 T1", "MRN-4711 T1")],
)
def test_a_name_leaves_no_number_and_one_that_is_the_id_is_left_to_the_pseudonym(
    name: str, said: str, kept: str
) -> None:
    header = item(PatientID="MRN-4711", PatientName=name, SeriesDescription=said)
    assert facts_of(header)["nameless"] == kept


def test_a_series_is_named_by_its_uid(heap: Path, tmp_path: Path) -> None:
    index_dump(heap, tmp_path / "s.parquet")
    table = tmp_path / "cohort.csv"
    table.write_text("case_id,patient_id,image\na,p,1.2.3.4.4\n")
    config = CohortConfig(table=table, images={"t1": "image"}, series_index=tmp_path / "s.parquet")
    (case,) = read_cohort(config=config, new=True)
    assert case.images["t1"].resolve() == (heap / "later").resolve()
    table.write_text("case_id,patient_id,image\na,p,1.2.3.4.1\nb,q,1.2.3.9.9\n")
    with pytest.raises(InputError, match=r"(?s)lies beside others.*no series of this UID") as caught:
        read_cohort(config=config, new=True)
    assert "no file" not in str(caught.value)
    with pytest.raises(InputError, match=r"there is no file .*none\.parquet; `radfuse dicom index` writes one"):
        read_cohort(config=config.model_copy(update={"series_index": tmp_path / "none.parquet"}))


def test_an_id_that_is_a_path_leads_nowhere_and_one_that_lacks_is_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "heap").mkdir()
    utf8 = {"SpecificCharacterSet": "ISO_IR 192"}
    for number, person in enumerate(["../../Ö1", "../../Ö1", ""]):
        write_series(tmp_path / "made", SeriesInstanceUID=f"1.2.{number}", PatientID=person, **utf8)
        for file in (tmp_path / "made").iterdir():
            file.rename(tmp_path / "heap" / f"{number}{file.name}")
        (tmp_path / "made").rmdir()
    dicom_index(tmp_path / "heap", tmp_path / "c.csv")
    rows = pd.read_csv(tmp_path / "c.csv")
    assert rows["patient_id"].tolist() == ["../../Ö1"] * 2
    assert all(read_volume(tmp_path / image).array.shape == (4, 3, 4) for image in rows["image"])
    assert len(list((tmp_path / "c.images").iterdir())) == 2
    assert "left out 1: no PatientID" in capsys.readouterr().err


def test_folders_without_dicom_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no folder"):
        index_dump(tmp_path / "x", tmp_path / "s.parquet")
    (tmp_path / "d").mkdir()
    with pytest.raises(InputError, match="holds no files"):
        index_dump(tmp_path / "d", tmp_path / "s.parquet")
    (tmp_path / "d" / "a.txt").write_text("x")
    with pytest.raises(InputError, match="holds no DICOM file that can be used; give the folder"):
        index_dump(tmp_path / "d", tmp_path / "s.parquet")


def test_a_heap_without_series_says_why(tmp_path: Path) -> None:
    write_series(tmp_path / "d", SeriesInstanceUID="", **PERSON)
    with pytest.raises(InputError, match=r"no DICOM file that can be used .*SeriesInstanceUID"):
        index_dump(tmp_path / "d", tmp_path / "s.parquet")


def test_packed_files_and_names_that_are_no_text_are_counted(heap: Path, tmp_path: Path) -> None:
    (heap / "later" / "more.zip").write_bytes(b"PK")
    (heap / "cut").rename(heap / os.fsdecode(b"\xff"))
    index = index_dump(heap, tmp_path / "heap.series.parquet")
    faults = index.set_index("folder")["fault"].dropna()
    assert "are packed (zip, gz, tar, ...)" in faults["later"]
    assert "no text in UTF-8" in faults["\N{REPLACEMENT CHARACTER}"]
    assert index.loc[index["folder"] == "later", "series_uid"].notna().sum() == 1


def test_a_series_of_which_a_slice_cannot_be_named_is_left_out(heap: Path, tmp_path: Path) -> None:
    """Without its last slice it would look like a whole one."""
    (heap / "later" / "3.dcm").rename(heap / "later" / "3\n.dcm")
    index = index_dump(heap, tmp_path / "heap.series.parquet").set_index("folder")
    assert "a slice has a name that is no text in UTF-8, or of several lines" in index.loc["later", "fault"].iloc[0]


def test_a_series_that_lies_there_twice_is_one(heap: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(heap, heap / "backup")
    dicom_index(heap, tmp_path / "heap.csv")
    rows = pd.read_csv(tmp_path / "heap.csv")
    assert rows["files"].tolist() == [4, 4, 4, 4]
    assert "copies of a series that lies in another folder as well" in " ".join(capsys.readouterr().err.split())
    assert read_volume(tmp_path / rows["image"].iloc[0]).array.shape[0] == 4


def test_links_are_followed_once_and_never_above(heap: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (heap / "later").rename(tmp_path / "elsewhere" / "later")
    (heap / "link").symlink_to(tmp_path / "elsewhere")
    for name, target in (("back", heap), ("above", "/"), ("again", heap / "flat"), ("gone", tmp_path / "nothing")):
        (heap / "one" / name).symlink_to(target)
    index = index_dump(heap, tmp_path / "s.parquet")
    assert sorted(index["folder"]) == [".", "cut", "flat", "flat", "link/later"]  # one and two hold one series


def test_folders_that_may_not_be_read_are_told(
    heap: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    look = os.scandir

    def closed(place: str) -> object:
        if str(place).endswith("later"):
            raise PermissionError(13, "Permission denied", str(place))
        return look(place)

    monkeypatch.setattr(os, "scandir", closed)
    monkeypatch.setattr(os, "listdir", lambda place: [item.name for item in closed(place)])  # type: ignore[attr-defined]
    dicom_index(heap, tmp_path / "c.csv")
    assert "left out 1: cannot be read (Permission denied)" in " ".join(capsys.readouterr().err.split())


def test_a_folder_that_goes_away_is_told(tmp_path: Path) -> None:
    """As is one in a folder that may be listed and not entered."""
    (row,) = read_folders(Folders(tmp_path, ".", (_folder(tmp_path, str(tmp_path / "gone")),)))
    assert (row["changed"], "gone by now" in str(row["fault"])) == (0, True)


def test_what_scanners_store_beside_images_is_no_image(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Series data of Philips, a raw measurement, a PDF, and the directory of a disk, in the folder of a series."""
    write_series(tmp_path / "heap", **PERSON)
    kinds = {
        "philips": "1.3.46.670589.11.0.0.12.2",
        "siemens": "1.3.12.2.1107.5.9.1",
        "raw": "1.2.840.10008.5.1.4.1.1.66",
        "pdf": "1.2.840.10008.5.1.4.1.1.104.1",
    }
    for name, kind in kinds.items():
        save(tmp_path / "heap" / name, kind, Modality="MR", **PERSON)
    save(tmp_path / "heap" / "DICOMDIR", "1.2.840.10008.1.3.10", DirectoryRecordSequence=[item(Rows=1)])
    assert read_volume(tmp_path / "heap").array.shape == (4, 3, 4)
    dicom_index(tmp_path / "heap", tmp_path / "c.csv")
    assert pd.read_csv(tmp_path / "c.csv")["files"].tolist() == [4]
    assert capsys.readouterr().err.split("\n")[-2] == "left out 1: no images (reports, segmentations, plans)"


@pytest.mark.parametrize("secret", [False, True])
def test_a_radiograph_is_named_as_the_file_it_is(tmp_path: Path, *, secret: bool) -> None:
    """One has an end that says what it is, others, as from a PACS, none; a series and a text lie in the heap, too."""
    nowhere = {"ImagePositionPatient": None, "ImageOrientationPatient": None, "Modality": "DX"}
    write_series(tmp_path / "heap", 2, SeriesInstanceUID=lambda z: f"1.2.{z}", **PERSON, **nowhere)
    (tmp_path / "heap" / "1.dcm").rename(tmp_path / "heap" / "IM1")
    write_series(tmp_path / "heap" / "alone", 1, SeriesInstanceUID="1.2.7", **PERSON, **nowhere)
    (tmp_path / "heap" / "alone" / "README").write_text("a disk")
    write_series(tmp_path / "heap" / "mr", SeriesInstanceUID="1.2.9", **PERSON)
    (tmp_path / "salt").write_text("0123456789abcdef")
    dicom_index(tmp_path / "heap", tmp_path / "c.csv", tmp_path / "salt" if secret else None)
    images = pd.read_csv(tmp_path / "c.csv")["image"]
    assert images[:3].str.endswith(".dcm").all()
    assert [read_volume(tmp_path / image).array.shape for image in images] == [*[(1, 3, 4)] * 3, (4, 3, 4)]
    assert images.str.startswith("c.images/").sum() == (4 if secret else 1)


def test_persons_who_share_a_uid_and_a_folder_are_two(tmp_path: Path) -> None:
    write_series(tmp_path / "heap", PatientID=lambda z: f"p{z // 2}", StudyInstanceUID="1.2.1")
    dicom_index(tmp_path / "heap", tmp_path / "c.csv")
    rows = pd.read_csv(tmp_path / "c.csv")
    assert rows[["patient_id", "files"]].to_numpy().tolist() == [["p0", 2], ["p1", 2]]
    assert [read_volume(tmp_path / image).array.shape for image in rows["image"]] == [(2, 3, 4)] * 2


def test_what_will_not_be_read_is_a_remark(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two folders hold every second slice each, so that none lacks a slice."""
    heap = tmp_path / "heap"
    heap.mkdir()
    write_series(
        heap / "gap", SeriesInstanceUID="1.2.3.4.1", ImagePositionPatient=lambda z: [0, 0, z + (z > 1)], **PERSON
    )
    write_series(heap / "odd", 8, SeriesInstanceUID="1.2.3.4.2", **PERSON)
    (heap / "even").mkdir()
    for name in ("0.dcm", "2.dcm", "4.dcm", "6.dcm"):
        (heap / "odd" / name).rename(heap / "even" / name)
    dicom_index(heap, tmp_path / "c.csv")
    rows = pd.read_csv(tmp_path / "c.csv")
    assert rows["remark"].iloc[0].startswith("the series: 1 slice is missing between slice 2 and slice 3")
    assert rows["remark"].isna().tolist() == [False, True]
    assert "remark 1: these cannot be read as they are" in capsys.readouterr().err


def test_an_index_without_remarks_is_gone_on_with(heap: Path, tmp_path: Path) -> None:
    index = index_dump(heap, tmp_path / "c.series.parquet")
    index.drop(columns="remark").to_parquet(tmp_path / "c.series.parquet")
    dicom_index(heap, tmp_path / "c.csv")
    assert pd.read_csv(tmp_path / "c.csv")["remark"].isna().all()
