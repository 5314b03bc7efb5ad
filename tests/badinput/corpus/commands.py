"""Commands, options, where results go, and the machine around."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from badinput import Group, Step
from spoil import copy, mkdir, nrrd_bytes, sub, write
from templates import mask as drawn

Y = "study.yaml"
words = Group("commands", "tables", "check study.yaml")
bad = words.bad
bad("unknown command", command="rn study.yaml", says=("rn",))
bad("unknown option", command="run study.yaml --ot x", says=("--ot",))
bad("no study", command="run", says=("STUDY",))
bad("two studies", command="run study.yaml study.yaml", says=("argument|unexpected",))
bad("--set without a value", command="run study.yaml --set", says=("--set",))
bad("--out without a value", command="run study.yaml --out", says=("--out",))
bad("--shard where there is none", command="run study.yaml --shard 1/2", says=("--shard",))
bad("--shard of fuse", command="fuse study.yaml --shard 1/2", says=("--shard",))
bad("regions of tables", command="regions study.yaml --out run", says=("regions",))
bad("stability of tables", command="stability study.yaml --out run", says=("regions",))
bad("train of tables", command="train study.yaml --out run", says=("segmentation|train|network|unet",))
bad("segment of tables", command="segment study.yaml --out run", says=("segmentation|regions|image",))
bad("extract of tables", command="extract study.yaml --out run", says=("regions|image",))
for name in ("train", "segment"):
    bad(f"{name} of masks that are brought", command=f"{name} study.yaml --out run", template="images", says=("mask",))
bad("deep of tables", command="deep study.yaml --out run", says=("deep|regions|image",))
bad("no shipped study", command="configs tabels", says=("tabels", "did you mean 'tables'"))
bad("configs with two names", command="configs a b", says=("argument|unexpected",))
bad("configs over a file", command="configs tables --out study.yaml", says=(Y, "exists"))
bad("configs under a file", command="configs tables --out cohort.csv/x.yaml", says=("cohort.csv",), code=(2, 3))
bad("configs to a folder", mkdir("d"), command="configs tables --out d", says=("d",))
bad("phantom of nothing", command="phantom", says=("table",), code=(0, 2))
bad("phantom of an unknown kind", command="phantom hip --out x", says=("hip",))
bad("phantom without --out", command="phantom table", says=("--out",))
for option, text in {"patients": "5", "prevalence": "0.99", "seed": "-1"}.items():
    bad(f"phantom --{option} {text}", command=("phantom", "table", "--out", "x", f"--{option}", text), says=(option,))
bad("phantom --prevalence nan", command="phantom table --out x --prevalence nan", says=("prevalence",))
bad("phantom --patients many", command="phantom table --out x --patients many", says=("patients",))
bad("phantom --patients 2.5", command="phantom table --out x --patients 2.5", says=("patients",))
bad(
    "phantom --seed 10^30",
    command="phantom table --out x --seed 1000000000000000000000000000000",
    says=("seed|wrote",),
    code=(0, 2),
)
bad("phantom knee --cases 3", command="phantom knee --out x --cases 3", says=("cases", "8"))
bad("phantom knee --visits 3", command="phantom knee --out x --visits 3", says=("visits",))
bad("phantom knee --seed -1", command="phantom knee --out x --cases 8 --seed -1", says=("seed",))
bad("phantom to a file", command="phantom table --out cohort.csv", says=("cohort.csv",), code=(2, 3))
bad("phantom over a study", command="phantom table --out .", says=("study.yaml|exists|empty|another folder",))
bad("demo to a file", command="demo --out cohort.csv", says=("cohort.csv",), code=(2, 3))
bad("predict without a table", command="predict bundle", says=("TABLE|missing",))
bad("predict without --out", command="predict bundle cohort.csv", says=("--out",))
bad("radiomics without a mask", command="radiomics image.nrrd", says=("MASK",))

shards = Group("--shard", "images", "extract study.yaml")
for text in (
    "0/4",
    "5/4",
    "1",
    "a/b",
    "1/0",
    "0/0",
    "-1/4",
    "1/-4",
    "1.5/2",
    "١/٢",
    "१/२",
    "²/3",
    "1/2/3",
    "",
    " ",
    "/",
    "1/",
    "/2",
    "99999999999999999999/1",
    "1:2",
    "1 of 2",
    "0x1/2",
    "+1/2",
    "1/2 3",
    "１/２",
):
    shards.bad(repr(text), command=("extract", Y, "--out", "run", f"--shard={text}"), says=("--shard",), code=2)
shards.bad(
    "a number of 5,000 digits", command=("extract", Y, "--out", "run", "--shard", "1/" + "9" * 5000), says=("--shard",)
)
shards.bad("more shards than cases", command="extract study.yaml --out run --shard 50/60", code=0, says=("0 results",))
shards.bad(
    "before a network is trained",
    command=(
        "extract",
        Y,
        "--out",
        "run",
        "--shard",
        "1/2",
        "--set",
        "segmentation={backend: unet, labels: {tumour: 1}}",
    ),
    code=(1, 2),
    says=("train",),
)

places = Group("--out", "tables", "run study.yaml")


def out(name: str, place: str, *says: str, code: int | tuple[int, ...] = (2, 3)) -> None:
    """A place where no run folder can be."""
    places.bad(name, command=("run", Y, "--out", place), says=says, code=code)


out("is a file", "cohort.csv", "cohort.csv", "another folder", code=2)
out("lies under a file", "cohort.csv/run", "cohort.csv")
out("lies deep under a file", "cohort.csv/a/b/run", "cohort.csv")
out("has a name of 300 letters", "r" * 300, "rrr")
out("has a path of 5,000 letters", "/".join(["r" * 100] * 50), "rrr")
out("is empty", "", "--out|folder|empty|file")
out("is in /proc", "/proc/radfuse", "/proc/radfuse")
out("is in /dev/null", "/dev/null/run", "/dev/null")
out("is /dev/null", "/dev/null", "/dev/null")
out("holds a zero byte's picture", "a\tb\n", "", code=(0, 2, 3))
places.bad("is the study's own folder", command="run study.yaml --out .", says=("another folder|own",))
places.bad(
    "is a folder with the study alone",
    mkdir("mine"),
    copy(Y, "mine/study.yaml"),
    copy("cohort.csv", "cohort2.csv"),
    command="run study.yaml --out mine",
    says=("mine", "another folder"),
)
places.bad(
    "is a folder with other files",
    write("mine/thesis.docx", "months of work"),
    command="run study.yaml --out mine",
    says=("mine", "another folder"),
)
places.bad(
    "is a folder with hidden files",
    write("mine/.git/config", "x"),
    command="fuse study.yaml --out mine",
    code=(0, 2),
    says=("",),
)
places.bad(
    "is a link that leads nowhere",
    lambda folder: (folder / "l").symlink_to("nowhere"),
    command="run study.yaml --out l",
    says=("l",),
    code=(0, 2, 3),
)
places.bad(
    "is a link to itself",
    lambda folder: (folder / "l").symlink_to("l"),
    command="run study.yaml --out l",
    says=("l",),
    code=(2, 3),
)
places.bad(
    "is a link to a file",
    lambda folder: (folder / "l").symlink_to("cohort.csv"),
    command="run study.yaml --out l",
    says=("l",),
    code=2,
)
places.bad("runs is a file", write("runs", "x"), command="run study.yaml", says=("runs",), code=(2, 3))

single = Group("radiomics --out", "pair", "radiomics image.nrrd mask.nrrd --params params.yaml")


def features_out(
    name: str, place: str, *says: str, steps: tuple = (), code: int | tuple[int, ...] = (2, 3), after=None
) -> None:
    """A place where no table can be written."""
    single.bad(
        name,
        *steps,
        command=("radiomics", "image.nrrd", "mask.nrrd", "--params", "params.yaml", "--out", place),
        says=says,
        code=code,
        after=after,
    )


features_out("is a folder", "dicom", "dicom")
features_out("lies under a file", "params.yaml/f.csv", "params.yaml")
features_out("has a name of 300 letters", "f" * 300 + ".csv", "fff")
features_out("is empty", "", "")
features_out("is in /proc", "/proc/f.csv", "/proc/f.csv")
features_out("is the image", "image.nrrd", "image.nrrd")
features_out("is the mask", "mask.nrrd", "mask.nrrd")
features_out("is the parameter file", "params.yaml", "params.yaml")


def both_there(folder: Path, text: str) -> str:
    """Table and provenance are two files."""
    told = [path for path in folder.iterdir() if path.name.startswith("o.")]
    return (
        ""
        if any("firstorder_Mean" in path.read_text().splitlines()[0] for path in told)
        else "wrong: the table is lost"
    )


features_out(
    "ends in .json keeps its table",
    "o.json",
    code=(0, 2),
    after=lambda folder, text: "" if not (folder / "o.json").exists() else both_there(folder, text),
)


def kept(folder: Path, text: str) -> str:
    """The user's file is as it was."""
    return "" if json.loads((folder / "f.json").read_text()) == {"mine": 1} else "wrong: replaced the user's f.json"


