"""What a newcomer met who followed the README: masks compared, flat images, visits, DICOM heaps, other outcomes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from badinput import Group
from PIL import Image
from spoil import Step, cells, change, column, copy, mkdir, nrrd_bytes, remove, sub, write

C, R, S, Y = "cohort.csv", "radiomic.csv", "study.yaml", "check study.yaml"

masks = Group("two folders of masks", "masks", "compare-masks A B --out O")
bad = masks.bad
bad("tolerance of no label", command="compare-masks A B --out O --tolerance-mm 1.0,bone=0.5", says=("bone", "--labels"))
bad("no folder", remove("A"), says=("A", "correct the path"))
bad("two files of one case", copy("A/c0.nrrd", "A/c0.nhdr"), says=("c0.nhdr", "keep one"))
bad("halves", write("B/c1.nrrd", nrrd_bytes(np.full((10, 12, 14), 0.5, np.float32))), code=1, says=("c1", "0.5"))
bad("out among the masks", command="compare-masks A B --out A/O", says=("A/O", "choose another"))
bad("patients twice", write("p.csv", "case_id,patient_id\nc0,p0\nc0,p1\nc1,p0\n"), says=("p.csv", "c0", "keep one"),
    command="compare-masks A B --out O --patients p.csv")  # fmt: skip


def picture(file: str, array: np.ndarray) -> Step:
    """Write an image as PNG."""
    return lambda folder: Image.fromarray(array).save(folder / file)


flat = Group("flat images", "flat", Y)
bad = flat.bad
SPACING = '{"spacing_mm": [0.5, 0.5]}'
bad("spacing.json with a byte-order mark", write("spacing.json", "\ufeff" + SPACING), code=0, says=("ready",))
bad("spacing below 0", write("spacing.json", SPACING.replace("0.5, ", "-0.5, ")), says=("-0.5", "spacing.json"))
bad("spacing of commas", write("spacing.json", '{"spacing_mm": ["0,5", "0,5"]}'), says=("spacing.json", "0.14"))
bad("mask of 255", picture("m3.png", np.full((60, 80), 255, np.uint8)), says=("m3.png", "255", "segmentation.labels"))
bad("image in colour", picture("x3.png", np.arange(14400, dtype=np.uint8).reshape(60, 80, 3)), says=("x3.png", "grey"))
bad("image cut", change("x3.png", lambda content: content[:1500]), says=("x3.png", "copy"))
bad("mask of another size", picture("m3.png", np.ones((61, 80), np.uint8)), says=("m3.png", "grid", "resample"))
bad("TIFF", cells(C, "xray", {5: "x3.tif"}), write("x3.tif", b"II*\0" + bytes(200)), says=("x3.tif", "known formats"))

visits = Group("visits", "visits", Y)
bad = visits.bad
bad("a visit misspelled", cells(C, "visit", {3: "0m"}), says=("0m", "row 3", "did you mean '00m'"), code=0)
bad("a follow-up before its baseline", cells(C, "scanned", {2: "2019-01-01"}), says=("24m", "scanned", "dates"), code=0)
bad("a follow-up on the day of its baseline", cells(C, "scanned", {2: "2017-03-05"}), says=("same day",), code=0)
bad("a visit nobody had", sub(S, "24m]", "48m]"), says=("48m", "did you mean"))
bad("days of another calendar", column(C, "scanned", lambda row: f"{row % 12 + 1}/3/2015"), says=("scanned", "2019-05"))


def of_kind(outcome: str) -> Step:
    """Let the study predict something else, by what its kind is served by."""

    def step(folder: Path) -> None:
        sub(S, "{column: event, kind: binary}", outcome)(folder)
        sub(S, "  selection: [{kind: mrmr, k: 4}, {kind: lasso, strengths: [0.4]}]\n", "")(folder)
        sub(S, "{kind: logistic, c: [0.1]}", "{kind: cox}" if "survival" in outcome else "{kind: linear}")(folder)

    return step


SCORE = (column(C, "score", lambda row: str(40 + row * 7 % 23)), of_kind("{column: score, kind: continuous}"))
TIME = (
    column(C, "months", lambda row: str(6 + row * 7 % 23)),
    of_kind("{kind: survival, time: months, event: event, horizon: 24}"),
)
outcomes = Group("other outcomes", "tables", Y)
bad = outcomes.bad
bad("score of 999", *SCORE, cells(C, "score", {3: "999"}), says=("999", "score", "cohort.exclude"), code=0)
bad("score of 1e308", *SCORE, cells(C, "score", {3: "1e308"}), says=("3", "score", "too large"))
bad("score of commas", *SCORE, column(C, "score", lambda row: f"{row},5"), says=("score", "2,5"))
bad("time of 9999", *TIME, cells(C, "months", {3: "9999"}), says=("9999", "months", "cohort.exclude"), code=0)
bad("time of 0", *TIME, cells(C, "months", {3: "0"}), says=("3", "months", "above 0"))


def tested_apart(which: Callable[[int], str]) -> tuple[Step, ...]:
    """Let a column of the table name the test folds: of a row, numbered as a spreadsheet does."""
    return (
        column(C, "third", which),
        sub(S, "split: {kind: grouped, folds: 2}", "split: {kind: column, column: third}"),
    )


def sooner(row: int) -> str:
    """Return months until rows without the event were last seen, who come first, and later ones of the others."""
    return str(30 + row if row % 3 == 1 else 5 + row % 9)


_CODED = column(C, "event", lambda row: str(1 + (row % 3 == 1)))
bad("events coded 1 and 2", *TIME, _CODED, says=("coded 1, 2", "cohort.outcome.positive: 2"))
bad("all censored", *TIME, column(C, "event", lambda row: "0"), says=("all 24 cases are censored", "add cases"))
bad("all censored before the horizon", *TIME, column(C, "months", sooner), says=("no case has the event by", "later"))
bad("a horizon beyond follow-up", *TIME, sub(S, "horizon: 24", "horizon: 60"), says=("horizon 60", "beyond", "earlier"))
bad("times partly beyond", *TIME, sub(S, "horizon: 24", "horizon: 24, times: [6, 60]"), says=("times 60", "beyond"))
bad(
    "no event in a test fold",
    *TIME,
    *tested_apart(lambda row: "ab"[row % 2] if row % 3 < 2 else "c"),
    says=("fold 'c': no test unit has the event", "cohort.split"),
    code=0,
)
bad(
    "no event in a training fold",
    *TIME,
    *tested_apart(lambda row: "test" if row % 3 == 1 else "train"),
    says=("without fold 'test' the training set has no unit with the event", "cohort.split"),
)
bad(
    "no event by the horizon in a training fold",
    *TIME,
    *tested_apart(lambda row: "test" if row < 14 else "train"),
    column(C, "months", lambda row: str(26 if row >= 14 else 10)),
    says=(
        "fold 'test': no training unit has the event by the horizon 24, the first is at 26",
        "cohort.outcome.horizon",
    ),
    code=0,
)
bad(
    "a training fold followed too short",
    *TIME,
    *tested_apart(lambda row: "ab"[row < 14]),
    column(C, "months", lambda row: str(10 + 20 * (row % 2) if row < 14 else 5 + row % 9)),
    says=("fold 'b': no training unit was followed to the horizon 24, the longest to 13",),
    code=0,
)
GRADE = (column(C, "grade", lambda row: str(row % 3)), of_kind("{column: grade, kind: ordinal, levels: [0, 1, 2]}"))
LEFT_OUT = of_kind("{column: grade, kind: ordinal, levels: [0, 1, 2, 3, 4]}")
bad("grades that nobody has", GRADE[0], LEFT_OUT, says=("grades 3, 4", "probability is 0", "levels"), code=0)
bad("sample size of a grade", *GRADE, command="samplesize study.yaml", says=("ordinal", "--prevalence"))

settings = Group("settings of all kinds", "tables")
for text, said in {
    "cohort.split.repeats=1000000": ("cohort.split.repeats", "1000"),
    "evaluation.subgroups=sex": ("evaluation.subgroups", "a list, as [a, b]"),
    "evaluation.subgroups=[event]": ("event", "one outcome each", "another column"),
    "cohort.split={kind: temporal, column: scanned, test_from: 2099}": ("2099", "leaves the test set empty"),
    "evaluation.learning_curve=3": ("evaluation.learning_curve", "a mapping, as {name: value}"),
    "fusion.strategy=stack": ("fusion.strategy", "a mapping, as {kind: stack}"),
    "fusion.classifier=logistics": ("fusion.classifier", "a mapping, as {kind: logistic}"),
    "cohort.split=5": ("cohort.split", "a mapping, as {kind: NAME}, one of grouped, "),
    "segmentation=unet": ("segmentation", "a mapping, as {backend: unet}"),
    "variants={A: {seed: 3}, a: {seed: 4}}": ("'a'", "capitals", "rename"),
    "cohort.clinical=[scanned]": ("scanned", "dates", "age"),
}.items():
    settings.bad(text, command=("check", S, "--set", text), says=said)
settings.bad("folds numbered by a clinical column are named as the table has them",
    command=("check", S, "--set", "cohort.split={kind: column, column: age}"), code=0, says=("fold '4",))  # fmt: skip
for name in ("check study.yaml", "run study.yaml --out run"):
    words = (*name.split(), "--set", "evaluation.subgroups=[site]")
    spoilt = column(C, "site", lambda _: "north")
    settings.bad(f"{name[:5]} with one subgroup", spoilt, command=words, says=("site", "no groups to compare"))
settings.bad("shares of nothing", command=("learning-curve", S, "--shares", "", "--out", "run"), says=("shares",))
settings.bad("features of one value", *(column(R, f"f{k:02d}", lambda _: "3") for k in range(1, 13)), command=Y,
    says=(R, "one value each"))  # fmt: skip
settings.bad("features of nothing", write(R, ""), command=Y, says=(R, "empty", "write it again"))


heaps = Group("heap of DICOM", "pair", "dicom index dicom --out c.csv")
bad = heaps.bad
SALTED = "dicom index dicom --out c.csv --pseudonymise s"
bad("salt is not there", command=SALTED, says=("s", "correct the path"))
bad("salt too short", write("s", "ab"), command=SALTED, says=("16", "openssl"))
bad("table is a folder", mkdir("c.csv"), says=("c.csv", "folder"))
bad("table has a column somebody added", write("c.csv", "case_id,grade\nx,1\n"), says=("c.csv", "grade", "--out"))
bad("OAI's tables are not there", command="oai index dicom --out c.csv --tables nope", says=("nope",))

bundles = Group("bundle of masks", "image_bundle", "predict bundle cohort.csv --out o")
bundles.bad(
    "--dicom of masks that were brought", command="predict bundle cohort.csv --out o --dicom", says=("--dicom",)
)

INPUTS = [
    item
    for group in (masks, flat, visits, outcomes, settings, heaps, bundles)
    for item in group.inputs
]  # fmt: skip
