"""The rules of the house: who may import whom, file names, and what stays out of the import of radfuse."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import radfuse as rf

PACKAGE = Path(rf.__file__).parent
WINGS = {"seg", "radiomics", "fusion", "report"}
COMPOSERS = {"study", "pipeline", "casework", "imaging", "bundle", "cli"}
HEAVY = {"torch", "lightning", "monai", "nnunetv2", "sklearn", "matplotlib"}
FILES = sorted(PACKAGE.rglob("*.py"))


def imported_modules(tree: ast.AST) -> set[str]:
    """Return the dotted names a syntax tree imports."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_keep_the_rules_of_the_house(path: Path) -> None:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    wing = parts[0] if parts[0] in WINGS else None
    seen = {name.split(".")[1] for name in imported_modules(ast.parse(path.read_text())) if name.startswith("radfuse.")}
    if wing is not None:
        foreign = seen & WINGS - {wing}
        assert not foreign, f"{path.name} of wing {wing} imports {foreign}; move what both need to the root"
    elif parts[0] not in COMPOSERS | {"__init__"}:
        assert not seen & WINGS, f"root file {path.name} imports {seen & WINGS}; only {COMPOSERS} may"


def test_the_rule_test_sees_an_import() -> None:
    assert "radfuse.fusion.design" in imported_modules(ast.parse("from radfuse.fusion.design import join"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_files_are_named_after_what_they_hold(path: Path) -> None:
    assert path.stem not in {"utils", "base", "helpers", "common", "misc"}


def test_nothing_heavy_is_imported_with_the_command_line() -> None:
    script = "import sys, radfuse, radfuse.cli; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(finished.stdout.split())
    assert "typer" in loaded
    assert not loaded & (HEAVY | {"pandas", "pydantic", "onnxruntime"})


def test_public_names_exist_and_are_guarded() -> None:
    assert rf.__all__ == [
        "Case",
        "CaseError",
        "Cohort",
        "CohortConfig",
        "FeatureTable",
        "InputError",
        "LabelMap",
        "RadfuseError",
        "RadiomicsConfig",
        "Run",
        "Study",
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
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = rf.nonsense