features_out(
    "beside a JSON file of the same name",
    "f.csv",
    "f.json",
    steps=(write("f.json", '{"mine": 1}'),),
    code=(0, 2),
    after=kept,
)
features_out(
    "is an existing table",
    "f.csv",
    "f.csv",
    steps=(write("f.csv", "mine\n1\n"),),
    code=(0, 2),
    after=lambda folder, text: "",
)

masks = Group("compare-masks", "pair", "compare-masks A B --out O")


def sides(folder: Path) -> None:
    """Two folders of one mask each."""
    for side in "AB":
        mkdir(side)(folder)
        copy("mask.nrrd", f"{side}/c1.nrrd")(folder)


def compared(name: str, *steps: Step, options: str = "", **more: Any) -> None:
    """A bad input of compare-masks."""
    command = f"compare-masks A B --out O {options}"
    masks.bad(name, sides, *steps, **{"command": command, **more})


def put(file: str, array: np.ndarray, **fields: str | None) -> Step:
    """Write a mask."""
    return write(file, nrrd_bytes(array, **fields))


BOX = drawn()
compared("no folder B", command="compare-masks A C --out O", says=("C", "no file or folder"))
compared("a name of 300 letters", command=f"compare-masks A {'b' * 300} --out O", says=("bbb", "too long"))
compared("a file and a folder", command="compare-masks A mask.nrrd --out O", says=("mask.nrrd", "two"))
compared("an empty folder", mkdir("C"), command="compare-masks A C --out O", says=("C", "no masks"))
compared("a folder of texts", write("C/a.txt", "x"), command="compare-masks A C --out O", says=("C", "no masks"))
compared("no common name", copy("mask.nrrd", "C/c2.nrrd"), command="compare-masks A C --out O", says=("c1", "c2"))
compared("two masks of one name", copy("mask.nii", "B/c1.nii"), says=("c1", "two"))
compared("a mask without a partner", copy("mask.nrrd", "A/c2.nrrd"), says=("c2", "partner"), code=1)
compared("a mask of B without a partner", copy("mask.nrrd", "B/c2.nrrd"), says=("c2", "partner"), code=0)
compared("no image", write("B/c1.nrrd", "x"), says=("c1.nrrd", "no image"))
compared("no image among images", write("B/c2.nrrd", "x"), copy("mask.nrrd", "A/c2.nrrd"), says=("failed c2",), code=1)
compared("probabilities", put("B/c1.nrrd", BOX.astype(np.float32) * 0.7), says=("c1.nrrd", "whole numbers"))
compared("whole numbers as float", put("B/c1.nrrd", BOX.astype(np.float32)), code=0, says=("1 of 1",))
compared("an image in the place of a mask", copy("image.nrrd", "B/c1.nrrd"), says=("c1.nrrd|labels",), code=(0, 2))
compared("negative labels", put("B/c1.nrrd", -BOX.astype(np.int16)), says=("c1.nrrd", "whole numbers"))
compared("another grid", put("B/c1.nrrd", BOX, space_origin="(1,0,0)"), code=0, says=("grids", "resampled"))
compared("another grid elsewhere", put("B/c1.nrrd", BOX, space_origin="(999,0,0)"), says=("no labelled voxel", "grid"))
compared("another size", put("B/c1.nrrd", BOX[1:]), code=0, says=("grids", "resampled"))
compared("all masks empty", put("A/c1.nrrd", 0 * BOX), put("B/c1.nrrd", 0 * BOX), says=("empty",))
compared("one mask empty", put("B/c1.nrrd", 0 * BOX), code=0, says=("0.000", "inf"))
compared(
    "a missed mask on an ASCII terminal",
    put("B/c1.nrrd", 0 * BOX),
    code=0,
    environment={"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
    says=("inf",),
)
compared("a label that no mask holds", options="--labels a=1,b=7", code=0, says=("b=7", "no mask"))
for text in ("a", "a=", "=1", "a=x", "a=0", "a=-1", "a=1.5", "a=1,a=2", "a=1,b=1", "a=1,", "a=²", "a=" + "9" * 5000):
    compared(
        f"--labels {text[:20]}", command=("compare-masks", "A", "B", "--out", "O", "--labels", text), says=("--labels",)
    )
for text in ("x", "-1", "nan", "inf", "1,2", "a=", "=1", "1,a=x", ""):
    compared(
        f"--tolerance-mm {text!r}",
        command=("compare-masks", "A", "B", "--out", "O", "--tolerance-mm", text),
        says=("tolerance",),
    )
compared("a tolerance of no label", options="--labels a=1 --tolerance-mm b=2", says=("'b'", "--labels"))
compared("a table without patients", write("t.csv", "case_id\nc1\n"), options="--patients t.csv", says=("patient_id",))
compared(
    "a table without the case", write("t.csv", "case_id,patient_id\nx,1\n"), options="--patients t.csv", says=("c1",)
)
compared(
    "a case of two patients",
    write("t.csv", "case_id,patient_id\nc1,1\nc1,2\n"),
    options="--patients t.csv",
    says=("c1", "two patients"),
)
compared("no table", options="--patients t.csv", says=("t.csv",))
compared("--out among the masks", command="compare-masks A B --out B", says=("another folder",))
compared("--out under a file", command="compare-masks A B --out mask.nrrd/x", says=("mask.nrrd",), code=(2, 3))
compared("without --out", command="compare-masks A B", says=("--out",))

machine = Group("machine", "tables", "run study.yaml --out run")
bad = machine.bad
bad("no home", code=0, environment={"HOME": "/nonexistent"}, says=("report",))
bad("home is a file", code=0, environment={"HOME": "/etc/passwd"}, says=("report",))
bad(
    "radiomics without home or cache",
    template="pair",
    command="radiomics image.nrrd mask.nrrd",
    code=0,
    environment={"HOME": "/nonexistent", "NUMBA_CACHE_DIR": "/proc/none", "XDG_CACHE_HOME": "/proc/none"},
    says=("Mean",),
)
bad("no temporary folder", code=0, environment={"TMPDIR": "/nonexistent"}, says=("report",))
bad("threads are a word", code=0, environment={"OMP_NUM_THREADS": "many"}, says=("report",))
bad("threads are 0", code=0, environment={"OMP_NUM_THREADS": "0"}, says=("report",))
bad("columns are a word", code=0, environment={"COLUMNS": "wide"}, says=("report",))
bad(
    "ASCII terminal",
    sub(Y, "seed: 7", "seed: 7\ntitle: Müller’s ≥ 3 µm"),
    code=0,
    environment={"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
    says=("report",),
)
bad(
    "ASCII terminal and a bad setting",
    sub(Y, "seed: 7", "sëed: 7"),
    environment={"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
    says=("unknown setting",),
)
bad("files may not grow", code=3, environment={"BEFORE": "ulimit -f 2;"}, says=("cannot write|large|full",))
bad("few files may be open", code=(0, 3), environment={"BEFORE": "ulimit -n 24;"}, says=("report|open files",))
bad("little memory", code=(0, 1, 3), environment={"BEFORE": "ulimit -v 1800000;"}, says=("report|memory",))
bad("matplotlib's folder is a file", code=0, environment={"MPLCONFIGDIR": "/etc/passwd"}, says=("report",))
bad("output is closed", code=(0, 2, 3), environment={"BEFORE": "exec 2>/dev/full;"}, says=())
bad(
    "full disk at standard output",
    template="pair",
    command="radiomics image.nrrd mask.nrrd --params params.yaml",
    code=3,
    environment={"BEFORE": "exec >/dev/full;"},
    says=("write|space|full",),
)
bad("full disk of check", command="check study.yaml", code=(0, 3), environment={"BEFORE": "exec >/dev/full;"}, says=())

INPUTS = [*words.inputs, *shards.inputs, *places.inputs, *single.inputs, *masks.inputs, *machine.inputs]
