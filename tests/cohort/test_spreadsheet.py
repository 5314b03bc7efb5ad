"""Tables as users have them: every dialect that is read, and every one that is refused with its mend."""

from __future__ import annotations

import datetime
import gzip
import io
import re
import zipfile
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tabular import assert_one, errors_of

from radfuse.cohort.spreadsheet import numbered, read_table, to_numbers
from radfuse.errors import InputError


def as_file(folder: Path, content: str | bytes, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def as_workbook(path: Path, sheets: dict[str, list[list[object]]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def texts(path: Path) -> dict[str, list[str | None]]:
    table = read_table(path)
    return {str(name): list(table.text(name)) for name in table.cells.columns}


def notes(path: Path) -> list[str]:
    return [note.message for note in read_table(path).notes]


PLAIN = "id,name\n1,Müller\n2,Łoś\n"
WESTERN = "id,name\n1,Müller\n2,Façade\n"


@pytest.mark.parametrize(
    ("name", "content", "second_name"),
    [
        ("t.csv", PLAIN.encode(), "Łoś"),
        ("t.csv", PLAIN.encode("utf-8-sig"), "Łoś"),
        ("t.csv", PLAIN.encode("utf-16"), "Łoś"),
        ("t.csv", b"\xfe\xff" + PLAIN.encode("utf-16-be"), "Łoś"),
        ("t.csv", PLAIN.replace("\n", "\r\n").encode(), "Łoś"),
        ("t.csv", PLAIN.rstrip().encode(), "Łoś"),
        ("t.csv", WESTERN.encode("cp1252"), "Façade"),
        ("t.tsv", PLAIN.replace(",", "\t").encode(), "Łoś"),
        ("t.txt", PLAIN.replace(",", "\t").encode(), "Łoś"),
        ("t.csv", PLAIN.replace(",", ";").encode(), "Łoś"),
        ("t.csv", PLAIN.replace(",", "|").encode(), "Łoś"),
        ("t.csv.gz", gzip.compress(PLAIN.encode()), "Łoś"),
        ("t.tsv.gz", gzip.compress(PLAIN.replace(",", "\t").encode()), "Łoś"),
        ("gzip_by_content_only.csv", gzip.compress(PLAIN.encode()), "Łoś"),
        ("UPPER.CSV", PLAIN.encode(), "Łoś"),
    ],
)
def test_a_dialect_gives_the_same_cells(tmp_path: Path, name: str, content: bytes, second_name: str) -> None:
    assert texts(as_file(tmp_path, content, name)) == {"id": ["1", "2"], "name": ["Müller", second_name]}


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz"])
def test_a_common_csv_gives_no_note(tmp_path: Path, name: str) -> None:
    raw = PLAIN.encode()
    assert notes(as_file(tmp_path, gzip.compress(raw) if name.endswith("gz") else raw, name)) == []


def test_tabs_under_the_name_tsv_give_no_note(tmp_path: Path) -> None:
    assert notes(as_file(tmp_path, PLAIN.replace(",", "\t"), "t.tsv")) == []


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (WESTERN.encode("cp1252"), "not UTF-8; read as Windows-1252"),
        (PLAIN.replace(",", ";").encode(), "columns are separated by semicolon"),
        (PLAIN.replace(",", "\t").encode(), "columns are separated by tab"),
        (PLAIN.replace(",", "|").encode(), "columns are separated by vertical bar"),
    ],
)
def test_an_unusual_dialect_is_noted_once_as_a_warning(tmp_path: Path, content: bytes, note: str) -> None:
    (found,) = read_table(as_file(tmp_path, content)).notes
    assert (found.where, found.severity) == ("t.csv", "warning")
    assert note in found.message


def test_decimal_commas_of_a_semicolon_table_are_numbers_and_noted(tmp_path: Path) -> None:
    table = read_table(as_file(tmp_path, "id;age;note\na;61,5;1,2 mm\nb;58;none\nc;-0,25;x\n"))
    assert list(to_numbers(table.cells["age"])[0]) == [61.5, 58.0, -0.25]
    assert list(table.cells["note"]) == ["1,2 mm", "none", "x"]  # not a number, so its comma stays
    assert "decimal commas were read as decimal points in age" in [note.message for note in table.notes]


def test_decimal_commas_stay_text_where_a_comma_separates_columns(tmp_path: Path) -> None:
    table = read_table(as_file(tmp_path, 'id,age\na,"61,5"\n'))
    assert list(table.cells["age"]) == ["61,5"]
    assert list(to_numbers(table.cells["age"])[1]) == [True]


@pytest.mark.parametrize(
    "word", ["", " ", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None", ".", "#N/A", " NA "]
)
def test_a_word_for_missing_is_missing(tmp_path: Path, word: str) -> None:
    assert texts(as_file(tmp_path, f"id,x,y\na,{word},t\nb,{word},u\n"))["x"] == [None, None]
    assert texts(as_file(tmp_path, f"id,x,y\na,{word},t\nb,2.5,u\n"))["x"] == [None, "2.5"]


def test_cells_and_headers_are_stripped(tmp_path: Path) -> None:
    assert texts(as_file(tmp_path, " id , name \n a , x y \n")) == {"id": ["a"], "name": ["x y"]}


def test_a_header_without_a_name_is_named_after_its_place(tmp_path: Path) -> None:
    assert list(texts(as_file(tmp_path, ",x,\na,1,2\n"))) == ["column_1", "x", "column_3"]


def test_a_quoted_cell_may_hold_the_separator_and_a_line_break(tmp_path: Path) -> None:
    table = read_table(as_file(tmp_path, 'id,note\na,"one, two"\nb,"three\nfour"\nc,five\n'))
    assert list(table.cells["note"]) == ["one, two", "three\nfour", "five"]
    assert table.rows == [2, 3, 4]


def test_a_separator_inside_a_quoted_header_does_not_count(tmp_path: Path) -> None:
    assert texts(as_file(tmp_path, 'id,"a;b;c"\n1,2\n')) == {"id": ["1"], "a;b;c": ["2"]}


def test_a_table_of_one_column_is_read(tmp_path: Path) -> None:
    assert texts(as_file(tmp_path, "id\na\nb\n")) == {"id": ["a", "b"]}


# ids


def test_ids_with_leading_zeros_stay(tmp_path: Path) -> None:
    assert texts(as_file(tmp_path, "id,age\n007,61\n07,62\n7,63\n"))["id"] == ["007", "07", "7"]


def test_ids_with_leading_zeros_stay_where_a_line_is_blank(tmp_path: Path) -> None:
    assert texts(as_file(tmp_path, "id,age\n007,61\n\n008,62\n"))["id"] == ["007", "008"]


def test_ids_with_leading_zeros_stay_where_the_file_ends_in_blank_lines(tmp_path: Path) -> None:
    assert texts(as_file(tmp_path, "id,age\n007,61\n008,62\n\n\n"))["id"] == ["007", "008"]


def test_ids_with_leading_zeros_stay_where_one_id_is_missing(tmp_path: Path) -> None:
    assert texts(as_file(tmp_path, "id,age\n007,61\n,62\n"))["id"] == ["007", None]


def test_ids_that_differ_in_their_last_zero_stay_apart(tmp_path: Path) -> None:
    assert texts(as_file(tmp_path, "id,age\n1.1,61\n1.10,62\n"))["id"] == ["1.1", "1.10"]


def test_long_ids_keep_all_their_digits_where_one_is_missing(tmp_path: Path) -> None:
    assert texts(as_file(tmp_path, "id,age\n9007199254740993,61\n,62\n"))["id"] == ["9007199254740993", None]


def test_text_ids_of_a_workbook_keep_their_zeros_and_number_ids_show_no_decimals(tmp_path: Path) -> None:
    path = as_workbook(tmp_path / "t.xlsx", {"S": [["id", "other"], ["007", 7.0], ["08", 8]]})
    assert texts(path) == {"id": ["007", "08"], "other": ["7", "8"]}


# row numbers


def test_blank_lines_inside_keep_the_row_numbers_a_spreadsheet_shows(tmp_path: Path) -> None:
    table = read_table(as_file(tmp_path, "id,x\na,1.5\n\nb,2.5\n,\nc,3.5\n"))
    assert (list(table.cells["id"]), table.rows) == (["a", "b", "c"], [2, 4, 6])
    (note,) = table.notes
    assert (note.row, note.message) == (3, "2 empty rows were left out")


def test_blank_lines_at_the_end_are_not_worth_a_note(tmp_path: Path) -> None:
    table = read_table(as_file(tmp_path, "id,x\na,1.5\nb,2.5\n\n\n"))
    assert (table.rows, table.notes) == ([2, 3], ())


def test_blank_rows_of_a_workbook_keep_the_row_numbers(tmp_path: Path) -> None:
    rows: list[list[object]] = [["id", "x"], ["a", 1], [None, None], ["b", 2], [None, None]]
    table = read_table(as_workbook(tmp_path / "t.xlsx", {"S": rows}))
    assert (list(table.cells["id"]), table.rows) == (["a", "b"], [2, 4])


def test_rows_of_a_parquet_file_are_numbered_by_their_place_in_it(tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": ["a", "b", "c"], "x": [1, 2, 3]})
    frame.iloc[[0, 2]].to_parquet(tmp_path / "t.parquet")  # its index is 0 and 2, its rows are the first and second
    assert read_table(tmp_path / "t.parquet").rows == [2, 3]


def test_a_table_without_ids_is_numbered_by_its_rows(tmp_path: Path) -> None:
    table = numbered(read_table(as_file(tmp_path, "x\n1.5\n\n2.5\n")))
    assert list(table.cells["row_number"]) == ["2", "4"]


def test_a_row_number_column_of_the_file_itself_is_kept(tmp_path: Path) -> None:
    table = numbered(read_table(as_file(tmp_path, "row_number,x\n10,a\n11,b\n")))
    assert list(table.text("row_number")) == ["10", "11"]


# workbooks


def test_the_first_filled_sheet_is_read_and_the_others_are_named(tmp_path: Path) -> None:
    sheets: dict[str, list[list[object]]] = {
        "Notes": [],
        "Patients": [["id", "age"], ["a", 61]],
        "Legend": [["what"], ["age in years"]],
    }
    path = as_workbook(tmp_path / "t.xlsx", sheets)
    assert texts(path) == {"id": ["a"], "age": ["61"]}
    assert notes(path) == ["read sheet 'Patients'; sheets 'Legend' were not read"]


def test_numbers_truths_dates_and_gaps_of_a_workbook(tmp_path: Path) -> None:
    rows: list[list[object]] = [
        ["id", "age", "event", "seen", None],
        ["a", 61, True, datetime.date(2020, 5, 31), "x"],
        ["b", 62.5, False, None, "NA"],
    ]
    assert texts(as_workbook(tmp_path / "t.xlsx", {"S": rows})) == {
        "id": ["a", "b"],
        "age": ["61", "62.5"],
        "event": ["1", "0"],
        "seen": ["2020-05-31", None],
        "column_5": ["x", None],
    }


def test_a_workbook_whose_headers_repeat_is_refused(tmp_path: Path) -> None:
    path = as_workbook(tmp_path / "t.xlsx", {"S": [["id", "age", "age"], ["a", 61, 62]]})
    with pytest.raises(InputError, match="several columns are named 'age'; rename or remove the extra ones"):
        read_table(path)


def test_a_workbook_with_empty_sheets_only_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="every sheet is empty"):
        read_table(as_workbook(tmp_path / "t.xlsx", {"A": [], "B": []}))


# parquet


def test_numbers_of_a_parquet_file_stay_numbers_and_read_as_text_without_decimals(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"id": ["007", "008"], "x": [1.0, 2.5], "n": [3, 4], "seen": pd.to_datetime(["2020-05-31", None])}
    )
    frame.to_parquet(tmp_path / "t.parquet")
    table = read_table(tmp_path / "t.parquet")
    assert [table.cells[name].dtype.kind for name in ("x", "n")] == ["f", "i"]
    assert texts(tmp_path / "t.parquet") == {
        "id": ["007", "008"],
        "x": ["1", "2.5"],
        "n": ["3", "4"],
        "seen": ["2020-05-31", None],
    }


def test_an_index_with_names_becomes_a_column(tmp_path: Path) -> None:
    pd.DataFrame({"x": [1.5]}, index=pd.Index(["007"], name="id")).to_parquet(tmp_path / "t.parquet")
    assert texts(tmp_path / "t.parquet") == {"id": ["007"], "x": ["1.5"]}


@pytest.mark.parametrize("dtype", ["Int64", "Float64", "boolean"])
def test_a_missing_cell_of_a_nullable_column_is_missing_as_text_and_as_number(tmp_path: Path, dtype: str) -> None:
    pd.DataFrame({"id": ["a", "b"], "x": pd.array([1, None], dtype=dtype)}).to_parquet(tmp_path / "t.parquet")
    table = read_table(tmp_path / "t.parquet")
    assert list(table.text("x")) == ["1", None]
    numbers, wrong = to_numbers(table.cells["x"])
    assert (numbers.iloc[0], np.isnan(numbers.iloc[1]), list(wrong)) == (1.0, True, [False, False])


def test_a_parquet_file_whose_columns_repeat_is_refused_by_name(tmp_path: Path) -> None:
    pq.write_table(pa.table([["a"], [2], [3]], names=["id", "x", "x"]), tmp_path / "t.parquet")
    with pytest.raises(InputError, match="several columns are named 'x'"):
        read_table(tmp_path / "t.parquet")


# refusals


def zip_of_a_table() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("t.csv", PLAIN)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", b"", "t.csv is empty"),
        ("t.csv", b" \n\n \n", "t.csv is empty"),
        ("t.csv.gz", gzip.compress(b""), "t.csv.gz is empty"),
        ("t.csv", b"id,age\n", r"t.csv has no rows below its header \(2 columns\)"),
        ("t.csv", b"id,age", r"t.csv has no rows below its header \(2 columns\)"),
        ("t.csv", b"id,age\n\n,\n", "t.csv has no rows below its header"),
        ("t.csv", b"id,age,age\n1,2,3\n", "several columns are named 'age'; rename or remove the extra ones"),
        ("t.csv", b"id,age, age \n1,2,3\n", "several columns are named 'age'"),
        ("t.csv", b"x,y,y,x\n1,2,3,4\n", "several columns are named 'x', 'y'"),
        ("t.csv", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "t.csv is binary, not a text table; save it as CSV UTF-8"),
        ("t.csv", b"\x01\x00\x02\x00" * 50, "t.csv is binary, not a text table; save it as CSV UTF-8"),
        ("t.csv", zip_of_a_table(), "t.csv is an Excel or zip file with a text name; rename it to .xlsx"),
        ("t.csv.gz", gzip.compress(PLAIN.encode())[:-9], "t.csv.gz is a damaged gzip file .*copy it again"),
        ("t.xls", b"\xd0\xcf\x11\xe0", "t.xls: .xls files are not read; save the sheet as .xlsx or as CSV UTF-8"),
        ("t.ods", b"PK\x03\x04", "t.ods: .ods files are not read; save the sheet as .xlsx or as CSV UTF-8"),
        ("t.xlsx", PLAIN.encode(), "t.xlsx is not a readable Excel file .*save it again, or as CSV UTF-8"),
        ("t.xlsx", zip_of_a_table(), "t.xlsx is not a readable Excel file .*save it again, or as CSV UTF-8"),
        ("t.parquet", PLAIN.encode(), "t.parquet is not a readable parquet file .*write it again"),
        ("t.csv", b'id,note\n1,"never closed\n2,b\n', "t.csv.*quote"),
    ],
)
def test_an_unusable_file_is_refused_with_its_mend(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    with pytest.raises(InputError, match=f"(?s){message}"):
        read_table(as_file(tmp_path, content, name))


def test_line_ends_of_an_old_macintosh_are_read(tmp_path: Path) -> None:
    assert texts(as_file(tmp_path, "id,name\ra,x\rb,y\r")) == {"id": ["a", "b"], "name": ["x", "y"]}


def test_a_blank_line_above_the_header_is_refused_and_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="header"):
        read_table(as_file(tmp_path, "\nid,age\na,61\n"))


