"""CONTRIBUTING.md is true: its lists are where it says, and its examples run, as one module beside a study."""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
import typer
from boxes import box, tumour_cohort
from typer.testing import CliRunner

import radfuse as rf
from radfuse import stages
from radfuse.config import apply_overrides, read_yaml, to_yaml
from radfuse.phantom.table import TablePhantom, write_table_phantom
from radfuse.pipeline import run_study
from radfuse.radiomics.families import FAMILIES
from radfuse.radiomics.filters import FILTERS
from radfuse.regions.scene import Scene
from radfuse.results import FittedFamily
from radfuse.study import load_study
from radfuse.volume.grid import Grid
from radfuse.volume.image import LabelMap

PACKAGE = Path(rf.__file__).parent
PAGE = (PACKAGE.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
USES = dict(re.findall(r'(\w+): \[?{use: ("my_parts:\w+")', PAGE))
IMAGES = f"""
name: own
cohort: {{table: cohort.csv, images: {{t1: t1}}, mask: mask, outcome: {{column: event}}, split: {{folds: 2,
  kind: grouped}}}}
segmentation: {{use: {USES["segmentation"]}, labels: {{tumour: 1}}}}
regions: [{{use: {USES["regions"]}, name: shell, of: tumour, depth_mm: 1.6}}]
radiomics: {{classes: [shape]}}
"""


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Write the page's examples as my_parts.py beside the studies of a test."""
    (tmp_path / "my_parts.py").write_text("\n".join(EXAMPLES), encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop("my_parts", None)
    yield importlib.import_module("my_parts")
    sys.modules.pop("my_parts", None)


LISTS = re.findall(r"^\| an? .*?\| `([\w.]+)(?:\(\))?` in `([^`]+)` \|", PAGE, flags=re.MULTILINE)


@pytest.mark.parametrize(("name", "file"), LISTS)
def test_a_list_is_where_the_page_says(name: str, file: str) -> None:
    assert re.search(rf"^ *{re.escape(name)}\b", (PACKAGE / file).read_text(encoding="utf-8"), flags=re.MULTILINE)


def test_the_page_says_of_every_extension_how_it_enters() -> None:
    assert len(LISTS) == len(re.findall(r"^\| an? ", PAGE, flags=re.MULTILINE)) - 1  # a block has no list
    assert set(USES) == {"segmentation", "regions", "selection", "classifier", "strategy", "outcome"}


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)]+)\)", PAGE))
def test_every_link_leads_somewhere(link: str) -> None:
    assert (PACKAGE.parent / link).exists()


@pytest.mark.slow
def test_the_backend_the_region_and_the_stage_run(
    parts: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tumour_cohort(tmp_path, 6, masks=False)
    (tmp_path / "study.yaml").write_text(IMAGES)
    run = run_study(tmp_path / "study.yaml", tmp_path / "run", until="extract")
    assert run.failures == ()
    segmented = [json.loads((run.path / f"labels/c{number}/segmented.json").read_text()) for number in (1, 2, 4)]
    assert min(case["agreement"]["tumour"]["dice"] for case in segmented) > 0.9
    monkeypatch.setitem(sys.modules, "radfuse.stages.count", parts)
    monkeypatch.setitem(stages.STAGES, "count", stages.Listed("Count bright voxels.", shards=True))
    run = run_study(tmp_path / "study.yaml", run.path, until="count")
    assert (run.computed, run.failures) == (6, ())
    assert int((run.path / "counts/c1.txt").read_text()) > 500


def test_the_shell_is_what_lies_near_the_edge(parts: ModuleType, tmp_path: Path) -> None:
    whole = box((9, 9, 9), (1, 1, 1), (8, 8, 8))
    scene = Scene(LabelMap(whole.astype(np.uint8), Grid(whole.shape, (1.0, 1.0, 1.0))), {"bone": 1})
    found = parts.Shell(name="shell", of="bone", depth_mm=2).mask(scene)
    assert int(found.sum()) == 7**3 - 3**3


def test_the_selector_the_classifier_the_strategy_and_the_outcome_run(parts: ModuleType, tmp_path: Path) -> None:
    study = write_table_phantom(tmp_path / "T", TablePhantom(patients=60, seed=3))
    cohort = pd.read_csv(tmp_path / "T/cohort.csv")
    cohort["grade"] = 1 + cohort.pop("progressed")
    cohort.to_csv(tmp_path / "T/cohort.csv", index=False)
    settings = [
        f"cohort.outcome={{use: {USES['outcome']}, column: grade, grade: 2}}",
        f"fusion.selection=[{{use: {USES['selection']}}}]",
        f"fusion.classifier={{use: {USES['classifier']}}}",
        f"fusion.strategy={{use: {USES['strategy']}}}",
        *("fusion.families=[clinical, clinical-radiomic]", "fusion.inner_folds=2", "cohort.split.folds=2"),
        "report.journal_figures=false",
    ]
    study.write_text(to_yaml(apply_overrides(read_yaml(study), settings)), encoding="utf-8")
    run = run_study(load_study(study), tmp_path / "run", until="export")
    assert run.failures == ()
    assert run.results is not None
    assert {item.events for item in run.results.performance} == {int((cohort["grade"] == 2).sum())}
    stored = (run.path / "models/clinical-radiomic/all/fitted.json").read_bytes()
    fitted = FittedFamily.model_validate_json(stored)
    assert set(fitted.tuned) == {"shrinkage", "top_share"}
    assert len({column.block for column in fitted.explanation.columns}) == 1


def test_the_filter_and_the_family_run(parts: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FILTERS, "cuberoot", "my_parts")
    monkeypatch.setitem(FAMILIES, "spread", "my_parts")
    values = np.arange(27.0).reshape(3, 3, 3) ** 3
    config = rf.RadiomicsConfig(classes=("spread",), filters=("original", "cuberoot"))
    row = rf.extract(values, np.ones(values.shape, np.uint8), config).values.iloc[0]
    assert list(row.index) == ["original_spread_Spread", "cuberoot_spread_Spread"]
    assert row["cuberoot_spread_Spread"] == pytest.approx(13)


def test_the_command_runs(parts: ModuleType, tmp_path: Path) -> None:
    study = write_table_phantom(tmp_path / "T", TablePhantom(patients=20, seed=3))
    app = typer.Typer()
    app.command()(parts.cases)
    shown = CliRunner().invoke(app, [str(study)])
    assert shown.exit_code == 0, shown.output
    assert pd.read_csv(study.parent / "cohort.csv")["case_id"][5] in shown.output
