"""OAI's tables as released: labels, either case, several reading projects, and what disagrees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from radfuse.errors import InputError
from radfuse.oai.tables import code_of, read_tables

MISSING = ".: Missing Form/Incomplete Workbook"


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.txt").write_text(text)
    return folder


def test_labels_are_codes_and_points_are_missing() -> None:
    found = code_of(pd.Series(["1: Right", "27.9", MISSING, ".A: Not Expected", "", " 3 ", "0"]))
    assert np.array_equal(found, [1, 27.9, np.nan, np.nan, np.nan, 3, 0], equal_nan=True)


def test_the_first_project_that_read_a_grade_gives_it(tmp_path: Path) -> None:
    """Projects 42, 37 and 15 read the right knee, 15 no narrowing; the left one 42 alone."""
    folder = write(
        tmp_path / "t",
        kXR_SQ_BU00="ID|SIDE|READPRJ|V00XRKL|V00XRJSM\n9000001|1: Right|42|4: 4|2\n9000001|1: Right|37|3: 3|1.4\n"
        f"9000001|1: Right|15|2: 2|{MISSING}\n9000001|2: Left|42|1|0: 0\n",
        kxr_sq_bu03="id|side|readprj|v03xrkl\n9000001|1|15|3\n",
    )
    found = read_tables(folder)
    assert found.problems == []
    rows = found.readings.set_index(["side", "visit"])
    assert rows.loc[("right", "V00"), ["kl", "jsn_medial"]].tolist() == [2.0, 1.4]
    assert rows.loc[("left", "V00"), "kl"] == 1
    assert rows.loc[("right", "V03"), ["months", "kl"]].tolist() == [24, 3]


def test_what_disagrees_is_left_empty_and_named(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "t",
        kXR_SQ_BU00="ID|SIDE|READPRJ|V00XRKL\n9000001|1: Right|15|0: 0\n9000001|1: Right|15|2: 2\n"
        "9000001|2: Left|15|1\n",
        A="ID|V00AGE\n9000001|60\n9000002|61\n",
        B="ID|V00AGE\n9000001|59\n9000002|61\n9000003|70\n",
    )
    found = read_tables(folder)
    assert found.readings.set_index("side")["kl"].to_dict() == pytest.approx(
        {"left": 1.0, "right": np.nan}, nan_ok=True
    )
    assert found.visits.set_index("person")["age"].to_dict() == {"9000002": 61, "9000003": 70}
    assert [problem.where for problem in found.problems] == ["B.txt", "kXR_SQ_BU00.txt"]
    assert "9000001" not in "".join(map(str, found.problems))


def test_a_quote_in_a_released_table_is_a_quote(tmp_path: Path) -> None:
    table = 'ID|V00AGE|V00NOTE|P01BMI\n9000001|60|"a nail|27\n9000002|61|5" long|28\n9000003|62|nail"|29\n'
    found = read_tables(write(tmp_path / "t", AllClinical00=table)).visits
    assert found[["age", "bmi"]].to_numpy().tolist() == [[60, 27], [61, 28], [62, 29]]


@pytest.mark.parametrize("end", ["\n\n", "", "\r\n\r\n"])
def test_a_table_that_ends_in_blank_lines_is_whole(tmp_path: Path, end: str) -> None:
    found = read_tables(write(tmp_path / "t", kXR="ID\tSIDE\tREADPRJ\tV00XRKL\tX\n9000001\t1: Right\t15\t2\t" + end))
    assert (found.problems, found.readings["kl"].tolist()) == ([], [2.0])


def test_a_table_without_rows_says_nothing(tmp_path: Path) -> None:
    found = read_tables(write(tmp_path / "t", kXR="ID|SIDE|READPRJ|V00XRKL\n", Outcomes99="id|V99ERKTLPR\n"))
    assert (len(found.readings), len(found.replacements)) == (0, 0)


def test_the_row_that_disagrees_is_named_and_no_other_project_does(tmp_path: Path) -> None:
    """A knee without side, a blank line, two visits; projects 60 and 65 are of neither's concern."""
    rows = ["9000001|.: Missing|15|1|1", "", "9000002|1: Right|60|1|2", "9000002|1: Right|65|0|2"]
    rows += ["9000003|1: Right|15|2|2", "9000003|1: Right|15|2|3"]
    found = read_tables(write(tmp_path / "t", kXR="\n".join(["ID|SIDE|READPRJ|V00XRKL|V06XRKL", *rows])))
    (problem,) = found.problems
    assert (problem.row, "kl of a right knee at V06 is 2 and 3" in problem.message) == (6, True)
    assert found.readings.set_index(["person", "visit"])["kl"][("9000002", "V00")] == 1


