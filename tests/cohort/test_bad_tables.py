"""Damaged, hostile and unreadable tables: each is one clear error, and none takes more memory than a table may."""

from __future__ import annotations

import contextlib
import gzip
import io
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from radfuse.cohort import packed
from radfuse.cohort.config import CohortConfig
from radfuse.cohort.read import read_cohort
from radfuse.cohort.spreadsheet import read_table
from radfuse.errors import InputError
from radfuse.features import read_features

FRAME = pd.DataFrame({"case_id": [f"c{i}" for i in range(30)], "age": np.linspace(40, 69, 30)})


def written(suffix: str) -> bytes:
    """Return a good table as the bytes of a file."""
    stream = io.BytesIO()
    if suffix == ".xlsx":
        FRAME.to_excel(stream, index=False)
    elif suffix == ".parquet":
        FRAME.to_parquet(stream)
    else:
        text = FRAME.to_csv(index=False).encode()
        stream.write(gzip.compress(text) if suffix == ".csv.gz" else text)
    return stream.getvalue()


GOOD = {suffix: written(suffix) for suffix in (".csv", ".csv.gz", ".xlsx", ".parquet")}


def error_of(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_table(path)
    message = str(caught.value)
    assert path.name[:20] in message
    assert len(message) < 700
    return message


@pytest.mark.parametrize("share", [0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.97])
@pytest.mark.parametrize("suffix", [".csv.gz", ".xlsx", ".parquet"])
def test_a_file_cut_short_is_said_to_be_damaged(suffix: str, share: float, tmp_path: Path) -> None:
    whole = GOOD[suffix]
    path = tmp_path / f"cohort{suffix}"
    path.write_bytes(whole[: int(share * len(whole))])
    message = error_of(path)
    assert ("again" in message) or ("binary" in message)


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("suffix", [".csv.gz", ".xlsx", ".parquet"])
def test_flipped_bytes_are_an_error_or_a_table_and_never_a_traceback(suffix: str, seed: int, tmp_path: Path) -> None:
    generator = np.random.default_rng(seed)
    raw = bytearray(GOOD[suffix])
    for place in generator.integers(0, len(raw), 1 + seed % 5):
        raw[place] ^= 1 << int(generator.integers(0, 8))
    path = tmp_path / f"cohort{suffix}"
    path.write_bytes(bytes(raw))
    with contextlib.suppress(InputError):
        assert len(read_table(path).cells.columns)


def zipped(parts: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return stream.getvalue()


def sheet_with(change: Callable[[bytes], bytes]) -> bytes:
    """Return the good Excel file with its sheet changed."""
    with zipfile.ZipFile(io.BytesIO(GOOD[".xlsx"])) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = "xl/worksheets/sheet1.xml"
    return zipped({**parts, name: change(parts[name])})


ENTITIES = b'<!DOCTYPE x [<!ENTITY a "ha">' + b"".join(
    f'<!ENTITY {name} "{f"&{before};" * 10}">'.encode() for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


def with_entities(sheet: bytes) -> bytes:
    head, mark, rest = sheet.partition(b"<worksheet")
    return head + ENTITIES + b"]>" + mark + rest.replace(b"<v>", b"<v>&i;", 1)


def quiet(character: str) -> bytes:
    """Return a gzip file of 8 GiB of one character a line, in parts of 4 MiB that pack to 4 KiB each."""
    return gzip.compress(f"{character}\n".encode() * (2 << 20)) * 2048


HOSTILE = {
    "nothing.xlsx": (b"", "not a readable Excel file"),
    "text.xlsx": (b"case_id,age\nc1,5\n", "not a readable Excel file"),
    "zip.xlsx": (zipped({"a.txt": b"hello"}), "not a readable Excel file"),
    "empty_zip.xlsx": (zipped({}), "not a readable Excel file"),
    "no_sheet.xlsx": (sheet_with(lambda _: b""), "not a readable Excel file"),
    "no_xml.xlsx": (sheet_with(lambda _: b"\x00\xff garbage"), "not a readable Excel file"),
    "half_xml.xlsx": (sheet_with(lambda sheet: sheet[: len(sheet) // 2]), "not a readable Excel file"),
    "entities.xlsx": (sheet_with(with_entities), "declares XML entities"),
    "outside.xlsx": (
        sheet_with(lambda sheet: b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + sheet),
        "declares XML entities",
    ),
    "bomb.xlsx": (sheet_with(lambda _: b" " * (80 << 20)), "unpacks to more than 200 times its size"),
    "encrypted.xlsx": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 2000, "not a readable Excel file"),
    "old.xls": (b"\xd0\xcf\x11\xe0" * 9, "save the sheet as .xlsx"),
    "nothing.parquet": (b"", "not a readable parquet file"),
    "text.parquet": (b"case_id,age\n", "not a readable parquet file"),
    "magic.parquet": (b"PAR1PAR1", "not a readable parquet file"),
    "length.parquet": (b"PAR1" + b"\xff" * 40 + b"\xff\xff\xff\x7fPAR1", "not a readable parquet file"),
    "bomb.csv.gz": (quiet("1"), "unpacks to more than 200 times its size"),
    "spaces.csv.gz": (quiet(" "), "unpacks to more than 200 times its size"),
    "bomb_with_a_text_name.csv": (quiet("1"), "unpacks to more than 200 times its size"),
    "nothing.csv.gz": (gzip.compress(b""), "is empty"),
    "magic.csv.gz": (b"\x1f\x8b", "damaged gzip file"),
    "method.csv.gz": (b"\x1f\x8b\x07" + b"\0" * 40, "damaged gzip file"),
    "garbage_behind.csv.gz": (gzip.compress(b"case_id,age\nc1,5\n") + b"garbage", "damaged gzip file"),
    "nothing.csv": (b"", "is empty"),
    "blank.csv": (b"\n\n\n", "is empty"),
    "blank_header.csv": (b"\ncase_id,age\nc1,5\n", "the first line is blank"),
    "header_only.csv": (b"case_id,age\n", "has no rows below its header"),
    "nul.csv": (b"case_id,age\n" + b"c1,5\n" * 1000 + b"c\0,5\n", "the character NUL"),
    "binary.csv": (bytes(range(256)) * 8, "is binary"),
    "image.csv": (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "is binary"),
    "zip.csv": (zipped({"a.csv": b"a,b\n1,2\n"}), "Excel or zip file with a text name"),
    "long_field.csv": (b"case_id,age\nc1," + b"9" * 200_000 + b"\nc2,1,1\n", "field larger than field limit"),
    "open_quote.csv": (b'case_id,age\nc1,"5\nc2,6\n', "a quote is opened and never closed"),
    "columns_twice.csv": (b"a,a,b\n1,2,3\n", "several columns are named 'a'"),
    "many_columns.csv": (b"," * 600_000 + b"\n1\n", "holds 600,001 columns, more than the 500,000 that are read"),
    "long_name_twice.csv": (b"x" * 5000 + b"," + b"x" * 5000 + b"\n1,2\n", "several columns are named"),
    "ragged.csv": (b"case_id,age\nc1,5,6\n", "3 cells under 2 column names"),
    "utf16_half.csv": (b"\xff\xfec\0a\0s", ""),
    "utf32.csv": ("case_id,age\nc1,5\n".encode("utf-32"), "NUL"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_table_is_one_clear_error(name: str, tmp_path: Path) -> None:
    raw, words = HOSTILE[name]
    (tmp_path / name).write_bytes(raw)
    assert words in error_of(tmp_path / name)


@pytest.mark.parametrize("name", ["bomb.csv.gz", "entities.xlsx", "bomb.xlsx"])
def test_a_bomb_takes_little_memory(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(HOSTILE[name][0])
    tracemalloc.start()
    error_of(tmp_path / name)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * packed.FREE_BYTES


def test_the_entity_bomb_is_small() -> None:
    assert len(ENTITIES) < 1000


def test_limits_are_those_of_the_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cohort.csv").write_text("case_id,age\n" + "c,1\n" * 20)
    monkeypatch.setattr(packed, "MOST_ROWS", 10)
    assert "holds 21 rows, more than the 10 that are read; cut the table" in error_of(tmp_path / "cohort.csv")
    monkeypatch.undo()
    monkeypatch.setattr(packed, "MOST_BYTES", 20)
    assert "the most that is read; save the table as parquet" in error_of(tmp_path / "cohort.csv")


def test_a_parquet_file_of_too_many_cells_is_refused_before_it_is_read(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    column = pa.chunked_array([pa.array(np.zeros(1 << 20, dtype=np.int8))] * 12)
    pq.write_table(pa.table({"case_id": column}), tmp_path / "cohort.parquet")
    assert (tmp_path / "cohort.parquet").stat().st_size < 100_000
    assert "rows, more than the 10,000,000 that are read" in error_of(tmp_path / "cohort.parquet")


def test_a_large_table_of_numbers_that_packs_well_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "FREE_BYTES", 1000)
    path = tmp_path / "cohort.csv.gz"
    path.write_bytes(gzip.compress(FRAME.to_csv(index=False).encode() * 20))
    assert len(read_table(path).cells) > 500


# what the system says


@pytest.mark.parametrize("suffix", GOOD)
def test_a_table_that_may_not_be_read_says_so(suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / f"cohort{suffix}"
    path.write_bytes(GOOD[suffix])

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr(zipfile, "ZipFile", refuse)
    monkeypatch.setattr("pyarrow.parquet.ParquetFile", refuse)
    assert error_of(path).endswith("cannot be read (Permission denied); check its permissions and the disk")


@pytest.mark.parametrize("suffix", [".csv", ".xlsx", ".parquet", ".csv.gz"])
def test_a_folder_is_no_table(suffix: str, tmp_path: Path) -> None:
    (tmp_path / f"cohort{suffix}").mkdir()
    assert "is a folder; give the table itself" in error_of(tmp_path / f"cohort{suffix}")


@pytest.mark.parametrize("name", ["x" * 5000 + ".csv", "/".join(["x" * 200] * 30) + ".csv", "a\0b.csv"], ids=range(3))
def test_a_path_that_cannot_be_followed_is_no_table(name: str, tmp_path: Path) -> None:
    for read in (read_table, read_features, read_cohort):
        with pytest.raises(InputError, match="cannot be followed"):
            read(tmp_path / name)


@pytest.mark.parametrize("name", ["x" * 5000, "x" * 300, "y/" * 3000], ids=range(3))
def test_an_image_whose_path_is_too_long_is_a_problem_of_its_row(name: str, tmp_path: Path) -> None:
    (tmp_path / "cohort.csv").write_text(f"case_id,patient_id,t1\nc1,p1,{name}\n")
    config = CohortConfig(table=tmp_path / "cohort.csv", images={"t1": "t1"})
    with pytest.raises(InputError) as caught:
        read_cohort(config=config)
    (problem,) = [problem for problem in caught.value.problems if problem.column == "t1"]
    assert problem.row == 2
    assert "cannot be followed" in problem.message
    assert len(problem.message) < 400