def test_no_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=re.escape(f"no table at {tmp_path / 'absent.csv'}")):
        read_table(tmp_path / "absent.csv")
    with pytest.raises(InputError, match="is a folder; give the table itself"):
        read_table(tmp_path)


def test_rows_longer_than_the_header_are_all_listed(tmp_path: Path) -> None:
    path = as_file(tmp_path, 'id,note\na,one, two\nb,"three, four"\n\nc,5,6,7\n')
    found = errors_of(read_table, path)
    assert [(problem.row, problem.message.split(";")[0]) for problem in found] == [
        (2, "3 cells under 2 column names"),
        (5, "4 cells under 2 column names"),
    ]
    assert "quote texts that hold ','" in found[0].message


def test_a_row_too_long_after_a_quoted_line_break_is_named_by_its_row(tmp_path: Path) -> None:
    assert_one(errors_of(read_table, as_file(tmp_path, 'id,note\na,"x\ny"\nb,1,2\n')), 3, None, "3 cells")


def test_empty_cells_beyond_the_header_and_short_rows_are_accepted(tmp_path: Path) -> None:
    assert texts(as_file(tmp_path, "id,x,y\na,p,q,,\nb,r\n")) == {"id": ["a", "b"], "x": ["p", "r"], "y": ["q", None]}


