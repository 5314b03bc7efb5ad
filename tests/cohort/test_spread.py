"""Series whose files lie over several folders, as PACS dumps have them: one row each, as a whole."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest
from rawfiles import write_series

from radfuse.cli.dicom import dicom_index
from radfuse.cohort import spread
from radfuse.cohort.config import CohortConfig
from radfuse.cohort.dump import index_dump
from radfuse.cohort.read import read_cohort
from radfuse.errors import InputError
from radfuse.volume.files import read_volume

PERSON = {"PatientID": "MRN-4711", "StudyInstanceUID": "1.2.1", "StudyDate": "20200105"}
UID = "1.2.3.4.1"


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    """Six slices in three folders, whose names are sums."""
    (tmp_path / "heap").mkdir()
    write_series(tmp_path / "heap" / "ab12", 6, SeriesInstanceUID=UID, SliceThickness=5, **PERSON)
    for folder, numbers in {"cd34": (2, 3), "0f": (4, 5)}.items():
        (tmp_path / "heap" / folder).mkdir()
        for number in numbers:
            (tmp_path / "heap" / "ab12" / f"{number}.dcm").rename(tmp_path / "heap" / folder / f"{number}e")
    return tmp_path / "heap"


def rows_of(heap: Path) -> pd.DataFrame:
    dicom_index(heap, heap.parent / "c.csv")
    return pd.read_csv(heap.parent / "c.csv")


def test_one_row_says_how_the_whole_lies_and_the_uid_finds_it(parts: Path, tmp_path: Path) -> None:
    (row,) = rows_of(parts).to_dict("records")
    assert (row["files"], row["slice_mm"], pd.isna(row["remark"])) == (6, 2, True)
    assert read_volume(tmp_path / row["image"]).array.shape == (6, 3, 4)
    table = tmp_path / "cohort.csv"
    table.write_text(f"case_id,patient_id,image\na,p,{UID}\n")
    config = CohortConfig(table=table, images={"t1": "image"}, series_index=tmp_path / "c.series.parquet")
    (case,) = read_cohort(config=config, new=True)
    assert read_volume(case.images["t1"]).array.shape == (6, 3, 4)


def test_a_slice_that_no_folder_has_is_missing(parts: Path) -> None:
    (parts / "cd34" / "2e").unlink()
    (row,) = rows_of(parts).to_dict("records")
    assert row["remark"].startswith("the series: 1 slice is missing between slice 2 and slice 3")


def test_a_part_whose_slices_cannot_be_named_spoils_the_whole(parts: Path, tmp_path: Path) -> None:
    for path in (parts / "0f").iterdir():
        path.rename(path.with_name(f"{path.name}\n"))
    index = index_dump(parts, tmp_path / "heap.series.parquet")
    assert "a slice has a name" in index.set_index("series_uid").loc[UID, "fault"]


def test_a_uid_that_persons_share_is_nobodys(parts: Path, tmp_path: Path) -> None:
    """One of them was left out, and would have been given the image of the other."""
    write_series(parts / "other", 6, SeriesInstanceUID=UID, **{**PERSON, "PatientID": "MRN-12"})
    (parts / "other" / "5.dcm").rename(parts / "other" / "5\n.dcm")
    rows_of(parts)
    (tmp_path / "cohort.csv").write_text(f"case_id,patient_id,image\na,p,{UID}\n")
    config = CohortConfig(
        table=tmp_path / "cohort.csv", images={"t1": "image"}, series_index=tmp_path / "c.series.parquet"
    )
    with pytest.raises(InputError, match="persons share this UID"):
        read_cohort(config=config, new=True)


def test_a_part_that_is_cut_off_spoils_the_whole_unless_it_lies_elsewhere(
    parts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without its last slice the series would look like a whole one."""
    write_series(parts / "other", SeriesInstanceUID="1.2.3.4.2", **PERSON)
    whole = (parts / "0f" / "5e").read_bytes()
    (parts / "0f" / "5e").write_bytes(whole[:-5])
    assert rows_of(parts)["files"].tolist() == [4]
    assert "left out 1: 1 of 6 files are cut off; copy the series again" in capsys.readouterr().err
    (parts / "new").mkdir()
    (parts / "new" / "5f").write_bytes(whole)
    image = rows_of(parts).set_index("files")["image"][6]
    assert read_volume(tmp_path / image).array.shape == (6, 3, 4)


def test_a_broken_copy_beside_a_whole_series_takes_nothing_from_it(parts: Path) -> None:
    write_series(parts / "other", SeriesInstanceUID="1.2.3.4.2", **PERSON)
    shutil.copytree(parts / "other", parts / "backup")
    (parts / "backup" / "3.dcm").write_bytes((parts / "other" / "3.dcm").read_bytes()[:-5])
    rows = rows_of(parts)
    assert rows["files"].tolist() == [6, 4]
    assert rows["image"].iloc[1] == "heap/other"


def test_what_is_known_of_the_whole_is_read_once(parts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = rows_of(parts)
    monkeypatch.setattr(spread, "read_spreads", None)
    assert rows_of(parts).equals(first)
    assert index_dump(parts, tmp_path / "c.series.parquet")["files"].tolist() == [6]
