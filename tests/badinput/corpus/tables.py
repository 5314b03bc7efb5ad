"""Cohort tables, feature tables and splits."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path

from badinput import Group
from spoil import (
    add,
    as_frame,
    cells,
    change,
    column,
    copy,
    cut,
    flip,
    keep_rows,
    mkdir,
    packed,
    remove,
    rename,
    same_rows,
    sub,
    without,
    write,
)

Y, C, F = "study.yaml", "cohort.csv", "radiomic.csv"
formats = Group("cohort file", "tables")
bad = formats.bad


def called(name: str):
    """Let the study name another cohort table."""
    return sub(Y, "table: cohort.csv", f"table: {name}")


bad("is not there", remove(C), says=(C, "no table"))
bad("is a folder", remove(C), mkdir(C), says=(C, "folder"))
bad("is empty", write(C, ""), says=(C, "empty"))
bad("is blank", write(C, "\n\n\n"), says=(C, "empty|blank"))
bad("is a header alone", keep_rows(C, 0), says=(C, "no rows"))
bad("begins with a blank line", change(C, lambda content: b"\n" + content), says=(C, "first line"))
bad("begins with a title", change(C, lambda content: b"Table 1. Patients\n\n" + content), says=(C,))
bad("is a picture", write(C, b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(100)), says=(C, "binary|text"))
bad(
    "is a workbook named .csv",
    as_frame(C, "x.xlsx"),
    lambda folder: (folder / "x.xlsx").rename(folder / C) and None,
    says=(C, "xlsx"),
)
bad("is text named .xlsx", copy(C, "t.xlsx"), called("t.xlsx"), says=("t.xlsx", "excel"))
bad("is text named .parquet", copy(C, "t.parquet"), called("t.parquet"), says=("t.parquet", "parquet"))
bad("is text named .gz", copy(C, "t.csv.gz"), called("t.csv.gz"), code=(0, 2), says=("ready|gz",))
bad("is .xls", write("t.xls", b"\xd0\xcf\x11\xe0"), called("t.xls"), says=("t.xls", "xlsx"))
bad("is .ods", write("t.ods", b"PK\x03\x04"), called("t.ods"), says=("t.ods", "xlsx"))
bad("is .json", write("t.json", '[{"case_id": 1}]'), called("t.json"), says=("t.json",))
bad("is .html", write("t.html", "<table><tr><td>case_id</td></tr></table>"), called("t.html"), says=("t.html",))
for place in (0.3, 0.9, 12, 19):
    bad(
        f"gzip cut at {place}",
        packed(C, "t.csv.gz"),
        cut("t.csv.gz", place),
        called("t.csv.gz"),
        says=("t.csv.gz", "damaged", "copy"),
    )
bad(
    "gzip without its sum",
    packed(C, "t.csv.gz"),
    change("t.csv.gz", lambda content: content[:-4]),
    called("t.csv.gz"),
    says=("t.csv.gz", "damaged"),
)
for place in (0.05, 0.2, 0.5, 0.8, 0.99):
    bad(
        f"gzip with a byte flipped at {place}",
        packed(C, "t.csv.gz"),
        flip("t.csv.gz", place),
        called("t.csv.gz"),
        says=("t.csv.gz", "damaged"),
    )
bad("gzip of nothing", write("t.csv.gz", gzip.compress(b"")), called("t.csv.gz"), says=("t.csv.gz", "empty"))
bad("gzip of gzip", packed(C, "u.gz"), packed("u.gz", "t.csv.gz"), called("t.csv.gz"), says=("t.csv.gz",))
bad("gzip header alone", write("t.csv.gz", b"\x1f\x8b"), called("t.csv.gz"), says=("t.csv.gz", "damaged"))


def bomb(path: Path, gigabytes: float) -> None:
    """Write a gzip file of that many gigabytes of one letter, after a header."""
    import zlib

    packer = zlib.compressobj(9, wbits=31)
    with path.open("wb") as stream:
        stream.write(packer.compress(b"case_id,patient_id,event\n"))
        for _ in range(int(gigabytes * 1024)):
            stream.write(packer.compress(b"a" * (1 << 20)))
        stream.write(packer.flush())


bad(
    "gzip bomb",
    lambda folder: bomb(folder / "t.csv.gz", 4.5),
    called("t.csv.gz"),
    says=("t.csv.gz", "large|limit|more than|gb|gib"),
    slow=True,
)
bad("is zip", write("t.csv", b"PK\x03\x04" + bytes(50)), called("t.csv"), says=("t.csv", "zip"))
bad("is bzip2", write("t.csv", b"BZh91AY&SY\0\1\2\3"), called("t.csv"), says=("t.csv", "binary|text"))
for name, share in (("half", 0.5), ("its end", 0.98), ("four bytes", 4)):
    bad(
        f"workbook cut to {name}",
        as_frame(C, "t.xlsx"),
        cut("t.xlsx", share),
        called("t.xlsx"),
        says=("t.xlsx", "excel"),
    )
bad("workbook of 0 bytes", write("t.xlsx", ""), called("t.xlsx"), says=("t.xlsx",))
bad("workbook of zeros", write("t.xlsx", bytes(4000)), called("t.xlsx"), says=("t.xlsx", "excel"))


def rezip(file: str, part: str, how):
    """Change one part of a workbook; None leaves it out."""

    def step(folder: Path) -> None:
        source = zipfile.ZipFile(folder / file)
        parts = {name: source.read(name) for name in source.namelist()}
        source.close()
        assert part in parts, list(parts)
        with zipfile.ZipFile(folder / file, "w", zipfile.ZIP_DEFLATED) as target:
            for name, content in parts.items():
                changed = how(content) if name == part else content
                if changed is not None:
                    target.writestr(name, changed)

    return step


SHEET = "xl/worksheets/sheet1.xml"
book = as_frame(C, "t.xlsx")
bad(
    "workbook, sheet cut",
    book,
    rezip("t.xlsx", SHEET, lambda content: content[:200]),
    called("t.xlsx"),
    says=("t.xlsx", "excel"),
)
bad(
    "workbook, sheet is no XML",
    book,
    rezip("t.xlsx", SHEET, lambda _: b"hello"),
    called("t.xlsx"),
    says=("t.xlsx", "excel"),
)
bad("workbook, sheet is not there", book, rezip("t.xlsx", SHEET, lambda _: None), called("t.xlsx"), says=("t.xlsx",))
bad(
    "workbook, list of sheets is not there",
    book,
    rezip("t.xlsx", "xl/workbook.xml", lambda _: None),
    called("t.xlsx"),
    says=("t.xlsx", "excel"),
)
bad(
    "workbook, list of sheets is no XML",
    book,
    rezip("t.xlsx", "xl/workbook.xml", lambda _: b"<a>"),
    called("t.xlsx"),
    says=("t.xlsx", "excel"),
)
bad(
    "workbook, styles are no XML",
    book,
    rezip("t.xlsx", "xl/styles.xml", lambda _: b"<a"),
    called("t.xlsx"),
    says=("t.xlsx", "excel"),
)
bad(
    "workbook, no types",
    book,
    rezip("t.xlsx", "[Content_Types].xml", lambda _: None),
    called("t.xlsx"),
    says=("t.xlsx", "excel"),
)
ENTITIES = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + b"".join(
        b'<!ENTITY %s "%s">' % (new, b"&%s;" % old * 10)
        for old, new in zip(
            [b"a", b"b", b"c", b"d", b"e", b"f", b"g"], [b"b", b"c", b"d", b"e", b"f", b"g", b"h"], strict=True
        )
    )
    + b"]>"
)
bad(
    "workbook with an entity bomb",
    book,
    rezip(
        "t.xlsx",
        SHEET,
        lambda content: (
            ENTITIES
            + content.replace(
                b"<sheetData>", b'<sheetData><row r="40"><c r="A40" t="inlineStr"><is><t>&h;</t></is></c></row>'
            )
        ),
    ),
    called("t.xlsx"),
    says=("t.xlsx",),
    slow=True,
)


def empty_book(folder: Path) -> None:
    """Write a workbook of two empty sheets."""
    from openpyxl import Workbook

    made = Workbook()
    made.create_sheet("more")
    made.save(folder / "t.xlsx")


bad("workbook of empty sheets", empty_book, called("t.xlsx"), says=("t.xlsx", "empty"))
bad(
    "workbook of a header alone",
    as_frame(C, "t.xlsx", lambda frame: frame.head(0)),
    called("t.xlsx"),
    says=("t.xlsx", "no rows"),
)


def crc(folder: Path) -> None:
    """Flip a byte in the packed sheet."""
    content = bytearray((folder / "t.xlsx").read_bytes())
    place = zipfile.ZipFile(io.BytesIO(bytes(content))).getinfo(SHEET).header_offset + 120
    content[place] ^= 0x55
    (folder / "t.xlsx").write_bytes(bytes(content))


bad("workbook with a byte flipped", book, crc, called("t.xlsx"), says=("t.xlsx", "excel"))
parquet = as_frame(C, "t.parquet")
for name, share in (("half", 0.5), ("its end", 0.98), ("four bytes", 4)):
    bad(f"parquet cut to {name}", parquet, cut("t.parquet", share), called("t.parquet"), says=("t.parquet", "parquet"))
for place in (0.02, 0.1, 0.3, 0.6, 0.9, 0.995):
    bad(
        f"parquet with a byte flipped at {place}",
        parquet,
        flip("t.parquet", place),
        called("t.parquet"),
        code=(0, 2),
        says=("t.parquet|ready",),
    )
bad("parquet of 0 bytes", write("t.parquet", ""), called("t.parquet"), says=("t.parquet",))
bad(
    "parquet of no rows",
    as_frame(C, "t.parquet", lambda frame: frame.head(0)),
    called("t.parquet"),
    says=("t.parquet", "no rows"),
)
bad(
    "parquet with lists in cells",
    as_frame(C, "t.parquet", lambda frame: frame.assign(age=[[1, 2]] * len(frame))),
    called("t.parquet"),
    says=("t.parquet", "age"),
)
bad(
    "parquet with mappings in cells",
    as_frame(C, "t.parquet", lambda frame: frame.assign(age=[{"a": 1}] * len(frame))),
    called("t.parquet"),
    says=("t.parquet", "age"),
)
bad(
    "parquet with bytes for ids",
    as_frame(C, "t.parquet", lambda frame: frame.assign(case_id=[text.encode() for text in frame["case_id"]])),
    called("t.parquet"),
    code=(0, 2),
    says=("t.parquet|ready|c01",),
)
bad("UTF-16 without a mark", change(C, lambda content: content.decode().encode("utf-16-le")), says=(C, "binary|text"))
bad("UTF-16 with a mark", change(C, lambda content: content.decode().encode("utf-16")), code=0, says=("ready",))
bad("UTF-16 cut in a letter", change(C, lambda content: content.decode().encode("utf-16")[:-1]), says=(C,), code=(0, 2))
bad("zero bytes inside", flip(C, 0.3), change(C, lambda content: content[:300] + b"\0\0" + content[300:]), says=(C,))
bad(
    "Windows-1252",
    cells(C, "site", {2: "Köln"}),
    change(C, lambda content: content.decode().encode("latin-1")),
    code=0,
    says=("Windows-1252", C),
)
bad("semicolons", change(C, lambda content: content.replace(b",", b";")), code=0, says=("semicolon",))
bad(
    "decimal commas",
    change(C, lambda content: content.replace(b",", b";")),
    (lambda folder: (folder / C).write_text((folder / C).read_text().replace(";f;", ",5;f;")) and None),
    code=0,
    says=("decimal comma",),
)
bad("old Mac line ends", change(C, lambda content: content.replace(b"\n", b"\r")), code=0, says=("ready",))
bad("two separators", change(C, lambda content: content.replace(b",", b";", 3)), says=(C,))
bad("one column", change(C, lambda content: content.replace(b",", b" ")), says=(C, "case_id"))
bad(
    "a quote is never closed",
    cells(C, "site", {5: "x"}),
    change(C, lambda content: content.replace(b",x,", b',"x,')),
    says=(C, "quote|cells|line|row"),
)
bad("a row too long", add(C, "c99,p99,north,2010-01-01,50,f,test,0,7,8\n"), says=(C, "26", "cells"))
bad("a row too short", add(C, "c99,p99\n"), says=(C, "26"))
bad("a foot line", add(C, "Source: the hospital\n"), says=(C, "26"))
bad("columns of one name", rename(C, "site", "age"), says=(C, "age", "rename"))
bad("columns of one name but for spaces", rename(C, "site", " age"), says=(C, "age", "rename"))
bad("a name of 5,000 letters", rename(C, "site", "s" * 5000), code=0, says=("ready",))
bad(
    "a clinical name of 5,000 letters",
    rename(C, "age", "s" * 5000),
    sub(Y, "[age,", f"[{'s' * 5000},"),
    says=("long|letters", "sss"),
)
bad("no header", change(C, lambda content: content.split(b"\n", 1)[1]), says=(C, "case_id"))
bad(
    "headers in capitals",
    change(C, lambda content: content.replace(b"case_id", b"Case_ID")),
    says=("case_id", "did you mean 'Case_ID'"),
)
bad(
    "an excess of columns",
    change(C, lambda content: b"\n".join(line + b"," * 20_000 for line in content.splitlines()) + b"\n"),
    code=(0, 2),
    says=("ready|column",),
    slow=True,
)

ids = Group("cohort ids and units", "tables")
bad = ids.bad
bad("no case column", without(C, "case_id"), says=(C, "case_id", "cohort.case"))
bad("no patient column", without(C, "patient_id"), says=(C, "patient_id", "cohort.patient"))
bad("case missing", cells(C, "case_id", {7: ""}), says=(C, "7", "case_id", "missing"))
bad("case says NA", cells(C, "case_id", {7: "NA"}), says=(C, "7", "case_id", "missing"))
bad("patient missing", cells(C, "patient_id", {7: " "}), says=(C, "7", "patient_id", "missing"))
bad("case twice", cells(C, "case_id", {7: "c01"}), says=(C, "c01", "2, 7", "unique"))
bad("case twice but for spaces", cells(C, "case_id", {7: " c01 "}), says=(C, "c01", "2, 7"))
bad("one patient", column(C, "patient_id", lambda _: "p"), says=(C, "1 patient", "folds"))
bad("one row", keep_rows(C, 1), keep_rows(F, 1), says=(C,))
bad("two rows", keep_rows(C, 2), keep_rows(F, 2), says=(C,))
bad("four patients", keep_rows(C, 4), keep_rows(F, 4), says=(C,))
bad("clinical column is not there", without(C, "age"), says=(C, "age", "cohort.clinical"))
bad("site column is not there", command=("check", Y, "--set", "cohort.site=centre"), says=("centre", "cohort.site"))
bad("unit column is not there", command=("check", Y, "--set", "cohort.unit=[knee]"), says=("knee", "cohort.unit"))
bad(
    "units without visits",
    column(C, "knee", lambda row: f"k{row // 2}"),
    column(C, "patient_id", lambda row: f"p{row // 2}"),
    column(C, "event", lambda row: str(row // 2 % 2)),
    command=("check", Y, "--set", "cohort.unit=[knee]"),
    says=("k1", "visit"),
)
bad(
    "units of two patients",
    column(C, "knee", lambda row: f"k{row // 2}"),
    column(C, "visit", lambda row: f"V{row % 2}"),
    command=("check", Y, "--set", "cohort.unit=[knee]"),
    says=("k1", "p01", "p02"),
)
bad(
    "visit twice",
    column(C, "knee", lambda row: f"k{row // 2}"),
    column(C, "patient_id", lambda row: f"p{row // 2}"),
    column(C, "event", lambda row: str(row // 2 % 2)),
    column(C, "visit", lambda _: "V0"),
    command=("check", Y, "--set", "cohort.unit=[knee]"),
    says=("k1", "V0", "3"),
)
bad(
    "visit missing",
    column(C, "knee", lambda row: f"k{row // 2}"),
    column(C, "patient_id", lambda row: f"p{row // 2}"),
    column(C, "event", lambda row: str(row // 2 % 2)),
    column(C, "visit", lambda row: "V1" if row % 2 else ""),
    command=("check", Y, "--set", "cohort.unit=[knee]"),
    says=("k1", "visit", "2"),
)
bad(
    "outcomes of a unit differ",
    column(C, "knee", lambda row: f"k{row // 2}"),
    column(C, "patient_id", lambda row: f"p{row // 2}"),
    column(C, "visit", lambda row: f"V{row % 2}"),
    command=("check", Y, "--set", "cohort.unit=[knee]"),
    says=("k2", "another outcome"),
)
bad(
    "everything is excluded",
    command=("check", Y, "--set", "cohort.exclude={" + ", ".join(f"c{k:02d}: no" for k in range(1, 25)) + "}"),
    says=("exclude|no case|left",),
)
bad(
    "all but one are excluded",
    command=("check", Y, "--set", "cohort.exclude={" + ", ".join(f"c{k:02d}: no" for k in range(1, 24)) + "}"),
    says=("patient|event",),
)

values = Group("clinical columns and outcome", "tables")
bad = values.bad
bad("a word among numbers", cells(C, "age", {9: "old"}), says=(C, "9", "age", "old"))
bad("two words among numbers", cells(C, "age", {9: "old", 11: "?"}), says=(C, "9", "11", "age"))
bad("words", column(C, "age", lambda row: ("old", "young")[row % 2]), says=(C, "age", "levels"))
bad("a unit", cells(C, "age", {9: "61 years"}), says=(C, "9", "61 years"))
bad("a per cent sign", cells(C, "age", {9: "12%"}), says=(C, "9", "12%"))
bad("a thousands comma", cells(C, "age", {9: "1,234"}), says=(C, "9", "1,234"))
bad("a less-than sign", cells(C, "age", {9: "<50"}), says=(C, "9", "<50"))
bad("a date", cells(C, "age", {9: "2020-01-01"}), says=(C, "9", "2020-01-01"))
bad("hexadecimal", cells(C, "age", {9: "0x3D"}), says=(C, "9", "0x3D"))
bad("an underscore", cells(C, "age", {9: "6_1"}), says=(C, "9", "6_1"))
bad("infinite", cells(C, "age", {9: "inf"}), says=(C, "9", "age", "infinite"))
bad("1e400", cells(C, "age", {9: "1e400"}), says=(C, "9", "age", "infinite"))
bad("-Infinity", cells(C, "age", {9: "-Infinity"}), says=(C, "9", "age", "infinite"))
bad("nothing", column(C, "age", lambda _: ""), says=(C, "age", "no value"))
bad("a level nobody declared", cells(C, "sex", {9: "x"}), says=(C, "9", "sex", "'x'"))
bad("a level in capitals", cells(C, "sex", {9: "F"}), says=(C, "9", "sex", "'F'"))
bad("#REF!", cells(C, "age", {9: "#REF!"}), says=(C, "9", "#REF!"))
bad("-999 is remarked", cells(C, "age", {9: "-999"}), code=0, says=(C, "age", "-999", "9"))
bad("9999 is remarked", cells(C, "age", {9: "9999", 12: "9999"}), code=0, says=(C, "age", "9999"))
bad("an age of 191,953 is remarked", cells(C, "age", {9: "191953"}), code=0, says=(C, "age", "191953|191,953", "9"))
bad(
    "a column that tells the outcome is remarked",
    column(C, "hint", lambda row: str(((row - 1) % 3 == 0 and 70 + row) or row)),
    command=("check", Y, "--set", "cohort.clinical=[age, hint]"),
    code=0,
    says=("hint", "outcome"),
)
bad("constant is remarked", column(C, "age", lambda _: "50"), code=0, says=(C, "age", "same"))
bad("outcome is not there", without(C, "event"), says=(C, "event", "cohort.outcome"))
bad("outcome missing", cells(C, "event", {5: ""}), says=(C, "5", "event", "missing"))
bad("outcome missing throughout", column(C, "event", lambda _: ""), says=(C, "event"))
bad("outcome 2", cells(C, "event", {5: "2"}), says=(C, "5", "event", "0 or 1"))
bad("outcome 0.5", cells(C, "event", {5: "0.5"}), says=(C, "5", "event", "0 or 1"))
bad("outcome -1 and 1", column(C, "event", lambda row: "1" if row % 3 else "-1"), says=(C, "event", "0 or 1"))
bad("outcome 1 and 2", column(C, "event", lambda row: "1" if row % 3 else "2"), says=(C, "event", "0 or 1|positive"))
bad("outcome infinite", cells(C, "event", {5: "inf"}), says=(C, "5", "event"))
bad("outcome never", column(C, "event", lambda _: "0"), says=(C, "event", "nothing to tell apart"))
bad("outcome always", column(C, "event", lambda _: "1"), says=(C, "event", "nothing to tell apart"))
bad(
    "outcome of words",
    column(C, "event", lambda row: ("dead", "alive")[row % 2]),
    says=(C, "event", "cohort.outcome.positive"),
)
bad("outcome of three words", column(C, "event", lambda row: ("a", "b", "c")[row % 3]), says=(C, "event"))
bad(
    "outcome of three words, one the event",
    column(C, "event", lambda row: ("a", "b", "c")[row % 3]),
    command=("check", Y, "--set", "cohort.outcome.positive=a"),
    says=(C, "event", "two values"),
)
bad(
    "outcome's event is misspelt",
    column(C, "event", lambda row: ("dead", "alive")[row % 2]),
    command=("check", Y, "--set", "cohort.outcome.positive=daed"),
    says=("daed", "did you mean 'dead'"),
)
bad(
    "outcome's words in two spellings",
    column(C, "event", lambda row: ("dead", "alive", "Dead")[row % 3]),
    command=("check", Y, "--set", "cohort.outcome.positive=dead"),
    says=(C, "event", "two values"),
)
bad("one event", column(C, "event", lambda row: str(int(row == 5))), says=(C, "event", "1 patient"))
THREE = column(C, "event", lambda row: str(int(row in (5, 7, 9))))
bad("three events in two folds", THREE, says=("event", "inner folds", "folds: 3"))
bad(
    "three events in three folds", THREE, command=("check", Y, "--set", "cohort.split.folds=3"), code=0, says=("ready",)
)
bad("outcome True and False", column(C, "event", lambda row: str(row % 3 == 1)), code=0, says=("ready",))
bad("outcome yes and no", column(C, "event", lambda row: ("yes", "no", "no")[row % 3]), code=0, says=("ready",))
bad(
    "outcome True, event says True",
    column(C, "event", lambda row: str(row % 3 == 1)),
    command=("check", Y, "--set", "cohort.outcome.positive=True"),
    code=0,
    says=("ready",),
)
bad(
    "outcome true in parquet",
    as_frame(C, "t.parquet", lambda frame: frame.assign(event=frame["event"] == 1)),
    called("t.parquet"),
    code=0,
    says=("ready",),
)

splits = Group("splits", "tables")
bad = splits.bad


def split(text: str) -> tuple[str, ...]:
    """The command with another split."""
    return ("check", Y, "--set", f"cohort.split={text}")


COLUMN = "{kind: column, column: fold}"
bad("column is not there", command=split("{kind: column, column: part}"), says=("part", "cohort.split.column"))
bad("column missing in a row", cells(C, "fold", {6: ""}), command=split(COLUMN), says=(C, "6", "fold"))
bad("column of one value", column(C, "fold", lambda _: "train"), command=split(COLUMN), says=(C, "fold", "two or more"))
bad(
    "a patient in both",
    cells(C, "patient_id", {3: "p03"}),
    command=split(COLUMN),
    says=(C, "fold", "p03", "belongs to one"),
)
bad(
    "column of a value a case",
    column(C, "fold", lambda row: str(row)),
    command=split(COLUMN),
    code=(0, 2),
    says=("fold|one",),
)
bad(
    "training of one class",
    column(C, "fold", lambda row: "test" if (row - 1) % 3 == 0 else "train"),
    command=split(COLUMN),
    says=("training set", "one outcome"),
)
bad(
    "test of one class is remarked",
    column(C, "fold", lambda row: "test" if row in (2, 3, 5) else "train"),
    command=split(COLUMN),
    code=(0, 2),
    says=("fold", "one|class"),
)
bad(
    "misspelt test",
    column(C, "fold", lambda row: ("tset", "train")[row % 2]),
    command=split(COLUMN),
    code=(0, 2),
    says=("tset|ready",),
)
bad(
    "one site",
    column(C, "site", lambda _: "north"),
    command=split("{kind: leave_site_out}"),
    says=(C, "site", "one site"),
)
bad("site missing", cells(C, "site", {6: ""}), command=split("{kind: leave_site_out}"), says=(C, "6", "site"))
bad(
    "a patient at two sites",
    cells(C, "patient_id", {3: "p02"}),
    cells(C, "site", {3: "south", 4: "north"}),
    column(C, "patient_id", lambda row: "p1" if row < 5 else f"p{row}"),
    command=split("{kind: leave_site_out}"),
    says=(C, "site", "p1"),
)
bad("site column is not there", command=split("{kind: leave_site_out, column: centre}"), says=("centre",))
T = "{kind: temporal, column: scanned}"
bad("date is a word", cells(C, "scanned", {6: "spring"}), command=split(T), says=(C, "6", "spring"))
bad("date missing", cells(C, "scanned", {6: ""}), command=split(T), says=(C, "6", "scanned"))
bad("date is none", cells(C, "scanned", {6: "2019-02-31"}), command=split(T), says=(C, "6", "2019-02-31"))
bad("date in another order", cells(C, "scanned", {6: "31/12/2019"}), command=split(T), says=(C, "6", "31/12/2019"))
bad("date of the year 0", cells(C, "scanned", {6: "0000-00-00"}), command=split(T), says=(C, "6", "0000-00-00"))
bad("date of the year 99999", cells(C, "scanned", {6: "99999-01-01"}), command=split(T), says=(C, "6", "99999-01-01"))
bad(
    "dates among numbers",
    cells(C, "age", {6: "2019-01-01"}),
    command=split("{kind: temporal, column: age}"),
    says=(C, "6", "2019-01-01"),
)
bad("one date", column(C, "scanned", lambda _: "2019-01-01"), command=split(T), says=("scanned|training|test|date",))
bad(
    "test_from after all",
    command=split("{kind: temporal, column: scanned, test_from: 2050-01-01}"),
    says=("test_from", "empty"),
)
bad(
    "test_from before all",
    command=split("{kind: temporal, column: scanned, test_from: 1950-01-01}"),
    says=("test_from", "empty"),
)
bad(
    "test_from is a word",
    command=split("{kind: temporal, column: scanned, test_from: later}"),
    says=("test_from", "later"),
)
bad("test_from is a list", command=split("{kind: temporal, column: scanned, test_from: [1]}"), says=("test_from",))
bad(
    "test_from NaN",
    column(C, "scanned", lambda row: str(row)),
    command=split("{kind: temporal, column: scanned, test_from: nan}"),
    says=("test_from",),
)
bad("temporal column is not there", command=split("{kind: temporal, column: day}"), says=("day",))
bad(
    "numbers infinite",
    column(C, "scanned", lambda row: "inf" if row == 6 else str(row)),
    command=split(T),
    says=("scanned", "6"),
)
bad(
    "holdout of one class",
    column(C, "event", lambda row: str(int(row == 5))),
    command=split("{kind: holdout}"),
    says=("event", "1 patient"),
)

features = Group("feature tables", "tables")
bad = features.bad
bad("is not there", remove(F), says=(F, "no table"))
bad("is a folder", remove(F), mkdir(F), says=(F, "folder"))
bad("is empty", write(F, ""), says=(F, "empty"))
bad("is a header alone", keep_rows(F, 0), says=(F, "no rows"))
bad("has no ids", without(F, "case_id"), says=(F, "case_id"))
bad("ids named otherwise", rename(F, "case_id", "ID"), says=(F, "case_id"))
bad("id missing", cells(F, "case_id", {8: ""}), says=(F, "8", "missing"))
bad("id twice", cells(F, "case_id", {8: "c01"}), says=(F, "c01", "8", "2"))
bad("lacks a case", keep_rows(F, 23), says=("radiomic", "c24"))
bad("lacks all cases", column(F, "case_id", lambda row: f"x{row}"), says=("radiomic", "c01"))
bad("ids without their zeros", column(F, "case_id", lambda row: f"c{row - 1}"), says=("radiomic", "c01"))
bad("a word", cells(F, "f03", {8: "n/d"}), says=(F, "8", "f03", "n/d"))
bad("words throughout", column(F, "f03", lambda _: "high"), says=(F, "f03", "high"))
bad(
    "text columns of PyRadiomics",
    column(F, "diagnostics_Versions_Python", lambda _: "3.9.1"),
    says=(F, "diagnostics_Versions_Python", "exclude"),
)
bad("infinite", cells(F, "f03", {8: "inf"}), says=(F, "8", "f03", "infinite"))
bad("1e999", cells(F, "f03", {8: "-1e999"}), says=(F, "8", "f03", "infinite"))
bad(
    "all columns empty",
    keep_rows(F, 24),
    *(column(F, f"f{k:02d}", lambda _: "") for k in range(1, 13)),
    says=(F, "without any value"),
)
bad("a column empty is remarked", column(F, "f03", lambda _: ""), code=0, says=(F, "f03"))
bad("ids alone", without(F, *(f"f{k:02d}" for k in range(1, 13))), says=(F, "no feature columns"))
bad("twins", same_rows(F, 8, 3), says=(F, "8", "c07", "c02"))
bad("columns of one name", rename(F, "f03", "f04"), says=(F, "f04", "rename"))
bad(
    "a pattern that matches nothing",
    sub(Y, "radiomic: radiomic.csv", "radiomic: {table: radiomic.csv, columns: ['MR_*']}"),
    says=(F, "MR_*"),
)
bad("all is excluded", sub(Y, "radiomic: radiomic.csv", "radiomic: {table: radiomic.csv, exclude: ['*']}"), says=(F,))
bad(
    "a pattern that is open",
    sub(Y, "radiomic: radiomic.csv", "radiomic: {table: radiomic.csv, columns: ['f[']}"),
    says=(F, "f["),
)
bad(
    "an id as a feature",
    sub(Y, "radiomic: radiomic.csv", "radiomic: {table: radiomic.csv, columns: [case_id]}"),
    says=(F, "case_id"),
)
bad(
    "the outcome as a feature",
    sub(Y, "radiomic: radiomic.csv", "radiomic: {table: cohort.csv, columns: [event]}"),
    says=("event",),
)
bad(
    "the outcome under another name is remarked",
    column(F, "leak", lambda row: str(int((row - 1) % 3 == 0))),
    code=0,
    says=("leak", "outcome"),
)
bad(
    "the outcome's column copied in the feature table",
    column(F, "event", lambda row: str(int((row - 1) % 3 == 0))),
    code=0,
    says=("ready", "12 columns"),
)
bad("the study itself", sub(Y, "radiomic: radiomic.csv", "radiomic: study.yaml"), says=(Y,))
bad(
    "gzip cut",
    packed(F, "r.csv.gz"),
    cut("r.csv.gz", 0.6),
    sub(Y, "radiomic.csv", "r.csv.gz"),
    says=("r.csv.gz", "damaged"),
)
bad(
    "gzip with a byte flipped",
    packed(F, "r.csv.gz"),
    flip("r.csv.gz", 0.6),
    sub(Y, "radiomic.csv", "r.csv.gz"),
    says=("r.csv.gz", "damaged"),
)
bad(
    "parquet cut",
    as_frame(F, "r.parquet"),
    cut("r.parquet", 0.6),
    sub(Y, "radiomic.csv", "r.parquet"),
    says=("r.parquet", "parquet"),
)
bad(
    "workbook cut",
    as_frame(F, "r.xlsx"),
    cut("r.xlsx", 0.6),
    sub(Y, "radiomic.csv", "r.xlsx"),
    says=("r.xlsx", "excel"),
)
bad(
    "both tables damaged are told at once",
    cells(C, "age", {9: "old"}),
    cells(F, "f03", {8: "n/d"}),
    says=(C, F, "old", "n/d"),
)
bad(
    "run does not compute with a bad table",
    cells(F, "f03", {8: "n/d"}),
    command="run study.yaml --out run",
    says=(F, "8", "f03"),
)
bad(
    "fuse does not compute with a bad table",
    cells(C, "age", {8: "n/d"}),
    command="fuse study.yaml --out run",
    says=(C, "8", "age"),
)

INPUTS = [*formats.inputs, *ids.inputs, *values.inputs, *splits.inputs, *features.inputs]
