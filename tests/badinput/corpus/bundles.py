"""Bundles, the tables that predict and evaluate meet, and run folders."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

from badinput import Group
from spoil import (
    add,
    cells,
    change,
    column,
    copy,
    cut,
    flip,
    keep_rows,
    mkdir,
    nrrd_bytes,
    remove,
    rename,
    resign,
    schema,
    signed,
    sub,
    without,
    write,
)

P = "predict bundle cohort.csv --features radiomic=radiomic.csv --out out"
E = "evaluate bundle cohort.csv --features radiomic=radiomic.csv --out out"
B = "bundle/"
S, J, R = "SHA256SUMS", "bundle.json", "radiomic.onnx"
EVIL = "from pathlib import Path\nPath('ran.txt').write_text('it ran')\n"


def no_code_ran(folder: Path, text: str) -> str:
    """A file beside the caller is not imported because a bundle names it."""
    return "wrong: code that the bundle names was run" if list(folder.rglob("ran.txt")) else ""


bundles = Group("bundles", "bundle", P)
bad = bundles.bad
bad("is not there", remove("bundle"), says=("bundle",))
bad("is a file", remove("bundle"), write("bundle", "x"), says=("bundle",))
bad("is empty", remove("bundle"), mkdir("bundle"), says=("bundle", S))
bad(
    "is a run folder",
    command="predict run cohort.csv --out out",
    template="table_run",
    says=("run", "did you mean run/bundle"),
)
bad("is a zip file", remove("bundle"), write("bundle", b"PK\x03\x04"), says=("bundle",))
bad("name of 5,000 letters", command=("predict", "b" * 5000, "cohort.csv", "--out", "out"), says=("bbb",))
for name in (J, R, "clinical.onnx", "clinical-radiomic.onnx", "MODEL_CARD.md"):
    bad(f"lacks {name}", remove(B + name), says=(name, "missing"))
    bad(f"{name} changed", flip(B + name, 0.5), says=(name, "SHA-256"))
    bad(f"{name} empty", write(B + name, ""), says=(name, "SHA-256"))
bad("lacks SHA256SUMS", remove(B + S), says=("bundle", S))
bad("SHA256SUMS empty", write(B + S, ""), says=(S,))
bad("SHA256SUMS binary", write(B + S, b"\xff\xfe\0\0\x89"), says=(S,))
bad("SHA256SUMS is a folder", remove(B + S), mkdir(B + S), says=(S,))
bad("SHA256SUMS cut", cut(B + S, 0.6), says=("bundle", "export"))
bad(
    "SHA256SUMS lacks a model",
    change(
        B + S,
        lambda content: b"".join(
            line for line in content.splitlines(True) if R.encode() not in line or b"clinical-" in line
        ),
    ),
    says=(R,),
)
bad(
    "SHA256SUMS lacks the card",
    change(B + S, lambda content: b"".join(line for line in content.splitlines(True) if b"MODEL_CARD" not in line)),
    says=("MODEL_CARD.md",),
)
bad(
    "SHA256SUMS lacks the schema",
    change(B + S, lambda content: b"".join(line for line in content.splitlines(True) if b"bundle.json" not in line)),
    says=(J,),
)
bad("SHA256SUMS climbs", add(B + S, f"{'0' * 64}  ../cohort.csv\n"), says=(S, "../cohort.csv"))
bad("SHA256SUMS names a path", add(B + S, f"{'0' * 64}  /etc/passwd\n"), says=(S, "/etc/passwd"))
bad("SHA256SUMS has words", add(B + S, "hello\n"), says=(S, "hello"))
bad(
    "SHA256SUMS names a file twice",
    change(B + S, lambda content: content + content.splitlines(True)[0]),
    says=("bundle|units",),
    code=(0, 2),
)
bad(
    "SHA256SUMS in capitals",
    change(B + S, lambda content: b"".join(line[:64].upper() + line[64:] for line in content.splitlines(True))),
    says=("bundle|units",),
    code=(0, 2),
)
bad("a file nobody listed", write(B + "extra.onnx", "x"), says=("extra.onnx",))
bad("a network nobody listed", write(B + "segmentation.onnx", "x"), says=("segmentation.onnx",))
bad("a folder nobody listed", write(B + "more/x.txt", "x"), says=("more",))


def link_elsewhere(folder: Path) -> None:
    """Put a model outside of the bundle, and a link in its place."""
    (folder / B / R).rename(folder / "elsewhere")
    (folder / B / R).symlink_to("../elsewhere")


bad(
    "a model is a link",
    link_elsewhere,
    code=(0, 2),
    says=("",),
)
bad("the card is a folder", remove(B + "MODEL_CARD.md"), mkdir(B + "MODEL_CARD.md"), says=("MODEL_CARD.md",))


def deceive(name: str, how: Callable[[dict[str, Any]], object], *says: str, code: int | tuple[int, ...] = 2) -> None:
    """A schema that is signed and wrong."""
    bundles.bad(f"schema: {name}", schema(how), says=(f"{J}|{S}|.onnx", *says), code=code)


def family(content: dict[str, Any]) -> dict[str, Any]:
    """The radiomic family of a schema."""
    return content["families"]["radiomic"]


bad("schema: empty", signed(write(B + J, "")), says=(J,))
bad("schema: no JSON", signed(write(B + J, "{")), says=(J,))
bad("schema: a list", signed(write(B + J, "[]")), says=(J,))
bad("schema: binary", signed(write(B + J, b"\xff\xfe\0")), says=(J,))
bad("schema: nested deeply", signed(write(B + J, "[" * 100_000)), says=(J,))
deceive("format 2", lambda content: content.update(format=2), "format")
deceive("no families", lambda content: content.update(families={}), "families")
deceive("families missing", lambda content: content.pop("families"), "families")
deceive("unknown key", lambda content: content.update(surprise=1), "surprise")
deceive("no outcome", lambda content: content.pop("outcome"), "outcome")
deceive("outcome of an unknown kind", lambda content: content["outcome"].update(kind="weekly"), "outcome")
bundles.bad(
    "schema: outcome that runs code",
    schema(lambda content: content.update(outcome={"use": "evil:Outcome"})),
    write("evil.py", EVIL),
    says=("evil|units",),
    code=(0, 2),
    after=no_code_ran,
)
deceive("no unit", lambda content: content.update(unit=[]), "unit")
deceive("no case", lambda content: content.update(case=""), "case")
deceive("units below 0", lambda content: content["trained_on"].update(units=-5), "trained_on")
deceive("units missing", lambda content: content.update(trained_on={}), "trained_on")
for text, number in {
    "NaN": float("nan"),
    "-5": -5,
    "1e400": float("inf"),
    "a word": "high",
    "none": None,
    "2": 2,
}.items():
    deceive(f"threshold {text}", lambda content, number=number: family(content).update(threshold=number), "threshold")
deceive("no inputs", lambda content: family(content).update(inputs=[]), "inputs|radiomic")
deceive("an input too few", lambda content: family(content)["inputs"].pop(), "radiomic|inputs")
deceive(
    "an input too many",
    lambda content: family(content)["inputs"].append(
        {"name": "f99", "block": "radiomic", "used": False, "low": None, "high": None}
    ),
    "radiomic|inputs",
)
deceive(
    "an input twice",
    lambda content: family(content)["inputs"].__setitem__(0, family(content)["inputs"][1]),
    "radiomic|inputs|f02",
)
deceive("inputs in another order", lambda content: family(content)["inputs"].reverse(), "radiomic|inputs|order")
deceive(
    "an input of an unknown block",
    lambda content: family(content)["inputs"][0].update(block="moon"),
    "moon|missing",
    code=(1, 2),
)
deceive("low above high", lambda content: family(content)["inputs"][0].update(low=9, high=-9), "low|high|f01")
deceive("low NaN", lambda content: family(content)["inputs"][0].update(low=float("nan")), "low|f01")
deceive(
    "file of another family", lambda content: family(content).update(file="clinical.onnx"), "clinical.onnx|radiomic"
)
deceive("file outside", lambda content: family(content).update(file="../radiomic.onnx"), "radiomic.onnx")
deceive("file is a path", lambda content: family(content).update(file="/etc/passwd"), "/etc/passwd")
deceive("file is the schema", lambda content: family(content).update(file=J), "radiomic|onnx")
deceive("file of no name", lambda content: family(content).update(file=""), "file")
deceive("clinical is a word", lambda content: content.update(clinical="age"), "clinical")
deceive(
    "clinical level twice",
    lambda content: content.update(clinical=["age", {"column": "sex", "levels": ["f", "f"]}]),
    "levels|clinical",
)


def onnx(
    name: str, *steps: Callable[[Path], None], code: int | tuple[int, ...] = 2, says: tuple[str, ...] = (R,)
) -> None:
    """A model file that is signed and wrong."""
    bundles.bad(f"model: {name}", *steps, resign, says=says, code=code)


onnx("empty", write(B + R, ""))
onnx("garbage", write(B + R, bytes(range(256)) * 20))
onnx("text", write(B + R, "hello\n"))
onnx("a pickle", write(B + R, pickle.dumps({"a": 1})))
onnx("a zip file", write(B + R, b"PK\x03\x04" + bytes(500)))
onnx("cut", cut(B + R, 0.6))
onnx("another family's", copy(B + "clinical.onnx", B + R))
onnx(
    "swapped",
    copy(B + R, "t"),
    copy(B + "clinical-radiomic.onnx", B + R),
    copy("t", B + "clinical-radiomic.onnx"),
)


def graph(how: Callable[[Any], object]) -> Callable[[Path], None]:
    """Change a model's graph."""

    def step(folder: Path) -> None:
        import onnx as library

        model = library.load(folder / B / R)
        how(model)
        library.save(model, folder / B / R)

    return step


