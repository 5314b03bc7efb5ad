"""Commas in numbers: decimal where that is plain, and never a thousandth of what was meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from radfuse.cohort.commas import as_written
from radfuse.cohort.spreadsheet import Table, read_table


def read(folder: Path, text: str, as_text: tuple[str, ...] | None = None) -> Table:
    (folder / "t.csv").write_text(text)
    return read_table(folder / "t.csv", as_text)


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_a_comma_that_separates_no_columns_is_decimal(separator: str, tmp_path: Path) -> None:
    table = read(tmp_path, "id;age\na;61,5\nb;58\n".replace(";", separator))
    assert list(table.text("age")) == ["61.5", "58"]
    assert "decimal commas were read as decimal points in age" in [note.message for note in table.notes]


@pytest.mark.parametrize("as_text", [None, ("id",)])
@pytest.mark.parametrize(
    ("cells", "what"),
    [
        (("1,234;3.45", "987;2.5"), "another column has decimal points"),
        (("1,234;a", "987;b"), "nothing says whether 987 is less than 1,234"),
        (("27,5;a", "1.234;b"), "the column has both marks"),
        (("1.234,5;a", "27,5;b"), "a cell has both marks"),
    ],
)
def test_a_comma_that_may_stand_between_thousands_is_no_number(
    cells: tuple[str, str], what: str, as_text: tuple[str, ...] | None, tmp_path: Path
) -> None:
    table = read(tmp_path, "id;volume;x\n" + "".join(f"{i};{cell}\n" for i, cell in enumerate(cells)), as_text)
    assert list(table.text("volume")) == [cell.split(";")[0] for cell in cells], what


def test_three_decimals_are_decimal_where_another_column_has_decimal_commas(tmp_path: Path) -> None:
    table = read(tmp_path, "id;volume;age\na;1,234;61,5\nb;987;58\n")
    assert list(table.text("volume")) == ["1.234", "987"]


@pytest.mark.parametrize("as_text", [None, ("id",)])
def test_points_of_three_digits_beside_decimal_commas_are_remarked(
    as_text: tuple[str, ...] | None, tmp_path: Path
) -> None:
    table = read(tmp_path, "id;volume;age\na;1.234;61,5\nb;987;58\n", as_text)
    (remark,) = [note for note in table.notes if note.column == "volume"]
    assert "between thousands, remove them" in remark.message
    plain = read(tmp_path, "id;p;age\na;0.034;61,5\nb;1;58\n", as_text)
    assert [note for note in plain.notes if note.column == "p"] == []


@pytest.mark.parametrize("cell", ["1,234", "1 234", "1'234.5", "61,5", "\u221261", "1.234.567,8"])
def test_numbers_with_marks_are_told_how_to_be_written(cell: str) -> None:
    assert as_written([cell]) == "write numbers with a decimal point, and nothing between thousands"


@pytest.mark.parametrize("cell", ["old", "<50", "2020-01-01", "-", "2+", "T1"])
def test_other_texts_are_not(cell: str) -> None:
    assert as_written([cell]) == ""


@pytest.mark.parametrize(("cells", "unit"), [(["20 %", "7.5%"], "%"), (["61 years"], "years"), (["3,5mg/dl"], "mg/dl")])
def test_numbers_with_a_unit_are_told_to_stand_alone(cells: list[str], unit: str) -> None:
    assert as_written(cells) == f"write numbers alone, without {unit!r}"
    assert as_written([*cells, "61 m"]) == ""


def test_formulas_that_nobody_computed_are_told() -> None:
    assert "nobody computed" in as_written(["=2024-1950", "=A1"])