def test_rows_that_are_all_shorter_than_the_header_lack_their_last_columns(tmp_path: Path) -> None:
    assert texts(as_file(tmp_path, "id,x,y\na,1\nb,2\n")) == {"id": ["a", "b"], "x": ["1", "2"], "y": [None, None]}


def test_a_header_with_as_many_commas_as_tabs_is_split_as_its_rows_are(tmp_path: Path) -> None:
    path = as_file(tmp_path, "id\tweight, kg\na\t61\nb\t58\n")
    assert texts(path) == {"id": ["a", "b"], "weight, kg": ["61", "58"]}


# numbers


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("5", 5.0),
        (" 5 ", 5.0),
        ("+5", 5.0),
        ("-.5", -0.5),
        ("5.", 5.0),
        ("1e5", 1e5),
        ("-inf", -np.inf),
        ("1e400", np.inf),
    ],
)
def test_a_text_that_is_a_number(cell: str, number: float) -> None:
    numbers, wrong = to_numbers(pd.Series([cell], dtype=object))
    assert (numbers[0], bool(wrong[0])) == (number, False)


@pytest.mark.parametrize("cell", ["old", "<5", "5%", "1 000", "1_000", "0x1F", "1,5", "True", "2020-05-31", "5 mm"])
def test_a_text_that_is_no_number(cell: str) -> None:
    numbers, wrong = to_numbers(pd.Series([cell, "1"], dtype=object))
    assert (np.isnan(numbers[0]), list(wrong)) == (True, [True, False])