onnx(
    "another name of its input",
    graph(
        lambda model: (
            [
                setattr(node, "input", None) if False else node.input.__setitem__(i, "x")
                for node in model.graph.node
                for i, name in enumerate(node.input)
                if name == "features"
            ]
            and setattr(model.graph.input[0], "name", "x")
        )
    ),
)
onnx(
    "another name of its output",
    graph(
        lambda model: (
            [output.__setattr__("name", "p") for output in model.graph.output if output.name == "probability"]
            and [
                node.output.__setitem__(i, "p")
                for node in model.graph.node
                for i, name in enumerate(node.output)
                if name == "probability"
            ]
        )
    ),
)
onnx("other columns", graph(lambda model: setattr(model.graph.input[0].type.tensor_type.shape.dim[1], "dim_value", 3)))
onnx("an operator nobody knows", graph(lambda model: setattr(model.graph.node[0], "op_type", "Surprise")))
onnx("an opset of the future", graph(lambda model: [setattr(item, "version", 999) for item in model.opset_import]))


def untrue(model: Any) -> None:
    """Let every weight be NaN."""
    import numpy as np
    from onnx import numpy_helper

    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor)
        if array.dtype.kind == "f":
            tensor.CopyFrom(numpy_helper.from_array(np.full_like(array, np.nan), tensor.name))


