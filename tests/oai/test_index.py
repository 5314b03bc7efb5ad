"""From a fake release to a cohort table and a study that `radfuse check` accepts."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pandas as pd
import pytest

from radfuse.check.study import check_study
from radfuse.cli.oai import oai_index
from radfuse.cohort.read import read_cohort
from radfuse.config import apply_overrides, read_yaml, to_yaml
from radfuse.errors import InputError
from radfuse.oai import index as indexing
from radfuse.oai.cohort import Wish, make_cohort, masks_in, remarks_on
from radfuse.oai.index import index_series
from radfuse.oai.outcomes import OutcomeRecipe
from radfuse.oai.tables import OaiTables
from radfuse.study import load_study

AS_ROOT = os.geteuid() == 0


@pytest.fixture(scope="module")
def index(release: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[pd.DataFrame, list[str], Path]:
    file = tmp_path_factory.mktemp("index") / "series.parquet"
    found, unread = index_series(release / "images", file)
    return found.set_index("barcode"), [item.folder for item in unread], file


def test_every_series_is_a_row(index: tuple[pd.DataFrame, list[str], Path]) -> None:
    rows, unread, _ = index
    assert unread == []
    assert rows.loc["10000000", ["protocol", "side", "visit"]].tolist() == ["dess", "right", "V00"]
    assert rows.loc["10000110", ["protocol", "side", "visit"]].tolist() == ["dess", "left", "V03"]
    assert rows.loc["10000001", "protocol"] == "t2_map"
    assert rows.loc["10000002", "protocol"] == "tse"
    assert rows.loc["10000000", ["files", "rows", "columns"]].tolist() == [20, 56, 56]
    assert rows.loc["10000000", "slice_mm"] == pytest.approx(4.2)


@pytest.mark.parametrize(
    ("barcode", "column", "text"),
    [
        ("20000001", "remark", "4 x 4 x 5, usually 384 x 384 x 160"),
        ("20000003", "fault", "two series in one folder (001 and 103)"),
        ("20000004", "fault", "file 002 is cut off"),
        ("20000005", "remark", "laterality says right, the description left: no side"),
        ("20000008", "fault", "the folder holds no file"),
        ("20000009", "remark", "the description says t2_map, TR 16.32 and TE 4.71 ms say dess"),
        ("20000010", "fault", "PatientID is not the person whose folder it lies in"),
        pytest.param(
            "20000006",
            "fault",
            "Permission denied",
            marks=pytest.mark.skipif(AS_ROOT, reason="root may read every folder"),
        ),
    ],
)
def test_odd_cases_are_named(index: tuple[pd.DataFrame, list[str], Path], barcode: str, column: str, text: str) -> None:
    assert text in index[0].loc[barcode, column]


def test_a_series_that_was_unpacked_a_folder_too_deep_says_so(tmp_path: Path) -> None:
    (tmp_path / "0.C.2" / "9007827" / "20041006" / "10263609" / "10263609").mkdir(parents=True)
    found, _ = index_series(tmp_path, tmp_path / "s.parquet")
    assert found["fault"].tolist() == ["the folder holds no file, but a folder; move what is in that up"]


def test_names_in_the_other_case_are_read(index: tuple[pd.DataFrame, list[str], Path]) -> None:
    assert index[0].loc["20000007", ["protocol", "side", "visit"]].tolist() == ["dess", "left", "V00"]


def test_the_second_run_reads_what_is_new_or_had_a_fault(
    release: Path, index: tuple[pd.DataFrame, list[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "series.parquet"
    shutil.copy(index[2], file)
    whole = pd.read_parquet(file)
    whole[whole["barcode"] != "10000000"].to_parquet(file)  # as a kill may leave it
    read: list[str] = []
    real = indexing.read_batch

    def noted(batch: indexing.Batch) -> list[dict[str, object]]:
        read.extend(place.barcode for place in batch.places)
        return real(batch)  # type: ignore[return-value]

    monkeypatch.setattr(indexing, "read_batch", noted)
    again, _ = index_series(release / "images", file)
    assert set(read) == {"10000000", *whole["barcode"][whole["fault"].notna()]}
    pd.testing.assert_frame_equal(again, whole, check_dtype=False)


def test_other_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no folder"):
        index_series(tmp_path / "nowhere", tmp_path / "s.parquet")
    with pytest.raises(InputError, match="holds no series of OAI: RELEASE/ID"):
        index_series(tmp_path, tmp_path / "s.parquet")
    (tmp_path / "0.C.2" / "9007827" / "20041006").mkdir(parents=True)
    (tmp_path / "0.C.2" / "9007827" / "20041006" / "10263609.tar.gz").write_bytes(b"")
    with pytest.raises(InputError, match=r"; 0\.C\.2 holds packed series, which are not looked into; unpack each"):
        index_series(tmp_path, tmp_path / "s.parquet")
    (tmp_path / "0.C.2" / "9007827" / "20041006" / "10263609").mkdir(parents=True)
    (tmp_path / "s.parquet").write_text("nothing")
    with pytest.raises(InputError, match="is no index of series"):
        index_series(tmp_path, tmp_path / "s.parquet")


def test_the_cohort_and_its_study_are_accepted(
    release: Path, index: tuple[pd.DataFrame, list[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(index[2], tmp_path / "cohort.series.parquet")
    oai_index(
        release / "images",
        tmp_path / "cohort.csv",
        release / "tables",
        ["incident_oa:48", "replacement:5"],
        masks=release / "masks",
    )
    rows = pd.read_csv(tmp_path / "cohort.csv", dtype={"patient_id": str})
    assert len(rows) == 16
    assert set(rows["visit"]) == {"V00"}
    assert rows["replacement_5y"].notna().all()
    why = pd.read_csv(tmp_path / "cohort.left_out.csv").set_index("case_id")["why"]
    assert why["9900002_R_V00"] == "no dess that can be used"
    assert why["9900001_R_V00"] == "incident_oa_48m: no KL grade at the first visit"
    found = check_study(load_study(tmp_path / "study.yaml"))
    assert len(found.cohort) == 16  # type: ignore[union-attr]
    shown = capsys.readouterr()
    assert "900000" not in shown.out + shown.err


V00, V03 = {"visit": "V00", "mask": "a.nrrd"}, {"visit": "V03", "mask": ""}


@pytest.mark.parametrize(
    ("rows", "outcomes", "told"),
    [
        ([V00, V00], ["V00"], []),
        ([V03 | {"mask": "b.nrrd"}], ["V03"], []),
        ([V00, V03], [], ["1 of 2 rows have no mask"]),
        ([V00, V03], ["V00"], ["rows of V03 come after it", "1 of 2 rows have no mask"]),
        ([{"visit": "V00"}], ["V00"], ["reads the tables alone"]),
        ([{"visit": "V00"}], [], []),
    ],
)
def test_what_the_cohort_cannot_do_is_told(rows: list[dict[str, str]], outcomes: list[str], told: list[str]) -> None:
    wish = Wish(outcomes=tuple(OutcomeRecipe("incident_oa", 48, start) for start in outcomes))
    found = remarks_on(pd.DataFrame(rows), wish)
    assert len(found) == len(told)
    assert all(text in remark for text, remark in zip(told, found, strict=True))


def test_what_a_user_edited_stays(
    release: Path, index: tuple[pd.DataFrame, list[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(index[2], tmp_path / "cohort.series.parquet")
    table, study, beside = (tmp_path / name for name in ("cohort.csv", "study.yaml", "study.index.yaml"))

    def indexed(outcome: str, *, force: bool = False) -> None:
        oai_index(release / "images", table, release / "tables", [outcome], force=force)

    indexed("incident_oa:48")
    edited = study.read_text() + "seed: 11\n"
    study.write_text(edited)
    indexed("incident_oa:48")  # as before: there is nothing to tell
    assert (study.read_text(), beside.exists()) == (edited, False)
    indexed("replacement:12")
    assert study.read_text() == edited
    assert read_yaml(beside)["cohort"]["outcome"]["kind"] == "survival"
    assert "study.yaml was edited and stays" in " ".join(capsys.readouterr().err.split())
    table.write_text(table.read_text() + "\n")
    with pytest.raises(InputError, match=r"cohort\.csv is there and is not as this index wrote it"):
        indexed("replacement:12")
    indexed("replacement:12", force=True)
    assert read_yaml(study)["cohort"]["outcome"]["kind"] == "survival"
    (tmp_path / "cohort.written.json").unlink()
    with pytest.raises(InputError, match="comes from elsewhere"):
        indexed("replacement:12")


def test_a_study_of_replacement_asks_for_survival_and_keeps_knees_that_were_lost(
    release: Path, index: tuple[pd.DataFrame, list[str], Path], tmp_path: Path
) -> None:
    shutil.copy(index[2], tmp_path / "cohort.series.parquet")
    oai_index(release / "images", tmp_path / "cohort.csv", release / "tables", ["replacement:12"])
    rows = pd.read_csv(tmp_path / "cohort.csv", dtype={"patient_id": str})
    lost = rows["replacement_12y"].isna()  # last contact comes before 12 years
    assert lost.any()
    assert (rows.loc[lost, "replacement_12y_time"] < 12).all()
    assert (rows.loc[lost, "replacement_12y_event"] == 0).all()
    study = read_yaml(tmp_path / "study.yaml")
    assert study["cohort"]["outcome"] == {
        "kind": "survival",
        "time": "replacement_12y_time",
        "event": "replacement_12y_event",
        "horizon": 12,
        "unit": "years",
    }
    earlier = apply_overrides(study, ["cohort.outcome.horizon=6"])  # the made-up release ends before 12 years
    (tmp_path / "study.yaml").write_text(to_yaml(earlier))
    loaded = load_study(tmp_path / "study.yaml")
    assert [model.kind for model in loaded.fusion.learners] == ["cox", "cox_trees"]
    assert len(read_cohort(config=loaded.cohort)) == len(rows)


def test_pseudonyms_leave_no_id_in_table_or_study(
    release: Path, index: tuple[pd.DataFrame, list[str], Path], tmp_path: Path
) -> None:
    shutil.copy(index[2], tmp_path / "k.series.parquet")
    (tmp_path / "salt").write_text("0123456789abcdef")
    oai_index(
        release / "images",
        tmp_path / "k.csv",
        release / "tables",
        ["incident_oa:48"],
        masks=release / "masks",
        pseudonymise=tmp_path / "salt",
    )
    for name in ("k.csv", "k.left_out.csv", "k.yaml"):
        text = (tmp_path / name).read_text()
        assert "900000" not in text
        assert "99000" not in text
        assert "20041006" not in text
    rows = pd.read_csv(tmp_path / "k.csv")
    assert rows["patient_id"].str.fullmatch(r"P[0-9a-f]{12}").all()
    found = check_study(load_study(tmp_path / "k.yaml"))
    assert len(found.cohort) == 16  # type: ignore[union-attr]
    (tmp_path / "salt").write_text("short")
    with pytest.raises(InputError, match="holds 5 bytes, at least 16"):
        oai_index(release / "images", tmp_path / "k.csv", pseudonymise=tmp_path / "salt")


def test_masks_and_outcomes_that_stand_twice_are_refused(tmp_path: Path) -> None:
    for name in ("10000000.nrrd", "10000000.nii.gz"):
        (tmp_path / name).touch()
    with pytest.raises(InputError, match=r"two masks of one series, 10000000\.nii\.gz and 10000000\.nrrd; keep one"):
        masks_in(tmp_path)
    with pytest.raises(InputError, match="asks for incident_oa_48m twice"):
        oai_index(tmp_path, tmp_path / "c.csv", tmp_path, ["incident_oa:48", "incident_oa:48.0"])


def test_what_gives_way_or_has_no_visit_is_told(tmp_path: Path) -> None:
    """A knee scanned twice at one visit, and a release that nobody knows."""
    shared = {"person": "1", "side": "right", "protocol": "dess", "fault": None, "remark": None, "date": "20040101"}
    rows = [
        shared | {"visit": visit, "barcode": barcode, "folder": barcode}
        for visit, barcode in (("V00", "10000001"), ("V00", "10000002"), (None, "10000003"))
    ]
    made = make_cohort(pd.DataFrame(rows), OaiTables(), Wish(visits=("V00",)))
    assert made.rows["dess"].tolist() == ["10000002"]
    assert made.left_out[["case_id", "why"]].to_numpy().tolist() == [
        ["1_R", "no side, or no visit, is known"],
        ["1_R_V00", "another dess of the knee at this visit was taken"],
    ]
