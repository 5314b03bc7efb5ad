"""Study files: not there, not text, not YAML, not a study; values out of range; parts of one's own."""

from __future__ import annotations

from badinput import Group
from spoil import cut, mkdir, remove, setting, sub, write

files = Group("study file", "tables")
bad = files.bad
Y = "study.yaml"

bad("is not there", command="check nowhere.yaml", says=("nowhere.yaml",))
bad("near miss of the name", command="check studdy.yaml", says=("studdy.yaml", "study.yaml"))
bad("is a folder", mkdir("f"), command="check f", says=("f", "folder"))
bad("lies under a file", command="check cohort.csv/study.yaml", says=("cohort.csv",))
bad("has a name of 5,000 letters", command=("check", "s" * 5000), says=("sss", "long|no file"))
bad("is empty", write(Y, ""), says=(Y, "empty|mapping"))
bad("is blank", write(Y, "\n\n   \n"), says=(Y, "empty|mapping"))
bad("holds a remark alone", write(Y, "# later\n"), says=(Y, "empty|mapping"))
bad("holds a list", write(Y, "- name: x\n"), says=(Y, "mapping"))
bad("holds a word", write(Y, "hello\n"), says=(Y, "mapping"))
bad("is an image", write(Y, b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), says=(Y, "utf-8|text"))
bad("holds a zero byte", sub(Y, "seed: 7", "seed: \0"), says=(Y,))
bad("holds a bell", sub(Y, "seed: 7", "seed: \a"), says=(Y,))
bad("is Latin-1", write(Y, "name: tiny\ntitle: Universit\xe4t\n".encode("latin-1")), says=(Y, "utf-8"))
bad("is UTF-16", write(Y, "name: tiny\n".encode("utf-16")), says=(Y, "utf-8"))
bad("is UTF-32", write(Y, "name: tiny\n".encode("utf-32")), says=(Y, "utf-8"))
bad("is gzip", write(Y, b"\x1f\x8b\x08\0\0\0\0\0\0\xff"), says=(Y, "utf-8|text"))
bad("is cut in a bracket", cut(Y, 0.42), says=(Y,))
bad("is indented by tabs", sub(Y, "  table", "\ttable"), says=(Y, "line"))
bad("opens a bracket", sub(Y, "levels: [f, m]", "levels: [f, m"), says=(Y, "line"))
bad("opens a quote", sub(Y, "name: tiny", 'name: "tiny'), says=(Y, "line"))
bad("says a key twice", setting("seed: 8"), says=(Y, "line", "seed"))
bad("has two documents", setting("---\nname: other"), says=(Y, "document|line"))
bad("names an anchor nobody set", sub(Y, "seed: 7", "seed: *x"), says=(Y, "line"))
bad("a mapping holds itself", write(Y, "name: tiny\ncohort: &a {table: cohort.csv, exclude: *a}\n"), says=(Y,))
bad("a list holds itself", write(Y, "name: tiny\ncohort: {table: cohort.csv, clinical: &a [*a]}\n"), says=(Y,))
bad("all of it holds itself", write(Y, "&a\nname: tiny\ncohort: *a\n"), says=(Y,))
bad(
    "a mapping merges itself",
    write(Y, "name: tiny\ncohort: &a {<<: *a, table: cohort.csv}\n"),
    says=(f"{Y}|cohort.outcome",),
)
BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
bad("is a bomb", setting(BOMB), says=(Y,), slow=True)
MAPS = "a: &a {x: 1, y: 2}\n" + "".join(
    f"{new}: &{new} {{{', '.join(f'k{i}: *{old}' for i in range(9))}}}\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
bad("is a bomb of mappings", setting(MAPS), says=(Y,), slow=True)
bad("has a bomb in a known key", setting(BOMB.replace("i: &i", "title: &i")), says=(Y,), slow=True)
bad("nests 3,000 lists", sub(Y, "seed: 7", "seed: " + "[" * 3000 + "]" * 3000), says=(Y, "nest|deep|line"))
bad("nests 3,000 mappings", sub(Y, "seed: 7", "seed: " + "{a: " * 3000 + "1" + "}" * 3000), says=(Y, "nest|deep|line"))
bad("nests 60 lists", sub(Y, "seed: 7", "seed: " + "[" * 60 + "]" * 60), says=(Y, "seed|nest|deep|line"))
bad("opens 50,000 brackets", sub(Y, "seed: 7", "seed: " + "[" * 50_000), says=(Y,), slow=True)
bad("asks to run a program", sub(Y, "seed: 7", "seed: !!python/object/apply:os.system [id]"), says=(Y, "line"))
bad("has a tag nobody knows", sub(Y, "seed: 7", "seed: !mine 7"), says=(Y,))
bad("has bytes for a name", sub(Y, "name: tiny", "name: !!binary aGVsbG8="), says=("name|ready",), code=(0, 2))
bad("has a bad base64", sub(Y, "seed: 7", "seed: !!binary ä"), says=(Y,))
bad("has a set for a list", sub(Y, "levels: [f, m]", "levels: !!set {f, m}"), says=("levels|ready",), code=(0, 2))
bad("has a list for a key", setting("? [1, 2]\n: 3"), says=(Y,))
bad("has a mapping for a key", setting("? {a: 1}\n: 3"), says=(Y,))
bad("has a number for a key", setting("7: 3"), says=(Y, "7", "unknown|string"))
bad("has no key", setting("~: 3"), says=(Y, "unknown|string"))
bad("has yes for a key of a mapping", setting("true: 3"), says=(Y, "unknown|string"))
bad("has a date that is none", sub(Y, "seed: 7", "seed: 2021-02-31"), says=(Y,))
bad("has a number of 5,000 digits", sub(Y, "seed: 7", "seed: " + "9" * 5000), says=(Y, "seed|digits"))
bad("has a 300-letter number base", sub(Y, "seed: 7", "seed: 1:" + "59:" * 300 + "1"), says=(Y, "seed"))

fields = Group("settings", "tables")
bad = fields.bad


def value(path: str, text: str, *says: str, code: int | tuple[int, ...] = 2, slow: bool = False) -> None:
    """A setting that is wrong; the message names its dotted path."""
    fields.bad(
        f"{path} = {text[:60]}",
        command=("check", Y, "--set", f"{path}={text}"),
        says=(f"{path}|{': '.join(path.rsplit('.', 1))}|`{path.rsplit('.', 1)[-1]}`", *says),
        code=code,
        slow=slow,
    )


bad("top key unknown", sub(Y, "cohort:", "cohrt:"), says=("cohrt", "did you mean 'cohort'"))
bad("key unknown below", sub(Y, "  patient:", "  patients:"), says=("cohort.patients", "did you mean 'patient'"))
bad("key unknown in a list", sub(Y, "k: 4", "kk: 4"), says=("fusion.selection.0", "kk", "did you mean"))
bad("key unknown, nothing near", setting("zzzz: 1"), says=("zzzz", "known"))
bad("name missing", sub(Y, "name: tiny\n", ""), says=(Y, "name", "required"))
bad("cohort missing", write(Y, "name: tiny\n"), says=("cohort", "required"))
bad("table missing", sub(Y, "  table: cohort.csv\n", ""), says=("cohort.table", "required"))
bad("cohort empty", write(Y, "name: tiny\ncohort:\n"), says=("cohort",))
bad("capitals differ", sub(Y, "seed:", "Seed:"), says=("Seed", "did you mean 'seed'"))
for text in ("''", "null", "7", "[a]", "a/b", "..", ".hidden", "a b", "Ü", "2021-05-06", "'a\\nb'", "-x", "=x"):
    value("name", text)
value("name", "n" * 300, "long|at most|letters|characters")
value("title", "[a]")
for text in ("x", "7.5", "null", "[]", "-1", "99999999999999999999999", ".nan", ".inf", "2021-05-06"):
    value("seed", text)
value("cohort.table", "null")
value("cohort.table", "7")
value("cohort.table", "[a]")
value("cohort.patient", "null")
value("cohort.patient", "[a]")
value("cohort.clinical", "age")
value("cohort.clinical", "[age, age]", "twice|repeated|differ|once")
value("cohort.clinical", "[age, {column: age, levels: [a, b]}]", "twice|repeated|differ|once")
value("cohort.clinical", "[{column: sex, levels: [f]}]", "levels")
value("cohort.clinical", "[{column: sex, levels: [f, f]}]", "levels|differ|twice")
value("cohort.clinical", "[{column: sex}]", "levels")
value("cohort.clinical", "[{levels: [f, m]}]", "column")
value("cohort.clinical", "[[age]]")
value("cohort.clinical", "[7]")
value("cohort.clinical", "[null]")
value("cohort.clinical", "[patient_id]", "")
value("cohort.unit", "patient_id")
value("cohort.unit", "[patient_id, patient_id]", "twice|repeated|differ|once")
value("cohort.unit", "[a, b, c, d, e, f, g, h, i]")
value("cohort.exclude", "[c01]")
value("cohort.exclude", "{c01: [a]}")
value("cohort.exclude", "{c99: unreadable}", "c99")
value("cohort.outcome", "event")
value("cohort.outcome", "null")
value("cohort.outcome", "{}", "column")
bad("kind of outcome unknown", sub(Y, "kind: binary", "kind: binry"), says=("cohort.outcome", "did you mean 'binary'"))
bad("survival without times", sub(Y, "kind: binary", "kind: survival"), says=("cohort.outcome.time", "required"))
value("cohort.outcome.positive", "[1]")
value("cohort.outcome.positive", "dead", "dead")
value("cohort.split", "grouped")
bad("split of nothing is five folds", command=("check", Y, "--set", "cohort.split={}"), code=0, says=("5 folds",))
value("cohort.split", "{kind: groupd}", "did you mean 'grouped'")
value("cohort.split", "{kind: [grouped]}")
value("cohort.split.folds", "1")
value("cohort.split.folds", "0")
value("cohort.split.folds", "-3")
value("cohort.split.folds", "2.5")
value("cohort.split.folds", "many")
value("cohort.split.folds", "100")
value("cohort.split.folds", "1000000000")
value("cohort.split.folds", ".nan")
value("cohort.split.stratified", "perhaps")
for text in ("0", "1", "2", "-0.1", ".nan", "x"):
    value("cohort.split", f"{{kind: holdout, test_fraction: {text}}}", "test_fraction")
value("cohort.split", "{kind: temporal}", "column", "required")
value("cohort.split", "{kind: temporal, column: scanned, test_fraction: 0}", "test_fraction")
value("features", "radiomic.csv")
value("features", "[radiomic.csv]")
value("features", "{1x: radiomic.csv}", "1x")
value("features", "{a-b: radiomic.csv}", "a-b")
value("features", "{clinical: radiomic.csv}", "clinical")
value("features", "{units: radiomic.csv}", "units")
value("features", "{Comparison: radiomic.csv}", "Comparison")
value("features", "{radiomic: radiomic.csv, Radiomic: radiomic.csv}", "capitals")
value("features", "{radiomic: [radiomic.csv]}", "radiomic")
value("features", "{radiomic: {tabel: radiomic.csv}}", "tabel", "did you mean 'table'")
value("features", "{radiomic: {table: radiomic.csv, columns: f01}}", "columns")
value("features", "{radiomic: {table: radiomic.csv, columns: [1]}}", "columns")
bad(
    "block of 300 letters",
    command=("check", Y, "--set", f"features={{{'b' * 300}: radiomic.csv}}"),
    says=("long|letters|at most|no name",),
)
for text in ("1", "0", "2.5", "-1", "many", ".nan", ".inf", "null"):
    value("fusion.inner_folds", text)
value("fusion.inner_folds", "500", code=(0, 2))
value("fusion.threshold", "yuden", "did you mean 'youden'")
value("fusion.threshold", "1.5")
value("fusion.threshold", "{sensitivity: 2}")
value("fusion.families", "radiomic")
value("fusion.families", "[radiomc]", "did you mean|radiomic")
value("fusion.families", "[deep]", "deep")
value("fusion.families", "[radiomic, radiomic]", "twice")
value("fusion.families", "[radiomic-clinical]", "clinical-radiomic")
value("fusion.families", "['']")
value("fusion.families", "[clinical-clinical]")
value("fusion.families", "[clinical--radiomic]")
value("fusion.families", "[7]")
value("fusion.selection", "lasso")
value("fusion.selection", "[lasso]")
value("fusion.selection", "[{kind: laso}]", "did you mean 'lasso'")
value("fusion.selection", "[{k: 4}]", "kind")
value("fusion.selection", "[{kind: lasso}, {kind: lasso}]", "two parts tune a setting of one name")
value("fusion.selection", "[{kind: mrmr, k: 0}]", "k")
value("fusion.selection", "[{kind: mrmr, k: 2.5}]", "k")
value("fusion.selection", "[{kind: correlation, threshold: 2}]", "threshold")
value("fusion.selection", "[{kind: correlation, threshold: .nan}]", "threshold")
value("fusion.selection", "[{kind: lasso, strengths: []}]", "strengths")
value("fusion.selection", "[{kind: lasso, strengths: [-1]}]", "strengths")
value("fusion.selection", "[{kind: lasso, strengths: [.nan]}]", "strengths")
value("fusion.selection", "[{kind: lasso, strengths: [.inf]}]", "strengths")
value("fusion.classifier", "logistic")
value("fusion.classifier", "{kind: forest}")
value("fusion.classifier", "{kind: logistic, c: []}", "c")
value("fusion.classifier", "{kind: logistic, c: [0]}", "c")
value("fusion.classifier", "{kind: logistic, c: [-1]}", "c")
value("fusion.classifier", "{kind: logistic, c: [.nan]}", "c")
value("fusion.classifier", "{kind: logistic, c: [.inf]}", "c")
value("fusion.strategy", "{kind: late}")
value("fusion.strategy", "early")
value("stability.copies", "0")
value("stability.growth", "1")
value("stability.noise", "-1")
value("stability.noise", ".nan")
value("stability.rotation_degrees", ".inf")
value("stability.translation_voxels", ".nan")
value("resample_masks", "perhaps")
bad(
    "outcome is a clinical column",
    command=("check", Y, "--set", "cohort.clinical=[age, event]"),
    says=("event", "outcome", "remove"),
)
bad(
    "outcome is part of the unit",
    command=("check", Y, "--set", "cohort.unit=[patient_id, event]"),
    says=("event", "unit"),
)
bad(
    "no block",
    sub(Y, "  radiomic: radiomic.csv", "  {}"),
    command=("check", Y, "--set", "cohort.clinical=[]"),
    says=("input|block",),
)
bad(
    "three at once",
    command=("check", Y, "--set", "seed=x", "--set", "fusion.inner_folds=1", "--set", "zz=1"),
    says=("seed", "fusion.inner_folds", "zz", "3 problems"),
)
bad(
    "folds without a kind mean grouped",
    sub(Y, "{kind: grouped, folds: 2}", "{folds: 2}"),
    code=0,
    says=("ready", "2 folds"),
)
bad(
    "reads a byte-order mark",
    write(Y, ""),
    lambda folder: (folder / Y).write_bytes(b"\xef\xbb\xbf" + (folder / Y).read_bytes()) and None,
    lambda folder: (folder / Y).write_bytes(b"\xef\xbb\xbf" + __import__("templates").TABLES.encode()) and None,
    code=0,
    says=("ready",),
)
bad(
    "reads Windows line ends",
    lambda folder: (folder / Y).write_bytes((folder / Y).read_bytes().replace(b"\n", b"\r\n")) and None,
    code=0,
    says=("ready",),
)

parts = Group("own parts", "tables", "check study.yaml")
bad = parts.bad


def use(path: str, text: str) -> tuple[str, ...]:
    """The command that names a part of one's own."""
    return ("check", Y, "--set", f"{path}={text}")


MODEL = "fusion.classifier"
PART = """
from radfuse.config import Section
class Thing(Section):
    weight: float = 1.0
"""
bad("no colon", command=use(MODEL, "{use: my_part}"), says=(MODEL, "package.module:Class"))
bad("empty", command=use(MODEL, "{use: ''}"), says=(MODEL, "package.module:Class"))
bad("a number", command=use(MODEL, "{use: 7}"), says=(MODEL, "package.module:Class"))
bad("a list", command=use(MODEL, "{use: [a, b]}"), says=(MODEL,))
bad("colon alone", command=use(MODEL, "{use: ':'}"), says=(MODEL, "package.module:Class"))
bad("no module", command=use(MODEL, "{use: 'no_such_part:Thing'}"), says=(MODEL, "no_such_part"))
bad("dots alone", command=use(MODEL, "{use: '..:Thing'}"), says=(MODEL, "use"))
bad("a path", command=use(MODEL, "{use: './part.py:Thing'}"), says=(MODEL, "use"))
bad(
    "no class",
    write("part_a.py", PART),
    command=use(MODEL, "{use: 'part_a:Thong'}"),
    says=(MODEL, "did you mean 'Thing'"),
)
bad(
    "a function",
    write("part_b.py", "def Thing(): pass\n"),
    command=use(MODEL, "{use: 'part_b:Thing'}"),
    says=(MODEL, "class"),
)
bad(
    "no Section",
    write("part_c.py", "class Thing: pass\n"),
    command=use(MODEL, "{use: 'part_c:Thing'}"),
    says=(MODEL, "Section"),
)
bad("lacks a method", write("part_d.py", PART), command=use(MODEL, "{use: 'part_d:Thing'}"), says=(MODEL, "method"))
bad(
    "does not compile",
    write("part_e.py", "class Thing(\n"),
    command=use(MODEL, "{use: 'part_e:Thing'}"),
    says=(MODEL, "SyntaxError"),
)
bad(
    "raises when imported",
    write("part_f.py", "1 / 0\n"),
    command=use(MODEL, "{use: 'part_f:Thing'}"),
    says=(MODEL, "ZeroDivisionError"),
)
bad(
    "ends the process when imported",
    write("part_g.py", "import sys\nsys.exit(0)\n"),
    command=use(MODEL, "{use: 'part_g:Thing'}"),
    says=(MODEL, "SystemExit|exit"),
)
bad(
    "imports what is not there",
    write("part_h.py", "import no_such_module\n"),
    command=use(MODEL, "{use: 'part_h:Thing'}"),
    says=(MODEL, "no_such_module"),
)
bad(
    "recurses when imported",
    write("part_i.py", "def f(): f()\nf()\n"),
    command=use(MODEL, "{use: 'part_i:Thing'}"),
    says=(MODEL, "RecursionError"),
)
bad(
    "is no text",
    write("part_j.py", b"\xff\xfe\0\0"),
    command=use(MODEL, "{use: 'part_j:Thing'}"),
    says=(MODEL, "part_j"),
)
bad(
    "selector of another wing",
    command=use("fusion.selection", "[{use: 'radfuse.regions.ring:RingRegion'}]"),
    says=("fusion.selection",),
)
bad("Python's own", command=use(MODEL, "{use: 'os:path'}"), says=(MODEL, "class"))
bad("outcome", command=use("cohort.outcome", "{use: 'no_such_part:Thing'}"), says=("cohort.outcome", "no_such_part"))
bad("region", command=use("regions", "[{use: 'no_such_part:Thing', name: r}]"), says=("regions.0", "no_such_part"))
bad(
    "backend",
    command=use("segmentation", "{use: 'no_such_part:Thing', labels: {a: 1}}"),
    says=("segmentation", "no_such_part"),
)
bad(
    "beside the folder",
    write("part_k.py", PART),
    remove("part_k.py"),
    command=use(MODEL, "{use: 'part_k:Thing'}"),
    says=(MODEL, "part_k"),
)

sets = Group("--set", "tables")
for text, says in {
    "noequals": ("noequals", "KEY=VALUE"),
    "": ("KEY=VALUE",),
    "=3": ("=3", "KEY=VALUE"),
    " =3": ("KEY=VALUE",),
    ".seed=3": (".seed",),
    "seed.=3": ("seed",),
    "fusion..inner_folds=3": ("fusion",),
    "...=3": ("...",),
    "seed.x=1": ("seed", "no settings inside"),
    "name.x.y=1": ("name",),
    "fusion.selection.9.k=1": ("fusion.selection.9", "from 0 to 1"),
    "fusion.selection.-1.k=1": ("fusion.selection.-1", "from 0 to 1"),
    "fusion.selection.x.k=1": ("fusion.selection.x", "from 0 to 1"),
    "fusion.selection.0.5=1": ("fusion.selection.0",),
    "fusion.selection.².k=1": ("fusion.selection", "from 0 to 1"),
    "fusion.selection.²=1": ("fusion.selection", "from 0 to 1"),
    "fusion.selection.٩.k=1": ("fusion.selection", "from 0 to 1"),
    "fusion.selection=": ("fusion.selection",),
    "fusion.selection.0=": ("fusion.selection.0",),
    "fusion.inner_folds=[": ("fusion.inner_folds", "YAML"),
    "fusion.inner_folds={": ("fusion.inner_folds", "YAML"),
    "fusion.inner_folds='": ("fusion.inner_folds", "YAML"),
    "fusion.inner_folds=&a [*a]": ("fusion.inner_folds",),
    "title=&a {b: *a}": ("title",),
    "seed=*x": ("seed", "YAML"),
    "seed=!!python/name:os.system": ("seed", "YAML"),
    "seed=!mine 3": ("seed",),
    "seed=" + "[" * 3000 + "]" * 3000: ("seed",),
    "seed=" + "{a: " * 3000 + "1" + "}" * 3000: ("seed",),
    "seed=\0": None,
    "seed=\a": ("seed",),
    "seed=2021-02-31": ("seed",),
    "unknown.key=1": ("unknown",),
    "cohort=null": ("cohort",),
    "cohort=3": ("cohort",),
    "cohort.clinical.0=": ("cohort.clinical",),
    "cohort.clinical.0.levels=[a, b]": ("cohort.clinical.0",),
    "fusion=[]": ("fusion",),
    "features=null": ("features",),
    "seed: 3": ("KEY=VALUE",),
    "a" * 5000 + "=1": ("aaa",),
    ".".join("a" * 3000) + "=1": ("a.a",),
    "fusion.selection.00000000000000000000009.k=1": ("fusion.selection",),
    "seed=1\nname: x": ("seed",),
}.items():
    if says is not None:
        sets.bad(repr(text[:50]), command=("check", Y, "--set", text), says=says)
sets.bad(
    "a bomb",
    command=(
        "check",
        Y,
        "--set",
        "title=[&a [x,x,x,x,x,x,x,x,x]"
        + "".join(f", &{n} [{', '.join(['*' + o] * 9)}]" for o, n in zip("abcdefgh", "bcdefghi", strict=True))
        + "]",
    ),
    says=("title",),
    slow=True,
)

INPUTS = [*files.inputs, *fields.inputs, *parts.inputs, *sets.inputs]