onnx("weights NaN", graph(untrue), says=("radiomic",))

imaging = Group("bundles from images", "image_bundle", "predict bundle cohort.csv --out out")
bad = imaging.bad


def recipe(name: str, how: Callable[[dict[str, Any]], object], *says: str, code: int | tuple[int, ...] = 2) -> None:
    """A recipe that is signed and wrong."""
    imaging.bad(f"recipe: {name}", schema(lambda content: how(content["imaging"])), says=says, code=code)


recipe("params outside", lambda item: item.update(params="../../etc/passwd"), "params")
recipe("params anywhere", lambda item: item.update(params="/etc/passwd"), "params")
recipe("params not there", lambda item: item.update(params="p.yaml"), "p.yaml")
recipe("radiomics params anywhere", lambda item: item["radiomics"].update(params="/etc/passwd"), "params")
recipe("no labels", lambda item: item.update(labels={}), "labels")
recipe("label 0", lambda item: item.update(labels={"tumour": 0}), "labels")
recipe("no regions", lambda item: item.update(regions=[]), "regions")
recipe("region of an unknown label", lambda item: item["regions"][0].update(label="bone"), "bone")
for place, wicked in {
    "regions": {"regions": [{"use": "evil:Outcome", "name": "x"}]},
    "backend": {"backend": {"use": "evil:Outcome", "labels": {"a": 1}}, "sequence": "t1"},
}.items():
    imaging.bad(
        f"recipe: {place} that run code",
        schema(lambda content, wicked=wicked: content["imaging"].update(wicked)),
        write("evil.py", EVIL),
        write("bundle/evil.py", EVIL),
        write("bundle/segmentation.onnx", "x"),
        resign,
        says=("evil|units",),
        code=(0, 2),
        after=no_code_ran,
    )