def test_a_missing_cell_is_nan_and_not_wrong() -> None:
    numbers, wrong = to_numbers(pd.Series([None, "2"], dtype=object))
    assert (np.isnan(numbers[0]), numbers[1], list(wrong)) == (True, 2.0, [False, False])


def test_decimals_are_read_to_the_last_digit(tmp_path: Path) -> None:
    table = read_table(as_file(tmp_path, "id,x\na,0.1\nb,0.30000000000000004\nc,1.7976931348623157e308\n"))
    assert list(to_numbers(table.cells["x"])[0]) == [0.1, 0.30000000000000004, 1.7976931348623157e308]


def test_the_separator_that_excel_writes_first_is_no_row(tmp_path: Path) -> None:
    table = read_table(as_file(tmp_path, "sep=;\nid;note\na;x, y\n"))
    assert list(table.cells.columns) == ["id", "note"]
    assert table.rows == [2]  # Excel does not show its own first line


def test_a_title_above_the_header_is_one_fault_not_one_a_row(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"the first line has 1 cell .*4 of 4 rows below have more, 2 for example"):
        read_table(as_file(tmp_path, "# exported\nid,x\na,1\nb,2\nc,3\n"))


def test_merged_cells_of_a_workbook_are_noted(tmp_path: Path) -> None:
    path = as_workbook(tmp_path / "t.xlsx", {"a": [["id", "site"], ["c1", "north"], ["c2", None]]})
    book = openpyxl.load_workbook(path)
    book.active.merge_cells("B2:B3")
    book.save(path)
    assert any("1 group of merged cells" in note for note in notes(path))


def test_an_index_that_is_a_column_too_is_that_column() -> None:
    frame = pd.DataFrame({"id": ["a", "b"], "x": [1, 2]})
    assert list(read_table(frame.set_index("id", drop=False)).cells.columns) == ["id", "x"]
    assert list(read_table(frame.set_index(["id", "x"])).cells.columns) == ["id", "x"]
    assert list(read_table(frame.rename_axis("case")).cells.columns) == ["case", "id", "x"]
    with pytest.raises(InputError, match="its index and a column are named 'x' and hold other values"):
        read_table(frame.set_index(pd.Index([7, 8], name="x")))


def test_a_title_above_the_header_of_a_workbook_is_told(tmp_path: Path) -> None:
    path = as_workbook(tmp_path / "t.xlsx", {"a": [["Table 1"], ["id", "x", "y"], ["c1", 1, 2]]})
    with pytest.raises(InputError, match=r"the first row of sheet 'a' holds 1 of 3 column names \('Table 1'\)"):
        read_table(path)
