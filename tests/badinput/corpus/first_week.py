"""What a researcher's first week and a hostile tester found that nothing else here had: of every file a little."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from badinput import BadInput, Group
from spoil import (
    Step,
    as_frame,
    cells,
    change,
    column,
    copy,
    mha_bytes,
    mkdir,
    nrrd_bytes,
    sub,
    write,
)
from templates import image, mask

IMAGE, MASK = image(), mask()
C, R, S = "cohort.csv", "radiomic.csv", "study.yaml"


def excel(how: Callable[[Any], object]) -> Step:
    """Make the cohort an Excel file and change its sheet."""

    def step(folder: Path) -> None:
        import openpyxl

        as_frame(C, "cohort.xlsx")(folder)
        book = openpyxl.load_workbook(folder / "cohort.xlsx")
        how(book.active)
        book.save(folder / "cohort.xlsx")
        sub(S, C, "cohort.xlsx")(folder)

    return step


def put(cell: str, value: object) -> Callable[[Any], object]:
    """Put a value into a cell of a sheet."""
    return lambda sheet: sheet.__setitem__(cell, value)


def hide(sheet: Any) -> None:
    """Hide a row, as a filter does."""
    sheet.row_dimensions[4].hidden = True


def numbered_rows(name: str, first: int) -> Step:
    """Put a column that counts the rows before all others, as pandas (from 0) and R (from 1) write one."""

    def how(content: bytes) -> bytes:
        head, *rows = content.decode().splitlines()
        lines = [f"{name},{head}", *(f"{number},{row}" for number, row in enumerate(rows, start=first))]
        return ("\n".join(lines) + "\n").encode()

    return change(R, how)


def slices(how: Callable[[Any, int], object]) -> Step:
    """Change every slice of the DICOM folder."""

    def step(folder: Path) -> None:
        import pydicom

        for number, path in enumerate(sorted((folder / "dicom").glob("*.dcm")), start=1):
            item = pydicom.dcmread(path)
            how(item, number)
            item.save_as(path)

    return step


def link_to_itself(name: str) -> Step:
    """Replace a file by a link that leads to itself."""

    def step(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(name)

    return step


tables = Group("first week, tables", "tables")
bad = tables.bad
bad("study that links to itself", link_to_itself(S), says=(S,))
bad("study's name not UTF-8", command=("check", "st\udcffudy.yaml"), says=("UTF-8",))
bad("study's name empty", command=("check", ""), says=("empty",))
bad("--out= empty", command=("run", S, "--out="), says=("--out", "empty"))
bad("day that no month has", sub(S, "seed: 7", "seed: 7\ntitle: 2016-02-31"), says=("line 3", "day"))
for name, words in (
    ("train, test and validation", ("train", "test", "validation")),
    ("train and Test", ("train", "Test", "Test")),
):
    bad(
        f"folds {name}",
        column(C, "fold", lambda row, words=words: words[row % 3]),
        sub(S, "{kind: grouped, folds: 2}", "{kind: column}"),
        says=("fold", "train"),
    )
bad(
    "date of the year 0",
    cells(C, "scanned", {3: "0000-01-01"}),
    sub(S, "{kind: grouped, folds: 2}", "{kind: temporal, column: scanned}"),
    says=("scanned", "3", "date"),
)
bad("patient with a zero-width space", cells(C, "patient_id", {3: "p01\u200b"}), says=("patient_id", "3", "ZERO WIDTH"))
bad("patient right to left", cells(C, "patient_id", {3: "\u202ep01"}), says=("patient_id", "3"))
bad("patient in capitals too", cells(C, "patient_id", {3: "P01"}), says=("patient_id", "3", "p01", "capitals"), code=0)
bad("patient accented in two ways", cells(C, "patient_id", {3: "é", 4: "e\u0301"}), says=("patient_id", "4"), code=0)
bad("feature of 9e307", cells(R, "f01", {3: "9e307"}), says=(R, "3", "f01"))
bad("age of 1e308", cells(C, "age", {3: "1e308"}), says=(C, "3", "age"))
bad("pandas' index as a feature", numbered_rows("", 0), says=(R, "counts the rows"), code=0)
bad("R's row names as a feature", numbered_rows('""', 1), says=(R, "counts the rows"), code=0)
bad("index named Unnamed", numbered_rows("Unnamed: 0", 0), says=(R, "counts the rows"), code=0)
bad("Excel: formula nobody computed", excel(put("E3", "=E2+1")), says=("age", "3", "=E2+1"))
bad("Excel: #REF!", excel(put("E3", "#REF!")), says=("age", "3", "#REF!"))
bad("Excel: outcome of formulas", excel(put("H3", "=IF(1,0,1)")), says=("event", "3"))
bad("Excel: hidden row", excel(hide), says=("hidden",), code=0)
bad("Excel: a space in the last cell of all", excel(put("XFD1048576", " ")), code=0, slow=True)
bad("standard output closed", environment={"BEFORE": "exec >&-;"}, code=(0, 1))

boxes = Group("first week, images", "images")
bad = boxes.bad
bad("one file as image and mask", cells(C, "mask", {3: "c1.nrrd"}), says=(C, "3", "c1.nrrd"))
bad("one column as image and mask", sub(S, "images: {t1: t1}", "images: {t1: mask}"), says=("mask",))
bad("one column as two sequences", sub(S, "images: {t1: t1}", "images: {t1: t1, t2: t1}"), says=("t1",))
bad("one column as both readers", sub(S, "mask: mask", "mask: mask\n  second_mask: mask"), says=("mask",))
bad("stability copies", command="check study.yaml --set stability.copies=1000000000", says=("copies",))

pictures = Group("first week, pictures", "pair")
for name, file, content in (
    ("MHA list of files", "bad.mha", mha_bytes(IMAGE, ElementDataFile="LIST")),
    ("MHA pattern of files", "bad.mha", mha_bytes(IMAGE, ElementDataFile="slice%03d.raw 1 10 1")),
    ("MHA slope 2", "bad.mha", mha_bytes(IMAGE, ElementToIntensityFunctionSlope="2")),
    ("MHA offset -1024", "bad.mha", mha_bytes(IMAGE, ElementToIntensityFunctionOffset="-1024")),
    ("MHA in metres", "bad.mha", mha_bytes(IMAGE, DistanceUnits="m")),
    ("MHA two directions", "bad.mha", mha_bytes(IMAGE, Orientation="-1 0 0 0 -1 0 0 0 1")),
    ("MHA two origins", "bad.mha", mha_bytes(IMAGE, Origin="5 5 5")),
    ("NRRD axis without direction", "bad.nrrd", nrrd_bytes(IMAGE, space_directions="none (0,1,0) (0,0,1)")),
):
    pictures.bad(name, write(file, content), command=f"radiomics {file} mask.nrrd --params params.yaml", says=(file,))
bad = pictures.bad
layers = nrrd_bytes(
    np.stack([MASK, 1 - MASK], -1),
    sizes="2 14 12 10",
    space_directions="none (1,0,0) (0,1,0) (0,0,1)",
    kinds="list domain domain domain",
)
bad(
    "mask of two layers",
    write("bad.nrrd", layers),
    command="radiomics image.nrrd bad.nrrd --params params.yaml",
    says=("bad.nrrd", "2 channels"),
    code=0,
)
bad("image's name not UTF-8", command=("radiomics", "i\udcff.nii", "mask.nii"), says=("UTF-8",))
pictures.command = "radiomics dicom mask.nrrd --params params.yaml"
bad(
    "MONOCHROME1",
    slices(lambda item, _: setattr(item, "PhotometricInterpretation", "MONOCHROME1")),
    says=("01.dcm", "MONOCHROME1"),
)
bad("modality table", slices(lambda item, _: setattr(item, "ModalityLUTSequence", [])), says=("01.dcm", "ModalityLUT"))
bad(
    "slices of two patients",
    slices(lambda item, number: setattr(item, "PatientID", f"p{number > 5}")),
    says=("dicom", "PatientID"),
)
bad(
    "slices counted from two places",
    slices(lambda item, number: setattr(item, "FrameOfReferenceUID", f"1.2.{number > 5:d}")),
    says=("dicom", "FrameOfReferenceUID"),
)

commands = Group("first week, commands", "bundle")
bad = commands.bad
bad("demo over other files", command="demo --out bundle", says=("bundle", "empty"))
bad("configs on a full disk", command="configs tables --out x.yaml", environment={"BEFORE": "ulimit -f 0;"}, code=3)
bad(
    "demo over one other file",
    mkdir("work"),
    copy(C, "work/mine.csv"),
    command="demo --out work",
    says=("work", "empty"),
)
bad(
    "predict with a feature of 1e200",
    column(R, "f01", lambda _: "1e200"),
    command="predict bundle cohort.csv --features radiomic=radiomic.csv --out out",
    says=(R, "f01"),
)

INPUTS: list[BadInput] = [item for group in (tables, boxes, pictures, commands) for item in group.inputs]