recipe("no images", lambda item: item.update(images={}), "images")
recipe("no mask and no network", lambda item: item.update(mask=None), "segmentation.onnx|mask")
recipe("bin width 0", lambda item: item["radiomics"].update(bin_width=0), "bin_width")
recipe("bin width NaN", lambda item: item["radiomics"].update(bin_width=float("nan")), "bin_width")
recipe("deep without a network", lambda item: item.update(deep={}), "segmentation.onnx|deep|mask")

C, F = "cohort.csv", "radiomic.csv"
bad("table lacks the image column", without(C, "t1"), says=("t1",), code=(1, 2))


def seven(folder: Path, text: str) -> str:
    """Seven of eight are predicted."""
    path = folder / "out" / "predictions.csv"
    rows = path.read_text().splitlines() if path.is_file() else []
    return "" if len(rows) == 8 else f"wrong: {len(rows) - 1} cases are predicted"


bad("image path missing", cells(C, "t1", {5: ""}), says=("c3", "row 5", "t1"), code=1, after=seven)
bad(
    "image is not there",
    remove("c3.nrrd"),
    says=("c3.nrrd", "correct the path, or take its row out"),
    code=1,
    after=seven,
)
bad("no image is there", *(remove(f"c{k}.nrrd") for k in range(8)), says=(C, "c0.nrrd", "c7.nrrd"))
bad("one image cut", cut("c3.nrrd", 0.6), code=1, says=("c3", "truncated|copy"), after=seven)
bad("one image is text", write("c3.nrrd", "hello"), code=1, says=("c3",), after=seven)
bad("one mask cut", cut("m3.nrrd", 0.6), code=1, says=("c3", "m3.nrrd"), after=seven)
bad(
    "one mask empty",
    write("m3.nrrd", nrrd_bytes(__import__("numpy").zeros((20, 24, 24), "uint8"))),
    code=1,
    says=("c3", "empty|grid"),
    after=seven,
)
bad("one mask missing", cells(C, "mask", {5: ""}), code=1, says=("c3", "mask"), after=seven)
bad("one mask is not there", remove("m3.nrrd"), code=1, says=("c3", "m3.nrrd"), after=seven)
bad(
    "evaluate, image is not there",
    remove("c3.nrrd"),
    command="evaluate bundle cohort.csv --out out",
    code=1,
    says=("c3",),
    after=seven,
)
bad("all images are text", *(write(f"c{k}.nrrd", f"hello {k}") for k in range(8)), code=(1, 2), says=("c0",))
bad(
    "evaluate, one image cut",
    cut("c3.nrrd", 0.6),
    command="evaluate bundle cohort.csv --out out",
    code=1,
    says=("c3",),
    after=seven,
)
bad(
    "evaluate, all images are text",
    *(write(f"c{k}.nrrd", f"hello {k}") for k in range(8)),
    command="evaluate bundle cohort.csv --out out",
    code=(1, 2),
    says=("c0",),
)
bad("an id of 300 letters", cells(C, "case_id", {5: "i" * 300}), code=(0, 1, 2), says=("iii|long|units",))