def test_radiographs_that_were_read_again_change_no_grade(tmp_path: Path) -> None:
    table = "ID|SIDE|READPRJ|V00XRKL\n9000001|1: Right|15|"
    folder = write(tmp_path / "t", kXR_SQ_BU00=f"{table}1\n", kXR_SQ_Rel_BU00=f"{table}2\n9000001|1: Right|15|1\n")
    found = read_tables(folder)
    assert (found.problems, found.readings["kl"].tolist()) == ([], [1.0])


def test_persons_visits_and_knees(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "t",
        AllClinical00=f"ID|VERSION|V00AGE|P01BMI|V00WOMKPR|V00WOMTSL|V00OTHER\n9000001|0.2|60|{MISSING}|3|12.5|x\n",
        AllClinical03="id|v03age|v03bmi|v03womkpr\n9000001|62|31.5|4\n",
        Enrollees="ID|P02SEX|V00COHORT|V00SITE\n9000001|2: Female|3: Non-exposed control group|D\n",
        Outcomes99="id|V99RNTCNT|V99ERKTLPR|V99ERKDAYS|V99ELKTLPR\n9000001|8: 72-month|1: Total|730| \n",
        readme="nothing of use",
    )
    found = read_tables(folder)
    assert found.people.loc["9000001"].to_dict() == {
        "sex": "female", "cohort": "control", "site": "D", "last_contact": 72.0,
    }  # fmt: skip
    visits = found.visits.set_index("visit")
    assert visits.loc["V03", ["age", "bmi"]].tolist() == [62, 31.5]
    assert np.isnan(visits.loc["V00", "bmi"])
    knees = found.knees.set_index(["side", "visit"])
    assert knees.loc[("right", "V03"), "womac_pain"] == 4
    assert knees.loc[("left", "V00"), "womac_total"] == 12.5
    assert found.replacements.set_index("side").loc["right", ["kind", "days"]].tolist() == [1, 730]


COURSE = "ID|SIDE|READPRJ|V00XRKL|V00XRJSM\n9000001|1: Right|15|2: 2|1.4\n9000002|2: Left|15|3: 3|0\n"


@pytest.mark.parametrize(
    "content",
    [
        COURSE.encode("utf-16"),
        "\ufeff".encode() + COURSE.encode(),
        COURSE.replace("|", ",").encode(),
        COURSE.replace("|", "\t").encode(),
        COURSE.replace("|", ";").replace("ID;", '"ID";').encode(),
        COURSE.replace("00001|", "00001.0|").replace("00002|", "00002.0|").encode(),
        COURSE.replace("\n", "\r\n").encode(),
    ],
)
def test_tables_that_were_saved_anew_are_read(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "kXR.txt").write_bytes(content)
    found = read_tables(tmp_path)
    assert found.problems == []
    rows = found.readings.set_index(["person", "side"])
    assert rows.loc[("9000001", "right"), ["kl", "jsn_medial"]].tolist() == [2, 1.4]
    assert rows.loc[("9000002", "left"), ["kl", "jsn_medial"]].tolist() == [3, 0]


@pytest.mark.parametrize(
    ("old", "new", "column", "told"),
    [
        ("|3: 3|", "|9|", "V00XRKL", "1 grade lies outside 0 to 4, as 9: taken as missing; correct it"),
        ("|3: 3|", "|-1|", "V00XRKL", "as -1"),
        ("|3: 3|", "|3,0|", "V00XRKL", "1 cell is no number, as '3,0': taken as missing"),
        ("|3: 3|0", "|3: 3|4", "V00XRJSM", "outside 0 to 4"),
        ("2: Left", "L", "SIDE", "1 cell is no number, as 'L'"),
        ("|3: 3|0\n", "|3: 3", None, "the file is cut off"),
    ],
)
def test_cells_that_say_nothing_are_told(tmp_path: Path, old: str, new: str, column: str | None, told: str) -> None:
    found = read_tables(write(tmp_path / "t", kXR=COURSE.replace(old, new)))
    (problem,) = found.problems
    assert problem.column == column
    assert told in problem.message
    assert "9000002" not in str(problem)
    rows = found.readings.set_index("person")
    known = rows["jsn_medial" if column == "V00XRJSM" else "kl"].dropna()
    assert list(known.index) == ["9000001"]


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "NAME|X\n1|2\n"])
def test_a_folder_without_tables_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match="holds no table of OAI"):
        read_tables(write(tmp_path / "t", some=text))


def test_a_side_that_contradicts_itself_and_one_that_is_none_are_told(tmp_path: Path) -> None:
    rows = ["1|1: Left|2", "2|2: Left|1", "3|3: Both|1", "4||1", f"5|{MISSING}|1", "6|1|3"]
    found = read_tables(write(tmp_path / "t", kXR="ID|SIDE|V00XRKL\n" + "\n".join(rows) + "\n"))
    assert found.readings[["person", "side"]].to_numpy().tolist() == [["2", "left"], ["6", "right"]]
    assert [problem.message.split(", as ")[0] for problem in found.problems] == [
        "1 sides say one thing by their code and another by their word",
        "2 rows have no side",
    ]
