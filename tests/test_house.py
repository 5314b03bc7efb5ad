"""The rules of the house: who may import whom, how large a room may grow, what stays out of the import of radfuse."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

import radfuse as rf
from radfuse.stages import STAGES

PACKAGE = Path(rf.__file__).parent
WINGS = {"seg", "radiomics", "regions", "morphometry", "fusion", "outcomes"}
COMPOSERS = {
    "agreement",
    "audit",
    "study",
    "recipe",
    "sequences",
    "learned",
    "pipeline",
    "stages",
    "bundle",
    "check",
    "cli",
}
"""They put wings together; everything else lies below the wings."""
ABOVE = {"cohort": {"outcomes"}}
"""Whoever else may look at a wing: a cohort's table holds the outcome, read by its kind."""
REPORT_READS = {"report", "results", "statistics", "errors", "volume"}
ROOT = {
    "__init__",
    "__main__",
    "agreement",
    "config",
    "errors",
    "extend",
    "faults",
    "features",
    "given",
    "learned",
    "machine",
    "pipeline",
    "recipe",
    "sequences",
    "study",
}
ROOMS = {
    "audit",
    "bundle",
    "check",
    "cli",
    "cohort",
    "evaluation",
    "oai",
    "phantom",
    "report",
    "results",
    "run",
    "stages",
    "statistics",
    "volume",
} | WINGS
HEAVY = {"torch", "lightning", "monai", "nnunetv2", "sklearn", "matplotlib"}
LONGEST_FILE, LONGEST_CLASS, LONGEST_FUNCTION = 450, 200, 60
FILES = sorted(PACKAGE.rglob("*.py"))
TREES = {path: ast.parse(path.read_text()) for path in FILES}


def nodes_of(tree: ast.AST, *, typing: bool = True) -> Iterator[ast.AST]:
    """Yield all nodes; without `typing`, those that a type checker alone sees are left out."""
    for node in ast.iter_child_nodes(tree):
        if not typing and isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        yield node
        yield from nodes_of(node, typing=typing)