new = Group("tables of new patients", "bundle", P)
bad = new.bad
bad("is not there", remove(C), says=(C, "no table"))
bad("is a folder", remove(C), mkdir(C), says=(C, "folder"))
bad("is empty", write(C, ""), says=(C, "empty"))
bad("is a header alone", keep_rows(C, 0), says=(C, "no rows"))
bad("has no ids", without(C, "case_id"), says=("case_id",), code=(0, 2))
bad("an id twice", cells(C, "case_id", {5: "c01"}), says=(C, "c01", "unique"))
bad("an id missing", cells(C, "case_id", {5: ""}), says=(C, "5", "missing"))
bad("lacks a clinical column", without(C, "age"), says=("age",), command=P + " --family clinical")
bad(
    "lacks a clinical column, families left out are told with the column",
    without(C, "age"),
    code=1,
    says=("clinical", "age"),
)
bad("a word", cells(C, "age", {5: "old"}), says=(C, "5", "age", "old"))
bad("infinite", cells(C, "age", {5: "inf"}), says=(C, "5", "age", "infinite"))
bad("a level nobody declared", cells(C, "sex", {5: "x"}), says=("sex|units",), code=(0, 2))
bad("an age of 9999 is remarked", cells(C, "age", {5: "9999"}), code=0, says=("age", "outside the training range"))
bad(
    "features are not there",
    command="predict bundle cohort.csv --features radiomic=nowhere.csv --out out",
    says=("nowhere.csv",),
)
bad(
    "features lack a column", without(F, "f01"), command=P + " --family radiomic", says=("radiomic", "f01"), code=(0, 2)
)
bad(
    "features lack all columns",
    without(F, *(f"f{k:02d}" for k in range(1, 13))),
    command=P + " --family radiomic",
    says=("radiomic",),
)
bad("features lack a case", keep_rows(F, 23), says=("radiomic", "c24"), code=1)
bad("features hold a word", *(cells(F, f"f{k:02d}", {5: "x"}) for k in range(1, 13)), says=(F, "5", "'x'"))
bad("features hold infinity", *(cells(F, f"f{k:02d}", {5: "inf"}) for k in range(1, 13)), says=(F, "5", "infinite"))
bad("features have an id twice", cells(F, "case_id", {5: "c01"}), says=(F, "c01"))
bad("features have no ids", rename(F, "case_id", "id"), says=(F, "case_id"))
bad(
    "nothing that a family needs",
    without(C, "age", "sex"),
    command="predict bundle cohort.csv --out out",
    says=("famil|column",),
)
for text in (
    "radiomic",
    "=radiomic.csv",
    "radiomic=",
    "deep=radiomic.csv",
    "radiomic=a=b",
    "",
    "clinical=cohort.csv",
    "Radiomic=radiomic.csv",
    "radiomic=bundle",
):
    bad(
        f"--features {text!r}",
        command=("predict", "bundle", C, "--features", text, "--out", "out"),
        says=("--features|block|table|folder",),
    )
bad(
    "--features of a block twice",
    command=(
        "predict",
        "bundle",
        C,
        "--features",
        "radiomic=radiomic.csv",
        "--features",
        "radiomic=cohort.csv",
        "--out",
        "out",
    ),
    says=("radiomic",),
)
for text in ("radiomc", "", "deep", "radiomic-clinical", "segmentation"):
    bad(
        f"--family {text!r}",
        command=("predict", "bundle", C, "--features", "radiomic=radiomic.csv", "--family", text, "--out", "out"),
        says=("family",),
    )
for name, place in {
    "is a file": C,
    "lies under a file": C + "/x",
    "has a name of 300 letters": "o" * 300,
    "is /dev/null": "/dev/null",
}.items():
    bad(
        f"predict --out {name}",
        command=("predict", "bundle", C, "--features", "radiomic=radiomic.csv", "--out", place),
        says=(place[:20],),
        code=(2, 3),
    )
    bad(
        f"evaluate --out {name}",
        command=("evaluate", "bundle", C, "--features", "radiomic=radiomic.csv", "--out", place),
        says=(place[:20],),
        code=(2, 3),
    )
bad(
    "predict --out is the bundle",
    command=("predict", "bundle", C, "--features", "radiomic=radiomic.csv", "--out", "bundle"),
    says=("bundle",),
)
bad(
    "evaluate --out is the bundle",
    command=("evaluate", "bundle", C, "--features", "radiomic=radiomic.csv", "--out", "bundle"),
    says=("bundle",),
)
bad("evaluate, outcome is not there", without(C, "event"), command=E, says=(C, "event"))
bad("evaluate, outcome missing", cells(C, "event", {5: ""}), command=E, says=(C, "5", "event"))
bad("evaluate, outcome 2", cells(C, "event", {5: "2"}), command=E, says=(C, "5", "event"))
bad(
    "evaluate, outcome of words",
    column(C, "event", lambda row: ("yes", "perhaps", "no")[row % 3]),
    command=E,
    says=(C, "event"),
)


def answered(folder: Path, text: str) -> str:
    """What cannot be measured is empty, not made up."""
    if not (folder / "out" / "evaluation.json").is_file():
        return ""
    found = json.loads((folder / "out" / "evaluation.json").read_text())
    made_up = [item["family"] for item in found["performance"] if item["auc"]["value"] is not None]
    return f"wrong: an AUC of {made_up} on one class" if made_up else ""


bad(
    "evaluate, all without the event",
    column(C, "event", lambda _: "0"),
    command=E,
    code=(0, 1, 2),
    says=("class|one outcome|n/a|event",),
    after=answered,
)
bad(
    "evaluate, all with the event",
    column(C, "event", lambda _: "1"),
    command=E,
    code=(0, 1, 2),
    says=("class|one outcome|n/a|event",),
    after=answered,
)
bad(
    "evaluate, one row",
    keep_rows(C, 1),
    keep_rows(F, 1),
    command=E,
    code=(0, 1, 2),
    says=("class|one|n/a|event|row",),
    after=answered,
)
bad(
    "evaluate, two rows",
    lambda folder: None,
    keep_rows(C, 3),
    command=E,
    code=(0, 1, 2),
    says=("",),
    after=lambda folder, text: "",
)
bad(
    "evaluate, one row, recalibrated",
    keep_rows(C, 1),
    keep_rows(F, 1),
    command=E + " --recalibrate",
    code=(0, 1, 2),
    says=("class|one|n/a|event|row",),
    after=answered,
)
bad("evaluate on the training patients is remarked", command=E, code=0, says=("train",))

runs = Group("run folders", "table_run", "run study.yaml --out run")
bad = runs.bad


def same_as_before(*names: str) -> Callable[[Path, str], str]:
    """Return what compares results with those of the undisturbed run."""

    def look(folder: Path, text: str) -> str:
        for name in names:
            if name.endswith(".html"):  # holds the time of its making
                if not (folder / "run" / name).read_text().rstrip().endswith("</html>"):
                    return f"wrong: {name} is still damaged"
            elif (folder / "run" / name).read_bytes() != (folder / "before" / name).read_bytes():
                return f"wrong: {name} is still damaged"
        return ""

    return look


def damaged(name: str, *steps: Callable[[Path], None], after: tuple[str, ...] | None = None) -> None:
    """A finished result that is damaged: it is found, and made again."""
    file = steps and name.split(":")[0]
    names = (str(file),) if after is None else after
    runs.bad(name, copy("run", "before"), *steps, code=0, says=("computed",), after=same_as_before(*names))


D = "run/"
for file in (
    "models/comparison/predictions.csv",
    "models/comparison/results.json",
    "models/comparison/predictions.parquet",
    "bundle/radiomic.onnx",
    "bundle/bundle.json",
    "bundle/SHA256SUMS",
    "features/design/design.json",
    "features/design/radiomic.parquet",
    "models/radiomic/fold-1.json",
    "models/radiomic/all/model.onnx",
    "models/radiomic/all/fitted.json",
    "report/index.html",
    "report/tables/performance.csv",
):
    damaged(f"{file}: byte flipped", flip(D + file, 0.4))
for file in (
    "models/comparison/predictions.csv",
    "features/design/design.json",
    "models/radiomic/fold-1.json",
    "bundle/bundle.json",
    "report/index.html",
):
    damaged(f"{file}: empty", write(D + file, ""))
    damaged(f"{file}: removed", remove(D + file))
damaged(
    "models/radiomic/fold-1.json: is a folder",
    remove(D + "models/radiomic/fold-1.json"),
    mkdir(D + "models/radiomic/fold-1.json"),
)
runs.bad(
    "report/index.html: cut",
    cut(D + "report/index.html", 0.7),
    code=0,
    says=("computed",),
    after=same_as_before("report/index.html"),
)
damaged("report: is a file", remove(D + "report"), write(D + "report", "x"), after=("report/index.html",))
for name, text in {
    "empty": "",
    "garbage": "{",
    "a list": "[]",
    "binary": b"\xff\xfe",
    "of another key": '{"key": "x", "stage": "fuse", "status": "done"}',
}.items():
    damaged(
        f"models/radiomic/fold-1.json.record.json: {name}",
        write(D + "models/radiomic/fold-1.json.record.json", text),
        after=("models/radiomic/fold-1.json",),
    )