def imported_modules(tree: ast.AST, *, typing: bool = True) -> set[str]:
    """Return the dotted names a syntax tree imports."""
    names: set[str] = set()
    for node in nodes_of(tree, typing=typing):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def room_of(path: Path) -> str:
    """Return the folder, or the file of the root, that a file belongs to."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def foreign_to(path: Path) -> set[str]:
    """Return what a file imports that its room may not."""
    room = room_of(path)
    seen = {name.split(".")[1] for name in imported_modules(TREES[path]) if name.startswith("radfuse.")}
    if room == "report":
        return seen & (ROOMS | ROOT) - REPORT_READS
    if room in COMPOSERS | {"__init__", "__main__"}:
        return set()
    return seen & (WINGS | COMPOSERS | {"report"}) - {room} - ABOVE.get(room, set())


def test_imports_keep_the_rules_of_the_house() -> None:
    """A wing imports no other, a report reads results alone, and only composers put wings together."""
    broken = {str(path.relative_to(PACKAGE)): foreign for path in FILES if (foreign := foreign_to(path))}
    assert not broken, "move what both need below the wings; give a report plain values"


def test_the_rule_test_sees_an_import() -> None:
    assert "radfuse.fusion.design" in imported_modules(ast.parse("from radfuse.fusion.design import join"))
    guarded = "if TYPE_CHECKING:\n    import a\ndef f():\n    import b"
    assert imported_modules(ast.parse(guarded), typing=False) == {"b"}


def imports_between_files() -> dict[str, set[str]]:
    """Return file -> files it imports when it runs, at its top or inside functions."""
    names = {}
    for path in FILES:
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    graph = {}
    for name, path in names.items():
        found = imported_modules(TREES[path], typing=False) & set(names)
        graph[name] = {other for other in found if other != name and names[other].name != "__init__.py"}
    return graph


def circle_in(graph: dict[str, set[str]]) -> list[str]:
    """Return one way round a circle; empty where there is none."""
    done: set[str] = set()

    def visit(node: str, way: list[str]) -> list[str]:
        if node in way:
            return [*way[way.index(node) :], node]
        if node in done:
            return []
        for other in sorted(graph.get(node, ())):
            if found := visit(other, [*way, node]):
                return found
        done.add(node)
        return []

    return next((found for node in sorted(graph) if (found := visit(node, []))), [])


def test_no_file_imports_itself_by_way_of_others() -> None:
    assert circle_in({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    circle = circle_in(imports_between_files())
    assert not circle, f"import circle: {' -> '.join(circle)}; move what they share into a file of its own"


def too_long(path: Path) -> Iterator[str]:
    """Name the file, and each class and function in it, that has more lines than it may."""
    if (length := len(path.read_text().splitlines())) > LONGEST_FILE:
        yield f"{path.name} has {length} lines, allowed {LONGEST_FILE}"
    for node in ast.walk(TREES[path]):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            most = LONGEST_CLASS if isinstance(node, ast.ClassDef) else LONGEST_FUNCTION
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > most:
                yield f"{path.name}: {node.name} has {length} lines, allowed {most}"


def test_no_room_grows_too_large() -> None:
    assert [line for path in FILES for line in too_long(path)] == [], "cut by what they hold"


def test_the_root_holds_what_is_listed() -> None:
    assert {path.stem for path in PACKAGE.glob("*.py")} == ROOT
    assert {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name[0] not in "_."} == ROOMS


def test_files_are_named_after_what_they_hold() -> None:
    assert not {path.stem for path in FILES} & {"utils", "base", "helpers", "common", "misc"}


def test_the_architecture_names_the_stages_in_their_order() -> None:
    page = (PACKAGE.parent / "docs" / "architecture.md").read_text()
    lines = page.split("The order of work is\n\n")[1].split("\n\n")[0].splitlines()
    assert [name for line in lines for name in re.split(r"\s{2,}", line.strip())[0].split(", ")] == list(STAGES)


def test_nothing_heavy_is_imported_with_the_command_line() -> None:
    script = "import sys, radfuse, radfuse.cli.app; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(finished.stdout.split())
    assert "typer" in loaded
    assert not loaded & (HEAVY | {"pandas", "pydantic", "onnxruntime"})


@pytest.mark.parametrize("module", ["radfuse.study", "radfuse.stages.context", "radfuse.bundle.predict"])
def test_settings_stages_and_prediction_import_nothing_heavy(module: str) -> None:
    script = f"import sys, {module}; print(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not set(finished.stdout.split()) & HEAVY


def test_public_names_exist_and_are_guarded() -> None:
    assert rf.__all__ == [
        "Bundle",
        "Case",
        "CaseError",
        "Cohort",
        "CohortConfig",
        "Evaluation",
        "FeatureTable",
        "Grid",
        "InputError",
        "LabelMap",
        "Prediction",
        "Problem",
        "RadfuseError",
        "RadiomicsConfig",
        "Run",
        "RunError",
        "Study",
        "StudyError",
        "Volume",
        "check_study",
        "evaluate",
        "extract",
        "load_bundle",
        "load_study",
        "predict",
        "read_cohort",
        "read_features",
        "read_labels",
        "read_volume",
        "run_study",
    ]
    assert all(getattr(rf, name) is not None for name in rf.__all__)
    assert rf.__version__ == version("radfuse")
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = rf.nonsense


def test_type_checkers_see_the_public_names_and_no_others() -> None:
    assert (PACKAGE / "py.typed").is_file()
    tree = ast.parse(Path(rf.__file__).read_text())
    guarded = {ast.unparse(node.test): node for node in tree.body if isinstance(node, ast.If)}
    seen = [
        (str(node.module).removeprefix("radfuse."), alias.name, alias.asname)
        for node in guarded["TYPE_CHECKING"].body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]
    assert sorted(seen) == sorted((home, name, name) for name, home in rf._HOMES.items())
    assert [node.name for node in guarded["not TYPE_CHECKING"].body if isinstance(node, ast.FunctionDef)] == [
        "__getattr__"
    ]


def whole_defaults(tree: ast.AST) -> Iterator[str]:
    """Name the class attributes that are floats and have an int by default."""
    for owner in ast.walk(tree):
        for item in owner.body if isinstance(owner, ast.ClassDef) else ():
            if isinstance(item, ast.AnnAssign) and re.match(r"(\w*[fF]loat\b|Finite\b)", ast.unparse(item.annotation)):
                value = item.value
                if isinstance(value, ast.Call):
                    named = [word.value for word in value.keywords if word.arg == "default"]
                    value = next(iter([*value.args, *named]), None)
                if isinstance(value, ast.Constant) and type(value.value) is int:
                    yield f"{owner.name}.{ast.unparse(item.target)}"


def test_a_float_has_no_int_by_default() -> None:
    """A study that was written out and read again would have another key: 0 comes back as 0.0."""
    assert [(path.name, name) for path in FILES for name in whole_defaults(TREES[path])] == []


def test_the_default_test_sees_one() -> None:
    text = "class A:\n a: float = Field(default=0, ge=0)\n b: PositiveFloat = 1\n c: float = 1.0\n d: Finite = Field(2)"
    assert list(whole_defaults(ast.parse(text))) == ["A.a", "A.b", "A.d"]