damaged("index.sqlite: garbage", write(D + "index.sqlite", "garbage"), after=("models/radiomic/fold-1.json",))
damaged("index.sqlite: empty", write(D + "index.sqlite", ""), after=("models/radiomic/fold-1.json",))
damaged("index.sqlite: removed", remove(D + "index.sqlite"), after=("models/radiomic/fold-1.json",))
damaged("log.jsonl: binary", write(D + "log.jsonl", b"\xff\xfe\0"), after=("models/radiomic/fold-1.json",))
damaged("study.yaml: garbage", write(D + "study.yaml", "garbage: ["), after=("models/radiomic/fold-1.json",))
for name, text in {
    "empty": "",
    "garbage": "{",
    "a list": "[]",
    "binary": b"\xff\xfe",
    "of a number": '{"study": 7}',
    "without its study": "{}",
}.items():
    bad(f"run.json: {name}", write(D + "run.json", text), says=("run.json|run",))
bad("run.json is a folder", remove(D + "run.json"), mkdir(D + "run.json"), says=("run",), code=(2, 3))
bad("run.json removed", remove(D + "run.json"), says=("run", "no run folder"))
bad("of another study", sub("study.yaml", "name: tiny", "name: other"), says=("run", "tiny", "other"))
bad(
    "index.sqlite is a folder",
    remove(D + "index.sqlite"),
    mkdir(D + "index.sqlite"),
    code=(0, 2, 3),
    says=("index.sqlite|computed",),
)
bad(
    "log.jsonl is a folder",
    remove(D + "log.jsonl"),
    mkdir(D + "log.jsonl"),
    code=(0, 2, 3),
    says=("log.jsonl|computed",),
)
bad(
    "study.yaml is a folder",
    remove(D + "study.yaml"),
    mkdir(D + "study.yaml"),
    code=(0, 2, 3),
    says=("study.yaml|computed",),
)
bad("models is a file", remove(D + "models"), write(D + "models", "x"), code=(0, 2, 3), says=("models|computed",))
bad(
    "features is a file",
    remove(D + "features"),
    write(D + "features", "x"),
    code=(0, 2, 3),
    says=("features|computed",),
)
bad("bundle is a file", remove(D + "bundle"), write(D + "bundle", "x"), code=(0, 2, 3), says=("bundle|computed",))
bad(
    "a foreign file stays",
    write(D + "notes.txt", "mine"),
    code=0,
    says=("computed",),
    after=lambda folder, text: (
        "" if (folder / D / "notes.txt").read_text() == "mine" else "wrong: the user's notes are gone"
    ),
)
bad(
    "a foreign file in models stays",
    write(D + "models/notes.txt", "mine"),
    code=0,
    says=("computed",),
    after=lambda folder, text: (
        "" if (folder / D / "models/notes.txt").read_text() == "mine" else "wrong: the user's notes are gone"
    ),
)
bad(
    "a setting is bad, nothing finished is lost",
    command="run study.yaml --out run --set seed=x",
    says=("seed",),
    after=lambda folder, text: "" if (folder / D / "report/index.html").is_file() else "wrong: the report is gone",
)
bad(
    "the table is bad now, nothing finished is lost",
    cells(C, "age", {5: "old"}),
    says=("age", "5"),
    after=lambda folder, text: "" if (folder / D / "report/index.html").is_file() else "wrong: the report is gone",
)

boxes = Group("run folders of images", "image_run", "run study.yaml --out run")
K = "features/cases/c3.json"
for name, steps in {
    "byte flipped": (flip(D + K, 0.4),),
    "empty": (write(D + K, ""),),
    "another case's": (copy(D + "features/cases/c4.json", D + K),),
}.items():
    boxes.bad(
        f"{K}: {name}",
        copy("run", "before"),
        *steps,
        code=0,
        says=("computed",),
        after=same_as_before(K, "models/comparison/predictions.csv"),
    )
boxes.bad(
    "an image is cut now", cut("c3.nrrd", 0.6), code=1, says=("c3", "truncated|copy"), after=lambda folder, text: ""
)

INPUTS = [*bundles.inputs, *imaging.inputs, *new.inputs, *runs.inputs, *boxes.inputs]
